# SPDX-License-Identifier: BSD-2-Clause
# ykman's round.

y() { run ykman piv "$@"; }
mgm=$FACTORY_KEY

list() { says "\($FIRMWARE\).* Serial: 10000001\$" ykman list && says '^10000001$' ykman list --serials; }
info() {
	says "Firmware version: +$FIRMWARE\$" ykman info && grep -Eq '^Serial number: +10000001$' says.out &&
		grep -Eq '^PIV[[:space:]]+Enabled' says.out && says "PIN tries remaining: +$(tries 3)\$" ykman piv info || return 1
	! fw 5.3.0 || { grep -q 'default PIN' says.out && grep -q 'default Management key' says.out; } || return 1
	if fw 5.7.0; then grep -q 'algorithm: AES192' says.out; else grep -q 'algorithm: TDES' says.out; fi
}
tries() { if fw 5.3.0; then echo "$1/$1"; else echo "$1"; fi; } # metadata tell of how many
generate() { # generate SLOT ALGORITHM NAME
	y keys generate -a "$2" -m $mgm -P $FACTORY_PIN "$1" "$3.pub" &&
		holds ".slots[\"$1\"].algorithm == \"$2\"" ".slots[\"$1\"].origin == \"generated\"" &&
		y keys export "$1" "$3.exported" && same_key "$3.pub" "$3.exported"
}
attest() { # attest SLOT POLICY NAME
	y keys attest "$1" "$3.att" && y certificates export f9 f9.pem && attested "$1" "$2" "$3.att" f9.pem "$3.pub"
}
p384() { generate 83 ECCP384 p384 && attest 83 0201 p384 && request 83 p384; }
ed25519() { generate 84 ED25519 ed && attest 84 0201 ed && request 84 ed; }
request() { y certificates request -P $FACTORY_PIN -s CN=Alice "$1" "$2.pub" "$2.csr" && request_is_good "$2.csr" "$2.pub"; }
selfsign() {
	y certificates generate -P $FACTORY_PIN -m $mgm -s CN=Alice 9a ec.pub && y certificates export 9a self.pem &&
		same_key self.pem ec.pub && openssl verify -CAfile self.pem -check_ss_sig self.pem && holds '.objects["5fc105"] > 200'
}
import() {
	issue ec.pub ec.crt && y certificates import -P $FACTORY_PIN -m $mgm --verify 9a ec.crt && holds '.objects["5fc105"] > 200'
}
readback() { y certificates export 9a back.pem && cmp ec.crt back.pem && says 'Subject DN:[[:space:]]+CN=Alice' ykman piv info; }
wrong_certificate() {
	issue import.pub stranger.crt && before=$(card '.objects["5fc105"]') &&
		fails 'not tied|does not match|not.*match' ykman piv certificates import -P $FACTORY_PIN -m $mgm --verify 9a stranger.crt &&
		[ "$(card '.objects["5fc105"]')" = "$before" ]
}
import_key() {
	y keys import -P $FACTORY_PIN -m $mgm 9d import.key && holds '.slots["9d"].origin == "imported"' &&
		y certificates request -P $FACTORY_PIN -s CN=Bob 9d import.pub import.csr && request_is_good import.csr import.pub &&
		fails 'attestation failed' ykman piv keys attest 9d -
}
objects() {
	y objects generate -P $FACTORY_PIN -m $mgm CHUID && y objects generate -P $FACTORY_PIN -m $mgm CCC &&
		y objects export CHUID chuid && has_bytes chuid 3019d4e739da739ced39ce739d83 FASC-N &&
		holds '.objects["5fc102"] == 59 and .objects["5fc107"] == 51' && echo hello >object &&
		y objects import -P $FACTORY_PIN -m $mgm 0x5fff12 object && y objects export 0x5fff12 object.back && cmp object object.back
}
move() {
	y keys move -P $FACTORY_PIN -m $mgm 9c 82 && holds '.slots["82"].algorithm == "RSA2048" and (.slots | has("9c") | not)' &&
		y keys attest 82 moved.att && attested 82 0301 moved.att f9.pem rsa.pub &&
		y keys delete -P $FACTORY_PIN -m $mgm 82 && holds '.slots | has("82") | not'
}
wrong_pin() {
	wrong verify
	fails '2 (tries|attempts)' ykman piv certificates request -P 000000 -s CN=Alice 9a ec.pub no.csr && holds '.pin.left == 2' &&
		request 9a ec && holds '.pin.left == 3'
}
pin() {
	wrong change
	y access change-pin -P $FACTORY_PIN -n $PIN && holds '.pin.factory == false' &&
		fails 'tries|attempts' ykman piv access change-pin -P $FACTORY_PIN -n 111222 && holds '.pin.left == 2' &&
		y access change-pin -P $PIN -n 771234 && y access change-pin -P 771234 -n $PIN && holds '.pin.left == 3'
}
puk() {
	wrong change
	y access change-puk -p $FACTORY_PUK -n $PUK && holds '.puk.factory == false' &&
		fails 'tries|attempts' ykman piv access change-puk -p $FACTORY_PUK -n 11223344 && holds '.puk.left == 2'
}
unblock() {
	for i in 1 2 3; do
		wrong change
		fails 'tries|attempts|blocked' ykman piv access change-pin -P 00000$i -n 771234 || return 1
	done
	wrong reset_retry
	holds '.pin.left == 0' && fails 'tries|attempts|PUK' ykman piv access unblock-pin -p 00000000 -n 771234 &&
		y access unblock-pin -p $PUK -n 771234 && holds '.pin.left == 3' '.puk.left == 3' && y access change-pin -P 771234 -n $PIN
}
management_key() {
	long=$KEY$FACTORY_PUK$FACTORY_PUK
	if fw 5.4.2; then
		y access change-management-key -f -P $PIN -m $FACTORY_KEY -a AES256 -n $long &&
			holds '.management_key == {algorithm: "AES256", factory: false, touch_policy: "never"}' &&
			y access change-management-key -f -P $PIN -m $long -a TDES -n $KEY
	else
		fails 'requires YubiKey 5.4|not supported' ykman piv access change-management-key -f -P $PIN -m $FACTORY_KEY -a AES256 -n $long &&
			holds '.management_key.factory' && y access change-management-key -f -P $PIN -m $FACTORY_KEY -a TDES -n $KEY
	fi && holds '.management_key == {algorithm: "TDES", factory: false, touch_policy: "never"}' && mgm=$KEY &&
		fails 'management key' ykman piv access change-management-key -f -P $PIN -m $FACTORY_KEY -n $long
}
protect() {
	if fw 5.4.2; then algorithm=AES192; else algorithm=TDES; fi
	y access change-management-key -f -P $PIN -m $KEY -a $algorithm --protect --generate &&
		holds ".management_key.algorithm == \"$algorithm\"" '.objects["5fc109"] > 20' && y keys generate -P $PIN -a ECCP256 9e 9e.pub &&
		holds '.slots["9e"].pin_policy == "never"' && says 'stored on the YubiKey, protected by PIN' ykman piv info
}
retries() {
	y access set-retries -f -P $PIN 5 4 && holds '.pin == {tries: 5, left: 5, factory: true}' \
		'.puk == {tries: 4, left: 4, factory: true}' && says "PIN tries remaining: +$(tries 5)\$" ykman piv info
}
delete() { y certificates delete -P $FACTORY_PIN 9a && holds '.objects | has("5fc105") | not'; }
reset() {
	wrong verify 5 # ykman blocks both by wrong values
	wrong reset_retry 4
	y reset -f && is_reset && holds '.management_key.factory' && says "PIN tries remaining: +$(tries 3)\$" ykman piv info
}

round() {
	cell list "ykman list shows firmware and serial number" list
	cell info "info and piv info show a factory key" info
	cell objects "CHUID, CCC and an object read back" objects
	cell generate "a P-256 key" generate 9a ECCP256 ec
	cell attest "its attestation" attest 9a 0201 ec
	cell request "a request, which openssl verifies" request 9a ec
	cell selfsign "a self-signed certificate, which openssl verifies" selfsign
	cell import "a certificate, checked against the key" import
	cell readback "the certificate reads back as it was" readback
	cell wrong-certificate "a certificate of another key is refused" wrong_certificate
	cell generate-rsa "an RSA key in 9c" generate 9c RSA2048 rsa
	if [ -z "${QUICK-}" ]; then
		cell attest-rsa "whose PIN policy is always" attest 9c 0301 rsa
		cell request-rsa "a request signed with it" request 9c rsa
		cell generate-p384 "a P-384 key in 83, its attestation and request" p384
	fi
	cell import-key "an imported key signs and is not attested" import_key
	if fw 5.7.0; then
		cell generate-ed25519 "an Ed25519 key, its attestation and request" ed25519
		cell move "a key moves, is attested there, and goes" move
	fi
	cell wrong-pin "a wrong PIN costs a try, the right one brings it back" wrong_pin
	cell pin "the PIN changes" pin
	cell puk "the PUK changes" puk
	cell unblock "a blocked PIN is unblocked" unblock
	cell management-key "the management key changes, and its algorithm" management_key
	cell protect "the management key goes under the PIN and is used from there" protect
	cell retries "tries are set, PIN and PUK are the factory's again" retries
	cell delete "a certificate is deleted" delete
	cell reset "reset leaves a factory key" reset
}
