"""The way of the data as a picture whose arrows are links, drawn here and nowhere else: nbs/images/way.svg.

A chapter is found by its module, so a notebook may be renamed. `python .github/render.py` writes the file, the site shows it as part of its pages.
"""
import re
from pathlib import Path

nbs, lib = (Path(__file__).resolve().parent.parent/d for d in ('nbs', 'vision_opd'))
X, Y, W, H = (85, 300, 515), (42, 146, 250), 152, 56
BOXES = dict(data=(0, 0, 'your data', 'image, box, question'), examples=(1, 0, 'examples', 'bad rows set aside'), pair=(2, 0, 'view pair', 'full image | crop'),
             policies=(2, 1, 'two policies', 'one model, two views'), rollouts=(1, 1, 'answers', 'n per prompt, sampled'), states=(0, 1, 'hidden states', 'both read the answers'),
             divergence=(0, 2, 'divergence', 'at every token'), update=(1, 2, 'update', 'student, then teacher'), gap=(2, 2, 'the gap again', 'crop minus full image'))
ARROWS = [('data', 'examples', 'examples'), ('examples', 'pair', 'crops'), ('pair', 'policies', 'policies'), ('policies', 'rollouts', 'rollouts'),
          ('rollouts', 'states', 'scoring'), ('states', 'divergence', 'divergence'), ('divergence', 'update', 'training'), ('update', 'gap', 'evaluation')]
STYLE = {'text': 'font:11px sans-serif;fill:#57606a;text-anchor:middle', '.b': 'fill:#eaf2fb;stroke:#4878a8', '.t': 'font-size:14px;font-weight:bold;fill:#1f2328',
         '.s': 'font-size:11.5px;fill:#1f2328', 'a text': 'fill:#0550ae', 'path': 'fill:none;stroke:#57606a;stroke-width:1.4', '.d': 'stroke-dasharray:4 3', '.h': 'fill:#57606a;stroke:none'}
DARK = {'text': 'fill:#9da7b3', '.b': 'fill:#1c2b3a', '.t': 'fill:#e6edf3', '.s': 'fill:#e6edf3', 'a text': 'fill:#79b8ff', 'path': 'stroke:#9da7b3', '.h': 'fill:#9da7b3;stroke:none'}

def css(rules, before=''): return ''.join(f'{before}#way {k}{{{v}}}' for k,v in rules.items())

def chapter(module):
    "The notebook that a module is exported from."
    found = [re.search(r'File to edit: (?:\.\./)+nbs/(\S+)', p.read_text(encoding='utf-8')) for p in lib.rglob(f'{module}.py')]
    return nbs/found[0][1].rstrip('.')

def arrow(a, b, module, href):
    "An arrow between two boxes, with the number and the name of its chapter beside it."
    (c0, r0, *_), (c1, r1, *_) = BOXES[a], BOXES[b]
    nb = chapter(module); number, name = re.match(r'(\d+[a-z]?)_(.*)', nb.stem).groups()
    if r0 == r1:
        s = 1 if c1 > c0 else -1; x0, x1, y = X[c0] + s*(W/2+2), X[c1] - s*(W/2+3), Y[r0]; x = (x0+x1)/2
        line, head, places = f'M{x0} {y}H{x1-s*6}', f'M{x1} {y}l{-s*8} -4v8z', ((x, y-7), (x, y+15))
    else:
        x, y0, y1 = X[c0], Y[r0] + H/2 + 2, Y[r1] - H/2 - 3; y = (y0+y1)/2
        line, head, places = f'M{x} {y0}V{y1-6}', f'M{x} {y1}l-4 -8h8z', ((x-16, y+3), (x+35, y+3))
    words = ''.join(f'<text x="{u:g}" y="{v:g}"{bold}>{t}</text>' for (u,v),t,bold in zip(places, (number, name.replace('_', ' ')), (' font-weight="bold"', '')))
    return f'<a href="{href(nb)}"><title>{nb.stem}</title><path d="{line}"/><path class="h" d="{head}"/>{words}</a>'

def draw(href, page=False):
    "The picture as SVG on one line; `href` makes the address of a notebook; in a page, the page says whether it is dark."
    boxes = ''.join(f'<rect class="b" x="{X[c]-W/2:g}" y="{Y[r]-H/2:g}" width="{W}" height="{H}" rx="8"/><text class="t" x="{X[c]}" y="{Y[r]-4}">{t}</text>'
                    f'<text class="s" x="{X[c]}" y="{Y[r]+15}">{s}</text>' for c,r,t,s in BOXES.values())
    x, y = X[1] + W/2 - 20, Y[2] - H/2 - 2      # the weights go back
    back = f'<path class="d" d="M{x} {y}C{x} {y-26} {X[2]-20} {y-12} {X[2]-20} {Y[1]+H/2+8}"/><path class="h" d="M{X[2]-20} {Y[1]+H/2+2}l-4 8h8z"/>'
    dark = css(DARK, '[data-theme=dark] ') if page else f'@media(prefers-color-scheme:dark){{{css(DARK)}}}'
    return (f'<svg id="way" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 292" width="600" role="img" aria-label="The way of the data"><style>{css(STYLE)}{dark}</style>'
            + boxes + ''.join(arrow(*a, href) for a in ARROWS) + back + '</svg>')
