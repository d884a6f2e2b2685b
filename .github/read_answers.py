"""Measure the reader of answers on answers that models gave: `python .github/read_answers.py FILE.jsonl [EARLIER.py ...]`.

A line of the file is an object with `src`, `text`, `options` ({letter: text}) and `label`, the letter that another reader stored beside it
('' unknown, Z no answer). Printed by source: the share that is read, the share that refuses and is not read, the share of the others that
is read, the share that is read otherwise than the label says; for questions whose options are yes and no how many of each stay unread; then the length of the module and the time to
read. EARLIER.py is another version of `bench/answers.py`, `git show REV:vision_opd/bench/answers.py`: the same for it.
"""
import importlib.util, json, sys, time
from collections import defaultdict
from pathlib import Path
ROOT = Path(__file__).parent.parent; sys.path.insert(0, str(ROOT))
from vision_opd.bench import answers

def load(path):
    "Import a version of the module by its path, as a module of the package."
    package = 'vision_opd.bench' if '../../nbs' in Path(path).read_text(encoding='utf-8') else 'vision_opd'
    spec = importlib.util.spec_from_file_location(f'{package}.earlier', path)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
    return module

def measure(reader, rows):
    reader.parse_choice('A', 'ab')                                   # the tables are read once
    start = time.process_time()
    letters = [reader.parse_choice(r['text'], r['options']).letter for r in rows]
    seconds, by, sides = time.process_time() - start, defaultdict(list), defaultdict(list)
    for r,letter in zip(rows, letters):
        label = str(r.get('label') or '')[:1]
        by[r['src']].append((letter, label, letter is None and bool(answers.REFUSE.search(r['text'].replace('’', "'")))))
        yes_no = sorted(str(o).lower() for o in r['options'].values()) == ['no', 'yes']
        if yes_no and label in r['options']: sides[r['options'][label].lower()].append(letter)
    print(f'{"source":<12} {"answers":>8} {"read":>7} {"refused":>8} {"read of the others":>19} {"unequal to label":>17}')
    for src,found in by.items():
        n, read, refused = len(found), sum(letter is not None for letter,*_ in found), sum(no for *_,no in found)
        unequal = sum(bool(letter and label and letter != label) for letter,label,_ in found)/n
        print(f'{src:<12} {n:>8} {read/n:>7.4f} {refused/n:>8.4f} {read/max(1, n - refused):>19.4f} {f"{unequal:.4f}" if any(label for _,label,_ in found) else "-":>17}')
    for side,found in sorted(sides.items()):
        print(f'labeled {side!r}: {found.count(None)} of {len(found)} unread, {found.count(None)/len(found):.4f}')
    lines = [l for l in map(str.strip, Path(reader.__file__).read_text(encoding='utf-8').splitlines()) if l and l[0] != '#']
    print(f'{len(lines)} lines in {Path(reader.__file__).name}, without comments and empty ones; '
          f'{seconds/len(rows)*1e4:.1f} s of one processor for 10,000 answers')

def main(path, *earlier):
    rows = [json.loads(line) for line in Path(path).read_text(encoding='utf-8').splitlines() if line.strip()]
    for reader in [answers, *map(load, earlier)]: measure(reader, rows)

if __name__ == '__main__':
    if len(sys.argv) < 2: sys.exit(__doc__)
    main(*sys.argv[1:])
