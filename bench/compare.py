#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges a run of kdst-bench against a saved one, beyond what repetition alone changes.

    for i in 1 2 3 4 5; do build/bench/kdst-bench --threads 1 --json; done > before.jsonl
    …
    bench/compare.py before.jsonl after.jsonl [--least PERCENT]

Both files hold records of several runs of the program, at least 3 of each case; the two programs may run by turns.
A case is a name with threads, level and what is measured. Its ratio is that of the medians, after to before. The noise
band is the half width of the 99 % interval of that ratio: the medians' standard errors, each from the median absolute
deviation of its runs, times Student's quantile for so few runs; never less than --least (default 2 %). A ratio beyond
the band is slower or faster (memory: larger or smaller).

Exit status: 0 nothing got worse, 1 something did, 2 there is nothing to judge. Python's standard library is enough.
"""
import argparse
import json
import math
import statistics
import sys

FEWEST = 3
METRICS = {'median_ms': ('slower', 'faster'), 'memory_mb': ('larger', 'smaller')}
QUANTILE = 2.5758  # of the normal distribution, two-sided 99 %


class Unusable(Exception):
    """Input that cannot be judged."""


def read(path):
    """(case, threads, level, metric) -> values, in the order of the file."""
    found = {}
    with open(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                name = (record['case'], record['threads'], record.get('level', record.get('setup', '')))
                values = {m: float(record[m]) for m in METRICS if m in record}
            except (ValueError, KeyError, TypeError) as error:
                raise Unusable('%s:%d: no record of kdst-bench (%s)' % (path, number, error))
            for metric, value in values.items():
                found.setdefault((*name, metric), []).append(value)
    return found


def student_quantile(freedom):
    """Student's 99 % quantile (Cornish-Fisher expansion; within 4 % from 4 degrees of freedom on)."""
    z, v = QUANTILE, freedom
    return z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2) + \
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)


def relative_error(values):
    """Standard error of the median, as a part of it."""
    n, middle = len(values), statistics.median(values)
    deviation = statistics.median(abs(v - middle) for v in values)
    spread = 1.4826 * deviation * n / (n - 0.8)  # of a normal distribution, with the correction for small n
    return 1.2533 * spread / math.sqrt(n) / middle if middle > 0 else 0.0


def judge(before, after, least, words):
    """(ratio, band, verdict) of two lists of values."""
    old, new = statistics.median(before), statistics.median(after)
    if len(before) < FEWEST or len(after) < FEWEST:
        return (new / old if old > 0 else math.nan), math.nan, 'too few runs'
    if old <= 0 or new <= 0:
        return math.nan, math.nan, 'same' if new <= old else words[0]
    error = math.hypot(relative_error(before), relative_error(after))
    band = max(least, student_quantile(len(before) + len(after) - 2) * error)
    change = math.log(new / old)
    verdict = words[0] if change > math.log1p(band) else words[1] if change < -math.log1p(band) else 'same'
    return new / old, band, verdict


def compare(before, after, least):
    """Rows for a table: (key, old median, new median, ratio, band, verdict)."""
    rows = []
    for key in [*before, *(k for k in after if k not in before)]:
        if key not in after or key not in before:
            medians = [statistics.median(f[key]) if key in f else math.nan for f in (before, after)]
            missing = 'new' if key in before else 'saved'
            rows.append((key, *medians, math.nan, math.nan, 'not in the %s run' % missing))
            continue
        old, new = before[key], after[key]
        rows.append((key, statistics.median(old), statistics.median(new), *judge(old, new, least, METRICS[key[3]])))
    return rows


def main(arguments=None):
    parser = argparse.ArgumentParser(description='Judges a run of kdst-bench against a saved one.')
    parser.add_argument('before')
    parser.add_argument('after')
    parser.add_argument('--least', type=float, default=2, metavar='PERCENT',
                        help='changes up to this are the same (default 2)')
    options = parser.parse_args(arguments)
    try:
        rows = compare(read(options.before), read(options.after), options.least / 100)
    except (Unusable, OSError) as error:
        print('compare.py: %s' % error, file=sys.stderr)
        return 2
    for (case, threads, level, metric), old, new, ratio, band, verdict in rows:
        print('%-32s %s threads  %-14s %10.3f -> %10.3f %s  ratio %6.3f  noise %5.1f %%  %s' %
              (case, threads, level, old, new, metric.rsplit('_', 1)[1], ratio, 100 * band, verdict))
    judged = [row[-1] for row in rows if row[-1] in ('same', 'slower', 'faster', 'larger', 'smaller')]
    if not judged:
        print('compare.py: no case has %d runs in both files' % FEWEST, file=sys.stderr)
        return 2
    return 1 if {'slower', 'larger'} & set(judged) else 0


if __name__ == '__main__':
    sys.exit(main())
