"""Mutation tests: do the chapters fail when the code is wrong?

    python .github/mutants.py                          # every mutant of mutants.tsv that has no result yet
    python .github/mutants.py --only crops monitors    # of these modules or chapters, or mutants by id
    python .github/mutants.py --again                  # those, too, that were not killed the last time
    python .github/mutants.py --again --fresh          # the same, each in a process of its own
    python .github/mutants.py --report                 # the score so far, by module; runs nothing

`mutants.tsv` beside this file has a line for each mutant: its id, the chapter that owns the code, the text as it is, the wrong text
in its place, and what is wrong about it (`\\n` is a line break). A mutant is tried in a copy of the repository: the text is changed in
the exported cell and in the module, and the cells of the chapter run in order until one fails, then its pages of tests (PAGES). A mutant
that no cell notices has survived: nothing asserts what that line is for.

A chapter takes minutes to run, and its cells above the changed one do not depend on the change. So one process runs the unchanged
chapter from top to bottom and forks before each changed cell; the child runs the changed cell and those below it. Each chapter is
also tried with nothing changed, forked at the same place (id `unchanged`): this one must survive, or the others prove nothing. Modules
that the process has imported before stay as they were; with `--fresh` each mutant has a process of its own, and the module is changed
before the first cell. Verdicts: killed (by which cell, with what error), survived, timeout, and lost, where the text is no longer in
the chapter, or in several cells: adapt the line.

Results are written as they come, to `--results`; a run that is interrupted goes on where it was. Needs fork (not Windows).
"""
import argparse, json, os, re, select, shutil, signal, subprocess, sys, tempfile, time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from csv import QUOTE_NONE, DictReader
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 'id', 'chapter', 'verdict', 'seconds', 'where'
CHEAP = 'engine.validation config crops engine.monitors engine.checkpoints divergence rollouts scoring engine.loading policies engine.batching engine.prefix engine.vision engine.memory engine.selfcheck engine.resuming training'.split()     # in this order; the others after them
PAGES = {'08_training': ('engine/08_processes', 'engine/10_faults', 'engine/11_options')}      # run for a mutant that its chapter does not notice

def read_tsv(path):
    "Rows of a table with a header, without quotes; none if there is no file."
    if not Path(path).exists(): return []
    with open(path, encoding='utf-8', newline='') as f: return list(DictReader(f, delimiter='\t', quoting=QUOTE_NONE))

def read_mutants():
    "Rows of mutants.tsv, their texts with line breaks."
    rows = read_tsv(Path(__file__).with_suffix('.tsv'))
    return [r | {k: r[k].replace('\\n', '\n') for k in ('old', 'new')} for r in rows]

def cells_of(chapter): return json.loads((ROOT/f'nbs/{chapter}.ipynb').read_text(encoding='utf-8'))['cells']
def source(cell): return ''.join(cell['source'])

def module_of(chapter):
    "Name of the module that a chapter exports."
    return next(m[1] for c in cells_of(chapter) if (m := re.search(r'#\|\s*default_exp\s+([\w.]+)', source(c))))

def owner(mutant):
    "Index of the one exported cell that holds the old text; None if there is none, or several."
    at = [i for i,c in enumerate(cells_of(mutant['chapter'])) if re.match(r'#\|\s*export', source(c)) and mutant['old'] in source(c)]
    return at[0] if len(at) == 1 else None

def runnable(cells):
    "Indices of the cells that an ordinary test runs."
    from conftest import directives
    from configparser import ConfigParser
    ini = ConfigParser(delimiters=['=']); ini.read(ROOT/'settings.ini', encoding='utf-8')
    skip = {'eval'} | set(ini['DEFAULT']['tst_flags'].split())
    return [i for i,c in enumerate(cells) if c['cell_type'] == 'code' and source(c).strip() and not skip & directives(source(c)).keys()]

def run_cells(shell, cells, at):
    "Run the cells with these indices; 'cell id: error' of the first that fails, else ''."
    for i in at:
        shell.run(source(cells[i]))
        if shell.exc is not None:
            words = ' '.join(str(shell.exc).split())[:150]
            return f'{cells[i].get("id", i)}: {type(shell.exc).__name__} {words}'
    return ''

def run_pages(chapter):
    "Run the pages of tests that belong to a chapter; what failed first, else ''."
    for page in PAGES.get(chapter, ()):
        p = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-x', f'nbs/{page}.ipynb'], capture_output=True, text=True, cwd=ROOT)
        if p.returncode: return next((l[7:150] for l in p.stdout.splitlines() if l.startswith('FAILED')), f'{page} failed')
    return ''

def write_module(mutant, wrong):
    "The module of a mutant's chapter in this copy, wrong or as it was."
    path = ROOT/f'vision_opd/{module_of(mutant["chapter"]).replace(".", "/")}.py'
    right = Path(f'{path}.right')
    if not right.exists(): shutil.copy(path, right)
    text = right.read_text(encoding='utf-8')
    if wrong and mutant['old'] not in text: raise SystemExit(f'{mutant["id"]}: the module has other code than the chapter: run nbdev_export')
    path.write_text(text.replace(mutant['old'], mutant['new']) if wrong else text, encoding='utf-8')

def changed(cells, mutant):
    "The cells, the mutant's own one changed."
    i = mutant['at']
    return cells[:i] + [cells[i] | dict(source=[source(cells[i]).replace(mutant['old'], mutant['new'])])] + cells[i+1:]

def forked(work, limit):
    "(verdict, seconds, where) of `work()`, which gives the first failure or '', in a forked process group of its own."
    tmp = tempfile.gettempdir()
    shutil.copytree(tmp, f'{tmp}.kept', symlinks=True)       # what the chapter has written so far, for those after this one
    start, (get, put) = time.monotonic(), os.pipe()
    if not (pid := os.fork()):
        os.setpgid(0, 0); os.close(get)
        with open(os.devnull, 'w') as null:
            for fd in 1, 2: os.dup2(null.fileno(), fd)
        try: said = work() or 'survived'
        except BaseException as e: said = f'end of the process: {e!r}'
        os.write(put, said.encode()[:4000]); os._exit(0)
    os.close(put)
    done = select.select([get], [], [], limit)[0]
    said = os.read(get, 4000).decode(errors='replace') if done else ''
    os.close(get)
    try: os.killpg(pid, signal.SIGKILL)        # the child, and what it has started
    except ProcessLookupError: pass
    os.waitpid(pid, 0)
    shutil.rmtree(tmp); os.rename(f'{tmp}.kept', tmp)
    verdict = 'timeout' if not done or 'TimeoutExpired' in said else 'survived' if said == 'survived' else 'killed'
    return verdict, round(time.monotonic() - start), '' if said == 'survived' else said or ('' if not done else 'end of the process')

def try_chapter(chapter, ids, limit, fresh):
    "Run a chapter in this copy and print a JSON line for each mutant; runs in a process of its own."
    sys.path.insert(0, str(ROOT/'nbs')); os.chdir((ROOT/'nbs'/chapter).parent)
    from execnb.shell import CaptureShell
    out = os.fdopen(os.dup(1), 'w'); os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    cells, todo = cells_of(chapter), [m | dict(at=owner(m)) for m in read_mutants() if m['id'] in ids]
    todo.sort(key=lambda m: m['at'])
    at, shell = runnable(cells), None
    def begin():
        shell = CaptureShell(ROOT/f'nbs/{chapter}.ipynb', mpl_format='png')
        shell.run('import matplotlib.pyplot as _p; _p.rcdefaults(); _p.rcParams["figure.dpi"] = 80')
        return shell
    def tell(id, verdict, seconds, where): print(json.dumps(dict(zip(COLUMNS, (id, chapter, verdict, seconds, where)))), file=out, flush=True)
    if fresh:
        for m in todo:
            write_module(m, True)
            tell(m['id'], *forked(lambda: run_cells(begin(), changed(cells, m), at) or run_pages(chapter), limit))
            write_module(m, False)
        return
    shell = begin()
    for i in at:
        here = [m for m in todo if m['at'] == i]
        if todo and here and here[0] is todo[0] and 'unchanged' in ids:
            tell('unchanged', *forked(lambda: run_cells(shell, cells, [j for j in at if j >= i]), limit))
        for m in here:
            write_module(m, True)
            tell(m['id'], *forked(lambda: run_cells(shell, changed(cells, m), [j for j in at if j >= i]) or run_pages(chapter), limit))
            write_module(m, False)
        if i >= todo[-1]['at']: return
        if failed := run_cells(shell, cells, [i]): raise SystemExit(f'{chapter} fails without any change: {failed}')

def in_copy(chapter, ids, limit, fresh):
    "Rows of results of a chapter's mutants, tried in a copy of the repository."
    with tempfile.TemporaryDirectory() as tmp:
        files = subprocess.run(['git', 'ls-files', '-z', '-co', '--exclude-standard'], cwd=ROOT, capture_output=True, check=True, text=True).stdout
        for f in filter(None, files.split('\0')):
            if (ROOT/f).is_file(): (Path(tmp)/f).parent.mkdir(parents=True, exist_ok=True); shutil.copy(ROOT/f, Path(tmp)/f)
        (Path(tmp)/'tmp').mkdir()
        env = os.environ | dict(PYTHONPATH=tmp, TMPDIR=f'{tmp}/tmp', PYTHONDONTWRITEBYTECODE='1', HF_HUB_OFFLINE='1', TOKENIZERS_PARALLELISM='false',
                                IN_TEST='1', TQDM_DISABLE='1', OMP_NUM_THREADS=os.environ.get('OMP_NUM_THREADS', '1'))
        args = [sys.executable, f'{tmp}/.github/mutants.py', '--inside', chapter, '--ids', *ids, '--limit', str(limit), *['--fresh']*fresh]
        with subprocess.Popen(args, env=env, stdout=subprocess.PIPE, text=True) as p:
            yield from map(json.loads, p.stdout)
        if p.returncode: print(f'{chapter}: not finished', file=sys.stderr)

def try_mutants(chapter, mutants, limit, fresh, keep):
    "Results of a chapter's mutants, each kept as it comes."
    for r in in_copy(chapter, ['unchanged']*(not fresh) + [m['id'] for m in mutants], limit, fresh):
        keep(r)
        if r['id'] == 'unchanged' and r['verdict'] != 'survived': print(f'{chapter} fails without any change: {r["where"]}', file=sys.stderr)

def report(mutants, results):
    "The score by module, and the mutants that were not killed."
    found = {(r['chapter'], r['id']): r for r in results}
    rows = {m['id']: (m, found.get((m['chapter'], m['id']), dict(verdict='untried', where=''))) for m in mutants}
    for chapter in dict.fromkeys(m['chapter'] for m in mutants):
        n = Counter(r['verdict'] for m,r in rows.values() if m['chapter'] == chapter)
        tried = sum(n.values()) - n['untried'] - n['lost']
        others = [f', {n[k]} {k}' for k in ('survived', 'timeout', 'lost', 'untried') if n[k]]
        print(f'{module_of(chapter):12} {n["killed"]:3} of {tried:3} killed', *others, sep='')
    for id,(m,r) in rows.items():
        if r['verdict'] in ('survived', 'timeout', 'lost'): print(f'{id}: {r["verdict"]}: {m["what"]} {r["where"]}')

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--only', nargs='*', default=[], help='modules, chapters or ids')
    p.add_argument('--again', action='store_true', help='also those tried before that were not killed')
    p.add_argument('--report', action='store_true', help='print the score so far')
    p.add_argument('--jobs', type=int, default=1, help='chapters at a time')
    p.add_argument('--limit', type=float, default=1800, help='seconds for a mutant')
    p.add_argument('--results', default='.mutants.tsv', help='file that results are added to')
    for hidden in '--inside', '--ids': p.add_argument(hidden, nargs='+', default=[], help=argparse.SUPPRESS)
    p.add_argument('--fresh', action='store_true', help='a process for each mutant, its module changed from the start')
    a = p.parse_args()
    if a.inside: return try_chapter(a.inside[0], a.ids, a.limit, a.fresh)
    mutants, done = read_mutants(), {(r['chapter'], r['id']): r for r in read_tsv(a.results)}
    if a.report: return report(mutants, done.values())
    def keep(r):
        new = not Path(a.results).exists()
        with open(a.results, 'a', encoding='utf-8') as f: f.writelines('\t'.join(x) + '\n' for x in [COLUMNS]*new + [[str(r[k]) for k in COLUMNS]])
        print(*[r[k] for k in COLUMNS], flush=True)
    def wanted(m):
        named = not a.only or {m['id'], m['chapter'], m['chapter'].split('_')[0], module_of(m['chapter']), module_of(m['chapter']).split('.')[-1]} & set(a.only)
        old = done.get((m['chapter'], m['id']))
        return named and (not old or (a.again and old['verdict'] != 'killed'))
    todo = {}
    for m in filter(wanted, mutants):
        if owner(m) is None: keep(dict(zip(COLUMNS, (m['id'], m['chapter'], 'lost', 0, 'the old text is in no exported cell, or in several'))))
        else: todo.setdefault(m['chapter'], []).append(m)
    order = sorted(todo, key=lambda c: CHEAP.index(module_of(c)) if module_of(c) in CHEAP else len(CHEAP))
    with ThreadPoolExecutor(a.jobs) as pool: list(pool.map(lambda c: try_mutants(c, todo[c], a.limit, a.fresh, keep), order))
    report(mutants, read_tsv(a.results))

if __name__ == '__main__': main()
