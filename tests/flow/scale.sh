#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does what was issued before cost nothing: in the time of a start, of a certificate, of a CRL? The figures are of the benches, here
# with few thousand; with FULL=1 a million.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-flow.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
shown() { "$@" >"$T/figures" 2>&1; }
claim "a CRL has the entries that openssl ca's has, and nginx takes it" shown sh ../bench/crl.sh
sed 's/^/# /' "$T/figures"
claim "a certificate costs no more after many than after few" shown env ROUNDS="${ROUNDS:-150}" COMMANDS="${COMMANDS:-5}" sh ../bench/issue.sh
sed 's/^/# /' "$T/figures"
finish
