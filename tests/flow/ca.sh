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
exits 2 'which verb' "ca alone asks for a verb" ykenroll ca
exits 0 '' "a new CRL of the issuing CA" ca crl
claim "its number rose by one" [ "$(number "$pub/issuing.crl")" = 2 ]
claim "openssl verifies it" good "$pub/issuing.crl" "$pub/issuing.crt"
exits 0 '' "one of the root" ca crl --root
claim "its number rose by one" [ "$(number "$pub/root.crl")" = 2 ]
claim "openssl verifies it" good "$pub/root.crl" "$pub/root.crt"
claim "it lasts 13 months" [ $(($(ends "$pub/root.crl") - $(date +%s))) -gt $((394 * 86400)) ]
claim "the signer's own copy is the same" cmp "$pub/root.crl" "$T/home/ca/root.crl"
claim "the log has intent and signature" sh -c 'grep "\"ca\":\"root\"" "$0" | grep -c "crl-signed.*\"number\":2" | grep -qx 1' "$T/home/ca/issuance.log"
claim "so has the audit" [ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM audit WHERE action='crl'")" = 2 ]

# ---- the root's key: another passphrase, not there, a signer that listens ----
echo "another passphrase" >"$T/rootpass"
openssl pkcs8 -topk8 -in "$T/home/ca/root.key" -passin "file:$T/pass" -scrypt -passout "file:$T/rootpass" -out "$T/root.key"
cp "$T/home/ca/root.key" "$T/root.key.first"
chmod 600 "$T/root.key" && cp "$T/root.key" "$T/home/ca/root.key"
exits 11 "root's key" "the CA passphrase does not open a root key of its own" ca crl --root
exits 2 'takes prompt' "--root-pass takes a SPEC" ca crl --root --root-pass secret
exits 2 'for --root' "--root-pass is for --root" ca crl --root-pass "file:$T/rootpass"
exits 0 '' "--root-pass opens it" ca crl --root --root-pass "file:$T/rootpass"
claim "number 3" [ "$(number "$pub/root.crl")" = 3 ]
exits 0 '' "both from descriptors" sh -c 'exec 3<"$0" 4<"$1"; exec ykenroll ca crl --root --ca-pass fd:3 --root-pass fd:4' "$T/pass" "$T/rootpass"
rm "$T/home/ca/root.key"
exits 11 'bring' "a root key that is not there is asked for" ca crl --root
exits 0 '' "and the issuing CA's CRL does not need it" ca crl
cp "$T/root.key.first" "$T/home/ca/root.key"
ykenroll signer --ca-pass "file:$T/pass" 2>/dev/null &
signer=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S "$T/home/signer.sock" ] && break; sleep 0.3; done
exits 11 'stop it' "--root is not for a signer that listens" ca crl --root
exits 0 '' "a CRL of the issuing CA is" ykenroll ca crl
exits 2 'does not hold' "a signer that listens cannot have the root's key" ykenroll signer --root
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

# ---- a root CRL near its end ----
claim "doctor has nothing to say of CRLs" sh -c '! ykenroll doctor | grep -E "^(bad|warn) +(root|issuing) CRL"'
finish
