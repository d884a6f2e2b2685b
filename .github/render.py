"""Render the notebooks, with nbdev's processors and nbconvert.

    python .github/render.py             write README.md from nbs/index.ipynb, its pictures to nbs/images/index_*
    python .github/render.py --check     exit 1 when README.md or a picture of it is stale
    python .github/render.py --html DIR  write a page for each notebook, the chapters in order beside it
"""
import argparse, html, os, re, sys
from pathlib import Path
from string import Template
import nbformat
from execnb.nbio import nb2str
from nbconvert import HTMLExporter, MarkdownExporter
from nbdev.config import get_config
from nbdev.process import NBProcessor
from nbdev.processors import filter_stream_, hide_, hide_line, strip_ansi
from pygments.formatters import HtmlFormatter

root = Path(__file__).resolve().parent.parent
nbs, page = root/'nbs', root/'.github/page.html'
skip = r'(```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$)'       # code and mathematics hold no links
link = re.compile(skip + r'|(?P<open>\]\(|(?:src|href)=")(?![a-z]+:|/|#)(?P<to>[^)\s"#]+)', re.S)

def load(path, relink):
    "The notebook at `path` as it is read: without hidden cells and `#|` lines, its relative links through `relink`."
    def moved(m):
        if not m['to']: return m[0]
        to = (path.parent/m['to']).resolve()
        if not to.exists(): sys.exit(f'{path.relative_to(root)} links to {m["to"]}, which is not there: mend the link.')
        return m['open'] + relink(to)
    nb = NBProcessor(path, procs=[strip_ansi, hide_line, filter_stream_, hide_], process=True).nb
    for c in nb.cells:
        if c.directives_.get('echo:') == ['false']: c.metadata['transient'] = {'remove_source': True}
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

def site(out):
    "One page a notebook under `out`: the index, the chapters, the tutorials."
    cfg, files = get_config(path=root), [p for p in nbs.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts]
    files = sorted(files, key=lambda p: (p != nbs/'index.ipynb', len(p.parts), p))
    heads = {p: re.search(r'^# (.+)', '\n'.join(c.source for c in nbformat.read(p, 4).cells), re.M) for p in files}
    names = {p: html.escape(head[1] if head else p.stem) for p,head in heads.items()}
    for p,prev,next in zip(files, [None, *files], [*files[1:], None]):
        def relink(to):
            if to.suffix not in ('.ipynb', '.png', '.jpg', '.svg'):
                return f'{cfg.git_url}/blob/{cfg.branch}/{to.relative_to(root)}'
            return re.sub('ipynb$', 'html', os.path.relpath(to, p.parent))
        def a(to, mark=''): return f'<a href="{relink(to)}"{mark}>{names[to]}</a>' if to else ''
        side = ''.join(a(q, ' aria-current="page"' if q == p else '') for q in files)
        body, _ = HTMLExporter(template_name='basic', embed_images=True).from_notebook_node(
            load(p, relink), {'metadata': {'path': str(p.parent)}})
        dest = (out/p.relative_to(nbs)).with_suffix('.html')
        dest.parent.mkdir(parents=True, exist_ok=True)
        dest.write_text(Template(page.read_text(encoding='utf-8')).substitute(
            title=names[p], css=HtmlFormatter().get_style_defs('.highlight'), side=side, body=body,
            prev=a(prev, ' rel="prev"'), next=a(next, ' rel="next"')), encoding='utf-8')

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
