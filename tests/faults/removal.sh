#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does the program itself survive the removal of its card behind a real pcscd? Every fourth APDU of an enrolment, before
# delivery, after delivery, after the answer (test_removal does every one in its own process). FULL=1: every APDU. QUICK=N: of
# these every Nth with one of the three kinds, and the last with each, on one firmware.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
STEP=$((4 * ${QUICK:-1}))
[ -z "${FULL-}" ] || STEP=1

key() { echo "$YKVIRT_STATE_DIR/key-1.json"; }
seen() { ykvirt control "$(key)" status | jq "$1"; }

inside_count() {
	do_enroll >"$P/enroll.out" 2>&1 && seen .apdus >"$P/apdus"
}

# A removal after the last answer may leave it complete; any other is told as what it is.
told() { # told STATUS NAME
	[ "$1" = 14 ] && grep -q '^ykenroll: ' "$P/fault.out" && return 0
	[ "$1" = 0 ] && [ "$2" = "$(cat "$T/$v/apdus")-remove-answered" ] && : >"$P/complete"
}

# pcscd needs a moment to see it
insert() {
	ykvirt control "$(key)" insert || return 1
	for _ in $(seq 9000); do
		ykenroll check >"$P/insert.out" 2>&1
		case $? in 3 | 14 | 20) ;; *) return 0 ;; esac
		sleep 0.1
	done
	return 1
}

inside_remove() { # inside_remove N-KIND
	ykvirt control "$(key)" fault "at=${1%%-*};${1#*-}" || return 1
	do_enroll >"$P/fault.out" 2>&1
	told $? "$1" || return 1
	[ "$(seen .faults)" = 1 ] || return 1
	: >"$P/removed"
	keep
	insert && again "${1%%-*}" || return 1
	(cd "$P/.." && python3 "$here/checker.py" --live --key recovery.key --pass "$T/rpass" "${P##*/}") >"$P/live.out" 2>&1
}

v=${2-}
case ${1-} in
remove | count) in_point "$1" "$2" "$3"; exit ;;
inside-*) "inside_${1#inside-}" "$3"; exit ;;
esac

names() { # names LAST: every STEPth APDU and the last one, with each kind, or the kinds take turns
	{ seq 1 "$STEP" $(($1 - 1)); echo "$1"; } | awk -v last="$1" -v one="${QUICK-}" 'BEGIN { kinds = split("before after answered", kind) }
		{ for (i = 1; i <= kinds; i++) if (one == "" || $1 == last || i == 1 + NR % kinds) print $1 "-remove-" kind[i] }'
}

start
firmwares="5.7.1 5.4.3"
[ -z "${QUICK-}" ] || firmwares=5.7.1
for v in $firmwares; do
	claim "$v: a home and a key" template "$v"
	in_point count "$v" clean
	mv "$T/$v/p-clean/apdus" "$T/$v/apdus" && mv "$T/$v/p-clean" "$T/$v/clean"
	last=$(cat "$T/$v/apdus")
	names "$last" >"$T/$v/names"
	want=$(wc -l <"$T/$v/names")
	claim "$v: enroll takes $last APDUs through pcscd" [ "$last" -ge 20 ]
	points remove "$v" <"$T/$v/names"
	claim "$v: $want points, at each of which the card was removed, and exit status 14 said so" \
		[ "$(count "$T/$v"/p-*/removed)" = "$want" ]
	claim "$v: at most one of them came too late to matter ($(count "$T/$v"/p-*/complete))" \
		[ "$(count "$T/$v"/p-*/complete)" -le 1 ]
	claim "$v: every one was finished by the next run, and ykman agrees" ended_well "$v" 'p-*'
	claim "$v: nothing was lost when it was removed" judge "$v" --mode interrupted $(cd "$T/$v" && ls -d p-*/before)
	claim "$v: card, registry, escrow, log and CRL agree afterwards" judge "$v" --pin "$T/pin" $(cd "$T/$v" && ls -d p-*)
done
finish
