# SPDX-License-Identifier: Apache-2.0
"""Signatures use only what every language can bind: fixed-width integers, double, float, text, handles, callbacks.

No bool, long, enum or struct by value, no variadic function, inline code, exported variable or macro a caller needs;
names are kdst_<noun>_<verb>, constants KDST_<NOUN>_<VALUE>; options come after inputs, outputs last.
"""
import re
import sys
from pathlib import Path

import source_check

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
from header_reader import HeaderError, read_headers  # noqa: E402

SCALARS = {'int32_t', 'int64_t', 'uint64_t', 'float', 'double'}
TARGETS = {'char', 'void', 'uint8_t', *SCALARS}
MACROS = re.compile(r'KDST_(API|NODISCARD|DEPRECATED_FOR(\(.*)?|VERSION_(MAJOR|MINOR|PATCH)|\w+_H)')
SYSTEM = {'stdint.h', 'stddef.h'}


def check_type(text, types, result=False):
    """None when a binding can express the type."""
    base = re.sub(r'\*const\b|\bconst\b', ' ', text).replace('*', ' ').split()
    stars = text.count('*')
    if len(base) != 1:
        return 'type "%s"' % text
    base = base[0]
    if stars == 0:
        good = base in SCALARS or types.get(base) in ('alias', 'callback') or (result and base == 'void')
    else:
        good = stars <= 2 and (base in TARGETS or types.get(base) in ('alias', 'handle'))
    return None if good else 'type "%s"' % text


def check_item(item, types, complain):
    if item.kind == 'struct':
        complain('a struct with visible members or without typedef')
    if item.kind == 'alias' and item.target != 'int32_t':
        complain('an enumeration is a typedef of int32_t, not of %s' % item.target)
    for name, _, explicit in item.constants:
        if not re.fullmatch(r'KDST_[A-Z0-9]+(_[A-Z0-9]+)+', name) or name.endswith('_COUNT'):
            complain('constant %s' % name)
        if not explicit:
            complain('constant %s has no explicit value' % name)
    if item.kind not in ('function', 'callback'):
        return
    if item.kind == 'function' and not re.fullmatch(r'kdst_[a-z0-9]+(_[a-z0-9]+)*', item.name):
        complain('name')
    if item.kind == 'function' and not item.code.startswith(('KDST_API', 'KDST_DEPRECATED_FOR')):
        complain('not KDST_API')
    for text in [check_type(item.returns, types, True)] + [check_type(p.type, types) for p in item.parameters]:
        if text:
            complain(text)
    if item.kind == 'callback' and (not item.parameters or item.parameters[0].name != 'user_data'):
        complain('the first argument of a callback is user_data')
    # The size of a buffer to fill follows the buffer.
    outputs = ['*' in p.type and (p.name == 'out' or p.name.startswith('out_'))
               for p in item.parameters if p.name not in ('bytes', 'channels', 'capacity')]
    if outputs != sorted(outputs):
        complain('an output stands before an input')


def check_text(path, where):
    found = []
    for number, line in enumerate(path.read_text().split('\n'), 1):
        if match := re.match(r'\s*#\s*define\s+(\S+)', line):
            if not MACROS.fullmatch(match.group(1)):
                found.append('%s:%d: macro %s' % (where, number, match.group(1)))
        if match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line):
            if match.group(1) == '"' or not (match.group(2) in SYSTEM or match.group(2).startswith('kdst/')):
                found.append('%s:%d: include of %s' % (where, number, match.group(2)))
    return found


def check(root):
    found = []
    try:
        headers = read_headers(root / 'include' / 'kdst')
    except HeaderError as error:
        return [str(error)]
    types = {item.name: item.kind for items in headers.values() for item in items}
    seen = {}
    for path, items in headers.items():
        where = path.relative_to(root)
        found += check_text(path, where)
        for item in items:
            def complain(text, item=item):
                found.append('%s:%d: %s: %s' % (where, item.line, item.name, text))
            check_item(item, types, complain)
            if item.name and item.name in seen:
                complain('declared in %s already' % seen[item.name])
            seen[item.name] = where
    whole = root / 'include' / 'kdst' / 'kdst.h'
    if whole.exists():
        missing = [p.name for p in headers if p != whole and p.parent == whole.parent
                   and '#include <kdst/%s>' % p.name not in whole.read_text()]
        found += ['include/kdst/kdst.h: %s is not included' % name for name in missing]
    else:
        found.append('include/kdst/kdst.h does not exist')
    return found


TYPES = 'typedef struct kdst_a kdst_a;\ntypedef int32_t kdst_kind;\n'
CLEAN = {'include/kdst/kdst.h': '#include <kdst/a.h>\n',
         'include/kdst/a.h': '#ifndef KDST_A_H\n#define KDST_A_H\n#include <stdint.h>\n' + TYPES +
         'enum {\n    KDST_KIND_ONE = 1\n};\ntypedef void (*kdst_done_fn)(void *user_data);\n'
         'KDST_API int32_t kdst_a_get(kdst_a *a, kdst_kind kind, const int64_t *shape, double *out);\n#endif\n'}


def planted(text):
    return {**CLEAN, 'include/kdst/a.h': TYPES + text + '\n'}


PLANTS = [(planted(text), wanted) for text, wanted in [
    ('KDST_API bool kdst_a_get(kdst_a *a);', 'type "bool"'),
    ('KDST_API long kdst_a_get(kdst_a *a);', 'type "long"'),
    ('KDST_API void kdst_a_set(unsigned long value);', 'type "unsigned long"'),
    ('KDST_API void kdst_a_set(kdst_a a);', 'type "kdst_a"'),
    ('KDST_API void kdst_a_set(enum kdst_e e);', 'type "enum kdst_e"'),
    ('KDST_API void kdst_a_set(kdst_b *b);', 'type "kdst_b *"'),
    ('KDST_API void kdst_a_log(const char *format, ...);', 'parameter without a name'),
    ('static inline int32_t kdst_a_get(kdst_a *a) { return 1; }', 'unfinished declaration'),
    ('extern int32_t kdst_level;', 'not understood'),
    ('KDST_API void kdst_aSet(kdst_a *a);', 'name'),
    ('void kdst_a_set(kdst_a *a);', 'not KDST_API'),
    ('KDST_API void kdst_a_set(kdst_a **out, int32_t kind);', 'output stands before'),
    ('typedef void (*kdst_done_fn)(int32_t kind);', 'user_data'),
    ('typedef int64_t kdst_code;', 'typedef of int32_t'),
    ('enum {\n    KDST_KIND_ONE\n};', 'no explicit value'),
    ('enum {\n    KDST_KIND_COUNT = 3\n};', 'constant KDST_KIND_COUNT'),
    ('struct kdst_c {\n    int32_t a;\n};', 'not understood'),
    ('#define KDST_MAX(a, b) a', 'macro KDST_MAX(a,'),
    ('#include <stdbool.h>', 'include of stdbool.h'),
    ('KDST_API void kdst_x(void);\nKDST_API void kdst_x(void);', 'declared in'),
]] + [({'include/kdst/b.h': '\n'}, 'b.h is not included')]

if __name__ == '__main__':
    source_check.main(check, CLEAN, PLANTS)
