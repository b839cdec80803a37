# SPDX-License-Identifier: Apache-2.0
"""Files carry the licence line, stay short, say nothing of work left over and nothing of the machine they came from."""
import re
import source_check

LONGEST = 500
TABLES = {'.def'}
# Spelled in pieces, so that this file does not report itself.
WORK_LEFT = re.compile(r'\b(' + '|'.join(a + b for a, b in (('TO', 'DO'), ('FIX', 'ME'), ('XX', 'X'), ('HA', 'CK'))) + r')\b')
MACHINE = re.compile(r'/(?:' + '|'.join(('ho' + 'me', 'wo' + 'rk', 'ro' + 'ot', 'Us' + 'ers')) + r')/\w')
DEAD = re.compile(r'^\s*#\s*if\s+0\b')
UNLICENSED = {'.md'}
GENERATED = re.compile(r'bindings/kdst-ffi\.h|docs/api\.md|docs/api/\w+\.md')  # as long as the API
VAGUE = {'utils', 'util', 'misc', 'helpers', 'helper', 'common'}


def check_lines(where, suffix, lines):
    found = []
    if len(lines) > LONGEST and suffix not in TABLES and not GENERATED.fullmatch(str(where)):
        found.append('%s: %d lines, more than %d' % (where, len(lines), LONGEST))
    if suffix not in UNLICENSED and not any('SPDX-License-Identifier: Apache-2.0' in line for line in lines[:2]):
        found.append('%s: no SPDX-License-Identifier in the first two lines' % where)
    for number, line in enumerate(lines, 1):
        for pattern, what in ((WORK_LEFT, 'work left over'), (MACHINE, 'path of a machine'), (DEAD, 'dead code')):
            if match := pattern.search(line):
                found.append('%s:%d: %s: %s' % (where, number, what, match.group(0)))
        if line != line.rstrip() and suffix != '.md':
            found.append('%s:%d: trailing white space' % (where, number))
        if '\t' in line:
            found.append('%s:%d: tab' % (where, number))
    return found


def check(root):
    found = []
    for path in source_check.source_files(root):
        where = path.relative_to(root)
        if path.stem in VAGUE and path.suffix in ('.c', '.h'):
            found.append('%s: the name says nothing' % where)
        found += check_lines(where, path.suffix, path.read_text().rstrip('\n').split('\n'))
    return found


LINE = '/* SPDX-License-Identifier: Apache-2.0 */\n'
CLEAN = {'lib/a.c': LINE + 'int a;\n', 'docs/a.md': '# A\n', 'lib/rows.def': LINE + 'ROW(1)\n' * 600,
         'bindings/kdst-ffi.h': LINE + 'int b;\n' * 500}
PLANTS = [
    ({'lib/b.c': 'int b;\n'}, 'lib/b.c: no SPDX'),
    ({'tests/b.py': 'print()\n'}, 'tests/b.py: no SPDX'),
    ({'lib/data/b.c': 'int b;\n'}, 'lib/data/b.c: no SPDX'),
    ({'lib/b.c': LINE + 'int b;\n' * 500}, '501 lines'),
    ({'lib/b.c': LINE + '/* TO' + 'DO */\n'}, 'work left over'),
    ({'docs/b.md': 'FIX' + 'ME\n'}, 'work left over'),
    ({'tools/b.sh': '# SPDX-License-Identifier: Apache-2.0\ncd /ho' + 'me/someone\n'}, 'path of a machine'),
    ({'lib/b.c': LINE + '# if 0\n#endif\n'}, 'dead code'),
    ({'lib/b.c': LINE + 'int b; \n'}, 'trailing white space'),
    ({'lib/b.c': LINE + '\tint b;\n'}, 'tab'),
    ({'lib/utils.c': LINE}, 'says nothing'),
]

if __name__ == '__main__':
    source_check.main(check, CLEAN, PLANTS)
