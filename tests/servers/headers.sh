#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does the application behind each web server hear who somebody is from the server alone, whatever the client sends?
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/headers.sh" --tokens 3 --firmware 5.7.1

claim "people and states" servers_make
[ $bad = 0 ] || finish
python3 forge.py options >"$S/forged"
alice=$(openssl x509 -in "$S/alice.crt" -noout -serial | cut -d= -f2)

# forged TEXT SERVER PERSON JUDGE-ARGUMENTS… -- CURL-OPTIONS…: with every spelling of every name
forged() {
	text=$1 server=$2 person=$3
	shift 3
	judge=
	while [ "$1" != -- ]; do judge="$judge $1"; shift; done
	shift
	while IFS= read -r word; do set -- "$@" "$word"; done <"$S/forged"
	claim "$text" sh -c '[ "$1" = 200 ] || { echo "HTTP status $1"; cat "$4/said"; exit 1; }
		exec python3 "$2" judge "$4/body" $3' sh "$(visit "$server" "$person" "$@")" "$SERVERS_DIR/forge.py" "$judge" "$S"
}

# honest TEXT NAME PATTERN: the header that the server made, in $S/body
has() {
	claim "$1" sh -c 'jq -e --arg n "$1" --arg p "$2" "[.headers[] | select((.[0] | ascii_downcase) == \$n and (.[1] | test(\$p)))] | length == 1" "$3" || ! cat "$3"' \
		sh "$2" "$3" "$S/body"
}

sha256=$(openssl x509 -in "$S/alice.crt" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-Z a-z)
sha1=$(openssl x509 -in "$S/alice.crt" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g' | tr A-Z a-z)
for server in $SERVERS; do
	claim "$server, certificates required" server_start $server fresh
	forged "$server: Alice is Alice" $server Alice Alice "$alice" --
	case $server in
	nginx) has "nginx: SHA-1 of her certificate" client-fingerprint "(?i)^$sha1\$" ;;
	haproxy | caddy) has "$server: SHA-256 of her certificate" client-fingerprint "(?i)^$sha256\$" ;;
	esac
	case $server in
	apache | caddy) has "$server: her e-mail" client-email '^alice@example.org$' ;;
	esac
	forged "$server: and by Connection her headers do not go" $server Alice Alice "$alice" -- \
		-H 'Connection: close, Client-Verify, Client-Subject, Client-Serial, Client-Name'
	[ $server != caddy ] || forged "$server: nor with HTTP/2" $server Alice Alice "$alice" -- --http2
	server_stop $server

	claim "$server, certificates optional" server_start $server fresh --optional
	forged "$server: Alice is Alice" $server Alice Alice "$alice" --
	forged "$server: nobody is nobody" $server none none --
	[ $server != caddy ] || forged "$server: nor with HTTP/2" $server none none -- --http2
	for who in Bob Mallory; do
		verdict=$(visit $server $who)
		claim "$server: $who is refused, optional or not ($verdict)" [ "$verdict" != 200 ]
	done
	python3 forge.py send "$(server_port $server)" "$S/web-ca.crt" >"$S/report" 2>&1
	rc=$?
	claim "$server: nothing forged came through ($(tail -1 "$S/report"))" sh -c 'cat "$1"; exit "$0"' $rc "$S/report"
	server_stop $server

	# without the lines that matter: does anything of the above notice?
	server_files $server fresh && server_print $server --optional
	case $server in
	nginx) lines='proxy_set_header Client-' ;;
	apache) lines='RequestHeader' ;;
	haproxy) lines='del-header' ;;
	caddy) lines='request_header' ;;
	esac
	sed -i "/$lines/d" "$S/run/$server.printed"
	"wrap_$server" >"$S/run/$server.conf"
	claim "$server without its lines" server_go $server
	python3 forge.py send "$(server_port $server)" "$S/web-ca.crt" >"$S/report" 2>&1
	claim "$server: then forged headers come through, $(grep -c '^Client-\|^client-\|^CLIENT-\|^cLIENT' "$S/report") of them" grep -q 'forged$' "$S/report"
	server_stop $server
done
finish
