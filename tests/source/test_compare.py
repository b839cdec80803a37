# SPDX-License-Identifier: Apache-2.0
"""bench/compare.py on records that are made up: what it calls slower, faster and the same, and its exit status.

    test_compare.py ROOT
"""
import contextlib
import importlib.util
import io
import json
import random
import sys
import tempfile
from pathlib import Path

FIELDS = {'threads': 1, 'level': 'avx2', 'min_ms': 1.0, 'runs': 20}


def load(root):
    spec = importlib.util.spec_from_file_location('compare', Path(root) / 'bench/compare.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def records(case, values, metric='median_ms', **more):
    return ''.join(json.dumps({'case': case, **FIELDS, metric: value, **more}) + '\n' for value in values)


def run(compare, before, after, *arguments):
    """(exit status, what it printed)."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ('before.jsonl', 'after.jsonl')]
        for path, text in zip(paths, (before, after)):
            path.write_text(text)
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = compare.main([*map(str, paths), *arguments])
        return status, out.getvalue()


QUIET = [10.0, 10.02, 9.98, 10.01, 9.99]
NOISY = [10.0, 12.5, 8.9, 11.2, 9.6]


def scaled(values, factor):
    return [factor * v for v in values]


# before, after, arguments, status, text in the output
CASES = [
    (records('a', QUIET), records('a', QUIET), (), 0, 'same'),
    (records('a', QUIET), records('a', scaled(QUIET, 1.05)), (), 1, 'slower'),
    (records('a', QUIET), records('a', scaled(QUIET, 0.95)), (), 0, 'faster'),
    (records('a', QUIET), records('a', scaled(QUIET, 1.01)), (), 0, 'same'),  # less than the least change
    (records('a', QUIET), records('a', scaled(QUIET, 1.05)), ('--least', '10'), 0, 'same'),
    (records('a', NOISY), records('a', scaled(NOISY, 1.05)), (), 0, 'same'),  # within the noise
    (records('a', QUIET), records('a', NOISY[1:] + [13.0]), (), 0, 'same'),  # the noise of either run counts
    (records('a', NOISY), records('a', scaled(NOISY, 3)), (), 1, 'slower'),
    (records('a', QUIET + [30.0]), records('a', QUIET), (), 0, 'same'),  # an outlier is no noise
    (records('a', QUIET) + records('b', QUIET), records('b', scaled(QUIET, 2)) + records('a', QUIET), (), 1,
     'ratio  2.000'),
    (records('a', QUIET[:2]), records('a', QUIET), (), 2, 'too few runs'),
    (records('a', QUIET), records('b', QUIET), (), 2, 'not in the new run'),
    (records('a', QUIET), records('a', QUIET) + records('b', QUIET), (), 0, 'not in the saved run'),
    (records('a', QUIET), records('a', scaled(QUIET, 2), threads=2), (), 2, 'not in the new run'),
    (records('a', QUIET), records('a', scaled(QUIET, 2), level='avx512'), (), 2, 'not in the new run'),
    (records('a', [400.0] * 3, 'memory_mb'), records('a', [300.0] * 3, 'memory_mb'), (), 0, 'smaller'),
    (records('a', [300.0] * 3, 'memory_mb'), records('a', [400.0] * 3, 'memory_mb'), (), 1, 'larger'),
    (records('a', [0.0] * 3, 'memory_mb'), records('a', [4.0] * 3, 'memory_mb'), (), 1, 'larger'),
    (records('a', [0.0] * 3, 'memory_mb'), records('a', [0.0] * 3, 'memory_mb'), (), 0, 'same'),
    (records('a', QUIET), 'no json\n', (), 2, 'after.jsonl:1'),
    (records('a', QUIET), '{"case": "a"}\n', (), 2, 'after.jsonl:1'),
    ('', '', (), 2, 'no case'),
]


def check_false_alarms(compare):
    """Of 400 comparisons by chance alone at most 2 % are judged to differ; a real tenth is seen in most."""
    source = random.Random(5)
    alarms = seen = 0
    for _ in range(400):
        before, after = ([source.gauss(10, 0.3) for _ in range(10)] for _ in range(2))
        alarms += compare.judge(before, after, 0.0, ('slower', 'faster'))[2] != 'same'
        seen += compare.judge(before, scaled(after, 1.1), 0.0, ('slower', 'faster'))[2] == 'slower'
    return ['%d false alarms, %d of 400 seen' % (alarms, seen)] if alarms > 8 or seen < 300 else []


def main():
    compare = load(sys.argv[1])
    failures = check_false_alarms(compare)
    for before, after, arguments, status, text in CASES:
        got, printed = run(compare, before, after, *arguments)
        if got != status or text not in printed:
            failures.append('expected %d and %r, got %d:\n%s' % (status, text, got, printed))
    print(*failures, sep='\n')
    print('%d cases, %d failures' % (len(CASES) + 1, len(failures)))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
