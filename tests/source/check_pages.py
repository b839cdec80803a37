# SPDX-License-Identifier: Apache-2.0
"""What README.md, CONTRIBUTING.md, CHANGELOG.md and docs/ name is there: links, files, functions; no page is out of reach.

The README begins with the two commands, each one line alone in a fence of its own.
"""
import re

import source_check

COMMENT = re.compile(r'<!--.*?-->', re.S)
FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.S | re.M)
LINK = re.compile(r'!?\[[^\]]*\]\(([^)\s]+)\)')
FOLDERS = 'lib|include|tests|tools|examples|docs|bench|bindings|abi'
PATH = re.compile(r'(?<![\w/.-])((?:%s)/[\w./-]*\w/?)(?![\w<…*])' % FOLDERS)
NAME = re.compile(r'\b(kdst_\w+|KDST_\w+)(?![\w…<*])')
LONGEST = 140


def pages(root):
    """All but those of docs/api; docs/api.md is generated too."""
    names = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']
    return [p for p in [*(root / n for n in names), *sorted((root / 'docs').glob('*.md'))] if p.exists()]


def anchors(text):
    """Anchors of the headings, made as GitHub makes them."""
    found = set()
    for title in re.findall(r'^#+ (.*)$', FENCE.sub('', text), re.M):
        title = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', title).lower()
        found.add(re.sub(r'[^\w\- ]', '', title).strip().replace(' ', '-'))
    return found


def check_links(path, text, where):
    for target in LINK.findall(FENCE.sub('', text)):
        if re.match(r'[a-z]+:', target):
            continue
        name, _, anchor = target.partition('#')
        other = (path.parent / name) if name else path
        if not other.exists():
            yield '%s: link to %s, which does not exist' % (where, name)
        elif anchor and anchor not in anchors(other.read_text()):
            yield '%s: link to %s, where there is no such heading' % (where, target)


def check_names(root, text, where, known):
    text = COMMENT.sub('', FENCE.sub('', text))  # blocks have checks of their own
    for name in sorted(set(PATH.findall(text))):
        if not (root / name).exists():
            yield '%s: names %s, which does not exist' % (where, name)
    for name in sorted(set(NAME.findall(text))):
        if name not in known:
            yield '%s: names %s, which is nowhere in the sources' % (where, name)


def check_lines(text, where):
    for number, line in enumerate(FENCE.sub(lambda m: '\n' * m.group(0).count('\n'), text).split('\n'), 1):
        if len(line) > LONGEST and not line.startswith('|'):
            yield '%s:%d: %d columns, more than %d' % (where, number, len(line), LONGEST)


def check_first_fences(root, text):
    fences = FENCE.findall(text)[:2]
    for (language, code) in fences:
        words = code.split()
        if language or code.count('\n') != 1 or len(words) != 2 or words[0] != 'sh' or not (root / words[1]).exists():
            yield 'README.md: the first fences are %r, expected two of one command each' % (fences,)
            return


def check_reach(root):
    seen, waiting = set(), [root / 'README.md']
    while waiting:
        path = waiting.pop()
        if path in seen or not path.exists() or path.suffix != '.md':
            continue
        seen.add(path)
        targets = (t.partition('#')[0] for t in LINK.findall(path.read_text()))
        waiting += [(path.parent / t).resolve() for t in targets if t]
    return ['%s: no page leads here' % p.relative_to(root) for p in sorted((root / 'docs').rglob('*.md')) if p not in seen]


def check(root):
    root = root.resolve()
    sources = source_check.source_files(root, {'.c', '.h', '.def', '.py', '.sh', '.lua', '.map', '.build'})
    known = {name for p in sources for name in re.findall(r'\b(?:kdst|KDST)_\w+', p.read_text())}
    found = []
    for path in pages(root):
        text, where = path.read_text(), path.relative_to(root)
        found += [*check_links(path, text, where), *check_names(root, text, where, known)]
        found += check_lines(text, where) if path.name != 'api.md' else []
    for path in sorted((root / 'docs' / 'api').glob('*.md')):
        found += check_links(path, path.read_text(), path.relative_to(root))
    if (root / 'README.md').exists():
        found += check_first_fences(root, (root / 'README.md').read_text())
    return found + check_reach(root)


COMMANDS = '```\nsh tests/run.sh\n```\n\n```\nsh tests/run.sh\n```\n'
CLEAN = {'README.md': '# A b\n' + COMMANDS + '[a](docs/a.md) [b](docs/a.md#the-kdst_a_create-call)\n', 'tests/run.sh': '# kdst_a_create\n',
         'docs/a.md': '## The `kdst_a_create` call\ntests/run.sh, tests/<folder>, kdst_a_… (lib/…)\n'}
PLANTS = [
    ({'README.md': COMMANDS + '[a](docs/b.md)'}, 'link to docs/b.md, which'),
    ({'README.md': COMMANDS + '![a](docs/a.png) [a](docs/a.md)'}, 'link to docs/a.png, which'),
    ({'README.md': COMMANDS + '[a](docs/a.md#b)'}, 'no such heading'),
    ({'docs/a.md': 'see tests/walk.sh.\n'}, 'names tests/walk.sh, which'),
    ({'docs/a.md': '`lib/core/`\n'}, 'names lib/core/, which'),
    ({'docs/a.md': 'kdst_a_destroy\n'}, 'names kdst_a_destroy, which'),
    ({'docs/a.md': 'x' * 141}, '141 columns'),
    ({'docs/b.md': '# B\n'}, 'docs/b.md: no page leads here'),
    ({'docs/api/b.md': '[a](c.md)\n'}, 'link to c.md, which'),
    ({'README.md': '```sh\nsh tests/run.sh\n```\n[a](docs/a.md)'}, 'the first fences are'),
    ({'README.md': '```\nsh tests/run.sh\n# b\n```\n[a](docs/a.md)'}, 'the first fences are'),
    ({'README.md': '```\nsh tests/walk.sh\n```\n[a](docs/a.md)'}, 'the first fences are'),
]

if __name__ == '__main__':
    source_check.main(check, CLEAN, PLANTS)
