# SPDX-License-Identifier: Apache-2.0
"""Reads the public headers: functions, types, constants and their documentation.

The headers follow a narrow style (one declaration a comment, callbacks behind a typedef, no inline code), so a small
reader is enough; what it does not understand raises HeaderError, which fails the build's checks.
"""
import re
from pathlib import Path

STATUSES = ('OK INVALID_ARGUMENT SHAPE DTYPE OUT_OF_MEMORY IO FORMAT NOT_FOUND UNSUPPORTED STATE CANCELLED CALLBACK '
            'INTERNAL').split()
OWNERSHIP = ('new', 'borrowed', 'retained', 'copied')
TAG = re.compile(r'(?<![\w@])@(param\[out\]|param|return|status|thread|since)(?=\s|$)')


class HeaderError(Exception):
    pass


class Documentation:
    """One /** … */ comment: brief, description, tags, code blocks."""

    def __init__(self, comment):
        text = comment[3:-2]
        text = '\n'.join(re.sub(r'^\s*\* ?', '', line) for line in text.split('\n'))
        self.codes = re.findall(r'@code\b(.*?)@endcode\b', text, re.S)
        text = re.sub(r'@code\b.*?@endcode\b', '', text, flags=re.S)
        parts = TAG.split(text)
        body = parts[0].strip()
        paragraphs = re.split(r'\n\s*\n', body)
        self.brief = ' '.join(paragraphs[0].split())
        self.description = [' '.join(p.split()) for p in paragraphs[1:] if p.strip()]
        self.params, self.tags = [], {}
        for tag, value in zip(parts[1::2], parts[2::2]):
            value = ' '.join(value.split())
            if tag.startswith('param'):
                name, _, rest = value.partition(' ')
                self.params.append((name, 'out' if tag.endswith('[out]') else 'in', rest.strip()))
            else:
                self.tags.setdefault(tag, []).append(value)

    def get(self, tag):
        return self.tags.get(tag, [''])[0]

    def statuses(self):
        """Names in @status with the explanations in parentheses taken out, and what is no known name."""
        text = self.get('status')
        while re.search(r'\([^()]*\)', text):
            text = re.sub(r'\([^()]*\)', '', text)
        words = re.findall(r'\b[A-Z][A-Z_]+\b', text)
        return [w for w in words if w in STATUSES], [w for w in words if w not in STATUSES]


class Parameter:
    def __init__(self, text):
        match = re.fullmatch(r'(.*?[\s*])(\w+)\s*((?:\[\w*\])*)', text, re.S)
        if not match:
            raise HeaderError('parameter without a name: ' + text)
        self.type = normal_type(match.group(1))
        self.name = match.group(2)
        if match.group(3):
            self.type = normal_type(self.type + ' *')


class Item:
    """A function, callback, handle, alias or enumeration of a header."""

    def __init__(self, kind, name, doc, line, code):
        self.kind, self.name, self.doc, self.line, self.code = kind, name, doc, line, code
        self.returns, self.parameters, self.constants, self.target, self.nodiscard = '', [], [], '', False


def normal_type(text):
    """`const  kdst_tensor*const *` -> `const kdst_tensor *const *`"""
    text = ' '.join(text.replace('*', ' * ').split())
    text = text.replace('* const', '*const')
    while '* *' in text:
        text = text.replace('* *', '**')
    return text


def split_parameters(text):
    text = text.strip()
    if text in ('', 'void'):
        return []
    return [Parameter(p.strip()) for p in text.split(',')]


def without_preprocessor(text):
    """Blanks directives and what only C++ sees; lines keep their numbers."""
    def blank(match):
        return '\n' * match.group(0).count('\n')
    text = re.sub(r'^#ifdef __cplusplus\n.*?^#endif[^\n]*\n', blank, text, flags=re.S | re.M)
    return re.sub(r'^[ \t]*#(?:[^\n\\]|\\\n|\\.)*\n', blank, text, flags=re.M)


def statements(text):
    """Yields (documentation comment or None, code without comments, line) for each declaration."""
    doc, code, depth, line, start = None, '', 0, 1, 1
    for token in re.findall(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|[{};]|\s+|[^\s{};/"]+|.', text, re.S):
        if token.startswith(('/*', '//')):
            if token.startswith('/**') and not token.startswith('/**<') and not code.strip():
                doc = token
            elif not code.strip():
                doc = None
        else:
            if not code.strip() and token.strip():
                start = line
            code += token
            depth += {'{': 1, '}': -1}.get(token, 0)
            if token == ';' and depth == 0:
                yield doc, ' '.join(code[:-1].split()), start
                doc, code = None, ''
        line += token.count('\n')
    if code.strip():
        raise HeaderError('unfinished declaration: ' + code.strip()[:60])


def parse_enum(code, line):
    item = Item('enum', '', None, line, code)
    following = 0
    for entry in re.search(r'\{(.*)\}', code, re.S).group(1).split(','):
        if not entry.strip():
            continue
        name, _, value = (part.strip() for part in entry.partition('='))
        if not re.fullmatch(r'-?\d+|0x[0-9a-fA-F]+|', value):
            raise HeaderError('constant whose value is no plain number: ' + entry.strip())
        following = int(value, 0) if value else following
        item.constants.append((name, following, bool(value)))
        following += 1
    return item


def parse_statement(doc, code, line):
    documentation = Documentation(doc) if doc else None
    if match := re.fullmatch(r'typedef struct (\w+) (\w+)', code):
        return Item('handle', match.group(2), documentation, line, code)
    if re.match(r'(typedef )?enum\b', code):
        return parse_enum(code, line)
    if match := re.fullmatch(r'typedef (.*?)\(\*(\w+)\)\s*\((.*)\)', code):
        item = Item('callback', match.group(2), documentation, line, code)
        item.returns, item.parameters = normal_type(match.group(1)), split_parameters(match.group(3))
        return item
    if match := re.fullmatch(r'typedef ([\w ]+?) (\w+)', code):
        item = Item('alias', match.group(2), documentation, line, code)
        item.target = match.group(1)
        return item
    if match := re.fullmatch(r'struct (\w+)', code):
        return Item('struct', match.group(1), documentation, line, code)
    attributes = r'(?:KDST_DEPRECATED_FOR\(\w+\)|KDST_API|KDST_NODISCARD)'
    if match := re.fullmatch(r'((?:%s\s*)*)(.*?)\b(\w+)\s*\((.*)\)' % attributes, code):
        item = Item('function', match.group(3), documentation, line, code)
        item.returns, item.parameters = normal_type(match.group(2)), split_parameters(match.group(4))
        item.nodiscard = 'KDST_NODISCARD' in match.group(1)
        return item
    raise HeaderError('line %d: declaration not understood: %s' % (line, code[:100]))


def read_header(path):
    try:
        return [parse_statement(*s) for s in statements(without_preprocessor(Path(path).read_text()))]
    except HeaderError as error:
        raise HeaderError('%s: %s' % (path, error)) from None


def header_order(folder):
    """Headers of the folder, each after those it includes."""
    folder, order = Path(folder), []

    def visit(path):
        if path in order:
            return
        for name in re.findall(r'#\s*include <kdst/([\w/]+\.h)>', path.read_text()):
            if not (folder / name).exists():
                raise HeaderError('%s includes <kdst/%s>, which does not exist' % (path, name))
            visit(folder / name)
        order.append(path)
    for path in sorted(folder.rglob('*.h')):
        visit(path)
    return order


def read_headers(folder):
    """Path -> items. `@status as kdst_x` stands for the statuses of that function as well."""
    headers = {path: read_header(path) for path in header_order(folder)}
    documented = {i.name: i.doc for items in headers.values() for i in items if i.kind == 'function' and i.doc}
    for doc in documented.values():
        other = re.search(r'\bas (kdst_\w+)', doc.get('status'))
        if other and other.group(1) in documented:
            doc.tags['status'] = [doc.get('status') + ', ' + documented[other.group(1)].get('status')]
    return headers
