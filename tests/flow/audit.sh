#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is an edit of the registry found: up to the last signed head any, and what was restored from an older copy? Each byte of
# the chain flipped: tests/unit/test_audit.c. openssl reads the head in the CRL, sqlite3 does the damage.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/audit.sh" --tokens 2 --firmware 5.7.1
make_ca >"$T/init.log" 2>&1
db=$T/home/registry.db
serials=$(ykenroll token list --json | jq -r '.tokens[].serial // .tokens[].token' | sort -n)
first=$(echo "$serials" | head -1) second=$(echo "$serials" | tail -1)
ca="--ca-pass file:$T/pass"
enroll Alice alice@example.org -d "$first" >"$T/log" 2>&1
keep() { rm -rf "$T/$1" && cp -a "$T/home" "$T/$1"; }
back() { rm -rf "$T/home" && cp -a "$T/$1" "$T/home"; }

# ---- who did it ----
actor() { sqlite3 "$db" "SELECT actor FROM audit ORDER BY seq DESC LIMIT 1"; }
claim "the audit names the user" sh -c 'echo "$0" | grep -q "^uid '"$(id -u)"' ("' "$(actor)"
SUDO_UID=4711 SUDO_USER=carol ykenroll ca crl $ca >"$T/log" 2>&1
claim "and for whom sudo says it was, as a claim" sh -c 'echo "$0" | grep -q "sudo says carol"' "$(actor)"
login=$(cat /proc/self/loginuid 2>/dev/null || echo 4294967295)
if [ "$login" != 4294967295 ]; then
	claim "and who logged in, as the kernel knows" sh -c 'echo "$0" | grep -q "login uid '"$login"'"' "$(actor)"
fi

# ---- the CRL carries the head ----
ext() { openssl crl -in "$T/home/pub/issuing.crl" -outform DER | openssl asn1parse -inform DER | grep -A1 ':1\.2\.840\.113556\.1\.8000\.2554\.18441' | sed -n 's/.*HEX DUMP\]:0428//p'; }
claim "the CRL has the head's extension" [ "$(ext | wc -c)" = 81 ]
rows=$(printf '%d' "0x$(ext | cut -c1-16)")
claim "which is a row of the chain (row $rows)" [ "$(ext | cut -c17-)" = "$(sqlite3 "$db" "SELECT hex(hash) FROM audit WHERE seq=$rows")" ]
claim "audit verify agrees with the CRL and the signer's log" sh -c 'ykenroll audit verify --json >"$T/v" && jq -e ".signed_rows == '"$rows"' and .logged_rows >= .signed_rows and .log_readable" "$T/v"'
claim "it counts all rows" [ "$(jq .rows "$T/v")" = "$(sqlite3 "$db" "SELECT count(*) FROM audit")" ]
claim "openssl still verifies the CRL" openssl crl -in "$T/home/pub/issuing.crl" -CAfile "$T/home/pub/issuing.crt" -noout

# ---- export ----
claim "export gives every row as JSON" [ "$(ykenroll audit export | jq -s length)" = "$(sqlite3 "$db" "SELECT count(*) FROM audit")" ]
claim "another program computes the same chain" sh -c 'ykenroll audit export | python3 '"$(pwd)"'/chain.py'
refuse "and sees one changed letter" sh -c 'ykenroll audit export | sed "3s/uid/uiD/" | python3 '"$(pwd)"'/chain.py'
claim "of one token" [ "$(ykenroll audit export -d "$first" | jq -s 'map(.token) | unique == ['"$first"']')" = true ]
claim "as CSV" [ "$(ykenroll audit export --csv | wc -l)" = $(($(sqlite3 "$db" "SELECT count(*) FROM audit") + 1)) ]

# ---- edits ----
keep good
claim "verify tells the head" eval 'ykenroll audit verify | grep -qE "^[0-9]+ .* [0-9a-f]{64}$"'
damage() { # damage TEXT SQL
	sqlite3 "$db" "$2"
	exits 1 '' "found: $1" ykenroll audit verify
	back good
}
mid=$((rows / 2))
damage "a detail" "UPDATE audit SET detail = detail || ' ' WHERE seq=$mid"
damage "an actor" "UPDATE audit SET actor = 'uid 0 (root)x' WHERE seq=$mid"
damage "a time" "UPDATE audit SET at = at + 1 WHERE seq=$mid"
damage "a token" "UPDATE audit SET token = token + 1 WHERE seq=$mid"
damage "a row deleted" "DELETE FROM audit WHERE seq=$mid"
damage "the first row deleted" "DELETE FROM audit WHERE seq=1"
damage "two rows swapped" "UPDATE audit SET seq = 999999 WHERE seq=$mid; UPDATE audit SET seq = $mid WHERE seq=$mid+1; UPDATE audit SET seq=$mid+1 WHERE seq=999999"
damage "cut at the last signed row" "DELETE FROM audit WHERE seq>=$rows"
damage "all rows deleted" "DELETE FROM audit"
damage "a gap that calls itself a rollback" "DELETE FROM audit WHERE seq=$mid; UPDATE audit SET action='rollback' WHERE seq=$mid+1"
# somebody who knows how makes a new chain that fits
sqlite3 "$db" "UPDATE audit SET detail='nothing happened' WHERE seq=$mid"
python3 "$(pwd)/chain.py" --forge "$db"
exits 1 'row [0-9]+ .*CRL number [0-9]+ .*ykenroll audit accept-rollback' "a chain that was made anew fits, and is not the one that the CRL carries" ykenroll audit verify
exits 1 'row [0-9]+ .*pub/issuing.crl .*ykenroll audit accept-rollback' "any command refuses that registry" ykenroll list
back good
cp "$T/home/pub/issuing.crl" "$T/crl"
python3 - "$T/home/pub/issuing.crl" <<'PY'
import base64, sys
p = sys.argv[1]; lines = open(p).read().split("\n")
der = bytearray(base64.b64decode("".join(l for l in lines if "-----" not in l)))
i = bytes(der).index(bytes.fromhex("042a0428")); der[i + 4 + 7] -= 1
open(p, "w").write("-----BEGIN X509 CRL-----\n" + "\n".join(base64.b64encode(bytes(der)).decode()[j:j + 64] for j in range(0, 4 * ((len(der) + 2) // 3), 64)) + "\n-----END X509 CRL-----\n")
PY
exits 13 '' "a CRL with another head in it is no witness" ykenroll audit verify
back good

# ---- an older registry ----
keep monday
enroll Bob bob@example.org -d "$second" >"$T/log" 2>&1
ykenroll revoke alice@example.org --reason keyCompromise $ca >"$T/log" 2>&1
ykenroll ca crl $ca >"$T/log" 2>&1
keep friday
cp "$T/monday/registry.db" "$db"
exits 1 'pub/issuing.crl: .*row [0-9]+ .*ykenroll audit accept-rollback' "monday's database is refused" ykenroll list
exits 1 'pub/issuing.crl: .*row [0-9]+ ' "also to enrol" enroll Carol carol@example.org -d "$second"
exits 1 'CRL number [0-9]+: .*row [0-9]+ ' "by audit verify, too" ykenroll audit verify
rm "$T/home/pub/issuing.crl"
cp "$T/monday/pub/issuing.crl" "$T/home/pub/issuing.crl"
exits 1 '\(issuance.db\): .*row [0-9]+ ' "with monday's CRL beside it, by the signer's log" ykenroll audit verify
exits 1 '\(issuance.db\): .*row [0-9]+ ' "and when something is to be signed" ykenroll revoke alice@example.org --reason superseded $ca
back friday
claim "the newest copy is taken" ykenroll audit verify
cp "$T/monday/registry.db" "$db"
exits 2 '--reason TEXT' "a rollback needs a reason" ykenroll audit accept-rollback $ca
exits 11 '' "and the CA's passphrase" ykenroll audit accept-rollback --reason x --ca-pass "file:$T/rpass"
claim "with both it is accepted" ykenroll audit accept-rollback --reason "disk died" $ca
claim "and recorded" sh -c 'ykenroll audit export | jq -s "map(select(.action == \"rollback\")) | length == 1 and (.[0].detail | test(\"disk died\"))" | grep -q true'
claim "verify agrees again" sh -c 'ykenroll audit verify --json | jq -e ".signed_rows > '"$rows"'"'
claim "what was revoked stays revoked" sh -c 'openssl crl -in "$T/home/pub/issuing.crl" -noout -text | grep -qi "$(sqlite3 "$T/friday/registry.db" "SELECT hex(serial) FROM certificates WHERE state=\"revoked\" LIMIT 1")"'
exits 2 'pub/issuing.crl' "a rollback of what is not older is refused" ykenroll audit accept-rollback --reason x $ca
cp "$T/friday/registry.db" "$db"
exits 1 'row [0-9]+ .*pub/issuing.crl ' "and friday's database is now the wrong one" ykenroll list
back friday

# ---- backup ----
claim "backup" ykenroll backup "$T/copy"
claim "for the owner only" [ "$(stat -c %a "$T/copy/registry.db")" = 600 ]
claim "whole, says sqlite3" [ "$(sqlite3 "$T/copy/registry.db" 'PRAGMA integrity_check')" = ok ]
claim "one file" [ "$(ls "$T"/copy/registry.db* | wc -l)" = 1 ]
claim "with the row that says so" [ "$(sqlite3 "$T/copy/registry.db" "SELECT action FROM audit ORDER BY seq DESC LIMIT 1")" = backup ]
exits 9 '/copy ' "not over a file" ykenroll backup "$T/copy"
exits 2 '' "not where there is no directory" ykenroll backup "$T/none/copy"
exits 2 '' "not without a name" ykenroll backup
(i=0; while [ $i -lt 30 ]; do i=$((i + 1)); ykenroll backup "$T/b$i" >/dev/null || exit 1; done) &
other=$!
i=0
while [ $i -lt 30 ]; do i=$((i + 1)); ykenroll ca crl $ca >"$T/log" 2>&1 || break; done
wait $other
claim "30 backups beside 30 writes: each is whole, and its chain fits" sh -c 'for f in "$T"/b[0-9]*/registry.db; do
	[ "$(sqlite3 "$f" "PRAGMA integrity_check")" = ok ] && python3 '"$(pwd)"'/chain.py --db "$f" || exit 1; done; [ $(ls "$T"/b[0-9]*/registry.db | wc -l) = 30 ]'
cp "$T/b30/registry.db" "$db"
claim "a restored backup opens when nothing was signed since" sh -c 'ykenroll list || ykenroll list 2>&1 | grep -q " row [0-9]"'
finish
