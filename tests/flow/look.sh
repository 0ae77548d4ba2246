#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# While a signer is at work, does everybody who looks at its log get an answer; and does one that stands still while it looks
# hold up nobody: not the signer, not another reader, not the next signer?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/look.sh" --tokens 1 --firmware 5.7.1
make_ca >"$T/init.log" 2>&1
ca="--ca-pass file:$T/pass" pub=$T/home/pub
signer_start() {
	ykenroll signer $ca 2>>"$T/signer.err" &
	signer=$!
	for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && return 0; kill -0 $signer 2>/dev/null || return 1; sleep 0.1; done
	return 1
}
signer_stop() { kill $signer && wait $signer; }
soon() { timeout 1800 "$@" </dev/null; }
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/key" -subj /CN=x -out "$T/csr" 2>/dev/null
issue() { soon ykenroll ca issue "$T/csr" --profile software --cn "$1" --email "$1@example.org" --out "$T/$1.crt"; }
serial() { openssl x509 -in "$T/$1.crt" -noout -serial | sed 's/.*=//' | tr A-F a-f; }
revoke() { soon ykenroll revoke "$(serial "$1")" --reason superseded; }
log_is_whole() { soon ykenroll ca log --export - >"$T/rows" && python3 exported.py "$T/rows" && python3 issuance.py verify "$T/home/ca/issuance.db"; }

claim "a signer is at work" signer_start
claim "it issues" eval 'issue anna && issue bert && issue carl'
ykenroll ca ocsp --listen 127.0.0.1:0 >"$T/warm" 2>"$T/ocsp.err" &
warm=$!
for _ in $(seq 9000); do [ -s "$T/warm" ] && break; sleep 0.1; done
openssl x509 -in "$pub/issuing.crt" -outform DER -out "$T/issuing.der"
id=$(python3 ocsp.py ids "$T/issuing.der")
status() { soon python3 ocsp.py status "$(cat "$T/warm")" "$id" "$@"; }
claim "1 OCSP is answered" [ "$(status "$(serial anna)" "$(serial bert)")" = "good good" ]
claim "2 ca log" log_is_whole
claim "3 revoke" revoke bert
claim "  which OCSP knows at once" [ "$(status "$(serial anna)" "$(serial bert)")" = "good revoked" ]
claim "4 publish" soon ykenroll ca publish "$T/www"
claim "5 backup" soon ykenroll backup "$T/backup"
kill $warm
wait $warm 2>/dev/null

# ---- one that stands still in the middle of an answer: stopped while it has the log open and has read from it ----
cat >"$T/held.py" <<'PY'
# a reader in the middle of its transaction, as a process that was stopped there is
import signal, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
db.execute("BEGIN")
at = db.execute("SELECT max(n) FROM rows").fetchone()
print("held", flush=True)
signal.pause()
PY
python3 "$T/held.py" "$T/home/ca/issuance.db" >"$T/held" &
held=$!
for _ in $(seq 9000); do [ -s "$T/held" ] && break; sleep 0.1; done
kill -STOP $held
ykenroll ca ocsp --listen 127.0.0.1:0 >"$T/url" 2>"$T/ocsp.err" &
responder=$!
for _ in $(seq 9000); do [ -s "$T/url" ] && break; sleep 0.1; done
cp "$T/url" "$T/warm"
# many askers, so that it is at work when the signal comes
for i in 1 2 3 4; do (while :; do python3 ocsp.py status "$(cat "$T/url")" "$id" "$(serial anna)"; done >/dev/null 2>&1) & askers="${askers-} $!"; done
sleep 0.5
kill -STOP $responder
claim "6 a reader and a responder are stopped" eval 'grep -q "^State:.T" /proc/$held/status && grep -q "^State:.T" /proc/$responder/status'
claim "  the signer issues" issue dora
claim "  and revokes" revoke anna
claim "  ca log answers" log_is_whole
claim "  a backup is made" soon ykenroll backup "$T/backup2"
claim "  the signer ends" signer_stop
claim "  and another one starts" signer_start
claim "  which issues" issue emil
kill $askers
kill -CONT $responder
claim "  and when it goes on, the responder says what is so now" [ "$(status "$(serial anna)" "$(serial carl)" "$(serial emil)")" = "revoked good good" ]
kill $responder
kill -CONT $held
kill $held
claim "the signer ends" signer_stop
claim "the log is whole" log_is_whole
finish
