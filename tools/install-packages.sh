#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs those of the named Debian packages that are missing; does nothing when all are there.
#
#   sh tools/install-packages.sh PACKAGE…
set -eu

is_installed() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

missing=
for package in "$@"; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "These packages are missing; install them as root and run this again:$missing" >&2
    exit 1
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive

# A package list that is old or not there yet is fetched only when the first attempt fails.
# shellcheck disable=SC2086  # a list of names
apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null 2>&1 && exit 0
apt-get update -qq </dev/null
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null
