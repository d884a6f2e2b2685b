"""Measure the reader of answers on answers that models gave: `python .github/read_answers.py FILE.jsonl`.

A line of the file is an object with `src`, `text`, `options` ({letter: text}) and `label`, the letter that another reader stored beside it
('' unknown, Z no answer). Printed by source: how many are read, how many are read otherwise than the label says, and for questions
whose options are yes and no how many of each stay unread; then the length of the module and the time to read.
"""
import json, sys, time
from collections import defaultdict
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent.parent))
from vision_opd.bench import answers

def main(path):
    rows = [json.loads(line) for line in Path(path).read_text(encoding='utf-8').splitlines() if line.strip()]
    answers.parse_choice('A', 'ab')                                   # the tables are read once
    start = time.process_time()
    letters = [answers.parse_choice(r['text'], r['options']).letter for r in rows]
    seconds, by, sides = time.process_time() - start, defaultdict(list), defaultdict(list)
    for r,letter in zip(rows, letters):
        label = str(r.get('label') or '')[:1]
        by[r['src']].append((letter, label))
        if sorted(str(o).lower() for o in r['options'].values()) == ['no', 'yes'] and label in r['options']: sides[r['options'][label].lower()].append(letter)
    print(f'{"source":<12} {"answers":>8} {"read":>7} {"unequal to label":>17}')
    for src,pairs in by.items():
        known = any(label for _,label in pairs)
        unequal = sum(bool(letter and label and letter != label) for letter,label in pairs)/len(pairs)
        print(f'{src:<12} {len(pairs):>8} {sum(letter is not None for letter,_ in pairs)/len(pairs):>7.4f} {f"{unequal:.4f}" if known else "-":>17}')
    for side,found in sorted(sides.items()): print(f'labeled {side!r}: {found.count(None)} of {len(found)} unread, {found.count(None)/len(found):.4f}')
    print(f'{len(Path(answers.__file__).read_text(encoding="utf-8").splitlines())} lines in {Path(answers.__file__).name}; '
          f'{seconds/len(rows)*1e4:.1f} s of one processor for 10,000 answers')

if __name__ == '__main__':
    if len(sys.argv) != 2: sys.exit(__doc__)
    main(sys.argv[1])
