#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a home go on where it was restored, and is a backup that is older than what servers have told from one that is not?
# openssl judges the CRLs. The commands of doc/moving.md are run as they stand there.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/backup.sh" --tokens 2 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
mkdir "$T/media" "$T/usb" "$T/run"
ca="--ca-pass file:$T/pass"
# command N: the Nth command of the page, its paths put below $T, and who would be asked answered by files
sed -n 's/^    //p' ../../doc/moving.md | sed -e "s,/var/lib/ykenroll,$T/home,g; s,/var/lib/desk,$T/desk,g; s,/media/backup,$T/media,g" \
	-e "s,/media/usb,$T/usb,g; s,/run/ykenroll,$T/run,g" -e "/init\\|accept-older/!b" -e "/init/!s,\$, $ca," -e "/init/s,\$, --recovery-pass file:$T/rpass," >"$T/page"
command() { sed -n "$1p" "$T/page" >"$T/line" && sh -e "$T/line"; }
is() { grep -q "^$1" "$T/page"; }
claim "the page has 13 commands" [ "$(wc -l <"$T/page")" = 13 ]
move() { rm -rf "$T/old" && mv "$T/home" "$T/old"; }
number() { printf '%d\n' "$(openssl crl -in "${1:-$T/home/pub/issuing.crl}" -noout -crlnumber | sed 's/.*=//; s/^0x//; s/^/0x/')"; }
lists() { openssl crl -in "$T/home/pub/issuing.crl" -noout -text | tr -d ':' | grep -qi "Serial Number.*$1"; }
cert_of() { sqlite3 "$T/home/registry.db" "SELECT lower(hex(c.serial)) FROM certificates c JOIN tokens t ON c.token = t.serial WHERE t.serial = $1 ORDER BY c.id DESC LIMIT 1"; }
serials=$(ykenroll token list --json | jq -r '.[].serial' 2>/dev/null || ykenroll token list --json | jq -r '.tokens[].serial')
one=$(echo "$serials" | sed -n 1p) two=$(echo "$serials" | sed -n 2p)

# ---- what a backup is ----
exits 0 '' "a holder" enroll Alice alice@example.org --device "$one"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/www.key" -subj /CN=x -out "$T/www.csr" 2>/dev/null
exits 0 '' "a server's certificate" ykenroll ca issue --dns www.example.org "$T/www.csr" --out "$T/www.pem" $ca
exits 0 '' "is on hold" ykenroll suspend "$T/www.pem" $ca
www=$(openssl x509 -in "$T/www.pem" -noout -serial | sed 's/.*=//')
exits 0 '' "the backup of june" ykenroll backup "$T/media/june/"
june=$T/june.crl
cp "$T/home/pub/issuing.crl" "$june"
claim "it is whole, sha256sum says" sh -c 'cd "$T/media/june" && sha256sum --check --strict --quiet MANIFEST'
claim "with all that the home has" sh -c 'cd "$T/home" && find . -type f ! -name lock | sort >"$T/a" && cd "$T/media/june" && find . -type f ! -name MANIFEST | sort >"$T/b" && cmp "$T/a" "$T/b"'
claim "for its owner alone" sh -c '! find "$T/media/june" -perm /077 | grep .'
claim "with the row that says so" [ "$(sqlite3 "$T/media/june/registry.db" "SELECT action FROM audit ORDER BY seq DESC LIMIT 1")" = backup ]
exits 9 '/june ' "not over another" ykenroll backup "$T/media/june"
exits 2 '/home/backup ' "not into the home" ykenroll backup "$T/home/backup"
exits 0 '' "without the CA" ykenroll backup --no-ca "$T/media/noca"
claim "has no key of it" sh -c '! ls "$T/media/noca/ca"'

# ---- a backup that was changed is none ----
change() { rm -rf "$T/bad" && cp -a "$T/media/june" "$T/bad" && (cd "$T/bad" && eval "$1"); }
other() { ykenroll restore --home "$T/other" "$@"; }
for how in 'echo x >>ykenroll.conf' 'rm flight.crt' 'rm MANIFEST' 'rm ca/issuing.key' 'sed -i "1d" MANIFEST' 'sed -i "s,  pub/root.crt,  ../x," MANIFEST'; do
	change "$how"
	other "$T/bad" --crl "$june" >"$T/out" 2>"$T/err"
	rc=$?
	claim "$how: refused ($rc)" [ $rc = 2 -o $rc = 12 ]
	claim "$how: and no home" [ -z "$(ls -A "$T/other")" ]
done

# ---- a month later: another holder, who is revoked ----
exits 0 '' "a holder in july" enroll Bob bob@example.org --device "$two"
bob=$(cert_of "$two")
exits 0 '' "is revoked" ykenroll revoke bob@example.org --reason key-compromise $ca
exits 0 '' "what was on hold is compromised" ykenroll revoke "$T/www.pem" --reason key-compromise $ca
claim "page: backup of july" command 1
claim "page: it is checked" command 2
claim "page: the last CRL is kept" command 3
last=$(number "$T/media/last.crl")

# ---- moved to another machine ----
move
claim "page: restore" command 4
claim "page: doctor" command 5
claim "the very certificate and CRL" cmp "$T/old/pub/issuing.crl" "$T/home/pub/issuing.crl"
claim "what servers read is open to them" [ "$(stat -c %a "$T/home/pub" "$T/home/pub/issuing.crl" "$T/home" "$T/home/ca" | xargs)" = "755 644 700 700" ]
exits 9 '/home .*--home' "not over a home" ykenroll restore "$T/media/july" --crl "$T/media/last.crl"
exits 0 '' "unblock goes on" ykenroll unblock --device "$one" --pin "file:$T/pin" --escrow-key "$T/recovery.key" --escrow-pass "file:$T/rpass"
exits 0 '' "an enrolment goes on" enroll Carol carol@example.org --device "$two" --reset --yes
exits 0 '' "a revocation goes on" ykenroll revoke carol@example.org --reason superseded $ca
exits 0 '' "publish goes on" ykenroll ca publish "$T/published"
claim "numbers go on" [ "$(number)" -gt "$last" ]
claim "bob stays revoked" lists "$bob"
exits 0 '' "the audit is whole" ykenroll audit verify
exits 0 '' "the log is whole" ykenroll ca log
cp "$T/published/crl-bundle.pem" "$T/media/last.crl"
last=$(number)
carol=$(cert_of "$two")

# ---- last month's backup: with today's CRL, with last month's, with none ----
move
exits 12 '--crl FILE.*--accept-older' "june, no CRL" ykenroll restore "$T/media/june"
claim "no home" [ -z "$(ls -A "$T/home")" ]
command 6 >"$T/out" 2>"$T/err"
claim "page: june with today's CRL stops (exit 12)" [ $? = 12 ]
claim "it tells the revocations that are missing" grep -q '^missing: 3 ' "$T/err"
claim "and the rows" [ "$(grep -c '^missing: [0-9]' "$T/err")" = 2 ]
{ cat "$june"; head -c -100 "$T/media/last.crl"; } >"$T/cut.crl"
exits 12 '/cut.crl ' "june's CRL and a newer one that is cut off" ykenroll restore "$T/media/june" --crl "$T/cut.crl"
exits 0 '' "june with june's CRL" ykenroll restore "$T/media/june" --crl "$june"
claim "it tells which" grep -q "number $(number "$june") " "$T/err"
exits 0 '' "and is well by what it knows" ykenroll audit verify
move
exits 2 '/stranger/pub/issuing.crl ' "a CRL of somebody else" sh -c 'ykenroll init --home "$T/stranger" --name S --recovery-out "$T/s.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass" >/dev/null &&
	ykenroll restore "$T/media/june" --crl "$T/stranger/pub/issuing.crl"'
claim "page: june with today's CRL is accepted" command 7
claim "page: the audit is whole" command 8
claim "the CRL has a higher number" [ "$(number)" -gt "$last" ]
claim "bob is revoked in it" lists "$bob"
claim "carol too" lists "$carol"
claim "what was on hold is revoked for good" sh -c 'openssl crl -in "$0" -noout -text | grep -A4 -i "Serial Number: $1" | grep -q "Key Compromise"' "$T/home/pub/issuing.crl" "$www"
exits 11 '' "and does not come back" ykenroll resume "$T/www.pem" $ca
claim "and openssl believes it" openssl crl -in "$T/home/pub/issuing.crl" -CAfile "$T/home/pub/chain.pem" -noout
claim "a row says so" [ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM audit WHERE action = 'rollback' AND detail LIKE '%backup of%'")" = 1 ]
claim "page: doctor" command 9
claim "page: audit" command 10
claim "page: the log" command 11
exits 0 '' "a revocation in it" ykenroll revoke alice@example.org --reason superseded $ca
claim "lists all four" sh -c '[ "$(openssl crl -in "$T/home/pub/issuing.crl" -noout -text | grep -c "Serial Number")" = 4 ]'
move
exits 0 '' "june without any CRL is accepted" ykenroll restore "$T/media/june" --accept-older $ca
claim "and a row says so" [ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM audit WHERE action = 'restore' AND detail LIKE '%none%accepted as older'")" = 1 ]

# ---- a desk of its own; while a signer runs ----
ykenroll signer --socket "$T/run/signer.sock" $ca >"$T/signer.log" 2>&1 &
signer=$!
until [ -S "$T/run/signer.sock" ]; do sleep 0.1; done
claim "page: a desk" command 12
claim "page: its backup" command 13
exits 0 '' "the CA's, while the signer runs" ykenroll backup "$T/media/running"
claim "is whole" ykenroll restore --home "$T/fresh" "$T/media/running" --crl "$T/home/pub/issuing.crl"
exits 0 '' "the desk's" ykenroll restore --home "$T/desk2" "$T/media/desk"
exits 2 '--crl' "which no CRL tells of" ykenroll restore --home "$T/desk3" "$T/media/desk" --crl "$T/home/pub/issuing.crl"
kill $signer
wait $signer
finish
