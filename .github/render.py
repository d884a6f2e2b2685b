"""Render the notebooks, with nbdev's processors and nbconvert.

    python .github/render.py             write README.md from nbs/index.ipynb, its pictures to nbs/images/index_*
    python .github/render.py --check     exit 1 when README.md or a picture of it is stale
    python .github/render.py --html DIR  write the site: a page a notebook, one of every public name, a search
"""
import argparse, ast, html, json, os, re, shutil, sys
from pathlib import Path
from string import Template
import nbformat
from execnb.nbio import nb2str
from latex2mathml.converter import convert
from nbconvert import HTMLExporter, MarkdownExporter
from nbdev.config import get_config
from nbdev.process import NBProcessor
from nbdev.processors import filter_stream_, hide_, hide_line, strip_ansi
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

root = Path(__file__).resolve().parent.parent
nbs, page, cfg = root/'nbs', root/'.github/page.html', get_config(path=root)
skip = r'(```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$)'       # code and mathematics hold no links
link = re.compile(skip + r'|(?P<open>\]\(|(?:src|href)=")(?![a-z]+:|/|#)(?P<to>[^)\s"#]+)', re.S)

def load(path, relink):
    "The notebook at `path` as it is read: without hidden cells and `#|` lines, its relative links through `relink`."
    def moved(m):
        if not m['to']: return m[0]
        to = (path.parent/m['to']).resolve()
        if not to.exists(): sys.exit(f'{path.relative_to(root)} links to {m["to"]}, which is not there: mend the link.')
        return m['open'] + relink(to)
    own = re.compile(rf'{re.escape(cfg.user)}/{re.escape(cfg.repo)}/blob/{re.escape(cfg.branch)}/([^)\s"]+)')
    nb = NBProcessor(path, procs=[strip_ansi, hide_line, filter_stream_, hide_], process=True).nb
    for c in nb.cells:
        if c.directives_.get('echo:') == ['false']: c.metadata['transient'] = {'remove_source': True}
        for to in own.findall(c.source) if c.cell_type == 'markdown' else ():   # what badges open
            if not (root/to).exists(): sys.exit(f'{path.relative_to(root)} opens {to}, which is not there: mend the badge.')
        if c.cell_type == 'markdown': c.source = link.sub(moved, c.source)
        else: c.source = re.sub(r'\A(\s*#\s*\|.*\n?)+', '', c.source)
    nb.cells = [c for c in nb.cells if c.source.strip() or c.get('outputs')]
    nb.metadata['language_info'] = {'name': 'python', 'pygments_lexer': 'ipython3'}
    return nbformat.reads(nb2str(nb), 4)

def readme():
    "README.md and its pictures: bytes by path from the root."
    nb = load(nbs/'index.ipynb', lambda to: os.path.relpath(to, root))
    text, res = MarkdownExporter().from_notebook_node(nb, {'unique_key': 'index', 'output_files_dir': 'nbs/images'})
    text = re.sub(r'<style.*?</style>\n*', '', text, flags=re.S)      # no style in a README
    text = '<!-- Rendered from nbs/index.ipynb by .github/render.py: edit the notebook. -->\n' + text
    return {'README.md': (re.sub(r'\n([ \t]*\n){2,}', '\n\n', text).rstrip()+'\n').encode(), **res['outputs']}

def mathml(page):
    "The page with its formulas as MathML, which a browser shows without help from elsewhere."
    def one(m):
        if not m['tex']: return m[0]
        try: return convert(html.unescape(m['tex']), display='block' if m['d'] == '$$' else 'inline')
        except Exception as e: sys.exit(f'the formula {m["tex"]} cannot be rendered: {type(e).__name__} {e}')
    return re.sub(r'<pre.*?</pre>|<code.*?</code>|<svg.*?</svg>|(?P<d>\$\$|\$)(?P<tex>[^$]+)(?P=d)', one, page, flags=re.S)

def github_ids(page):
    "The page with the headings' ids as GitHub makes them, in lower case and of words alone, so that a link to one works in both places."
    def one(m): return m[1] + re.sub(r'[^\w-]', '', html.unescape(m[2]).lower()) + '"'
    return re.sub(r'(<h\d[^>]*? id="|href="#)([^"]+)"', one, page)

def signatures(path):
    "(name, source as far as the body) of every public class and function of a module, in order."
    src = path.read_text(encoding='utf-8'); lines, tree = src.splitlines(), ast.parse(src)
    public = next((ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign)
                   and getattr(n.targets[0], 'id', '') == '__all__'), [])
    def head(n):
        first = n.body[0]
        doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        own = [] if isinstance(n, ast.FunctionDef) else [b for b in n.body[doc:] if isinstance(b, ast.AnnAssign)]
        methods = [] if isinstance(n, ast.FunctionDef) else [b for b in n.body if isinstance(b, ast.FunctionDef) and (b.name[0] != '_' or b.name == '__init__')]
        end = max([x.end_lineno for x in [first]*doc + own], default=first.lineno if first.lineno == n.lineno else first.lineno-1)
        start = min([n.lineno] + [d.lineno for d in n.decorator_list])
        return '\n'.join([*lines[start-1:end], *(m for b in methods for m in head(b).splitlines() if b.lineno > end)])
    nodes = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    return [(n, head(nodes[n])) for n in nodes if n in public]

def api():
    "The reference: every public name with its parameters, module by module."
    parts = []
    for path in sorted((root/'vision_opd').glob('[a-z]*.py'), key=lambda p: re.search(r'nbs/(\S+)', p.read_text())[1]):
        nb = re.search(r'File to edit: ../nbs/(\S+).ipynb', path.read_text(encoding='utf-8'))[1]
        parts.append(f'<h2 id="{path.stem}">{path.stem}</h2><p>told in <a href="{nb}.html">{nb}</a></p>')
        parts += [f'<h3 id="{path.stem}.{n}">{n}</h3>{highlight(s, PythonLexer(), HtmlFormatter())}' for n,s in signatures(path)]
    return '<h1 id="Reference">Reference</h1><p>Every public name, with shapes, units and limits.</p>' + '\n'.join(parts)

def sections(url, title, body):
    "What the search finds: [address, title, text] of each part of a page that has a heading."
    text = re.sub(r'<pre.*?</pre>|<math.*?</math>|<style.*?</style>|<img[^>]*>', ' ', body, flags=re.S)
    for m in re.finditer(r'<h[123][^>]*id="([^"]+)"[^>]*>(.*?)</h[123]>(.*?)(?=<h[123]|$)', text, re.S):
        clean = [' '.join(html.unescape(re.sub(r'<[^>]+>', ' ', t)).replace('¶', '').split()) for t in m.groups()[1:]]
        yield [f'{url}#{m[1]}', f'{title} › {clean[0]}', clean[1]]

def in_order(files):
    "The notebooks in the order in which one reads them: the index, the chapters and the tutorials as its tables name them."
    index = nbs/'index.ipynb'
    text = '\n'.join(c.source for c in nbformat.read(index, 4).cells)
    place = {(nbs/to).resolve(): i for i,to in enumerate(re.findall(r'\]\(([\w/]+\.ipynb)\)', text))}   # the last link to it
    if lost := [p.name for p in files if p != index and p not in place]: sys.exit(f'index.ipynb names no {lost[0]}: add it.')
    return sorted(files, key=lambda p: (p != index, len(p.parts), place.get(p)))

def label(p):
    "What stands before a chapter's title in the contents: its number."
    return f'{m[0]} · ' if (m := re.match(r'\d+[a-z]?', p.stem)) else ''

def part(p):
    "The heading that begins a part of the contents, where one begins."
    return {'00_crops': '<b>chapters</b>', 'speed': '<b>beside them</b>', 'quickstart': '<b>tutorials</b>', 'reference': '<b>every name</b>'}.get(p.stem, '')

def site(out):
    "The index, the chapters, the tutorials, the reference, each a page under `out`; and search.js, what the search reads."
    files = in_order([p for p in nbs.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts])
    heads = {p: re.search(r'^# (.+)', '\n'.join(c.source for c in nbformat.read(p, 4).cells), re.M) for p in files}
    names = {p: html.escape(head[1] if head else p.stem) for p,head in heads.items()}
    files.append(ref := nbs/'reference.ipynb'); names[ref] = 'Reference'
    found, style = [], HtmlFormatter().get_style_defs('.highlight')
    for p,prev,next in zip(files, [None, *files], [*files[1:], None]):
        def relink(to):
            if to.suffix not in ('.ipynb', '.png', '.jpg', '.svg'):
                return f'{cfg.git_url}/blob/{cfg.branch}/{to.relative_to(root)}'
            return re.sub('ipynb$', 'html', os.path.relpath(to, p.parent))
        def a(to, mark='', words=''): return f'<a href="{relink(to)}"{mark}>{words}{names[to]}</a>' if to else ''
        side = ''.join(part(q) + a(q, ' aria-current="page"' if q == p else '', label(q)) for q in files)
        body = api() if p == ref else mathml(github_ids(HTMLExporter(template_name='basic', embed_images=True).from_notebook_node(
            load(p, relink), {'metadata': {'path': str(p.parent)}})[0]))
        dest = (out/p.relative_to(nbs)).with_suffix('.html')
        dest.parent.mkdir(parents=True, exist_ok=True)
        dest.write_text(Template(page.read_text(encoding='utf-8')).substitute(title=names[p], css=style, side=side, body=body,
            top=os.path.relpath(nbs, p.parent), prev=a(prev, ' rel="prev"'), next=a(next, ' rel="next"')), encoding='utf-8')
        found += sections(dest.relative_to(out).as_posix(), names[p], body)
    shutil.copytree(nbs/'images', out/'images', dirs_exist_ok=True)   # what nbconvert does not embed, from folders below
    (out/'search.js').write_text(f'const PLACES = {json.dumps(found, ensure_ascii=False)};\n', encoding='utf-8')

if __name__ == '__main__':
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--check', action='store_true'); args.add_argument('--html', type=Path, metavar='DIR')
    args = args.parse_args()
    if args.html: sys.exit(site(args.html))
    new, old = readme(), [p.relative_to(root).as_posix() for p in nbs.glob('images/index_*')]
    stale = [n for n in {*new, *old} if n not in new or not (root/n).exists() or (root/n).read_bytes() != new[n]]
    if args.check and stale: sys.exit(f'{min(stale)} is stale: run python .github/render.py and commit what it writes.')
    for n in stale:
        (root/n).parent.mkdir(exist_ok=True)
        (root/n).write_bytes(new[n]) if n in new else (root/n).unlink()
