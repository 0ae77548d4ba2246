#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a token that was made with ykman and openssl taken over whole: its secrets, its certificate, and with nothing lost
# when that is interrupted?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/adopt.sh" --tokens 5 --firmware 5.7.1

umask 077
ca="--ca-pass file:$T/pass"
sql() { sqlite3 "$T/home/registry.db" "$1"; }
escrow_of() { # escrow_of TOKEN KIND: opened by openssl
	sql "SELECT hex(recovery) FROM secrets WHERE token = $1 AND kind = '$2' ORDER BY version DESC LIMIT 1" | xxd -r -p >"$T/sealed.der"
	openssl cms -decrypt -inform DER -in "$T/sealed.der" -inkey "$T/recovery.key" -passin "file:$T/rpass" -recip "$T/home/recovery.crt" |
		tr -d '\r' | awk '$1 == "value" { print $2 }'
}
fault() { ykvirt control "$(state "$1")" fault "$2" >/dev/null; }
back() { ykvirt control "$(state "$1")" insert >/dev/null; sleep 0.3; }
refused() { ykvirt inspect "$(state "$1")" | jq '.refused | add'; }
mgm=8899aabbccddeeff00112233445566778899aabbccddee01
echo $mgm >"$T/mgm"
echo 24681357 >"$T/puk"
by_ours() { # the same without ykman, whose five commands take five times as long
	echo 123456 >"$T/fpin" && echo 12345678 >"$T/fpuk"
	ykenroll token change-pin -d "$1" --pin "file:$T/fpin" --new-pin "file:$T/pin" &&
		ykenroll token change-puk -d "$1" --puk "file:$T/fpuk" --new-puk "file:$T/puk" &&
		ykenroll token generate 9a "$T/$1.pub" -d "$1" &&
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/ca.key" -out "$T/ca.pem" -subj /CN=CA &&
		openssl x509 -new -force_pubkey "$T/$1.pub" -subj "/CN=$2" -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 9 -out "$T/$1.crt" &&
		ykenroll token import 9a "$T/$1.crt" -d "$1" &&
		ykenroll token change-management-key -d "$1" --new-management-key "file:$T/mgm" -a AES192
}
by_ykman() { # a token as somebody makes one: by_ykman TOKEN CN
	ykman -d "$1" piv access change-pin -P 123456 -n 482913 &&
		ykman -d "$1" piv access change-puk -p 12345678 -n 24681357 &&
		ykman -d "$1" piv access change-management-key -m 010203040506070801020304050607080102030405060708 -n $mgm -f &&
		ykman -d "$1" piv keys generate -m $mgm -P 482913 -a ECCP256 9a "$T/$1.pub" &&
		ykman -d "$1" piv certificates generate -m $mgm -P 482913 -s "CN=$2" 9a "$T/$1.pub"
}
adopt() { # adopt TOKEN NAME MAIL OPTIONS…
	t=$1 who=$2 mail=$3
	shift 3
	ykenroll adopt "$who" --email "$mail" -d "$t" $ca --pin "file:$T/pin" --current-puk "file:$T/puk" "$@"
}
mine() { # the secrets of TOKEN are the ones in escrow, and the PIN is still the holder's
	ykman -d "$1" piv access change-management-key -m "$(escrow_of "$1" management-key)" -n "$(escrow_of "$1" management-key)" -a AES192 -f &&
		ykman -d "$1" piv access unblock-pin -p "$(escrow_of "$1" puk)" -n 482913 &&
		ykenroll check -d "$1"
}
good_on() {
	cat "$T/home/pub/issuing.crt" "$T/home/pub/root.crt" >"$T/chain.pem"
	ykman -d "$1" piv certificates export 9a "$T/on.pem" &&
		openssl verify -x509_strict -purpose sslclient -CAfile "$T/chain.pem" "$T/on.pem" &&
		openssl x509 -in "$T/on.pem" -noout -subject | grep "$2"
}

make_ca >"$T/init.log" 2>&1

# ---- its own certificate is replaced, its key stays ----
claim "ykman makes a token" by_ykman 10000001 "Somebody"
exits 10 '--management-key' "no management key" adopt 10000001 Alice alice@example.org --non-interactive
exits 7 '--management-key' "a wrong one" sh -c 'tr 8 9 <"$T/mgm" >"$T/mgm2"; exec ykenroll adopt Alice --email alice@example.org -d 10000001 \
	--ca-pass "file:$T/pass" --pin "file:$T/pin" --current-puk "file:$T/puk" --management-key "file:$T/mgm2"'
claim "nothing was begun" [ "$(sql "SELECT count(*) FROM works")" = 0 ]
exits 0 '' "the plan" adopt 10000001 Alice alice@example.org --management-key "file:$T/mgm" --dry-run
exits 0 '' "adopt" adopt 10000001 Alice alice@example.org --management-key "file:$T/mgm"
claim "the certificate is this CA's now" good_on 10000001 Alice
claim "for the key that was there" sh -c '[ "$(openssl x509 -in "$T/on.pem" -noout -pubkey)" = "$(cat "$T/10000001.pub")" ]'
claim "the secrets are in escrow, the PIN is the holder's" mine 10000001
exits 0 '' "again: nothing to do" adopt 10000001 Alice alice@example.org --management-key "file:$T/mgm"
exits 9 ' Alice ' "for somebody else" adopt 10000001 Eve eve@example.org --management-key "file:$T/mgm"
claim "no try was spent" [ "$(refused 1)" = 0 ]

# ---- a certificate of this CA is recorded; ykman kept the management key behind the PIN ----
claim "another one" by_ykman 10000002 "Bob"
claim "with a protected management key" ykman -d 10000002 piv access change-management-key -m $mgm -g -p -P 482913 -a AES192 -f
ykman -d 10000002 piv certificates request -P 482913 -s "CN=Bob" 9a "$T/10000002.pub" "$T/bob.csr"
claim "whose certificate is from this CA" ykenroll ca issue "$T/bob.csr" --profile software --cn Bob --out "$T/bob.crt" $ca
claim "is imported" ykman -d 10000002 piv certificates import -P 482913 9a "$T/bob.crt"
exits 0 '' "adopt, the management key found behind the PIN" adopt 10000002 Bob bob@example.org
claim "the certificate is the one that was there" sh -c 'ykman -d 10000002 piv certificates export 9a "$T/on.pem" && cmp "$T/on.pem" "$T/bob.crt"'
claim "and in the registry" [ "$(sql "SELECT lower(hex(serial)) FROM certificates WHERE token = 10000002 AND state = 'active'")" = \
	"$(openssl x509 -in "$T/bob.crt" -noout -serial | cut -d= -f2 | tr A-F a-f)" ]
claim "the secrets are in escrow, the PIN is the holder's" mine 10000002
refuse "ykman does not look behind the PIN any more" sh -c 'ykman -d 10000002 piv info | grep -qi "protected by PIN"'
exits 0 '' "it can be revoked" ykenroll revoke 10000002 --reason superseded $ca

# ---- a key that was imported ----
claim "a third one" by_ours 10000003 "Carl"
openssl ecparam -name prime256v1 -genkey -noout -out "$T/soft.pem"
claim "whose key is imported" ykman -d 10000003 piv keys import -m $mgm -P 482913 9a "$T/soft.pem"
exits 8 '--new-key' "is not adopted" adopt 10000003 Carl carl@example.org --management-key "file:$T/mgm"
exits 0 '' "but with a new key" adopt 10000003 Carl carl@example.org --management-key "file:$T/mgm" --new-key
claim "the certificate is good" good_on 10000003 Carl
claim "the secrets are in escrow, the PIN is the holder's" mine 10000003

# ---- interrupted ----
claim "a fourth one" by_ours 10000004 "Dora"
dora() { adopt 10000004 Dora dora@example.org --management-key "file:$T/mgm"; }
spent=0
for point in 'ins=FF;remove-before' 'ins=FF;remove-after' 'ins=24;remove-before' 'ins=24;remove-after' 'ins=DB;nth=1;remove-after'; do
	fault 4 "$point"
	dora >"$T/out" 2>&1
	rc=$?
	claim "$point: pulled out, or done before ($rc)" [ $rc = 14 ]
	back 4
done
exits 0 '' "the same command finishes" dora
claim "the certificate is good" good_on 10000004 Dora
claim "the secrets are in escrow, the PIN is the holder's" mine 10000004
claim "at most one PUK was refused ($(refused 4))" [ "$(refused 4)" -le 1 ]

# ---- a certificate of this CA, of which the registry has lost all: what it says of the holder is known again ----
sid=S-1-5-21-1-2-3-1105
exits 0 '' "enrol" ykenroll enroll Erik --id 4711 --email erik@example.org --upn erik@corp.example.org --sid $sid --profile smartcard-logon \
	-d 10000005 $ca --pin "file:$T/pin"
escrow_of 10000005 management-key >"$T/mgm5"
escrow_of 10000005 puk >"$T/puk5"
claim "lost" sqlite3 "$T/home/registry.db" "PRAGMA foreign_keys = OFF" "DELETE FROM certificates WHERE token = 10000005" \
	"DELETE FROM secrets WHERE token = 10000005" "DELETE FROM tokens WHERE serial = 10000005" "DELETE FROM works WHERE token = 10000005" \
	"DELETE FROM holders WHERE key = '4711'"
exits 0 '' "adopt" ykenroll adopt Erik --id 4711 -d 10000005 $ca --pin "file:$T/pin" --current-puk "file:$T/puk5" --management-key "file:$T/mgm5"
claim "none was issued for it" [ "$(sql "SELECT count(*) FROM certificates WHERE token = 10000005")" = 1 ]
claim "its names are known" [ "$(sql "SELECT email || ' ' || upn || ' ' || sid FROM holders WHERE key = '4711'")" = \
	"erik@example.org erik@corp.example.org $sid" ]
exits 0 '' "reissued" ykenroll reissue 10000005 --reason expiring -d 10000005 $ca --pin "file:$T/pin" --escrow-key "$T/recovery.key" \
	--escrow-pass "file:$T/rpass"
claim "it is what it was" eval 'ykenroll token export 9a -d 10000005 | openssl x509 -noout -ext extendedKeyUsage | grep -q "Microsoft Smartcard Login"'
finish
