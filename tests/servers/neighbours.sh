#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# One process often serves more than us: a public site, one where a certificate is optional, one of another CA. Who has a
# TLS session of those does not come in here by it, whatever of tickets and caches is on there; in Debian's own configuration
# of each server, at ports of their own and, by another name, at ours. QUICK: some of it; ONLY='SERVER …'.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/neighbours.sh" --tokens 1 --firmware 5.7.1

SERVERS=${ONLY:-nginx apache haproxy caddy}
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

# ---- Debian's own configuration around it ----
# As root, in which it may be; else lib.sh's. What differs is where things are written, IPv6, and that it stays in front.
if [ "$(id -u)" = 0 ]; then
	wrap_nginx() {
		sed 's,listen \[::\].*,,' /etc/nginx/sites-available/default >"$S/run/nginx.default"
		sed "s,^pid .*,pid $S/run/nginx.pid; daemon off;,; s,/var/log/nginx/error.log,$S/run/nginx.log info,
			s,/var/log/nginx/access.log,$S/run/nginx.access,; s,include /etc/nginx/sites-enabled/.*,include $S/run/nginx.default; # more,
			s,include /etc/nginx/conf.d/.*,include $S/run/nginx.printed;," /etc/nginx/nginx.conf
	}
	wrap_apache() {
		echo ServerRoot /etc/apache2
		sed "s,\${APACHE_RUN_DIR},$S/run,; s,\${APACHE_PID_FILE},$S/run/apache.pid,; s,\${APACHE_RUN_USER},www-data,
			s,\${APACHE_RUN_GROUP},www-data,; s,\${APACHE_LOG_DIR}/error.log,$S/run/apache.log,
			s,^IncludeOptional sites-enabled.*,,; s,^IncludeOptional conf-enabled.*,," /etc/apache2/apache2.conf
		for m in socache_shmcb ssl headers proxy proxy_http; do cat "/etc/apache2/mods-available/$m.load"; done
		sed "s,\${APACHE_RUN_DIR},$S/run,; s,^<IfModule.*,,; s,^</IfModule.*,," /etc/apache2/mods-available/ssl.conf
		for site in 000-default default-ssl; do
			sed "s,\${APACHE_LOG_DIR},$S/run,; s,/etc/ssl/certs/ssl-cert-snakeoil.pem,$S/server.pem,
				s,/etc/ssl/private/ssl-cert-snakeoil.key,$S/server.pem.key," "/etc/apache2/sites-available/$site.conf"
		done
		printf 'Mutex posixsem\nServerName localhost\nListen 443\nListen %s\nInclude %s\n' "$(server_port apache)" "$S/run/apache.printed"
	}
	wrap_haproxy() {
		sed "s,/run/haproxy/admin.sock,$S/run/haproxy.sock,; s,^[[:space:]]*daemon,," /etc/haproxy/haproxy.cfg
		cat "$S/run/haproxy.printed"
	}
	wrap_caddy() {
		printf '{\nadmin unix/%s/run/caddy.sock\nstorage file_system %s/run/caddy\nauto_https disable_redirects\n}\n' "$S" "$S"
		cat /etc/caddy/Caddyfile
		printf 'import %s/run/caddy.printed\n' "$S"
	}
fi

# ---- neighbours ----
# neighbour_SERVER PORT NAME KIND: one more site. KIND: public, optional (our CA), other (its CA, required)
neighbour_nginx() {
	echo "server { listen $1 ssl; server_name $2; ssl_certificate $S/server.pem; ssl_certificate_key $S/server.pem.key; return 200;"
	case $3 in
	optional) echo "ssl_client_certificate $(server_dir nginx)/ca-bundle.pem; ssl_verify_client optional;" ;;
	other) echo "ssl_client_certificate $S/other.pem; ssl_verify_client on;" ;;
	esac
	echo "}"
}
neighbour_apache() {
	[ "$1" = "$(server_port apache)" ] || echo "Listen $1"
	printf '<VirtualHost *:%s>\nServerName %s\nSSLEngine on\nSSLCertificateFile %s\nSSLCertificateKeyFile %s\nSSLSessionTickets %s\n' \
		"$1" "$2" "$S/server.pem" "$S/server.pem.key" "$tickets"
	case $3 in
	optional) printf 'SSLCACertificateFile %s/ca-bundle.pem\nSSLVerifyClient optional\n' "$(server_dir apache)" ;;
	other) printf 'SSLCACertificateFile %s\nSSLVerifyClient require\nSSLVerifyDepth 2\n' "$S/other.pem" ;;
	esac
	printf 'ProxyPass / http://127.0.0.1:%s/\n</VirtualHost>\n' "$BACKEND"
}
neighbour_haproxy() {
	case $3 in
	public) verify= ;;
	optional) verify="verify optional ca-file $(server_dir haproxy)/ca-bundle.pem" ;;
	other) verify="verify required ca-file $S/other.pem" ;;
	esac
	[ "$tickets" = on ] || verify="$verify no-tls-tickets"
	printf '\nfrontend %s\n\tmode http\n\ttimeout client 30s\n\tbind :%s ssl crt %s %s\n\thttp-request return status 200\n' "$3" "$1" "$S/server.pem" "$verify"
}
neighbour_caddy() {
	echo "https://$2:$1 {"
	echo "tls $S/server.pem $S/server.pem.key {"
	case $3 in
	optional) printf 'client_auth {\nmode verify_if_given\ntrusted_ca_cert_file %s/issuing.crt.pem\n}\n' "$(server_dir caddy)" ;;
	other) printf 'client_auth {\nmode require_and_verify\ntrusted_ca_cert_file %s\ntrusted_ca_cert_file %s\n}\n' "$T/other/pub/issuing.crt" "$T/other/pub/root.crt" ;;
	esac
	printf '}\nrespond 200\n}\n'
}

# keeps SERVER: tickets and caches, as far as one says it for all sites: in $tickets and $cache
keeps_nginx() { echo "ssl_session_tickets $tickets; ssl_session_cache $([ $cache = on ] && echo shared:all:1m || echo none);"; }
keeps_apache() { [ $cache = on ] && echo "SSLSessionCache shmcb:$S/run/apache-all(512000)" || echo 'SSLSessionCache none'; }
keeps_haproxy() { # in front of its first line, where the package has its own
	printf 'global\n\ttune.ssl.cachesize %s\n' "$([ $cache = on ] && echo 20000 || echo 0)"
	[ $tickets = on ] || printf '\tssl-default-bind-options no-tls-tickets\n'
}
keeps_caddy() { :; }

# with_neighbours SERVER: our site as printed, and more in one process: of three kinds at ports of their own, and, where that
# can be, at ours by another name. $order: do they come before it, or after?
with_neighbours() {
	server_files "$1" fresh && server_print "$1" || return 1
	conf=$S/run/$1.conf more=$S/run/$1.more
	for kind in $kinds; do
		"neighbour_$1" "$(port "$1" $kind)" "$(name $kind)" "${kind#same-}"
	done >"$more"
	case $1 in
	nginx)
		both="include $S/run/nginx.printed;\ninclude $more;"
		[ $order = after ] || both="include $more;\ninclude $S/run/nginx.printed;"
		sed -i "s,include $S/run/nginx.printed;,$(keeps_nginx)\n$both," "$conf"
		;;
	apache)
		[ $order = after ] && what="Include $S/run/apache.printed\nInclude $more" || what="Include $more\nInclude $S/run/apache.printed"
		sed -i "s,^Include $S/run/apache.printed,$(keeps_apache)\n$what,; /^[[:space:]]*SSLSessionCache *shmcb:[^ ]*scache/d" "$conf"
		;;
	haproxy)
		[ $tickets = off ] || sed -i '0,/no-tls-tickets/s/\(ssl-min-ver.*\) no-tls-tickets/\1/' "$conf"
		{ keeps_haproxy; cat "$conf" "$more"; } >"$conf.all" && mv "$conf.all" "$conf"
		;;
	caddy)
		[ $order = after ] && cat "$more" >>"$conf" || sed -i "s,^\([[:space:]]*\)import .*printed,import $more\n&," "$conf"
		;;
	esac
}
name() { case $1 in same-*) echo "$1.test" ;; *) echo web.test ;; esac }
port() {
	case $2 in
	public) echo $(($(server_port "$1") + 100)) ;;
	optional) echo $(($(server_port "$1") + 200)) ;;
	other) echo $(($(server_port "$1") + 300)) ;;
	*) server_port "$1" ;;
	esac
}
tries() { # tries SERVER KIND: what neighbours.py says of that neighbour's sessions
	who=-
	[ "${2#same-}" != other ] || who=$S/mallory.crt
	python3 neighbours.py "$S/web-ca.crt" "$who" "$(port "$1" "$2")" "$(server_port "$1")" "$(name "$2")"
}
second_visit() { python3 neighbours.py "$S/web-ca.crt" "$S/alice.crt" "$(server_port "$1")" "$(server_port "$1")"; }

all_kinds() { # two frontends of HAProxy have two ports
	[ "$1" = haproxy ] && echo public optional other || echo public optional other same-public same-optional same-other
}
ways='on,on,before on,on,after on,off,before off,on,before off,off,before'
[ -z "${QUICK-}" ] || ways='on,on,before off,on,after'
for s in $SERVERS; do
	kinds=$(all_kinds "$s")
	for way in $ways; do
		tickets=${way%%,*} order=${way##*,} cache=${way#*,}
		cache=${cache%,*}
		is="$s, tickets $tickets, cache $cache, others $order"
		claim "$is: configured" with_neighbours "$s"
		claim "$is: starts" server_go "$s"
		for kind in $kinds; do
			tries "$s" $kind >"$S/tried"
			claim "$is, session of '$kind': not in ($(tr '\n' ',' <"$S/tried"))" \
				eval '[ "$(grep -c "there 200" "$S/tried")" = 2 ] && ! grep -Eq " here 2" "$S/tried" &&
					{ [ "${kind#same-}" = $kind ] || ! grep -q " host 2" "$S/tried"; }'
			cat "$S/tried" >>"$S/all.$s"
		done
		second_visit "$s" >"$S/tried"
		claim "$is: Alice comes twice ($(tr '\n' ',' <"$S/tried"))" [ "$(grep -c ' here 200' "$S/tried")" = 2 ]
		server_stop "$s"
	done
	# of HAProxy, whose printed text leaves the others none, further down
	[ "$s" = haproxy ] || claim "$s: there were sessions to try" eval 'grep -q "1.2.*resumed" "$S/all.$s" && grep -q "1.3.*resumed" "$S/all.$s"'
done
kinds='public optional other' tickets=off cache=on order=after

# Each of the two lines by itself; and that without what closes it somebody is in: else this test would see nothing.
for left in 'tune.ssl.cachesize' 'ssl_fc_is_resumed' neither; do
	with_neighbours haproxy
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
with_neighbours apache
sed -i 's/ServerName web.test:.*/ServerName web.test/' "$S/run/apache.printed"
claim "apache without the port in its name starts" server_go apache
tries apache other >"$S/tried"
claim "apache without it lets another CA's sessions in" grep -q ' here 200' "$S/tried"
server_stop apache
finish
