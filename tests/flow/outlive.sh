#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is everybody warned before a CRL or the CA ends, in a home of each kind, and does nothing say ok on the eve? The clock is
# moved by libfaketime: day by day through a CRL's life, and to the days that matter of the CA's; with FULL=1 through all of
# them.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
if [ -z "$FAKETIME_LIB" ]; then
	echo "1..0 # SKIP libfaketime is not installed"
	exit 77
fi
in_lab "$(pwd)/outlive.sh" --tokens 1 --firmware 5.7.1
umask 077
ca="--ca-pass file:$T/pass"
make_ca >"$T/init.log" 2>&1
day() { # day HOME N: what doctor and list say on that day
	YKENROLL_HOME=$T/$1 faked "+$2d" ykenroll doctor --json >"$T/doctor" 2>/dev/null
	YKENROLL_HOME=$T/$1 faked "+$2d" ykenroll list >/dev/null 2>"$T/list"
}
level() { jq -r --arg what "$1" '[.findings[] | select(.what == $what) | .level] | if length == 1 then .[0] else "none" end' "$T/doctor"; }
warns() { grep -q " $1 " "$T/list"; }
on() { # on HOME DAY WHAT LEVEL [WORD]: that level, and a line of list where WORD is "warned"
	claim "$1, day $2: the $3 is $4${5:+, and list warns}" sh -c '[ "$1" = "$2" ] && { [ "$3" = 0 ] || { cat "$4"; false; }; }' sh "$(day "$1" "$2"; level "$3")" "$4" \
		"$(if [ "${5-}" ]; then warns "$3"; else ! warns "$3"; fi; echo $?)" "$T/list"
}

# ---- without a signer: the CRL lasts 90 days ----
until=$(openssl crl -in "$T/home/pub/issuing.crl" -noout -nextupdate | sed 's/.*=//')
claim "init says when logins stop" grep -q " $(date -u -d "$until" +%Y-%m-%d)" "$T/init.log"
claim "in 90 days" [ $(($(date -d "$until" +%s) - $(date +%s))) -gt $((89 * 86400)) ]
bad=0 seen=
for d in $(seq 0 91); do
	day home $d
	l=$(level "issuing CRL")
	warns "issuing CRL" && w=yes || w=no
	seen="$seen $d:$l:$w"
done
echo "#$seen"
claim "day by day: from the half of its life on doctor says so" sh -c 'echo "$0" | tr " " "\n" | awk -F: "NF && \$1 > 46 && \$2 == \"ok\" { exit 1 }"' "$seen"
claim "from its last quarter on list warns" sh -c 'echo "$0" | tr " " "\n" | awk -F: "NF && \$1 > 68 && \$3 != \"yes\" { exit 1 } NF && \$1 < 66 && \$3 != \"no\" { exit 1 }"' "$seen"
claim "ended it is bad" [ "${seen##*91:}" = "bad:yes" ]
on home 89 "issuing CRL" warn warned
claim "an enrolment warns too, in its last line" sh -c 'FAKETIME="+75d" LD_PRELOAD="$2" ykenroll enroll Alice --email a@example.org $0 --pin "file:$1" >"$T/en" 2>&1; tail -1 "$T/en" | grep -q " issuing CRL .*ykenroll ca crl" || { cat "$T/en"; false; }' \
	"$ca" "$T/pin" "$FAKETIME_LIB"

# A signer from that day on, which renews the CRL; one that a command starts has the clock of the day.
serve() { # serve HOME DAY [COMMAND…]: until it has, and has done the command
	home=$1 d=$2
	shift 2
	rm -f "$T/served.log"
	env LD_PRELOAD="$FAKETIME_LIB" FAKETIME="+${d}d" ykenroll-signer --home "$T/$home" $ca >"$T/served.log" 2>&1 &
	pid=$!
	until grep -qs '^CRL number [0-9]' "$T/served.log"; do sleep 0.1; done
	[ $# = 0 ] || faked "+${d}d" "$@"
	rc=$?
	kill $pid
	wait $pid
	return $rc
}

# ---- the CA's end, of two levels ----
on home 2400 "issuing CA" ok
on home 2441 "issuing CA" warn warned
on home 3648 "issuing CA" warn warned
on home 3648 "root CA" ok
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/k" -subj /CN=x -out "$T/csr" 2>/dev/null
exits 0 'issuing CA, 20[0-9][0-9]-' "a certificate of 365 days five days before the end says that it was cut" serve home 3644 ykenroll ca issue --dns www.example.org \
	--days 365 "$T/csr" --out "$T/x.pem" --home "$T/home"
on home 3651 "issuing CA" bad warned

# ---- one level ----
ykenroll init --home "$T/single" --single --name One --recovery-out "$T/one.key" $ca --recovery-pass "file:$T/rpass" >/dev/null
exits 11 'ykenroll init --home NEW' "ca renew asks for no root's key" ykenroll ca renew --issuing --home "$T/single" </dev/null
exits 11 'ykenroll ca crl' "ca crl --root neither" ykenroll ca crl --root --home "$T/single" </dev/null
echo "a long enough passphrase" >"$T/p12pass"
exits 0 '' "ca p12" ykenroll ca p12 --home "$T/single" --cn Phone --out "$T/one.p12" --p12-pass "file:$T/p12pass" $ca
claim "with its chain of one, openssl says" sh -c '[ "$(openssl pkcs12 -in "$0" -passin "file:$1" -nokeys 2>/dev/null | grep -c BEGIN)" = 2 ]' "$T/one.p12" "$T/p12pass"
issue() { ykenroll ca issue --home "$T/single" --dns www.example.org --days 200 "$T/csr" --out "$T/www.pem" $ca; }
exits 0 '' "a server's certificate of 200 days" issue
printf '\n[profile server]\ndays = 100\n' >>"$T/single/ykenroll.conf"
exits 11 ' 100 ' "of which its profile allows half now" ykenroll ca renew "$T/www.pem" --days 200 --home "$T/single" $ca
exits 0 '' "is renewed without saying days" ykenroll ca renew "$T/www.pem" --home "$T/single" $ca
claim "for what is allowed" openssl x509 -in "$T/www.pem" -noout -checkend $((99 * 86400))
refuse "and no more" openssl x509 -in "$T/www.pem" -noout -checkend $((101 * 86400))
on single 4800 "issuing CA" ok
on single 4900 "issuing CA" warn warned
on single 7298 "issuing CA" warn warned
claim "and says what is to be done: a new one" grep -q 'ykenroll init --home NEW' "$T/list"
on single 7301 "issuing CA" bad warned

# ---- imported, of which sixty days are left ----
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/old.key" -subj "/CN=Old CA" -days 60 -out "$T/old.crt" \
	-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
: >"$T/index.txt"
exits 0 '' "a CA of another program" ykenroll ca import --home "$T/imported" --cert "$T/old.crt" --key "$T/old.key" --index "$T/index.txt" \
	--recovery-out "$T/imp.key" $ca --recovery-pass "file:$T/rpass"
on imported 30 "issuing CA" ok
for d in 41 50 59; do
	on imported $d "issuing CA" warn warned
done
on imported 61 "issuing CA" bad warned

# ---- each of these, every day to its end and beyond: not below what was said before, not ok on the eve ----
walk() { # walk HOME DAYS [EVERY]: EVERY so many days a signer is there, until the CA has ended
	for d in $(seq 0 $(($2 + 1))); do
		[ -z "${3-}" ] || [ $((d % ${3-})) != 1 ] || [ "$d" -ge "$2" ] || serve "$1" "$d"
		day "$1" "$d"
		echo "$d $(level "issuing CA") $(grep -c " issuing CA " "$T/list") $(level "issuing CRL")"
	done >"$T/walk"
	echo "# $1: $(wc -l <"$T/walk") days; warned from day $(awk '$2 == "warn" { print $1; exit }' "$T/walk") on, ended on day $(awk '$2 == "bad" { print $1; exit }' "$T/walk")"
	claim "$1, every day: ok, then warned of by both for a third of its life, then ended" awk -v end="$2" '
		{ n = $2 == "ok" ? 0 : $2 == "warn" ? 1 : $2 == "bad" ? 2 : -1; if (n < was || ($3 > 0) != (n > 0)) { print; exit 1 } was = n }
		$1 > end * 2 / 3 + 10 && n == 0 || $1 == end - 1 && n != 1 || $1 == end + 1 && n != 2 { print; exit 1 }
		END { if ($1 != end + 1) exit 1 }' "$T/walk"
}
walk imported 60

# ---- with a signer: it renews, by seven days ----
ykenroll init --home "$T/served" --name Served --recovery-out "$T/served.key" $ca --recovery-pass "file:$T/rpass" >/dev/null
exits 0 '' "a server's certificate for a day" ykenroll ca issue --home "$T/served" --dns www.example.org --days 1 "$T/csr" --out "$T/day.pem" $ca
exits 0 '' "is revoked" ykenroll revoke --home "$T/served" "$T/day.pem" --reason superseded $ca
exits 0 '' "and on what servers have" ykenroll ca publish --home "$T/served" "$T/www"
exits 0 '' "long after its end a CRL without it is published" serve served 40 ykenroll ca publish --home "$T/served" "$T/www"
claim "which lists nobody" sh -c '! openssl crl -in "$0/issuing.crl.pem" -noout -text | grep "Serial Number"' "$T/www"
for d in 80 2300; do
	serve served $d
	on served $((d + 1)) "issuing CRL" ok
done
on served 2305 "issuing CRL" warn
on served 2306 "issuing CRL" warn warned
serve served 3648
on served 3649 "issuing CA" warn warned

# ---- the other kinds, every day ----
if [ -n "${FULL-}" ]; then
	ykenroll init --home "$T/daily" --name Daily --recovery-out "$T/daily.key" $ca --recovery-pass "file:$T/rpass" >/dev/null
	walk daily 3650 3
	claim "and while it lasts its CRL is renewed before half of its life is over" awk '$1 < 3650 && $4 != "ok" { print; exit 1 }' "$T/walk"
	walk home 3650
	walk single 7300
fi
finish
