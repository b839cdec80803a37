# SPDX-License-Identifier: Apache-2.0
"""bindings/kdst-api.json and bindings/kdst-ffi.h are what the headers and the schemas of this build give.

    check_drift.py ROOT DUMP_SCHEMAS
"""
import difflib
import subprocess
import sys
import tempfile
from pathlib import Path


def generate(root, *arguments):
    command = [sys.executable, str(root / 'tools' / 'generate-api.py'), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def differences(name, committed, generated):
    return list(difflib.unified_diff(committed.splitlines(), generated.splitlines(), 'bindings/' + name, 'generated',
                                     lineterm='', n=0))


def main():
    root = Path(sys.argv[1])
    headers = str(root / 'include' / 'kdst')
    with tempfile.NamedTemporaryFile('w', suffix='.json') as schemas:
        schemas.write(subprocess.run([sys.argv[2]], capture_output=True, text=True, check=True).stdout)
        schemas.flush()
        made = {'kdst-api.json': generate(root, 'json', headers, schemas.name), 'kdst-ffi.h': generate(root, 'ffi', headers)}
    found = []
    for name, text in made.items():
        found += differences(name, (root / 'bindings' / name).read_text(), text)
        # The comparison itself must see a changed line.
        if not differences(name, text.replace('kdst_version', 'kdst_revision'), text):
            found.append('a planted difference in %s is not seen' % name)
    print(*found[:60], sep='\n')
    print('%d differing lines; tools/renew-api.sh BUILD renews both files' % len(found))
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
