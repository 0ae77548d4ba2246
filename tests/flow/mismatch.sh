#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is each way in which a token and the registry can disagree told by its name, with what mends it, and without spending a
# try? Each is made by hand, mostly with ykman, yubico-piv-tool and sqlite3; the card counts what it refused.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/mismatch.sh" --tokens 4 --firmware 5.7.1
make_ca >"$T/init.log" 2>&1
echo "import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))" >"$T/unhex.py"
db=$T/home/registry.db ca="--ca-pass file:$T/pass"
set -- $(ykenroll token list --json | jq -r '.tokens[].serial // .tokens[].token' | sort -n)
A=$1 B=$2 C=$3 D=$4
reader() { ykenroll token list --json | jq -r ".tokens[] | select((.serial // .token) == $1).reader"; }
factory=010203040506070801020304050607080102030405060708
secret() { # secret TOKEN KIND
	sqlite3 "$db" "SELECT hex(recovery) FROM secrets WHERE token=$1 AND kind='$2' ORDER BY version DESC LIMIT 1" | python3 "$T/unhex.py" >"$T/sealed.der"
	openssl cms -decrypt -inform DER -in "$T/sealed.der" -inkey "$T/recovery.key" -passin "file:$T/rpass" -recip "$T/home/recovery.crt" |
		tr -d '\r' | awk '$1 == "value" { print $2 }'
}
for t in "$A Alice" "$B Bob" "$C Carol"; do
	enroll "${t#* }" "${t#* }@example.org" -d "${t% *}" >"$T/log" 2>&1 || cat "$T/log"
done
refused() { for i in 1 2 3 4; do ykvirt inspect "$(state $i)"; done | jq -s 'map(.refused | add) | add'; }
seen=" "
keep() { rm -rf "$T/kept" && cp -a "$T/home" "$T/kept"; }
back() { rm -rf "$T/home" && cp -a "$T/kept" "$T/home"; }
sees() { # sees MISMATCH TOKEN TEXT
	before=$(refused) what=$1
	ykenroll check -d "$2" --json >"$T/check.json" 2>"$T/check.err"
	rc=$?
	case $seen in *" $1 "*) ;; *) seen="$seen$1 " ;; esac
	claim "$1: $3" sh -c '[ $0 = 12 ] && jq -e ".findings[] | select(.mismatch == \"$1\") | (.repair | length) > 9" "$T/check.json" ||
		{ jq -c ".findings[] | select(.ok | not)" "$T/check.json"; cat "$T/check.err"; exit 1; }' $rc "$1"
	[ "$(refused)" = "$before" ] || claim "$1: and spends no try" false
}
sql() { sqlite3 "$db" "$1"; }
row() { # row MISMATCH TEXT SQL: an edit of the registry, taken back
	keep
	sql "$3"
	sees "$1" "$A" "$2"
	back
}
claim "three tokens agree" sh -c 'for t in '"$A $B $C"'; do ykenroll check -d $t || exit 1; done'

# ---- the registry ----
sees not-registered "$D" "a token that nobody enrolled"
row row-missing "its rows were deleted" "PRAGMA foreign_keys=OFF; DELETE FROM certificates WHERE token=$A; DELETE FROM works WHERE token=$A; DELETE FROM secrets WHERE token=$A; DELETE FROM tokens WHERE serial=$A"
row work-open "work that was not finished" "UPDATE works SET closed=NULL, outcome=NULL WHERE token=$A"
row token-lost "reported lost, and here" "UPDATE tokens SET state='lost' WHERE serial=$A"
row token-damaged "reported damaged" "UPDATE tokens SET state='damaged' WHERE serial=$A"
row token-retired "retired" "UPDATE tokens SET state='retired' WHERE serial=$A"
row token-suspended "on hold" "UPDATE tokens SET state='suspended' WHERE serial=$A"
row token-new "new, with a certificate on it" "UPDATE tokens SET state='new', holder=NULL WHERE serial=$A"
row firmware "another firmware: another token of this serial" "UPDATE tokens SET firmware=x'050403' WHERE serial=$A"
row cert-damaged "the stored certificate edited" "UPDATE certificates SET der=x'3000' WHERE token=$A"
row cert-twice "two active certificates" "DROP INDEX certificates_active; DROP INDEX certificates_key_active; DROP INDEX certificates_work;
	INSERT INTO certificates (serial, token, work, state, der, sha256, spki_sha256, not_before, not_after, changed)
	SELECT randomblob(16), token, work, state, der, sha256, spki_sha256, not_before, not_after, changed FROM certificates WHERE token=$A"
row escrow-missing "no PUK in escrow" "DELETE FROM secrets WHERE token=$A AND kind='puk'"
row escrow-damaged "another token's blob in escrow" "UPDATE secrets SET recovery=(SELECT recovery FROM secrets WHERE token=$B AND kind='puk') WHERE token=$A AND kind='puk'"
row mgm-algorithm "another management key algorithm than in escrow" "UPDATE secrets SET alg=3 WHERE token=$A AND kind='management-key'"
row cert-not-in-crl "revoked in the registry alone" "UPDATE certificates SET state='revoked', revoked=1, reason=1 WHERE token=$A"
row cert-revoked "a revoked certificate on the token" "UPDATE certificates SET state='revoked', revoked=1, reason=1 WHERE token=$A"
row cert-of-another "another token's certificate" "UPDATE certificates SET token=$B, state='superseded' WHERE token=$A"
row cert-unexpected "a certificate that the registry does not know" "DELETE FROM certificates WHERE token=$A"
row key-unexpected "a key that it does not know" "DELETE FROM certificates WHERE token=$A"
row identity-other "another card identity" "UPDATE works SET guid=randomblob(16) WHERE token=$A"
keep
ykenroll escrow open "$A" --kind puk --reason test --out "$T/p" --escrow-key "$T/recovery.key" --escrow-pass "file:$T/rpass" >"$T/log" 2>&1
sees escrow-spent "$A" "a PUK that somebody was shown"
back
keep
ykenroll revoke "$B" --reason superseded $ca >"$T/log" 2>&1
cp "$T/kept/registry.db" "$db"
sees cert-in-crl "$B" "revoked by the CA alone"
back
future=$(date -d '+3 years' '+@%Y-%m-%d 00:00:00')
if [ -n "$FAKETIME_LIB" ]; then
	claim "cert-expired: in three years" sh -c 'LD_PRELOAD='"$FAKETIME_LIB"' FAKETIME="$0" ykenroll check -d '"$A"' --json | jq -e ".findings[] | select(.mismatch == \"cert-expired\")"' "$future"
	seen="${seen}cert-expired "
fi

# ---- the token: certificate ----
rA=$(reader "$A") mA=$(secret "$A" management-key)
t=$A
piv() { # piv VERB… : ykman as administrator of token $t
	ykman -d "$t" piv "$@" -m "$mA" >"$T/tool" 2>&1 || cat "$T/tool"
}
object() { piv objects import "$1" "$2"; }
yubico-piv-tool -r "$rA" -a read-certificate -s 9a >"$T/a.pem" 2>"$T/log"
# ykman writes another CHUID with each certificate
yubico-piv-tool -r "$rA" -a read-object --id 0x5fc102 -f binary -o "$T/chuid" >"$T/log" 2>&1
piv certificates delete 9a
sees cert-missing "$A" "deleted"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/x.key" -out "$T/x.pem" -subj /CN=Mallory -days 9 2>"$T/log"
piv certificates import 9a "$T/x.pem"
sees cert-foreign "$A" "somebody's own"
printf 'not a certificate' >"$T/junk"
object 5fc105 "$T/junk"
sees cert-unreadable "$A" "no certificate"
piv certificates import 9a "$T/a.pem"
object 5fc102 "$T/chuid"
claim "put back, it agrees" ykenroll check -d "$A"

# ---- identity ----
: >"$T/empty"
piv objects generate chuid
sees identity-other "$A" "a new CHUID, by yubico-piv-tool"
object 5fc102 "$T/empty"
sees identity-missing "$A" "none"
object 5fc102 "$T/chuid"
claim "put back, it agrees" ykenroll check -d "$A"

# ---- secrets ----
pA=$(secret "$A" puk)
yubico-piv-tool -r "$rA" -a change-pin -P "$(cat "$T/pin")" -N 123456 >"$T/log" 2>&1
sees pin-factory "$A" "the PIN of the factory"
yubico-piv-tool -r "$rA" -a change-pin -P 123456 -N "$(cat "$T/pin")" >"$T/log" 2>&1
yubico-piv-tool -r "$rA" -a change-puk -P "$pA" -N 12345678 >"$T/log" 2>&1
sees puk-factory "$A" "the PUK of the factory"
yubico-piv-tool -r "$rA" -a change-puk -P 12345678 -N "$pA" >"$T/log" 2>&1
ykman -d "$A" piv access change-management-key -m "$mA" -n $factory -a AES192 -f >"$T/log" 2>&1 || cat "$T/log"
sees mgm-factory "$A" "the management key of the factory"
ykman -d "$A" piv access change-management-key -m $factory -n "$mA" -a AES192 -f >"$T/log" 2>&1 || cat "$T/log"
claim "put back, it agrees" ykenroll check -d "$A"
for i in 1 2 3; do yubico-piv-tool -r "$rA" -a verify-pin -P 999999 >"$T/log" 2>&1; done
sees pin-blocked "$A" "the PIN blocked"
for i in 1 2 3; do yubico-piv-tool -r "$rA" -a unblock-pin -P 99999999 -N 123123 >"$T/log" 2>&1; done
sees puk-blocked "$A" "the PUK blocked"

# ---- key ----
t=$B mA=$(secret "$B" management-key)
piv keys generate 9a "$T/pub" -a ECCP256 --pin-policy ALWAYS
sees key-replaced "$B" "another one, made on the token"
keep
sql "UPDATE certificates SET spki_sha256 = x'$(openssl pkey -pubin -in "$T/pub" -outform DER | sha256sum | cut -d' ' -f1)' WHERE token=$B"
sees key-policy "$B" "with another PIN policy"
back
piv keys generate 9a "$T/pub" -a ECCP256 --touch-policy ALWAYS
keep
sql "UPDATE certificates SET spki_sha256 = x'$(openssl pkey -pubin -in "$T/pub" -outform DER | sha256sum | cut -d' ' -f1)' WHERE token=$B"
sees key-policy "$B" "with another touch policy"
claim "and the PIN policy is right" sh -c 'jq -r ".findings[] | select(.mismatch == \"key-policy\") | .. | strings" "$T/check.json" | grep -q "PIN policy \([0-9]\) and touch policy 2, not \1 and 1"'
back
piv keys import 9a "$T/x.key"
sees key-imported "$B" "imported"
# ykman 4 cannot
echo "$mA" >"$T/mgm"
ykenroll token delete 9a --key -y -d "$B" --home "$T/none" --management-key "file:$T/mgm" >"$T/log" 2>&1 || cat "$T/log"
sees key-missing "$B" "deleted"
ykman -d "$C" piv reset -f >"$T/log" 2>&1 || cat "$T/log"
sees piv-reset "$C" "the application was reset"
# an older certificate of the token itself
enroll Dora dora@example.org -d "$D" >"$T/log" 2>&1
keep
sql "UPDATE certificates SET state='superseded' WHERE token=$D"
sees cert-old "$D" "a superseded one"
back

n_seen=$(echo $seen | wc -w)
echo "# $n_seen mismatches, each made by hand: $seen"
table=$(sed -n 's/^    {"\([a-z-]*\)", ".*/\1/p' ../../src/workflow/look/findings.c)
claim "every mismatch of the program's table was made ($n_seen of $(echo "$table" | wc -w))" [ -n "$table" ]
for id in $table; do
	case "$seen" in *" $id "*) ;; *) claim "$id was made" false ;; esac
done
claim "at least 25" [ "$n_seen" -ge 25 ]
finish
