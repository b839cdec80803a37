# SPDX-License-Identifier: Apache-2.0
"""Every public declaration is documented: one sentence, each parameter, statuses, thread class, since when."""
import re
import sys
from pathlib import Path

import source_check

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
from header_reader import HeaderError, STATUSES, read_headers  # noqa: E402

THREAD = ('any', 'context', 'object')
OWNED = re.compile(r'\b(new|borrowed|static)\b')


def is_output_name(name):
    return name == 'out' or name.startswith('out_')


def check_parameters(item, complain):
    documented = [name for name, _, _ in item.doc.params]
    names = [p.name for p in item.parameters]
    if documented != names:
        complain('@param names are %s, parameters are %s' % (documented, names))
        return
    for parameter, (name, role, text) in zip(item.parameters, item.doc.params):
        if not text:
            complain('@param %s says nothing' % name)
        is_output = is_output_name(name) and '*' in parameter.type
        if is_output != (role == 'out'):
            complain('%s: outputs, and only they, are named out or out_… and marked @param[out]' % name)
        if role == 'out' and parameter.type.endswith('**') and not OWNED.search(text):
            complain('@param[out] %s does not say new, borrowed or static' % name)


def check_result(item, complain):
    known, unknown = item.doc.statuses()
    if item.returns == 'kdst_status':
        if not known:
            complain('no @status')
        if unknown:
            complain('@status names %s; known are %s' % (', '.join(unknown), ', '.join(STATUSES)))
        if not item.nodiscard:
            complain('a status without KDST_NODISCARD')
    elif item.doc.get('status'):
        complain('@status of a function that returns none')
    if item.returns not in ('void', 'kdst_status') and not item.doc.get('return'):
        complain('no @return')
    if '*' in item.returns and not OWNED.search(item.doc.get('return')):
        complain('@return does not say new, borrowed or static')


def check_function(item, complain):
    check_parameters(item, complain)
    check_result(item, complain)
    if item.doc.get('thread') not in THREAD:
        complain('@thread is "%s", known are %s' % (item.doc.get('thread'), ', '.join(THREAD)))
    if not re.fullmatch(r'\d+\.\d+', item.doc.get('since')):
        complain('@since is "%s", not a version' % item.doc.get('since'))


def check(root):
    found = []
    try:
        headers = read_headers(root / 'include' / 'kdst')
    except HeaderError as error:
        return [str(error)]
    for path, items in headers.items():
        for item in items:
            def complain(text, item=item, path=path):
                found.append('%s:%d: %s: %s' % (path.relative_to(root), item.line, item.name, text))
            if item.kind == 'enum':
                continue
            if item.doc is None:
                complain('no documentation comment')
            elif not item.doc.brief.rstrip(')').endswith(('.', '!')):
                complain('the first paragraph is no sentence')
            elif item.kind == 'function':
                check_function(item, complain)
    return found


def header(declaration, *lines):
    comment = '/** ' + '\n *  '.join(lines) + ' */\n' if lines else ''
    return {'include/kdst/a.h': comment + declaration + ';\n'}


F = 'KDST_API KDST_NODISCARD kdst_status kdst_a_create(int32_t kind, kdst_a **out)'
BRIEF, KIND, OUT = 'Makes an a.', '@param kind  1 to 3', '@param[out] out  new'
STATUS, END = '@status INVALID_ARGUMENT (kind (sic) out of range), SHAPE', '@thread context   @since 0.1'
CLEAN = {**header(F, BRIEF, '', KIND, OUT, STATUS, END), 'include/kdst/b.h': '/** A b. */\ntypedef struct kdst_b kdst_b;\n'}
PLANTS = [
    (header(F), 'no documentation comment'),
    (header(F, 'Makes', KIND, OUT, STATUS, END), 'no sentence'),
    (header(F, BRIEF, OUT, STATUS, END), '@param names'),
    (header(F, BRIEF, OUT, KIND, STATUS, END), '@param names'),
    (header(F, BRIEF, '@param kind', OUT, STATUS, END), 'says nothing'),
    (header(F, BRIEF, KIND, '@param out  new', STATUS, END), 'marked @param[out]'),
    (header(F, BRIEF, KIND, '@param[out] out  the a', STATUS, END), 'does not say new'),
    (header(F, BRIEF, KIND, OUT, END), 'no @status'),
    (header(F, BRIEF, KIND, OUT, '@status SHAPES', END), '@status names SHAPES'),
    (header(F, BRIEF, KIND, OUT, STATUS, '@since 0.1'), '@thread is'),
    (header(F, BRIEF, KIND, OUT, STATUS, '@thread some   @since 0.1'), '@thread is'),
    (header(F, BRIEF, KIND, OUT, STATUS, '@thread any'), '@since is'),
    (header(F.replace('KDST_NODISCARD ', ''), BRIEF, KIND, OUT, STATUS, END), 'without KDST_NODISCARD'),
    (header('KDST_API int32_t kdst_a_get(void)', BRIEF, END), 'no @return'),
    (header('KDST_API const char *kdst_a_name(void)', BRIEF, '@return the name', END), '@return does not say'),
    ({'include/kdst/b.h': 'typedef struct kdst_b kdst_b;\n'}, 'no documentation comment'),
    ({'include/kdst/b.h': '#include <kdst/missing.h>\n'}, 'does not exist'),
]

if __name__ == '__main__':
    source_check.main(check, CLEAN, PLANTS)
