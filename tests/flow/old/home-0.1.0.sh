#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How home-0.1.0.tar.xz was made: by release 0.1.0, whose issuance log was JSON lines. No test runs this; convert.sh opens what
# it made. The home has 200 certificates of software keys, of which some are revoked, one is on hold and one was released; a
# serial that was given up before it was signed; an enrolment that lost its token on the way; an intent whose signer was killed
# before it signed; and a last line that a crash cut off. Beside it is the lab with that token. Its clock is one of the past.
#
#   OLD=BUILD-DIRECTORY-OF-0.1.0 sh tests/flow/old/home-0.1.0.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
DATE=2026-11-21 # after that release
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1)
PATH=$OLD/src:$OLD/src/virtual:$PATH YKVIRT=$OLD/src/virtual/ykvirt
export PATH YKVIRT
if [ -z "${IN_LAB-}" ]; then
	T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-old.XXXXXX")
	trap 'rm -rf "$T"' EXIT
	export T
	umask 077
	IN_LAB=1 ykvirt lab --tokens 1 --state "$T/lab" --firmware 5.7.1 -- sh "$here/$(basename "$0")"
	cd "$T" && tar -c --sort=name --owner=0 --group=0 --numeric-owner --exclude='*.sock' --exclude=lock pass rpass pin recovery.key root.pem home lab |
		xz -9e >"$here/home-0.1.0.tar.xz"
	ls -l "$here/home-0.1.0.tar.xz"
	exit
fi
export LD_PRELOAD="$lib" FAKETIME="-$(($(date +%s) - $(date -d "$DATE" +%s)))" FAKETIME_DONT_FAKE_MONOTONIC=1
export YKENROLL_HOME="$T/home"
echo "correct horse battery" >"$T/pass"
echo "recovery passphrase" >"$T/rpass"
echo 482913 >"$T/pin"
cp "$YKVIRT_ROOT" "$T/root.pem"
ykenroll init --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$T/recovery.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/key" -subj /CN=x -out "$T/csr" 2>/dev/null
ykenroll signer --ca-pass "file:$T/pass" &
signer=$!
until [ -S "$YKENROLL_HOME/signer.sock" ]; do sleep 0.1; done
for i in $(seq 200); do
	ykenroll ca issue "$T/csr" --profile software --cn "Program $i" --email "p$i@example.org" --days $((100 + i)) --out "$T/$i.crt" >/dev/null 2>&1
done
serial() { openssl x509 -in "$T/$1.crt" -noout -serial | sed 's/.*=//'; }
for i in 3 14 15 92 65 35 89 79; do
	ykenroll revoke "$(serial $i)" --reason "$([ $((i % 2)) = 0 ] && echo superseded || echo keyCompromise)" >/dev/null
done
for i in 100 101; do ykenroll suspend "$(serial $i)" >/dev/null; done
ykenroll resume "$(serial 101)" >/dev/null
# a serial that no desk wants any more, as a desk says it
python3 - "$YKENROLL_HOME/signer.sock" "$here/../../../src/signer/message.h" <<'PY'
import re, socket, struct, sys
header = open(sys.argv[2]).read()
def enum(name):
    body = re.sub(r"/\*.*?\*/", "", re.search(r"enum %s \{(.*?)\n\};" % name, header, re.S).group(1), flags=re.S)
    at, values = -1, {}
    for m in re.finditer(r"(\w+)(?:\s*=\s*(\d+))?\s*(?:,|$)", body):
        at = int(m.group(2)) if m.group(2) else at + 1
        values[m.group(1)] = at
    return values
kind, tag = enum("message_type"), enum("message_tag")
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb")
hear = lambda: f.read(struct.unpack(">I", f.read(4))[0])
hear()
fields = sorted([(tag["TAG_SERIAL"], bytes.fromhex("4f0b1dde" * 4)), (tag["TAG_REASON"], struct.pack(">q", 4))])
body = bytes([kind["MESSAGE_FORBID"]]) + b"".join(struct.pack(">BI", t, len(v)) + v for t, v in fields)
s.sendall(struct.pack(">I", len(body)) + body)
assert hear()[0] == kind["MESSAGE_FORBIDDEN"]
PY
kill $signer
wait $signer || :
# a token that is gone when its PUK was changed
ykvirt control "$YKVIRT_STATE_DIR/key-1.json" fault 'ins=24;p2=81;remove-after' >/dev/null
ykenroll enroll Alice --email alice@example.org --ca-pass "file:$T/pass" --pin "file:$T/pin" && exit 1
ykvirt control "$YKVIRT_STATE_DIR/key-1.json" insert >/dev/null
sleep 0.3
# killed between an intent and its signature: at the first sync at which it is the last line
log=$YKENROLL_HOME/ca/issuance.log
for at in $(seq 12); do
	cp -a "$T/home" "$T/home.was"
	strace -f -qq -o /dev/null -e trace=fsync,fdatasync -e "inject=fsync,fdatasync:signal=SIGKILL:when=$at" \
		ykenroll ca issue "$T/csr" --profile software --cn "Killed" --ca-pass "file:$T/pass" >/dev/null 2>&1 || :
	tail -1 "$log" | grep -q '"what":"intent"' && break
	rm -rf "$T/home" && mv "$T/home.was" "$T/home"
done
tail -1 "$log" | grep -q '"what":"intent"'
printf '{"n":9999,"time":"2026-11' >>"$log"
rm -rf "$T/home.was" "$T/home/signer.sock"
