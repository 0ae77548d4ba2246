#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a home of release 0.1.0, whose issuance log was lines of JSON, taken over whole, wherever that is killed, and does all go on
# in it: certificates, CRLs, OCSP, an enrolment that had lost its token? old/home-0.1.0.sh tells what is in it. FULL=1: killed
# at every call that changes a file, not at a sample of the writes. QUICK=N: at every Nth sync and unlink.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
log() { python3 "$flow/issuance.py" "$@"; }

# as it must be afterwards: what was there is kept, every row says what its line said, and the tables are what the rows amount to
whole() { # whole HOME
	cmp "$1/ca/issuance.log.converted" "$T/was/ca/issuance.log" && [ "$(stat -c %a "$1/ca/issuance.log.converted")" = 400 ] &&
		log converted "$1/ca/issuance.db" "$1/ca/issuance.log.converted" &&
		[ "$(stat -c %a "$1/ca/issuance.db")" = 600 ] && [ -z "$(ls "$1/ca" | grep -E 'issuance.(log$|state|db.new)')" ]
}
# while it may be half done: the old lines are there, under one name or the other
unharmed() { cmp "$1/ca/issuance.log" "$T/was/ca/issuance.log" || cmp "$1/ca/issuance.log.converted" "$T/was/ca/issuance.log"; }

CALLS="fsync fdatasync rename link unlink chmod ftruncate pwrite64"
killed_at() { # killed_at CALL-N: in a home of its own
	P=$T/kill/$1
	cp -a "$T/was" "$P"
	strace -f -qq -o "$P.trace" -e "trace=${1%-*}" -e "inject=${1%-*}:signal=SIGKILL:when=${1#*-}" \
		ykenroll ca crl --home "$P" --ca-pass "file:$T/pass" >"$P.out" 2>&1 </dev/null
	grep -q 'killed by SIGKILL' "$P.trace" || echo "$1: it was not killed"
	unharmed "$P" >>"$P.out" 2>&1 || echo "$1: the old log is harmed"
	ykenroll ca crl --home "$P" --ca-pass "file:$T/pass" >>"$P.out" 2>&1 </dev/null || echo "$1: the next run failed: $(tail -1 "$P.out")"
	whole "$P" >>"$P.out" 2>&1 || echo "$1: not whole: $(tail -3 "$P.out")"
	rm -rf "$P"
}

if [ "${1-}" = killed-at ]; then
	killed_at "$2"
	exit
fi
if [ -z "${IN_LAB-}" ]; then
	T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-flow.XXXXXX") || exit 1
	trap 'rm -rf "$T"' EXIT
	flow=$(pwd)
	export T flow
	umask 077
	xz -dc old/home-0.1.0.tar.xz | tar -xp -C "$T" -f - --no-same-owner || exit 1
	mv "$T/home" "$T/was" && mkdir "$T/kill"
	IN_LAB=1 ykvirt lab --tokens 1 --state "$T/lab" --firmware 5.7.1 -- sh "$(pwd)/convert.sh"
	exit
fi
umask 077
YKENROLL_HOME=$T/home
export YKENROLL_HOME
home=$T/home
cp -a "$T/was" "$home"
pub=$home/pub
old_rows() { grep -c "\"what\":\"$1\"" "$T/was/ca/issuance.log"; }
entries() { openssl crl -in "$1" -noout -text | awk '/Serial Number:/ { s = $3 } /Revocation Date/ { print s, "d", $0 }
	/Reason Code/ { getline; print s, $0 }' | sort; }
serial_of() { sqlite3 "$home/registry.db" "SELECT lower(hex(serial)) FROM software WHERE subject LIKE '%CN=Program $1%' ORDER BY length(subject) LIMIT 1"; }

# ---- what the fixture has ----
for what in signed revoked released forbidden crl-signed intent; do
	claim "the old log has $what ($(old_rows $what))" [ "$(old_rows $what)" -ge 1 ]
done
claim "and 200 certificates of programs" [ "$(old_rows signed)" -ge 200 ]
claim "one intent more than ends" [ "$(old_rows intent)" = $(($(old_rows signed) + 1)) ]
claim "and a torn line" [ -n "$(tail -c 1 "$T/was/ca/issuance.log")" ]

# ---- opened ----
entries "$pub/issuing.crl" >"$T/crl.was"
exits 0 '' "a CRL in the old home" ykenroll ca crl --ca-pass "file:$T/pass"
claim "the log is taken over whole, and what was there is kept" whole "$home"
exits 0 '' "it verifies" ykenroll ca log
entries "$pub/issuing.crl" >"$T/crl.is"
claim "who was revoked is, with date and reason" [ "$(comm -23 "$T/crl.was" "$T/crl.is" | wc -l)" = 0 ]
claim "and one more, whose signer was killed before it signed" [ "$(comm -13 "$T/crl.was" "$T/crl.is" | grep -c ' d ')" = 1 ]
openssl crl -in "$pub/issuing.crl" -noout -CAfile "$pub/issuing.crt" >"$T/crl.said" 2>&1
claim "openssl verifies the CRL" grep -q 'verify OK' "$T/crl.said"
claim "a torn line is told of" [ "$(sqlite3 "$home/ca/issuance.db" "SELECT number FROM rows WHERE what = 'torn'")" = "$(tail -1 "$home/ca/issuance.log.converted" | wc -c)" ]
cp "$home/ca/issuance.log.converted" "$T/kept"
exits 0 '' "and a second time there is nothing to do" ykenroll ca crl --ca-pass "file:$T/pass"
claim "still whole" whole "$home"

# ---- it goes on ----
take() { verb=$1; shift; ykenroll "$verb" "$@" --ca-pass "file:$T/pass"; }
on_crl() { openssl crl -in "$pub/issuing.crl" -noout -text | grep -qi "Serial Number: $1"; }
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/key" -subj /CN=x -out "$T/csr" 2>/dev/null
exits 0 '' "a new certificate" ykenroll ca issue "$T/csr" --profile software --cn "Program 201" --email p201@example.org --ca-pass "file:$T/pass" --out "$T/201.crt"
claim "openssl verifies it" openssl verify -CAfile "$pub/root.crt" -untrusted "$pub/issuing.crt" "$T/201.crt"
for i in 7 100 101; do claim "Program $i is known" [ -n "$(serial_of $i)" ]; done
claim "100 is on hold, 101 and 7 are not" eval 'on_crl "$(serial_of 100)" && ! on_crl "$(serial_of 101)" && ! on_crl "$(serial_of 7)"'
exits 0 '' "one that was issued there is revoked" take revoke "$(serial_of 7)" --reason keyCompromise
claim "and on the CRL" on_crl "$(serial_of 7)"
exits 0 '' "one that was on hold there is released" take resume "$(serial_of 100)"
claim "and off the CRL" not on_crl "$(serial_of 100)"
exits 0 '' "one that was revoked there" take revoke "$(serial_of 3)" --reason keyCompromise --json
claim "is so already" jq -e .already "$T/out"

# ---- exported ----
rows=$T/rows.jsonl
judged() { python3 exported.py "${1:-$rows}" | grep -q "$(sed -n 's/.*SHA-256 //p' "$T/out")$"; }
exits 0 '' "the log is exported" ykenroll ca log --export "$rows"
claim "another program verifies it, up to the same hash" judged
claim "all of it" [ "$(wc -l <"$rows")" = "$(sqlite3 "$home/ca/issuance.db" "SELECT count(*) FROM rows")" ]
for change in '7d' '7s/"at":\([0-9]*\)/"at":1\1/' '$s/"number":[0-9]*/"number":77/' '9s/"data":".\(.*\)/"data":"4\1/' '7{h;d};8G'; do
	sed "$change" "$rows" >"$T/edited"
	refuse "it does not verify after sed '$change'" python3 exported.py "$T/edited"
done
exits 9 "$rows " "a file that is there stays" ykenroll ca log --export "$rows"
claim "as it was" judged
claim "on standard output: the same" eval 'ykenroll ca log --export - | cmp - "$rows"'
exits 1 '' "a full disk is told of" sh -c 'ykenroll ca log --export - >/dev/full'
cp -r "$home" "$T/other"
sqlite3 "$T/other/ca/issuance.db" "UPDATE rows SET at = at + 1 WHERE n = 100"
exits 11 'row 100' "of a log that was edited" ykenroll ca log --home "$T/other" --export "$T/none"
claim "nothing is exported" [ ! -e "$T/none" ]

# ---- OCSP ----
ykenroll ca ocsp --listen 127.0.0.1:0 --ca-pass "file:$T/pass" >"$T/url" 2>"$T/ocsp.err" &
responder=$!
for _ in $(seq 9000); do [ -s "$T/url" ] && break; sleep 0.1; done
openssl x509 -in "$pub/issuing.crt" -outform DER -out "$T/issuing.der"
id=$(python3 ocsp.py ids "$T/issuing.der")
answers() { want=$1; shift; [ "$(python3 ocsp.py status "$(cat "$T/url")" "$id" "$@" | tee "$T/status")" = "$want" ]; }
claim "OCSP: released, good; revoked there; revoked here" answers "good revoked revoked" "$(serial_of 101)" "$(serial_of 3)" "$(serial_of 7)"
claim "OCSP: given up before it was signed" answers unknown 4f0b1dde4f0b1dde4f0b1dde4f0b1dde
kill $responder
wait $responder 2>/dev/null

# ---- the enrolment that had lost its token ----
exits 0 '' "recover goes on with it" ykenroll recover --ca-pass "file:$T/pass" --pin "file:$T/pin"
exits 0 '' "check" ykenroll check
claim "it is Alice's" [ "$(sqlite3 "$home/registry.db" "SELECT count(*) FROM works WHERE closed IS NULL")" = 0 ]
claim "after all of that the log is whole" whole "$home"
claim "and what was kept is what it was" cmp "$T/kept" "$home/ca/issuance.log.converted"

# ---- a log that was damaged before is not taken over ----
damaged() { # damaged PATTERN TEXT SED
	rm -rf "$T/bad" && cp -a "$T/was" "$T/bad"
	sed -i "$3" "$T/bad/ca/issuance.log"
	cp "$T/bad/ca/issuance.log" "$T/bad.log"
	exits 11 "$1" "$2 is not taken over" ykenroll ca crl --home "$T/bad" --ca-pass "file:$T/pass"
	claim "and left as it is" eval 'cmp "$T/bad.log" "$T/bad/ca/issuance.log" && [ ! -e "$T/bad/ca/issuance.db" ]'
}
damaged 'line 21' "an edited line" '20s/"peer":[0-9]*/"peer":77777/'
damaged 'line 20' "a line that is gone" 20d
damaged 'line 20' "two lines swapped" '20{h;d;};21G'
damaged 'line 20' "a line that is no JSON" '20s/.*/x/'

# ---- what JSON writes in another way ----
rm -rf "$T/quoted" && cp -a "$T/was" "$T/quoted"
python3 - "$T/quoted/ca/issuance.log" <<-'PY'
	import hashlib, json, sys
	lines = open(sys.argv[1], "rb").read().split(b"\n")[:-1]
	row = json.loads(lines[-1])
	row = {"n": row["n"] + 1, "time": row["time"], "peer": 0, "what": "import", "ca": "issuing", "serial": "0a0b",
	       "not_after": "2030-01-01T00:00:00Z", "subject": '/CN="a\\b"', "prev": hashlib.sha256(lines[-1]).hexdigest()}
	lines.append(json.dumps(row, separators=(",", ":")).encode())
	open(sys.argv[1], "wb").write(b"\n".join(lines) + b"\n")
PY
exits 0 '' "a subject with a quote and a backslash is taken over" ykenroll ca log --home "$T/quoted"
claim "as it was" [ "$(sqlite3 "$T/quoted/ca/issuance.db" "SELECT text FROM rows WHERE serial = x'0a0b'")" = '/CN="a\b"' ]

# ---- killed ----
if ! strace -f -o /dev/null true 2>/dev/null; then
	n=$((n + 1))
	echo "ok $n - killed # SKIP strace may not trace here"
	finish
fi
cp -a "$T/was" "$T/kill/clean"
strace -f -qq -o "$T/trace" -e "trace=$(echo $CALLS | tr ' ' ,)" ykenroll ca crl --home "$T/kill/clean" --ca-pass "file:$T/pass" >"$T/out" 2>&1 </dev/null
awk '{ call = $2; sub(/\(.*/, "", call) } call ~ /^[a-z]+[0-9]*$/ { if (++n[$1, call] > max[call]) max[call] = n[$1, call] }
	END { for (c in max) for (i = 1; i <= max[c]; i++) print c "-" i }' "$T/trace" | sort -V >"$T/all"
if [ -n "${FULL-}" ]; then
	cp "$T/all" "$T/points"
else
	awk -F - -v q="${QUICK:-1}" '$1 == "pwrite64" ? $2 <= 4 || $2 % 23 == 0 : $1 !~ /sync|unlink/ || $2 % q == 0' "$T/all" >"$T/points"
fi
xargs -P "$(nproc)" -n 1 sh "$flow/convert.sh" killed-at <"$T/points" >"$T/ill" 2>&1
claim "the calls of it that change files are known ($(wc -l <"$T/all"))" eval '[ "$(wc -l <"$T/all")" -ge 20 ] && grep -q rename "$T/all" && grep -q sync "$T/all"'
claim "killed at $(wc -l <"$T/points") of them: nothing is harmed, and the next run has it whole" eval 'cat "$T/ill" && [ ! -s "$T/ill" ]'
finish
