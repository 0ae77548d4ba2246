# SPDX-License-Identifier: BSD-2-Clause
# yubico-piv-tool's round.

y() { run yubico-piv-tool "$@"; }
mgm=$FACTORY_KEY

list() { says '^Yubico YubiKey.*CCID.* 00 00$' yubico-piv-tool -a list-readers; }
info() {
	says "^Version:[[:space:]]*$FIRMWARE\$" yubico-piv-tool -a status &&
		grep -Eq '^PIN tries left:[[:space:]]*3$' says.out && says "version $FIRMWARE found" yubico-piv-tool -a version
}
serial() { says '^Serial Number:[[:space:]]*10000001$' yubico-piv-tool -a status; }
objects() {
	y -k$mgm -a set-chuid -a set-ccc && holds '.objects["5fc102"] == 59 and .objects["5fc107"] == 51' &&
		says '^CHUID:[[:space:]]*3019d4e739da739ced39ce739d83' yubico-piv-tool -a status && echo 0123456789abcdef >object &&
		y -k$mgm -a write-object --id 0x5fff12 -f hex -i object && y -a read-object --id 0x5fff12 -f hex -o object.back &&
		[ "$(tr -d ' \n' <object.back)" = 0123456789abcdef ]
}
generate() { # generate SLOT ALGORITHM NAME
	y -k$mgm -a generate -s "$1" -A "$2" -o "$3.pub" &&
		holds ".slots[\"$1\"].algorithm == \"$2\"" ".slots[\"$1\"].origin == \"generated\"" && openssl pkey -pubin -in "$3.pub" -noout
}
attest() { # attest SLOT POLICY NAME
	y -a attest -s "$1" -o "$3.att" && y -a read-certificate -s f9 -o f9.pem && attested "$1" "$2" "$3.att" f9.pem "$3.pub"
}
ed25519() { generate 84 ED25519 ed && attest 84 0201 ed; }
request() { y -a verify-pin -P $FACTORY_PIN -a request-certificate -s 9a -S /CN=Alice/ -i ec.pub -o ec.csr && request_is_good ec.csr ec.pub; }
selfsign() {
	y -a verify-pin -P $FACTORY_PIN -a selfsign-certificate -s 9a -S /CN=Alice/ -i ec.pub -o self.pem && same_key self.pem ec.pub &&
		openssl verify -CAfile self.pem -check_ss_sig self.pem
}
import() { y -k$mgm -a import-certificate -s 9a -i ec.crt && holds '.objects["5fc105"] > 200'; }
readback() {
	y -a read-certificate -s 9a -o back.pem && cmp ec.crt back.pem && says 'Subject DN:[[:space:]]*CN=Alice' yubico-piv-tool -a status
}
sign() { # sign SLOT ALGORITHM NAME
	y -a verify-pin -P $FACTORY_PIN --sign -s "$1" -A "$2" -H SHA256 -i m -o "$3.sig" && signature_is_good "$3.sig" "$3.pub"
}
self_test() {
	says 'Successful ECDSA verification' yubico-piv-tool -a verify-pin -P $FACTORY_PIN -a test-signature -s 9a -i ec.crt &&
		says 'Successfully performed ECDH' yubico-piv-tool -a verify-pin -P $FACTORY_PIN -a test-decipher -s 9a -i ec.crt
}
import_key() {
	y -k$mgm -a import-key -s 9d -i import.key && holds '.slots["9d"].origin == "imported"' && sign 9d RSA2048 import &&
		issue import.pub import.crt &&
		says 'Successfully performed RSA decryption' yubico-piv-tool -a verify-pin -P $FACTORY_PIN -a test-decipher -s 9d -i import.crt &&
		fails 'Failed to attest' yubico-piv-tool -a attest -s 9d
}
move() {
	y -k$mgm -a move-key -s 9c --to-slot 82 && holds '.slots["82"].algorithm == "RSA2048" and (.slots | has("9c") | not)' &&
		attest 82 0301 rsa && y -k$mgm -a delete-key -s 82 && holds '.slots | has("82") | not'
}
unverified() { fails 'fail|error' yubico-piv-tool -a test-signature -s 9a -i ec.crt; }
wrong_pin() {
	wrong verify
	fails '2 tries left' yubico-piv-tool -a verify-pin -P 000000 && holds '.pin.left == 2' &&
		says '^PIN tries left:[[:space:]]*2$' yubico-piv-tool -a status && y -a verify-pin -P $FACTORY_PIN && holds '.pin.left == 3'
}
pin() {
	wrong change
	y -a change-pin -P $FACTORY_PIN -N $PIN && holds '.pin.factory == false' &&
		fails 'now 2 tries left' yubico-piv-tool -a change-pin -P $FACTORY_PIN -N 111222 && y -a verify-pin -P $PIN && holds '.pin.left == 3'
}
puk() {
	wrong change
	y -a change-puk -P $FACTORY_PUK -N $PUK && holds '.puk.factory == false' &&
		fails 'now 2 tries left' yubico-piv-tool -a change-puk -P $FACTORY_PUK -N 11223344 && holds '.puk.left == 2'
}
unblock() {
	for words in '2 tries left' '1 tries left' 'blocked'; do
		wrong verify
		fails "$words" yubico-piv-tool -a verify-pin -P 000000 || return 1
	done
	wrong reset_retry
	holds '.pin.left == 0' && fails '1 tries left' yubico-piv-tool -a unblock-pin -P 00000000 -N 771234 &&
		y -a unblock-pin -P $PUK -N $PIN && holds '.pin.left == 3' '.puk.left == 3' && y -a verify-pin -P $PIN
}
management_key() {
	y -k$FACTORY_KEY -a set-mgm-key -n $KEY && holds '.management_key.factory == false' && mgm=$KEY &&
		fails 'Failed authentication' yubico-piv-tool -k$FACTORY_KEY -a set-ccc && y -k$mgm -a set-ccc
}
retries() {
	y -k$mgm -a verify-pin -P $PIN -a pin-retries --pin-retries 5 --puk-retries 4 &&
		holds '.pin == {tries: 5, left: 5, factory: true}' '.puk == {tries: 4, left: 4, factory: true}'
}
delete() { y -k$mgm -a delete-certificate -s 9a && holds '.objects | has("5fc105") | not'; }
reset() {
	while [ "$(card .pin.left)" != 0 ]; do
		wrong verify
		fails 'left|blocked' yubico-piv-tool -a verify-pin -P 000000 || return 1
	done
	fails 'reset' yubico-piv-tool -a reset || return 1
	while [ "$(card .puk.left)" != 0 ]; do
		wrong change
		fails 'left|blocked' yubico-piv-tool -a change-puk -P 00000000 -N 11223344 || return 1
	done
	y -a reset && is_reset && holds '.management_key.factory' && says '^PIN tries left:[[:space:]]*3$' yubico-piv-tool -a status
}

by_ykman() { run ykman piv "$@"; }
round() {
	cell list "its list of readers" list
	cell info "status and version" info
	cell serial "the serial number" serial
	cell objects "CHUID, CCC and an object read back" objects
	cell generate "a P-256 key" generate 9a ECCP256 ec
	[ -s ec.pub ] || prepare by_ykman keys generate -m $mgm -a ECCP256 9a ec.pub
	cell attest "its attestation" attest 9a 0201 ec
	cell request "a request, which openssl verifies" request
	cell selfsign "a self-signed certificate, which openssl verifies" selfsign
	prepare issue ec.pub ec.crt
	cell import "a certificate" import
	holds '.objects["5fc105"]' >/dev/null || prepare by_ykman certificates import -m $mgm 9a ec.crt
	cell readback "the certificate reads back as it was" readback
	cell sign "a signature, which openssl verifies" sign 9a ECCP256 ec
	cell self-test "test-signature and test-decipher" self_test
	cell generate-rsa "an RSA key in 9c" generate 9c RSA2048 rsa
	[ -s rsa.pub ] || prepare by_ykman keys generate -m $mgm -a RSA2048 9c rsa.pub
	cell attest-rsa "whose PIN policy is always" attest 9c 0301 rsa
	cell sign-rsa "a signature with it, which openssl verifies" sign 9c RSA2048 rsa
	cell import-key "an imported key signs, decrypts and is not attested" import_key
	if fw 5.7.0; then
		cell generate-ed25519 "an Ed25519 key and its attestation" ed25519
		cell move "a key moves, is attested there, and goes" move
	fi
	cell unverified "no signature without the PIN" unverified
	cell wrong-pin "a wrong PIN costs a try, the right one brings it back" wrong_pin
	cell pin "the PIN changes" pin
	cell puk "the PUK changes" puk
	cell unblock "a blocked PIN is unblocked" unblock
	cell management-key "the management key changes" management_key
	cell retries "tries are set, PIN and PUK are the factory's again" retries
	cell delete "a certificate is deleted" delete
	cell reset "reset, refused before both are blocked, leaves a factory key" reset
}
