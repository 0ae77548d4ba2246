#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How long does an enrolment take, and on what? Prints figures; asserts nothing. Needs ykenroll and ykvirt in PATH.
#
#   sh tests/bench/enroll.sh [RUNS] [FIRMWARE]
set -eu
runs=${1:-20}
firmware=${2:-5.7.1}
if [ -z "${IN_LAB-}" ]; then
	T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-bench.XXXXXX")
	trap 'rm -rf "$T"' EXIT
	export T
	IN_LAB=1 ykvirt lab --firmware "$firmware" -- sh "$0" "$runs" "$firmware"
	exit
fi

umask 077
echo "correct horse battery" >"$T/pass"
echo 482913 >"$T/pin"
ykenroll init --home "$T/home" --name Bench --rehearsal "$YKVIRT_ROOT" --recovery-out "$T/recovery.key" \
	--ca-pass "file:$T/pass" --recovery-pass "file:$T/pass" >/dev/null
i=0
while [ "$i" -lt "$runs" ]; do
	rm -rf "$T/h"
	cp -a "$T/home" "$T/h"
	ykman piv reset -f >/dev/null 2>&1
	ykenroll enroll "Alice Adams" --email alice@example.org --home "$T/h" --ca-pass "file:$T/pass" \
		--pin "file:$T/pin" --json 2>/dev/null >>"$T/all.json"
	i=$((i + 1))
done
jq -rs --arg fw "$firmware" '
	def stat(f): map(f) | sort | {min: .[0], median: .[length / 2 | floor], max: .[-1]};
	def row(name; f): stat(f) as $s | "\(name)\t\($s.min * 10 | round / 10)\t\($s.median * 10 | round / 10)\t\($s.max * 10 | round / 10)";
	"firmware \($fw), \(length) enrolments, \(stat(.apdus).max) APDUs each at most; milliseconds:",
	"part\tmin\tmedian\tmax",
	row("card"; .times_ms.card), row("kdf"; .times_ms.kdf), row("fsync"; .times_ms.fsync),
	row("rest"; .times_ms.rest), row("total"; .times_ms.total)' "$T/all.json"
