#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A server whose own certificate comes by ACME, as printed: does it get one, and does it let in only our CA's clients? The
# public CA is another Caddy, which asks at ports 443 and 80 of the name as any does.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
command -v caddy >/dev/null || { echo "1..0 # SKIP Caddy is not there"; exit 77; }
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP a name for the server takes an /etc/hosts of one's own"
	exit 77
fi
in_lab "$(pwd)/acme.sh" --tokens 1 --firmware 5.7.1

S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-servers.XXXXXX") || exit 1
pids=
quit() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	umount -l /etc/hosts 2>/dev/null
	rm -rf "$S"
}
trap quit EXIT
trap 'exit 143' TERM INT
chmod 755 "$S" && mkdir -m 755 "$S/run" "$S/pub" "$S/ca" "$S/web"
echo '127.0.0.1 localhost web.test ca.test' >"$S/hosts"
claim "a name for the server" mount --bind "$S/hosts" /etc/hosts
[ $bad = 0 ] || finish

software() { # software HOME NAME
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/$2.key" -subj /CN=x -out "$S/$2.csr" 2>/dev/null &&
		YKENROLL_HOME=$1 ykenroll ca issue "$S/$2.csr" --profile software --cn "$2" --out "$S/$2.crt" --ca-pass "file:$T/pass"
}
claim "a CA" make_ca
claim "another one" env YKENROLL_HOME="$T/other" ykenroll init --name Test --recovery-out "$T/other.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
for who in alice bob; do claim "$who's certificate" software "$T/home" $who; done
claim "Mallory's, of the other CA" software "$T/other" mallory
claim "what is published" ykenroll ca publish "$S/pub" --leaves
python3 echo.py $BACKEND >/dev/null 2>&1 &
pids="$pids $!"
claim "the application listens" listens $BACKEND

caddy_run() { # caddy_run NAME: as a service has it, with a home of its own
	HOME=$S/$1 XDG_DATA_HOME=$S/$1 XDG_CONFIG_HOME=$S/$1 caddy run --config "$S/$1.conf" --adapter caddyfile >"$S/$1.log" 2>&1 &
	pids="$pids $!"
}
cat >"$S/ca.conf" <<-CNF
	{
		admin unix/$S/ca.sock
		storage file_system $S/ca
		auto_https disable_redirects
		http_port 8090
		skip_install_trust
	}
	https://ca.test:9443 {
		tls internal
		acme_server
	}
CNF
caddy_run ca
claim "the public CA listens" listens 9443
root=$S/ca/pki/authorities/local/root.crt
for _ in $(seq 9000); do [ -s "$root" ] && break; sleep 0.1; done

# ---- what is printed ----
exits 2 '--acme.*--certificate' "a certificate as well" ykenroll server caddy --acme --certificate /a.pem
exits 2 '--acme.* caddy .*--certificate' "a server that cannot" ykenroll server nginx --acme
claim "Caddy's" eval 'ykenroll server caddy --acme --name web.test --dir "$S/pub" >"$S/Caddyfile"'
claim "is valid by itself" env HOME="$S/web" XDG_DATA_HOME="$S/web" XDG_CONFIG_HOME="$S/web" caddy validate --config "$S/Caddyfile" --adapter caddyfile
printf '{\nadmin unix/%s\nstorage file_system %s\nacme_ca https://ca.test:9443/acme/local/directory\nacme_ca_root %s\n}\nimport %s\n' \
	"$S/web.sock" "$S/web" "$root" "$S/Caddyfile" >"$S/web.conf"
caddy_run web
claim "it listens" listens 443
got=
for _ in $(seq 9000); do [ -n "$(find "$S/web" -name web.test.crt)" ] && got=yes && break; sleep 0.1; done
claim "and has a certificate of that CA" eval '[ -n "$got" ] || { tail -5 "$S/web.log"; false; }'

visit() { # visit WHO: the HTTP status, or 000
	set -- "$1" --cacert "$root"
	[ "$1" = none ] || set -- "$@" --cert "$S/$1.crt" --key "$S/$1.key"
	shift
	timeout 30 curl -sS -m 20 -o "$S/body" -w '%{http_code}' "$@" https://web.test/ 2>"$S/said"
}
claim "Alice is in" eval '[ "$(visit alice)" = 200 ] || { cat "$S/said"; tail -3 "$S/web.log"; false; }'
claim "the application hears who she is" grep -q 'CN=alice' "$S/body"
for who in none mallory; do claim "$who is not" [ "$(visit $who)" = 000 ]; done
claim "Bob is in" [ "$(visit bob)" = 200 ]
claim "revoked" ykenroll revoke "$(openssl x509 -in "$S/bob.crt" -noout -serial | cut -d= -f2)" --reason superseded --ca-pass "file:$T/pass"
claim "published" env HOME="$S/web" ykenroll ca publish "$S/pub" --reload "caddy reload --config $S/web.conf --adapter caddyfile --address unix/$S/web.sock"
claim "Bob is out" [ "$(visit bob)" = 000 ]
claim "Alice is in" [ "$(visit alice)" = 200 ]

claim "Traefik's" eval 'ykenroll server traefik --acme --name web.test --dir "$S/pub" >"$S/traefik.yml"'
claim "has keys that are documented" python3 printed.py traefik "$S/traefik.yml" required
claim "a resolver, and no certificate" eval 'grep -q "certResolver: acme" "$S/traefik.yml" && ! grep -q certFile "$S/traefik.yml"'
finish
