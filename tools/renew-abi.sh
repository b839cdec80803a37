#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Renews abi/symbols.txt and abi/libkdst.abi from a build: run it on purpose, when the ABI is meant to change.
#
#   tools/renew-abi.sh BUILD
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?usage: tools/renew-abi.sh BUILD}
ninja -C "$build" lib/libkdst.so.0.1.0 lib/libkdst-abi.so
{
    echo "# Exported functions of libkdst, sorted; renewed by tools/renew-abi.sh."
    nm -D --defined-only "$build/lib/libkdst.so.0.1.0" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | LC_ALL=C sort
} >"$root/abi/symbols.txt"
abidw --drop-private-types --headers-dir "$root/include/kdst" --no-corpus-path --no-comp-dir-path --no-show-locs \
    --out-file "$root/abi/libkdst.abi" "$build/lib/libkdst-abi.so"
