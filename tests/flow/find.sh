#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is what is recorded found, and does it say first what a person asks: who, in what state, until when, what next?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/find.sh" --tokens 2 --firmware 5.7.1
make_ca >"$T/init.log" 2>&1
ca="--ca-pass file:$T/pass" long=a.very.long.address.of.somebody.with.many.names@department.example.org
exits 0 '' "a holder with a long address" enroll "Jörgen Müller" "$long" -d 10000001 --ticket T-1
exits 0 '' "and another one" enroll "Zoë Adams" zoe@example.org -d 10000002 --ticket T-10
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/key" -subj /CN=x -out "$T/csr" 2>/dev/null
exits 0 '' "a server" ykenroll ca issue "$T/csr" --dns www.example.org --days 20 --out "$T/www.crt" $ca
exits 0 '' "and one for longer" ykenroll ca issue "$T/csr" --dns later.example.org --days 90 --out "$T/later.crt" $ca
serial() { openssl x509 -in "$1" -noout -serial | sed 's/.*=//'; }
www=$(serial "$T/www.crt")

# ---- list ----
names() { ykenroll list "$@" --json | jq -r '([.tokens[].name] + ([.software[].subject] | sort)) | join(" ")'; }
claim "list --all has software certificates" [ "$(names --all)" = "Jörgen Müller Zoë Adams CN=later.example.org CN=www.example.org" ]
claim "list without has none" [ "$(names)" = "Jörgen Müller Zoë Adams" ]
claim "list --expiring has those of servers" [ "$(names --expiring 30d)" = "CN=www.example.org" ]
claim "with their files, as text and CSV, too" sh -c 'ykenroll list --all | grep -q "CN=www.example.org  $T/www.crt$" &&
	ykenroll list --all --csv | grep -q "CN=www.example.org"'
for part in JORG müll "$(echo MÜLLER)" department; do
	claim "list finds a part of a name: $part" [ "$(names --holder "$part")" = "Jörgen Müller" ]
done
claim "and who is named in full alone" [ "$(names --holder zoe@example.org)" = "Zoë Adams" ]
exits 2 'xyzzy' "and says when there is none" ykenroll list --holder xyzzy
aligned() { ykenroll list >"$T/list" && python3 -c 'import sys
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
at = lines[0].index("NAME")
sys.exit(any(l[at - 1] != " " or l[at:].split()[0] not in ("NAME", "Jörgen", "Zoë") for l in lines))' "$T/list"; }
claim "list keeps its columns with a long address" aligned

# ---- show ----
dec=$(python3 -c "print(int('$www', 16))") colons=$(echo "$www" | sed 's/../&:/g; s/:$//')
for s in "$www" "$(echo "$www" | tr A-F a-f)" "$colons" "$dec"; do
	claim "show knows a software certificate by $s" [ "$(ykenroll show "$s" --json | jq -r '.certificate | "\(.subject) \(.state) \(.profile)"')" = \
		"CN=www.example.org active server" ]
done
# first FIELD…: what show says first, by its keys
first() { [ "$(awk '{ print $1 }' "$T/out" | head -$#)" = "$(printf '%s\n' "$@")" ]; }
exits 0 '' "show of it" ykenroll show "$www"
claim "begins with what a person asks" first subject state until next
claim "and what to do next" grep -q "^next .*ykenroll ca renew $T/www.crt$" "$T/out"
exits 0 '' "show of a token" ykenroll show 10000001
claim "also" first holder id e-mail token state until next
refuse "no hash without -v" grep -Eq '[0-9a-f]{64}' "$T/out"
exits 0 '' "show -v" ykenroll show 10000001 -v
claim "has them" grep -Eq '[0-9a-f]{64}' "$T/out"
exits 2 'ykenroll list --holder' "show of a part of a name says how to find it" ykenroll show jörg
exits 0 '' "one is on hold" ykenroll suspend zoe@example.org $ca --ticket T-11
claim "list shows no date for it" sh -c 'ykenroll list | grep -Eq "^10000002 .* suspended +- "'
claim "and show none, but what next" sh -c 'ykenroll show 10000002 >"$T/out" && ! grep -q "^until" "$T/out" && grep -q "^next .*ykenroll resume 10000002" "$T/out"'
exits 0 '' "one is revoked" ykenroll revoke "$www" --reason superseded $ca
claim "list shows no future date for it" sh -c 'ykenroll list --all | grep -Eq " revoked +- .*CN=www.example.org"'
claim "nor show" [ "$(ykenroll show "$www" | awk '/^(state|until)/ { print $1, $2 }')" = "state revoked" ]
claim "and it is not expiring any more" [ -z "$(names --expiring 30d)" ]
exits 0 '' "a renewed one" ykenroll ca renew "$T/later.crt" --days 120 $ca
claim "is listed as that" [ "$(ykenroll list --all --json | jq -r '[.software[] | select(.subject == "CN=later.example.org") | .state] | join(" ")')" = "renewed active" ]
claim "and is not expiring" [ -z "$(names --expiring 100d)" ]

# ---- audit export ----
rows() { ykenroll audit export "$@" | jq -r '"\(.token) \(.action)"' | sort | uniq -c | awk '{ $1 = ""; print }' | tr -d '\n'; }
claim "audit export --ticket has its works, not those of T-10" [ "$(ykenroll audit export --ticket T-1 | jq -s -c '[.[].token] | unique')" = '[10000001]' ]
claim "and what was no work" [ "$(rows --ticket T-11)" = " 10000002 suspend" ]
claim "audit export --holder has also what was no work" [ "$(ykenroll audit export --holder zoe@example.org | jq -s -c '[([.[].token] | unique), (map(.action) | index("suspend") > 0)]')" = '[[10000002],true]' ]
claim "audit export --since" [ "$(ykenroll audit export --since 2099-01-01 | wc -l)" = 0 ]
claim "so long ago" [ "$(ykenroll audit export --since 1d | wc -l)" = "$(ykenroll audit export | wc -l)" ]
exits 2 '--since .*soon' "a time that is none" ykenroll audit export --since soon
exits 2 'nobody' "a holder who is not there" ykenroll audit export --holder nobody

# ---- names and times ----
claim "names in UTF-8 print as themselves" sh -c 'ykenroll token info -d 10000001 | grep -q "CN=Jörgen Müller"'
claim "local time on a terminal" sh -c 'TZ=Asia/Kolkata script -qec "ykenroll show 10000001" /dev/null </dev/null | grep -q "^until .* +0530"'
claim "UTC where there is none" sh -c 'TZ=Asia/Kolkata ykenroll show 10000001 | grep -q "^until .*Z$"'
claim "and in JSON" sh -c 'TZ=Asia/Kolkata script -qec "ykenroll show 10000001 --json" /dev/null </dev/null | tr -d "\r" | jq -e ".tokens[0].until | test(\"Z$\")"'
finish
