#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does verify-server say of each server, in each state, what expected.txt says? Its own probes take the parts: "live"
# is good like Alice, "revoked" like Bob, "other-ca" and "same-name" are of another CA like Mallory. Then servers with a
# mistake in them that a person could make.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/verify.sh" --tokens 3 --firmware 5.7.1

claim "two CAs, three people, seven states" servers_make
[ $bad = 0 ] || finish
ca="--ca-pass file:$T/pass"
prepare() { ykenroll verify-server --prepare --ca-file "$S/web-ca.crt" $ca "$@"; }
ask() { # ask SERVER OPTIONS…: by the name that is in its configuration
	server=$1
	shift
	timeout 1800 ykenroll verify-server "https://web.test:$(server_port "$server")/" --connect 127.0.0.1 --ca-file "$S/web-ca.crt" "$@" </dev/null
}
ask_closed() { server_start nginx fresh && ask nginx; rc=$?; server_stop nginx; return $rc; }
publish() { ykenroll ca publish "$S/state/fresh" ${LEAVES-}; }
verify() { # verify SERVER OPTIONS…: JSON in $T/json, what it said in $T/said; its exit status
	ask "$@" --json >"$T/json" 2>"$T/said"
}
says() { # says PROBE PROTOCOL: its verdict
	jq -r --arg a "$1" --arg b "$2" '.probes[] | select(.probe == $a and (.protocol == $b or .protocol == "TLS")).verdict' "$T/json"
}
# wanted SERVER STATE WHO TLS: as verify-server says it, nothing where the matrix has no such cell
wanted() {
	awk -v a="$1" -v b="$2" -v c="$3" -v d="$4" '!/^#/ && $1 == a && $2 == b && $3 == c && $4 == d {
		print ($5 == "200" ? "let in" : "refused") }' expected.txt
}

# found CODE ID SERVER OPTIONS…: its exit status, and what it makes of it
found() {
	want=$1 id=$2
	shift 2
	verify "$@"
	rc=$?
	claim "$1 ${2-}: $id is found out" [ "$rc $(jq -r .finding_id "$T/json")" = "$want $id" ]
}
cells=0
# compare SERVER STATE: every cell of the matrix that a probe stands for
compare() {
	for pair in live:alice revoked:bob other-ca:mallory same-name:mallory none:none resumed:resumed; do
		for tls in 1.2 1.3; do
			want=$(wanted "$1" "$2" "${pair#*:}" $tls)
			[ -n "$want" ] || continue
			got=$(says "${pair%:*}" "TLS $tls")
			# a server that gives no session to resume cannot be tried with one
			[ "$pair:$got" = "resumed:resumed:not tried" ] && [ "$(session "$1" $tls)" = none ] && got=$want
			cells=$((cells + 1))
			claim "$1 $2: ${pair%:*} TLS $tls is $want" [ "$got" = "$want" ]
		done
	done
}
session() { [ -s "$T/home/probe/session-web.test-127.0.0.1_$(server_port "$1")-tls$(echo "$2" | tr -d .).der" ] && echo kept || echo none; }
# in order SERVER STATE: everybody gets what is right
is_right() { [ "$(wanted "$1" "$2" alice 1.3)" != refused ] && [ "$(wanted "$1" "$2" bob 1.3)" != "let in" ]; }
judged() { # judged SERVER STATE OPTIONS…
	one=$1 st=$2
	shift 2
	verify "$one" "$@"
	rc=$?
	compare "$one" "$st"
	if is_right "$one" "$st"; then want=0; else want=13; fi
	claim "$one $st: exit status $want" [ $rc = $want ]
	[ $st != fresh ] || claim "$one $st: an expired one is refused" [ "$(says expired 'TLS 1.2') $(says expired 'TLS 1.3')" = "refused refused" ]
	[ $rc = $want ] || sed 's/^/# /' "$T/said" "$T/json"
	case $(wanted "$one" "$st" alice 1.3) in
	refused) claim "$one $st: it says that everybody is refused" [ "$(jq -r .finding_id "$T/json")" = refuses-all ] ;;
	esac
	[ "$(wanted "$one" "$st" bob 1.3)" != "let in" ] ||
		claim "$one $st: it says that revoked certificates get in" [ "$(jq -r .finding_id "$T/json")" = revoked ]
}

# ---- before: what cannot be tried is said ----
start=$(date +%s)
server_start nginx fresh || exit 1
exits 10 '' "nothing prepared: not an all-clear" ask nginx
claim "and it says how" grep -q 'revoked .*--prepare' "$T/out"
exits 10 '' "the token stands for a valid certificate" ask nginx --token -d "$(lab_serial 1)" --pin "file:$T/pin"
claim "and is let in" grep -Eq '^ok +token +TLS 1.3 ' "$T/out"
exits 12 '' "a server whose certificate nobody vouches for" ykenroll verify-server "https://localhost:$(server_port nginx)"
exits 12 '' "a server of another name" ykenroll verify-server https://www.example.org/ \
	--connect "127.0.0.1:$(server_port nginx)" --ca-file "$S/web-ca.crt"
exits 1 ':1: ' "nobody there" ykenroll verify-server https://localhost:1/
exits 2 ' https' "no TLS" ykenroll verify-server http://localhost/
server_stop nginx

# ---- the probes, known to the servers and not revoked yet: that is the state "older" ----
older() { prepare && publish && rm -rf "$S/state/older" && cp -a "$S/state/fresh" "$S/state/older"; }
claim "a probe that has expired" old_probe
exits 10 '' "is not taken for a valid one" ask_closed
claim "which is said" grep -Eq 'live .*not tried ' "$T/out"
also=
for server in $SERVERS; do
	claim "$server: probes are made and published" older
	claim "$server is there" server_start $server older
	claim "$server: a probe logs in, and is revoked" prepare "https://web.test:$(server_port $server)/" --connect 127.0.0.1
	also="$also $(openssl x509 -in "$T/home/probe/revoked.crt" -noout -serial | cut -d= -f2)"
	judged $server older
done
ALSO_REVOKED=$also
claim "the expired one is kept for that" cmp "$S/old/crt" "$T/home/probe/expired.crt"
claim "the keys and sessions are for nobody else" [ "$(find "$T/home/probe" ! -type l -perm /077 | wc -l)" = 0 ]
claim "the states, with these revocations" publish
claim "and the CRLs that lie" states_make

# ---- the matrix ----
for server in $SERVERS; do
	for st in fresh expired rootexpired future noroot large; do
		server_state $server $st
		judged $server $st
	done
done

# ---- mistakes ----
mistake() { # mistake SERVER SED-PROGRAM: the printed configuration, changed
	server_stop "$1"
	server_files "$1" fresh && server_print "$1" && sed -i "$2" "$S/run/$1.printed" && ! cmp -s "$S/run/$1.printed" "$S/run/$1.was" || return 1
	"wrap_$1" >"$S/run/$1.conf" && server_go "$1"
}
for server in $SERVERS; do cp "$S/run/$server.printed" "$S/run/$server.was"; done
claim "nginx that asks nobody" mistake nginx 's/ssl_verify_client on/ssl_verify_client off/'
found 13 no-certificate nginx
claim "nginx without CRLs" mistake nginx '/ssl_crl /d'
found 13 revoked nginx
claim "nginx that takes any CA's" mistake nginx 's/ssl_verify_client on/ssl_verify_client optional_no_ca/; /ssl_crl /d'
found 13 other-ca nginx
claim "nginx that lets people in without a certificate" mistake nginx 's/ssl_verify_client on/ssl_verify_client optional/'
found 10 unclear nginx
found 13 no-certificate nginx --expect Client-Verify
exits 0 '' "and is right where that is meant" ask nginx --optional
claim "Apache that has a CRL and does not check it" mistake apache '/SSLCARevocationCheck/d'
found 13 revoked apache
claim "Apache that speaks TLS 1.3 alone" mistake apache 's/^\(.*SSLProtocol\).*/\1 -all +TLSv1.3/'
found 10 resumes apache
claim "a probe's session with it" prepare "https://web.test:$(server_port apache)/" --connect 127.0.0.1
claim "the CA publishes, and Apache reads it" eval 'publish && server_state apache fresh && mistake apache "s/^\(.*SSLProtocol\).*/\1 -all +TLSv1.3/"'
exits 0 '' "is right" ask apache
claim "of which it says that it does not speak 1.2" grep -Eq 'live +TLS 1.2 +not tried ' "$T/out"
claim "HAProxy without CRLs" mistake haproxy 's/ crl-file [^ ]*//'
found 13 revoked haproxy
# sessions: with a cache, what was revoked stays in
server_stop nginx
server_files nginx older && server_print nginx && sed -i 's/ssl_session_cache off/ssl_session_cache shared:x:1m/' "$S/run/nginx.printed"
claim "nginx with a cache of sessions" server_go nginx
claim "a probe's session" prepare "https://web.test:$(server_port nginx)/" --connect 127.0.0.1
claim "the CA publishes" publish
claim "nginx reads it" server_state nginx fresh
found 13 resumed nginx
for server in $SERVERS; do server_stop $server; done

claim "no PIN was refused" [ "$(for k in 1 2 3; do ykvirt inspect "$(state $k)" | jq '.refused | add'; done | sort -u)" = 0 ]
echo "# $cells cells of the matrix, $(($(date +%s) - start)) s"
finish
