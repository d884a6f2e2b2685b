"""Run notebooks as tests: `pytest nbs` makes one test of each `##` section, run in order in one shell a notebook.

A cell flagged by one of `tst_flags` in settings.ini runs only when asked (`--flags "slow cuda"`), one marked
`#| eval: false` never. `--save` writes fresh outputs back; a cell that did not run keeps the outputs it has.
A section chosen by name (`-k`) first runs the sections above it, since it reads what they define.
Notebooks can run side by side, `pytest nbs -n 2 --dist loadfile`: each process then computes on its share of the cores.
"""
import json, os, re, traceback
from configparser import ConfigParser
from itertools import dropwhile, takewhile
from pathlib import Path
import pytest

root = Path(__file__).parent.parent
if (workers := os.environ.get('PYTEST_XDIST_WORKER_COUNT')):     # before torch is imported
    os.environ.setdefault('OMP_NUM_THREADS', str(max(1, (os.cpu_count() or 1)//int(workers))))
os.environ.update(HF_HUB_OFFLINE='1', TOKENIZERS_PARALLELISM='false', IN_TEST='1', TQDM_DISABLE='1')

def pytest_addoption(parser):
    parser.addoption('--save', action='store_true', help='write fresh outputs into the notebooks')
    parser.addoption('--flags', default='', help='flags of cells to run that are skipped otherwise')

def pytest_collect_file(parent, file_path):
    if file_path.suffix == '.ipynb' and '.ipynb_checkpoints' not in file_path.parts:
        return Notebook.from_parent(parent, path=file_path)

def directives(src):
    "Names and values of the `#|` lines that open a cell."
    opening = takewhile(lambda l: not l.strip() or re.match(r'\s*#\s*\|', l), src.splitlines())
    return {m[1]: m[2].strip() for l in opening if (m := re.match(r'\s*#\s*\|\s*(\w+):?\s*(.*)', l))}

class Notebook(pytest.File):
    def collect(self):
        self.nb, self.done, self.broken = json.loads(self.path.read_text(encoding='utf-8')), 0, False
        ini = ConfigParser(delimiters=['=']); ini.read(root/'settings.ini', encoding='utf-8')
        self.skip = set(ini['DEFAULT']['tst_flags'].split()) - set(self.config.getoption('flags', '').split())
        cells, starts = self.nb['cells'], {0: 'opening'}
        for i,cell in enumerate(cells):
            head = re.match(r'##\s+(.+)', ''.join(cell['source']))
            if cell['cell_type'] == 'markdown' and head: starts[i] = head[1]
        for n,(start,end) in enumerate(zip(starts, [*starts, len(cells)][1:])):
            if any(map(self.wanted, cells[start:end])):
                yield Section.from_parent(self, name=f'{n:02d} {starts[start]}', end=end)

    def setup(self):
        from execnb.shell import CaptureShell
        os.chdir(self.path.parent)
        self.shell = CaptureShell(self.path, mpl_format='png')
        self.shell.run('import matplotlib.pyplot as _p; _p.rcdefaults(); _p.rcParams["figure.dpi"] = 80')

    def teardown(self):
        self.shell.reset(new_session=False)     # the next notebook needs the memory
        os.chdir(self.config.invocation_params.dir)

    def wanted(self, cell):
        src = ''.join(cell['source'])
        d = directives(src)
        return (cell['cell_type'] == 'code' and bool(src.strip()) and d.get('eval', '').lower() != 'false'
                and not self.skip & d.keys())

    def run(self, cell):
        outs = self.shell.run(''.join(cell['source']))
        if self.shell.exc is not None: raise self.shell.exc
        cell['outputs'] = [json.loads(json.dumps(o)) for o in outs]
        for data in (o['data'] for o in cell['outputs'] if 'data' in o):     # as nbdev_clean leaves pictures
            data |= {k: v.rstrip() for k,v in data.items() if re.match('image/(?!svg)', k) and isinstance(v, str)}

    def save(self):
        text = json.dumps(self.nb, ensure_ascii=False, indent=1, sort_keys=True)
        self.path.write_text(text + '\n', encoding='utf-8')

class Section(pytest.Item):
    def __init__(self, end, **kw): super().__init__(**kw); self.end, self.cell = end, None

    def runtest(self):
        nb = self.parent
        if nb.broken: pytest.skip('an earlier section of this notebook failed')
        todo, nb.done, nb.broken = nb.nb['cells'][nb.done:self.end], self.end, True
        for self.cell in filter(nb.wanted, todo): nb.run(self.cell)
        nb.broken = False
        if self.config.getoption('save', False): nb.save()

    def repr_failure(self, excinfo, style=None):
        "The error, the cell, and the frames from the cell on: those of the runner above it say nothing."
        if self.cell is None: return super().repr_failure(excinfo, style)
        frames = dropwhile(lambda f: not f.filename.startswith('<ipython-input'), traceback.extract_tb(excinfo.tb))
        error = ''.join(traceback.format_exception_only(excinfo.type, excinfo.value))
        return f'{error}in the cell\n\n{"".join(self.cell["source"])}\n\n{"".join(traceback.format_list(list(frames)))}'

    def reportinfo(self): return self.path, None, f'{self.path.stem} › {self.name}'
