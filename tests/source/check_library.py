# SPDX-License-Identifier: Apache-2.0
"""The built library exports what the headers declare, calls nothing a library must not call, and has no global state.

    check_library.py ROOT SHARED STATIC      check_library.py --self-test CC      (CC is ;-separated words)

Exports = functions of the headers = abi/symbols.txt, which also holds the values of the constants. Imports: nothing that ends the process, prints, reads the
environment or changes process-wide state. Objects: no writable variable, thread-local ones included.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
from header_reader import read_headers  # noqa: E402

FORBIDDEN = set('''
    exit _exit _Exit quick_exit atexit abort assert __assert_fail raise kill system popen fork vfork execv execve execvp
    printf vprintf fprintf vfprintf puts putchar putc fputs perror __printf_chk __vprintf_chk __fprintf_chk
    __vfprintf_chk stdout stderr stdin getenv secure_getenv setenv unsetenv putenv environ
    rand srand rand_r random srandom drand48 srand48 strtok strerror localtime gmtime asctime ctime tmpnam
    setlocale signal sigaction sigprocmask alarm setitimer dlopen chdir umask
    omp_set_num_threads bli_thread_set_num_threads'''.split())
CONSTANT = re.compile(r'\.(rodata|data\.rel\.ro|text|eh_frame|note|debug|comment|init_array|fini_array)')
TOOLCHAIN = re.compile(r'^(__gcov|__odr_asan|__asan|__ubsan|__llvm|\.L|_GLOBAL_)')


def nm(*arguments):
    return subprocess.run(['nm', *arguments], capture_output=True, text=True, check=True).stdout


def exports(shared):
    names = [line.split()[-1].split('@')[0] for line in nm('-D', '--defined-only', shared).splitlines() if line]
    return {name for name in names if not re.fullmatch(r'KDST_\d+\.\d+|_init|_fini|_edata|_end|__bss_start', name)}


def imports(shared):
    return {line.split()[-1].split('@')[0] for line in nm('-D', '--undefined-only', shared).splitlines() if line}


def compare_sets(what, these, those):
    return (['%s lacks %s' % (what, name) for name in sorted(these - those)] +
            ['%s has %s besides' % (what, name) for name in sorted(those - these)])


def check_exports(shared, declared, constants, listed):
    return (compare_sets('the export table', declared, exports(shared)) +
            compare_sets('abi/symbols.txt', declared | constants, listed))


def check_imports(shared):
    return ['the library calls %s' % name for name in sorted(imports(shared) & FORBIDDEN)]


def check_state(static):
    """Variables in writable sections, by the section's name: constants with relocations are in .data.rel.ro."""
    found, member = [], ''
    for line in nm('--format=sysv', static).splitlines():
        if match := re.match(r'Symbols from .*?\[(.*)\]:|(\S+):$', line):
            member = match.group(1) or match.group(2)
        columns = [c.strip() for c in line.split('|')]
        if len(columns) < 7 or columns[0] == 'Name' or columns[2] in ('U', 'w', 'v', 'T', 't', 'W', 'N', 'n', 'i', 'a'):
            continue
        name, kind, section = columns[0], columns[3], columns[6]
        if kind == 'SECTION' or CONSTANT.match(section) or TOOLCHAIN.match(name):
            continue
        found.append('%s: variable %s in %s' % (member, name, section))
    return found


def read_list(path):
    return {line for line in Path(path).read_text().split('\n') if line and not line.startswith('#')}


def check(root, shared, static):
    headers = read_headers(root / 'include' / 'kdst')
    items = [i for group in headers.values() for i in group]
    declared = {i.name for i in items if i.kind == 'function'}
    constants = {'%s = %d' % (name, value) for i in items for name, value, _ in i.constants}
    return (check_exports(shared, declared, constants, read_list(root / 'abi' / 'symbols.txt')) +
            check_imports(shared) + check_state(static))


BASE = ('#include <stdio.h>\n#include <stdlib.h>\nint kdst_a(int x);\nextern const char *const names[2];\n'
        'const char *const names[2] __attribute__((visibility("hidden"))) = {"a", "b"};\n'
        'int kdst_a(int x) { return x + names[x][0]; }\n')
PLANTS = [
    ('int kdst_b(void) { return 1; }', 'the export table has kdst_b besides'),
    ('void f(void); void f(void) { abort(); }', 'the library calls abort'),
    ('void f(const char *s); void f(const char *s) { printf("%s%d", s, 1); }', 'the library calls printf'),
    ('char *f(void); char *f(void) { return getenv("A"); }', 'the library calls getenv'),
    ('void f(void); void f(void) { fputs("x", stderr); }', 'the library calls stderr'),
    ('int f(void); int f(void) { static int tally; return ++tally; }', 'tally'),
    ('static int level = 3; int f(int x); int f(int x) { return level += x; }', 'variable level in .data'),
    ('int shared_count;', 'variable shared_count'),
    ('static _Thread_local int own; int f(int x); int f(int x) { return own += x; }', 'variable own in .tbss'),
]


def self_test(cc):
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (code, wanted) in enumerate([('', '')] + PLANTS):
            source, shared, static = (Path(folder) / ('a%d%s' % (number, s)) for s in ('.c', '.so', '.o'))
            source.write_text(BASE + code + '\n')
            subprocess.run([*cc, '-std=gnu11', '-fPIC', '-c', source, '-o', static], check=True)
            subprocess.run([*cc, '-shared', static, '-o', shared], check=True)
            found = check_exports(shared, {'kdst_a'}, {'A = 1'}, {'kdst_a', 'A = 1'}) + check_imports(shared) + check_state(static)
            # The plants' own function is exported as well, which is beside the point here.
            found = [f for f in found if f != 'the export table has f besides']
            if bool(found) != bool(wanted) or not any(wanted in f for f in found or ['']):
                failures += 1
                print('wanted %r, found %s' % (wanted, found))
    for these, those in (({'kdst_b', 'A = 1'}, {'A = 1'}), ({'A = 1'}, {'A = 2'}), (set(), {'kdst_b'})):
        if not compare_sets('the list', these, those):
            failures += 1
            print('the difference of %s and %s is not reported' % (these, those))
    print('%d plants, %d failures' % (len(PLANTS), failures))
    return failures


def main():
    if sys.argv[1] == '--self-test':
        sys.exit(1 if self_test(sys.argv[2].split(';')) else 0)
    found = check(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    print(*found, sep='\n')
    print('%d violations' % len(found))
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
