#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does SIGKILL where something goes to disk lose anything? Each fsync, fdatasync, rename, link, unlink and mkdir of init and
# of enroll, the signer included, is once the last call of its process. FULL=1: each write, and each word to pcscd, of which
# an APDU has several, as well. QUICK=N: every Nth such call, of init every 2Nth, and one firmware. FIRMWARES=: init alone.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
CALLS="fsync fdatasync rename link unlink mkdir"
FIRMWARES=${FIRMWARES-5.7.1 5.4.3}
[ -z "${QUICK-}" ] || FIRMWARES=${FIRMWARES%% *}
[ -z "${FULL-}" ] || CALLS="$CALLS write pwrite64 ftruncate sendto"

# killing TRACE CALL N COMMAND…: SIGKILL at the Nth such call of a process, before it is made
killing() {
	trace=$1 call=$2 nth=$3
	shift 3
	strace -f -qq -o "$trace" -e "trace=$call" -e "inject=$call:signal=SIGKILL:when=$nth" "$@" >"$trace.out" 2>&1 </dev/null
}
tracing() { # tracing TRACE COMMAND…
	trace=$1
	shift
	strace -f -qq -o "$trace" -e "trace=$(echo "$CALLS" | tr ' ' ,)" "$@" >"$trace.out" 2>&1 </dev/null
}
# strace counts by call and by process: CALL-N for each N up to the highest count of one process
names() {
	awk '{ call = $2; sub(/\(.*/, "", call) } call ~ /^[a-z]+[0-9]*$/ { if (++n[$1, call] > max[call]) max[call] = n[$1, call] }
		END { for (c in max) for (i = 1; i <= max[c]; i++) print c "-" i }' "$1" | sort -V
}
thin() { awk -v s=$((${QUICK:-1} * ${1:-1})) 'NR % s == 0'; } # thin [TIMES]: to an Nth, or so many times fewer
killed() { grep -q 'killed by SIGKILL' "$1"; }

# ---- in a lab, at one point ----

inside_enroll() { # inside_enroll NAME
	nth=${1##*-}
	do_enroll killing "$P/trace" "${1%-*}" "$nth"
	said=$?
	killed "$P/trace" || return 2
	keep
	# a signer that dies at its very end has answered: then what the run said must be so as it is
	[ $said != 0 ] || do_enroll already >"$P/already.out" 2>&1 || return 1
	# every third time the run after it dies as well
	if [ $((nth % 3)) = 0 ]; then
		do_enroll killing "$P/trace2" fdatasync $((nth % 5 + 1))
		killed "$P/trace2" && : >"$P/twice"
	fi
	again "$nth"
}

inside_count() {
	do_enroll tracing "$P/trace"
}

# ---- init: needs no lab ----

# Finished by the next run, which puts the recovery key elsewhere every second time; or complete: then that says so. The
# key that was named last is the one that opens what is sealed from then on.
init_again() { # init_again FILE
	key=$1
	init_to "$key" >"$P/init.out" 2>&1
	case $? in
	0) ;;
	9) grep -q "^ykenroll: $P/home " "$P/init.out" && key=recovery.key || return 1 ;;
	*) return 1 ;;
	esac
	openssl pkey -in "$P/$key" -passin "file:$T/rpass" -out "$P/plain" || return 1
	echo a secret | openssl cms -encrypt -binary -aes-256-gcm -outform DER -out "$P/sealed" "$P/home/recovery.crt" &&
		openssl cms -decrypt -inform DER -in "$P/sealed" -inkey "$P/plain" -recip "$P/home/recovery.crt" | grep -q 'a secret' || return 1
	python3 "$here/checker.py" --mode init --key "$P/plain" --pass "$T/rpass" "$P"
}

init_point() { # init_point NAME
	mkdir "$P"
	nth=${1##*-}
	init killing "$P/trace" "${1%-*}" "$nth" && return 1
	killed "$P/trace" || return 2
	if [ $((nth % 2)) = 0 ]; then
		init killing "$P/trace2" fsync $((nth % 7 + 1))
		killed "$P/trace2" && : >"$P/twice"
	fi
	[ $((nth / 2 % 2)) = 0 ] && to=recovery.key || to=elsewhere.key
	init_again $to >"$P/check.out" 2>&1
}

case ${1-} in
enroll | count) in_point "$1" "$2" "$3"; exit ;;
inside-*) "inside_${1#inside-}" "$3"; exit ;;
init)
	P=$T/init/p-$3
	init_point "$3"
	echo $? >"$P/rc"
	exit
	;;
esac

# ---- all of it ----

if ! strace -f -o /dev/null true 2>/dev/null; then
	echo "1..0 # SKIP strace may not trace here"
	exit 77
fi
start
echo 24681357 >"$T/puk"
for v in $FIRMWARES 5.7.1-puk; do
	refused=0 former=12345678
	if [ "$v" = 5.7.1-puk ]; then
		# Somebody's PUK: whether the change arrived can only be asked, and the answer may cost a try each run.
		export PUK=given
		refused=2 former=24681357
		claim "$v: a home, and a key whose PUK was changed" \
			template "$v" 'ykman piv access change-puk -p 12345678 -n 24681357'
	else
		claim "$v: a home and a key" template "$v"
	fi
	in_point count "$v" clean
	names "$T/$v/p-clean/trace" | grep "${PUK:+^fdatasync}" >"$T/$v/calls"
	thin <"$T/$v/calls" >"$T/$v/names"
	mv "$T/$v/p-clean" "$T/$v/clean"
	want=$(wc -l <"$T/$v/names")
	claim "$v: enroll and its signer sync ($(grep -c sync "$T/$v/calls") calls of $(wc -l <"$T/$v/calls"))" grep -q '^fdatasync-9' "$T/$v/calls"
	points enroll "$v" <"$T/$v/names"
	claim "$v: $(count "$T/$v"/p-*/rc) points, each of which ended in SIGKILL ($(count "$T/$v"/p-*/twice) twice)" \
		[ "$(grep -l 'killed by SIGKILL' "$T/$v"/p-*/trace | wc -l)" = "$want" ]
	claim "$v: every one was finished by the next run" ended_well "$v" 'p-*'
	claim "$v: nothing was lost when it was killed" judge "$v" --mode interrupted --former-puk $former \
		$(cd "$T/$v" && ls -d p-*/before)
	claim "$v: card, registry, escrow, log and CRL agree afterwards" judge "$v" --refused $refused --pin "$T/pin" $(cd "$T/$v" && ls -d p-*)
done

mkdir "$T/init" "$T/init/clean"
P=$T/init/clean
claim "init runs under strace" init tracing "$P/trace"
names "$P/trace" | grep -v '^mkdir-[1-4]$' | thin ${QUICK:+2} >"$T/init/names"
want=$(wc -l <"$T/init/names")
points init init <"$T/init/names"
claim "init: $(count "$T"/init/p-*/rc) points, each of which ended in SIGKILL ($(count "$T"/init/p-*/twice) twice)" \
	[ "$(grep -l 'killed by SIGKILL' "$T"/init/p-*/trace | wc -l)" = "$want" ]
claim "init: every one was finished by the next run, and the recovery key is where that says" ended_well init 'p-*'
finish
