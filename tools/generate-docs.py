# SPDX-License-Identifier: Apache-2.0
"""Generates the API reference, docs/api.md and docs/api/<topic>.md, from the public headers and the option schemas.

    generate-docs.py HEADERS SCHEMAS DOCS      writes DOCS/api.md and the pages of DOCS/api; removes pages without a header

HEADERS is the folder include/kdst, SCHEMAS what the program dump-schemas prints. tools/renew-api.sh calls it;
tests/source/check_reference.py compares the result with what is committed.
"""
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from header_reader import read_headers  # noqa: E402

INTRODUCTION = """# API reference

Generated from the headers by tools/generate-docs.py; the headers in `include/kdst` say the same.

- **Status.** Every fallible function returns a [`kdst_status`](api/status.md#kdst_status). After a failure `kdst_context_message`
  says why, `*out` is NULL and inputs are as they were. The statuses of a function are listed with their causes.
- **Ownership.** *new*: a reference of yours, to be released. *borrowed*: not yours, until when is said. *retained*: the callee
  takes a reference of its own. *copied*: may be changed or freed after the call. An input that names none of these is used during
  the call alone.
- **Threads.** *any*: from any thread at any time. *context*: one thread at a time for each context. *object*: one thread at a time
  for each object.
- **Options.** Where a function takes `kdst_options`, NULL means the defaults. Its table gives name, type, default and bounds, and
  where a preset has another default that one after its name."""


def escape(text):
    """Text for a Markdown paragraph or table cell: nothing in it is markup, names of the API are code."""
    text = re.sub(r'([\\*<|])', r'\\\1', text)
    text = re.sub(r'(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])', r'\\_', text)
    text = re.sub(r'\[([^\[\]]*)\]\(', r'\\[\1](', text)
    return re.sub(r'\b(kdst_\w+)(\(\))?', r'`\1`', text)


def linked(text, pages, here):
    """The same, with links to the functions and types that are named."""
    def link(match):
        name = match.group(1)
        page = pages.get(name)
        if page is None:
            return match.group(0)
        return '[`%s`](%s#%s)' % (name, '' if page == here else page, name)
    return re.sub(r'`(kdst_\w+)`', link, escape(text))


def head_comment(path):
    """Text of the second comment of a header, as paragraphs."""
    text = re.findall(r'/\*(?!\*).*?\*/', path.read_text(), re.S)[1][2:-2]
    text = '\n'.join(re.sub(r'^\s*\* ?', '', line) for line in text.split('\n'))
    return [' '.join(p.split()) for p in re.split(r'\n\s*\n', text) if p.strip()]


def constant_texts(path):
    return dict(re.findall(r'(KDST_\w+) = [^,/]+,?\s*/\*\*< (.*?) \*/', path.read_text()))


def prototype(item):
    """The declaration, cut into lines of up to 110 columns."""
    head = item.returns + ('' if item.returns.endswith('*') else ' ') + item.name + '('
    if item.kind == 'callback':
        head = 'typedef %s%s(*%s)(' % (item.returns, '' if item.returns.endswith('*') else ' ', item.name)
    words = [p.type + ('' if p.type.endswith('*') else ' ') + p.name for p in item.parameters] or ['void']
    if len(head + ', '.join(words)) + 2 <= 110:
        return head + ', '.join(words) + ');'
    lines = ['']
    for word in [w + ', ' for w in words[:-1]] + [words[-1] + ');']:
        if len(lines[-1]) + len(word) > 104:
            lines.append('')
        lines[-1] += word
    return '\n'.join([head] + ['    ' + line.rstrip() for line in lines])


def bounds(option):
    if option['choices']:
        return ', '.join('`%s`' % c for c in option['choices'].split('|'))
    if option['type'] == 'string':
        return 'any text'
    low, high = (None if bound is not None and abs(bound) > 1e308 else bound for bound in (option['min'], option['max']))
    if option['type'] == 'int' and (low, high) == (0, 1):
        return '0 or 1'
    if low is None and high is None:
        return 'any'
    below = '' if low is None else ('at least %.15g' if option['min_allowed'] else 'above %.15g') % low
    above = '' if high is None else ('at most %.15g' if option['max_allowed'] else 'below %.15g') % high
    if low is not None and high is not None and option['min_allowed'] and option['max_allowed']:
        return '%.15g to %.15g' % (low, high)
    return ', '.join(part for part in (below, above) if part)


def length(option):
    """How many values a list takes."""
    count = option['count']
    return '' if count == 1 else ', up to %d' % -count if count < 0 else ', one for all or %d' % count


def fallback(option):
    """The default, and what presets replace it with."""
    text = '`%s`' % option['default'] if option['default'] else 'none'
    other = ['`%s`: `%s`' % (preset, value) for preset, value in option['presets'].items() if value != option['default']]
    return '; '.join([text] + other)


def schema_table(name, options):
    if not options:
        return ['Options of `%s`: none yet.' % name]
    rows = ['Options of `%s`:' % name, '', '| option | type | default | allowed | |', '|---|---|---|---|---|']
    for o in options:
        rows.append('| `%s` | %s | %s | %s%s | %s |' % (
            o['name'], o['type'], fallback(o), bounds(o), length(o), escape(o['help'])))
    return rows


class Reference:
    """All pages; `schema_page` is where a schema's table stands: at the first function that takes it."""

    def __init__(self, headers, schemas):
        self.headers = {path: items for path, items in headers.items() if items}
        self.schemas = schemas
        self.pages = {i.name: path.stem + '.md' for path, items in self.headers.items() for i in items if i.name}
        self.schema_page = {}

    def description(self, item, here):
        lines = [linked(item.doc.brief, self.pages, here)]
        for paragraph in item.doc.description:
            lines += ['', linked(paragraph, self.pages, here)]
        return lines

    def options(self, item, here):
        names = re.findall(r'schema "([\w.]+)"', ' '.join(text for _, _, text in item.doc.params))
        for name in names:
            if name not in self.schemas:
                sys.exit('%s: there is no schema "%s"' % (item.name, name))
            if name in self.schema_page:
                page, function = self.schema_page[name]
                yield 'Options: those of `%s`, see [`%s`](%s#%s).' % (name, function, '' if page == here else page, function)
            else:
                self.schema_page[name] = (here, item.name)
                yield from schema_table(name, self.schemas[name])

    def function(self, item, here):
        lines = ['### %s' % item.name, ''] + self.description(item, here) + ['', '```text', prototype(item), '```', '']
        for name, role, text in item.doc.params:
            lines.append('- `%s`%s: %s' % (name, ' (out)' if role == 'out' else '', linked(text, self.pages, here)))
        if item.doc.get('return'):
            lines.append('- returns %s' % linked(item.doc.get('return'), self.pages, here))
        if item.doc.get('status'):
            lines.append('- status OK, %s' % linked(item.doc.get('status'), self.pages, here))
        lines += ['- thread: %s; since %s' % (item.doc.get('thread'), item.doc.get('since'))]
        if table := list(self.options(item, here)):
            lines += [''] + table
        return lines + ['']

    def type(self, item, here, following, texts):
        lines = ['### %s' % item.name, ''] + self.description(item, here)
        if item.kind == 'callback':
            lines += ['', '```text', prototype(item), '```']
        elif item.kind == 'alias':
            lines += ['', 'An `%s`.' % item.target]
            if following is not None and following.kind == 'enum':
                lines += ['', '| constant | value | |', '|---|---|---|']
                lines += ['| `%s` | %d | %s |' % (n, v, escape(texts.get(n, ''))) for n, v, _ in following.constants]
        return lines + ['']

    def page(self, path):
        items, here, texts = self.headers[path], path.stem + '.md', constant_texts(path)
        lines = ['# kdst/%s' % path.name, '', '[All functions](../api.md)', '']
        for paragraph in head_comment(path):
            lines += [linked(paragraph, self.pages, here), '']
        types = [i for i in items if i.kind not in ('function', 'enum')]
        if types:
            lines += ['## Types', '']
        for item in types:
            at = items.index(item)
            lines += self.type(item, here, items[at + 1] if at + 1 < len(items) else None, texts)
        functions = [i for i in items if i.kind == 'function']
        if functions:
            lines += ['## Functions', '']
        for item in functions:
            lines += self.function(item, here)
        return '\n'.join(lines).rstrip('\n') + '\n'

    def index(self):
        lines = [INTRODUCTION, '']
        inside = {name: 'api/' + page for name, page in self.pages.items()}
        for path, items in self.headers.items():
            lines += ['## [kdst/%s](api/%s.md)' % (path.name, path.stem), '', linked(head_comment(path)[0], inside, ''), '']
            functions = [i for i in items if i.kind == 'function']
            lines += ['| function | |', '|---|---|'] if functions else []
            lines += ['| [`%s`](api/%s.md#%s) | %s |' % (i.name, path.stem, i.name, linked(i.doc.brief, inside, ''))
                      for i in functions]
            lines += [''] if functions else []
        lines += ['## Option schemas', '', '| schema | taken by |', '|---|---|']
        for name in self.schemas:
            if name not in self.schema_page:
                sys.exit('schema "%s" is named by no function' % name)
            page, function = self.schema_page[name]
            lines.append('| `%s` | [`%s`](api/%s#%s) |' % (name, function, page, function))
        return '\n'.join(lines) + '\n'


def generate(headers, schemas):
    """File name below docs/ -> text."""
    reference = Reference(read_headers(headers), json.loads(Path(schemas).read_text()))
    pages = {'api/%s.md' % path.stem: reference.page(path) for path in reference.headers}
    return {'api.md': reference.index(), **pages}


def main(arguments):
    if len(arguments) != 3:
        sys.exit(__doc__)
    made, docs = generate(arguments[0], arguments[1]), Path(arguments[2])
    (docs / 'api').mkdir(parents=True, exist_ok=True)
    for old in (docs / 'api').glob('*.md'):
        if 'api/' + old.name not in made:
            old.unlink()
    for name, text in made.items():
        (docs / name).write_text(text)


if __name__ == '__main__':
    main(sys.argv[1:])
