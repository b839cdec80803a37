# SPDX-License-Identifier: Apache-2.0
"""What the source checks share: a check is a function from a tree to a list of violations.

    check_<name>.py ROOT              prints the violations of the tree; exit status 1 when there are any
    check_<name>.py --self-test DIR   plants each violation in a clean small tree and wants it reported

A plant is (files, text): `files` (path -> content) are added to the clean tree, `text` must appear in a violation.
"""
import sys
import tempfile
from pathlib import Path

SOURCE_SUFFIXES = {'.c', '.h', '.cc', '.cpp', '.def', '.py', '.sh', '.lua', '.map', '.md', '.build'}
SKIPPED_FOLDERS = {'.git', 'vectors', 'corpus', 'results', '__pycache__'}
DATA = ('examples', 'data')


def source_files(root, suffixes=SOURCE_SUFFIXES):
    """Files of the project below root; build folders, data and results are not sources."""
    for path in sorted(Path(root).rglob('*')):
        parts = path.relative_to(root).parts
        if any(p in SKIPPED_FOLDERS for p in parts) or parts[:2] == DATA or parts[0].startswith('build'):
            continue
        if path.is_file() and (path.suffix in suffixes or path.name in ('meson.build', 'run')):
            yield path


def write_tree(root, files):
    for name, content in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def self_test(check, clean, plants):
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        write_tree(folder, clean)
        found = check(Path(folder))
        if found:
            failures += 1
            print('the clean tree is reported:', *found, sep='\n  ')
    for files, text in plants:
        with tempfile.TemporaryDirectory() as folder:
            write_tree(folder, {**clean, **files})
            found = check(Path(folder))
            if not any(text in violation for violation in found):
                failures += 1
                print('not reported: %r in %s; reported were %s' % (text, sorted(files), found))
    print('%d plants, %d failures' % (len(plants), failures))
    return failures


def main(check, clean, plants):
    """Runs the self test or the check, as the command line says."""
    if sys.argv[1] == '--self-test':
        sys.exit(1 if self_test(check, clean, plants) else 0)
    found = check(Path(sys.argv[1]))
    print(*found, sep='\n')
    print('%d violations' % len(found))
    sys.exit(1 if found else 0)
