#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# After the first enrolment: does anything that is done to a token survive the removal of the token (before delivery, after
# delivery, answer lost), SIGKILL, and a disk that refuses? Each scenario of libscenarios.sh; every STEPth APDU, every KILLth
# write, sync, rename or word to pcscd, every DISKth of these with each error. A point counts only where it happened.
# FULL=1: every one. PLANS="unblock …": only these. QUICK=N: every Nth of these points, each APDU with one of the three kinds
# of removal, and of the scenarios only those that have steps of their own (the others are an order of the same).
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
[ -n "${T-}" ] || start
. ./libscenarios.sh
STEP=${STEP:-7} KILL=${KILL:-40} DISK=${DISK:-300} LEAST=6
[ -z "${QUICK-}" ] || {
	STEP=$((7 * QUICK)) KILL=$((40 * QUICK)) DISK=$((300 * QUICK + 1)) LEAST=2
	SCENARIOS="reset unblock newkey lost retire adopt"
}
[ -z "${FULL-}" ] || STEP=1 KILL=1 DISK=1
CALLS="write pwrite64 fsync fdatasync rename unlink ftruncate sendto"

has() { command -v "$1" >/dev/null 2>&1; }
set_of() { eval "echo \"\${$1-$2}\""; } # set_of NAME DEFAULT
key() { echo "$YKVIRT_STATE_DIR/key-$K.json"; }
seen() { ykvirt control "$(key)" status | jq "$1"; }
apdus() { ykvirt inspect "$(key)" | jq .apdus; }

inside_before() { "before_$S"; }
inside_count() {
	from=$(apdus)
	"do_$S" strace -f -qq -o "$P/trace" -e "trace=$(echo "$CALLS" | tr ' ' ,)" >"$P/clean.out" 2>&1 </dev/null || return
	echo $(($(apdus) - from)) >"$P/apdus"
	keep
	finished
}
# All is done, and the command says so or does it once more.
finished() {
	has "again_$S" && { "again_$S" >"$P/finished.out" 2>&1; return; }
	"do_$S" already >"$P/finished.out" 2>&1 </dev/null
}
# Every second time recover is asked first; with nothing begun it says so and changes nothing.
complete() { # complete NUMBER
	if [ $(($1 % 2)) = 0 ]; then
		ykenroll recover --device "$(lab_serial "$K")" $secrets --pin "file:$T/pin" $(set_of "recover_$S" "") >"$P/recover.out" 2>&1 </dev/null || return 51
	fi
	"do_$S" >"$P/do.out" 2>&1 </dev/null || return 52
	finished || return 53
}
insert() {
	ykvirt control "$(key)" insert || return 1
	for _ in $(seq 9000); do
		ykenroll check --device "$(lab_serial "$K")" >"$P/insert.out" 2>&1
		case $? in 3 | 14 | 20) ;; *) return 0 ;; esac
		sleep 0.1
	done
	return 1
}

inside_remove() { # N-KIND
	ykvirt control "$(key)" fault "at=${1%%-*};${1#*-}" || return 1
	"do_$S" >"$P/fault.out" 2>&1 </dev/null
	rc=$?
	[ "$(seen .faults)" = 1 ] || return 61
	: >"$P/happened"
	case $rc in
	0) : >"$P/late" ;;
	14) grep -q '^ykenroll: ' "$P/fault.out" || return 62 ;;
	*) return 63 ;;
	esac
	keep
	insert || return 64
	complete "${1%%-*}"
}

inside_kill() { # CALL-N
	nth=${1##*-}
	"do_$S" strace -f -qq -o "$P/trace" -e "trace=${1%-*}" -e "inject=${1%-*}:signal=SIGKILL:when=$nth" >"$P/fault.out" 2>&1 </dev/null
	grep -q 'killed by SIGKILL' "$P/trace" || return 71
	: >"$P/happened"
	keep
	complete "$nth"
}

# full, broken or read-only, once or from then on: the run ends by itself and says so, if it does not succeed
inside_disk() { # CALL-N-ERROR-once|sticky
	IFS=- read -r call nth error how <<-E
		$1
	E
	[ "$how" = once ] && when=$nth || when=$nth+
	"do_$S" strace -f -qq -s 240 -o "$P/trace" -e "trace=$call" -e "inject=$call:error=$error:when=$when" >"$P/fault.out" 2>&1 </dev/null
	rc=$?
	grep -q '(INJECTED)' "$P/trace" && : >"$P/happened"
	[ $rc -lt 100 ] || return 81
	[ $rc = 0 ] || grep -hq 'ykenroll: ' "$P/fault.out" "$P/trace" || return 82
	keep
	complete "$nth"
}

case ${1-} in
before | count | remove | kill | disk)
	S=${2#*-}
	export S
	K=$(set_of "key_$S" 1) KEYS=$(set_of "keys_$S" 1)
	export K KEYS
	in_point "$1" "$2" "$3"
	exit
	;;
inside-*) "inside_${1#inside-}" "$3"; exit ;;
esac

# strace counts by call and by process
calls() {
	awk '{ call = $2; sub(/\(.*/, "", call) } call ~ /^[a-z]+[0-9]*$/ { if (++n[$1, call] > max[call]) max[call] = n[$1, call] }
		END { for (c in max) for (i = 1; i <= max[c]; i++) print c "-" i }' "$1" | sort -V >"$1.calls"
	# LEAST at least
	step=$(($(wc -l <"$1.calls") / LEAST))
	[ "$step" -lt "$KILL" ] || step=$KILL
	awk -v s="$step" 's <= 1 || NR % s == 0' "$1.calls"
}
# Each error, once and sticky, at every DISKth of them
disks() { # disks TRACE, behind calls
	grep -v sendto "$1.calls" | awk -v s="$DISK" 'BEGIN { split("EIO ENOSPC EROFS", e, " ") }
		{ for (i = 1; i <= 3; i++) { if (k++ % s == 0) print $0 "-" e[i] "-once"; if (k++ % s == 0) print $0 "-" e[i] "-sticky" } }'
}
removals() { # removals LAST: every STEPth APDU and the last, with each kind
	{ seq 1 "$STEP" $(($1 - 1)); echo "$1"; } | awk -v one="${QUICK-}" 'BEGIN { kinds = split("before after answered", kind) }
		{ for (i = 1; i <= kinds; i++) if (one == "" || i == 1 + NR % kinds) print $1 "-remove-" kind[i] }'
}

if ! strace -f -o /dev/null true 2>/dev/null; then
	echo "1..0 # SKIP strace may not trace here"
	exit 77
fi
echo 519374 >"$T/pin2"
echo 24681357 >"$T/puk"
points_all=0
for fw in 5.7.1; do
	for S in ${PLANS:-$SCENARIOS}; do
		D=$fw-$S
		export S KEYS="$(set_of "keys_$S" 1)" K="$(set_of "key_$S" 1)"
		claim "$S: a home and what comes before" template "$D" &&
			cp "$T/$D/recovery.key" "$T/recovery.key"
		in_point before "$D" before
		claim "$S: that was done" ended_well "$D" p-before
		[ $bad = 0 ] || finish
		rm -rf "$T/$D/template" && mv "$T/$D/p-before" "$T/$D/template" && rm -f "$T/$D"/template/*.out "$T/$D"/template/key.json
		in_point count "$D" clean
		claim "$S: nothing disturbs it" ended_well "$D" p-clean
		[ $bad = 0 ] || finish
		claim "$S: and the checker agrees" judge "$D" $(set_of "judge_$S" "") p-clean
		last=$(cat "$T/$D/p-clean/apdus")
		calls "$T/$D/p-clean/trace" >"$T/$D/kills"
		: >"$T/$D/disks"
		# what was said, where the saying failed, is in the trace: root's only
		[ "$(id -u)" != 0 ] || disks "$T/$D/p-clean/trace" >"$T/$D/disks"
		mv "$T/$D/p-clean" "$T/$D/clean"
		: >"$T/$D/names"
		[ "$last" = 0 ] || removals "$last" >"$T/$D/names"
		points remove "$D" <"$T/$D/names"
		points kill "$D" <"$T/$D/kills"
		points disk "$D" <"$T/$D/disks"
		want=$(cat "$T/$D/names" "$T/$D/kills" "$T/$D/disks" | wc -l)
		points_all=$((points_all + want))
		claim "$S: $last APDUs; $(wc -l <"$T/$D/names") removals $(wc -l <"$T/$D/kills") kills and $(wc -l <"$T/$D/disks") errors of the disk, each of which happened" \
			[ "$(count "$T/$D"/p-*/happened)" = "$want" ]
		claim "$S: every one was finished by the next run" ended_well "$D" 'p-*'
		claim "$S: nothing was lost at that moment" judge "$D" --mode interrupted $(set_of "mid_$S" "") $(cd "$T/$D" && ls -d p-*/before)
		claim "$S: card, registry, escrow, log and CRL agree afterwards" judge "$D" $(set_of "judge_$S" "") $(cd "$T/$D" && ls -d p-*)
	done
done
echo "# $points_all points"
finish
