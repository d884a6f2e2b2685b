"""Train the variants of the method and its controls on the miniature, and write the table of the ablations tutorial.

    python .github/family.py FOLDER                         every row and seed (about a minute a run, on one core)
    python .github/family.py FOLDER --only jsd,sft          these rows alone; several commands may work in one folder at once
    python .github/family.py FOLDER --max_pixels 25600 --only frozen,published,ema_teacher,trust_region,same_view,sft --table reduced
                                                            views of 160 × 160 pixels at most: the crop has more of them than the whole image
    python .github/family.py FOLDER --steps 1 --seeds 1 --scenes 64 --fresh 16 --to OTHER     a small rehearsal

A row is the preset `embedded` with one variant of `vision_opd/presets/variants`; `frozen` has none. All have the same scenes, updates and
learning rate, one thread, and the rules that would stop a bad run are off. FOLDER keeps what is done. The table goes to nbs/traces (--to):
family.csv, a line for each run, and family.json with the command, the versions and the dates (--table gives other names).
"""
import argparse, contextlib, datetime, fcntl, io, json, os, platform, shutil, sys
from importlib.metadata import version
from pathlib import Path
ROOT = Path(__file__).resolve().parent.parent; sys.path.insert(0, str(ROOT))
os.environ.setdefault('OMP_NUM_THREADS', '1')
import pandas as pd
from vision_opd import tiny
from vision_opd.config import preset_options, variants
from vision_opd.crops import get_recipe
from vision_opd.evaluation import perception_gap
from vision_opd.examples import load_examples
from vision_opd.policies import load
from vision_opd.training import TrainConfig, train

MORE = {'eight_prompts': dict(batch_size=8, lr_batch_size=8, num_generations=4), 'four_ids': dict(top_k=4), 'four_ids_teacher': dict(top_k=4, support='teacher'),
        'four_ids_union': dict(top_k=4, support='union'), 'no_frame': dict(recipe='clean')}      # choices without a paper, three seeds
ROWS = {'frozen': {}, **{v: preset_options(v) for v in variants()}, **MORE}

def measure(model, fresh, a):
    "Measure the accuracies of a model folder on fresh scenes: {view: fraction}."
    r = perception_gap(*load(str(model)), fresh, get_recipe('released', max_pixels=a.max_pixels or None), 8)
    return dict(full=float(r.full), crop=float(r.crop))

def run_row(name, seed, a, fresh):
    "Train one row with one seed, unless it is done or another command does it; keep what it reads of fresh scenes."
    at, found, lock = (a.folder/f'{name}-{seed}{end}' for end in ('', '.json', '.lock'))
    with lock.open('w') as mine:
        try: fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError: return
        if found.exists(): return
        train_row(name, seed, a, fresh, at, found)

def train_row(name, seed, a, fresh, at, found):
    "Train one row in the folder `at`, and write what it reads to the file `found`."
    shutil.rmtree(at, ignore_errors=True)   # of a command that was stopped
    options = preset_options('embedded') | dict(max_examples=a.scenes, holdout=1, require_gap=False, monitor=False, warmup_steps=5, max_steps=a.steps, save_steps=a.steps)
    cfg = TrainConfig(**options | dict(output_dir=str(at), model=str(tiny.base_dir()), data=str(a.folder/'scenes'), seed=seed, max_pixels=a.max_pixels) | ROWS[name])
    with contextlib.redirect_stdout(io.StringIO()): result = train(cfg)
    row = dict(row=name, seed=seed, **measure(result.model, fresh, a), date=f'{datetime.date.today()}')
    found.write_text(json.dumps(row)); shutil.rmtree(at)
    print(json.dumps(row), flush=True)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('folder', type=Path)
    p.add_argument('--only', default=','.join(ROWS))
    p.add_argument('--to', type=Path, default=ROOT/'nbs/traces')
    for name,n in dict(seeds=5, steps=100, scenes=1500, fresh=300, max_pixels=0).items(): p.add_argument(f'--{name}', type=int, default=n)
    p.add_argument('--table', default='family')
    a = p.parse_args(); a.folder, names = a.folder.resolve(), a.only.split(',')
    if unknown := [n for n in names if n not in ROWS]: p.error(f'no row is called {", ".join(unknown)}: take {", ".join(ROWS)}')
    for name,n,seed in ('scenes', a.scenes, 0), ('fresh', a.fresh, 7):
        if not (a.folder/name/'train.jsonl').exists(): tiny.write_scenes(a.folder/name, n, seed=seed)
    fresh, a.to = load_examples(a.folder/'fresh', verbose=False), a.to.resolve()
    if not (base := a.folder/'base.json').exists(): base.write_text(json.dumps(measure(tiny.base_dir(), fresh, a)))
    for seed in range(a.seeds):
        for name in names:
            if name not in MORE or seed < 3: run_row(name, seed, a, fresh)
    base, done = json.loads(base.read_text()), [json.loads(f.read_text()) for f in a.folder.glob('*-*.json')]
    table = pd.DataFrame(done).sort_values(['row', 'seed'], key=lambda c: c.map({n: i for i,n in enumerate(ROWS)}) if c.name == 'row' else c)
    table['closed'] = (table.full - base['full'])/(base['crop'] - base['full'])
    a.to.mkdir(parents=True, exist_ok=True)
    table.drop(columns='date').round(4).to_csv(a.to/f'{a.table}.csv', index=False)
    about = dict(command=' '.join(['python .github/family.py FOLDER', *(f'--{k} {getattr(a, k)}' for k in ('max_pixels', 'only', 'table') if getattr(a, k) != p.get_default(k))]), updates=a.steps, scenes=a.scenes, fresh=a.fresh, base=base, dates=sorted({*table.date}),
                 machine='one core of ' + next((l.split(':')[1].strip() for l in open('/proc/cpuinfo') if l.startswith('model name')), platform.processor()),
                 versions={k: version(k) for k in ('torch', 'transformers')})
    (a.to/f'{a.table}.json').write_text(json.dumps(about, indent=1) + '\n')

if __name__ == '__main__': main()
