#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does one command take a factory token to a login that openssl, yubico-piv-tool and ykman confirm?
# QUICK: with two firmwares of three.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
if [ -z "${IN_LAB-}" ]; then
	rc=0
	for v in 5.7.1 5.4.3 $([ -n "${QUICK-}" ] || echo 5.7.4); do
		(FIRMWARE=$v; export FIRMWARE; in_lab "$(pwd)/enroll.sh" --firmware $v) || rc=1
	done
	exit $rc
fi

claim "$FIRMWARE: init makes a rehearsal CA" make_ca
before=$(card .apdus)
claim "$FIRMWARE: enroll succeeds" sh -c 'ykenroll enroll "Alice Adams" --email alice@example.org \
	--ca-pass "file:$T/pass" --pin "file:$T/pin" --json >"$T/enroll.json"'
used=$(($(card .apdus) - before))
claim "$FIRMWARE: its JSON counts the APDUs that the card counted ($used)" [ "$(jq .apdus "$T/enroll.json")" = "$used" ]
claim "$FIRMWARE: at most 40 APDUs" [ "$used" -le 40 ]
claim "$FIRMWARE: the proof is a TLS 1.3 handshake" [ "$(jq -r .proof.protocol "$T/enroll.json")" = TLSv1.3 ]
claim "$FIRMWARE: the server saw the certificate that was issued" \
	[ "$(jq -r .proof.certificate_sha256 "$T/enroll.json")" = "$(jq -r .certificate.sha256 "$T/enroll.json")" ]
claim "$FIRMWARE: no step failed or waits" jq -e '[.steps[].state] | all(. == "done")' "$T/enroll.json"
claim "$FIRMWARE: the card refused no PIN and no PUK" [ "$(card '.refused | add')" = 0 ]

# by clients that we did not write
ykenroll ca show --pem >"$T/ca.pem"
ykenroll ca show --crl >"$T/crl.pem"
yubico-piv-tool -a read-certificate -s 9a >"$T/cert.pem" 2>"$T/ypt.err"
claim "$FIRMWARE: openssl verifies what yubico-piv-tool reads" openssl verify -x509_strict -purpose sslclient \
	-crl_check_all -CAfile "$T/ca.pem" -CRLfile "$T/crl.pem" "$T/cert.pem"
claim "$FIRMWARE: the certificate is what the JSON says" [ \
	"$(openssl x509 -in "$T/cert.pem" -outform DER | sha256sum | cut -d' ' -f1)" = "$(jq -r .certificate.sha256 "$T/enroll.json")" ]
openssl x509 -in "$T/cert.pem" -noout -text >"$T/cert.txt"
for word in 'CA:FALSE' 'Digital Signature' 'TLS Web Client Authentication' 'email:alice@example.org' \
	'Subject Key Identifier' 'Authority Key Identifier' 'CN = Alice Adams|CN=Alice Adams'; do
	claim "$FIRMWARE: the certificate has: $word" grep -Eq "$word" "$T/cert.txt"
done
claim "$FIRMWARE: its serial number has 16 octets" [ "$(openssl x509 -in "$T/cert.pem" -noout -serial | cut -d= -f2 | tr -d '\n' | wc -c)" = 32 ]
ykman piv info >"$T/info" 2>&1
claim "$FIRMWARE: ykman shows the certificate" grep -q 'Alice Adams' "$T/info"
refuse "$FIRMWARE: ykman sees no factory PIN, PUK or management key" grep -qi 'default' "$T/info"
yubico-piv-tool -a status >"$T/status" 2>&1
claim "$FIRMWARE: yubico-piv-tool shows CHUID and CCC" sh -c '! grep -E "^(CHUID|CCC):.*No data" "$T/status"'

# the new values work, the factory's do not (that costs tries: last)
key=$(escrowed management-key)
puk=$(escrowed puk)
claim "$FIRMWARE: the management key opens from escrow" [ ${#key} -ge 48 ]
claim "$FIRMWARE: ykman administers the token with it" ykman piv access change-management-key -m "$key" -n "$key" \
	$([ "$FIRMWARE" = 5.4.3 ] && echo '-a AES192' || echo '-a AES192') -f
claim "$FIRMWARE: the PUK from escrow sets a PIN" ykman piv access unblock-pin -p "$puk" -n 771234
claim "$FIRMWARE: that PIN works" yubico-piv-tool -a verify-pin -P 771234
refuse "$FIRMWARE: the factory's management key is refused" ykman piv access change-management-key \
	-m 010203040506070801020304050607080102030405060708 -n "$key" -f
refuse "$FIRMWARE: the factory's PIN is refused" yubico-piv-tool -a verify-pin -P 123456
refuse "$FIRMWARE: the factory's PUK is refused" ykman piv access unblock-pin -p 12345678 -n 771235

# again
exits 0 '' "$FIRMWARE: enroll again says that nothing is to be done" enroll "Alice Adams" alice@example.org --json
claim "$FIRMWARE: as a fact" jq -e .already "$T/out"
exits 9 ' Alice' "$FIRMWARE: the token is not given to another holder" enroll "Bob" bob@example.org
claim "$FIRMWARE: check agrees" ykenroll check
claim "$FIRMWARE: list shows token and holder" sh -c 'ykenroll list | grep -q "active.*alice@example.org.*Alice Adams"'
finish
