# SPDX-License-Identifier: Apache-2.0
"""Every C, Python and Lua block of README.md and docs/ is compiled, and run when it is a whole program.

    check_programs.py ROOT LIBRARY CC     CC: the compiler, its words joined by ';'
    check_programs.py --self-test LIBRARY ROOT CC

A comment in front of a block, which a reader does not see, says how it is taken:

    <!-- run: examples/data -->           arguments of a program; files of the tree get their full path
    <!-- inside: kdst_context *ctx -->    a piece of C inside a function with these parameters and a kdst_status `status`
    <!-- file -->                         definitions at file scope
    <!-- new file …, <!-- in …            a step of a walk, which check_walk.py follows

A C block with main() is a program; any other block without a comment is a violation. What a program prints is compared with the
next block when the line in between says "print". Blocks of sh and text are not run.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))
import expected_output  # noqa: E402

FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.S | re.M)
COMMENT = re.compile(r'<!-- (run|inside|file|new file|in)(?::? ([^\n]*))? -->\s*\Z')
UNCHECKED = ('', 'sh', 'text', 'meson')
INCLUDES = '#include <kdst/kdst.h>\n#include <stdio.h>\n#include <string.h>\n'


class Block:
    def __init__(self, path, text, match):
        self.where = '%s:%d' % (path, text.count('\n', 0, match.start()) + 1)
        self.language, self.code = match.group(1), match.group(2)
        comment = COMMENT.search(text[:match.start()])
        self.kind, self.argument = (comment.group(1), comment.group(2) or '') if comment else ('', '')
        following = FENCE.search(text, match.end())
        between = text[match.end():following.start()] if following else ''
        self.output = following.group(2) if following and len(between) < 200 and 'print' in between else None


def blocks(root):
    for path in [root / 'README.md', *sorted((root / 'docs').glob('*.md'))]:
        if path.exists():
            text = path.read_text()
            yield from (Block(path.relative_to(root), text, match) for match in FENCE.finditer(text))


class Checker:
    def __init__(self, root, library, compiler):
        self.root, self.library, self.compiler = root, Path(library).resolve(), compiler
        self.programs = self.pieces = 0

    def run(self, block, command, folder):
        arguments = [str(self.root / w) if (self.root / w).exists() else w for w in block.argument.split()]
        environment = {'PATH': '/usr/bin:/bin', 'LD_LIBRARY_PATH': str(self.library.parent)}
        result = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=folder, env=environment, timeout=300)
        self.programs += 1
        if result.returncode:
            return ['%s: exit status %d: %s' % (block.where, result.returncode, (result.stderr + result.stdout)[-600:])]
        if block.output is None:
            return []
        return ['%s: %s' % (block.where, d) for d in expected_output.differences(result.stdout, block.output)]

    def compile(self, block, source, *arguments):
        words = [*self.compiler, '-std=c11', '-Wall', '-Wextra', '-Wno-unused-parameter', '-pedantic', '-Werror',
                 '-I' + str(self.root / 'include'), '-x', 'c', source, '-x', 'none', *arguments]
        result = subprocess.run(words, capture_output=True, text=True)
        return ['%s: does not compile: %s' % (block.where, result.stderr[:600])] if result.returncode else []

    def check_c(self, block, folder):
        code = block.code
        if block.kind == 'inside':
            code = '%sextern kdst_status piece(%s);\nkdst_status piece(%s)\n{\nkdst_status status = KDST_STATUS_OK;\n%s\n' \
                   'return status;\n}\n' % (INCLUDES, block.argument, block.argument, code)
        elif block.kind == 'file':
            code = INCLUDES + code
        elif not re.search(r'\bmain\(', code):
            return ['%s: neither a program nor marked as a piece' % block.where]
        source, program = folder + '/block.c', folder + '/block'
        Path(source).write_text(code)
        if block.kind in ('inside', 'file'):
            self.pieces += 1
            return self.compile(block, source, '-fsyntax-only')
        found = self.compile(block, source, '-o', program, str(self.library))
        return found or self.run(block, [program], folder)

    def check(self, block):
        if block.kind in ('new file', 'in'):
            return []
        interpreter = {'python': sys.executable, 'lua': shutil.which('luajit')}
        with tempfile.TemporaryDirectory() as folder:
            if block.language == 'c':
                return self.check_c(block, folder)
            if block.language in interpreter:
                if block.kind != 'run':
                    return ['%s: does not say how it is run' % block.where]
                if interpreter[block.language] is None:
                    return []
                Path(folder + '/block').write_text(block.code)
                return self.run(block, [interpreter[block.language], folder + '/block'], folder)
        return [] if block.language in UNCHECKED else ['%s: blocks of %s are not known' % (block.where, block.language)]


def check(root, library, compiler):
    checker = Checker(root, library, compiler)
    found = [violation for block in blocks(root) for violation in checker.check(block)]
    print('%d programs, %d pieces' % (checker.programs, checker.pieces))
    return found


PROGRAM = '```c\n#include <stdio.h>\nint main(void) { puts("a 1.5"); return %d; }\n```\n'
PIECE = '```c\nstatus = kdst_context_create(NULL, %s);\n```\n'
GOOD = ['<!-- in lib/a.c, after: b -->\n```c\nint\n```\n', PROGRAM % 0 + '\nprints\n\n```text\na 1.5\n```\n', '<!-- inside: kdst_context **out -->\n' + PIECE % 'out',
        '<!-- run -->\n```python\nprint(2)\n```\nprints\n\n```text\n2\n```\n', '```sh\nls\n```\n', '```\nls\n```\n']
BAD = [(PROGRAM % 0 + '\nprints\n\n```text\na 1.7\n```\n', 'expected'), (PROGRAM % 1, 'exit status 1'), (PIECE % 'NULL', 'neither'),
       ('<!-- inside: int x -->\n' + PIECE % 'out', 'does not compile'), ('<!-- run -->\n```python\n1 / 0\n```\n', 'exit status'),
       ('```python\nprint()\n```\n', 'does not say'), ('```rust\n```\n', 'not known'), ('<!-- file -->\n```c\nint a\n```\n', 'compile')]


def self_test(library, root, compiler):
    found = []
    for text, expected in [(good, None) for good in GOOD] + BAD:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / 'include').symlink_to(root / 'include')
            (Path(folder) / 'README.md').write_text(text)
            seen = check(Path(folder), library, compiler)
        if bool(seen) != bool(expected) or (expected and expected not in seen[0]):
            found.append('%r: reported were %s, expected %s' % (text, seen, expected))
    return found


def main():
    if sys.argv[1] == '--self-test':
        found = self_test(sys.argv[2], Path(sys.argv[3]), sys.argv[4].split(';'))
    else:
        found = check(Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(';'))
    print(*found, sep='\n')
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
