"""Measure what mined regions, their gates and true boxes are worth on scenes, as chapter 11a reports it.

    python .github/regions_worth.py FOLDER                     everything: the gates of 300 scenes, then every arm and seed
    python .github/regions_worth.py FOLDER --only gates        the gates alone (a quarter of an hour of one core)
    python .github/regions_worth.py FOLDER --only mined,true   these arms alone (about four minutes a run)
    python .github/regions_worth.py FOLDER --scenes 2 --steps 2 --fresh 4 --to OTHER    a small rehearsal that leaves the chapter's files alone

FOLDER keeps what is done, so that a stopped command goes on. Results go to nbs/traces (--to): region_gates.csv, a line for each candidate and
whether it passes each gate, and regions.json, the runs with the command, the versions and the date. Nothing here needs a GPU or a network.
"""
import argparse, contextlib, datetime, io, json, os, random, shutil, sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
ROOT = Path(__file__).resolve().parent.parent; sys.path.insert(0, str(ROOT))
os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np, pandas as pd
from vision_opd import tiny
from vision_opd.config import RegionsOptions
from vision_opd.data.tables import LazyImage
from vision_opd.evaluation import gap_closed, perception_gap
from vision_opd.examples import load_examples
from vision_opd.policies import DualPolicy, load
from vision_opd.questions import LocalAsker, from_template, pass_gates
from vision_opd.regions import Box, mine, random_regions
from vision_opd.training import PRESETS, TrainConfig, load_config, train

QUESTION, GAIN = 'What colour is the shape?', .3
USED = 'gain', 'crop', 'closer', 'blind', 'mean'                          # `gain`: the score of the window is GAIN at least; the others are gates
ARMS = {                                                                  # arm: (scenes, seeds, gates that a mined region passes)
    'mined': (100, 3, USED), 'true': (100, 3, None), 'random': (100, 3, None), 'no gate': (100, 1, ()),
    **{f'without {g}': (100, 1, tuple(k for k in USED if k != g)) for g in USED}, 'and full': (100, 1, (*USED, 'full')),
    'gain .4': (300, 1, USED), 'balanced': (300, 1, USED), '300 scenes': (300, 3, USED)}

def draw(i): return tiny.draw_scene(np.random.default_rng((11, i)), tiny.textures())

def write_photos(folder, n):
    "Write scenes as photographs: images and nothing else."
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        if not (to := folder/f'{i:05}.jpg').exists(): draw(i)[0].save(to, quality=95)
    return sorted(folder.iterdir())[:n]

def ask_gates(photos, out):
    "Mine four regions of each photograph and ask every gate about every one, whatever the other gates say."
    done = pd.read_csv(out, keep_default_na=False).to_dict('records') if out.exists() else []
    asker = LocalAsker(DualPolicy(*load(str(tiny.base_dir())), teacher='live'), max_tokens=8)
    propose, write = mine(asker.policy, QUESTION, 'released', parts=(5.3,)), from_template(QUESTION)
    for photo in photos:
        if any(r['scene'] == photo.name for r in done): continue
        image = LazyImage(photo).decode()
        found, passes = write(photo.name, image, propose(image, photo.name))[0], defaultdict(dict)
        for g in ('crop', 'closer', 'blind', 'mean', 'full', 'unique'):
            pass_gates(photo.name, image, found, asker, RegionsOptions(gates=g), 'released')
            for c in found: passes[c.region.box][g], c.why = not c.why, None
        done += [dict(scene=photo.name, box=' '.join(f'{v:g}' for v in c.region.box), score=c.region.score, answer=c.answer, **passes[c.region.box]) for c in found]
        pd.DataFrame(done).to_csv(out, index=False)
    return pd.read_csv(out, keep_default_na=False)

def rows_of(arm, photos, asked):
    "Return the (photograph, box, question) of an arm, 242 at most but for '300 scenes'."
    scenes, _, gates = ARMS[arm]
    names, chance = [p.name for p in photos[:scenes]], random.Random(0)
    if arm == 'true': found = [(n, tiny.shape_box(s), f'What colour is the {s[3]}?') for n in names for s in draw(int(n[:5]))[1]]
    elif arm == 'random': found = [(n, r.box, QUESTION) for n in names for r in random_regions()(LazyImage(photos[0].parent/n).decode(), n)]
    else:
        rows = asked[asked.scene.isin(names)].assign(gain=asked.score >= (.4 if arm == 'gain .4' else GAIN))
        rows = rows[rows[list(gates)].all(axis=1)]
        if arm == 'balanced':                                             # as many of each answer
            by = rows.groupby('answer')
            rows = pd.concat([g.sample(min(len(g), 242//len(by)), random_state=0) for _,g in by]).sort_index()
        found = [(r.scene, Box(*map(float, r.box.split())), QUESTION) for r in rows.itertuples()]
    return found if arm == '300 scenes' else [found[k] for k in sorted(chance.sample(range(len(found)), min(242, len(found))))]

def measure(model, fresh): return perception_gap(*load(model), fresh, 'released', 8)

def run_arm(arm, seed, rows, work, fresh, steps):
    "Train on the rows of an arm; return what the model reads of fresh scenes, and the share of the gap that is gone."
    run, data, found = work/'runs'/f'{arm} {seed}', work/f'data {arm}', work/'runs'/f'{arm} {seed}.json'
    if found.exists(): return json.loads(found.read_text())
    data.mkdir(exist_ok=True)
    lines = [dict(id=f'{k}', image=str((work/'photos'/n).absolute()), bboxs=[*b], question=q) for k,(n,b,q) in enumerate(rows)]
    (data/'train.jsonl').write_text('\n'.join(map(json.dumps, lines)) + '\n')
    cfg = load_config(PRESETS/'embedded.yaml') | dict(max_examples=None, holdout=1, max_steps=steps, monitor=False, require_gap=False, seed=seed, image_root='/')
    cfg['batch_size'] = min(cfg['batch_size'], len(rows) - 1)             # of a rehearsal
    if not (run/'model').exists():                                        # the last row is held out and not measured
        shutil.rmtree(run, ignore_errors=True)                            # of a run that was stopped
        with contextlib.redirect_stdout(io.StringIO()): train(TrainConfig(str(run), str(tiny.base_dir()), str(data), **cfg))
    before, after = measure(tiny.base_dir(), fresh), measure(run/'model', fresh)
    values = dict(full_before=before.full, crop_before=before.crop, full=after.full, crop=after.crop, gap_closed=gap_closed(before, after))
    done = dict(arm=arm, seed=seed, rows=len(rows) - 1, steps=steps, fresh=len(fresh)) | {k: round(float(v), 4) for k,v in values.items()}
    done |= dict(date=str(datetime.date.today()))
    found.write_text(json.dumps(done))
    return done

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path); parser.add_argument('--only', default=','.join(ARMS)); parser.add_argument('--seeds', default='')
    parser.add_argument('--scenes', type=int, default=300); parser.add_argument('--steps', type=int, default=150); parser.add_argument('--fresh', type=int, default=300)
    parser.add_argument('--to', type=Path, default=ROOT/'nbs'/'traces')
    a = parser.parse_args()
    a.folder.mkdir(parents=True, exist_ok=True); a.to.mkdir(parents=True, exist_ok=True)
    photos = write_photos(a.folder/'photos', a.scenes)
    asked = ask_gates(photos, a.folder/'gates.csv')
    asked.to_csv(a.to/'region_gates.csv', index=False)
    if a.only == 'gates': return
    fresh = load_examples(tiny.write_scenes(a.folder/'fresh', a.fresh, seed=7), verbose=False)
    for arm in a.only.split(','):
        seeds = map(int, a.seeds.split(',')) if a.seeds else range(ARMS[arm][1])
        for seed in seeds: print(run_arm(arm, seed, rows_of(arm, photos, asked), a.folder, fresh, a.steps), flush=True)
    order = [*ARMS]
    runs = sorted((json.loads(p.read_text()) for p in (a.folder/'runs').glob('*.json')), key=lambda r: (order.index(r['arm']), r['seed']))
    about = dict(command='python .github/regions_worth.py FOLDER', machine='two cores, one thread a run',
                 versions={m: version(m) for m in ('torch', 'transformers', 'pillow')}, runs=runs)
    (a.to/'regions.json').write_text(json.dumps(about, indent=1) + '\n')

if __name__ == '__main__': main()
