#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a CA of one level do what one of two does: issue, log in, revoke, publish, be looked at?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/single.sh" --tokens 1 --firmware 5.7.1
umask 077
echo "correct horse battery" >"$T/pass"
echo "recovery passphrase" >"$T/rpass"
echo 482913 >"$T/pin"
export YKENROLL_HOME="$T/home"
init() { ykenroll init --single --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$T/recovery.key" --ca-pass "file:$T/pass" \
	--recovery-pass "file:$T/rpass" "$@"; }
pub=$T/home/pub
exits 2 '--single .*--root-' "one level has one key" init --root-algorithm ECCP384
exits 0 '' "init --single" init
claim "one certificate, self-signed" sh -c 'cmp "$0/root.crt" "$0/issuing.crt" && openssl verify -x509_strict -CAfile "$0/root.crt" "$0/root.crt"' "$pub"
claim "its subject says so" sh -c 'openssl x509 -in "$0/root.crt" -noout -subject | grep -q "CN = REHEARSAL Test CA$\|CN=REHEARSAL Test CA$"' "$pub"
claim "one CRL" sh -c '[ -s "$0/issuing.crl" ] && [ ! -e "$0/root.crl" ]' "$pub"
claim "no key of a root" [ ! -e "$T/home/ca/root.key" ]
exits 0 '' "an enrolment, proved" enroll Alice alice@example.org
claim "openssl verifies the certificate with its CRL" sh -c 'sqlite3 "$0" "SELECT hex(der) FROM certificates WHERE der IS NOT NULL" | xxd -r -p |
	openssl x509 -inform DER -out "$1/alice.crt" && openssl verify -x509_strict -crl_check -CAfile "$2/root.crt" -CRLfile "$2/issuing.crl" "$1/alice.crt"' \
	"$T/home/registry.db" "$T" "$pub"
exits 0 '' "ca show" ykenroll ca show
claim "tells one CA" [ "$(ykenroll ca show --json | jq 'keys | length')" = 1 ]
exits 11 '' "there is no root to renew the CRL of" ykenroll ca crl --root --ca-pass "file:$T/pass"
exits 0 '' "revoke" ykenroll revoke alice@example.org --reason superseded --ca-pass "file:$T/pass"
refuse "then openssl does not verify it" openssl verify -crl_check -CAfile "$pub/root.crt" -CRLfile "$pub/issuing.crl" "$T/alice.crt"
exits 0 '' "publish" ykenroll ca publish "$T/published"
claim "a bundle of one" [ "$(grep -c BEGIN "$T/published/ca-bundle.pem")" = 1 ]
claim "and of its CRL" [ "$(grep -c BEGIN "$T/published/crl-bundle.pem")" = 1 ]
ykenroll doctor >"$T/doctor" 2>&1
claim "doctor finds nothing wrong with the CA" not grep -qi 'root.*\(not there\|missing\|absent\)' "$T/doctor"
exits 0 '' "the log verifies" ykenroll ca log
finish
