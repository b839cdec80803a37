#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares the ABI of a build with the committed baseline: additions pass, changes and removals do not.
#
#   check_abi.sh LIBRARY BASELINE      LIBRARY has debug information
#   check_abi.sh --self-test CC        a changed parameter and a removed function must be found
set -eu

if ! command -v abidiff >/dev/null || ! command -v abidw >/dev/null; then
    echo "abidiff (Debian: abigail-tools) is not installed"
    exit 77
fi

compare() { # LIBRARY BASELINE
    abidiff --no-added-syms "$2" "$1"
}

if [ "$1" = --self-test ]; then
    shift
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    one='int a(int x); int a(int x) { return x; }'
    two='int b(int x); int b(int x) { return x; }'
    changed='int a(double x); int a(double x) { return x > 0; }'
    echo "$one $two" >"$folder/base.c"
    echo "$one $two int c(void); int c(void) { return 1; }" >"$folder/added.c"
    echo "$changed $two" >"$folder/changed.c"
    echo "$one" >"$folder/removed.c"
    for case in base added changed removed; do
        "$@" -g -shared -fPIC "$folder/$case.c" -o "$folder/lib$case.so"
    done
    abidw --out-file "$folder/base.abi" "$folder/libbase.so"
    compare "$folder/libadded.so" "$folder/base.abi" || { echo "an addition is reported"; exit 1; }
    for case in changed removed; do
        if compare "$folder/lib$case.so" "$folder/base.abi"; then
            echo "not reported: $case"
            exit 1
        fi
    done
    exit 0
fi
compare "$@"
