# SPDX-License-Identifier: BSD-2-Clause
# A short round on a Bio key, which has no PUK: clients list it and use it, and say of the PUK that it is blocked.

y() { run ykman piv "$@"; }
mgm=$FACTORY_KEY
no_puk() { # no_puk change|reset_retry ERE COMMAND…
	case $CLIENT/$VERSION/$1 in
	ykman-bio/[5-9].*/change) ;; # since 5.5.0 asks for the tries first, and sends none
	*) wrong "$1" ;;
	esac
	shift
	fails "$@" && holds '.puk == {tries: 0, left: 0, factory: false}' '.pin.left == 8'
}

list() { says "Bio.* \($FIRMWARE\).* Serial: 10000001\$" ykman list; }
info() {
	says 'Form factor: +Bio \(USB-A\)' ykman info && says "PIN tries remaining: +8/8\$" ykman piv info && grep -q 'default PIN' says.out
}
finger() { says 'Biometrics: +Configured, 3 attempts remaining' ykman piv info; }
retries() {
	fails "$1" ykman piv access set-retries -f -P $FACTORY_PIN -m $mgm 5 4 && holds '.pin == {tries: 8, left: 8, factory: true}' '.puk.tries == 0'
}
generate() {
	y keys generate -m $mgm -P $FACTORY_PIN -a ECCP256 9a ec.pub && issue ec.pub ec.crt &&
		y certificates import -m $mgm -P $FACTORY_PIN 9a ec.crt && holds '.objects["5fc105"] > 200'
}
attest() { y keys attest 9a ec.att && y certificates export f9 f9.pem && attested 9a 0201 ec.att f9.pem ec.pub; }
request() { y certificates request -P $FACTORY_PIN -s CN=Alice 9a ec.pub ec.csr && request_is_good ec.csr ec.pub; }
wrong_pin() {
	wrong verify
	fails '7 (tries|attempts)' ykman piv certificates request -P 000000 -s CN=Alice 9a ec.pub no.csr && holds '.pin.left == 7' && request &&
		holds '.pin.left == 8'
}
status() {
	says "^Version:[[:space:]]*$FIRMWARE\$" yubico-piv-tool -a status && grep -Eq '^PIN tries left:[[:space:]]*8$' says.out &&
		grep -Eq 'Subject DN:[[:space:]]*CN=Alice' says.out
}
sign() {
	run yubico-piv-tool -a verify-pin -P $FACTORY_PIN --sign -s 9a -A ECCP256 -H SHA256 -i m -o y.sig && signature_is_good y.sig ec.pub
}
p11_list() { says 'token flags .*PIN initialized' pkcs11-tool --module "$1" -L && says 'DN: CN=Alice$' pkcs11-tool --module "$1" -O -y cert; } # p11_list MODULE
p11_sign() { # p11_sign MODULE
	rm -f p11.sig
	run pkcs11-tool --module "$1" --login --pin $FACTORY_PIN -s -m ECDSA-SHA256 --id 01 -i m -o p11.sig -f openssl &&
		signature_is_good p11.sig ec.pub
}
pins() { says 'PIN \[PIV PUK\]' pkcs15-tool --list-pins; }
pin() {
	y access change-pin -P $FACTORY_PIN -n $PIN && holds '.pin == {tries: 8, left: 8, factory: false}' &&
		y access change-pin -P $PIN -n $FACTORY_PIN
}
refused_reset() { # refused_reset ERE COMMAND…
	fails "$@"
	rc=$?
	case $CLIENT/$VERSION in ykman*/4.*)
		wrong verify 8 # it has blocked both before
		wrong reset_retry ;;
	esac
	[ $rc = 0 ] && holds '.slots | has("9a")' '.pin.left == 8'
}
reset() {
	run ykman config reset -f && holds '.slots | keys == ["f9"]' '.objects | keys == ["5fff01"]' \
		'.pin == {tries: 8, left: 8, factory: true}' '.management_key.factory' && says "PIN tries remaining: +8/8\$" ykman piv info
}

round() {
	as ykman-bio
	cell list "ykman list" list
	cell info "info and piv info show eight tries" info
	cell finger "piv info shows the finger" finger
	cell puk "a PUK that is not there does not change" no_puk change 'PUK is blocked' ykman piv access change-puk -p $FACTORY_PUK -n $PUK
	cell unblock "nor does it unblock" no_puk reset_retry 'PUK is blocked' ykman piv access unblock-pin -p $FACTORY_PUK -n 771234
	cell retries "tries stay as they are" retries 'cannot be changed|failed|not supported'
	cell pin "the PIN changes" pin
	cell generate "a key and its certificate" generate
	cell attest "the key's attestation" attest
	cell request "a request, which openssl verifies" request
	cell wrong-pin "a wrong PIN costs a try, the right one brings it back" wrong_pin
	as yubico-piv-tool-bio
	cell info "status" status
	cell sign "a signature, which openssl verifies" sign
	cell puk "a PUK that is not there does not change" no_puk change 'puk code is blocked' yubico-piv-tool -a change-puk -P $FACTORY_PUK -N $PUK
	cell unblock "nor does it unblock" no_puk reset_retry 'puk code is blocked' yubico-piv-tool -a unblock-pin -P $FACTORY_PUK -N 771234
	cell refused-reset "PIV alone is not reset" refused_reset 'Reset failed' yubico-piv-tool -a reset
	as ykcs11-bio
	cell list "a token and its certificate" p11_list "$YKCS11"
	cell sign "a signature, which openssl verifies" p11_sign "$YKCS11"
	cell unblock "a PUK that is not there does not unblock" no_puk reset_retry 'C_SetPIN failed' \
		pkcs11-tool --module "$YKCS11" --unlock-pin --puk puk:$FACTORY_PUK --new-pin pin:771234
	as opensc-pkcs11-bio
	cell list "a token and its certificate" p11_list "$OPENSC"
	cell sign "a signature, which openssl verifies" p11_sign "$OPENSC"
	as opensc-tool-bio
	cell list "the PINs, of which it thinks that there are two" pins
	cell unblock "a PUK that is not there does not unblock" no_puk reset_retry 'PIN|PUK|block' \
		pkcs15-tool --unblock-pin --auth-id 01 --puk $FACTORY_PUK --new-pin 771234
	as ykman-bio
	cell refused-reset "PIV alone is not reset" refused_reset 'biometrics' ykman piv reset -f
	cell reset "the whole key is" reset
}
