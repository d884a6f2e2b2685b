"""Drive the widgets in a real notebook server: move each control, and see that its picture changes.

    pip install notebook playwright && python .github/widgets.py [--browser /usr/bin/chromium] [--shots DIR]
"""
import argparse, os, secrets, socket, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path
import nbformat
from playwright.sync_api import TimeoutError as Late, sync_playwright

SETUP = '''import pandas as pd
from vision_opd import tiny
from vision_opd.data import inspection
from vision_opd.examples import load_examples
from vision_opd.figures import rollout_explorer, run_comparer, trace
from vision_opd.policies import DualPolicy, load
e = load_examples(tiny.write_scenes('scenes', 4, seed=5), verbose=False)[0]
policy = DualPolicy(*load(tiny.base_dir()))
log = lambda k: pd.DataFrame([dict(step=i, loss=k/(i+1), length=5. + k*i % 3) for i in range(20)])'''
WIDGETS = dict(crop='inspection.explore(e.image, e.box, e.question)',
               rollout="rollout_explorer(trace(policy, e.pair(recipe='released'), max_new_tokens=8))",
               runs="run_comparer(dict(one=log(1), two=log(2)))")

def free():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

def serve(folder, port, token):
    "A notebook server on the loopback address."
    line = [sys.executable, '-m', 'notebook', '--no-browser', '--allow-root', f'--ServerApp.port={port}', '--ServerApp.ip=127.0.0.1',
            f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={folder}']
    server = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | dict(HF_HUB_OFFLINE='1'))
    for _ in range(300):
        try: urllib.request.urlopen(f'http://127.0.0.1:{port}/api?token={token}', timeout=1); return server
        except OSError: time.sleep(.2)
    server.kill(); sys.exit('the notebook server did not start')

def picture(page): return page.locator('.jp-OutputArea-output img.widget-image').first.get_attribute('src')

def changed(page, act, seconds=20):
    "Whether the picture is another one after `act`."
    before = picture(page); act()
    for _ in range(5*seconds):
        if picture(page) != before: return True
        time.sleep(.2)
    return False

def drive(page, name):
    "Move the control of the one widget on the page."
    if name == 'runs': return changed(page, lambda: page.locator('.jp-OutputArea-output select').first.select_option(index=1))
    box = page.locator('.jp-OutputArea-output .noUi-handle').first.bounding_box()
    x, y = box['x'] + box['width']/2, box['y'] + box['height']/2
    def drag():
        page.mouse.move(x, y); page.mouse.down(); page.mouse.move(x+40, y, steps=8); page.mouse.up()
    return changed(page, drag)

def run_all(page, shots=None, tries=4):
    "Run all cells, again if the kernel was not there yet, until there is a picture."
    for _ in range(tries):
        page.get_by_role('menuitem', name='Run', exact=True).click(); page.get_by_text('Run All Cells', exact=True).click()
        try: return page.wait_for_selector('.jp-OutputArea-output img.widget-image', timeout=60_000)
        except Late: pass
    if shots: page.screenshot(path=shots/'widget_missing.png')
    raise SystemExit('no picture appeared: are the widgets of ipywidgets installed beside the server?')

def main(browser, shots):
    "Open a notebook for each widget, run it, drive it."
    folder, token, port = Path(tempfile.mkdtemp()), secrets.token_hex(8), free()
    for name,cell in WIDGETS.items():
        cells = [nbformat.v4.new_code_cell(SETUP), nbformat.v4.new_code_cell(cell)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=dict(kernelspec=dict(name='python3', display_name='python3', language='python'))), folder/f'{name}.ipynb')
    server, bad = serve(folder, port, token), 0
    try:
        with sync_playwright() as p:
            chrome = p.chromium.launch(executable_path=browser, args=['--no-sandbox'])
            for name in WIDGETS:
                page = chrome.new_page(viewport=dict(width=1200, height=1000)); ask = page.locator('.jp-Dialog')
                page.add_locator_handler(ask, lambda: ask.locator('.jp-mod-accept').click())   # which kernel? that one
                page.goto(f'http://127.0.0.1:{port}/notebooks/{name}.ipynb?token={token}')
                page.wait_for_selector('.jp-Cell', timeout=60_000); run_all(page, shots)
                ok = drive(page, name); bad += not ok
                print(f'{name}: {"the picture changed" if ok else "NOTHING changed"}', flush=True)
                if shots: page.screenshot(path=shots/f'widget_{name}.png')
    finally: server.terminate(); server.wait(20)
    return bad

if __name__ == '__main__':
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--browser', default='/usr/bin/chromium'); a.add_argument('--shots', type=Path)
    a = a.parse_args()
    if a.shots: a.shots.mkdir(parents=True, exist_ok=True)
    sys.exit(main(a.browser, a.shots))
