# SPDX-License-Identifier: Apache-2.0
"""Sums meson's test logs: names what failed or was skipped, then `N passed, N failed, N skipped` alone on a line.

    count_results.py STATUS LOG…      STATUS is what meson test returned: a failure of its own is a failed test
"""
import json
import os
import sys

PASSED = {'OK', 'EXPECTEDFAIL'}


def read_log(path):
    with open(path, encoding='utf-8') as log:
        return [json.loads(line) for line in log if line.strip()]


def main():
    status, tests = int(sys.argv[1]), []
    for path in sys.argv[2:]:
        tests += read_log(path) if os.path.exists(path) else []
    passed = sum(t['result'] in PASSED for t in tests)
    skipped = [t['name'] for t in tests if t['result'] == 'SKIP']
    failed = [t['name'] for t in tests if t['result'] not in PASSED and t['result'] != 'SKIP']
    if not tests:
        failed.append('no test was run')
    elif status and not failed:
        failed.append('meson test returned %d' % status)
    for what, names in (('failed', failed), ('skipped', skipped)):
        for name in names:
            print('%s: %s' % (what, name))
    print('%d passed, %d failed%s' % (passed, len(failed), ', %d skipped' % len(skipped) if skipped else ''))
    sys.exit(1 if failed else 0)


main()
