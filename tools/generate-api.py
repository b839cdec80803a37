# SPDX-License-Identifier: Apache-2.0
"""Generates what is made from the headers: kdst-api.json and kdst-ffi.h for bindings, the inputs of the ABI checks.

    generate-api.py json HEADERS SCHEMAS   functions, types, constants and option schemas, as JSON
    generate-api.py ffi HEADERS            declarations alone, for ffi.cdef of LuaJIT, cffi and others
    generate-api.py probe HEADERS          C source with an empty body for each function: its debug information is
                                           the public ABI and nothing else
    generate-api.py symbols HEADERS        names of the functions and values of the constants, sorted

HEADERS is the folder include/kdst, SCHEMAS what the program dump-schemas prints. The result goes to standard output.
"""
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from header_reader import OWNERSHIP, read_headers  # noqa: E402


def ownership(text):
    """First word of the documentation's vocabulary; an input that names none is only used during the call."""
    words = re.findall(r'\b(%s)\b' % '|'.join(OWNERSHIP), text)
    return words[0] if words else ''


def parameter(p, doc, names):
    role, text = next(((role, text) for name, role, text in doc.params if name == p.name), ('in', ''))
    entry = {'name': p.name, 'type': p.type, 'role': role, 'nullable': bool(re.search(r'\bnullable\b', text)), 'doc': text}
    if '*' in p.type:
        entry['ownership'] = ownership(text) or 'call'
    elif p.type.endswith('_fn'):  # a registered function is called until the destroy beside it has run
        entry['ownership'] = 'retained' if 'destroy' in names else 'call'
    if length := re.search(r'\[(\w+(?:, \w+)*)\]', text):
        if '*' in p.type:
            entry['shape'] = length.group(1)
    return entry


def function(item):
    doc = item.doc
    entry = {'name': item.name, 'brief': doc.brief, 'returns': item.returns}
    if doc.get('return'):
        entry['return_doc'] = doc.get('return')
    if '*' in item.returns:
        entry['return_ownership'] = ownership(doc.get('return')) or 'static'
    names = [p.name for p in item.parameters]
    entry['parameters'] = [parameter(p, doc, names) for p in item.parameters]
    if item.returns == 'kdst_status':
        entry['statuses'] = doc.statuses()[0]
    entry['thread'] = doc.get('thread')
    entry['since'] = doc.get('since')
    return entry


def enumeration_name(constants, aliases):
    """The alias whose name is the longest prefix of the constants: KDST_MAP_READ belongs to kdst_map_mode."""
    first = constants[0][0].lower()
    def shared(alias):
        words, size = alias.split('_'), 0
        while size < len(words) and first.startswith('_'.join(words[:size + 1]) + '_'):
            size += 1
        return size
    best = max(aliases, key=shared, default='')
    return best if best and shared(best) > 1 else ''


def api(headers, schemas):
    items = [item for group in headers.values() for item in group]
    result = {
        'library': 'kdst',
        'handles': [{'name': i.name, 'doc': i.doc.brief} for i in items if i.kind == 'handle'],
        'aliases': [{'name': i.name, 'type': i.target, 'doc': i.doc.brief} for i in items if i.kind == 'alias'],
        'callbacks': [{'name': i.name, 'returns': i.returns, 'doc': i.doc.brief,
                       'parameters': [{'name': p.name, 'type': p.type} for p in i.parameters]}
                      for i in items if i.kind == 'callback'],
        'enumerations': [], 'functions': [function(i) for i in items if i.kind == 'function'],
        'schemas': schemas}
    for group in headers.values():
        aliases = [i.name for i in group if i.kind == 'alias']
        for item in group:
            if item.kind == 'enum':
                result['enumerations'].append({
                    'type': enumeration_name(item.constants, aliases),
                    'values': [{'name': name, 'value': value} for name, value, _ in item.constants]})
    return layout(result) + '\n'


def layout(value, indent=''):
    """JSON with one line for each innermost object, so that a change shows as one line."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if not any(isinstance(i, (dict, list)) and i for i in inner):
        return json.dumps(value, ensure_ascii=False)
    deeper = indent + ' '
    if isinstance(value, dict):
        lines = [deeper + json.dumps(k) + ': ' + layout(v, deeper) for k, v in value.items()]
        return '{\n' + ',\n'.join(lines) + '\n' + indent + '}'
    return '[\n' + ',\n'.join(deeper + layout(v, deeper) for v in value) + '\n' + indent + ']'


def declaration(item):
    if item.kind == 'enum':
        return 'enum {\n' + ',\n'.join('    %s = %d' % (name, value) for name, value, _ in item.constants) + '\n};'
    if item.kind != 'function':
        return item.code + ';'
    text = ', '.join(p.type + ('' if p.type.endswith('*') else ' ') + p.name for p in item.parameters) or 'void'
    return '%s%s%s(%s);' % (item.returns, '' if item.returns.endswith('*') else ' ', item.name, text)


def ffi(headers):
    lines = ['/* SPDX-License-Identifier: Apache-2.0 */',
             '/* Declarations of libkdst for ffi.cdef, generated from its headers: no macro, no directive. */']
    for path, items in headers.items():
        if items:
            lines += ['', '/* %s */' % path.name] + [declaration(item) for item in items]
    return '\n'.join(lines) + '\n'


def probe(headers):
    lines = ['#include <kdst/%s>' % path.name for path in headers]
    for item in (i for items in headers.values() for i in items if i.kind == 'function'):
        body = ' '.join('(void)%s;' % p.name for p in item.parameters)
        lines.append('%s { %s%s }' % (declaration(item)[:-1], body, '' if item.returns == 'void' else ' return 0;'))
    return '\n'.join(lines) + '\n'


def symbols(headers):
    items = [i for group in headers.values() for i in group]
    constants = [(name, value) for i in items for name, value, _ in i.constants]
    return ('# The public ABI: functions and constants; renewed by tools/renew-abi.sh.\n' +
            ''.join('%s\n' % name for name in sorted(i.name for i in items if i.kind == 'function')) +
            ''.join('%s = %d\n' % constant for constant in sorted(constants)))


def main(arguments):
    if len(arguments) == 3 and arguments[0] == 'json':
        sys.stdout.write(api(read_headers(arguments[1]), json.loads(Path(arguments[2]).read_text())))
    elif len(arguments) == 2 and arguments[0] in ('ffi', 'probe', 'symbols'):
        sys.stdout.write({'ffi': ffi, 'probe': probe, 'symbols': symbols}[arguments[0]](read_headers(arguments[1])))
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main(sys.argv[1:])
