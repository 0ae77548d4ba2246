#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a revocation lost, whatever has happened to the directory of a CA that is imported? See import.py. QUICK: 12 of 200.
set -u
cd "$(dirname "$0")" || exit 1
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-import.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
umask 077
python3 import.py "$T" "$([ -n "${QUICK-}" ] && echo 12 || echo "${MUTANTS:-200}")" "${SEED:-1}"
