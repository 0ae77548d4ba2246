#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Do the tests match facts in messages, so that a message can be worded anew without them?
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/unit/lib.sh

T=$(mktemp) || exit 1
trap 'rm -f "$T"' EXIT
english() { python3 tests/unit/patterns.py "$@" 2>&1; }
cat >"$T" <<'EOF'
exits 2 'does not exist' "a file that is not there" ykenroll ca renew "$T/none.crt"
exits 2 '/none.crt' "not there" ykenroll ca renew "$T/none.crt"
exits 5 'ykenroll token reset|--last-try|tries left: 2' "keys and options" enroll
exits 9 "^ykenroll: $T/x .*registry.db .*keyUsage" "ids and files" enroll
claim "why" grep -q 'reset it' "$T/err"
EOF
claim "planted: English is found, and facts are not taken for it" "$([ "$(english "$T" | sed 's/[^:]*:\([^:]*: [^ ]*\) .*/\1/' | tr '\n' ' ')" = \
	'1: does 1: exist 1: not 5: reset ' ] || english "$T")"
claim "no test matches English" "$(english tests/[!u]*/*.sh)"
finish
