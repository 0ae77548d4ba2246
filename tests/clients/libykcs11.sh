# SPDX-License-Identifier: BSD-2-Clause
# The round of pkcs11-tool with Yubico's module: its security officer is the management key.

p() { run pkcs11-tool --module "$YKCS11" "$@"; }
so() { run pkcs11-tool --module "$YKCS11" --login --login-type so --so-pin $mgm "$@"; }
mgm=$FACTORY_KEY

list() { says 'token label *: YubiKey PIV #' pkcs11-tool --module "$YKCS11" -L; }
serial() { says 'token label *: YubiKey PIV #10000001$' pkcs11-tool --module "$YKCS11" -L && grep -Eq 'serial num *: 10000001$' says.out; }
info() {
	says 'Manufacturer *Yubico' pkcs11-tool --module "$YKCS11" -I && says 'ECDSA-SHA256.*hw.*sign' pkcs11-tool --module "$YKCS11" -M &&
		says "DN: CN=$(if fw 5.7.4; then echo YubiKey; else echo Yubico; fi) PIV Attestation\$" pkcs11-tool --module "$YKCS11" -O
}
random() { p --generate-random 32 -o r1 && p --generate-random 32 -o r2 && [ "$(wc -c <r1)" = 32 ] && ! cmp -s r1 r2; }
read_public() { p -r -y pubkey --id "$1" -o "$2.der" && openssl pkey -pubin -in "$2.der" -out "$2.pub"; } # read_public ID NAME
generate() { # generate SLOT ID TYPE ALGORITHM NAME
	so -k --key-type "$3" --id "$2" && holds ".slots[\"$1\"].algorithm == \"$4\"" ".slots[\"$1\"].origin == \"generated\"" &&
		read_public "$2" "$5"
}
attest() { # attest SLOT POLICY NAME
	p -r -y cert --label "X.509 Certificate for PIV Attestation $1" -o "$3.att" &&
		p -r -y cert --label "X.509 Certificate for PIV Attestation" -o f9.der && openssl x509 -in f9.der -out f9.pem &&
		attested "$1" "$2" "$3.att" f9.pem "$3.pub"
}
import() { so -w ec.crt.der -y cert --id 01 && holds '.objects["5fc105"] > 200'; }
readback() {
	p -r -y cert --label "X.509 Certificate for PIV Authentication" -o back.der && cmp ec.crt.der back.der &&
		says 'DN: CN=Alice$' pkcs11-tool --module "$YKCS11" -O -y cert
}
sign() {
	p --login --pin $FACTORY_PIN -s -m ECDSA --id 01 -i m.sha256 -o raw.sig -f openssl && signature_is_good raw.sig ec.pub &&
		p --login --pin $FACTORY_PIN -s -m ECDSA-SHA256 --id 01 -i m -o ec.sig -f openssl && signature_is_good ec.sig ec.pub
}
sign_rsa() {
	p --login --pin $FACTORY_PIN -s -m SHA256-RSA-PKCS --id 02 -i m -o rsa.sig && signature_is_good rsa.sig rsa.pub &&
		p --login --pin $FACTORY_PIN -s -m SHA256-RSA-PKCS-PSS --id 02 -i m -o pss.sig &&
		signature_is_good pss.sig rsa.pub -sigopt rsa_padding_mode:pss
}
self_test() { says '^No errors$' pkcs11-tool --module "$YKCS11" --login --pin $FACTORY_PIN -t; }
wrong_pin() {
	wrong verify
	fails CKR_PIN_INCORRECT pkcs11-tool --module "$YKCS11" --login --pin 000000 -O && holds '.pin.left == 2' &&
		p --login --pin $FACTORY_PIN -O && holds '.pin.left == 3'
}
pin() {
	wrong verify # it logs in before it changes
	p -c --pin $FACTORY_PIN --new-pin $PIN && holds '.pin.factory == false' &&
		fails CKR_PIN_INCORRECT pkcs11-tool --module "$YKCS11" -c --pin $FACTORY_PIN --new-pin 111222 && holds '.pin.left == 2' &&
		p --login --pin $PIN -O && holds '.pin.left == 3'
}
# The module takes words for which secret is meant: without one it is the PIN.
puk() {
	wrong change
	fails CKR_PIN_INCORRECT pkcs11-tool --module "$YKCS11" --unlock-pin --puk $FACTORY_PUK --new-pin $PUK && holds '.pin.left == 2' &&
		wrong change && p --unlock-pin --puk puk:$FACTORY_PUK --new-pin puk:$PUK && holds '.puk.factory == false' &&
		fails CKR_PIN_INCORRECT pkcs11-tool --module "$YKCS11" --unlock-pin --puk puk:$FACTORY_PUK --new-pin puk:11223344 &&
		holds '.puk.left == 2'
}
unblock() {
	for i in 1 2 3; do
		[ "$(card .pin.left)" != 0 ] || break
		wrong verify
		fails 'CKR_PIN_INCORRECT|CKR_PIN_LOCKED' pkcs11-tool --module "$YKCS11" --login --pin 00000$i -O || return 1
	done
	wrong reset_retry
	holds '.pin.left == 0' &&
		fails CKR_PIN_INCORRECT pkcs11-tool --module "$YKCS11" --unlock-pin --puk puk:00000000 --new-pin pin:771234 &&
		p --unlock-pin --puk puk:$PUK --new-pin pin:771234 && holds '.pin.left == 3' '.puk.left == 3' && p --login --pin 771234 -O
}
init_pin() { so --init-pin --new-pin 771234; }
management_key() {
	so -c --pin $mgm --new-pin $KEY && holds '.management_key.factory == false' &&
		fails CKR_PIN_INCORRECT pkcs11-tool --module "$YKCS11" --login --login-type so --so-pin $FACTORY_KEY --session-rw -O &&
		mgm=$KEY
}
delete() { so -b -y cert --id 01 && holds '.objects | has("5fc105") | not'; }
reset() {
	blocks=$(card '.pin.left, .puk.left' | tr '\n' ' ')
	p --init-token --label x --so-pin $mgm || return 1
	wrong verify "${blocks%% *}" # the module blocks both by wrong values
	blocks=${blocks#* }
	wrong reset_retry $blocks
	is_reset
}

by_ykman() { run ykman piv "$@"; }
round() {
	cell list "a slot with a token" list
	cell serial "of the right serial number" serial
	cell info "mechanisms, and the attestation certificate among the objects" info
	cell random "random octets" random
	cell generate "a P-256 key" generate 9a 01 EC:prime256v1 ECCP256 ec
	[ -s ec.pub ] || prepare by_ykman keys generate -m $mgm -a ECCP256 9a ykman.pub
	[ -s ec.pub ] || prepare read_public 01 ec
	cell attest "its attestation, an object" attest 9a 0201 ec
	prepare issue ec.pub ec.crt
	prepare openssl x509 -in ec.crt -outform DER -out ec.crt.der
	cell import "a certificate" import
	holds '.objects["5fc105"]' >/dev/null || prepare by_ykman certificates import -m $mgm 9a ec.crt
	cell readback "the certificate reads back as it was" readback
	cell sign "signatures, which openssl verifies" sign
	cell generate-rsa "an RSA key in 9c" generate 9c 02 rsa:2048 RSA2048 rsa
	[ -s rsa.pub ] || prepare by_ykman keys generate -m $mgm -a RSA2048 9c ykman.pub
	[ -s rsa.pub ] || prepare read_public 02 rsa
	cell attest-rsa "whose PIN policy is always" attest 9c 0301 rsa
	cell sign-rsa "signatures with it, PKCS #1 and PSS, which openssl verifies" sign_rsa
	cell self-test "pkcs11-tool's own test of digests, signatures and decryption" self_test
	cell wrong-pin "a wrong PIN costs a try, the right one brings it back" wrong_pin
	cell pin "the PIN changes" pin
	cell puk "the PUK changes" puk
	cell unblock "the PUK unblocks a blocked PIN" unblock
	cell init-pin "the security officer sets a PIN" init_pin
	cell management-key "the management key changes" management_key
	cell delete "a certificate is deleted" delete
	cell reset "C_InitToken leaves a factory key" reset
}
