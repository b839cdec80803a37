#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds and runs all tests but the suite `slow`.
#
#   sh tests/run.sh [ARGUMENT…]      arguments are passed to meson test, such as --suite unit
#
# CC                the compiler (default: meson's choice)
# KDST_MESON_ARGS   options for meson setup, such as -Db_sanitize=address,undefined
# KDST_BUILD_DIR    build folder; by default build-test, with a name of its own for each CC and KDST_MESON_ARGS
#
# The last line is `N passed, N failed, N skipped`: the tests that meson counts, a program of many cases being one.
set -eu
cd "$(dirname "$0")/.."

compiler=$(echo "${CC:-gcc}" | cut -d ' ' -f 1)
case $compiler in
    gcc) compiler_packages="gcc g++" ;;
    clang) compiler_packages="clang g++" ;;
    *) compiler_packages= ;;
esac
stop() {
    echo "$1"
    echo "0 passed, 1 failed"
    exit 1
}

# shellcheck disable=SC2086  # a list of names
sh tools/install-packages.sh $compiler_packages libc6-dev meson ninja-build pkg-config python3 check \
    libblis-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev libcjson-dev libdlpack-dev locales || stop "packages are missing"

suffix=$(printf '%s %s' "${CC:-}" "${KDST_MESON_ARGS:-}" | tr -cs 'A-Za-z0-9' '-' | sed 's/^-*//; s/-*$//')
build=${KDST_BUILD_DIR:-build-test${suffix:+-$suffix}}
# shellcheck disable=SC2086  # a list of options
[ -f "$build/build.ninja" ] || meson setup "$build" --buildtype=release ${KDST_MESON_ARGS:-} || stop "meson setup failed"
ninja -C "$build" || stop "the build failed"

rm -f "$build"/meson-logs/testlog*.json
status=0
meson test -C "$build" --no-rebuild --print-errorlogs "$@" </dev/null || status=$?
exec python3 tests/count_results.py "$status" "$build"/meson-logs/testlog*.json
