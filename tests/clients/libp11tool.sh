# SPDX-License-Identifier: BSD-2-Clause
# The round of GnuTLS's p11tool and certtool, with Yubico's module and with OpenSC's.

printf 'cn = Alice\n' >template
mgm=$FACTORY_KEY
GNUTLS_PIN=$FACTORY_PIN
export GNUTLS_PIN GNUTLS_SO_PIN

use() { # use ykcs11|opensc: $module, and the URL of its only token, $u
	case $1 in ykcs11) module=$YKCS11 GNUTLS_SO_PIN=$mgm ;; opensc) module=$OPENSC GNUTLS_SO_PIN=$FACTORY_PUK ;; esac
	run p11tool --provider "$module" --list-token-urls >urls || return 1
	[ "$(wc -l <urls)" = 1 ] || { cat urls; echo "not one token"; return 1; }
	u=$(cat urls)
}
p() { run p11tool --provider "$module" --batch "$@"; }
by_ykman() { run ykman piv "$@"; }
object() { echo "$u;object=$(echo "$1" | sed 's/ /%20/g');type=cert"; } # object LABEL

list() { # list MODULE ERE
	use "$1" && says "Manufacturer: $2" p11tool --provider "$module" --list-tokens &&
		says CKM_ECDSA p11tool --provider "$module" --list-mechanisms "$u"
}
random() { # random MODULE
	use "$1" && p --generate-random 32 --outfile r1 "$u" && p --generate-random 32 --outfile r2 "$u" && [ "$(wc -c <r1)" = 32 ] &&
		! cmp -s r1 r2
}
generate() { # generate MODULE SLOT ID ALGORITHM FILE OPTIONS…
	use "$1" || return 1
	slot=$2 id=$3 algorithm=$4 file=$5
	shift 5
	p --so-login "$@" --id "$id" --label x --outfile "$file.made" "$u" &&
		holds ".slots[\"$slot\"].algorithm == \"$algorithm\"" ".slots[\"$slot\"].origin == \"generated\"" &&
		p --export --outfile "$file.pub" "$u;id=%$id;type=public" && same_key "$file.pub" "$file.made"
}
attest() { # attest SLOT POLICY FILE
	use ykcs11 && p --export --outfile "$3.att" "$(object "X.509 Certificate for PIV Attestation $1")" &&
		p --export --outfile f9.pem "$(object "X.509 Certificate for PIV Attestation")" && attested "$1" "$2" "$3.att" f9.pem "$3.pub"
}
request() { # request MODULE ID FILE
	rm -f new.csr
	use "$1" && run certtool --provider "$module" --generate-request --load-privkey "$u;id=%$2;type=private" \
		--load-pubkey "$u;id=%$2;type=public" --template template --outfile new.csr && request_is_good new.csr "$3.pub"
}
import() { # import MODULE
	before=$(card '.objects["5fc105"]')
	use "$1" && p --so-login --write --load-certificate ec.crt --id 01 --label x "$u" &&
		holds ".objects[\"5fc105\"] > 200 and .objects[\"5fc105\"] != $before"
}
readback() { # readback MODULE LABEL
	use "$1" && p --export --outfile back.pem "$(object "$2")" && openssl x509 -in back.pem -out back.crt && cmp ec.crt back.crt &&
		says "Label: $2\$" p11tool --provider "$module" --list-all-certs "$u"
}
sign() { # sign MODULE ID ALGORITHM: its own test, with the public key of the token
	use "$1" && says "^Signing using $3\.\.\. ok\$" p11tool --provider "$module" --login --test-sign "$u;id=%$2;type=private" &&
		grep -q '^Verifying against public key in the token... ok' says.out
}
unverified() { # unverified MODULE
	use "$1" && ! p --list-privkeys "$u" | grep 'type=private' &&
		says 'Type: Private key' p11tool --provider "$module" --login --list-privkeys "$u"
}
wrong_pin() { # wrong_pin MODULE
	wrong verify
	use "$1" && fails 'Wrong PIN' env GNUTLS_PIN=000000 p11tool --provider "$module" --batch --login --list-privkeys "$u" &&
		holds '.pin.left == 2' && p --login --list-privkeys "$u" && holds '.pin.left == 3'
}
change_pin() { use "$1" && p --initialize-pin --set-pin 771234 "$u" && holds '.pin.factory == false'; } # change_pin MODULE
management_key() {
	use ykcs11 && run env GNUTLS_NEW_SO_PIN=$KEY p11tool --provider "$module" --batch --initialize-so-pin "$u" && holds '.management_key.factory == false' && mgm=$KEY
}
delete() {
	use ykcs11 && p --so-login --delete "$(object "X.509 Certificate for PIV Authentication")" && holds '.objects | has("5fc105") | not'
}
reset_yk() {
	blocks=$(card '.pin.left, .puk.left' | tr '\n' ' ')
	use ykcs11 && p --initialize --label x "$u" || return 1
	wrong verify "${blocks%% *}" # the module blocks both by wrong values
	blocks=${blocks#* }
	wrong reset_retry $blocks
	is_reset
}
reset_os() { use opensc && p --initialize --label x "$u"; }

make_certificates() {
	issue ec.pub ec.crt && issue rsa.pub rsa.crt && by_ykman certificates import -m $mgm 9a ec.crt && by_ykman certificates import -m $mgm 9c rsa.crt
}
round() {
	cell ykcs11-list "the token and its mechanisms" list ykcs11 'Yubico'
	cell opensc-list "the token and its mechanisms" list opensc 'piv_II'
	cell ykcs11-random "random octets" random ykcs11
	cell ykcs11-generate "a P-256 key" generate ykcs11 9a 01 ECCP256 ec --generate-privkey=ecc --curve=secp256r1
	[ -s ec.pub ] || prepare by_ykman keys generate -m $mgm -a ECCP256 9a ec.pub
	cell ykcs11-generate-rsa "an RSA key in 9c" generate ykcs11 9c 02 RSA2048 rsa --generate-privkey=rsa --bits=2048
	[ -s rsa.pub ] || prepare by_ykman keys generate -m $mgm -a RSA2048 9c rsa.pub
	cell opensc-generate "a P-256 key" generate opensc 9a 01 ECCP256 ec --generate-privkey=ecc --curve=secp256r1
	cell ykcs11-attest "the key's attestation, an object" attest 9a 0201 ec
	cell ykcs11-attest-rsa "whose PIN policy is always" attest 9c 0301 rsa
	prepare issue ec.pub ec.crt
	cell ykcs11-import "a certificate" import ykcs11
	cell opensc-import "a certificate" import opensc
	prepare make_certificates
	cell ykcs11-readback "the certificate reads back as it was" readback ykcs11 "X.509 Certificate for PIV Authentication"
	cell opensc-readback "the certificate reads back as it was" readback opensc "Certificate for PIV Authentication"
	for m in ykcs11 opensc; do
		cell $m-unverified "private keys are listed with the PIN, and not without" unverified $m
		cell $m-request "certtool's request, which openssl verifies" request $m 01 ec
		cell $m-request-rsa "one signed with a key of PIN policy always" request $m 02 rsa
		cell $m-sign "a signature, which it verifies itself" sign $m 01 ECDSA-SHA256
		cell $m-sign-rsa "a signature of the key with PIN policy always" sign $m 02 RSA-SHA256
		cell $m-wrong-pin "a wrong PIN costs a try, the right one brings it back" wrong_pin $m
		cell $m-pin "the PIN changes" change_pin $m
	done
	cell ykcs11-delete "a certificate is deleted" delete
	cell ykcs11-management-key "the management key changes" management_key
	cell opensc-reset "C_InitToken" reset_os
	cell ykcs11-reset "C_InitToken leaves a factory key" reset_yk
}
