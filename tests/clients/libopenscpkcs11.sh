# SPDX-License-Identifier: BSD-2-Clause
# The round of pkcs11-tool with OpenSC's module, which uses a PIV card and does not administer it: keys and certificates are
# ykman's here.

p() { run pkcs11-tool --module "$OPENSC" "$@"; }
by_ykman() { run ykman piv "$@"; }

list() { says 'token manufacturer *: piv_II$' pkcs11-tool --module "$OPENSC" -L && grep -q 'Yubico YubiKey' says.out; }
info() {
	says 'Manufacturer *OpenSC' pkcs11-tool --module "$OPENSC" -I && says 'ECDSA,.*hw, sign' pkcs11-tool --module "$OPENSC" -M &&
		says "'Discovery Object'" pkcs11-tool --module "$OPENSC" -O
}
so() { run pkcs11-tool --module "$OPENSC" --login --login-type so --so-pin $FACTORY_PUK "$@"; }
generate() { so -k --key-type EC:prime256v1 --id 01; }
import() { so -w ec.crt.der -y cert --id 01; }
objects() {
	says 'DN: CN=Alice$' pkcs11-tool --module "$OPENSC" -O -y cert && p -r -y pubkey --id 01 -o back.pub && same_key back.pub ec.pub &&
		says 'Private Key Object; EC' pkcs11-tool --module "$OPENSC" --login --pin $FACTORY_PIN -O -y privkey &&
		grep -q 'Private Key Object; RSA' says.out
}
readback() {
	p -r -y cert --id 01 -o back.der && cmp ec.crt.der back.der &&
		p -r -y cert --id 02 -o back2.der && openssl x509 -in back2.der -out back2.pem && cmp rsa.crt back2.pem
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
decrypt() {
	openssl pkeyutl -encrypt -pubin -inkey dec.pub -in m -out m.enc &&
		p --login --pin $FACTORY_PIN --decrypt -m RSA-PKCS --id 03 -i m.enc -o m.dec && cmp m m.dec
}
wrong_pin() {
	wrong verify
	fails CKR_PIN_INCORRECT pkcs11-tool --module "$OPENSC" --login --pin 000000 -O && holds '.pin.left == 2' &&
		p --login --pin $FACTORY_PIN -O && holds '.pin.left == 3'
}
pin() {
	wrong verify # it logs in before it changes
	p -c --pin $FACTORY_PIN --new-pin $PIN && holds '.pin.factory == false' &&
		fails CKR_PIN_INCORRECT pkcs11-tool --module "$OPENSC" -c --pin $FACTORY_PIN --new-pin 111222 && holds '.pin.left == 2' &&
		p --login --pin $PIN -O && holds '.pin.left == 3'
}
unblock() {
	for i in 1 2 3; do
		wrong verify
		fails 'CKR_PIN_INCORRECT|CKR_PIN_LOCKED' pkcs11-tool --module "$OPENSC" --login --pin 00000$i -O || return 1
	done
	wrong reset_retry
	echo 'app opensc-pkcs11 { pkcs11 { user_pin_unblock_style = set_pin_in_unlogged_session; } }' >unblock.conf
	holds '.pin.left == 0' &&
		fails CKR_PIN_INCORRECT env OPENSC_CONF=unblock.conf pkcs11-tool --module "$OPENSC" --unlock-pin --puk 00000000 --new-pin 771234 &&
		holds '.puk.left == 2' && says 'successfully' env OPENSC_CONF=unblock.conf pkcs11-tool --module "$OPENSC" --unlock-pin \
		--puk $FACTORY_PUK --new-pin 771234 && holds '.pin.left == 3' '.puk.left == 3' && p --login --pin 771234 -O
}
reset() { p --init-token --label x --so-pin $FACTORY_PUK; }

make_keys() {
	by_ykman keys generate -m $FACTORY_KEY -a ECCP256 9a ec.pub && issue ec.pub ec.crt &&
		openssl x509 -in ec.crt -outform DER -out ec.crt.der && by_ykman keys generate -m $FACTORY_KEY -a RSA2048 9c rsa.pub &&
		issue rsa.pub rsa.crt && by_ykman keys generate -m $FACTORY_KEY -a RSA2048 9d dec.pub && issue dec.pub dec.crt &&
		by_ykman certificates import -m $FACTORY_KEY 9c rsa.crt && by_ykman certificates import -m $FACTORY_KEY 9d dec.crt
}
round() {
	cell list "a slot with a PIV token" list
	cell info "mechanisms and data objects" info
	cell generate "a P-256 key" generate
	prepare make_keys
	cell import "a certificate" import
	prepare by_ykman certificates import -m $FACTORY_KEY 9a ec.crt
	cell objects "certificates, public and private keys" objects
	cell readback "certificates read back as they were" readback
	cell sign "signatures, which openssl verifies" sign
	cell sign-rsa "signatures of a key with PIN policy always, PKCS #1 and PSS" sign_rsa
	cell decrypt "what openssl has encrypted" decrypt
	cell wrong-pin "a wrong PIN costs a try, the right one brings it back" wrong_pin
	cell pin "the PIN changes" pin
	cell unblock "the PUK unblocks a blocked PIN" unblock
	cell reset "C_InitToken" reset
}
