#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Renews bindings/kdst-api.json, bindings/kdst-ffi.h, docs/api.md and docs/api/ from the headers and a build.
#
#   tools/renew-api.sh BUILD
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?usage: tools/renew-api.sh BUILD}
ninja -C "$build" bindings/dump-schemas
schemas=$(mktemp)
trap 'rm -f "$schemas"' EXIT
"$build/bindings/dump-schemas" >"$schemas"
python3 "$root/tools/generate-api.py" json "$root/include/kdst" "$schemas" >"$root/bindings/kdst-api.json"
python3 "$root/tools/generate-api.py" ffi "$root/include/kdst" >"$root/bindings/kdst-ffi.h"
python3 "$root/tools/generate-docs.py" "$root/include/kdst" "$schemas" "$root/docs"
