#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the library and builds a program outside of the tree against it through pkg-config: C and C++, shared and static.
#
#   test_install.sh staged SOURCE BUILD VERSION MESON      the build as it is, through a staging folder
#   test_install.sh prefix SOURCE BUILD VERSION MESON      a library-only build configured for another prefix
# CC and CXX name the compilers; an empty CXX leaves C++ out.
set -eu
mode=$1 source=$2 build=$3 version=$4 meson=$5
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if [ "$mode" = staged ]; then
    $meson install -C "$build" --no-rebuild --quiet --destdir "$folder/stage"
    pc=$(find "$folder/stage" -name kdst.pc)
    export PKG_CONFIG_SYSROOT_DIR="$folder/stage"
    installed="$folder/stage"
else
    $meson setup "$folder/build" "$source" --prefix "$folder/with a space" --libdir lib --buildtype=plain \
        -Dtests=disabled -Dexamples=disabled -Dbench=disabled >"$folder/log" || { cat "$folder/log"; exit 1; }
    $meson install -C "$folder/build" --quiet >"$folder/log" || { cat "$folder/log"; exit 1; }
    installed="$folder/with a space"
    pc=$(find "$installed" -name kdst.pc)
    rm -rf "$folder/build"
fi
[ -f "$pc" ] || { echo "kdst.pc is not installed"; exit 1; }
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
[ "$(pkg-config --modversion kdst)" = "$version" ] || { echo "kdst.pc has another version"; exit 1; }

library=$(find "$installed" -name libkdst.a)
LD_LIBRARY_PATH=$(dirname "$library")
export LD_LIBRARY_PATH
for file in libkdst.so libkdst.so.0.1; do
    [ -e "$LD_LIBRARY_PATH/$file" ] || { echo "$file is not installed"; exit 1; }
done
for file in kdst-api.json kdst-ffi.h; do
    [ -n "$(find "$installed" -path "*/share/kdst/$file")" ] || { echo "$file is not installed"; exit 1; }
done
# Nothing but headers may be in the header folder.
others=$(find "$installed" -path '*/include/*' -type f ! -name '*.h')
[ -z "$others" ] || { echo "installed beside the headers: $others"; exit 1; }

cp "$source/tests/install/outside.c" "$folder/outside.c"
cp "$source/tests/install/outside.c" "$folder/outside.cpp"
count=0

try() { # NAME EXPECTED-IN-LDD COMMAND…
    name=$1 linked=$2
    shift 2
    "$@" || { echo "$name: does not build"; exit 1; }
    "$folder/program" || { echo "$name: does not run"; exit 1; }
    if ldd "$folder/program" | grep -q libkdst; then found=shared; else found=static; fi
    [ "$found" = "$linked" ] || { echo "$name: linked $found"; exit 1; }
    count=$((count + 1))
}

# pkg-config quotes what needs it for a shell; eval takes the quotes off again.
shared=$(pkg-config --cflags --libs kdst)
static_flags=$(pkg-config --cflags kdst)
static=$(pkg-config --static --libs kdst | sed 's/-lkdst\b/-Wl,-Bstatic -lkdst -Wl,-Bdynamic/')
strict="-Wall -Wextra -pedantic -Werror"
eval "try 'C, shared' shared $CC -std=c99 $strict \"\$folder/outside.c\" -o \"\$folder/program\" $shared"
eval "try 'C, static' static $CC -std=c99 $strict \"\$folder/outside.c\" -o \"\$folder/program\" $static_flags $static"
if [ -n "${CXX:-}" ]; then
    eval "try 'C++, shared' shared $CXX -std=c++11 $strict \"\$folder/outside.cpp\" -o \"\$folder/program\" $shared"
    eval "try 'C++, static' static $CXX -std=c++11 $strict \"\$folder/outside.cpp\" -o \"\$folder/program\" $static_flags $static"
fi
echo "$count programs"
