# SPDX-License-Identifier: Apache-2.0
"""Runs the golden cases of every network, one process each, since some need minutes and gigabytes.

    run_each.py CONFORMANCE [FOLDER [NAME...]]      status 77 (skipped) without a folder

FOLDER is the meson option model_vectors, or KDST_MODEL_VECTORS in the environment; NAMEs select cases. A line for each case with
its seconds and the most memory it took; the exit status is 1 when one failed.
"""
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def run(program, folder, name):
    start = time.monotonic()
    result = subprocess.run([program, '--only', name, folder], capture_output=True, text=True)
    passed = result.returncode == 0 and result.stdout.endswith('1 passed, 0 failed\n')
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print('%-24s %s  %6.1f s  (at most %d MB until here)' % (
        name, 'passed' if passed else 'FAILED', time.monotonic() - start, most), flush=True)
    if not passed:
        print(result.stdout + result.stderr, flush=True)
    return passed


def main():
    program, given = sys.argv[1], sys.argv[2:]
    folder = (given[0] if given else '') or os.environ.get('KDST_MODEL_VECTORS', '')
    if not folder or not (Path(folder) / 'manifest.json').exists():
        print('golden values of every network: no folder "%s" (meson option model_vectors)' % folder)
        sys.exit(77)
    names = [case['name'] for case in json.loads((Path(folder) / 'manifest.json').read_text())['cases']]
    wanted = given[1:] or names
    unknown = [name for name in wanted if name not in names]
    if unknown:
        sys.exit('no such case: %s' % ', '.join(unknown))
    failed = [name for name in wanted if not run(program, folder, name)]
    print('%d passed, %d failed' % (len(wanted) - len(failed), len(failed)))
    sys.exit(1 if failed else 0)


main()
