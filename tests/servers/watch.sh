#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does `ca publish --watch` keep real servers up to date by itself, through failing commands, and end when it is told?
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/watch.sh" --tokens 3 --firmware 5.7.1

claim "people and states" servers_make
[ $bad = 0 ] || finish
ca() { verb=$1; shift; ykenroll "$verb" "$@" --ca-pass "file:$T/pass" >>"$S/ca.log" 2>&1; }
now_ms() { date +%s%3N; }
MAX=8000 # milliseconds on a busy machine; an idle one takes one or two

# becomes SERVER PERSON VERDICT TEXT: within MAX
becomes() {
	from=$(now_ms)
	while :; do
		got=$(visit "$1" "$2")
		[ "${got%% *}" = "$3" ] && break
		[ $(($(now_ms) - from)) -gt $MAX ] && break
	done
	claim "$1: $4, after $(($(now_ms) - from)) ms" [ "${got%% *}" = "$3" ]
}

# says FILE PATTERN TEXT: within MAX
says() {
	from=$(now_ms)
	until grep -Eq -- "$2" "$1" || [ $(($(now_ms) - from)) -gt $MAX ]; do sleep 0.1; done
	claim "$3" sh -c 'grep -E -- "$1" "$2" || { cat "$2"; false; }' sh "$2" "$1"
}

no() { case $1 in nginx) echo 400 ;; *) echo alert ;; esac; }

# ---- servers ----
for s in nginx caddy; do
	claim "$s from before the revocation" server_start $s older
	claim "$s: Bob is in" [ "$(visit $s Bob)" = 200 ]
	ykenroll ca publish "$(server_dir $s)" --watch --test "$(server_test_command $s)" --reload "$(server_reload_command $s)" \
		>"$S/$s.out" 2>"$S/$s.err" &
	echo $! >"$S/$s.watch"
done
for s in nginx caddy; do becomes $s Bob "$(no $s)" "Bob is out"; done
claim "Alice is put on hold" ca suspend alice@example.org
for s in nginx caddy; do becomes $s Alice "$(no $s)" "Alice is out"; done
claim "and let in again" ca resume alice@example.org
for s in nginx caddy; do becomes $s Alice 200 "Alice is in"; done
claim "Caddy's list: one line is nobody's, one is Alice's" eval '[ "$(grep -c "^trusted_leaf_cert_file" "$(server_dir caddy)/leaves.caddy")" = 2 ] &&
	[ "$(ls "$(server_dir caddy)/leaves" | wc -l)" = 1 ]'
claim "each publication is one line" eval 'grep -c "CRL number [0-9]" "$S/nginx.out" && ! grep -v "CRL number [0-9]" "$S/nginx.out"'

# ---- a configuration that is broken ----
cp "$S/run/nginx.printed" "$S/good.printed"
echo 'server { garbage' >>"$S/run/nginx.printed"
was=$(generations nginx)
ca ca crl
says "$S/nginx.err" ' status 1$' "a broken configuration is said"
claim "and not loaded: nginx is as it was" [ "$(generations nginx)" = "$was" ]
claim "and still there" [ "$(visit nginx Alice)" = 200 ]
claim "the watcher, too" kill -0 "$(cat "$S/nginx.watch")"
cp "$S/good.printed" "$S/run/nginx.printed"
from=$(now_ms)
until [ "$(generations nginx)" != "$was" ] || [ $(($(now_ms) - from)) -gt 20000 ]; do sleep 0.2; done
claim "mended, it is loaded without anybody's doing ($(($(now_ms) - from)) ms)" [ "$(generations nginx)" != "$was" ]
claim "said once, not each time" [ "$(grep -c ' status 1$' "$S/nginx.err")" = 1 ]

# ---- what the CA gives is not good ----
cp "$T/home/pub/issuing.crl" "$S/good.crl"
cp "$S/expired.crl" "$T/home/pub/issuing.crl.new" && mv "$T/home/pub/issuing.crl.new" "$T/home/pub/issuing.crl"
says "$S/nginx.err" 'ykenroll ca crl' "an expired CRL is said, with what to run"
claim "and not published: Alice is in" [ "$(visit nginx Alice)" = 200 ]
cp "$S/good.crl" "$T/home/pub/issuing.crl.new" && mv "$T/home/pub/issuing.crl.new" "$T/home/pub/issuing.crl"
lines=$(wc -l <"$S/nginx.out")
ca ca crl
from=$(now_ms)
until [ "$(wc -l <"$S/nginx.out")" -gt "$lines" ] || [ $(($(now_ms) - from)) -gt $MAX ]; do sleep 0.1; done
claim "the next good one is published" [ "$(wc -l <"$S/nginx.out")" -gt "$lines" ]

# ---- the end ----
for s in nginx caddy; do
	from=$(now_ms)
	kill -TERM "$(cat "$S/$s.watch")"
	wait "$(cat "$S/$s.watch")"
	rc=$?
	claim "$s: the watcher ends when it is told (exit $rc, $(($(now_ms) - from)) ms)" [ $rc = 0 ]
done
cp "$(server_dir nginx)/crl-bundle.pem" "$S/last.crl"
ca ca crl
sleep 1.5
claim "and publishes no more" cmp "$(server_dir nginx)/crl-bundle.pem" "$S/last.crl"

# ---- once ----
exits 1 'sh .* status 7$' "a test that fails" \
	ykenroll ca publish "$S/once" --test "sh -c 'exit 7'" --reload "touch $S/never"
claim "and nothing was reloaded, but the files are there" eval '[ ! -e "$S/never" ] && [ -s "$S/once/crl-bundle.pem" ]'
exits 0 '' "a test that passes" ykenroll ca publish "$S/once" --test true --reload "touch $S/reloaded"
claim "and a reload" [ -e "$S/reloaded" ]
exits 2 "x '$" "a test that is no words" ykenroll ca publish "$S/once" --test "x '"
exits 2 "'iis'" "a server that there is not" ykenroll ca publish "$S/once" --server iis
exits 0 '' "Caddy's list where nobody asked" ykenroll ca publish "$S/once" --json
claim "is not made: it would show everybody's name" eval '[ ! -e "$S/once/leaves.caddy" ] && jq -e ".leaves == null" "$T/out"'
exits 0 '' "with --leaves" ykenroll ca publish "$S/once" --leaves --json
claim "it is" jq -e '.leaves == 1' "$T/out"
exits 0 '' "and is kept from then on" ykenroll ca publish "$S/once" --json
claim "without the word" jq -e '.leaves == 1' "$T/out"
mkdir "$S/a{b"
chmod 755 "$S/a{b"
exits 2 '/a\{b' "a path that a Caddyfile takes for something else" ykenroll ca publish "$S/a{b" --leaves
claim "and nothing is there" [ -z "$(ls -A "$S/a{b")" ]

# ---- the places of ykenroll.conf ----
cat >>"$T/home/ykenroll.conf" <<CONF
[publish first]
dir = $S/first
reload = false
[publish second]
dir = $S/second
reload = touch $S/second.reloaded
leaves = yes
CONF
exits 1 'first: .*false .* status 1' "one place's reload fails" ykenroll ca publish
claim "the other one has its files and its reload" eval '[ -s "$S/second/crl-bundle.pem" ] && [ -s "$S/second/leaves.caddy" ] && [ -e "$S/second.reloaded" ]'
rm -rf "$S/first" "$S/second" "$S/second.reloaded"
ykenroll ca publish --watch >"$S/all.out" 2>"$S/all.err" &
all=$!
says "$S/all.err" 'first: .*false .* status 1$' "staying: one place's reload fails"
says "$S/all.out" 'second: .*CRL number [0-9]' "and the other one's does not"
ca ca crl
from=$(now_ms)
until cmp -s "$S/second/issuing.crl.pem" "$T/home/pub/issuing.crl" && cmp -s "$S/first/issuing.crl.pem" "$T/home/pub/issuing.crl"; do
	[ $(($(now_ms) - from)) -gt $MAX ] && break
	sleep 0.1
done
claim "both have the next CRL ($(($(now_ms) - from)) ms)" cmp "$S/first/issuing.crl.pem" "$T/home/pub/issuing.crl"
kill "$all"
wait "$all"
rc=$?
claim "and end (exit $rc)" [ $rc = 0 ]
finish
