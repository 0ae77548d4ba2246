#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A certificate in place of another one: does it say what the former one said, for every reason, unless somebody wants it
# otherwise? openssl reads it.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/reissue_keeps.sh" --tokens 2 --firmware 5.7.1

A=10000001 B=10000002 SID=S-1-5-21-1-2-3-1105
ca="--ca-pass file:$T/pass"
es="--escrow-key $T/recovery.key --escrow-pass file:$T/rpass"
sql() { sqlite3 "$T/home/registry.db" "$1"; }
reissue() { ykenroll reissue "$@" $ca $es --pin "file:$T/pin"; }
text() { openssl x509 -in "$T/on.pem" -noout "$@"; }
# the SID is in Microsoft's extension 1.3.6.1.4.1.311.25.2, in an otherName
sid() {
	openssl asn1parse -in "$T/on.pem" | grep -Ei -A1 ':1\.3\.6\.1\.4\.1\.311\.25\.2$|:.*ntds' |
		grep -qi "$(printf %s $SID | od -An -tx1 | tr -d ' \n')"
}
logon() { # logon TOKEN NAME DAYS: is all of it in the certificate on the token?
	ykenroll token export 9a "$T/on.pem" -d "$1" --force &&
		text -ext extendedKeyUsage | grep -q 'Microsoft Smartcard Login' &&
		text -ext subjectAltName | grep -q 'alice@corp.example.org' &&
		text -subject | grep "$2" && sid &&
		text -text | grep -q 'ASN1 OID: secp384r1' &&
		if [ "$3" = 0 ]; then ! text -checkend 90000; else text -checkend $((($3 - 1) * 86400)) && ! text -checkend $(($3 * 86400 + 1)); fi
}

make_ca >"$T/init.log" 2>&1
exits 0 '' "enrol" enroll Alice alice@example.org -d $A --profile smartcard-logon --upn alice@corp.example.org --sid $SID --algorithm ECCP384 --days 40
claim "a certificate for logging in to Windows" logon $A Alice 40
exits 0 '' "expiring" reissue $A --reason expiring -d $A
claim "expiring: the same again" logon $A Alice 40
exits 0 '' "expiring, with a new key" reissue $A --reason expiring --new-key -d $A
claim "expiring, with a new key: the same again" logon $A Alice 40
exits 0 '' "renamed" reissue $A --reason renamed --name "Alice Brown" -d $A
claim "renamed: but for the name" logon $A 'Alice Brown' 40
exits 0 '' "forgotten" reissue $A --reason forgotten --hours 8 -d $B
claim "forgotten: but for the hours" logon $B 'Alice Brown' 0
exits 0 '' "the one from home is there again" ykenroll resume $A $ca
exits 0 '' "the other one comes back" ykenroll retire $B -d $B -y $ca
exits 0 '' "damaged" reissue $A --reason damaged --reset -y -d $B
claim "damaged: the same again" logon $B 'Alice Brown' 40
sql "UPDATE tokens SET state = 'retired' WHERE serial = $A"
printf '\n[publish]\ndir = %s\nreload = sh -c "echo >>%s"\n[publish more]\ndir = %s\nreload = sh -c "echo >>%s"\nallow.admin = profile=smartcard-logon\n' \
	"$T/www" "$T/reloads" "$T/more" "$T/reloads" >>"$T/home/ykenroll.conf"
exits 0 '' "lost" reissue $B --reason lost --reset -y -d $A
claim "the server was reloaded at once, and for the new token on its list; of two sections with one command together" \
	[ "$(wc -l <"$T/reloads")" = 2 ]
sed -i '/^.publish more/,$d' "$T/home/ykenroll.conf" && : >"$T/reloads"
claim "lost: the same again" logon $A 'Alice Brown' 40
exits 0 '' "lost, told twice" reissue $B --reason lost -d $A
claim "the server was reloaded once" [ "$(wc -l <"$T/reloads")" = 1 ]
exits 0 '' "another number of days is asked for" reissue $A --reason expiring --days 20 -d $A
claim "it has them, and the rest" logon $A 'Alice Brown' 20
printf '\n[profile smartcard-logon]\ndays = 10\n' >>"$T/home/ykenroll.conf"
exits 11 ' 10 ' "more days are asked for than the profile allows by now" reissue $A --reason expiring --days 20 -d $A
exits 0 '' "those of the former one are not asked for" reissue $A --reason expiring -d $A
claim "it has what is allowed" logon $A 'Alice Brown' 10
exits 0 '' "another profile is asked for" reissue $A --reason expiring --profile client -d $A
refuse "it is that" logon $A 'Alice Brown' 20
claim "and of the same holder" sh -c "openssl x509 -in '$T/on.pem' -noout -subject | grep 'Alice Brown'"
claim "who still has the SID" [ "$(sql "SELECT sid FROM holders")" = $SID ]
finish
