#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a token that ykenroll enrolled one that other clients can use? They read and sign with it; openssl judges.
set -u
cd "$(dirname "$0")/../flow" || exit 1
. ./lib.sh
if [ -z "${IN_LAB-}" ]; then
	rc=0
	for v in 5.7.1 5.4.3; do
		(FIRMWARE=$v; export FIRMWARE; in_lab "$(pwd)/../clients/enrolled.sh" --firmware $v) || rc=1
	done
	exit $rc
fi
YKCS11=$(ls /usr/lib/*/libykcs11.so /usr/lib/libykcs11.so 2>/dev/null | head -1)
OPENSC=$(ls /usr/lib/*/opensc-pkcs11.so /usr/lib/opensc-pkcs11.so 2>/dev/null | head -1)
cd "$T" || exit 1
export LC_ALL=C.UTF-8

run() { timeout -k 5 1800 "$@" </dev/null; }
says() { # says ERE COMMAND…: the client must succeed, with a line like this
	want=$1
	shift
	run "$@" >says.out 2>&1 || { cat says.out; return 1; }
	cat says.out
	grep -Eq -- "$want" says.out
}
verifies() { openssl dgst -sha256 -verify pub.pem -signature "$1" m; }
signs() { # signs MODULE MECHANISM FILE
	rm -f sig
	run pkcs11-tool --module "$1" --login --pin 482913 -s -m "$2" --id 01 -i "$3" -o sig -f openssl && verifies sig
}
same_der() { # same_der FILE…: each is the certificate
	for f in "$@"; do
		openssl x509 -in "$f" -outform DER | cmp - cert.der || return 1
	done
}
p11_reads() { # p11_reads MODULE LABEL
	rm -f back.der
	run pkcs11-tool --module "$1" -r -y cert --label "$2" -o back.der && cmp back.der cert.der
}
private_after_login() { # private_after_login MODULE
	run pkcs11-tool --module "$1" -O -y privkey >before.out 2>&1 || return 1
	! grep 'Private Key Object' before.out && says 'Private Key Object; EC' pkcs11-tool --module "$1" --login --pin 482913 -O -y privkey
}
same_key() { # same_key FILE FILE: two certificates
	openssl x509 -in "$1" -pubkey -noout >one.pub && openssl x509 -in "$2" -pubkey -noout >two.pub && [ -s one.pub ] && cmp one.pub two.pub
}
issued() { [ -s cert.der ] && [ "$(sha256sum <cert.der | cut -d' ' -f1)" = "$(jq -r .certificate.sha256 enroll.json)" ]; }
other_file() { openssl dgst -sha256 -verify pub.pem -signature "$1" ca.pem 2>&1 | grep -q '^Verification failure'; }

claim "$FIRMWARE: init makes a rehearsal CA" make_ca
claim "$FIRMWARE: enroll succeeds" sh -c 'ykenroll enroll "Alice Adams" --email alice@example.org \
	--ca-pass "file:$T/pass" --pin "file:$T/pin" --json >"$T/enroll.json"'
ykenroll ca show --pem >ca.pem
printf 'signed by Alice\n' >m
openssl dgst -sha256 -binary -out m.sha256 m

# read it: five clients, one certificate, the one that was issued
claim "$FIRMWARE: yubico-piv-tool reads the certificate" run yubico-piv-tool -a read-certificate -s 9a -o cert.pem
openssl x509 -in cert.pem -outform DER -out cert.der
openssl x509 -in cert.pem -pubkey -noout -out pub.pem
claim "$FIRMWARE: which is the one that was issued" issued
claim "$FIRMWARE: and openssl verifies it to the CA" openssl verify -purpose sslclient -CAfile ca.pem cert.pem
claim "$FIRMWARE: ykman reads the same" run ykman piv certificates export 9a ykman.pem
claim "$FIRMWARE: octet by octet" same_der ykman.pem
claim "$FIRMWARE: pkcs15-tool reads the same" run pkcs15-tool --read-certificate 01 -o pkcs15.pem
claim "$FIRMWARE: octet by octet" same_der pkcs15.pem
claim "$FIRMWARE: opensc-pkcs11 reads the same" p11_reads "$OPENSC" "Certificate for PIV Authentication"
claim "$FIRMWARE: ykcs11 reads the same" p11_reads "$YKCS11" "X.509 Certificate for PIV Authentication"

# what they say about it
claim "$FIRMWARE: ykman shows the holder" says 'Subject DN:.*CN=Alice Adams' ykman piv info
claim "$FIRMWARE: a CHUID and a CCC" sh -c '! grep -E "^(CHUID|CCC):.*No data" says.out'
claim "$FIRMWARE: and nothing that is the factory's" sh -c '! grep -i default says.out'
claim "$FIRMWARE: yubico-piv-tool's status shows the holder" says 'Subject DN:.*CN=Alice Adams' yubico-piv-tool -a status
claim "$FIRMWARE: and every try" grep -Eq '^PIN tries left:[[:space:]]*3$' says.out
claim "$FIRMWARE: opensc-tool names a PIV card" says 'Personal Identity Verification|Yubi[Kk]ey' opensc-tool -n
claim "$FIRMWARE: pkcs15-tool lists one certificate" says '^X.509 Certificate \[Certificate for PIV Authentication\]' pkcs15-tool --list-certificates
claim "$FIRMWARE: and no more" [ "$(grep -c '^X.509 Certificate' says.out)" = 1 ]
claim "$FIRMWARE: pkcs15-tool derives a serial number from the CHUID" says 'Serial number *: *[0-9a-f]*[1-9a-f]' pkcs15-tool --list-info

# use it
claim "$FIRMWARE: yubico-piv-tool verifies the PIN" run yubico-piv-tool -a verify-pin -P 482913
for m in "$OPENSC" "$YKCS11"; do
	name=$(basename "$m" .so)
	claim "$FIRMWARE: $name signs a digest with the PIN" signs "$m" ECDSA m.sha256
	claim "$FIRMWARE: $name signs a file with the PIN" signs "$m" ECDSA-SHA256 m
	claim "$FIRMWARE: $name shows a private key only then" private_after_login "$m"
done
run yubico-piv-tool -a verify-pin -P 482913 --sign -s 9a -A ECCP256 -H SHA256 -i m -o ypt.sig >ypt.log 2>&1
claim "$FIRMWARE: yubico-piv-tool signs with the PIN" verifies ypt.sig
run pkcs15-crypt --sign -k 01 --pin 482913 -i m.sha256 -o p15.sig -f openssl >p15.log 2>&1
claim "$FIRMWARE: pkcs15-crypt signs with the PIN" verifies p15.sig
claim "$FIRMWARE: which is not good for another file" other_file p15.sig

# attested to the lab's root, and the same key as in the certificate
run yubico-piv-tool -a attest -s 9a -o att.pem >att.log 2>&1
run yubico-piv-tool -a read-certificate -s f9 -o f9.pem >>att.log 2>&1
claim "$FIRMWARE: openssl verifies the attestation" openssl verify -CAfile "$YKVIRT_ROOT" -untrusted f9.pem att.pem
claim "$FIRMWARE: of the certificate's key" same_key att.pem cert.pem

claim "$FIRMWARE: no client tried a wrong PIN or PUK" [ "$(card '.refused | add')" = 0 ]
finish
