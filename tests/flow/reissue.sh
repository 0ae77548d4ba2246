#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# For each thing that happens to a token: is the old certificate worth nothing when it should be, the new one proved, and
# is it the same after an interruption? openssl, sqlite3 and yubico-piv-tool say so.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/reissue.sh" --tokens 2 --firmware 5.7.1

A=10000001 B=10000002
ca="--ca-pass file:$T/pass"
es="--escrow-key $T/recovery.key --escrow-pass file:$T/rpass"
sql() { sqlite3 "$T/home/registry.db" "$1"; }
cert_of() { sql "SELECT lower(hex(serial)) FROM certificates WHERE token = $1 AND state = 'active'"; }
state_of() { sql "SELECT state FROM tokens WHERE serial = $1"; }
crl() { openssl crl -in "$T/home/pub/issuing.crl" -noout -text | sed 's/^ *//'; }
reason_on_crl() { crl | awk -v s="$1" 'tolower($3) == s { on = 1; next } /^Serial Number/ { on = 0 } on && reason { print; exit } on && /Reason Code/ { reason = 1 }'; }
on_crl() { # on_crl SERIAL REASON
	[ "$(reason_on_crl "$1")" = "$2" ] || { crl; false; }
}
off_crl() { ! crl | grep -qi "$1"; }
# the certificate that is on the token now, checked by openssl against chain and CRLs
good_on() { # good_on TOKEN NAME
	cat "$T/home/pub/issuing.crt" "$T/home/pub/root.crt" >"$T/chain.pem"
	cat "$T/home/pub/issuing.crl" "$T/home/pub/root.crl" >"$T/crls.pem"
	ykenroll token export 9a "$T/on.pem" -d "$1" --force &&
		openssl verify -x509_strict -purpose sslclient -crl_check_all -CAfile "$T/chain.pem" -CRLfile "$T/crls.pem" "$T/on.pem" &&
		openssl x509 -in "$T/on.pem" -noout -subject | grep "$2" &&
		[ "$(openssl x509 -in "$T/on.pem" -noout -serial | cut -d= -f2 | tr A-F a-f)" = "$(cert_of "$1")" ]
}
key_on() { ykenroll token export 9a "$T/key.pem" -d "$1" --force && openssl x509 -in "$T/key.pem" -noout -pubkey | sha256sum; }
reissue() { ykenroll reissue "$@" $ca $es --pin "file:$T/pin"; }
fault() { ykvirt control "$(state "$1")" fault "$2" >/dev/null; }
back() { ykvirt control "$(state "$1")" insert >/dev/null; sleep 0.3; }
one_each() { # the registry's promise, and the CA's: one certificate for a token that is not revoked
	[ "$(sql "SELECT count(*) FROM certificates WHERE token = $1 AND state NOT IN ('revoked', 'dropped')")" = 1 ]
}

make_ca >"$T/init.log" 2>&1
exits 0 '' "enrol" enroll Alice alice@example.org -d $A

# ---- words ----
exits 2 'lost: .*left: ' "no reason: they are told" ykenroll reissue alice@example.org $ca
exits 2 "'stolen'.* lost: " "a reason that is none" ykenroll reissue alice@example.org --reason stolen $ca
exits 2 '--name' "renamed to what?" ykenroll reissue alice@example.org --reason renamed $ca
exits 2 '--hours .*--reason forgotten' "hours of another reason" ykenroll reissue alice@example.org --reason lost --hours 3 $ca
exits 2 'bob@example.org' "whose?" ykenroll reissue bob@example.org --reason lost $ca
exits 9 'alice@example.org ' "what is in the reader is not lost" reissue alice@example.org --reason lost -d $A
exits 9 "$A " "by its serial neither" reissue $A --reason damaged -d $A
claim "nothing happened by that" good_on $A Alice

# ---- expiring: the same token, the same key ----
old=$(cert_of $A) key=$(key_on $A) mgm=$(escrowed management-key)
exits 0 '' "expiring, the plan" reissue alice@example.org --reason expiring -d $A --dry-run
claim "which changes nothing" [ "$(cert_of $A)" = "$old" ]
exits 0 '' "expiring" reissue alice@example.org --reason expiring -d $A
claim "the new one is good" good_on $A Alice
claim "for the same key" [ "$(key_on $A)" = "$key" ]
claim "the old one is superseded" on_crl "$old" Superseded
claim "it is the only one" one_each $A
claim "the management key that was used is another one now" [ "$(escrowed management-key)" != "$mgm" ]
exits 0 '' "check agrees" ykenroll check -d $A
old=$(cert_of $A) puk=$(escrowed puk)
exits 0 '' "somebody is shown the PUK" ykenroll escrow open $A --kind puk --reason test --out "$T/shown" $es
exits 0 '' "expiring, with a new key" reissue $A --reason expiring --new-key -d $A
claim "the new one is good" good_on $A Alice
claim "for another key" [ "$(key_on $A)" != "$key" ]
claim "the PUK that was shown is another one now" [ "$(escrowed puk)" != "$puk" ]
claim "and it is the token's" ykman -d $A piv access unblock-pin -p "$(escrowed puk)" -n 482913
claim "the old one is superseded" on_crl "$old" Superseded

# ---- renamed ----
old=$(cert_of $A)
exits 0 '' "renamed" reissue alice@example.org --reason renamed --name "Alice Brown" -d $A --ticket T-7
claim "the new name is good" good_on $A 'Alice Brown'
claim "the old one's subject is not hers any more" on_crl "$old" 'Affiliation Changed'
claim "the ticket is in the audit" [ "$(sql "SELECT count(*) FROM audit WHERE action = 'begin' AND detail LIKE '%T-7%'")" = 1 ]

# ---- the same, interrupted ----
for point in 'ins=FF;remove-before' 'ins=FF;remove-after' 'ins=DB;nth=1;remove-after' 'ins=DB;nth=3;remove-before' 'ins=DB;nth=3;remove-after' \
	'ins=87;p2=9A;nth=2;remove-before'; do
	old=$(cert_of $A)
	fault 1 "$point"
	exits 14 'ykenroll recover' "expiring, $point" reissue $A --reason expiring -d $A
	claim "$point: the old one is good until the new one is proved" off_crl "$old"
	back 1
	exits 0 '' "$point: recover goes on" ykenroll recover -d $A $ca $es --pin "file:$T/pin"
	claim "$point: the new one is good" good_on $A 'Alice Brown'
	claim "$point: the old one is superseded" on_crl "$old" Superseded
	claim "$point: it is the only one" one_each $A
	claim "$point: the management key in escrow opens the token" \
		ykman -d $A piv access change-management-key -m "$(escrowed management-key)" -n "$(escrowed management-key)" -a AES192 -f
done
fault 1 'ins=47;remove-after'
exits 14 '' "a new key whose answer is lost" reissue $A --reason expiring --new-key -d $A
back 1
exits 0 '' "the same command goes on" reissue $A --reason expiring --new-key -d $A
claim "the new one is good" good_on $A 'Alice Brown'
claim "no PIN and no PUK was refused" [ "$(card '.refused | add')" = 0 ]

# ---- a card that says 9000 to the certificate and keeps the one that it has ----
old=$(cert_of $A)
fault 1 'ins=DB;nth=3;sw=9000'
exits 12 '' "a certificate that the token did not keep" reissue $A --reason expiring -d $A
claim "is none: the one that it has is good" off_crl "$old"
exits 0 '' "it is written once more" ykenroll recover -d $A $ca $es --pin "file:$T/pin"
claim "the new one is good" good_on $A 'Alice Brown'

# ---- given up: what is on the token then is still known ----
for point in 'ins=FF;remove-after' 'ins=DB;nth=1;remove-before'; do
	fault 1 "$point"
	exits 14 'ykenroll recover' "renewal, $point" reissue $A --reason expiring -d $A
	back 1
	exits 0 '' "is given up" ykenroll recover -d $A --give-up $ca
	claim "the token is active" [ "$(state_of $A)" = active ]
	exits 0 '' "another one goes on with the management key that is there" reissue $A --reason expiring -d $A
	claim "the new one is good" good_on $A 'Alice Brown'
done

# servers are told by each command that ends a certificate, and once
printf '\n[publish]\ndir = %s\nreload = sh -c "echo >>%s"\n' "$T/www" "$T/reloads" >>"$T/home/ykenroll.conf"
reloaded() { n_reloads=$(cat "$T/reloads" | wc -l); : >"$T/reloads"; claim "$1: the server was reloaded once" [ "$n_reloads" = 1 ]; }

# ---- forgotten ----
old=$(cert_of $A)
exits 0 '' "forgotten" reissue $A --reason forgotten --hours 8 -d $B
reloaded forgotten
claim "the one at home is on hold" on_crl "$old" 'Certificate Hold'
claim "the other one is good" good_on $B 'Alice Brown'
claim "for eight hours" openssl x509 -in "$T/on.pem" -noout -checkend 28000
refuse "and no longer" openssl x509 -in "$T/on.pem" -noout -checkend 29000
exits 0 '' "again: nothing to do" reissue $A --reason forgotten --hours 8 -d $B
reloaded "forgotten, again"
exits 0 '' "resume" ykenroll resume $A $ca
reloaded resume
claim "the one from home is good again" good_on $A 'Alice Brown'
claim "and not on the CRL" off_crl "$old"
exits 0 '' "the other one comes back" ykenroll retire $B -d $B -y $ca
reloaded retire
claim "it is as from the factory" [ "$(ykvirt inspect "$(state 2)" | jq -r '[.pin.factory, .puk.factory, .management_key.factory] | all')" = true ]
exits 0 '' "again: nothing to do" ykenroll retire $B -d $B -y $ca

# ---- damaged ----
old=$(cert_of $A)
fault 2 'ins=24;p2=80;remove-after'
exits 14 'ykenroll recover' "damaged, interrupted" reissue alice@example.org --reason damaged --reset -y -d $B
claim "the damaged one is good until the new one is proved" off_crl "$old"
back 2
: >"$T/reloads"
exits 0 '' "recover goes on" ykenroll recover -d $B $ca --pin "file:$T/pin"
reloaded damaged
claim "the new one is good" good_on $B 'Alice Brown'
claim "the damaged one is superseded" on_crl "$old" Superseded
claim "and recorded" [ "$(state_of $A)" = damaged ]
exits 0 '' "again: nothing to do" reissue alice@example.org --reason damaged -d $B

# ---- lost: at once, with no token here ----
old=$(cert_of $B) number=$(crl | awk '/CRL Number/ { getline; print $1 }')
ykvirt control "$(state 2)" remove >/dev/null
: >"$T/reloads"
exits 3 ' 4711 .* 1000000[12] ' "lost, and no other token here" reissue alice@example.org --reason lost -d 4711 --ticket T-8
reloaded "lost, and no other token here"
claim "the ticket is in the audit of the revocation" [ "$(sql "SELECT count(*) FROM audit WHERE action = 'revoke' AND detail LIKE '%T-8%'")" = 1 ]
claim "revoked all the same" on_crl "$old" 'Key Compromise'
claim "in a CRL with a higher number" [ "$(crl | awk '/CRL Number/ { getline; print $1 }')" -gt "$number" ]
claim "and recorded" [ "$(state_of $B)" = lost ]
# what is damaged is never used again: a third token would be, here it is made so by hand
sql "UPDATE tokens SET state = 'retired' WHERE serial = $A"
fault 1 'ins=47;remove-after'
exits 14 '' "lost, the new token is pulled out" reissue alice@example.org --reason lost --reset -y -d $A --ticket T-9
back 1
: >"$T/reloads"
exits 0 '' "the same command goes on" reissue alice@example.org --reason lost --reset -y -d $A
reloaded "lost"
claim "the new one is good" good_on $A 'Alice Brown'
claim "the ticket is in the audit of the other token" [ "$(sql "SELECT count(*) FROM audit WHERE action = 'begin' AND detail LIKE '%T-9%'")" = 1 ]
sql "SELECT action, detail FROM audit WHERE detail LIKE '%T-8%' OR detail LIKE '%T-9%'" | sed 's/^/# /'
exits 0 '' "again: nothing to do" reissue alice@example.org --reason lost -d $A
claim "and it is still good" good_on $A 'Alice Brown'

# ---- left ----
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/www.key" -subj /CN=www -out "$T/www.csr" 2>"$T/err"
exits 0 '' "a server's certificate" ykenroll ca issue "$T/www.csr" --dns www.example.org --out "$T/www.crt" $ca
exits 0 '\(cessationOfOperation\)' "whose serial is named: the plan" ykenroll reissue "$(openssl x509 -in "$T/www.crt" -noout -serial | cut -d= -f2)" \
	--reason left $ca --dry-run
claim "which changes nothing" [ "$(sql "SELECT count(*) FROM software WHERE revoked IS NOT NULL")" = 0 ]
for none in 99999999 ada; do
	exits 2 " $none" "a dry run of what is not there ($none)" ykenroll reissue $none --reason left $ca --dry-run
done
old=$(cert_of $A)
exits 0 '\(cessationOfOperation\)' "left, the plan" ykenroll reissue alice@example.org --reason left $ca --dry-run
exits 0 '\(cessationOfOperation\)' "retired, and not here: the plan" ykenroll retire $A --absent $ca --dry-run
claim "which changes nothing" good_on $A 'Alice Brown'
exits 0 '' "left" ykenroll reissue alice@example.org --reason left $ca --json --ticket T-10
claim "the ticket is in the audit of the end" [ "$(sql "SELECT count(*) FROM audit WHERE action = 'revoke' AND detail LIKE '%T-10%'")" = 1 ]
claim "in JSON" [ "$(jq -r '.former.serial, .former.reason' "$T/out" | xargs)" = "$A cessationOfOperation" ]
claim "revoked" on_crl "$old" 'Cessation Of Operation'
claim "and recorded" [ "$(state_of $A)" = retired ]
exits 0 '' "again: nothing to do" ykenroll reissue alice@example.org --reason left $ca
exits 9 ' 10000001 .*--reset' "a token of somebody who left is not enrolled just so" enroll Bob bob@example.org -d $A
exits 10 '' "nor reset without a yes" enroll Bob bob@example.org -d $A --reset
exits 0 '' "with a yes it is" enroll Bob bob@example.org -d $A --reset -y
claim "for Bob" good_on $A Bob
claim "what was lost by that is in the audit" [ "$(sql "SELECT count(*) FROM audit WHERE action = 'recycle' AND detail LIKE '%Alice Brown%'")" -ge 1 ]
exits 0 '' "check agrees" ykenroll check -d $A
finish
