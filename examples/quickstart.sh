#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a checkout to a distillation report on Fashion-MNIST: installs what is missing, builds, trains for about two minutes.
#
#   sh examples/quickstart.sh [OPTION…]      options are passed to build/examples/distill
#
# KDST_BUILD_DIR names the build folder (default build), CC the compiler.
set -eu
cd "$(dirname "$0")/.."

sh tools/install-packages.sh ${CC:-gcc} libc6-dev meson ninja-build pkg-config \
    libblis-dev zlib1g-dev libcjson-dev libdlpack-dev dataset-fashion-mnist

build=${KDST_BUILD_DIR:-build}
# A folder that was configured before is used as it is.
[ -f "$build/build.ninja" ] || meson setup "$build" --buildtype=release -Dtests=disabled
ninja -C "$build" examples/distill

exec "$build/examples/distill" --preset quick --data /usr/share/datasets/fashion-mnist --out results/quickstart "$@"
