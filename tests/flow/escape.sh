#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does what others wrote reach the terminal unescaped? Names, subjects, registry rows, file names and processes' names with
# ESC, C1, direction marks, zero width and bytes that are no UTF-8, through every command that prints, on pipes and on a
# terminal. screen.py judges, and is asked whether it would notice. (Readers' names: tests/unit/test_escape.c.)
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/escape.sh" --tokens 1 --firmware 5.4.3

screen="python3 $(pwd)/screen.py"
shown() { # shown EXIT TEXT COMMAND…: nothing that is shown commands the terminal
	want=$1 what=$2
	shift 2
	claim "$what (exit $want)" $screen --exit "$want" -- "$@"
}
traces() { # traces MARK EXIT TEXT COMMAND…: and the text did come through, escaped
	mark=$1 want=$2 what=$3
	shift 3
	claim "$what (exit $want), escaped" $screen --exit "$want" --contains "$mark" -- "$@"
}
esc=$(printf 'x\033[31m\302\233\342\200\256\342\200\213y') # the worst of them in one
mark='x\x1b[31m\xc2\x9b\xe2\x80\xae\xe2\x80\x8by'
export esc

# ---- would it be noticed? ----
claim "planted: each text is noticed" $screen --each --planted -- printf %s @@
plant_one() { printf '%s' "$esc" >"$T/raw"; not $screen --pipes -- cat "$T/raw"; }
claim "planted: a file with ESC is noticed" plant_one
claim "plain text is not" $screen -- printf 'Zo\303\253 \346\227\245\346\234\254 \360\237\230\200\tx\n'

make_ca >"$T/init.log" 2>&1

# ---- words and file names ----
each() { # each EXIT COMMAND…: with each text in the place of @@
	want=$1
	shift
	$screen --each --exit "$want" --pipes -- "$@"
}
dry="--ca-pass file:$T/pass --pin file:$T/pin --dry-run"
claim "a holder's name with any text is refused" each 2 ykenroll enroll A@@ --email a@example.org $dry
claim "so is an address" each 2 ykenroll enroll A --email a@@@example.org $dry
claim "so is a CA's name" each 2,11 ykenroll init --home "$T/h2" --name A@@ --recovery-out "$T/r2" \
	--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
rm -rf "$T/h2" "$T/r2"
e="ykenroll enroll A --email a@example.org"
traces "$mark" 2 "an unknown command" ykenroll "$esc"
traces "$mark" 2 "an unknown verb" ykenroll token "$esc"
traces "$mark" 2 "an unknown verb of escrow" ykenroll escrow "$esc"
traces "$mark" 2 "an unknown option" ykenroll list "--$esc"
shown 2 "an algorithm" $e --algorithm "$esc"
traces "$mark" 2 "a profile" $e --profile "$esc"
traces "$mark" 2 "a policy" $e --touch-policy "$esc"
shown 2 "a serial number" $e -d "$esc"
traces "$mark" 2 "a slot" ykenroll token export "$esc"
traces "$mark" 3 "a reader" ykenroll check --reader "$esc"
traces "$mark" 1 "a home" ykenroll list --home "$T/$esc"
traces "$mark" 1 "a home in the environment" env YKENROLL_HOME="$T/$esc" ykenroll list
traces "$mark" 2 "a home, to doctor" ykenroll doctor --home "$T/$esc"
traces "$mark" 11 "a home, to ca" ykenroll ca show --home "$T/$esc"
traces "$mark" 2 "a PIN file" $e --ca-pass "file:$T/pass" --pin "file:$T/$esc"
traces "$mark" 11,2 "a passphrase file" $e --ca-pass "file:$T/$esc" --pin "file:$T/pin"
traces "$mark" 2 "a certificate file" ykenroll token import 9c "$T/$esc"
traces "$mark" 1,2,8 "an attestation root" ykenroll init --home "$T/h3" --name X --recovery-out "$T/r3" --rehearsal "$T/$esc" \
	--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
rm -rf "$T/h3" "$T/r3"
traces "$mark" 0,9 "a recovery file and a home that are made" ykenroll init --home "$T/h$esc" --name X --recovery-out "$T/k$esc" \
	--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
traces "$mark" 11 "a home, to ca log" ykenroll ca log --home "$T/$esc"
traces "$mark" 2 "a directory to import" ykenroll ca import "$T/$esc" --recovery-out "$T/r3"
traces "$mark" 0 "the home in ca show" ykenroll ca show --home "$T/h$esc"

# ---- subjects: DER with the string types and bytes that a CA would not issue ----
cat >"$T/subject.py" <<'PY'
# subject.py IN.der TAG HEX OUT: the common name, 40 bytes of "@", becomes TAG and these bytes. OUT.der, OUT.pem, OUT.object
import base64, sys
der = open(sys.argv[1], "rb").read()
new = bytes.fromhex(sys.argv[3])
old = bytes([0x0c, 40]) + b"@" * 40
assert der.count(old) == 2 and len(new) <= 40
pad = b"\0\x40" if sys.argv[2] == "1e" else b"@"
new += pad * ((40 - len(new)) // len(pad))
der = der.replace(old, bytes([int(sys.argv[2], 16), 40]) + new)
open(sys.argv[4] + ".der", "wb").write(der)
open(sys.argv[4] + ".pem", "wb").write(b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n")
open(sys.argv[4] + ".object", "wb").write(b"\x70\x82" + len(der).to_bytes(2, "big") + der + b"\x71\1\0\xfe\0") # SP 800-73-4
PY
ykenroll token generate 9c "$T/9c.pub" >"$T/log" 2>&1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -keyout "$T/k.pem" -outform DER -out "$T/at.der" \
	-subj "/CN=$(head -c 40 /dev/zero | tr '\0' '@')" -days 9 2>"$T/log"
i=0
while read -r tag hex kind; do
	i=$((i + 1))
	python3 "$T/subject.py" "$T/at.der" "$tag" "$hex" "$T/hostile$i"
	slot=9c object=5fc10a
	[ $i = 1 ] && slot=9a object=5fc105
	claim "$kind: it is written to slot $slot" yubico-piv-tool -a write-object --id "0x$object" -f binary -i "$T/hostile$i.object"
	shown 0 "$kind: token info" ykenroll token info
	shown 0,12 "$kind: show --client" ykenroll show --client python --debian 13
	shown 0 "$kind: token info --json" ykenroll token info --json
	shown 0,12 "$kind: token export" ykenroll token export "$slot"
	shown 0,2,9,12 "$kind: token import of the same" ykenroll token import 9c "$T/hostile$i.der"
	[ $i = 1 ] && shown 9 "$kind: enroll names what is in the slot" $e --ca-pass "file:$T/pass" --pin "file:$T/pin"
	[ $i = 2 ] && traces "$mark" 1,2 "an output file" ykenroll token export 9c "$T/none/$esc"
done <<'LIST'
0c 1b5b33316d ESC in UTF-8
13 1b5d35323b633b41414107 OSC 52 in a PrintableString
14 9b33316d C1 in a TeletexString
0c c29b33316d C1 in UTF-8
0c e280ae67706a direction in UTF-8
1e 202e001b200b direction, ESC and zero width in a BMPString
0c 41000a0d42 NUL and line ends in UTF-8
0c ff9bc0 bytes that are no UTF-8
LIST
ykman piv reset -f >"$T/log" 2>&1

# ---- the CA's public files ----
cp -a "$T/home/pub" "$T/pub"
{ echo "$esc"; cat "$T/hostile4.pem"; echo "$esc"; } >"$T/home/pub/issuing.crt"
shown 0,11,12 "ca show with a hostile certificate" ykenroll ca show
shown 0,11,12 "ca show --json" ykenroll ca show --json
{ printf '%s\n' "$esc"; cat "$T/pub/issuing.crl"; printf '%s\n' "$esc"; } >"$T/home/pub/issuing.crl"
shown 0,11,12 "ca show --pem --crl: nothing from around the PEM" ykenroll ca show --pem --crl
printf '%s\n' "$esc" >"$T/home/pub/issuing.crt"
shown 11,12 "ca show with no certificate" ykenroll ca show --pem
rm -rf "$T/home/pub" && cp -a "$T/pub" "$T/home/pub"

# ---- the registry's rows ----
claim "a token is enrolled" enroll "Alice Adams" alice@example.org
python3 - "$T/home/registry.db" <<'PY'
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE holders SET name = ?, key = ?", (os.environ["esc"], "k" + os.environ["esc"]))
db.commit()
PY
traces "$mark" 0 "list" ykenroll list
shown 0 "list --json" ykenroll list --json
claim "which is JSON, with the text in it" sh -c 'ykenroll list --json | jq -e ".tokens[0].name == env.esc"'
token=$(ykenroll list --json | jq '.tokens[0].token')
shown 0 "list --csv" ykenroll list --csv
# it is asked twice, and writes over nothing
shown 0 "receipt" sh -c 'rm -f "$1"; ykenroll receipt "$0" --out "$1"' "$token" "$T/receipt-$esc"
traces "$mark" 0 "receipt verify" ykenroll receipt verify "$T/receipt-$esc" --rehearsal "$YKVIRT_ROOT"
shown 0 "audit export" ykenroll audit export
shown 0 "audit export --csv" ykenroll audit export --csv
traces "$mark" 2 "an unknown verb of audit" ykenroll audit "$esc"
traces "$mark" 2 "a backup's name" ykenroll backup "$T/none/$esc"
traces "$mark" 0 "show" ykenroll show "$token"
traces "$mark" 2 "show of what is not there" ykenroll show "not $esc"
traces "$mark" 2 "a filter" ykenroll list --firmware "$esc"
claim "show --json has the text, too" sh -c 'ykenroll show "$0" --json | jq -e ".holder.name == env.esc"' "$token"
traces "$mark" 0 "token list" ykenroll token list
traces "$mark" 0 "token info" ykenroll token info
shown 0 "token info --json" ykenroll token info --json
shown 0,12 "check" ykenroll check
shown 0,12 "check --json" ykenroll check --json
traces "$mark" 9 "enroll for another" ykenroll enroll Bob --email bob@example.org --ca-pass "file:$T/pass" --pin "file:$T/pin"
shown 0,9 "recover" ykenroll recover --ca-pass "file:$T/pass" --pin "file:$T/pin"
shown 2,9 "token generate" ykenroll token generate 9c
shown 0,1,2,12 "doctor" ykenroll doctor

# ---- a web server ----
traces "$mark" 2 "a URL" ykenroll verify-server "https://$esc/"
traces "$mark" 2 "a file of CAs" ykenroll verify-server https://localhost:8443/ --ca-file "$T/$esc"
traces "$mark" 2 "a client" ykenroll show --client "$esc"
shown 2 "a PIN file that is shown" ykenroll show --client curl --pin-source "/$esc"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -keyout "$T/web.key" -out "$T/web.crt" \
	-subj "/CN=$(printf 'x\033[31m\302\233')" -addext subjectAltName=DNS:localhost -days 9 2>"$T/log"
cat >"$T/web.py" <<'PY'
import os, socket, ssl, sys
ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ctx.load_cert_chain(sys.argv[1] + "/web.crt", sys.argv[1] + "/web.key")
listener = socket.create_server(("127.0.0.1", 8443))
open(sys.argv[1] + "/web.up", "w").close()
while True:
    try:
        with ctx.wrap_socket(listener.accept()[0], server_side=True) as s:
            s.recv(4096)
            s.sendall(b"HTTP/1.1 400 " + os.environb[b"esc"] + b"\r\n\r\n<title>400 " + os.environb[b"esc"] + b"</title>")
    except OSError:
        pass
PY
python3 "$T/web.py" "$T" &
web=$!
while [ ! -e "$T/web.up" ] && kill -0 $web 2>/dev/null; do sleep 0.05; done
shown 10 "what a server answers, and its certificate" ykenroll verify-server https://localhost:8443/ --ca-file "$T/web.crt"
shown 10 "the same in JSON" ykenroll verify-server https://localhost:8443/ --ca-file "$T/web.crt" --json
claim "it had been read" sh -c 'ykenroll verify-server https://localhost:8443/ --ca-file "$T/web.crt" | grep "HTTP 400 (x"'
kill $web

# ---- who holds the card ----
cat >"$T/hold.py" <<'PY'
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(15, b"e\033[31m\302\233x", 0, 0, 0)
pcsc = ctypes.CDLL("libpcsclite.so.1")
ctx, card, proto = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
size, names = ctypes.c_ulong(4096), ctypes.create_string_buffer(4096)
assert pcsc.SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(ctx)) == 0
assert pcsc.SCardListReaders(ctx, None, names, ctypes.byref(size)) == 0
assert pcsc.SCardConnect(ctx, names.raw.split(b"\0")[0], ctypes.c_ulong(2), ctypes.c_ulong(2), ctypes.byref(card), ctypes.byref(proto)) == 0
assert pcsc.SCardBeginTransaction(card) == 0
open(sys.argv[1], "w").close()
time.sleep(60)
PY
python3 "$T/hold.py" "$T/holds" &
holder=$!
while [ ! -e "$T/holds" ] && kill -0 $holder 2>/dev/null; do sleep 0.05; done
claim "the name of who holds the card" $screen --exit 20 --contains "$holder" -- ykenroll check
kill $holder
finish
