"""Render the notebooks, with nbdev's processors and nbconvert.

    python .github/render.py             write README.md from nbs/index.ipynb, its pictures to nbs/images: index_*, way.svg
    python .github/render.py --check     exit 1 when README.md or a picture of it is stale
    python .github/render.py --html DIR  write the site: a page per notebook, one of every option, one of every public name, a search
"""
import argparse, ast, html, json, os, re, shutil, sys
from functools import cache
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
from diagram import draw

root = Path(__file__).resolve().parent.parent
nbs, page, cfg = root/'nbs', root/'.github/page.html', get_config(path=root)
skip = r'(```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$)'       # code and mathematics hold no links
way = re.compile(r'\[?!\[[^\]]*\]\([^)]*images/way\.svg\)(\]\([^)]*\))?')            # the diagram, perhaps as a link
link = re.compile(skip + r'|(?P<open>\]\(|(?:src|href)=")(?![a-z]+:|/|#)(?P<to>[^)\s"#]+)(?:#(?P<at>[^)\s"]*))?', re.S)

def slug(heading):
    "The id that GitHub gives to a heading: in lower case, of words alone."
    return re.sub(r'[^\w-]', '', re.sub(r'[`*]|\]\([^)]*\)', '', heading).strip().lower().replace(' ', '-'))

@cache
def headings(path):
    "The ids of a notebook's headings."
    text = '\n'.join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == 'markdown')
    return {slug(h) for h in re.findall(r'^#+ (.+)', re.sub(r'```.*?```', '', text, flags=re.S), re.M)}

def load(path, relink, inline=False):
    "The notebook at `path` as it is read: without hidden cells and `#|` lines, its relative links through `relink`, a word for the diagram."
    def moved(m):
        if not m['to']: return m[0]
        to = (path.parent/m['to']).resolve()
        if not to.exists() and to.name != 'way.svg': sys.exit(f'{path.relative_to(root)} links to {m["to"]}, which is not there: mend the link.')
        if m['at'] and to.suffix == '.ipynb' and m['at'] not in headings(to):
            sys.exit(f'{path.relative_to(root)} links to {m["to"]}#{m["at"]}, and {to.name} has no such heading: mend the link.')
        return m['open'] + relink(to) + (f'#{m["at"]}' if m['at'] else '')
    own = re.compile(rf'{re.escape(cfg.user)}/{re.escape(cfg.repo)}/blob/{re.escape(cfg.branch)}/([^)\s"]+)')
    nb = NBProcessor(path, procs=[strip_ansi, hide_line, filter_stream_, hide_], process=True).nb
    for c in nb.cells:
        if c.directives_.get('echo:') == ['false']: c.metadata['transient'] = {'remove_source': True}
        for to in own.findall(c.source) if c.cell_type == 'markdown' else ():   # what badges open
            if not (root/to).exists(): sys.exit(f'{path.relative_to(root)} opens {to}, which is not there: mend the badge.')
        if c.cell_type == 'markdown': c.source = link.sub(moved, way.sub('way.svg', c.source) if inline else c.source)
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
    picture = draw(lambda to: os.path.relpath(to, nbs/'images')) + '\n'
    return {'README.md': (re.sub(r'\n([ \t]*\n){2,}', '\n\n', text).rstrip()+'\n').encode(), 'nbs/images/way.svg': picture.encode(), **res['outputs']}

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
    "(name, its first words, source as far as the body) of every public class and function of a module, in order."
    src = path.read_text(encoding='utf-8'); lines, tree = src.splitlines(), ast.parse(src)
    public = next((ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign)
                   and getattr(n.targets[0], 'id', '') == '__all__'), [])
    def head(n):
        first, doc = n.body[0], ast.get_docstring(n) is not None
        own = [] if isinstance(n, ast.FunctionDef) else [b for b in n.body[doc:] if isinstance(b, ast.AnnAssign)]
        methods = [] if isinstance(n, ast.FunctionDef) else [b for b in n.body if isinstance(b, ast.FunctionDef) and (b.name[0] != '_' or b.name == '__init__')]
        end = max([x.end_lineno for x in [first]*doc + own], default=first.lineno if first.lineno == n.lineno else first.lineno-1)
        start = min([n.lineno] + [d.lineno for d in n.decorator_list])
        return '\n'.join([*lines[start-1:end], *(m for b in methods for m in head(b).splitlines() if b.lineno > end)])
    nodes = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    return [(n, ast.get_docstring(nodes[n]) or '', head(nodes[n])) for n in nodes if n in public]

def api(href):
    "The reference: an index of all modules, then every public name with its parameters, module by module."
    index, parts = [], []
    found = {p: re.search(r'File to edit: (?:\.\./)+nbs/(\S+\.ipynb)', p.read_text(encoding='utf-8')) for p in (root/cfg.lib_name).rglob('[a-z]*.py')}
    for path,m in sorted(((p, m[1]) for p,m in found.items() if m), key=lambda x: x[1]):
        name, names = '.'.join(path.relative_to(root/cfg.lib_name).with_suffix('').parts), signatures(path)
        links = ' '.join(f'<a href="#{name}.{n}">{n}</a>' for n,_,_ in names)
        index.append(f'<dt><a href="#{name}">{name}</a></dt><dd>{links}</dd>')
        parts.append(f'<h2 id="{name}">{name}</h2><p>told in <a href="{href(nbs/m)}">{Path(m).stem.replace("_", " ")}</a></p>')
        parts += [f'<h3 id="{name}.{n}">{n}</h3><p hidden>{html.escape(doc)}</p>{highlight(s, PythonLexer(), HtmlFormatter())}' for n,doc,s in names]
    return f'<h1 id="reference">Reference</h1><p>Every public name, with shapes, units and limits, by module.</p><dl class="index">{"".join(index)}</dl>' + '\n'.join(parts)

def options():
    "Every option of a run: name, type, default and help from the fields of `TrainConfig`, by group."
    sys.path.insert(0, str(root))
    from dataclasses import MISSING, fields
    from typing import get_type_hints
    from vision_opd import config
    field, types = {f.name: f for f in fields(config.TrainConfig)}, get_type_hints(config.TrainConfig)
    kind = lambda t: getattr(t, '__name__', str(t)) if '|' not in str(t) else str(t).replace('NoneType', 'none').replace('None', 'none')
    def row(n, help):
        default = '' if field[n].default is MISSING else field[n].default
        return f'<tr id="{n}"><td><code>--{n}</code></td><td>{kind(types[n])}</td><td><code>{html.escape(str(default))}</code></td><td>{html.escape(help)}</td></tr>'
    groups = [f'<h2 id="{slug(g)}">{g}</h2><table><tr><th>option</th><th>type</th><th>default</th><th>what it is</th></tr>{"".join(row(*o) for o in some.items())}</table>'
              for g,some in config.described().items()]
    return ('<h1 id="options">Options</h1><p>Of <code>vision_opd train</code>, in a file for <code>--config</code>, and of <code>TrainConfig</code>; '
            'the other commands share those of data, views, prompt and model.</p>' + ''.join(groups))

def sections(url, title, body):
    "What the search finds: [address, title, text] of each part of a page that has a heading."
    text = re.sub(r'<pre.*?</pre>|<math.*?</math>|<style.*?</style>|<img[^>]*>', ' ', body, flags=re.S)
    for m in re.finditer(r'<h[123][^>]*id="([^"]+)"[^>]*>(.*?)</h[123]>(.*?)(?=<h[123]|$)', text, re.S):
        clean = [' '.join(html.unescape(re.sub(r'<[^>]+>', ' ', t)).replace('¶', '').split()) for t in m.groups()[1:]]
        yield [f'{url}#{m[1]}', f'{title} › {clean[0]}', clean[1]]

PARTS = 'front', 'chapters', 'pages', 'tutorials', 'look up'

def part(p):
    "The part of the contents that a page belongs to: a folder of its own is one."
    if p.stem in ('index', 'options', 'reference'): return 'front' if p.stem == 'index' else 'look up'
    if p.parent != nbs: return p.parent.name
    return 'chapters' if p.stem[0].isdigit() else 'pages'

def in_order(files):
    "The notebooks in the order in which one reads them: part by part, in each as the tables of the index name them."
    index = nbs/'index.ipynb'
    text = '\n'.join(l for c in nbformat.read(index, 4).cells for l in c.source.splitlines() if l.startswith('|'))
    place = {(nbs/to).resolve(): i for i,to in enumerate(re.findall(r'\]\(([\w/]+\.ipynb)\)', text))}
    if lost := [p.name for p in files if p != index and p not in place]: sys.exit(f'no table of index.ipynb names {lost[0]}: add it.')
    rank = lambda p: PARTS.index(part(p)) if part(p) in PARTS else 1.5        # folders of chapters come after the chapters
    return sorted(files, key=lambda p: (rank(p), part(p) if rank(p) == 1.5 else '', place.get(p, 0)))

def subject(p):
    "What the contents call a page: its number and its subject."
    return 'README' if p.stem == 'index' else p.stem.replace('_', ' ')

def outline(body):
    "The contents of a page: links to its sections."
    found = re.findall(r'<h2[^>]*id="([^"]+)"[^>]*>(.*?)(?=<a class="anchor|</h2>)', body, re.S)
    return ''.join(f'<a href="#{i}">{t}</a>' for i,t in found) if len(found) > 1 else ''

def where(p):
    "Links to a page's notebook at GitHub and in Colab."
    if not p.exists(): return ''
    at = f'{cfg.user}/{cfg.repo}/blob/{cfg.branch}/{p.relative_to(root).as_posix()}'
    return f'<a href="https://github.com/{at}">source</a> <a href="https://colab.research.google.com/github/{at}">Colab</a>'

def site(out):
    "The index, the chapters, the pages, the tutorials, options and reference, each a page under `out`; and search.js, what the search reads."
    files = in_order([p for p in nbs.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts])
    heads = {p: re.search(r'^# (.+)', '\n'.join(c.source for c in nbformat.read(p, 4).cells if c.cell_type == 'markdown'), re.M) for p in files}
    names = {p: html.escape(head[1] if head else p.stem) for p,head in heads.items()}
    files += (made := [nbs/'options.ipynb', nbs/'reference.ipynb']); names |= {p: p.stem.capitalize() for p in made}
    found, style = [], HtmlFormatter(style='default').get_style_defs('.highlight') + HtmlFormatter(style='github-dark').get_style_defs('[data-theme=dark] .highlight')
    for p,prev,next in zip(files, [None, *files], [*files[1:], None]):
        def relink(to):
            if to.suffix not in ('.ipynb', '.png', '.jpg', '.svg'):
                return f'{cfg.git_url}/blob/{cfg.branch}/{to.relative_to(root)}'
            return re.sub('ipynb$', 'html', os.path.relpath(to, p.parent))
        def a(to, mark='', words=''): return f'<a href="{relink(to)}" title="{names[to]}"{mark}>{words or names[to]}</a>' if to else ''
        side = ''.join((f'<b>{part(q)}</b>' if part(q) != part(before or files[0]) else '') + a(q, ' aria-current="page"' if q == p else '', subject(q))
                       for before,q in zip([None, *files], files))
        body = {'options': options, 'reference': lambda: api(relink)}[p.stem]() if p in made else mathml(github_ids(
            HTMLExporter(template_name='basic', embed_images=True).from_notebook_node(load(p, relink, inline=True), {'metadata': {'path': str(p.parent)}})[0])).replace('<p>way.svg</p>', draw(relink, page=True))
        dest = (out/p.relative_to(nbs)).with_suffix('.html')
        dest.parent.mkdir(parents=True, exist_ok=True)
        dest.write_text(Template(page.read_text(encoding='utf-8')).substitute(title=names[p], css=style, side=side, body=body, outline=outline(body), where=where(p),
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
