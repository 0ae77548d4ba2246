# SPDX-License-Identifier: BSD-2-Clause
# The round of OpenSC's tools: opensc-tool looks, piv-tool administers, pkcs15-tool and pkcs15-crypt use.

if fw 5.7.0; then mgm=0A; else mgm=03; fi # the factory's algorithm of the management key
colons $FACTORY_KEY >factory.key
PIV_EXT_AUTH_KEY=$D/factory.key
export PIV_EXT_AUTH_KEY
atr=3b:fd:13:00:00:81:31:fe:15:80:73:c0:21:c0:57:59:75:62:69:4b:65:79:40
fw 5.0.0 || atr=3b:f8:13:00:00:81:31:fe:15:59:75:62:69:6b:65:79:34:d4
admin() { run piv-tool -A "M:9B:$mgm" "$@"; }
by_ykman() { run ykman piv "$@"; }

list() { says 'Yes +Yubico YubiKey CCID' opensc-tool -l && [ "$(grep -c '^[0-9].*Yubico' says.out)" = 1 ]; }
info() {
	says 'Personal Identity Verification Card|Yubi[Kk]ey' opensc-tool -n &&
		says "^$atr\$" opensc-tool -a &&
		says "^$(echo "$FIRMWARE" | sed 's/[0-9]*/0&/g; s/\./ /g') \.\.\.\$" opensc-tool -s 00:A4:04:00:05:A0:00:00:03:08 -s 00:FD:00:00
}
objects() { says "'Discovery Object'" pkcs15-tool -C && grep -q 7E124F0BA0000003080000100001005F2F024000 says.out; }
# piv-tool's exit status does not say whether it worked
generate() { # generate SLOT HEX-ALGORITHM ALGORITHM NAME
	admin -G "$1:$2" -o "$4.der"
	slot=$(echo "$1" | tr 'A-F' 'a-f')
	holds ".slots[\"$slot\"].algorithm == \"$3\"" ".slots[\"$slot\"].origin == \"generated\"" || return 1
	[ -s "$4.der" ] && openssl pkey -pubin -in "$4.der" -out "$4.pub" && by_ykman keys export "$slot" "$4.exported" &&
		same_key "$4.pub" "$4.exported"
}
authenticate() {
	issue ec.pub again.crt && run piv-tool -A "A:9B:$mgm" -C 9A -i again.crt
	run pkcs15-tool --read-certificate 01 -o back.pem && cmp again.crt back.pem
}
attest() {
	run opensc-tool -c default -s 00:A4:04:00:05:A0:00:00:03:08 -s 00:F9:9A:00:00 >attest.txt || return 1
	sed -n '/^Sending: 00 F9/,$p' attest.txt | grep -E '^([0-9A-F]{2} )+' | cut -c1-48 | tr -d ' \n' >attest.hex
	run opensc-tool -c default -s 00:A4:04:00:05:A0:00:00:03:08 -s 00:CB:3F:FF:05:5C:03:5F:FF:01:00 >f9.txt || return 1
	sed -n '/^Sending: 00 CB/,$p' f9.txt | grep -E '^([0-9A-F]{2} )+' | cut -c1-48 | tr -d ' \n' >f9.hex
	python3 -c 'import re, sys
open("ec.att", "wb").write(bytes.fromhex(open("attest.hex").read()))
f9 = bytes.fromhex(open("f9.hex").read())
open("f9.crt", "wb").write(f9[f9.index(b"\x30\x82"):])' || return 1
	openssl x509 -in f9.crt -inform DER -out f9.pem && attested 9a 0201 ec.att f9.pem ec.pub
}
import() {
	admin -C 9A -i ec.crt
	admin -C 9C -i rsa.crt
	holds '.objects["5fc105"] > 200' '.objects["5fc10a"] > 400'
}
wrong_key() {
	colons $KEY >other.key
	before=$(card '.objects["5fc105"]')
	fails 'admin_mode failed' env PIV_EXT_AUTH_KEY="$D/other.key" piv-tool -A "M:9B:$mgm" -C 9A -i rsa.crt &&
		[ "$(card '.objects["5fc105"]')" = "$before" ]
}
readback() {
	says 'Certificate for PIV Authentication' pkcs15-tool --list-certificates && run pkcs15-tool --read-certificate 01 -o back.pem &&
		cmp ec.crt back.pem && says 'Private EC Key' pkcs15-tool -k && grep -q 'Private RSA Key' says.out
}
sign() {
	run pkcs15-crypt --sign -k 01 --pin $FACTORY_PIN -i m.sha256 -o ec.sig -f openssl && signature_is_good ec.sig ec.pub
}
sign_rsa() {
	run pkcs15-crypt --sign -k 02 --pin $FACTORY_PIN --sha-256 --pkcs1 -i m.sha256 -o rsa.sig && signature_is_good rsa.sig rsa.pub
}
wrong_pin() {
	wrong verify
	fails 'PIN code|PIN incorrect|verification failed' pkcs15-tool --verify-pin --pin 000000 && holds '.pin.left == 2' &&
		run pkcs15-tool --verify-pin --pin $FACTORY_PIN && holds '.pin.left == 3'
}
pin() {
	wrong change
	run pkcs15-tool --change-pin --pin $FACTORY_PIN --new-pin $PIN && holds '.pin.factory == false' &&
		fails 'PIN' pkcs15-tool --change-pin --pin $FACTORY_PIN --new-pin 111222 && holds '.pin.left == 2' &&
		run pkcs15-tool --verify-pin --pin $PIN && holds '.pin.left == 3'
}
puk() {
	wrong change
	run pkcs15-tool --change-pin --auth-id 02 --pin $FACTORY_PUK --new-pin $PUK && holds '.puk.factory == false' &&
		fails 'PIN|PUK' pkcs15-tool --change-pin --auth-id 02 --pin $FACTORY_PUK --new-pin 11223344 && holds '.puk.left == 2'
}
unblock() {
	for i in 1 2 3; do
		wrong verify
		fails 'PIN|block' pkcs15-tool --verify-pin --pin 00000$i || return 1
	done
	wrong reset_retry
	holds '.pin.left == 0' && fails 'PIN|PUK' pkcs15-tool --unblock-pin --auth-id 01 --puk 00000000 --new-pin 771234 &&
		holds '.puk.left == 1' && run pkcs15-tool --unblock-pin --auth-id 01 --puk $PUK --new-pin $PIN &&
		holds '.pin.left == 3' '.puk.left == 3' && run pkcs15-tool --verify-pin --pin $PIN
}

reset() {
	pin=00:20:00:80:08:30:30:30:30:30:30:ff:ff puk=00:2C:00:80:10:30:30:30:30:30:30:30:30:30:30:30:30:30:30:ff:ff
	wrong verify 3
	wrong reset_retry 3
	says 'SW1=0x69, SW2=0x85' opensc-tool -c default -s 00:A4:04:00:05:A0:00:00:03:08 -s 00:FB:00:00 &&
		run opensc-tool -c default -s 00:A4:04:00:05:A0:00:00:03:08 -s $pin -s $pin -s $pin -s $puk -s $puk -s $puk -s 00:FB:00:00 && is_reset
}

make_certificates() {
	[ -s ec.pub ] || by_ykman keys export 9a ec.pub || return 1
	[ -s rsa.pub ] || by_ykman keys export 9c rsa.pub || return 1
	issue ec.pub ec.crt && issue rsa.pub rsa.crt
}
round() {
	cell list "one reader with a card" list
	cell info "name, ATR and version" info
	cell objects "the discovery object" objects
	cell generate "a P-256 key" generate 9A 11 ECCP256 ec
	cell generate-rsa "an RSA key in 9c" generate 9C 07 RSA2048 rsa
	prepare make_certificates
	cell attest "its attestation, by APDU" attest
	cell import "certificates" import
	cell wrong-key "a wrong management key is refused" wrong_key
	cell readback "the certificate reads back as it was, keys are listed" readback
	cell sign "a signature, which openssl verifies" sign
	cell sign-rsa "a signature of a key with PIN policy always" sign_rsa
	cell authenticate "a certificate, the management key proved one way only" authenticate
	cell wrong-pin "a wrong PIN costs a try, the right one brings it back" wrong_pin
	cell pin "the PIN changes" pin
	cell puk "the PUK changes" puk
	cell unblock "the PUK unblocks a blocked PIN" unblock
	cell reset "reset, by APDU, refused before both are blocked, leaves a factory key" reset
}
