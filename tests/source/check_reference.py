# SPDX-License-Identifier: Apache-2.0
"""docs/api.md and docs/api/ are what the headers and the schemas of this build give.

    check_reference.py ROOT DUMP_SCHEMAS
"""
import difflib
import subprocess
import sys
import tempfile
from pathlib import Path


def pages(docs):
    files = [docs / 'api.md', *sorted((docs / 'api').glob('*.md'))]
    return {str(path.relative_to(docs)): path.read_text() for path in files if path.exists()}


def generate(root, schemas, docs):
    subprocess.run([sys.executable, str(root / 'tools' / 'generate-docs.py'), str(root / 'include' / 'kdst'), schemas, docs],
                   check=True)
    return pages(Path(docs))


def differences(committed, generated):
    found = []
    for name in sorted({*committed, *generated}):
        if name not in committed or name not in generated:
            found.append('docs/%s is %s' % (name, 'missing' if name in generated else 'left over'))
        else:
            found += difflib.unified_diff(committed[name].splitlines(), generated[name].splitlines(), 'docs/' + name,
                                          'generated', lineterm='', n=0)
    return found


def main():
    root = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        schemas = Path(folder) / 'schemas.json'
        schemas.write_bytes(subprocess.run([sys.argv[2]], capture_output=True, check=True).stdout)
        made = generate(root, str(schemas), folder)
        # A page without a header must go, and each kind of difference must be seen.
        (Path(folder) / 'api' / 'nothing.md').write_text('left over')
        if generate(root, str(schemas), folder) != made:
            sys.exit('a page without a header stays')
    plants = [{**made, 'api.md': made['api.md'].replace('kdst_version', 'kdst_revision')}, {**made, 'api/more.md': ''},
              {name: text for name, text in made.items() if name != 'api/loss.md'}]
    found = ['a planted difference is not seen' for plant in plants if not differences(plant, made)]
    found += differences(pages(root / 'docs'), made)
    print(*found[:60], sep='\n')
    print('%d differing lines; tools/renew-api.sh BUILD renews the pages' % len(found))
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
