#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does `ykenroll doctor` find each defect, name its remedy, and say that all is well only when it is? Does an error
# about a held card name the holder? Is a token waited for?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/doctor.sh" --tokens 1 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
key=$(state 1)

# finds CODE ID[:TEXT] REMEDY TEXT COMMAND…: exit status, a finding in the JSON, of what or saying what, its remedy
finds() {
	want=$1 id=${2%%:*} remedy=$3 text=$4
	case $2 in *:*) says=${2#*:} ;; *) says= ;; esac
	shift 4
	"$@" >"$T/out" 2>"$T/err" </dev/null
	rc=$?
	n=$((n + 1))
	if [ $rc = "$want" ] && jq -e --arg id "$id" --arg says "$says" --arg fix "$remedy" \
		'any(.findings[]; .id == $id and (.what + ": " + .text | contains($says)) and (.fix // "" | test($fix)))' "$T/out" >/dev/null; then
		echo "ok $n - $text (exit $rc)"
	else
		bad=1
		echo "not ok $n - $text: exit $rc instead of $want, or no finding $id, $says, $remedy"
		sed 's/^/# /' "$T/out" "$T/err" | tail -30
	fi
}
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}
# in a mount namespace of its own, with $T and a shell command: covered COMMAND-TEXT
covered() { unshare -Urm sh -c "$1"; }
namespaces=$(unshare -Urm true 2>/dev/null && echo yes)

# ---- all is well ----
exits 0 '' "all is well" ykenroll doctor
refuse "and no finding says otherwise" grep -E '^(warn|bad)' "$T/out"
claim "the token is among the findings" grep -q '^ok *token *10000001, firmware 5.7.1' "$T/out"
claim "no command that mends is printed" not grep -q 'fix:' "$T/out"
ykenroll doctor --json >"$T/json"
claim "JSON says so too" [ "$(jq -r '.well, ([.findings[].level] | unique | map(select(. != "ok" and . != "note")) | length)' "$T/json" | tr '\n' ' ')" = "true 0 " ]
claim "nothing was sent that costs a try" [ "$(card '.refused | add')" = 0 ]

# ---- pcscd ----
if [ -n "$namespaces" ]; then
	finds 3 pcscd-down 'systemctl enable --now pcscd.socket' "pcscd is not running" \
		covered 'mount -t tmpfs tmpfs /run/pcscd && exec ykenroll doctor --json'
	cat >"$T/hangup.py" <<'PY'
import os, socket, sys
mode = int(sys.argv[1], 8)
s = socket.socket(socket.AF_UNIX)
s.bind("/run/pcscd/pcscd.comm")
os.chmod("/run/pcscd/pcscd.comm", mode)
s.listen(8)
open(sys.argv[2], "w").close()
while True:  # what pcscd does with whom polkit refuses
    s.accept()[0].close()
PY
	false_pcscd='mount -t tmpfs tmpfs /run/pcscd || exit 99; rm -f "$T/up"; timeout 1800 python3 "$T/hangup.py" MODE "$T/up" & p=$!
		while [ ! -e "$T/up" ]; do sleep 0.05; done; COMMAND; rc=$?; kill $p; exit $rc'
	finds 3 pcscd-refused 'ykenroll.rules' "polkit refuses" \
		covered "$(echo "$false_pcscd" | sed 's/MODE/666/; s/COMMAND/ykenroll doctor --json/')"
	finds 3 pcscd-closed 'chmod 666 /run/pcscd/pcscd.comm' "pcscd's socket is closed" \
		covered "$(echo "$false_pcscd" | sed 's/MODE/000/; s/COMMAND/setpriv --bounding-set=-all --inh-caps=-all ykenroll doctor --json/')"
	# pcscd 2 asks polkit, which is not here
	pcscd --help 2>&1 | grep -q -- --disable-polkit && nopolkit=--disable-polkit || nopolkit=
	export nopolkit
	lonely='mount -t tmpfs tmpfs /run/pcscd && mkdir /run/pcscd/none && { pcscd --foreground $nopolkit --config /run/pcscd/none >/dev/null 2>&1 & p=$!; } &&
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -S /run/pcscd/pcscd.comm ] || sleep 0.1; done
		COMMAND; rc=$?; kill $p; exit $rc'
	bus='mount -t tmpfs tmpfs /sys/bus && d=/sys/bus/usb/devices && mkdir -p $d/1-2 $d/1-2:1.0 &&
		echo 1050 >$d/1-2/idVendor && echo CLASS >$d/1-2:1.0/bInterfaceClass && ykenroll doctor --json'
	finds 3 ccid-missing 'apt install libccid' "no CCID driver" \
		covered "$(echo "$lonely" | sed 's/COMMAND/ykenroll doctor --json/')"
	if [ -d /sys/bus ]; then
		finds 3 usb-ccid-off 'ykman config usb --enable PIV' "CCID disabled on the key" \
			covered "$(echo "$bus" | sed 's/CLASS/03/')"
		finds 3 usb-no-reader 'gpgconf --kill scdaemon' "a key that no reader shows" \
			covered "$(echo "$bus" | sed 's/CLASS/0b/' >"$T/bus.cmd"; echo "$lonely" | sed 's|COMMAND|. "$T/bus.cmd"|')"
	else
		skip "CCID disabled on the key" "no /sys/bus here"
		skip "a key that no reader shows" "no /sys/bus here"
	fi
else
	for t in "pcscd is not running" "polkit refuses" "pcscd's socket is closed" "no CCID driver" "CCID disabled on the key" \
		"a key that no reader shows"; do
		skip "$t" "no user namespace in here"
	done
fi
ykvirt control "$key" fault 'ins=A4;sw=6A82' >/dev/null
finds 3 token-piv-off 'ykman config usb --enable PIV' "PIV disabled on the key" ykenroll doctor --json
ykvirt control "$key" remove >/dev/null && sleep 0.6
exits 0 '' "no token in the reader is no defect" ykenroll doctor --json
claim "but said" jq -e 'any(.findings[]; .id == "readers-empty")' "$T/out"

# ---- waiting for a token ----
exits 2 '--wait .*soon' "--wait wants a number" ykenroll check --wait soon
exits 3 ' 1 s\)' "--wait gives up" ykenroll check --wait 1
exits 3 '^ykenroll: .* 10000001 ' "and says why" ykenroll check --wait 1 --device 10000001
(sleep 1.5; ykvirt control "$key" insert >/dev/null) &
start=$(date +%s%3N)
exits 12 ' 1800 s\)' "a token that is plugged in later is found" ykenroll check --wait 1800 --device 10000001
took=$(($(date +%s%3N) - start))
claim "as soon as it is there ($took ms)" [ "$took" -lt 1700000 ]

# ---- held ----
cat >"$T/hold.py" <<'PY'
# hold.py NAME HOW SECONDS READY: hold the card under a name; HOW: transaction, exclusive, hidden, idle
import ctypes, sys, time
name, how, sec, ready = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
if how == "hidden":
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
pcsc = ctypes.CDLL("libpcsclite.so.1")
ctx, card, proto = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
size = ctypes.c_ulong(4096)
names = ctypes.create_string_buffer(4096)
assert pcsc.SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(ctx)) == 0
assert pcsc.SCardListReaders(ctx, None, names, ctypes.byref(size)) == 0
reader = names.raw.split(b"\0")[0]
share = 1 if how == "exclusive" else 2
if how != "idle":
    assert pcsc.SCardConnect(ctx, reader, ctypes.c_ulong(share), ctypes.c_ulong(2), ctypes.byref(card), ctypes.byref(proto)) == 0
if how in ("transaction", "hidden"):
    assert pcsc.SCardBeginTransaction(card) == 0
open(ready, "w").close()
time.sleep(sec)
PY
hold() { # hold NAME HOW SECONDS
	rm -f "$T/holds"
	python3 "$T/hold.py" "$1" "$2" "$3" "$T/holds" &
	holder=$!
	while [ ! -e "$T/holds" ] && kill -0 $holder 2>/dev/null; do sleep 0.05; done
}
let_go() { kill $holder 2>/dev/null; wait $holder 2>/dev/null; }

hold scdaemon transaction 60
finds 20 "held:scdaemon (pid $holder)" 'gpgconf --kill scdaemon.*disable-ccid.*pcsc-shared' "a card held by scdaemon" ykenroll doctor --json
exits 20 "scdaemon .pid $holder.; .*gpgconf --kill" "every command says who holds it" ykenroll check
exits 20 "scdaemon .pid $holder." "also when the token is chosen by serial" ykenroll check --device 10000001
claim "the holder is left alone" kill -0 $holder
let_go
hold firefox-esr exclusive 60
finds 20 held:firefox-esr 'close Firefox, or unload the module' "a card held exclusively by a browser" ykenroll doctor --json
let_go
hold yubikey-agent transaction 60
finds 20 held:yubikey-agent 'systemctl --user stop yubikey-agent' "a card held by yubikey-agent" ykenroll doctor --json
let_go
hold "$(printf 'x\033[31mx')" transaction 60
exits 20 '' "an unknown program with a hostile name" ykenroll doctor
claim "is named, escaped" grep -q '^bad *held by *x.x1b.31mx' "$T/out"
refuse "whose name does not reach the terminal raw" grep -q "$(printf '\033')" "$T/out" "$T/err"
let_go
hold scdaemon hidden 60
# without root's powers; who has none of them may not even give them up
[ "$(id -u)" = 0 ] && weak="setpriv --bounding-set=-all --inh-caps=-all" || weak=
if $weak readlink /proc/$holder/fd/0 >/dev/null 2>&1; then
	skip "a holder that this user cannot look at is guessed" "it can be looked at here"
else
	finds 20 held-perhaps:scdaemon 'gpgconf --kill scdaemon' "a holder that this user cannot look at is guessed" \
		$weak ykenroll doctor --json
fi
let_go
hold scdaemon idle 60
exits 0 '' "a program that is only connected is no defect" ykenroll doctor --json
claim "but named" jq -e 'any(.findings[]; .id == "held" and .level == "note" and (.text | contains("scdaemon")))' "$T/out"
let_go
hold scdaemon transaction 4
exits 12 ' 1800 s\)' "a held card is waited for" ykenroll check --wait 1800

# ---- home ----
chmod 755 "$T/home"
finds 2 home-open "chmod 700 '$T/home'" "a home that is too open" ykenroll doctor --json
chmod 700 "$T/home"
chmod 644 "$T/home/flight.key"
finds 2 home-open:flight.key "chmod 600 '$T/home/flight.key'" "a key file that is too open" ykenroll doctor --json
chmod 600 "$T/home/flight.key"
finds 2 home-missing 'ykenroll init' "no home" ykenroll doctor --json --home "$T/nowhere"
cp -a "$T/home" "$T/broken"
sqlite3 "$T/broken/registry.db" "PRAGMA writable_schema=1" "DROP TRIGGER IF EXISTS x" "UPDATE audit SET detail='forged'" 2>"$T/sql" ||
	head -c 3000 /dev/urandom | dd of="$T/broken/registry.db" bs=1 seek=100 conv=notrunc 2>/dev/null
finds 1 registry-damaged 'backup' "a forged audit row" ykenroll doctor --json --home "$T/broken"

# ---- clock and CRLs: the program is given another time ----
cat >"$T/clock.c" <<'C'
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift;
__attribute__((constructor)) static void begin(void) { shift = atol(getenv("SHIFT_DAYS")) * 86400L; }
int clock_gettime(clockid_t id, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, id, t);
	if (id == CLOCK_REALTIME) t->tv_sec += shift;
	return r;
}
time_t time(time_t *ret)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (ret) *ret = t.tv_sec;
	return t.tv_sec;
}
C
if ${CC:-cc} -shared -fPIC -o "$T/clock.so" "$T/clock.c" 2>"$T/cc.log"; then
	in_days() { SHIFT_DAYS=$1 LD_PRELOAD="$T/clock.so" ykenroll doctor --json; }
	finds 12 'crl-half:issuing CRL' 'ykenroll signer' "a CRL past half of its life" in_days 50
	finds 12 'crl-expired:issuing CRL' 'ykenroll signer.*ykenroll ca publish' "an expired CRL" in_days 95
	finds 12 'crl-ending:root CRL' '' "a root CRL near its end" in_days 380
	finds 12 'crl-expired:root CRL' '' "an expired root CRL" in_days 400
	finds 12 clock-behind 'timedatectl set-ntp true' "a clock behind the registry" in_days -1
	finds 12 clock-before-build 'timedatectl set-ntp true' "a clock before the program" in_days -1000
else
	skip "clock and CRLs" "no C compiler"
fi
rm "$T/home/pub/issuing.crl"
finds 12 crl-missing 'ykenroll signer' "no CRL" ykenroll doctor --json
timeout 3 ykenroll signer --ca-pass "file:$T/pass" >/dev/null 2>&1
exits 0 '' "the remedy for a CRL helps" ykenroll doctor --json
finish
