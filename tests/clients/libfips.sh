# SPDX-License-Identifier: BSD-2-Clause
# A short round on a key of the FIPS series: out of approved mode it makes no keys, in it it takes no weak ones.

mgm=$FACTORY_KEY pin=$FACTORY_PIN
LONG_PIN=48291307
y() { run ykman piv "$@"; }
absent() { holds ".slots | has(\"$1\") | not"; }

list() { says "FIPS \($FIRMWARE\).* Serial: 10000001\$" ykman list; }
info() {
	says 'Device type: .*FIPS' ykman info && says "PIN tries remaining: +3/3\$" ykman piv info &&
		grep -q 'default PIN' says.out && grep -q 'algorithm: AES192' says.out
}
unapproved() { fails "$1" ykman piv keys generate -m $mgm -P $pin -a ECCP256 9a no.pub && absent 9a; } # unapproved ERE
short() {
	fails '6985|8 (characters|bytes) long' ykman piv access change-pin -P $pin -n 4829130 &&
		fails '6985|8 (characters|bytes) long' ykman piv access change-puk -p $FACTORY_PUK -n 4829130 &&
		holds '.pin.factory and .puk.factory' '.pin.left == 3' '.puk.left == 3'
}
secrets() {
	y access change-pin -P $pin -n $LONG_PIN && y access change-puk -p $FACTORY_PUK -n $PUK &&
		fails '[Ff]ailed|not available|not supported|FIPS' ykman piv access change-management-key -f -P $LONG_PIN -m $mgm -a TDES -n $KEY &&
		holds '.management_key.factory' '.fips != "approved"' &&
		y access change-management-key -f -P $LONG_PIN -m $mgm -a AES192 -n $KEY && holds '.fips == "approved"' && mgm=$KEY pin=$LONG_PIN
}
weak() {
	fails '6[aA]80|FIPS' ykman piv keys generate -m $mgm -P $pin -a RSA1024 9a no.pub &&
		fails '6[aA]80|FIPS' ykman piv keys generate -m $mgm -P $pin --pin-policy NEVER -a ECCP256 9a no.pub && absent 9a
}
generate() {
	y keys generate -m $mgm -P $pin -a ECCP256 9e 9e.pub && holds '.slots["9e"].pin_policy == "once"' &&
		y keys generate -m $mgm -P $pin -a ECCP256 9a ec.pub && issue ec.pub ec.crt && y certificates import -m $mgm -P $pin 9a ec.crt
}
attest() {
	y keys attest 9a ec.att && y certificates export f9 f9.pem && attested 9a 0201 ec.att f9.pem ec.pub &&
		has_bytes att.der 060a2b0601040182c40a0309040181 'FIPS form factor' && openssl x509 -in f9.pem -outform DER -out f9.der &&
		has_bytes f9.der 060a2b0601040182c40a030a 'FIPS certification'
}
request() { y certificates request -P $pin -s CN=Alice 9a ec.pub ec.csr && request_is_good ec.csr ec.pub; }
status() { says "^Version:[[:space:]]*$FIRMWARE\$" yubico-piv-tool -a status && grep -Eq 'Subject DN:[[:space:]]*CN=Alice' says.out; }
sign() {
	run yubico-piv-tool -a verify-pin -P $pin --sign -s 9a -A ECCP256 -H SHA256 -i m -o y.sig && signature_is_good y.sig ec.pub
}
p11_sign() { # p11_sign MODULE
	rm -f p11.sig
	run pkcs11-tool --module "$1" --login --pin $pin -s -m ECDSA-SHA256 --id 01 -i m -o p11.sig -f openssl && signature_is_good p11.sig ec.pub
}
reset() {
	wrong verify 3
	wrong reset_retry 3
	y reset -f && is_reset && holds '.fips != "approved"'
}

round() {
	as ykman-fips
	cell list "ykman list names the series" list
	cell info "info and piv info show a factory key" info
	cell unapproved "no key is made before the secrets are changed" unapproved '6985|FIPS'
	cell short "PIN and PUK have eight characters" short
	cell secrets "PIN, PUK and management key change, and not to 3DES" secrets
	cell weak "no RSA 1024, and no key without a PIN" weak
	cell generate "P-256 keys, of which none does without the PIN" generate
	cell attest "an attestation, which says FIPS" attest
	cell request "a request, which openssl verifies" request
	as yubico-piv-tool-fips
	cell info "status" status
	cell sign "a signature, which openssl verifies" sign
	as ykcs11-fips
	cell sign "a signature, which openssl verifies" p11_sign "$YKCS11"
	as opensc-pkcs11-fips
	cell sign "a signature, which openssl verifies" p11_sign "$OPENSC"
	as ykman-fips
	cell reset "reset leaves a factory key" reset
}
