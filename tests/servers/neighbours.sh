#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# One process often serves more than us: a public site, one where a certificate is optional, one of another CA. Who has a
# TLS session of those does not come in here by it, whatever of tickets and caches is on there.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/neighbours.sh" --tokens 1 --firmware 5.7.1

SERVERS='nginx apache haproxy caddy'
S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-servers.XXXXXX") || exit 1
trap 'servers_stop; rm -rf "$S"' EXIT
chmod 755 "$S" && mkdir -m 755 "$S/state" "$S/run" "$S/live"
export HOME="$S" XDG_CONFIG_HOME="$S/run" XDG_DATA_HOME="$S/run" XDG_CACHE_HOME="$S/run"

software() { # software HOME NAME: a certificate whose key is in a file
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/$2.crt.key" -subj /CN=x -out "$S/$2.csr" 2>/dev/null &&
		YKENROLL_HOME=$1 ykenroll ca issue "$S/$2.csr" --profile software --cn "$2" --out "$S/$2.crt" --ca-pass "file:$T/pass"
}
claim "a CA" make_ca
claim "another one, of the same name" env YKENROLL_HOME="$T/other" ykenroll init --name Test --recovery-out "$T/other.key" \
	--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
claim "Alice's certificate" software "$T/home" alice
claim "Mallory's, of the other CA" software "$T/other" mallory
claim "what is published" ykenroll ca publish "$S/state/fresh" --leaves
claim "the servers' certificate" server_certificate
cp "$T/other/pub/chain.pem" "$S/other.pem" && chmod 644 "$S/other.pem"
python3 echo.py $BACKEND >"$S/run/echo.log" 2>&1 &
echo $! >"$S/run/echo.pid"
claim "the application listens" listens $BACKEND

# neighbour_SERVER PORT KIND TICKETS: one more site. KIND: public, optional (our CA), other (its CA, required); TICKETS: on, off
neighbour_nginx() {
	echo "server { listen $1 ssl; server_name web.test; ssl_certificate $S/server.pem; ssl_certificate_key $S/server.pem.key;"
	echo "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:all:1m; ssl_session_tickets $3; return 200;"
	case $2 in
	optional) echo "ssl_client_certificate $(server_dir nginx)/ca-bundle.pem; ssl_verify_client optional;" ;;
	other) echo "ssl_client_certificate $S/other.pem; ssl_verify_client on;" ;;
	esac
	echo "}"
}
neighbour_apache() {
	printf 'Listen %s\n<VirtualHost *:%s>\nServerName web.test\nSSLEngine on\nSSLCertificateFile %s\nSSLCertificateKeyFile %s\nSSLSessionTickets %s\n' \
		"$1" "$1" "$S/server.pem" "$S/server.pem.key" "$3"
	case $2 in
	optional) printf 'SSLCACertificateFile %s/ca-bundle.pem\nSSLVerifyClient optional\n' "$(server_dir apache)" ;;
	other) printf 'SSLCACertificateFile %s\nSSLVerifyClient require\nSSLVerifyDepth 2\n' "$S/other.pem" ;;
	esac
	printf 'ProxyPass / http://127.0.0.1:%s/\n</VirtualHost>\n' "$BACKEND"
}
neighbour_haproxy() {
	case $2 in
	public) verify= ;;
	optional) verify="verify optional ca-file $(server_dir haproxy)/ca-bundle.pem" ;;
	other) verify="verify required ca-file $S/other.pem" ;;
	esac
	[ "$3" = on ] || verify="$verify no-tls-tickets"
	printf '\nfrontend %s\n\tmode http\n\ttimeout client 30s\n\tbind :%s ssl crt %s %s\n\thttp-request return status 200\n' "$2" "$1" "$S/server.pem" "$verify"
}
neighbour_caddy() {
	echo "https://web.test:$1 {"
	echo "tls $S/server.pem $S/server.pem.key {"
	case $2 in
	optional) printf 'client_auth {\nmode verify_if_given\ntrusted_ca_cert_file %s/issuing.crt.pem\n}\n' "$(server_dir caddy)" ;;
	other) printf 'client_auth {\nmode require_and_verify\ntrusted_ca_cert_file %s\ntrusted_ca_cert_file %s\n}\n' "$T/other/pub/issuing.crt" "$T/other/pub/root.crt" ;;
	esac
	printf '}\nrespond 200\n}\n'
}

# with_neighbours SERVER TICKETS: our site as printed, and three more, in one process
with_neighbours() {
	server_files "$1" fresh && server_print "$1" || return 1
	for kind in public optional other; do
		"neighbour_$1" "$(port "$1" $kind)" $kind "$2"
	done >"$S/run/$1.more"
	case $1 in
	nginx) sed -i "s,include $S/run/nginx.printed;,&\ninclude $S/run/nginx.more;," "$S/run/nginx.conf" ;;
	*) cat "$S/run/$1.more" >>"$S/run/$1.conf" ;;
	esac
}
port() { case $2 in public) echo $(($(server_port "$1") + 100)) ;; optional) echo $(($(server_port "$1") + 200)) ;; other) echo $(($(server_port "$1") + 300)) ;; esac }
tries() { # tries SERVER KIND: what neighbours.py says of that neighbour's sessions
	who=-
	[ "$2" != other ] || who=$S/mallory.crt
	python3 neighbours.py "$S/web-ca.crt" "$who" "$(port "$1" "$2")" "$(server_port "$1")"
}
second_visit() { python3 neighbours.py "$S/web-ca.crt" "$S/alice.crt" "$(server_port "$1")" "$(server_port "$1")"; }

for s in $SERVERS; do
	for tickets in on off; do
		claim "$s, tickets $tickets: configured" with_neighbours "$s" $tickets
		claim "$s, tickets $tickets: starts" server_go "$s"
		for kind in public optional other; do
			tries "$s" $kind >"$S/tried"
			claim "$s, tickets $tickets, session of '$kind': not in ($(tr '\n' ',' <"$S/tried"))" \
				eval '[ "$(grep -c "there 200" "$S/tried")" = 2 ] && ! grep -q " here 2" "$S/tried"'
			cat "$S/tried" >>"$S/all.$s"
		done
		second_visit "$s" >"$S/tried"
		claim "$s, tickets $tickets: Alice comes twice ($(tr '\n' ',' <"$S/tried"))" [ "$(grep -c ' here 200' "$S/tried")" = 2 ]
		server_stop "$s"
	done
	# of HAProxy, whose printed text leaves the others none, further down
	[ "$s" = haproxy ] || claim "$s: there were sessions to try" eval 'grep -q "1.2.*resumed" "$S/all.$s" && grep -q "1.3.*resumed" "$S/all.$s"'
done

# Each of the two lines by itself; and that without what closes it somebody is in: else this test would see nothing.
for left in 'tune.ssl.cachesize' 'ssl_fc_is_resumed' neither; do
	with_neighbours haproxy off
	case $left in
	neither) sed -i '/tune.ssl.cachesize/d; /ssl_fc_is_resumed/d' "$S/run/haproxy.conf" ;;
	tune*) sed -i '/ssl_fc_is_resumed/d' "$S/run/haproxy.conf" ;;
	*) sed -i '/tune.ssl.cachesize/d' "$S/run/haproxy.conf" ;;
	esac
	claim "haproxy with $left starts" server_go haproxy
	tries haproxy public >"$S/tried"
	case $left in
	neither) claim "haproxy without both lets the public site's sessions in" grep -q ' here 200' "$S/tried" ;;
	*) claim "haproxy with $left alone keeps them out" eval '[ -s "$S/tried" ] && ! grep -q " here 2" "$S/tried"' ;;
	esac
	server_stop haproxy
done
with_neighbours apache off
sed -i 's/ServerName web.test:.*/ServerName web.test/' "$S/run/apache.printed"
claim "apache without the port in its name starts" server_go apache
tries apache other >"$S/tried"
claim "apache without it lets another CA's sessions in" grep -q ' here 200' "$S/tried"
server_stop apache
finish
