#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does every command of doc/servers and doc/troubleshooting.md do what the page says, in Debian's own configuration of
# each server? Paths are the real ones, of a copy of /etc that only this namespace sees; systemctl is played by a script.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
doc=$(cd ../../doc && pwd)
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP Debian's configurations change to their servers' users, which only root can"
	exit 77
fi
in_lab "$(pwd)/pages.sh" --tokens 1 --firmware 5.7.1

S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-pages.XXXXXX") || exit 1
chmod 755 "$S"
mkdir "$S/run" "$S/bin" "$S/etc" "$S/state"
daemons=
quit() {
	for p in $daemons; do kill "$p" 2>/dev/null; done
	for s in nginx apache2 haproxy caddy; do "$S/bin/systemctl" stop $s 2>/dev/null; done
	servers_stop
	umount -l /etc/nginx /etc/apache2 /etc/haproxy /etc/caddy /etc/ssl /etc/hosts 2>/dev/null
	rm -rf "$S"
}
trap quit EXIT
trap 'exit 143' TERM INT

# ---- a machine of our own ----
own() { cp -a "$1" "$S/etc/" && mount --bind "$S/etc/$(basename "$1")" "$1"; } # own PATH
for d in /etc/nginx /etc/apache2 /etc/haproxy /etc/caddy /etc/ssl /etc/hosts; do
	claim "a copy of $d" own $d
done
[ $bad = 0 ] || finish
echo '127.0.0.1 localhost www.example.org' >"$S/etc/hosts"
rm -f /etc/ssl/certs/www.example.org.* /etc/ssl/private/www.example.org.*
for d in /var/log/nginx /var/log/apache2 /var/lib/nginx; do [ ! -d $d ] || mount -t tmpfs tmpfs $d; done
mkdir -p /run/haproxy /run/apache2 /run/lock/apache2
[ ! -f /etc/nginx/sites-enabled/default ] || sed -i 's/listen \[::\].*//' /etc/nginx/sites-enabled/default # no IPv6 here
sed -i 's,^error_log .*,error_log /var/log/nginx/error.log info;,' /etc/nginx/nginx.conf                   # as the page says
cat >"$S/bin/systemctl" <<-'SYSTEMCTL'
	#!/bin/sh
	# what the units of Debian do, where no systemd runs
	pid() { case $1 in apache2) cat /run/apache2/apache2.pid ;; *) cat "/run/$1.pid" ;; esac 2>/dev/null | grep .; }
	[ "$1" = reload ] && ! pid "$2" >/dev/null && set -- start "$2"
	case "$1 $2" in
	"start nginx") exec nginx ;;
	"reload nginx") exec nginx -s reload ;;
	"start apache2" | "restart apache2") exec apache2ctl start ;;
	"reload apache2") exec apache2ctl graceful ;;
	"start haproxy") exec haproxy -W -D -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid ;;
	"reload haproxy") exec kill -USR2 "$(cat /run/haproxy.pid)" ;;
	"start caddy") exec caddy start --config /etc/caddy/Caddyfile --pidfile /run/caddy.pid ;;
	"reload caddy") exec caddy reload --config /etc/caddy/Caddyfile ;;
	"stop "*)
		p=$(pid "$2") && kill "$p" && while kill -0 "$p" 2>/dev/null; do sleep 0.1; done
		rm -f "/run/$2.pid"
		;;
	*) exit 1 ;;
	esac
SYSTEMCTL
chmod 755 "$S/bin/systemctl"
PATH=$S/bin:$PATH
export HOME="$S" XDG_CONFIG_HOME="$S/run" XDG_DATA_HOME="$S/run" XDG_CACHE_HOME="$S/run" PKCS11_MODULE_PATH="$OPENSC"

# ---- a CA, its signer, Alice; the application ----
make_ca >"$S/init.log" 2>&1
ykenroll signer --ca-pass "file:$T/pass" 2>"$S/signer.log" &
daemons="$daemons $!"
for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && break; sleep 0.2; done
claim "Alice has a token" enroll Alice alice@example.org
tr -d '\n' <"$T/pin" >"$HOME/pin"
python3 echo.py $BACKEND >/dev/null 2>&1 &
daemons="$daemons $!"
claim "the application listens" listens $BACKEND

# ---- pages ----
page() { # page FILE: its blocks, one after the other
	name=$(basename "$1" .md) watchers=
	mkdir "$S/$name" && cd "$S/$name" || exit 1
	claim "$name: its blocks" python3 "$SERVERS_DIR/pages.py" "$1" .
	for block in [0-9]*; do
		first=$(sed -n 2p "$block" | cut -c1-60)
		case $block in
		*.fails)
			sleep 0.5 # a reload takes a moment
			refuse "$name ${block%.*} is refused: $first" timeout 1800 sh "./$block"
			;;
		*.background)
			sh "./$block" >"$S/$name.watch" 2>&1 &
			daemons="$daemons $!" watcher=$! watchers="$watchers $!"
			sleep 1
			claim "$name ${block%.*} stays: $first" kill -0 "$watcher"
			;;
		*)
			case $first in curl*) sleep 0.5 ;; esac
			claim "$name ${block%.*}: $first" timeout 1800 sh "./$block"
			case $first in curl*)
				cp "$T/claim.out" "$S/body"
				headers=$(sed -n 's/^The application sees \(.*\)\. The server.*/\1/p' "$1" | grep -o 'Client-[A-Za-z]*')
				claim "$name: the application sees what the page says: $(echo $headers)" sh -c \
					'for h in $1; do grep -qi "\"$h\"" "$0" || { echo "no $h"; cat "$0"; exit 1; }; done' "$S/body" "$headers"
				;;
			esac
			;;
		esac
	done
	cd "$SERVERS_DIR" || exit 1
}

for s in nginx apache haproxy caddy; do
	rm -f /etc/ssl/certs/www.example.org.* /etc/ssl/private/www.example.org.* # each page makes its own
	cp "$T/home/ykenroll.conf" "$T/conf"
	page "$doc/servers/$s.md"
	cp "$T/conf" "$T/home/ykenroll.conf"
	kill $watchers && wait $watchers 2>/dev/null
	claim "$s: the unit runs what the page runs" grep -qxF "ExecStart=@bindir@/$(sed -n 2p "$S/$s"/*.background | sed "s,^exec ,,; s,--server $s,--server %i,") --home /var/lib/ykenroll" \
		"$doc/systemd/ykenroll-publish@.service.in"
	systemctl stop "$(case $s in apache) echo apache2 ;; *) echo $s ;; esac)"
done
mkdir -p "$S/traefik"
claim "traefik: its page" python3 pages.py "$doc/servers/traefik.md" "$S/traefik"
claim "traefik: its commands" sh -c 'sed -i "s,/etc/traefik/dynamic,$1," "$1/01.sh" && sh "$1/01.sh"' sh "$S/traefik"
claim "traefik: a file" test -s "$S/traefik/www.example.org.yml"

# ---- troubleshooting: the commands; then what it claims ----
systemctl start nginx
claim "nginx listens" listens 443
page "$doc/troubleshooting.md"
claim "two certificates are sent" sh -c 'cd "$1" && [ "$(sh ./04.sh)" = 2 ]' sh "$S/troubleshooting"
brings() { # brings MESSAGE FILE: it is quoted, and it came
	claim "troubleshooting: $1" sh -c 'grep -qF "$1" "$2" && { grep -F "$1" "$3" || { tail -5 "$3"; false; }; }' sh "$1" "$doc/troubleshooting.md" "$2"
}
login() { curl -s --cacert /etc/ssl/ykenroll/root.crt.pem --cert "pkcs11:id=%01;pin-source=$HOME/pin" "$@" https://www.example.org/ 2>&1; }
curl -s --cacert /etc/ssl/ykenroll/root.crt.pem https://www.example.org/ >"$S/page"
brings "No required SSL certificate was sent" "$S/page"
claim "Alice is put on hold" ykenroll suspend alice@example.org
claim "published" ykenroll ca publish /etc/ssl/ykenroll --server nginx
sleep 0.5
login >"$S/page"
brings "The SSL certificate error" "$S/page"
brings "client SSL certificate verify error: (23:certificate revoked)" /var/log/nginx/error.log
# number N SED-PROGRAM COMMAND…: what nginx writes of that login, with its configuration changed
number() {
	number=$1 program=$2
	shift 2
	cp /etc/nginx/conf.d/www.example.org.conf "$S/was.conf" && : >/var/log/nginx/error.log
	sed -i "$program" /etc/nginx/conf.d/www.example.org.conf && systemctl stop nginx && systemctl start nginx
	for _ in $(seq 9000); do [ "$(curl -sk -o "$S/page" -w '%{http_code}' https://www.example.org/)" = 400 ] && break; sleep 0.1; done
	"$@" >"$S/page" 2>&1
	claim "troubleshooting: nginx's $number" sh -c 'grep -q "^| ${1%|*}[ ,]" "$2" && { grep -E "verify error: .($1):" /var/log/nginx/error.log || { tail -5 /var/log/nginx/error.log; false; }; }' sh "$number" "$doc/troubleshooting.md"
	cp "$S/was.conf" /etc/nginx/conf.d/www.example.org.conf
}
with_root() { # as OpenSSL's client sends it: leaf and its root, of another CA
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/far.key" -out "$S/far.crt" -subj /CN=far -days 2 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/near.key" -subj /CN=near 2>/dev/null |
		openssl x509 -req -CA "$S/far.crt" -CAkey "$S/far.key" -CAcreateserial -out "$S/near.crt" -days 2 2>/dev/null
	printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect 127.0.0.1:443 -servername www.example.org -cert "$S/near.crt" -key "$S/near.key" -cert_chain "$S/far.crt" -ign_eof
}
number 3 's,/ca-bundle.pem,/issuing.crt.pem,' login
number 2 '/ssl_crl/d; s,/ca-bundle.pem,/issuing.crt.pem,' login
number 19 /ssl_crl/d with_root
number '22|2' '/ssl_crl/d; s/ssl_verify_depth 2/ssl_verify_depth 0/' login
systemctl stop nginx
sed -i '/SSLCARevocationCheck/d' /etc/apache2/sites-available/www.example.org.conf
systemctl start apache2 >/dev/null 2>&1
claim "Apache without SSLCARevocationCheck lets a revoked token in" sh -c \
	'echo "$1" | grep -q Client-Verify' sh "$(sleep 0.5; login)"
brings "CRL checking (SSLCARevocationCheck) is not enabled" /var/log/apache2/error.log
systemctl stop apache2
sed -i 's/^\([[:space:]]*\)SSLVerifyClient .*/\1<Location \/>\n\1SSLVerifyClient require\n\1<\/Location>/' /etc/apache2/sites-available/www.example.org.conf
systemctl start apache2 >/dev/null 2>&1
for _ in $(seq 9000); do openssl s_client -connect 127.0.0.1:443 </dev/null >"$S/page" 2>&1 && break; sleep 0.1; done
printf 'GET / HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n' | openssl s_client -tls1_3 -connect 127.0.0.1:443 -servername www.example.org -ign_eof >"$S/page" 2>&1
brings "AH10158: cannot perform post-handshake authentication" /var/log/apache2/error.log
systemctl stop apache2

# weak digest, one name for two, no intermediate: certificates that ykenroll would not make
weak() { openssl req -x509 -newkey rsa:2048 -nodes -sha1 -keyout "$S/weak.key" -out "$S/weak.crt" -subj "$1" -days 2; }
claim "a CA with SHA-1" weak /CN=weak
openssl req -newkey rsa:2048 -nodes -keyout "$S/leaf.key" -subj /CN=leaf 2>/dev/null |
	openssl x509 -req -sha1 -CA "$S/weak.crt" -CAkey "$S/weak.key" -CAcreateserial -out "$S/leaf.crt" -days 2 2>/dev/null
sed "s,^\tssl_certificate .*,\tssl_certificate $S/leaf.crt;,; s,^\tssl_certificate_key .*,\tssl_certificate_key $S/leaf.key;," \
	/etc/nginx/conf.d/www.example.org.conf >"$S/weak.conf" && cp "$S/weak.conf" /etc/nginx/conf.d/www.example.org.conf
nginx -t >"$S/weak.log" 2>&1
case $(. /etc/os-release; echo "${VERSION_ID-}") in
12) brings "ca md too weak" "$S/weak.log" ;;
*) claim "troubleshooting: ca md too weak is not what this release's nginx -t says" grep -q 'test is successful' "$S/weak.log" ;;
esac
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/same.key" -subj "$(openssl x509 -in "$T/home/pub/issuing.crt" \
	-noout -subject -nameopt compat | sed 's,^subject=,,')" 2>/dev/null >"$S/same.csr"
printf 'authorityKeyIdentifier=none\n' >"$S/same.ext" # newer OpenSSL adds one
openssl x509 -req -in "$S/same.csr" -extfile "$S/same.ext" -CA "$T/home/pub/issuing.crt" -CAkey "$T/home/ca/issuing.key" -passin "file:$T/pass" -set_serial 77 \
	-days 2 -out "$S/same.crt" 2>/dev/null
openssl verify -CAfile /etc/ssl/ykenroll/ca-bundle.pem "$S/same.crt" >"$S/same.log" 2>&1
brings "self-signed certificate" "$S/same.log"
openssl verify -CAfile /etc/ssl/ykenroll/root.crt.pem /etc/ssl/certs/www.example.org.pem >"$S/lone.log" 2>&1
brings "unable to get local issuer certificate" "$S/lone.log"
finish
