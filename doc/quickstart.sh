#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# From a fresh Debian 12 or 13 to a proven login, on a virtual YubiKey: installs what is needed (root or sudo),
# builds, makes a rehearsal CA and enrols one person. Everything is made in a temporary directory and removed.
# The last line is "proved: …".
set -eu
umask 022
cd "$(dirname "$0")/.."

. tests/packages.sh
install_packages $BUILD_PACKAGES $LAB_PACKAGES

work=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-quickstart.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "building in $work/build" >&2
meson setup -Dtests=disabled "$work/build" . >"$work/log" 2>&1 &&
	ninja -C "$work/build" >>"$work/log" 2>&1 ||
	{ cat "$work/log" >&2; exit 1; }
export PATH="$work/build/src:$work/build/src/virtual:$PATH"
export YKENROLL_HOME="$work/home"

# Rehearsal only: with a real CA the passphrases are typed.
umask 077
head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/pass"
echo 482913 >"$work/pin"
export work

ykvirt lab --firmware 5.7.1 -- sh -euc '
	ykenroll init --name Rehearsal --rehearsal "$YKVIRT_ROOT" --recovery-out "$work/recovery.key" \
		--ca-pass file:"$work/pass" --recovery-pass file:"$work/pass"
	ykenroll enroll "Alice Adams" --email alice@example.org --ca-pass file:"$work/pass" --pin file:"$work/pin"
'
