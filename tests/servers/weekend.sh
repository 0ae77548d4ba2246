#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Ten days in which nobody touches anything: do the servers still let Alice in, and keep Bob out? And without a signer:
# who is locked out, and who had said so? STEP hours at a time (24; with FULL=1: 3).
#
# The clock is libfaketime's: signer, publishers, servers and clients all have it, and see each step. So has nginx's
# worker, whose environment nginx empties (env, around its printed configuration). Go asks nobody for the time, so Caddy
# stays at the first day; it has no CRL, and what time can do to it is done by its list of certificates.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -1)
if [ -z "$lib" ]; then
	echo "1..0 # SKIP no libfaketime here: apt-get install faketime"
	exit 77
fi
in_lab "$(pwd)/weekend.sh" --tokens 2 --firmware 5.7.1
SERVERS=$(for s in nginx apache haproxy caddy; do
	case $s in apache) command -v apache2 ;; *) command -v $s ;; esac >/dev/null && echo $s
done)
STEP=${STEP:-${FULL:+3}} STEP=${STEP:-24}

S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-weekend.XXXXXX") || exit 1
chmod 755 "$S" && mkdir -m 755 "$S/state" "$S/state/none" "$S/run" "$S/live"
export HOME="$S" XDG_CONFIG_HOME="$S/run" XDG_DATA_HOME="$S/run" XDG_CACHE_HOME="$S/run"
daemons=
quit() {
	servers_stop
	for p in $daemons; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
	rm -rf "$S"
}
trap quit EXIT
trap 'exit 143' TERM INT
make_ca >"$T/init.log" 2>&1
printf %s "$(cat "$T/pin")" >"$T/rawpin"

# ---- the clock: one file, of one length, so that nobody reads half of it; the signer sees its own home only ----
printf '+%09d\n' 0 >"$S/clock" && chmod 644 "$S/clock" && ln "$S/clock" "$T/home/pub/clock"
hours=0
clock() { # clock HOURS: since the beginning
	hours=$1
	printf '+%09d\n' $(($1 * 3600)) | dd of="$S/clock" conv=notrunc status=none
}
# libc's own malloc: HAProxy's (jemalloc, in Debian 13) asks for the time while it starts, and libfaketime then for memory
export LD_PRELOAD="$lib libc.so.6" FAKETIME_TIMESTAMP_FILE="$S/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1
began=$(date +%s)
clock 48
claim "the clock can be set" [ $(($(date +%s) - began)) -ge 172800 ]
clock 0

# ---- the people, the signer, the publishers, the servers ----
start_signer() {
	FAKETIME_TIMESTAMP_FILE=$T/home/pub/clock ykenroll-signer --ca-pass "file:$T/pass" 2>>"$S/signer.log" &
	signer=$!
	daemons="$daemons $signer"
	for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && return 0; sleep 0.1; done
	return 1
}
crl() { openssl crl -in "${2:-$T/home/pub/issuing.crl}" -noout "-$1" | cut -d= -f2; }
number() { printf '%d\n' "0x$(crl crlnumber "${1:-$T/home/pub/issuing.crl}" | sed 's/^0x//')"; }
start_server() { # as its own unit would: what is published is there before it starts
	ykenroll ca publish "$(server_dir "$1")" $([ "$1" = caddy ] && echo --leaves) >/dev/null && server_print "$1" || return 1
	[ "$1" != nginx ] || sed -i '1i env FAKETIME_TIMESTAMP_FILE; env FAKETIME_NO_CACHE; env FAKETIME_DONT_FAKE_MONOTONIC;' "$S/run/nginx.conf"
	(server_run "$1") >>"$S/run/$1.log" 2>&1 </dev/null &
	echo $! >"$S/run/$1.server"
	listens "$(server_port "$1")" || { tail "$S/run/$1.log"; return 1; }
	ykenroll ca publish "$(server_dir "$1")" --watch --test "$(server_test_command "$1")" --reload "$(server_reload_command "$1")" \
		>>"$S/publish.$1.log" 2>&1 &
	daemons="$daemons $!"
}
claim "a signer" start_signer
claim "Alice" enroll Alice alice@example.org -d "$(lab_serial 1)"
claim "Bob" enroll Bob bob@example.org -d "$(lab_serial 2)"
server_certificate
python3 "$SERVERS_DIR/echo.py" $BACKEND >"$S/run/echo.log" 2>&1 &
echo $! >"$S/run/echo.pid"
listens $BACKEND
for s in $SERVERS; do claim "$s, as printed" start_server "$s"; done
claim "on Friday, Bob is revoked" ykenroll revoke bob@example.org --reason superseded

# ---- is all as it should be? ----
refused() { case $1 in alert*) true ;; *) [ "$1" = 400 ] || [ "$1" = 403 ] ;; esac; }
logins=0 wrong=0
sample() { # at this hour, at every server; what is wrong goes into $T/wrong
	for s in $SERVERS; do
		a=$(visit "$s" Alice)
		said=$(tr "\n" " " <"$S/said")
		b=$(visit "$s" Bob)
		logins=$((logins + 2))
		[ "$a" = 200 ] || { wrong=$((wrong + 1)); echo "hour $hours, $s: Alice: $a: $said" >>"$T/wrong"; }
		refused "$b" || { wrong=$((wrong + 1)); echo "hour $hours, $s: Bob: $b" >>"$T/wrong"; }
	done
}
all_well() { wrong=0; sample; [ $wrong = 0 ]; }
within() { # within SECONDS COMMAND…
	for _ in $(seq "$1"); do "${2}" && return 0; sleep 1; done
	"${2}"
}
# The servers have what the signer signed last.
followed() { for s in $SERVERS; do cmp -s "$T/home/pub/issuing.crl" "$(server_dir "$s")/issuing.crl.pem" || return 1; done; }
says() { cat "$T/wrong" 2>/dev/null; "$@"; }

: >"$T/wrong"
claim "a minute later everybody knows" within 15 all_well
first=$(number)

# ---- ten days ----
: >"$T/wrong"
logins=0 wrong=0 points=0 fresh=0
numbers=$first
while [ "$hours" -lt 240 ]; do
	clock $((hours + STEP > 240 ? 240 : hours + STEP))
	sample
	points=$((points + 1))
	sleep 2.2 # the signer and the publishers look once a second
	now=$(number)
	[ "$now" = "${numbers##* }" ] || numbers="$numbers $now"
	left=$(($(date -d "$(crl nextupdate)" +%s) - $(date +%s)))
	life=$(($(date -d "$(crl nextupdate)" +%s) - $(date -d "$(crl lastupdate)" +%s)))
	[ $((left * 2)) -ge $((life - 2 * 3600)) ] && fresh=$((fresh + 1)) || echo "hour $hours: $left of $life seconds left" >>"$T/wrong"
done
claim "ten days, $points points, $logins logins: good is accepted and revoked refused everywhere" says [ $wrong = 0 ]
claim "no CRL was past half of its life" says [ $fresh = $points ]
rises() { for x in $1; do [ "$x" -gt "${y:-0}" ] || return 1; y=$x; done; }
claim "the signer renewed it by itself, and its number rose: $numbers" eval 'rises "$numbers" && [ "$(echo $numbers | wc -w)" -ge 3 ]'
claim "the servers have the latest" followed
claim "the signer is the same process" kill -0 "$signer"
for s in $SERVERS; do claim "and so is $s" server_alive "$s"; done

# ---- the same without a signer: would it be noticed? ----
kill "$signer" && wait "$signer"
claim "control: the signer is gone" not kill -0 "$signer"
last=$(number)
doctor() { ykenroll doctor >"$T/doctor" 2>&1; grep -i crl "$T/doctor"; }
doctor_warns() { doctor; grep -Ei '(warn|bad|!).*crl' "$T/doctor"; }
refuse "control: doctor is content with the CRL" doctor_warns
ends=$((hours + left / 3600)) # the hour of the last CRL's end
clock $((ends - 12))
sleep 2
claim "control: twelve hours before the CRL's end all is still well" all_well
claim "and doctor says what is to come" doctor_warns
claim "so do the publishers" grep -l 'CRL .*ykenroll ca crl' "$S"/publish.*.log
clock $((ends + 2))
sleep 1
for s in $SERVERS; do
	if [ "$s" = caddy ]; then
		claim "control: after its end Caddy, which has no CRL, has not noticed" [ "$(visit $s Alice)" = 200 ]
	else
		a=$(visit "$s" Alice)
		claim "control: after it everybody is locked out of $s ($a)" refused "$a"
	fi
	claim "and Bob still is" refused "$(visit "$s" Bob)"
done
claim "doctor says so" doctor_warns
claim "control: there was no new CRL" [ "$(number)" = "$last" ]
claim "the signer is back" start_signer
claim "and all is well again, with nobody's help" within 20 all_well
finish
