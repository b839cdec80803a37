#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Renews abi/symbols.txt and abi/libkdst.abi from the headers: run it on purpose, when the ABI is meant to change.
#
#   tools/renew-abi.sh BUILD
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?usage: tools/renew-abi.sh BUILD}
ninja -C "$build" tests/source/libabi-probe.so
python3 "$root/tools/generate-api.py" symbols "$root/include/kdst" >"$root/abi/symbols.txt"
abidw --no-corpus-path --no-comp-dir-path --no-show-locs \
    --out-file "$root/abi/libkdst.abi" "$build/tests/source/libabi-probe.so"
