#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does each web server, with the configuration as printed, let in and refuse whom expected.txt says, in every state?
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/matrix.sh" --tokens 3 --firmware 5.7.1

claim "two CAs, three people, seven states" servers_make
[ $bad = 0 ] || finish
cells=0

# cell SERVER STATE WHO TLS VERDICT: what came of it, against the line in expected.txt
cell() {
	line=$(awk -v a="$1" -v b="$2" -v c="$3" -v d="$4" '!/^#/ && $1 == a && $2 == b && $3 == c && $4 == d' expected.txt)
	want=$(echo "$line" | awk '{ print $5 }')
	why=$(echo "$line" | awk '{ $1 = $2 = $3 = $4 = $5 = ""; sub(/^ +/, ""); print }')
	n=$((n + 1)) cells=$((cells + 1))
	from=$S/said
	[ "$1" != nginx ] || from=$S/log.new
	if [ -n "$line" ] && [ "${5%% *}" = "$want" ] && { [ "$why" = - ] || grep -Eq -- "$why" "$from"; } &&
		{ [ "$5" != 200 ] || grep -q Client-Verify "$S/body" || grep -q client-verify "$S/body"; }; then
		echo "ok $n - $1 $2 $3 TLS $4: $5 ($(echo "$why"))"
	else
		bad=1
		echo "not ok $n - $1 $2 $3 TLS $4: $5 instead of ${want:-a line in expected.txt} ($why)"
		cat "$S/said" "$S/log.new" "$S/body" 2>/dev/null | sed 's/^/# /' | tail -20
	fi
}

mark() { logged=$(wc -c <"$(server_log "$1")"); }
since() { tail -c +$((logged + 1)) "$(server_log "$1")" >"$S/log.new"; }

try() { # try SERVER STATE PERSON TLS
	who=$(echo "$3" | tr A-Z a-z)
	mark "$1"
	verdict=$(visit "$1" "$3" "--tlsv$4" --tls-max "$4")
	since "$1"
	cell "$1" "$2" "$who" "$4" "$verdict"
}

# Bob logs in with his token and keeps the session.
keep_session() { # keep_session SERVER TLS
	rm -f "$S/session"
	{ printf 'GET / HTTP/1.0\r\nHost: web.test\r\n\r\n'; sleep 1; } |
		talk "$1" "$2" -sess_out "$S/session" $(s_client_token Bob) >"$S/kept" 2>&1
	grep -q '"Client-Verify", "SUCCESS"\|"client-verify", "SUCCESS"' "$S/kept"
}

# Without his token, which would be refused: what gets in is the session alone.
resume() { # resume SERVER STATE TLS
	rm -f "$S/body"
	mark "$1"
	session=$S/session.$3
	{ printf 'GET / HTTP/1.0\r\nHost: web.test\r\n\r\n'; sleep 0.5; } | talk "$1" "$3" $([ ! -f "$session" ] || echo "-sess_in $session") >"$S/said" 2>&1
	since "$1"
	case $(sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$S/said" | head -1) in
	200) verdict=200; cp "$S/said" "$S/body" ;;
	400) verdict=400 ;;
	*) verdict=alert ;;
	esac
	cell "$1" "$2" resumed "$3" "$verdict"
}

both() { # both SERVER STATE PERSON
	try "$1" "$2" "$3" 1.2
	try "$1" "$2" "$3" 1.3
}

matrix() { # matrix SERVER
	claim "$1: the certificate list or CRLs from before the revocation" server_start "$1" older
	both "$1" older Bob
	for tls in 1.2 1.3; do
		claim "$1: Bob's session, TLS $tls" keep_session "$1" $tls
		mv "$S/session" "$S/session.$tls" 2>/dev/null # none: the server gives none
	done
	# as an operator does it
	was=$(generations "$1")
	claim "$1: publish, test, reload" ykenroll ca publish "$(server_dir "$1")" --test "$(server_test_command "$1")" \
		--reload "$(server_reload_command "$1")"
	claim "$1: is at work again" reloaded "$1" "$was"
	for tls in 1.2 1.3; do
		resume "$1" fresh $tls
	done
	for who in Alice none Mallory Bob; do both "$1" fresh $who; done
	for st in expired rootexpired future noroot; do
		claim "$1: $st" server_state "$1" $st
		both "$1" $st Alice
	done
	claim "$1: 100,000 entries" server_state "$1" large
	both "$1" large Alice
	both "$1" large Bob
	claim "$1 runs still" server_alive "$1"
	server_stop "$1"
}

cached() { # sessions kept, against the printed configuration's word
	claim "nginx with a cache of sessions" cached_start
	for tls in 1.2 1.3; do
		claim "Bob's session, TLS $tls" keep_session nginx $tls
		mv "$S/session" "$S/session.$tls" 2>/dev/null # none: the server gives none
	done
	claim "nginx: the new CRL" server_state nginx fresh
	for tls in 1.2 1.3; do
		resume nginx cached $tls
	done
	server_stop nginx
}

cached_start() {
	server_files nginx older && server_print nginx || return 1
	sed -i 's/ssl_session_cache off/ssl_session_cache shared:x:1m/' "$S/run/nginx.printed"
	server_go nginx
}

start=$(date +%s)
for server in $SERVERS; do matrix $server; done
cached
claim "no PIN was refused" [ "$(for k in 1 2 3; do ykvirt inspect "$(state $k)" | jq '.refused | add'; done | sort -u)" = 0 ]
lines=$(awk -v servers=" $SERVERS " '!/^#/ && index(servers, " " $1 " ")' expected.txt | wc -l)
claim "$cells cells, all $lines lines of expected.txt about $SERVERS, $(($(date +%s) - start)) s" [ $cells = "$lines" ]
finish
