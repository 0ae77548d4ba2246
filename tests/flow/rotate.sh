#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does what runs at night do what it says: units that systemd accepts, and commands, taken from them word for word, that
# renew what ends soon, and nothing else?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/rotate.sh" --tokens 1 --firmware 5.7.1
build=$(cd "$(dirname "$(command -v ykenroll)")/.." && pwd)
make_ca >"$T/init.log" 2>&1

# ---- the units ----
mkdir "$T/units"
cp ../../doc/systemd/*.socket ../../doc/systemd/*.timer "$T/units/"
for u in signer ocsp rotate crl publish@; do
	sed "s,^ExecStart=[^ ]*,ExecStart=$(command -v ykenroll)," "$build/doc/systemd/ykenroll-$u.service" >"$T/units/ykenroll-$u.service"
done
sed -i '/^Documentation=/d' "$T/units/"* # verify wants the page to be installed
if command -v systemd-analyze >/dev/null; then
	claim "systemd-analyze verify has nothing to say" sh -c '! systemd-analyze verify "$T"/units/* 2>&1 | grep -v "^Failed to.*locale"'
	claim "planted: it has, of a word that is wrong" sh -c 'mkdir "$T/bad" && sed "s/^Type=oneshot/Type=onshot/" "$T/units/ykenroll-rotate.service" \
		>"$T/bad/ykenroll-rotate.service" && systemd-analyze verify "$T/bad/ykenroll-rotate.service" 2>&1 | grep -q onshot'
	for u in ocsp:20 rotate:10 crl:10; do
		claim "and calls ykenroll-${u%:*} safe" systemd-analyze security --offline=true --threshold=${u#*:} "$T/units/ykenroll-${u%:*}.service"
	done
	claim "the timer runs every night" sh -c 'systemd-analyze calendar --iterations=2 "$(sed -n "s/^OnCalendar=//p" "$T/units/ykenroll-rotate.timer")" |
		grep -c 03:30:00 | grep -qx "[2-9]"'
else
	n=$((n + 1))
	echo "ok $n - systemd-analyze # SKIP no systemd-analyze"
fi

# ---- where no signer runs: a CRL, by the passphrase as systemd gives it ----
sed -n 's,^ExecStart=,,p' "$T/units/ykenroll-crl.service" | sed "s,/var/lib/ykenroll,$T/home," >"$T/steps"
claim "the CRL's service does one thing" [ "$(wc -l <"$T/steps")" = 1 ]
claim "and is one unit" [ "$(grep -c '^\[Service\]' "$T/units/ykenroll-crl.service")" = 1 ]
mkdir "$T/credentials" && cp "$T/pass" "$T/credentials/ca-pass"
number() { openssl crl -in "$T/home/pub/issuing.crl" -noout -crlnumber; }
was=$(number)
claim "which signs a CRL" env CREDENTIALS_DIRECTORY="$T/credentials" sh -e "$T/steps"
claim "with the next number" [ "$(number)" != "$was" ]

# ---- what they run: each ExecStart, with this home in place of the service's ----
night() {
	sed -n 's,^ExecStart=,,p' "$T/units/ykenroll-rotate.service" | sed "s,/var/lib/ykenroll,$T/home," >"$T/steps"
	[ "$(wc -l <"$T/steps")" = 2 ] || return 1
	while read -r line; do $line || return; done <"$T/steps"
}
ca="--ca-pass file:$T/pass" www=$T/www
mkdir "$www"
issue() { # issue NAME DAYS
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$www/$1.key" -subj "/CN=$1" -out "$T/$1.csr" 2>/dev/null &&
		ykenroll ca issue "$T/$1.csr" --dns "$1.test" --days "$2" --chain --out "$www/$1.pem" $ca
}
serial() { openssl x509 -in "$1" -noout -serial; }
days() { echo $((($(date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s) - $(date +%s)) / 86400)); }
ends_soon() { openssl x509 -in "$1" -noout -checkend 2592000 >/dev/null && return 1 || return 0; }
claim "a server's certificate for 20 days" issue soon 20
# which would have 20 days again; here it is one of the usual length that has 20 days left
claim "nobody had asked for them" sqlite3 "$T/home/registry.db" "UPDATE software SET days = 0"
claim "one for 60" issue later 60
claim "a holder's for 20" enroll Alice alice@example.org --days 20
cp -a "$www" "$T/www.before"
untouched() { diff -r "$www" "$T/www.before"; }
exits 0 '' "a dry run" ykenroll ca renew --due 30d --dry-run
claim "names what is due" grep -q "$www/soon.pem" "$T/out"
refuse "and not the other" grep -q "$www/later.pem" "$T/out"
claim "and changes nothing" untouched
exits 10 'ykenroll signer' "a night without a signer fails, and says why" night
claim "and changes nothing" untouched
claim "but has listed the holder" grep -q alice@example.org "$T/out"
ykenroll signer $ca 2>"$T/signer.err" &
signer=$!
for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && break; sleep 0.1; done
PATH=$PATH:/usr/sbin:/sbin
nginx=
if command -v nginx >/dev/null; then
	mkdir "$T/ngx"
	cat >"$T/ngx/conf" <<-CNF
		daemon off;
		$([ "$(id -u)" = 0 ] && echo "user root root;")
		pid $T/ngx/pid;
		events { }
		http {
			access_log off;
			client_body_temp_path $T/ngx/1; proxy_temp_path $T/ngx/2; fastcgi_temp_path $T/ngx/3; uwsgi_temp_path $T/ngx/4; scgi_temp_path $T/ngx/5;
			server { listen 127.0.0.1:8452 ssl; ssl_certificate $www/soon.pem; ssl_certificate_key $www/soon.key; }
		}
	CNF
	nginx -e "$T/ngx/log" -c "$T/ngx/conf" &
	nginx=$!
fi
served() { # the serial that a client sees, its chain and name verified
	openssl s_client -connect 127.0.0.1:8452 -CAfile "$T/home/pub/root.crt" -verify_return_error -verify_hostname soon.test </dev/null 2>/dev/null |
		openssl x509 -noout -serial 2>/dev/null
}
was=$(serial "$www/soon.pem")
[ -z "$nginx" ] || { for _ in $(seq 9000); do [ -n "$(served)" ] && break; sleep 0.1; done; }
[ -z "$nginx" ] || claim "nginx has the old certificate" [ "$(served)" = "$was" ]
exits 0 '' "a night with a signer" night
refuse "the one that was due is another one" [ "$(serial "$www/soon.pem")" = "$was" ]
refuse "which does not end soon" ends_soon "$www/soon.pem"
claim "of the same key, for the same name, with the chain" sh -c '
	[ "$(openssl x509 -in "$0/soon.pem" -noout -pubkey)" = "$(openssl pkey -in "$0/soon.key" -pubout)" ] &&
	openssl x509 -in "$0/soon.pem" -noout -checkhost soon.test | grep -q "does match" && [ "$(grep -c BEGIN "$0/soon.pem")" = 2 ]' "$www"
claim "the other one is as it was" cmp "$www/later.pem" "$T/www.before/later.pem"
if [ -n "$nginx" ]; then
	kill -HUP $nginx # what ExecStartPost does, in a drop-in
	# a worker of before may answer once more
	for _ in $(seq 9000); do serves=$(served); [ "$serves" = "$(serial "$www/soon.pem")" ] && break; sleep 0.2; done
	claim "nginx serves the new one after a reload" [ "$serves" = "$(serial "$www/soon.pem")" ]
	kill $nginx
	wait $nginx
fi
now=$(serial "$www/soon.pem")
exits 0 '' "the next night" night
claim "nothing is due" [ "$(serial "$www/soon.pem")" = "$now" ]
kill $signer
wait $signer
exits 0 '' "nor is a signer needed then" night
finish
