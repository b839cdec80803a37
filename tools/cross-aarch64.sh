#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-compiles for aarch64 (NEON) and runs tests of the kernels under qemu, on a Debian with apt.
#
#   sh tools/cross-aarch64.sh [TEST…]      by default the tests of lib/core and lib/compute (without the slow ones)
#
# The compiler and qemu are installed; BLIS and Check of arm64 are only unpacked, into the folder of the build: nothing of arm64
# is installed into the system, but dpkg learns of the architecture.
#
# KDST_BUILD_DIR    build folder (default: build-aarch64)
set -eu
cd "$(dirname "$0")/.."
build=$(pwd)/${KDST_BUILD_DIR:-build-aarch64}
root=$build/root lib=aarch64-linux-gnu

sh tools/install-packages.sh gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user meson ninja-build pkg-config python3
if [ ! -f "$root/complete" ]; then
    dpkg --print-foreign-architectures | grep -qx arm64 || { dpkg --add-architecture arm64 && apt-get -q update; }
    mkdir -p "$root/packages"
    (cd "$root/packages" && apt-get -q download libblis4-pthread:arm64 libblis-pthread-dev:arm64 check:arm64 libsubunit-dev:arm64)
    for package in "$root"/packages/*.deb; do dpkg -x "$package" "$root"; done
    touch "$root/complete"
fi

# Check's header lies beside those of the host, so it gets a folder of its own.
mkdir -p "$root/include" "$root/pkgconfig"
cp "$root"/usr/include/check*.h "$root/include/"

cat >"$root/pkgconfig/check.pc" <<EOF
Name: check
Description: unit tests
Version: 0.15.2
Libs: -L$root/usr/lib/$lib -lcheck -lsubunit -lm -lrt -lpthread
Cflags: -isystem $root/include
EOF
cat >"$build/cross.ini" <<EOF
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '/usr/$lib', '-E', 'LD_LIBRARY_PATH=$root/usr/lib/$lib/blis-pthread:$root/usr/lib/$lib']

[built-in options]
c_args = ['-isystem', '$root/usr/include/$lib/blis-pthread']
c_link_args = ['-L$root/usr/lib/$lib/blis-pthread', '-L$root/usr/lib/$lib', '-Wl,-rpath-link,$root/usr/lib/$lib']

[properties]
pkg_config_libdir = '$root/pkgconfig'

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'armv8-a'
endian = 'little'
EOF

[ -f "$build/build.ninja" ] || meson setup "$build" --buildtype=release --cross-file "$build/cross.ini" -Dwerror=true \
    -Dzlib=disabled -Dpng=disabled -Djpeg=disabled -Ddlpack=disabled -Dcjson=disabled
if [ $# = 0 ]; then
    tests=$(meson test -C "$build" --no-rebuild --list 2>/dev/null | sed 's/^.* \/ //' | grep -E '^(core|compute)-')
    set -- $tests
fi
programs=$(for test in "$@"; do echo "$test" | sed -E 's|^([a-z]+)-(.*)$|tests/\1/test_\1_\2|'; done)
# shellcheck disable=SC2086  # a list of programs
ninja -C "$build" $programs
exec meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 4 "$@"
