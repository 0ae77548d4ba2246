#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does each verb of `ykenroll token` do what it says, judged by the clients that people have, and does it refuse
# what would be regretted? On firmware before and after 5.7. QUICK: ykman has its say with 5.7.1 alone, and no key is RSA4096.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh

if [ -z "${IN_LAB-}" ]; then
	T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-flow.XXXXXX") || exit 1
	trap 'rm -rf "$T"' EXIT
	export T
	echo "0 0" >"$T/count"
	for FW in 5.4.3 5.7.1; do
		export FW
		rm -rf "${T:?}/home" "$T"/*.pem "$T"/*.key
		IN_LAB=1 ykvirt lab --firmware "$FW" -- sh "$(pwd)/token.sh" || echo "not ok - the lab with firmware $FW"
	done
	read -r n bad <"$T/count"
	finish
fi
read -r n bad <"$T/count"
umask 077
export YKENROLL_HOME="$T/home"
token() { ykenroll token "$@"; }
new() { [ "$FW" = 5.7.1 ]; }
by_ykman() { ! new && [ -n "${QUICK-}" ] || claim "$@"; } # a claim that ykman makes: half a second each
value() { echo "$2" >"$T/$1"; } # value FILE TEXT
out() { token "$@" >"$T/text" 2>"$T/err"; }

value fpin 123456; value newpin 482913; value puk 12345678; value newpuk 90817263; value wrong 777123
value factory 010203040506070801020304050607080102030405060708

# ---- looking ----
claim "list ($FW)" out list
claim "names what ykman names" grep -q "$(ykman list --serials 2>/dev/null)" "$T/text"
claim "and the firmware" grep -q " $FW " "$T/text"
claim "list as JSON" sh -c 'ykenroll token list --json | jq -e ".tokens[0] | .usable and .serial == 10000001 and .form_factor == \"USB-A keychain\" and .state == \"unregistered\""'
claim "info" out info
claim "info as JSON" sh -c 'ykenroll token info --json | jq -e ".pin.tries_left == 3 and ([.pin, .puk, .management_key] | all(.factory))"'
exits 2 "'9b'" "an unknown slot" token generate 9b
exits 2 ' f9 ' "the attestation slot" token generate f9
exits 2 "'frobnicate'" "an unknown verb" token frobnicate
exits 2 "--algorithm 'RSA1024'" "an unknown algorithm" token generate 9a -a RSA1024
exits 2 '--pin .*file:PATH' "a PIN in the command line" token change-pin --pin 123456
for verb in list info change-pin change-puk unblock-pin set-retries change-management-key generate request import \
	export delete attest move reset; do
	claim "$verb --help" sh -c 'ykenroll token "$1" --help | grep -q "Usage: ykenroll token $1"' sh "$verb"
done

# ---- generate ----
pub_of() { # the public key of a slot, as yubico-piv-tool's attestation says
	yubico-piv-tool -a attest -s "$1" | openssl x509 -noout -pubkey
}
generated() { # generated SLOT FILE
	[ "$(pub_of "$1")" = "$(cat "$2")" ]
}
claim "generate, default algorithm" token generate 9a "$T/9a.pem"
claim "yubico-piv-tool attests that key" generated 9a "$T/9a.pem"
by_ykman "ykman exports it" sh -c 'ykman piv keys export 9a - | cmp - "$T/9a.pem"'
exits 9 'slot 9a.*ECCP256.*--force' "an occupied slot, by its name" token generate authentication
exits 9 '/9a.pem .*--force' "over a file" token generate 9c "$T/9a.pem"
claim "--force makes another key" token generate 9a "$T/9a.pem" --force
by_ykman "which ykman exports" sh -c 'ykman piv keys export 9a - | cmp - "$T/9a.pem"'
for a in SIGNATURE:eccp384 KEY_MANAGEMENT:RSA2048 card-auth:P-256 RETIRED1:P-384; do
	slot=${a%:*} alg=${a#*:}
	claim "generate $alg in $slot" token generate "$slot" "$T/$slot.pem" -a "$alg" --pin-policy once --touch-policy never
done
claim "yubico-piv-tool attests 9c" generated 9c "$T/SIGNATURE.pem"
claim "9d" generated 9d "$T/KEY_MANAGEMENT.pem"
claim "9e" generated 9e "$T/card-auth.pem"
claim "82" generated 82 "$T/RETIRED1.pem"
for alg in ED25519 X25519 RSA3072 RSA4096; do
	if new; then
		[ $alg != RSA4096 ] || [ -z "${QUICK-}" ] || continue # seconds, by chance
		claim "generate $alg" token generate 83 "$T/$alg.pem" -a $alg --force
		claim "the card has it" [ "$(card '.slots["83"].algorithm' | tr -d '[:space:]-' | tr '[:lower:]' '[:upper:]')" = "$alg" ]
		claim "yubico-piv-tool attests it" generated 83 "$T/$alg.pem"
	else
		exits 2 "$alg .* 5\.7" "$alg on this firmware" token generate 83 -a $alg
	fi
done

# ---- attest ----
exits 8 ' f9 .*CN=ykvirt' "attest --verify without a rehearsal CA" token attest 9a --verify
claim "a rehearsal CA" make_ca
claim "attest --verify" token attest 9a "$T/leaf.pem" --verify --pin-policy once
claim "openssl verifies the chain too" sh -c 'ykenroll token attest 9a --intermediate >"$T/f9.pem" &&
	openssl verify -partial_chain -no_check_time -trusted "$T/f9.pem" "$T/leaf.pem"'
claim "it is of the key" sh -c '[ "$(openssl x509 -in "$T/leaf.pem" -noout -pubkey)" = "$(cat "$T/9a.pem")" ]'
exits 8 '--pin-policy' "a PIN policy that is stricter" token attest 9a --verify --pin-policy always
exits 8 '--touch-policy' "a touch policy that is stricter" token attest 9a --verify --touch-policy cached
exits 2 ' 84 ' "an empty slot" token attest 84
claim "attest as JSON" sh -c 'ykenroll token attest 9a --verify --json | jq -e ".slot == \"9a\" and .serial == 10000001 and .pin_policy == \"once\""'

# ---- request ----
req() { openssl req -in "$T/csr.pem" -noout "$@"; }
request() { rm -f "$T/csr.pem" && token request "$1" "$T/csr.pem" --pin "file:$T/fpin" "$2" "$3" $4; }
claim "request, RFC 4514" request 9a -s 'CN=Alice\, Adams,OU=a+OU=b,O=Example' "--san email:a@example.org --san dns:example.org --san ip:192.0.2.1 --san upn:a@corp.example --san uri:urn:x:1"
claim "openssl verifies it" req -verify
claim "the last part comes first" sh -c 'openssl req -in "$T/csr.pem" -noout -subject -nameopt RFC2253 | grep -F "CN=Alice\\, Adams,OU="'
for w in 'email:a@example.org' 'DNS:example.org' 'IP Address:192.0.2.1' 'URI:urn:x:1' 'UPN:+a@corp.example'; do
	claim "it has $w" sh -c 'openssl req -in "$T/csr.pem" -noout -text | grep -E "$1"' sh "$w"
done
claim "and the slot's key" sh -c '[ "$(openssl req -in "$T/csr.pem" -noout -pubkey)" = "$(cat "$T/9a.pem")" ]'
claim "request, OpenSSL's form" request 9c -s /C=AT/O=Example/CN=Bob/ ""
claim "in that order" sh -c 'openssl req -in "$T/csr.pem" -noout -subject -nameopt compat | grep "/C=AT/O=Example/CN=Bob"'
claim "request with the attestation" request 9a -s Alice --attestation
claim "under .3.1 and .3.2" sh -c 'for o in 1 2; do openssl asn1parse -in "$T/csr.pem" | grep -A1 "1.3.6.1.4.1.41482.3.$o\$" |
	grep -q "OCTET STRING" || exit 1; done'
claim "and it is of that key" sh -c 'at=$(openssl asn1parse -in "$T/csr.pem" | grep -A1 "1.3.6.1.4.1.41482.3.1\$" | tail -1 | cut -d: -f1) &&
	openssl asn1parse -in "$T/csr.pem" -strparse "$at" -noout -out "$T/embedded.der" &&
	[ "$(openssl x509 -inform DER -in "$T/embedded.der" -noout -pubkey)" = "$(cat "$T/9a.pem")" ]'
claim "request by RSA" request 9d -s Carol ""
claim "openssl verifies that" req -verify
if new; then
	claim "an Ed25519 key" token generate 84 "$T/84.pem" -a ED25519
	claim "requests" request 84 -s Dave ""
	claim "openssl verifies that, too" req -verify
	claim "an X25519 key" token generate 85 "$T/85.pem" -a X25519
	exits 2 'X25519 .* 85' "requests nothing" token request 85 -s Eve --pin "file:$T/fpin"
fi
claim "a key that wants a touch" token generate 86 "$T/86.pem" --touch-policy always
exits 0 '.' "says so" token request 86 -s Alice --pin "file:$T/fpin"
exits 0 '' "one that does not" token request 9a -s Alice --pin "file:$T/fpin"
refuse "does not" [ -s "$T/err" ]
exits 2 "'XX'.* CN=" "a subject that is none" token request 9a -s 'XX=Alice' --pin "file:$T/fpin"
exits 2 "'mail:x'.* upn:" "an alternative name that is none" token request 9a -s Alice --san mail:x --pin "file:$T/fpin"
exits 2 '--subject.*--san' "neither" token request 9a --pin "file:$T/fpin"
exits 2 ' 95 ' "an empty slot" token request 95 -s Alice --pin "file:$T/fpin"
exits 4 'tries left: 2' "a wrong PIN, with the tries left" token request 9a -s Alice --pin "file:$T/wrong"
claim "the right one counts from the start" sh -c 'ykenroll token request 9a -s Alice --pin "file:$T/fpin" >/dev/null'

# ---- import and export ----
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/ca.key" -out "$T/ca.pem" -subj "/CN=CA" -days 30 2>/dev/null
issue() { # issue PUBKEY FILE COMMENT-FILE
	printf 'nsComment=%s\n' "$(cat "$3")" >"$T/ext"
	openssl x509 -new -force_pubkey "$1" -subj /CN=Alice -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 9 -extfile "$T/ext" -out "$2" 2>/dev/null
}
echo small >"$T/small.txt"
head -c 4000 /dev/zero | tr '\0' x >"$T/long.txt"
head -c 3000 /dev/urandom | base64 -w0 >"$T/random.txt"
issue "$T/9a.pem" "$T/small.crt" "$T/small.txt"
issue "$T/9a.pem" "$T/long.crt" "$T/long.txt"
issue "$T/9a.pem" "$T/random.crt" "$T/random.txt"
issue "$T/SIGNATURE.pem" "$T/other.crt" "$T/small.txt"
exits 12 ' 9a$' "the certificate of another key" token import 9a "$T/other.crt"
exits 12 '3052' "a certificate that is too large" token import 9a "$T/random.crt"
exits 12 ' 95 .*--force' "a slot without a key" token import 95 "$T/small.crt"
exits 12 '/fpin' "a file that is none" token import 9a "$T/fpin"
claim "import" token import 9a "$T/small.crt"
by_ykman "ykman exports it" sh -c 'ykman piv certificates export 9a - | cmp - "$T/small.crt"'
claim "yubico-piv-tool reads it" sh -c 'yubico-piv-tool -a read-certificate -s 9a | cmp - "$T/small.crt"'
claim "OpenSC reads it" sh -c 'pkcs11-tool --module opensc-pkcs11.so --read-object --type cert --id 01 2>/dev/null |
	openssl x509 -inform DER | cmp - "$T/small.crt"'
claim "ykcs11 lists it" sh -c 'pkcs11-tool --module libykcs11.so -O --type cert 2>/dev/null | grep -q "CN=Alice"'
claim "export" sh -c 'ykenroll token export 9a | cmp - "$T/small.crt"'
claim "export in DER" sh -c 'ykenroll token export 9a -F DER | openssl x509 -inform DER | cmp - "$T/small.crt"'
claim "export of the public key" sh -c 'ykenroll token export 9a --public-key | cmp - "$T/9a.pem"'
claim "the card has an identity now" sh -c 'ykman piv info 2>/dev/null | grep -q "CHUID:.3019"'
guid=$(ykenroll token info --json | jq -r .guid)
claim "import it again" token import 9a "$T/small.crt" --no-update-chuid
claim "with the same identity" [ "$(ykenroll token info --json | jq -r .guid)" = "$guid" ]
exits 9 ' 9a .*CN=Alice.*--force' "another certificate over it" token import 9a "$T/long.crt"
# a card that says 9000 and stores nothing
ykvirt control "$(state)" fault 'ins=DB;sw=9000' >/dev/null
exits 14 ' 9a ' "a card that did not store it is found out" token import 9a "$T/long.crt" --force --no-update-chuid
claim "a long one is compressed" token import 9a "$T/long.crt" --force
claim "yubico-piv-tool finds gzip" sh -c 'yubico-piv-tool -a read-object --id 0x5fc105 -f binary | python3 -c "
import sys, gzip
d = sys.stdin.buffer.read(); i = d.index(b\"\\x1f\\x8b\")
o = __import__(\"zlib\").decompressobj(31); sys.stdout.buffer.write(o.decompress(d[i:]))" | openssl x509 -inform DER | cmp - "$T/long.crt"'
claim "and it is read back" sh -c 'ykenroll token export 9a | cmp - "$T/long.crt"'
claim "DER from standard input" sh -c 'openssl x509 -in "$T/small.crt" -outform DER | ykenroll token import 9a - --force'
claim "info says that it fits the key" sh -c 'ykenroll token info --json | jq -e ".slots[] | select(.slot == \"9a\") | .certificate.matches_key and .attestation.verdict == \"rehearsal\""'

# ---- delete and move ----
exits 2 '--certificate.*--key' "delete, but what" token delete 9a
claim "delete the certificate" token delete 9a --certificate
by_ykman "ykman finds none" not ykman piv certificates export 9a -
exits 2 ' 9a ' "nothing to delete" token delete 9a --certificate
if new; then
	claim "a certificate to move" token import 9a "$T/small.crt"
	exits 9 ' 9c .*ECCP384' "move onto another key" token move 9a 9c
	claim "move" token move 9a 95
	claim "yubico-piv-tool attests the key there" generated 95 "$T/9a.pem"
	by_ykman "ykman exports the certificate there" sh -c 'ykman piv certificates export 95 - | cmp - "$T/small.crt"'
	by_ykman "and not here" not ykman piv certificates export 9a -
	claim "the slot is free" [ "$(card '.slots["9a"] | . == null or .algorithm == null')" = true ]
	exits 10 ' -y ' "a key is not deleted without a yes" token delete 95 --key --certificate --non-interactive
	claim "delete key and certificate" token delete 95 --key --certificate -y
	refuse "yubico-piv-tool has nothing to attest" yubico-piv-tool -a attest -s 95
else
	exits 2 ' 5\.7' "move on this firmware" token move 9a 95
	exits 2 ' 5\.7' "delete a key on this firmware" token delete 9a --key -y
fi

# ---- PIN and PUK ----
claim "change-pin" token change-pin --pin "file:$T/fpin" --new-pin "file:$T/newpin"
claim "yubico-piv-tool verifies the new one" yubico-piv-tool -a verify-pin -P 482913
exits 2 ' 123456' "a trivial one" token change-pin --pin "file:$T/newpin" --new-pin "file:$T/fpin"
exits 4 'tries left: 2' "a wrong one" token change-pin --pin "file:$T/wrong" --new-pin "file:$T/newpin"
yubico-piv-tool -a verify-pin -P 000000 >/dev/null 2>&1
exits 4 '--last-try' "with one try left nothing is sent" token change-pin --pin "file:$T/newpin" --new-pin "file:$T/newpin"
claim "really not" [ "$(card .pin.left)" = 1 ]
exits 5 '' "--last-try sends the wrong one all the same" token change-pin --last-try --pin "file:$T/wrong" --new-pin "file:$T/newpin"
exits 5 '' "a blocked PIN" token change-pin --pin "file:$T/newpin" --new-pin "file:$T/newpin"
claim "unblock-pin" token unblock-pin --puk "file:$T/puk" --new-pin "file:$T/newpin"
claim "yubico-piv-tool verifies it" yubico-piv-tool -a verify-pin -P 482913
claim "change-puk" token change-puk --puk "file:$T/puk" --new-puk "file:$T/newpuk"
claim "ykman unblocks with the new one" ykman piv access unblock-pin -p 90817263 -n 482914
value newpin 482914
exits 2 '--generate .*--out FILE' "a generated PUK is written down" token change-puk --puk "file:$T/newpuk" --generate
claim "change-puk --generate" token change-puk --puk "file:$T/newpuk" --generate --out "$T/genpuk"
claim "for the owner only" [ "$(stat -c %a "$T/genpuk")" = 600 ]
claim "ykman unblocks with that" ykman piv access unblock-pin -p "$(cat "$T/genpuk")" -n 482914
exits 4 'tries left: 2' "a wrong PUK" token unblock-pin --puk "file:$T/wrong" --new-pin "file:$T/newpin"
exits 10 '--pin file:PATH' "no PIN and nobody to ask" token change-pin --non-interactive

# ---- tries ----
exits 9 ' 10000001 .*--force' "set-retries on a personalised token" token set-retries 5 4
claim "--force" token set-retries 5 4 --force --pin "file:$T/newpin"
by_ykman "ykman sees five, and the factory's PIN" sh -c 'ykman piv info | tee "$T/info" | grep -q "remaining: *5/5" && grep -q "default PIN" "$T/info"'
claim "set-retries on a fresh one" token set-retries 3 3 --pin "file:$T/fpin"
exits 2 ' 1 .* 15 ' "no tries at all" token set-retries 0 3

# ---- management key ----
mgm_works() { ykman piv objects generate CHUID -m "$(cat "$1")"; }
rm -f "$T/genpuk"
cp "$T/factory" "$T/mgm"
for alg in 3DES AES128 AES192 AES256; do
	rm -f "$T/mgm.new"
	claim "change-management-key to $alg" token change-management-key -a $alg --generate --out "$T/mgm.new" -m "file:$T/mgm"
	mv "$T/mgm.new" "$T/mgm"
	by_ykman "ykman uses it" mgm_works "$T/mgm"
done
exits 7 '--management-key' "a key that is not given" token generate 9a --force
exits 7 '' "a wrong key" token generate 9a --force -m "file:$T/factory"
tr a-f A-F <"$T/mgm" | sed 's/../&:/g; s/:$//' >"$T/colons"
claim "upper case and colons are read" token generate 9a "$T/9a.pem" --force -m "file:$T/colons"
value weak 010101010101010101010101010101010101010101010101
exits 2 'DES' "a weak DES key" token change-management-key -a 3DES --new-management-key "file:$T/weak" -m "file:$T/mgm"
exits 2 '--generate .*--out FILE' "a generated key is written down" token change-management-key --generate -m "file:$T/mgm"
by_ykman "and the former one still works" mgm_works "$T/mgm"
exits 4 'tries left: 2' "--protect with a PIN that is not the token's" token change-management-key --protect -m "file:$T/mgm" --pin "file:$T/wrong"
by_ykman "has changed nothing" mgm_works "$T/mgm"
claim "--protect" token change-management-key --protect -m "file:$T/mgm" --pin "file:$T/fpin"
by_ykman "ykman sees it" sh -c 'ykman piv info | grep -qi "protected by PIN"'
by_ykman "ykman uses it with the PIN" ykman piv objects generate CHUID -P 123456
claim "and so do we" token generate 9c "$T/9c.pem" --force --pin "file:$T/fpin"
claim "a plain one again" token change-management-key --new-management-key "file:$T/factory" -a 3DES --pin "file:$T/fpin"
by_ykman "ykman sees no flag any more" not sh -c 'ykman piv info | grep -qi "protected by PIN"'
refuse "nor is the copy there" yubico-piv-tool -a verify-pin -P 123456 -a read-object --id 0x5fc109
claim "yubico-piv-tool uses it" yubico-piv-tool -a set-chuid -k010203040506070801020304050607080102030405060708

# ---- reset ----
exits 10 ' -y ' "reset without a yes" token reset --non-interactive
claim "says what is lost" grep -q 'slot 9c: .*ECCP256' "$T/err"
claim "reset" token reset -y
by_ykman "ykman finds the factory's" sh -c 'ykman piv info | tee "$T/info" | grep -q "default PIN" && grep -q "default Management" "$T/info"'
refuse "and no key" yubico-piv-tool -a attest -s 9c

# ---- a token that the registry knows ----
claim "enrol it" enroll Alice alice@example.org
holds() { card "[.slots, .objects, .pin.left, .puk.left, .management_key, .refused]"; }
before=$(holds)
for v in "change-puk --puk file:$T/puk --new-puk file:$T/newpuk" "unblock-pin --puk file:$T/puk --new-pin file:$T/pin" \
	"set-retries 3 3 --force" "change-management-key --protect" "generate 9c" "import 9a $T/small.crt --force" \
	"delete 9a --certificate" "reset -y"; do
	# shellcheck disable=SC2086
	exits 9 'ykenroll [a-z]+ [0-9]+' "${v%% *} is refused, and named what does it" token $v
done
claim "the card is as it was" [ "$(holds)" = "$before" ]
claim "check agrees" ykenroll check
value pin2 915264
claim "change-pin is the holder's own" token change-pin --pin "file:$T/pin" --new-pin "file:$T/pin2"
claim "yubico-piv-tool verifies that" yubico-piv-tool -a verify-pin -P 915264
claim "and it is in the audit" sh -c '[ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM audit WHERE action = '"'token change-pin'"' AND token = 10000001")" = 1 ]'
claim "list tells holder and state" sh -c 'ykenroll token list | grep -q "active.*Alice"'
echo "$n $bad" >"$T/count"
exit 0
