"""Count how long and how deep the book is, from its files.

    python .github/counts.py                   of the working tree
    python .github/counts.py REV [REV ...] .   of git revisions, `.` the working tree, side by side
    python .github/counts.py --all             and lists: lines by module, first words that are no verb, the functions of an update

An update is traced in a process of its own: one `Trainer.update` of the model that comes with the package (--no-trace leaves it out).
"""
import argparse, ast, io, json, os, re, subprocess, sys, tarfile, tempfile, tokenize
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AFTER = 'evaluation targets regions questions figures cli'.split()                # of the method, what comes after training
FLAT = dict(data='images boxes formats annotations tables sources columns archives inspection census',     # wings of modules that lie flat
            engine='validation loading batching prefix vision sampler distributed checkpoints resuming monitors memory selfcheck families export config_io',
            bench='answers servers judges benchmarks statistics runs reports')
VERBS = set('''accept accumulate activate adapt add adjust adopt advance align allocate allow announce answer append apply ask assemble assert assign attach average
await back balance ban begin bind bound break build bring cache calculate call cap capture cast catch change check choose clamp classify clean clear clip clone
close cluster collate collect color combine compare compile complain complete compose compress compute concatenate configure connect consume continue
convert copy correct count cover create crop cross-tabulate cut deal decide decode decrease decompress deduplicate define defer delete deliver demand derive describe
detach detect determine disable discard display distribute divide do download drag draw drop dump embed empty enable encode end enforce ensure enter
enumerate erase escape estimate evaluate examine exclude execute exit expand explain export extend extract factor fail fall fetch fill filter find
finish fit fix flag flatten flip flush follow fold force forget fork format forward free freeze gather generate get give go grow group guard guess
handle hash hide hold identify ignore import include increase index infer inform initialize insert inspect install interpolate intersect invert
invoke isolate iterate join judge jump keep label launch lay learn leave let lift limit link list listen load locate lock log look lower make map mark
mask match measure merge mirror mix move multiply name normalize note observe offload offer omit open order overlay overwrite pack pad paint pair
parse partition pass paste patch pay permute pick place plan play plot point pool pop post prefer prefix prepare prepend preserve print probe process produce
project prompt propose protect prove provide prune publish pull push put quantize query quote raise rank reach read rebuild recognize recompute record
recover reduce refer refresh refuse register regroup release reload remember remove rename render reorder repack repair repeat replace replay report
represent reproduce request require resample rescale reserve reset reshape resize resolve restore restrict resume retry return reuse reverse rewrite
roll rotate round route run sample save say scale scan score search seed select send separate serialize serve set settle shade shape shard share shift shorten
show shuffle shut sign silence simulate skip slice slide smooth sort split spread stack start state stop store stream strip subtract suggest sum summarize
support swap switch tabulate take teach tell test throw tie time tilt tokenize total trace track train transfer transform translate transpose traverse trim
truncate try turn undo unfold union unite unpack unregister unwrap update upload use validate verify view visit wait walk warn warp watch weigh
weight widen wrap write yield zero zoom adjust backpropagate classify cross-tabulate prefix roll shade silence tabulate'''.split())

# ---- what a tree holds: {path: text} ------------------------------------------------------------------------------------------------
def read_tree(folder):
    "Return (modules by dotted name, notebooks by path below nbs/) of a checkout."
    lib, nbs = folder/'vision_opd', folder/'nbs'
    modules = {'.'.join(p.relative_to(lib).with_suffix('').parts): p.read_text(encoding='utf-8')
               for p in sorted(lib.rglob('*.py')) if p.name[0] != '_' and '__pycache__' not in p.parts}
    notebooks = {p.relative_to(nbs).as_posix(): json.loads(p.read_text(encoding='utf-8'))['cells']
                 for p in sorted(nbs.rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts}
    return modules, notebooks

def check_out(rev, to):
    "Write the files of a git revision to a folder."
    packed = subprocess.run(['git', 'archive', rev], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as t: t.extractall(to, **({'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}))
    return Path(to)

parse = lru_cache(None)(ast.parse)

# ---- modules ------------------------------------------------------------------------------------------------------------------------
def wing_of(module):
    "Name the wing: the folder, or for modules that lie flat the table above."
    if '.' in module: return module.split('.')[0]
    wing = next((w for w,names in FLAT.items() if module in names.split()), 'method')
    return 'method, after training' if module in AFTER else wing

def docstrings(tree):
    "Yield (node, docstring node) of everything that has one."
    for n in ast.walk(tree):
        if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(n): yield n, n.body[0]

def code_lines(text):
    "Count the lines of a module that hold code: (with docstrings, without); blank lines, comments and nbdev's `__all__` are not counted."
    tree, skip = parse(text), (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    span = lambda n: set(range(n.lineno, n.end_lineno+1))
    lines = {i for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in skip for i in range(t.start[0], t.end[0]+1)}
    made = [n for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], 'id', '') == '__all__']
    docs = [d for _,d in docstrings(tree)]
    lines -= set().union(*map(span, made + [d for n,d in docstrings(tree) if isinstance(n, ast.Module)]))
    heads = {n.lineno for n,_ in docstrings(tree) if not isinstance(n, ast.Module)}                # `def f(): "Doc."` is a line of code
    return len(lines), len(lines - set().union(*(span(d) for d in docs if d.lineno not in heads)))

def public_names(text):
    "Return the names that a module exports."
    return next((ast.literal_eval(n.value) for n in parse(text).body if isinstance(n, ast.Assign) and getattr(n.targets[0], 'id', '') == '__all__'), [])

def exported_twice(modules):
    "Return {name: modules} of public names that more than one module exports."
    by = defaultdict(list)
    for m,text in modules.items():
        for n in public_names(text): by[n].append(m)
    return {n: ms for n,ms in by.items() if len(ms) > 1}

def first_word(doc): return re.sub(r'\W+$', '', (doc.split() or [''])[0])

def docs_of(modules):
    "Yield (module, name, docstring, public) of functions and methods; a class says what it is, and needs no verb."
    for m,text in modules.items():
        tree, public = parse(text), set(public_names(text))
        inner = {id(f): c.name for c in ast.walk(tree) if isinstance(c, ast.ClassDef) for f in c.body}
        top = {id(f) for f in tree.body}
        for n,_ in docstrings(tree):
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)):
                patched = id(n) in top and any('patch' in ast.unparse(d) for d in n.decorator_list)
                seen = n.name in public or inner.get(id(n)) in public or patched
                yield m, n.name, ast.get_docstring(n), seen and n.name[0] != '_' and (id(n) in top or id(n) in inner)

def verb_share(modules, public=True):
    "Return (share of docstrings of functions and methods that begin with a verb, (module, name, first words) of the others)."
    docs = [(m, n, d) for m,n,d,seen in docs_of(modules) if seen or not public]
    bad = [(m, n, ' '.join(d.split()[:5])) for m,n,d in docs if first_word(d).lower() not in VERBS]
    return 1 - len(bad)/max(len(docs), 1), bad

def longest_function(modules):
    "Return (lines, name) of the longest function, from its first to its last line."
    return max((n.end_lineno - n.lineno + 1, f'{m}.{n.name}') for m,text in modules.items()
               for n in ast.walk(parse(text)) if isinstance(n, ast.FunctionDef))

# ---- notebooks ----------------------------------------------------------------------------------------------------------------------
def source(cell): return ''.join(cell['source'])

def reading_order(notebooks):
    "Return the chapters in the order of the index's tables; the index itself is not counted."
    text = '\n'.join(l for c in notebooks['index.ipynb'] for l in source(c).splitlines() if l.startswith('|'))
    place = {to: i for i,to in enumerate(re.findall(r'\]\(([\w/]+\.ipynb)\)', text))}
    numbered = [n for n in notebooks if re.match(r'(\w+/)?\d', n)]
    return sorted(numbered, key=lambda n: (place.get(n, 10**6), n))

def calls(nodes):
    "Yield the calls that run when statements are run: those in bodies of functions wait."
    for n in nodes:
        if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Lambda)): continue
        if isinstance(n, ast.Call): yield n
        yield from calls(ast.iter_child_nodes(n))

def first_update(cells):
    "Return the number of the first cell that moves weights: optimizer.step() after backward(), a function that does both, `train(...)`, `Trainer.update()`."
    movers, trainers = {'train'}, set()
    for i,c in enumerate(cells):
        if c['cell_type'] != 'code': continue
        try: tree = ast.parse(re.sub(r'(?m)^\s*[%!].*$', '', source(c)))
        except SyntaxError: continue
        attrs = lambda nodes: {n.func.attr for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
        for n in ast.walk(tree):
            if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) and ast.unparse(n.value.func).endswith('Trainer'):
                trainers |= {ast.unparse(t) for t in n.targets}
        ran = list(calls(tree.body))
        if {'step', 'backward'} <= attrs(ran) or any(isinstance(r.func, ast.Name) and r.func.id in movers for r in ran): return i
        if any(isinstance(r.func, ast.Attribute) and r.func.attr == 'update' and ast.unparse(r.func.value) in trainers for r in ran): return i
        movers |= {f.name for f in tree.body if isinstance(f, ast.FunctionDef) and {'step', 'backward'} <= attrs(ast.walk(f))}

def cells_before_update(notebooks):
    "Return (cells of all kinds before the first that moves weights, its notebook), in the order in which one reads."
    passed = 0
    for name in reading_order(notebooks):
        if (i := first_update(notebooks[name])) is not None: return passed + i, name
        passed += len(notebooks[name])
    return passed, '-'

def has_picture(cells):
    "Tell whether a notebook shows a picture: an output, an image that is no badge, or a drawn diagram."
    shown = any(k.startswith('image/') or 'html' in k and '<svg' in ''.join(v) for c in cells for o in c.get('outputs', ()) for k,v in o.get('data', {}).items())
    text = '\n'.join(source(c) for c in cells if c['cell_type'] == 'markdown')
    return shown or bool(re.search(r'```mermaid|<svg|!\[[^\]]*\]\((?!\S*(colab|kaggle)\.svg)|<img(?![^>]*(colab|kaggle)\.svg)', text))

# ---- one update, traced -------------------------------------------------------------------------------------------------------------
TRACE = r'''
import json, os, sys, tempfile, warnings; warnings.filterwarnings('ignore')
from pathlib import Path
import vision_opd
from vision_opd import tiny, training
from vision_opd.examples import load_examples
lib, here = str(Path(vision_opd.__file__).parent) + os.sep, Path(tempfile.mkdtemp())
tiny.write_scenes(here/'s', 24)
cfg = training.TrainConfig(str(here/'run'), str(tiny.base_dir()), str(here/'s'), max_steps=3, batch_size=4, holdout=8)
run = training.Trainer(cfg, load_examples(cfg.data, verbose=False), training.make_policy(cfg))
run.update()                                                                   # what is done once, caches above all, is not the path
seen, depth, deepest = {}, 0, 0
def look(frame, event, arg):
    global depth, deepest
    code = frame.f_code
    if not code.co_filename.startswith(lib) or code.co_name[0] == '<': return
    if event == 'call':
        depth += 1; deepest = max(deepest, depth)
        seen[code.co_filename[len(lib):-3].replace(os.sep, '.'), getattr(code, 'co_qualname', code.co_name), code.co_firstlineno] = 1
    elif event == 'return': depth -= 1
sys.setprofile(look); run.update(); sys.setprofile(None)
print(json.dumps(dict(functions=[(m, n) for m,n,_ in sorted(seen)], depth=deepest)))
'''

def trace_update(folder):
    "Return the package's own functions that one update calls, and how deep they call each other."
    env = dict(os.environ, PYTHONPATH=str(folder), HF_HUB_OFFLINE='1', OMP_NUM_THREADS='1', TQDM_DISABLE='1')
    out = subprocess.run([sys.executable, '-c', TRACE], env=env, cwd=tempfile.gettempdir(), capture_output=True, text=True)
    if out.returncode: sys.exit(f'The update of {folder} could not be traced:\n{out.stderr[-2000:]}')
    return json.loads(out.stdout.splitlines()[-1])

# ---- the table ----------------------------------------------------------------------------------------------------------------------
def count(folder, trace=True):
    "Return ({what: value}, details) of a checkout."
    modules, notebooks = read_tree(folder)
    lines, shown, details = {m: code_lines(t) for m,t in modules.items()}, {}, {}
    wings = {wing_of(m) for m in modules}
    for w in sorted(wings, key=lambda w: ('method' not in w, w)) + ['all']:
        both = [v for m,v in lines.items() if w in ('all', wing_of(m))]
        shown[f'exported lines, {w}: with docstrings / without'] = ' / '.join(f'{sum(v):,}' for v in zip(*both))
    cells, where = cells_before_update(notebooks)
    shown['cells before the first update'] = f'{cells} ({where})'
    if trace:
        path = trace_update(folder); details['functions of an update'] = ['.'.join(f) for f in path['functions']]
        shown['functions on the path of one update'] = f'{len(path["functions"])} in {len({m for m,_ in path["functions"]})} modules, {path["depth"]} deep'
    names, twice = {m: public_names(t) for m,t in modules.items()}, exported_twice(modules)
    shown['public names'] = f'{sum(map(len, names.values()))} in {len(names)} modules'
    shown['names that two modules export'] = len(twice)
    details['names that two modules export'] = [f'{n}: {", ".join(ms)}' for n,ms in twice.items()]
    for who,public in (('public functions and methods', True), ('all functions', False)):
        share, bad = verb_share(modules, public)
        shown[f'docstrings that begin with a verb, {who}'] = f'{100*share:.1f} % of {sum(p or not public for *_,p in docs_of(modules))}'
        if public: details['public docstrings without a verb'] = [' '.join(b) for b in bad]
    shown['longest function'] = '{} ({})'.format(*longest_function(modules))
    long = max((len(source(c).splitlines()), n, i) for n,cs in notebooks.items() for i,c in enumerate(cs) if c['cell_type'] == 'code')
    shown['longest code cell'] = f'{long[0]} ({long[1]}, cell {long[2]})'
    shown['code cells longer than 60 lines'] = sum(len(source(c).splitlines()) > 60 for cs in notebooks.values() for c in cs if c['cell_type'] == 'code')
    bare = [n for n,cs in notebooks.items() if not has_picture(cs)]
    shown['notebooks without a picture'] = f'{len(bare)} of {len(notebooks)}'
    details['notebooks without a picture'] = bare
    details['module: lines with docstrings, without, public names'] = [f'{m}: {a}, {b}, {len(names[m])} ({wing_of(m)})' for m,(a,b) in lines.items()]
    return shown, details

def main(trees, all=False, trace=True):
    "Print the counts of trees side by side."
    found = []
    for t in trees:
        with tempfile.TemporaryDirectory() as tmp: found.append(count(ROOT if t == '.' else check_out(t, tmp), trace))
    rows = [['', *trees]] + [[k, *(str(f.get(k, '-')) for f,_ in found)] for k in dict.fromkeys(k for f,_ in found for k in f)]
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows: print('  '.join(c.ljust(w) for c,w in zip(r, widths)).rstrip())
    for t,(_,details) in zip(trees, found if all else ()):
        for what,items in details.items(): print(f'\n{t}: {what}', *(f'  {i}' for i in items), sep='\n')

if __name__ == '__main__':
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('trees', nargs='*', default=['.'], metavar='REV'); a.add_argument('--all', action='store_true')
    a.add_argument('--no-trace', dest='trace', action='store_false')
    main(**vars(a.parse_args()))
