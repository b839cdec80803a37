# SPDX-License-Identifier: Apache-2.0
"""Runs a short example as its head comment says and compares what it prints with what the comment says it prints.

    check_output.py SOURCE PROGRAM ROOT [RELATIVE]    RELATIVE: tolerance for numbers, besides their last digit
    check_output.py --self-test                       plants differences and wants them seen

The comment holds two indented blocks: the command, and the output. A file it writes to /tmp goes to a folder of the test's.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))
import expected_output  # noqa: E402

LONGEST = 110


def head_blocks(source):
    """Indented blocks of the first long comment."""
    comment = re.findall(r'/\*.*?\*/', source, re.S)[1]
    lines = [re.sub(r'^ \*( |$)', '', line) for line in comment.split('\n')]
    blocks, inside = [], False
    for line in lines:
        indented = line.startswith('    ')
        if indented:
            blocks += [] if inside else [[]]
            blocks[-1].append(line[4:])
        inside = indented
    return ['\n'.join(block) for block in blocks]


def run(command, program, root, folder):
    words = command.split()
    if not re.fullmatch(r'build/examples/\w+', words[0]):
        sys.exit('the command is "%s", expected build/examples/NAME …' % command)
    arguments = [w.replace('/tmp', folder) if w.startswith('/tmp') else str(root / w) if (root / w).exists() else w
                 for w in words[1:]]
    return subprocess.run([program, *arguments], capture_output=True, text=True, cwd=folder, timeout=120)


def check(source, program, root, relative):
    text = source.read_text()
    blocks = head_blocks(text)
    if len(blocks) < 2:
        return ['the head comment has no command or no output']
    found = []
    if text.count('\n') > LONGEST:
        found.append('%d lines, more than %d' % (text.count('\n'), LONGEST))
    if others := sorted(set(re.findall(r'#include "(.*?)"', text))):
        found.append('includes more than public headers: %s' % ', '.join(others))
    with tempfile.TemporaryDirectory() as folder:
        result = run(blocks[0], program, root, folder)
        if result.returncode or result.stderr:
            return found + ['exit status %d: %s' % (result.returncode, result.stderr)]
        found += expected_output.differences(result.stdout, blocks[1], relative)
        # A path that cannot be is a message and a failure, not a crash.
        if len(blocks[0].split()) > 1:
            result = subprocess.run([program, folder + '/none/none'], capture_output=True, text=True, timeout=120)
            if result.returncode != 1 or not re.match(r'[A-Z_]+: \S', result.stderr):
                found.append('with a path that cannot be: status %d, "%s"' % (result.returncode, result.stderr))
    return found


def main():
    if sys.argv[1] == '--self-test':
        found = expected_output.self_test()
        sample = '/* SPDX */\n/* What.\n *\n *     build/examples/a b\n *\n * prints\n *\n *     one\n *       two\n */\n'
        if head_blocks(sample) != ['build/examples/a b', 'one\n  two']:
            found.append('blocks: %r' % head_blocks(sample))
    else:
        found = check(Path(sys.argv[1]), Path(sys.argv[2]).resolve(), Path(sys.argv[3]), float(sys.argv[4]) if len(sys.argv) > 4 else 0.0)
    print(*found, sep='\n')
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
