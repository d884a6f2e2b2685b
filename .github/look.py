"""Look at the site in a headless Chromium: what runs over the edge, what asks somebody else, which link leads nowhere.

    pip install playwright        (its own browser is not needed)
    python .github/render.py --html _docs && python .github/look.py _docs [--browser /usr/bin/chromium] [--shots DIR]
"""
import argparse, functools, http.server, sys, threading
from pathlib import Path
from urllib.parse import unquote, urlsplit
from playwright.sync_api import sync_playwright

WIDTHS = dict(phone=(390, 844), desktop=(1280, 900))
OVER = "document.documentElement.scrollWidth - innerWidth"
LINKS = "[...document.querySelectorAll('a[href]')].map(a => new URL(a.getAttribute('href'), location).href)"     # of an SVG, too

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

def look(site, browser, shots):
    "Every page at both widths; yields what is wrong."
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here, ids, wanted = f'http://127.0.0.1:{server.server_port}/', {}, set()
    with sync_playwright() as p:
        chrome = p.chromium.launch(executable_path=browser, args=['--no-sandbox'])
        for device,(w,h) in WIDTHS.items():
            page = chrome.new_page(viewport=dict(width=w, height=h)); asked = []
            page.on('request', lambda r: asked.append(r.url)); page.on('pageerror', lambda e: asked.append(f'error {e}'))
            for f in sorted(site.rglob('*.html')):
                name = f.relative_to(site).as_posix(); asked.clear()
                page.goto(here + name, wait_until='load')
                if (over := page.evaluate(OVER)) > 0: yield f'{name} is {over} pixels wider than a {device}'
                yield from (f'{name} asks {u}' for u in asked if not u.startswith((here, 'data:')))
                ids[name] = set(page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
                wanted |= {(name, u[len(here):]) for u in page.evaluate(LINKS) if u.startswith(here)}
                if shots: page.screenshot(path=shots/f'{device}_{name.replace("/", "_")}.png', full_page=False)
        chrome.close()
    server.shutdown()
    for name,u in sorted(wanted):
        to = urlsplit(u)
        if not (site/unquote(to.path)).exists(): yield f'{name} links to {u}, which is not there'
        elif to.fragment and unquote(to.fragment) not in ids.get(to.path, ()): yield f'{name} links to {u}: no such heading'

if __name__ == '__main__':
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('site', type=Path); a.add_argument('--browser', default='/usr/bin/chromium'); a.add_argument('--shots', type=Path)
    a = a.parse_args()
    if a.shots: a.shots.mkdir(parents=True, exist_ok=True)
    wrong = list(look(a.site, a.browser, a.shots))
    print(*wrong, f'{len(wrong)} things to mend', sep='\n')
    sys.exit(bool(wrong))
