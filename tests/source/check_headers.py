# SPDX-License-Identifier: Apache-2.0
"""Each public header compiles alone as C99 and as C++11 without a warning; so does the code in its comments.

    check_headers.py ROOT CC [CXX…]      check_headers.py --self-test DIR CC [CXX…]      (compilers are ;-separated words)
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import source_check

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
from header_reader import HeaderError, read_headers  # noqa: E402

STRICT = ['-pedantic', '-Werror', '-Wall', '-Wextra', '-fsyntax-only']


def compile_text(compiler, options, text, suffix, root):
    with tempfile.NamedTemporaryFile('w', suffix=suffix) as source:
        source.write(text)
        source.flush()
        run = subprocess.run([*compiler, *options, '-I', str(root / 'include'), source.name],
                             capture_output=True, text=True)
    return None if run.returncode == 0 else run.stderr.strip()


def first_error(text):
    return next((line for line in text.split('\n') if 'error' in line), text[:200])


def example_unit(header, code):
    """A block of statements becomes a function body over a declared context."""
    return ('#include <kdst/%s>\n#include <stdio.h>\nint example(kdst_context *ctx);\n'
            'int example(kdst_context *ctx)\n{\n(void)ctx;\n%s\nreturn 0;\n}\n' % (header, code))


def check_with(compilers):
    def check(root):
        found = []
        folder = root / 'include' / 'kdst'
        for path in sorted(folder.rglob('*.h')):
            name = path.relative_to(folder)
            for compiler, options, suffix in compilers:
                text = '#include <kdst/%s>\n#include <kdst/%s>\nextern int unit;\n' % (name, name)
                if error := compile_text(compiler, options + STRICT, text, suffix, root):
                    found.append('%s (%s): %s' % (name, options[0], first_error(error)))
        try:
            headers = read_headers(folder)
        except HeaderError as error:
            return found + [str(error)]
        for path, items in headers.items():
            for item in items:
                for code in item.doc.codes if item.doc else []:
                    text = example_unit('kdst.h', code)
                    if error := compile_text(compilers[0][0], ['-std=c99', '-fsyntax-only'], text, '.c', root):
                        found.append('%s: example of %s: %s' % (path.name, item.name, first_error(error)))
        return found
    return check


CLEAN = {'include/kdst/a.h': '#ifndef A\n#define A\n#include <stdint.h>\n'
                             '/** An a.\n *  @code\n *  int32_t x = kdst_a(1);\n *  (void)x;\n *  @endcode */\n'
                             'int32_t kdst_a(int32_t a);\n#endif\n',
         'include/kdst/kdst.h': '#include <kdst/a.h>\ntypedef struct kdst_context kdst_context;\n'}
CLEAN['include/kdst/kdst.h'] = '#ifndef K\n#define K\n' + CLEAN['include/kdst/kdst.h'] + '#endif\n'
PLANTS = [
    ({'include/kdst/b.h': 'int64_t kdst_b(void);\n'}, 'b.h (-std=c99)'),
    ({'include/kdst/b.h': '#include <stdint.h>\nenum { KDST_B = 1, };\nint32_t kdst_c(int32_t class);\n'}, 'b.h (-std=c++11)'),
    ({'include/kdst/b.h': 'struct kdst_b { int a; };\n'}, 'b.h (-std=c99)'),
    ({'include/kdst/b.h': '/** A b.\n *  @code\n *  int x = missing;\n *  @endcode */\ntypedef struct kdst_b kdst_b;\n'},
     'example of kdst_b'),
]


def main():
    words = [w.split(';') for w in sys.argv[3 if sys.argv[1] == '--self-test' else 2:]]
    compilers = [(words[0], ['-std=c99'], '.c')] + [(w, ['-std=c++11'], '.cpp') for w in words[1:]]
    # Without a C++ compiler its plants cannot be found.
    plants = [p for p in PLANTS if len(words) > 1 or 'c++' not in p[1]]
    source_check.main(check_with(compilers), CLEAN, plants)


if __name__ == '__main__':
    main()
