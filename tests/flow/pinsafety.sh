#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a command ever spend a try that nobody meant to spend? Judged by the virtual key: its counters, and its log of
# the APDUs that carried a PIN or PUK. QUICK: on one firmware, not two.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
if [ -z "${IN_LAB-}" ]; then
	rc=0
	firmwares="5.7.1 5.2.4"
	[ -z "${QUICK-}" ] || firmwares=5.7.1
	for v in $firmwares; do
		(FIRMWARE=$v; export FIRMWARE; in_lab "$(pwd)/pinsafety.sh" --tokens 4 --firmware $v) || rc=1
	done
	exit $rc
fi

umask 077
FACTORY_PIN=123456 FACTORY_PUK=12345678 PIN=654321 PUK=48151623
put() { echo "$2" >"$T/$1"; }
put right-pin $PIN; put right-puk $PUK; put wrong-pin 999999; put wrong-puk 99999999; put fresh 13579753

hex() { printf %s "$1" | od -An -tx1 | tr -d ' \n'; }
padded() { printf '%-16s' "$(hex "$1")" | tr ' ' f; }
left() { ykvirt inspect "$(state "$key")" | jq ".$1.left"; } # left pin|puk
refused() { ykvirt inspect "$(state "$key")" | jq '.refused | add'; }
# how often a PIN or PUK was sent to the key so far
sent() { awk '($3 == "20" || $3 == "24" || $3 == "2C") && $6 > 0 { n++ } END { print n + 0 }' "$(state "$key").log"; }
apdus() { # apdus HEX…: in one session of PIV, by a client that is not ours
	set -- "$@" end
	list="-s 00A4040005A000000308"
	while [ "$1" != end ]; do
		list="$list -s $1"
		shift
	done
	# shellcheck disable=SC2086
	opensc-tool -r "Yubico YubiKey CCID (1000000$key) 00 00" -c default $list >"$T/apdus" 2>&1
}
VERIFY_WRONG=0020008008$(padded 000000)
UNBLOCK_WRONG=002C008010$(padded 000000)$(padded 000000)

# at N pin|puk: PIN and PUK are as in the files above, with 3 tries each, and N are left of this one
at() {
	[ "$(left pin)" != 0 ] || { apdus "002C008010$(padded "$puk_now")$(padded $FACTORY_PIN)" && pin_now=$FACTORY_PIN; }
	put now-pin "$pin_now"
	ykenroll token set-retries 3 3 --force --last-try -d 1000000$key --pin "file:$T/now-pin" >"$T/at" 2>&1 || return 1
	set -- "$1" "$2" "0024008010$(padded $FACTORY_PIN)$(padded $PIN)" "0024008110$(padded $FACTORY_PUK)$(padded $PUK)"
	wrong=$VERIFY_WRONG
	[ "$2" = pin ] || wrong=$UNBLOCK_WRONG
	case $1 in
	3) apdus "$3" "$4" ;;
	2) apdus "$3" "$4" "$wrong" ;;
	1) apdus "$3" "$4" "$wrong" "$wrong" ;;
	esac
	pin_now=$PIN puk_now=$PUK
	[ "$(left "$2")" = "$1" ]
}

# spends TEXT pin|puk TIMES LEFT: so often was one sent since the marks were taken, and so many are left of it
mark() { sent_before=$(sent) refused_before=$(refused); }
spends() { claim "$1: sent $3 times, $4 left" [ "$(($(sent) - sent_before)):$(left "$2")" = "$3:$4" ]; }

# try VERB pin|puk right|wrong N FLAG COMMAND…
try() {
	verb=$1 ref=$2 value=$3 n_left=$4 flag=$5
	shift 5
	name="$FIRMWARE: $verb with the $value $ref at $n_left left${flag:+ and $flag}"
	claim "$name: the key is prepared" at "$n_left" "$ref"
	mark
	# this one does not tell the PUK's tries, and an enrolment changes the PUK
	case $FIRMWARE/$ref/$verb in
	5.2.4/puk/* | 5.2.4/*/enroll) known= ;;
	*) known=1 ;;
	esac
	if [ -z "$flag" ] && [ -z "$known" ]; then
		exits 4 '--last-try' "$name" "$@"
		spends "$name" "$ref" 0 "$n_left"
	elif [ -z "$flag" ] && [ "$n_left" = 1 ]; then
		exits 4 '--last-try.*tries left: 1' "$name" "$@"
		spends "$name" "$ref" 0 1
	elif [ "$value" = right ]; then
		exits 0 '' "$name" "$@" $flag
		spends "$name" "$ref" 1 3
		claim "$name: nothing was refused" [ "$(refused)" = "$refused_before" ]
		done_by "$verb"
	elif [ "$n_left" = 1 ]; then
		exits 5 '' "$name" "$@" $flag
		spends "$name" "$ref" 1 0
	else
		exits 4 "tries left: $((n_left - 1))" "$name" "$@" $flag
		spends "$name" "$ref" 1 $((n_left - 1))
	fi
}
done_by() { # what PIN and PUK are now
	case $1 in
	change-pin | unblock-pin) pin_now=13579753 ;;
	change-puk) puk_now=13579753 ;;
	set-retries) pin_now=$FACTORY_PIN puk_now=$FACTORY_PUK ;;
	esac
}
verb() { # verb VERB VALUE N FLAG
	token="ykenroll token $1 -d 1000000$key"
	case $1 in
	change-pin) try "$1" pin "$2" "$3" "$4" $token --pin "file:$T/$2-pin" --new-pin "file:$T/fresh" ;;
	change-puk) try "$1" puk "$2" "$3" "$4" $token --puk "file:$T/$2-puk" --new-puk "file:$T/fresh" ;;
	unblock-pin) try "$1" puk "$2" "$3" "$4" $token --puk "file:$T/$2-puk" --new-pin "file:$T/fresh" ;;
	set-retries) try "$1" pin "$2" "$3" "$4" $token 3 3 --force --pin "file:$T/$2-pin" ;;
	esac
}

# ---- the verbs of ykenroll token ----
key=4 pin_now=$FACTORY_PIN puk_now=$FACTORY_PUK
for verb in change-pin change-puk unblock-pin set-retries; do
	for value in right wrong; do
		for n_tries in 3 2 1; do
			verb $verb $value $n_tries ''
			verb $verb $value $n_tries --last-try
		done
	done
done

# ---- enroll ----
claim "$FIRMWARE: init makes a rehearsal CA" make_ca
enroll_with() { # enroll_with VALUE N FLAG
	try enroll pin "$1" "$2" "$3" enroll "Alice $key" alice$key@example.org -d 1000000$key \
		--current-pin "file:$T/$1-pin" --current-puk "file:$T/right-puk"
}
# An enrolment that succeeds sends PIN and PUK for other reasons too: its refusals are what counts.
enrolls() { # enrolls N FLAG
	name="$FIRMWARE: enroll with the right pin at $1 left${2:+ and $2}"
	claim "$name: the key is prepared" at "$1" pin
	mark
	# shellcheck disable=SC2086
	exits 0 '' "$name" enroll "Alice $key" alice$key@example.org -d 1000000$key \
		--current-pin "file:$T/right-pin" --current-puk "file:$T/right-puk" $2
	claim "$name: nothing was refused" [ "$(refused):$(left pin):$(left puk)" = "$refused_before:3:3" ]
}
key=1 pin_now=$FACTORY_PIN puk_now=$FACTORY_PUK
for n_tries in 3 2 1; do
	enroll_with wrong $n_tries ''
	enroll_with wrong $n_tries --last-try
done
enroll_with right 1 ''
for key in 1 2 3; do
	[ $key = 1 ] || pin_now=$FACTORY_PIN puk_now=$FACTORY_PUK
	if [ $key = 1 ] || [ "$FIRMWARE" = 5.2.4 ]; then # which does not tell the PUK's tries
		enrolls $key --last-try
	else
		enrolls $key ''
	fi
done

# ---- does the judge judge? ----
key=4
claim "$FIRMWARE: the key is prepared" at 3 pin
mark
apdus "$VERIFY_WRONG" "$VERIFY_WRONG"
claim "$FIRMWARE: two tries in a row show in log and counters" \
	[ "$(($(sent) - sent_before)):$(($(refused) - refused_before)):$(left pin)" = 2:2:1 ]
finish
