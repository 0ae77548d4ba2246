#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is what can be known said before anybody is asked for anything, and does --dry-run end as the run would?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/early.sh" --tokens 2 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
cp "$T/pass" "$T/open" && chmod 644 "$T/open"
echo 12345 >"$T/short"
echo 123456 >"$T/factory"
echo 0102 >"$T/nokey"
echo text >"$T/text"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/k.pem" -out "$T/other.crt" -subj "/CN=Other" \
	-days 30 >/dev/null 2>&1
openssl req -new -key "$T/k.pem" -subj "/CN=www" -out "$T/www.csr" >/dev/null 2>&1
cp -a "$T/home" "$T/wide" && chmod 755 "$T/wide"
exits 0 '' "a holder who has a token" enroll "Bea Beispiel" bea@example.org -d 10000001

cards() { for k in 1 2; do ykvirt inspect "$(state $k)" | jq -c '[.pin, .puk, .management_key, .refused, .slots, .objects]'; done; }
before=$(cards)

new="--email new@example.org -d 10000002" es="--escrow-key $T/recovery.key"
cat >"$T/table" <<-TABLE
	# who
	2 dry | enroll New --email 'not an address' -d 10000002
	2 dry | enroll New --email 'a@b@c' -d 10000002
	2 dry | enroll New --email '' -d 10000002
	2 dry | enroll New -d 10000002
	2 dry | enroll '' $new
	2 dry | enroll ' New' $new
	2 dry | enroll $(head -c 70 /dev/zero | tr '\0' x) $new
	2 dry | enroll New --id $(head -c 300 /dev/zero | tr '\0' x) -d 10000002
	2 dry | enroll New two $new
	2 dry | enroll
	9 dry | enroll Bea --email bea@example.org -d 10000002
	9 dry | enroll Bea --email BEA@example.org -d 10000002
	9 dry | enroll New --email new@example.org -d 10000001
	9 dry | adopt Bea --email bea@example.org -d 10000002 --new-key
	9 dry | adopt New --email new@example.org -d 10000001
	9 dry | adopt New $new
	2 dry | adopt New --email 'not an address' -d 10000002 --new-key
	2 dry | adopt New -d 10000002 --new-key
	2 dry | reissue nobody@example.org --reason lost
	2 dry | reissue nobody@example.org --reason expiring
	2 dry | reissue nobody@example.org --reason left
	2 dry | reissue 99 --reason damaged -d 10000002
	9 dry | reissue bea@example.org --reason damaged -d 10000001
	2 dry | unblock nobody@example.org
	2 dry | retire nobody@example.org
	2 dry | retire nobody@example.org --absent
	2 dry | retire --absent
	2 | revoke nobody@example.org --reason superseded
	2 | suspend nobody@example.org
	2 | resume nobody@example.org
	2 | receipt nobody@example.org --out $T/r
	2 | letter 99 --letter $T/l
	2 dry | reissue bea@example.org --reason expiring -d 10000002 $es
	2 dry | unblock bea@example.org -d 10000002 $es
	2 dry | retire bea@example.org -d 10000002
	2 dry | unblock -d 10000002 $es
	# which token
	3 dry | enroll New --email new@example.org -d 99
	2 dry | enroll New --email new@example.org -d twelve
	2 dry | enroll New --email new@example.org -d 10000002 --reader x
	3 dry | enroll New --email new@example.org --reader NoSuch
	6 dry | enroll New --email new@example.org
	2 dry | enroll New $new --wait long
	3 dry | unblock -d 99 $es
	3 dry | retire -d 99
	3 | token change-pin -d 99
	3 | recover -d 99
	# what is asked for
	2 dry | enroll New $new --profile admin
	2 dry | enroll New $new --profile 'A B'
	11 dry | enroll New $new --profile server
	2 dry | enroll New $new --profile smartcard-logon
	2 dry | enroll New $new --upn ''
	2 dry | enroll New $new --profile smartcard-logon --upn 'no upn'
	2 dry | enroll New $new --profile smartcard-logon --upn new@example.org --sid S-1
	2 dry | enroll New $new --algorithm RSA1024
	2 dry | enroll New $new --algorithm RSA2048
	2 dry | enroll New $new --pin-policy never
	2 dry | enroll New $new --touch-policy sometimes
	2 dry | enroll New $new --days 0
	2 dry | enroll New $new --days -1
	2 dry | enroll New $new --days soon
	2 dry | enroll New $new --days 4000
	11 dry | enroll New $new --days 3000
	2 dry | enroll New $new --retries 0,3
	2 dry | enroll New $new --retries many
	2 dry | enroll New $new --frobnicate
	2 dry | adopt New $new --new-key --profile admin
	2 dry | adopt New $new --new-key --profile smartcard-logon
	2 dry | adopt New $new --days 0
	2 dry | reissue bea@example.org
	2 dry | reissue bea@example.org --reason stolen
	2 dry | reissue bea@example.org --reason lost --hours 2
	2 dry | reissue bea@example.org --reason forgotten --hours 0
	2 dry | reissue bea@example.org --reason forgotten --hours 9999
	2 dry | reissue bea@example.org --reason lost --new-key
	2 dry | reissue bea@example.org --reason expiring --reset
	2 dry | reissue bea@example.org --reason expiring --name Bea
	2 dry | reissue bea@example.org --reason renamed
	2 dry | reissue bea@example.org --reason renamed --email 'no address' -d 10000001 $es
	2 dry | reissue bea@example.org --reason expiring --days 0
	2 dry | reissue bea@example.org --reason expiring --profile admin -d 10000001 $es
	2 dry | reissue bea@example.org --reason expiring --profile smartcard-logon -d 10000001 $es
	2 dry | reissue bea@example.org --reason damaged --profile admin -d 10000002
	2 dry | retire bea@example.org --reason stolen
	2 | revoke bea@example.org
	2 | revoke bea@example.org --reason stolen
	2 | revoke bea@example.org --reason superseded --token gone
	2 | revoke $T/other.crt --reason superseded
	2 | revoke $T/text --reason superseded
	2 | token set-retries 0 0
	2 | token set-retries 3 many
	2 | token change-management-key --algorithm DES
	# secrets and files
	2 dry | enroll New $new --pin 482913
	2 dry | enroll New $new --pin file:$T/none
	2 dry | enroll New $new --pin file:$T/short
	2 dry | enroll New $new --pin file:$T/factory
	2 dry | enroll New $new --pin file:$T/open
	2 dry | enroll New $new --ca-pass secret
	2 dry | enroll New $new --ca-pass file:$T/none
	2 dry | enroll New $new --ca-pass file:$T/open
	2 dry | enroll New $new --management-key file:$T/none
	2 dry | enroll New $new --management-key file:$T/nokey
	2 dry | enroll New $new --pin generate
	2 dry | enroll New $new --letter $T/l
	2 dry | enroll New $new --letter-to $T/other.crt
	9 dry | enroll New $new --pin generate --letter $T/text
	2 dry | enroll New $new --pin generate --letter $T/none/l
	2 dry | enroll New $new --pin generate --letter $T/l --letter-to $T/none
	1 dry | enroll New $new --home $T/none
	2 dry | enroll New $new --home $T/wide
	10 dry | unblock -d 10000001
	2 dry | unblock -d 10000001 --escrow-key $T/none
	2 dry | unblock -d 10000001 $es --escrow-pass file:$T/none
	2 dry | unblock -d 10000001 $es --pin file:$T/short
	2 dry | unblock -d 10000001 $es --pin generate --letter $T/none/l
	2 dry | unblock --request $T/none/request -d 10000001
	2 | unblock --request $T/none/request -d 10000001
	9 | unblock --request $T/text -d 10000001
	2 | unblock --request $T/request --hours 0 -d 10000001
	2 | unblock --request $T/request --hours 999 -d 10000001
	2 | unblock --request $T/request --apply $T/request
	2 | unblock --answer $T/none $es
	2 | unblock --apply $T/none
	10 dry | reissue bea@example.org --reason expiring -d 10000001
	2 dry | reissue bea@example.org --reason expiring -d 10000001 --escrow-key $T/none
	2 dry | reissue bea@example.org --reason damaged -d 10000002 --pin generate --letter $T/none/l
	2 | recover -d 10000001 --pin generate
	2 | receipt bea@example.org --out $T/none/r
	9 | receipt bea@example.org --out $T/text
	2 | receipt bea@example.org
	2 | escrow open 10000001 --kind puk --reason why --out $T/none/p $es
	9 | escrow open 10000001 --kind puk --reason why --out $T/text $es
	2 | escrow open 10000001 --kind pin --reason why --out $T/p $es
	2 | escrow open 10000001 --kind puk --reason why --out $T/p --escrow-key $T/none
	10 | escrow open 10000001 --kind puk --reason why --out $T/p
	2 | escrow open 99 --kind puk --reason why --out $T/p $es
	2 | escrow open 10000001 --kind puk --version 7 --reason why --out $T/p $es
	2 | token change-puk --generate -d 10000002
	2 | token change-puk --generate --out $T/none/p -d 10000002
	9 | token change-puk --generate --out $T/text -d 10000002
	# the CA's own
	2 | ca issue $T/none --dns www.example.org
	12 | ca issue $T/text --dns www.example.org
	2 | ca issue $T/www.csr
	2 | ca issue $T/www.csr --dns www.example.org --profile admin
	11 | ca issue $T/www.csr --dns www.example.org --profile client
	2 | ca issue $T/www.csr --dns 'no name'
	2 | ca issue $T/www.csr --dns www.example.org --days 0
	11 | ca issue $T/www.csr --dns www.example.org --days 3650
	2 | ca issue $T/www.csr --dns www.example.org --out $T/none/c
	9 | ca issue $T/www.csr --dns www.example.org --out $T/text
	2 | ca p12 --cn Phone
	2 | ca p12 --out $T/p12
	2 | ca p12 --cn Phone --out $T/none/p12
	9 | ca p12 --cn Phone --out $T/text
	2 | ca p12 --cn Phone --out $T/p12 --profile admin
	2 | ca p12 --cn Phone --out $T/p12 --days 0
	2 | ca p12 --cn Phone --out $T/p12 --algorithm RSA1024
	11 | ca p12 --cn Phone --out $T/p12 --days 3650
	2 dry | ca renew
	2 dry | ca renew $T/none
	11 dry | ca renew $T/other.crt
	2 dry | ca renew --due soon
	2 dry | ca renew $T/other.crt --days 0
TABLE
python3 ./early.py $((n + 1)) <"$T/table" 2>"$T/count" || bad=1
n=$(tail -1 "$T/count")

# ---- what stands above a prompt, and how often it may be answered ----
typed() { answers=$1 && shift && python3 ./early.py --answer "$answers" ykenroll "$@"; }
asked() { grep -c ': $' "$T/err"; }
exits 11 '10000002 .*New \(new@example.org\)' "a wrong CA passphrase, on a terminal" typed no,no,no enroll New $new
claim "could be typed three times" [ "$(asked)" = 3 ]
exits 11 '10000001 .*Bea Beispiel \(bea@example.org\)' "a wrong passphrase of the escrow key" typed no,no,no unblock -d 10000001 $es
claim "which is asked for before the new PIN, three times" [ "$(asked)" = 3 ]
exits 10 '10000002' "who interrupts reads what is left" typed ^C enroll New $new
exits 10 '10000001' "also at the prompt of a key for the escrow" typed ^C unblock -d 10000001 $es
exits 11 '' "one from a file is tried once" ykenroll unblock -d 10000001 $es --escrow-pass "file:$T/pin"
after=$(cards)
claim "none of these has changed a card, or spent a try" [ "$before" = "$after" ]
claim "nor begun any work" [ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM works")" = 1 ]
finish
