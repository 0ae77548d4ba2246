#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Are CRLs signed, published and read as servers and openssl(1) want them, also after a kill anywhere?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/ca.sh" --tokens 2 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
pub=$T/home/pub
ca() { verb=$1; shift; ykenroll ca "$verb" --ca-pass "file:$T/pass" "$@"; }
number() { openssl crl -in "$1" -noout -crlnumber | sed 's/.*=0x0*//'; } # number FILE
ends() { date -d "$(openssl crl -in "$1" -noout -nextupdate | sed 's/.*=//')" +%s; }
good() { openssl crl -in "$1" -noout -CAfile "$2" 2>&1 | grep -q 'verify OK'; } # good CRL CA

# ---- ca crl ----
exits 2 'ykenroll ca VERB' "ca alone asks for a verb" ykenroll ca
exits 0 '' "a new CRL of the issuing CA" ca crl
claim "its number rose by one" [ "$(number "$pub/issuing.crl")" = 2 ]
claim "openssl verifies it" good "$pub/issuing.crl" "$pub/issuing.crt"
exits 0 '' "one of the root" ca crl --root
claim "its number rose by one" [ "$(number "$pub/root.crl")" = 2 ]
claim "openssl verifies it" good "$pub/root.crl" "$pub/root.crt"
claim "it lasts 13 months" [ $(($(ends "$pub/root.crl") - $(date +%s))) -gt $((394 * 86400)) ]
claim "the signer's own copy is the same" cmp "$pub/root.crl" "$T/home/ca/root.crl"
claim "the log has intent and signature" [ "$(sqlite3 "$T/home/ca/issuance.db" "SELECT what FROM rows WHERE ca = 'root' AND number = 2
	AND what LIKE 'crl-%' AND length(digest) = 32 ORDER BY n" | tr '\n' ' ')" = "crl-intent crl-signed " ]
claim "the log's tables are what its rows amount to, as python adds them up" python3 issuance.py verify "$T/home/ca/issuance.db"
claim "so has the audit" [ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM audit WHERE action='crl'")" = 2 ]

# ---- the root's key: another passphrase, not there, a signer that listens ----
echo "another passphrase" >"$T/rootpass"
openssl pkcs8 -topk8 -in "$T/home/ca/root.key" -passin "file:$T/pass" -scrypt -passout "file:$T/rootpass" -out "$T/root.key"
cp "$T/home/ca/root.key" "$T/root.key.first"
chmod 600 "$T/root.key" && cp "$T/root.key" "$T/home/ca/root.key"
exits 11 '/root.key' "the CA passphrase does not open a root key of its own" ca crl --root
exits 2 '--root-pass .*file:PATH' "--root-pass takes a SPEC" ca crl --root --root-pass secret
exits 2 '--root-pass .*--root$' "--root-pass is for --root" ca crl --root-pass "file:$T/rootpass"
exits 0 '' "--root-pass opens it" ca crl --root --root-pass "file:$T/rootpass"
claim "number 3" [ "$(number "$pub/root.crl")" = 3 ]
exits 0 '' "both from descriptors" sh -c 'exec 3<"$0" 4<"$1"; exec ykenroll ca crl --root --ca-pass fd:3 --root-pass fd:4' "$T/pass" "$T/rootpass"
rm "$T/home/ca/root.key"
exits 11 '/root.key' "a root key that is not there is asked for" ca crl --root
exits 0 '' "and the issuing CA's CRL does not need it" ca crl
cp "$T/root.key.first" "$T/home/ca/root.key"
ykenroll signer --ca-pass "file:$T/pass" 2>/dev/null &
signer=$!
for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && break; sleep 0.3; done
exits 11 '/signer.sock' "--root is not for a signer that listens" ca crl --root
exits 0 '' "a CRL of the issuing CA is" ykenroll ca crl
exits 2 'ykenroll ca crl --root' "a signer that listens cannot have the root's key" ykenroll signer --root
kill "$signer"
wait "$signer" 2>/dev/null

# ---- killed while it publishes: run again ----
if command -v strace >/dev/null; then
	hit=0
	for which in issuing root; do
		flag=$([ $which = root ] && echo --root)
		for at in fsync:1 fsync:2 fsync:3 fsync:4 rename:1 rename:2; do
			before=$(number "$pub/$which.crl")
			strace -f -qq -o /dev/null -e trace=fsync,rename \
				-e inject="${at%:*}:signal=SIGKILL:when=${at#*:}" \
				ykenroll ca crl $flag --ca-pass "file:$T/pass" >/dev/null 2>&1 || hit=$((hit + 1))
			claim "$which, killed at $at: what is published verifies" good "$pub/$which.crl" "$pub/$which.crt"
			exits 0 '' "$which, killed at $at: run again" ca crl $flag
			after=$(number "$pub/$which.crl")
			claim "the number rose from $before to $after" [ "$((0x$after))" -gt "$((0x$before))" ]
			claim "the root's two files agree" cmp "$pub/root.crl" "$T/home/ca/root.crl"
		done
	done
	claim "the kills hit ($hit of 12)" [ "$hit" -ge 9 ]
else
	echo "# no strace: not killed anywhere"
fi

# ---- revoke, suspend, resume ----
serials=$(ykenroll token list --json | jq -r '.. | .serial? // empty' | sort -u)
one=$(echo "$serials" | sed -n 1p) two=$(echo "$serials" | sed -n 2p)
db() { sqlite3 "$T/home/registry.db" "$1"; }
take() { verb=$1; shift; ykenroll "$verb" "$@" --ca-pass "file:$T/pass"; }
cert_of() { # cert_of TOKEN: its newest certificate, in $T/TOKEN.pem; prints the serial
	db "SELECT hex(der) FROM certificates WHERE token=$1 ORDER BY id DESC LIMIT 1" | python3 -c \
		'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))' |
		openssl x509 -inform DER -out "$T/$1.pem"
	openssl x509 -in "$T/$1.pem" -noout -serial | sed 's/.*=//'
}
verifies() { # verifies TOKEN: with both CRLs
	cat "$pub/issuing.crt" "$pub/root.crt" >"$T/cas.pem"
	cat "$pub/issuing.crl" "$pub/root.crl" >"$T/crls.pem"
	openssl verify -x509_strict -crl_check_all -CAfile "$T/cas.pem" -CRLfile "$T/crls.pem" "$T/$1.pem" >"$T/verify.out" 2>&1
}
is_revoked() { ! verifies "$1" && grep -q 'certificate revoked' "$T/verify.out"; }
on_crl() { openssl crl -in "$pub/issuing.crl" -noout -text | grep -A4 -i "Serial Number: $1" | grep -A1 'Reason Code' | tail -1 | tr -d ' '; }
token_state() { db "SELECT state FROM tokens WHERE serial=$1"; }
exits 0 '' "Alice gets a token" enroll Alice alice@example.org -d "$one"
exits 0 '' "and another one" enroll Alice alice@example.org -d "$two" --additional
s1=$(cert_of "$one") s2=$(cert_of "$two")
claim "both verify" eval 'verifies "$one" && verifies "$two"'
exits 2 '--reason R' "no reason, no revocation" take revoke "$one"
exits 2 "'lostit'.* keyCompromise" "a reason that there is not" take revoke "$one" --reason lostit
exits 2 "'certificateHold'.*ykenroll suspend" "certificateHold names suspend" take revoke "$one" --reason certificate-hold
exits 2 'nobody@example.org' "nobody of that name" take revoke nobody@example.org --reason superseded
exits 2 '40000000000000000000000000000000' "a serial that is none" take revoke 40000000000000000000000000000000 --reason superseded
exits 6 '10000001 .*10000002.*--all' "a holder with two tokens must be one's choice" take revoke alice@example.org --reason superseded
claim "nothing was revoked by these" eval 'verifies "$one" && verifies "$two"'

before=$(number "$pub/issuing.crl")
exits 0 '' "suspend" take suspend "$one" --ticket 'HD-17 <b>'
claim "refused by openssl" is_revoked "$one"
claim "for a hold" [ "$(on_crl "$s1")" = CertificateHold ]
claim "the token is suspended" [ "$(token_state "$one")" = suspended ]
exits 0 '' "suspend again" take suspend "$one" --json
claim "which was so before" jq -e .already "$T/out"
claim "the other one is not touched" verifies "$two"
exits 0 '' "resume" take resume "$one"
claim "it verifies again" verifies "$one"
claim "and is active" [ "$(token_state "$one")" = active ]
exits 0 '' "resume again" take resume "$one"
claim "the number rose" [ $((0x$(number "$pub/issuing.crl"))) -ge $((0x$before + 2)) ]
claim "the ticket is in the audit" [ "$(db "SELECT detail FROM audit WHERE action='suspend'")" = 'certificateHold, ticket HD-17 <b>' ]
exits 0 '' "--all is both" take suspend alice@example.org --all
claim "which are on hold" eval 'is_revoked "$one" && is_revoked "$two"'
exits 0 '' "and resumed" take resume alice@example.org --all
claim "both verify again" eval 'verifies "$one" && verifies "$two"'

# servers that ykenroll.conf names know it when the command returns
cp "$T/home/ykenroll.conf" "$T/conf"
printf '\n[publish]\ndir = %s\nreload = /bin/cp %s %s\n' "$T/www" "$T/www/crl-bundle.pem" "$T/served" >>"$T/home/ykenroll.conf"
exits 0 '' "suspend, with a server" take suspend "$one" --json
claim "the server has the CRL with it" eval 'openssl crl -in "$T/served" -noout -text | grep -q -i "Serial Number: $s1"'
claim "which is told" jq -e '.published == 1' "$T/out"
sed -i 's,^reload.*,reload = /bin/false,' "$T/home/ykenroll.conf"
exits 1 'CRL number [0-9]+.*ykenroll ca publish' "resume, and the server cannot be told" take resume "$one"
claim "it is resumed all the same" verifies "$one"
cp "$T/conf" "$T/home/ykenroll.conf"

exits 0 '' "suspend, then" take suspend "$one"
exits 0 '' "revoke by certificate serial, with hyphens" take revoke "$(echo "$s1" | tr A-F a-f)" --reason key-compromise --ticket 4711
claim "refused by openssl" is_revoked "$one"
claim "for a compromise" [ "$(on_crl "$s1")" = KeyCompromise ]
claim "the token is lost" [ "$(token_state "$one")" = lost ]
claim "the certificate is revoked in the registry" [ "$(db "SELECT state||reason FROM certificates WHERE hex(serial)='$s1'")" = revoked1 ]
claim "reason and ticket are in the audit" [ "$(db "SELECT count(*) FROM audit WHERE action='revoke' AND detail LIKE '%keyCompromise, ticket 4711'")" = 1 ]
exits 0 '' "once more" take revoke "$one" --reason keycompromise --json
claim "says that it was so" jq -e '.already' "$T/out"
claim "and writes no audit" [ "$(db "SELECT count(*) FROM audit WHERE action='revoke'")" = 1 ]
exits 9 ' 10000001 .* lost' "what is lost is not resumed" take resume "$one"
exits 0 '' "found again, it is retired" take revoke "$one" --reason keyCompromise --token retired
claim "so it is" [ "$(token_state "$one")" = retired ]
exits 9 ' 10000001 .* lost$' "and stays that" take revoke "$one" --reason keyCompromise --token lost

# killed between the CA's word and the registry's
if command -v strace >/dev/null; then
	strace -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:signal=SIGKILL:when=1 \
		ykenroll revoke "$two" --reason superseded --ca-pass "file:$T/pass" >/dev/null 2>&1
	for k in 2 3 4 5 6; do
		strace -f -qq -o /dev/null -e trace=fsync,fdatasync -e inject="fsync,fdatasync:signal=SIGKILL:when=$k" \
			ykenroll revoke "$two" --reason superseded --ca-pass "file:$T/pass" >/dev/null 2>&1
		claim "killed at sync $k: what the registry calls revoked is on the CRL" \
			eval '[ "$(token_state "$two")" = active ] || is_revoked "$two"'
	done
fi
exits 0 '' "revoke by name, run again" take revoke Alice --reason superseded
claim "refused by openssl" is_revoked "$two"
claim "the token is retired" [ "$(token_state "$two")" = retired ]
claim "one audit row tells of it" [ "$(db "SELECT count(*) FROM audit WHERE action='revoke' AND token=$two")" = 1 ]
if command -v certtool >/dev/null; then
	claim "certtool reads the CRL" certtool --crl-info --infile "$pub/issuing.crl"
	refuse "certtool refuses the certificate" certtool --verify --load-ca-certificate "$T/cas.pem" --load-crl "$T/crls.pem" --infile "$T/$two.pem"
fi

claim "after all of that, too, the log is what python makes of it" python3 issuance.py verify "$T/home/ca/issuance.db"

# ---- a root CRL near its end ----
claim "doctor has nothing to say of CRLs" sh -c '! ykenroll doctor | grep -E "^(bad|warn) +(root|issuing) CRL"'
finish
