# SPDX-License-Identifier: Apache-2.0
"""The table of docs/models.md holds the figures that tests/nn/test_model_counts.c compares with the library, for every network."""
import re

import source_check

COUNTED = re.compile(r'\{"(\w+)", (\d+), (\d+), (\d+), (\d+), "')
ROW = re.compile(r'^\| `(\w+)` \|[^|]*\|[^|]*\| (\d+|–) \| ([\d,]+) \| ([\d,]+|–) \| (\d+) \|', re.M)


def check(root):
    """Rows as (name, classes, entries, parameters, multiply-adds), 0 where the page has a dash."""
    counted = {tuple([m[0], *map(int, m[1:])]) for m in COUNTED.findall((root / 'tests/nn/test_model_counts.c').read_text())}
    found, named = [], set()
    for name, classes, parameters, macs, entries in ROW.findall((root / 'docs/models.md').read_text()):
        numbers = [int(text.replace(',', '').replace('–', '0')) for text in (classes, entries, parameters, macs)]
        named.add(name)
        if (name, *numbers) not in counted:
            found.append('docs/models.md: %s has other figures than the test: %s' % (name, numbers))
    found += ['docs/models.md: %s is not in the table' % name for name in sorted({row[0] for row in counted} - named)]
    return found


TEST, PAGE = '    {"a", 10, 6, 1234, 56, "x", "y"},\n    {"b", 0, 2, 7, 0, "x", "y"},\n', (
    '| `a` | T | 3x32x32 | 10 | 1,234 | 56 | 6 | |\n', '| `b` | T | 3x32x32 | – | 7 | – | 2 | |\n')
CLEAN = {'tests/nn/test_model_counts.c': TEST, 'docs/models.md': ''.join(PAGE)}
PLANTS = [
    ({'docs/models.md': PAGE[0]}, 'b is not in the table'),
    ({'docs/models.md': PAGE[0].replace('1,234', '1,235') + PAGE[1]}, 'a has other figures'),
    ({'docs/models.md': PAGE[0].replace('56', '57') + PAGE[1]}, 'a has other figures'),
    ({'docs/models.md': PAGE[0] + PAGE[1].replace('| 2 |', '| 3 |')}, 'b has other figures'),
    ({'docs/models.md': PAGE[0].replace('| 10 |', '| 11 |') + PAGE[1]}, 'a has other figures'),
    ({'docs/models.md': ''.join(PAGE) + PAGE[0].replace('`a`', '`c`')}, 'c has other figures'),
]

if __name__ == '__main__':
    source_check.main(check, CLEAN, PLANTS)
