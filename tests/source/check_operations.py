# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md has a row for each operation, with the check of its derivative as the gradient test really has it.

    check_operations.py ROOT LIST_OPERATIONS            compares
    check_operations.py --write ROOT LIST_OPERATIONS    renews the last column
    check_operations.py --self-test ROOT LIST_OPERATIONS

A row is `| operation | `kdst_function` | PyTorch | derivative |`. The program LIST_OPERATIONS prints name, number of gradient cases and
the reason where there is no derivative. Functions must stand in a public header.
"""
import re
import subprocess
import sys
from pathlib import Path

ROW = re.compile(r'^\| `(\w+)` \| `(\w+)` \| (.+?) \| ([^|]*) \|$', re.M)


def operations(program):
    rows = (line.split('\t') for line in subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines())
    return {name: (int(cases), reason) for name, cases, reason in rows}


def derivative(cases, reason):
    return 'none: ' + reason if reason else 'differences, %d cases' % cases


def problems(text, ops, headers):
    seen, found = set(), []
    for name, function, torch, what in ROW.findall(text):
        if name in seen:
            found.append('%s: two rows' % name)
        seen.add(name)
        if name not in ops:
            found.append('%s: no such operation' % name)
        elif what != derivative(*ops[name]):
            found.append('%s: "%s" should be "%s"' % (name, what, derivative(*ops[name])))
        if not re.search(r'\b%s\(' % function, headers):
            found.append('%s: no function %s' % (name, function))
    return found + ['%s: no row' % name for name in ops if name not in seen]


def renewed(text, ops):
    def row(match):
        name = match[1]
        what = derivative(*ops[name]) if name in ops else match[4]
        return '| `%s` | `%s` | %s | %s |' % (name, match[2], match[3], what)
    return ROW.sub(row, text)


def self_test(text, ops, headers):
    name, function = next(iter(ops)), ROW.search(text)[2]
    plants = [
        (text.replace('| `%s` |' % name, '| `alchemy` |', 1), 'alchemy: no such operation'),
        (text.replace('| `%s` |' % name, '| `alchemy` |', 1), '%s: no row' % name),
        (re.sub(r'differences, \d+ cases', 'differences, 0 cases', text, count=1), 'should be'),
        (text.replace('`%s`' % function, '`kdst_alchemy`', 1), 'no function kdst_alchemy'),
        (text + ROW.search(text)[0] + '\n', 'two rows'),
    ]
    return ['planted "%s" was not noticed' % wanted for planted, wanted in plants
            if not any(wanted in p for p in problems(planted, ops, headers))]


def main():
    mode, arguments = '', sys.argv[1:]
    if arguments[0].startswith('--'):
        mode = arguments.pop(0)
    root, ops = Path(arguments[0]), operations(arguments[1])
    page = root / 'docs/operations.md'
    text = page.read_text()
    headers = ''.join(h.read_text() for h in sorted((root / 'include/kdst').glob('*.h')))
    if mode == '--write':
        page.write_text(renewed(text, ops))
        return
    found = self_test(text, ops, headers) if mode == '--self-test' else problems(text, ops, headers)
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
