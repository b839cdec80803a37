# SPDX-License-Identifier: Apache-2.0
"""Follows docs/adding-a-kernel.md and docs/adding-an-operation.md to the letter in a copy of the tree, builds and tests it.

    check_walk.py ROOT MESON

A block is applied as the comment in front of it says:

    <!-- new file PATH -->                 the block is the file
    <!-- in PATH, after: TEXT -->          it comes behind the first line that begins with TEXT
    <!-- in PATH, before: TEXT -->         it comes in front of that line
    <!-- in PATH, replace: TEXT -->        it takes TEXT's place
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PAGES = ('docs/adding-a-kernel.md', 'docs/adding-an-operation.md')
STEP = re.compile(r'<!-- (?:new file (\S+)|in (\S+), (after|before|replace): (.*?)) -->\n```\w*\n(.*?)^```$', re.S | re.M)
TARGETS = ['tests/gradients/test_gradients', 'tests/compute/test_compute_softsign', 'bindings/dump-schemas']
TESTS = ['gradients', 'compute-softsign', 'drift', 'reference', 'arrow', 'api', 'documentation']


def apply(root, step):
    new, path, how, text, block = step
    if new:
        if (root / new).exists():
            sys.exit('%s exists already' % new)
        (root / new).write_text(block)
        return
    content = (root / path).read_text()
    at = content.find(text) if how == 'replace' else content.find('\n' + text) + 1
    if at < (0 if how == 'replace' else 1):
        sys.exit('%s has no "%s"' % (path, text))
    if how == 'replace':
        content = content[:at] + block.rstrip('\n') + content[at + len(text):]
    else:
        at = at if how == 'before' else content.index('\n', at) + 1
        content = content[:at] + block + content[at:]
    (root / path).write_text(content)


def run(root, *command):
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if result.returncode:
        log = root / 'build' / 'meson-logs' / 'testlog.txt'
        print((result.stdout + result.stderr)[-3000:], log.read_text()[-5000:] if log.exists() else '', sep='\n')
        sys.exit('failed: ' + ' '.join(command))


def main():
    source, meson = Path(sys.argv[1]), sys.argv[2]
    steps = [step for page in PAGES for step in STEP.findall((source / page).read_text())]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / 'kdst'
        shutil.copytree(source, root, ignore=shutil.ignore_patterns('build*', '.git', 'results', '__pycache__', 'models'))
        for step in steps:
            apply(root, step)
        run(root, meson, 'setup', 'build', '--buildtype=release', '-Dwerror=true', '-Dexamples=disabled', '-Dbench=disabled')
        run(root, 'ninja', '-C', 'build', *TARGETS)
        run(root, 'sh', 'tools/renew-api.sh', 'build')
        run(root, meson, 'test', '-C', 'build', '--no-rebuild', *TESTS)
    print('%d steps' % len(steps))


if __name__ == '__main__':
    main()
