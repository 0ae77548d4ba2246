#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Can the signer be left alone: run by systemd, unlocked by a credential, with nobody there for a weekend, or with a clock
# that jumps? service.py stands in for systemd, faketime for the weekend.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/signer.sh" --tokens 1 --firmware 5.7.1
make_ca >/dev/null 2>&1 || exit 1
build=$(cd "$(dirname "$(command -v ykenroll)")/.." && pwd)
service="python3 $(pwd)/service.py"
home=$YKENROLL_HOME sock=$YKENROLL_HOME/signer.sock
log=$home/ca/issuance.db

until_true() { # until_true SECONDS COMMAND…
	left=$(($1 * 10))
	shift
	while [ $left -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		left=$((left - 1))
		sleep 0.1
	done
	return 1
}
says() { # says PATTERN
	grep -Eq -- "$1" "$T/signer.err"
}
crl_number() { openssl crl -in "$home/pub/issuing.crl" -noout -crlnumber | cut -d= -f2; }

# ---- the units ----
mkdir "$T/units"
cp ../../doc/systemd/ykenroll-signer.socket "$T/units/"
sed "s,^ExecStart=[^ ]*,ExecStart=$(command -v ykenroll-signer)," "$build/doc/systemd/ykenroll-signer.service" >"$T/units/ykenroll-signer.service"
sed -i '/^Documentation=/d' "$T/units/"* # verify wants the page to be installed
if command -v systemd-analyze >/dev/null; then
	claim "systemd-analyze verify has nothing to say" sh -c '! systemd-analyze verify "$T"/units/* 2>&1 | grep -v "^Failed to.*locale"'
	claim "and calls it safe" systemd-analyze security --offline=true --threshold=15 "$T/units/ykenroll-signer.service"
else
	n=$((n + 1))
	echo "ok $n - systemd-analyze verify # SKIP no systemd-analyze"
fi

# ---- run by a service manager ----
$service --cred "ca-pass=$T/pass:400" --socket "$sock" -- ykenroll signer --ca-pass credential:ca-pass >"$T/service" 2>"$T/signer.err" &
manager=$!
claim "readiness is told" until_true 1800 grep -q '^notify READY=1' "$T/service"
pid=$(awk '$1 == "pid" { print $2 }' "$T/service")
claim "it says where it listens" [ -s "$T/signer.err" ]
status() { awk -v f="$1:" '$1 == f { print $2 }' "/proc/$pid/status"; }
claim "no new privileges" [ "$(status NoNewPrivs)" = 1 ]
claim "a filter for its system calls" [ "$(status Seccomp)" = 2 ]
claim "its secrets, and OpenSSL's, in locked memory" [ "$(status VmLck)" -ge 64 ]
exits 0 '' "enroll by way of the socket that was handed over, without a passphrase" \
	ykenroll enroll Alice --email alice@example.org --pin "file:$T/pin" --non-interactive
kill "$pid"
wait $manager
claim "it ends well on SIGTERM" grep -q '^ended 0' "$T/service"
claim "and leaves the socket, which is not its own" [ -S "$sock" ]
rm -f "$sock"
claim "who asked is in every row of the log" [ "$(sqlite3 "$log" "SELECT count(*) > 5, sum(peer <> $(id -u)) FROM rows")" = "1|0" ]

rm -f "$T/service" # what the last one said is not this one's word
$service --abstract --cred "ca-pass=$T/pass:440" -- ykenroll signer --ca-pass credential:ca-pass >"$T/service" 2>"$T/signer.err" &
manager=$!
claim "readiness is told to an abstract address, and a mask of an ACL is no fault" until_true 1800 grep -q '^notify READY=1' "$T/service"
kill "$(awk '$1 == "pid" { print $2 }' "$T/service")"
wait $manager
run() { # run ARGUMENTS-OF-SERVICE… -- : with that credential, what does the signer say?
	timeout 1800 $service "$@" ykenroll signer --ca-pass "${spec:-credential:ca-pass}"
}
exits 2 '/ca-pass .*mode 444' "a credential that others can read is refused" run --cred "ca-pass=$T/pass:444" --
exits 2 '/ca-pass ' "one that is not there is named" run --cred "other=$T/pass:400" --
exits 2 'ca-pass: .*LoadCredential=' "without systemd there is none" ykenroll signer --ca-pass credential:ca-pass
spec=credential:../pass
exits 2 "'../pass'" "a path is no name" run --cred "ca-pass=$T/pass:400" --
spec=
echo wrong >"$T/wrong"
exits 11 '/issuing.key' "a wrong one ends it with 11, which the unit does not try again" run --cred "ca-pass=$T/wrong:400" --
claim "readiness is not told then" sh -c '! grep -q READY "$T/out"'
exits 2 'ListenStream=' "a socket of another kind is refused" run --cred "ca-pass=$T/pass:400" --datagram "$T/dgram" --

# ---- init, killed wherever it syncs ----
killed() { # the recovery key is there as a whole or not at all, and nothing lies beside it
	mkdir -m 700 "$T/usb"
	for at in 1 2 3 4 5 6 7 8; do
		strace -f -o /dev/null -e "inject=fsync:signal=SIGKILL:when=$at" ykenroll init --home "$T/usbhome" --name Test \
			--recovery-out "$T/usb/recovery.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass" && return 1
		[ "$(ls "$T/usb")" = recovery.key ] || [ -z "$(ls "$T/usb")" ] || return 1
		[ ! -f "$T/usb/recovery.key" ] || openssl pkey -in "$T/usb/recovery.key" -passin "file:$T/rpass" -noout || return 1
	done
	ykenroll init --home "$T/usbhome" --name Test --recovery-out "$T/usb/recovery.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass" &&
		[ "$(ls "$T/usb")" = recovery.key ]
}
if strace -f -o /dev/null true 2>/dev/null; then
	claim "a killed init leaves nothing beside the recovery key, and the next completes" killed
else
	n=$((n + 1))
	echo "ok $n - a killed init # SKIP strace may not trace here"
fi

# ---- alone for a weekend ----
if ! command -v faketime >/dev/null; then
	n=$((n + 1))
	echo "ok $n - alone for a weekend # SKIP no faketime"
	finish
fi
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1)
clock=$home/pub/clock # where the signer may look
printf '+0d\n' >"$clock"
LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE=$clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
	ykenroll-signer --ca-pass "file:$T/pass" 2>"$T/signer.err" &
signer=$!
claim "a signer under another clock" until_true 1800 says "$home/signer.sock"
first=$(crl_number)
printf '+3d\n' >"$clock"
sleep 3
claim "after three days the CRL is what it was" [ "$(crl_number)" = "$first" ]
printf '+4d\n' >"$clock"
next=$(printf '0x%02X' $((first + 1)))
has_next() { [ "$(crl_number)" = "$next" ]; }
claim "after half of its life there is the next, though no desk has come by" until_true 1800 has_next
claim "servers would take it then" openssl crl -in "$home/pub/issuing.crl" -CAfile "$home/pub/issuing.crt" -noout
claim "it says so in a line" [ "$(grep -c "^CRL number [0-9]" "$T/signer.err")" = 1 ]
printf '+10d\n' >"$clock"
claim "and a week later again" until_true 1800 sh -c 'test "$(grep -c "^CRL number [0-9]" "$T/signer.err")" = 2'
printf '+1d\n' >"$clock"
claim "a clock that is set back is said" until_true 1800 says '[0-9]Z, '
exits 0 '' "what needs no signature is still answered" ykenroll ca show --pem
exits 11 '[0-9]Z, ' "what needs one is refused" ykenroll revoke alice@example.org --reason superseded
said=$(wc -l <"$T/signer.err")
printf '+11d\n' >"$clock"
claim "and said when it is over" until_true 1800 sh -c 'test "$(wc -l <"$T/signer.err")" -gt "$1"' sh "$said"
printf '+220d\n' >"$clock"
claim "the root's CRL, which wants a person, is spoken of" until_true 1800 says 'ykenroll ca crl --root'
kill $signer
wait $signer 2>/dev/null
rm -f "$clock"
finish
