#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Can a desk work with a CA on another host, by a socket that ssh forwards, and with nothing of the CA in its own home? The
# other host is this one, by a private sshd on the loopback.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
. ./libsshd.sh
[ -x "$SSHD" ] || { echo "1..0 # SKIP no sshd"; exit 77; }
in_lab "$(pwd)/sshdesk.sh" --tokens 1 --firmware 5.7.1
unset SSH_AUTH_SOCK
make_ca >/dev/null 2>&1 || exit 1
ca=$T/home desk=$T/desk sock=$T/run/signer.sock
mkdir -m 700 "$T/run"
signer_start() {
	ykenroll signer --home "$ca" --ca-pass "file:$T/pass" 2>"$T/signer.err" &
	signer=$!
	for _ in $(seq 9000); do [ -S "$ca/signer.sock" ] && break || sleep 0.2; done
}
export YKENROLL_HOME="$desk"
new_desk() { # new_desk HOME OPTIONS…
	h=$1
	shift
	ykenroll init --home "$h" --recovery-out "$h.recovery" --recovery-pass "file:$T/rpass" "$@"
}
exits 11 '/signer.sock' "a desk whose signer is not there is not made" new_desk "$desk" --signer "$sock"
signer_start
claim "a private sshd, as this user" sshd_start
claim "the socket, forwarded as the manual says" tunnel "$sock" "$ca/signer.sock"
exits 2 '--signer .*--name' "a desk has no CA of its own to name" new_desk "$desk" --signer "$sock" --name Test
exits 2 '--signer ' "nor a socket that depends on where one stands" new_desk "$desk" --signer signer.sock
claim "a desk is made" new_desk "$desk" --signer "$sock"
claim "without a CA in it" [ ! -e "$desk/ca" ]
claim "but with what servers need" cmp "$ca/pub/root.crt" "$desk/pub/root.crt"
exits 9 '/desk .*--home' "not twice" new_desk "$desk" --signer "$sock"
exits 9 '/home .*--home' "nor in the home of a CA" new_desk "$ca" --signer "$sock"

exits 0 '' "enroll" ykenroll enroll Alice --email alice@example.org --pin "file:$T/pin" --non-interactive
claim "openssl believes what is on the token" sh -c 'ykenroll ca show --pem >"$T/ca.pem" && ykenroll ca show --crl >"$T/crl.pem" &&
	yubico-piv-tool -a read-certificate -s 9a >"$T/cert.pem" 2>/dev/null &&
	openssl verify -x509_strict -purpose sslclient -crl_check_all -CAfile "$T/ca.pem" -CRLfile "$T/crl.pem" "$T/cert.pem"'
exits 0 '' "check" ykenroll check
claim "the log has the user of the sshd as who asked" \
	[ "$(sqlite3 "file:$ca/ca/issuance.db?mode=ro" "SELECT DISTINCT peer FROM rows WHERE what = 'intent' AND text IS NOT NULL")" = "$(id -u)" ]
kill $tunnel_pid
wait $tunnel_pid 2>/dev/null
rm -f "$sock"
exits 11 '/signer.sock.* ssh ' "without the ssh: it says so" ykenroll revoke alice@example.org --reason superseded
exits 0 '' "what needs no signer goes on" ykenroll check
claim "the ssh again" tunnel "$sock" "$ca/signer.sock"
kill $signer
wait $signer 2>/dev/null
exits 1 ' ssh ' "without the signer behind it: it says so" ykenroll revoke alice@example.org --reason superseded
signer_start
exits 0 '' "revoke, when both are back" ykenroll revoke alice@example.org --reason superseded
claim "the desk's CRL has it" sh -c 'test "$(openssl crl -in "$1/pub/issuing.crl" -noout -text | grep -c "Serial Number:")" = 1' - "$desk"
claim "and is the CA's" cmp "$ca/pub/issuing.crl" "$desk/pub/issuing.crl"

# ---- another signer behind it ----
kill $signer $tunnel_pid
wait $signer $tunnel_pid 2>/dev/null
rm -f "$sock"
python3 - "$sock" <<'PY' &
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
c, _ = s.accept()
number = lambda tag, n: struct.pack(">BIq", tag, 8, n)
body = None
# the tags are those of message.h; a signer of version 99
import re
names = re.findall(r"^\t(TAG_\w+)", open("../../src/signer/message.h").read(), re.M)
tag = {n: i + 1 for i, n in enumerate(names)}
types = {"HELLO": 64}
body = bytes([64]) + number(tag["TAG_VERSION"], 99) + number(tag["TAG_KDF_NS"], 0) + number(tag["TAG_FSYNC_NS"], 0) + number(tag["TAG_WAIT_NS"], 0)
c.send(struct.pack(">I", len(body)) + body)
c.recv(1)
PY
fake=$!
for _ in $(seq 9000); do [ -S "$sock" ] && break || sleep 0.2; done
exits 11 'version 99' "a signer of another release is refused" ykenroll ca crl
wait $fake
mkdir -m 700 "$T/other"
ykenroll init --home "$T/other/home" --name Other --rehearsal "$YKVIRT_ROOT" --recovery-out "$T/other/recovery" --ca-pass "file:$T/pass" \
	--recovery-pass "file:$T/rpass" >"$T/other.out" 2>&1 || cat "$T/other.out"
rm -f "$sock"
ykenroll signer --home "$T/other/home" --socket "$sock" --ca-pass "file:$T/pass" 2>/dev/null &
signer=$!
for _ in $(seq 9000); do [ -S "$sock" ] && break || sleep 0.2; done
exits 11 "$desk/pub/root.crt" "and so is one of another CA" ykenroll ca crl
kill $signer $sshd_pid
wait 2>/dev/null
finish
