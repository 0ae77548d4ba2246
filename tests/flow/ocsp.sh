#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does the OCSP responder say what the issuance log says, to openssl, to GnuTLS and to nginx, from the moment that a
# command is back; and whatever it is asked, only what it knows? N=10000 requests are random (half of them go to the
# build with sanitizers, where there is one).
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/ocsp.sh" --tokens 2 --firmware 5.7.1
PATH=$PATH:/usr/sbin:/sbin
ocsp="python3 $(pwd)/ocsp.py" N=${N:-10000}

make_ca >"$T/init.log" 2>&1
ca="--ca-pass file:$T/pass" pub=$T/home/pub
der() { sqlite3 "$T/home/registry.db" "SELECT hex(c.der) FROM certificates AS c JOIN works AS w ON w.id = c.work
	JOIN holders AS h ON h.id = w.holder WHERE h.key = '$1' AND c.der IS NOT NULL ORDER BY c.id DESC LIMIT 1" |
	python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))' | openssl x509 -inform DER -out "$2"; }
serial() { openssl x509 -in "$1" -noout -serial | cut -d= -f2 | tr A-F a-f; }
start() { # start PROGRAM OPTIONS…: its URL in $url
	rm -f "$T/url"
	program=$1
	shift
	"$program" ca ocsp --listen 127.0.0.1:0 "$@" >"$T/url" 2>"$T/ocsp.err" &
	responder=$!
	for _ in $(seq 9000); do [ -s "$T/url" ] && break; kill -0 $responder 2>/dev/null || break; sleep 0.1; done
	url=$(cat "$T/url") && [ -n "$url" ]
}
stop() { kill "$responder" && wait "$responder"; }
alive() { kill -0 "$responder"; }
by_openssl() { # by_openssl WORD CERT OPTIONS…
	want=$1 cert=$2
	shift 2
	openssl ocsp -issuer "$pub/issuing.crt" "$@" -cert "$cert" -url "$url" -CAfile "$pub/root.crt" -verify_other "$pub/issuing.crt" \
		>"$T/ossl" 2>&1 && cat "$T/ossl" && grep -q 'Response verify OK' "$T/ossl" && grep -q ": $want\$" "$T/ossl"
}
by_gnutls() { # by_gnutls WORD CERT
	timeout 1800 ocsptool --ask="$url" --load-issuer "$pub/issuing.crt" --load-cert "$2" --load-trust "$pub/issuing.crt" >"$T/gnutls" 2>&1
	grep -E 'Status:|Verif|Revoc' "$T/gnutls"
	grep -q "Certificate Status: $1" "$T/gnutls" && grep -q 'Verifying OCSP Response: Success' "$T/gnutls"
}
each() { while read -r verdict text; do claim "$text" [ "$verdict" = ok ]; done; }

enroll Alice alice@example.org -d "$(ykvirt inspect "$(state 1)" | jq -r .serial)" >/dev/null 2>&1 &&
	enroll Bob bob@example.org -d "$(ykvirt inspect "$(state 2)" | jq -r .serial)" >/dev/null 2>&1
claim "two people are enrolled" eval 'der alice@example.org "$T/alice.crt" && der bob@example.org "$T/bob.crt"'
# of the same CA, and never in its log: what a stolen key would make
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/eve.key" -subj /CN=Eve -out "$T/eve.csr" 2>/dev/null
openssl x509 -req -in "$T/eve.csr" -CA "$pub/issuing.crt" -CAkey "$T/home/ca/issuing.key" -passin "file:$T/pass" -set_serial 0x5b0b \
	-days 9 -out "$T/eve.crt" 2>/dev/null
alice=$(serial "$T/alice.crt") bob=$(serial "$T/bob.crt")

# ---- a key in memory, certified by the signer ----
exits 2 "--listen 'localhost'" "a name is no address" ykenroll ca ocsp --listen localhost:80
exits 2 '--cert.*--key.*--key-pass' "a certificate without its key" ykenroll ca ocsp --cert "$T/alice.crt"
exits 11 'ykenroll init' "no CA" ykenroll ca ocsp --home "$T" --listen 127.0.0.1:0
claim "it starts" start ykenroll $ca
openssl x509 -in "$pub/issuing.crt" -outform DER -out "$T/issuing.der"
id=$($ocsp ids "$T/issuing.der")
answers() { [ "$($ocsp status "$url" "$id" "$@" | tee "$T/status")" = "$words" ]; }
ykenroll ca ocsp $ca --listen '[::1]:0' >"$T/url6" 2>/dev/null &
six=$!
for _ in $(seq 9000); do [ -s "$T/url6" ] && break; sleep 0.1; done
claim "it listens at IPv6, too, where it is told to" eval 'grep -q "^http://\[::1\]:[0-9]*/$" "$T/url6" && [ "$(curl -sg -o "$T/page" -w "%{http_code}" "$(cat "$T/url6")")" = 400 ]'
kill $six
claim "openssl: good" by_openssl good "$T/alice.crt"
claim "openssl, SHA-256, by GET and without a nonce: good" by_openssl good "$T/alice.crt" -sha256 -no_nonce
claim "openssl: a certificate that was never issued is unknown" by_openssl unknown "$T/eve.crt"
claim "GnuTLS: good" by_gnutls good "$T/alice.crt"
claim "GnuTLS: unknown" by_gnutls unknown "$T/eve.crt"
claim "the responder's own certificate: delegated, no check, another key" eval '
	by_openssl good "$T/alice.crt" -resp_text | sed -n "/^-----BEGIN/,/^-----END/p" | openssl x509 -out "$T/responder.crt" &&
	openssl x509 -in "$T/responder.crt" -noout -text | grep -q "OCSP Signing" && openssl x509 -in "$T/responder.crt" -noout -text | grep -q "OCSP No Check" &&
	[ "$(openssl x509 -in "$T/responder.crt" -noout -pubkey)" != "$(openssl x509 -in "$pub/issuing.crt" -noout -pubkey)" ]'

# ---- at once ----
words="good good"
claim "both are good" answers "$alice" "$bob"
ykenroll revoke bob@example.org --reason superseded $ca >/dev/null
words="good revoked"
claim "revoked, as soon as the command is back" answers "$alice" "$bob"
claim "openssl: revoked, with its reason" eval 'by_openssl revoked "$T/bob.crt" && grep -q "Reason: superseded" "$T/ossl" && grep -q "Revocation Time" "$T/ossl"'
claim "GnuTLS: revoked" by_gnutls revoked "$T/bob.crt"
ykenroll suspend alice@example.org $ca >/dev/null
words=revoked
claim "on hold: revoked" answers "$alice"
claim "with that reason" eval 'by_openssl revoked "$T/alice.crt" && grep -q "Reason: certificateHold" "$T/ossl"'
ykenroll resume alice@example.org $ca >/dev/null
words=good
claim "and good again" answers "$alice"
alternate() { # ten times, and asked twice each time: what was signed before is not given again
	for _ in 1 2 3 4 5; do
		ykenroll suspend alice@example.org >/dev/null && words=revoked && answers "$alice" && answers "$alice" &&
			ykenroll resume alice@example.org >/dev/null && words=good && answers "$alice" && answers "$alice" || return 1
	done
}
ykenroll signer $ca 2>/dev/null &
signer=$!
for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && break; sleep 0.1; done
claim "ten changes, none missed" alternate
kill $signer
wait $signer

# ---- a serial that is reserved: the intent is there, the certificate is not yet ----
log=$T/home/ca/issuance.db
copied() { sqlite3 "file:$log?mode=ro" ".backup '$1'" && chmod 600 "$1"; } # copied FILE: the log as it is now
put() { rm -f "$log-wal" "$log-shm"; cp "$1" "$log.new" && chmod 600 "$log.new" && mv "$log.new" "$log"; } # put FILE: it is the log
copied "$T/log.before"
reserved=4100112233445566778899aabbccddee
python3 issuance.py append "$log" "{\"what\": \"intent\", \"ca\": \"issuing\", \"serial\": \"$reserved\", \"not_after\": 2398377600}"
$ocsp crafted "$url" "$id" "$alice" "$bob" $reserved >"$T/crafted"
each <"$T/crafted"
claim "crafted requests: $(grep -c ^ok "$T/crafted")" [ "$(grep -c ^ok "$T/crafted")" -ge 55 ]

# ---- a log that is not to be relied on ----
copied "$T/log.whole"
words=good
later() { [ "$($ocsp status "$url" "$id" "$alice")" = tryLater ]; }
damaged() { # damaged COMMAND…: a copy of the log, done that to, in the log's place
	cp "$T/log.whole" "$T/log.bad" && "$@" && put "$T/log.bad" && later
}
sql() { sqlite3 "$T/log.bad" "$1"; }
edit="UPDATE rows SET number = 1 WHERE what = 'revoked' AND number = 4"
claim "cut in the middle: tryLater" damaged truncate -s 5000 "$T/log.bad"
claim "mended: good" eval 'put "$T/log.whole" && answers "$alice"'
claim "a page that is lost: tryLater" damaged dd if=/dev/zero of="$T/log.bad" bs=4096 seek=1 count=1 conv=notrunc
claim "a row that was edited: tryLater" damaged sql "$edit"
claim "a row that is gone: tryLater" damaged sql "DELETE FROM rows WHERE n = (SELECT max(n) - 3 FROM rows)"
claim "the newest row is gone, the sums are of more: tryLater" damaged sql "DELETE FROM rows WHERE n = (SELECT max(n) FROM rows)"
claim "no rows: tryLater" damaged sql "DELETE FROM rows"
claim "no sums: tryLater" damaged sql "DELETE FROM sums"
claim "no tables: tryLater" damaged sql "DROP TABLE certs"
claim "empty: tryLater" damaged truncate -s 0 "$T/log.bad"
# the very file that the responder has open
put "$T/log.whole"
claim "whole again: good" answers "$alice"
claim "an edit beside it: tryLater" eval 'sqlite3 "$log" "$edit" && later'
put "$T/log.whole"
claim "whole again: good" answers "$alice"
claim "cut while it was read: tryLater" eval 'truncate -s 5000 "$log" && later'
put "$T/log.whole"
claim "whole again: good" answers "$alice"
claim "emptied while it was read: tryLater" eval 'truncate -s 0 "$log" && later'
rm "$log"
claim "not there: tryLater" [ "$($ocsp status "$url" "$id" "$alice")" = tryLater ]
told=$(wc -l <"$T/ocsp.err")
claim "it says why" [ "$told" -ge 2 ]
for _ in 1 2 3 4 5; do $ocsp status "$url" "$id" "$alice" >/dev/null; done
claim "but not with each request" [ "$(wc -l <"$T/ocsp.err")" = "$told" ]
put "$T/log.whole"
claim "mended: good" answers "$alice"
put "$T/log.before"
claim "it ends by SIGTERM" stop

# ---- a key in a file ----
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/plain.key" 2>/dev/null
openssl pkcs8 -topk8 -scrypt -scrypt_N 16384 -in "$T/plain.key" -out "$T/ocsp.key" -passout "file:$T/pass"
openssl req -new -key "$T/plain.key" -subj /CN=x -out "$T/ocsp.csr"
claim "ca issue makes its certificate" ykenroll ca issue "$T/ocsp.csr" --profile ocsp --cn "OCSP 1" $ca --out "$T/ocsp.crt"
files="--cert $T/ocsp.crt --key $T/ocsp.key --key-pass file:$T/pass"
copied "$T/log.whole"
ykenroll ca crl $ca >/dev/null
copied "$T/log.now"
put "$T/log.whole"
exits 11 '[0-9]+ CRLs .* [0-9]+ ' "with a log that is older than the CRL it does not start" ykenroll ca ocsp --listen 127.0.0.1:0 $files
put "$T/log.now"
exits 2 '/plain.key .*openssl pkcs8' "a plain key is refused" ykenroll ca ocsp --listen 127.0.0.1:0 --cert "$T/ocsp.crt" --key "$T/plain.key" \
	--key-pass "file:$T/pass"
exits 12 'OCSPSigning' "a holder's certificate is refused" ykenroll ca ocsp --listen 127.0.0.1:0 --cert "$T/alice.crt" --key "$T/ocsp.key" --key-pass "file:$T/pass"
exits 12 '' "the CA's certificate and key are refused" ykenroll ca ocsp --listen 127.0.0.1:0 --cert "$pub/issuing.crt" \
	--key "$T/home/ca/issuing.key" --key-pass "file:$T/pass"
claim "it starts" start ykenroll $files
claim "openssl: good" by_openssl good "$T/alice.crt"
exits 9 ' 127.0.0.1 port [0-9]+' "the port is taken" ykenroll ca ocsp --listen "$(echo "$url" | cut -d/ -f3)" $files
ykenroll ca issue "$T/ocsp.csr" --profile ocsp --cn "OCSP 2" $ca --out "$T/ocsp2.crt" >/dev/null 2>&1 && mv "$T/ocsp2.crt" "$T/ocsp.crt"
kill -HUP $responder
sleep 0.3
claim "SIGHUP: a new certificate is taken" eval 'by_openssl good "$T/alice.crt" -resp_text | grep -Eq "CN ?= ?OCSP 2"'
cp "$T/alice.crt" "$T/ocsp.crt"
kill -HUP $responder
sleep 0.3
claim "one that does not fit is not, and it says so" eval 'by_openssl good "$T/alice.crt" && grep -q OCSPSigning "$T/ocsp.err"'

# ---- nginx asks ----
if command -v nginx >/dev/null; then
	chmod 755 "$T"
	mkdir -m 755 "$T/ngx"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/ngx/s.key" -out "$T/ngx/s.crt" -subj /CN=localhost \
		-addext subjectAltName=IP:127.0.0.1 -days 9 2>/dev/null
	cat "$pub/issuing.crt" "$pub/root.crt" >"$T/ngx/ca.pem"
	cat >"$T/ngx/conf" <<-CNF
		daemon off;
		$([ "$(id -u)" = 0 ] && echo "user root root;")
		pid $T/ngx/pid;
		error_log $T/ngx/log info;
		events { }
		http {
			access_log off;
			client_body_temp_path $T/ngx/1; proxy_temp_path $T/ngx/2; fastcgi_temp_path $T/ngx/3; uwsgi_temp_path $T/ngx/4; scgi_temp_path $T/ngx/5;
			server {
				listen 127.0.0.1:8451 ssl;
				ssl_certificate $T/ngx/s.crt; ssl_certificate_key $T/ngx/s.key;
				ssl_client_certificate $T/ngx/ca.pem; ssl_verify_client on; ssl_verify_depth 2;
				ssl_ocsp leaf; ssl_ocsp_responder $url;
				location / { return 200 "in\n"; }
			}
		}
	CNF
	# people without tokens, so that no card stands between nginx and the question
	for who in carol dave; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$who.key" -subj "/CN=$who" -out "$T/$who.csr" 2>/dev/null
		ykenroll ca issue "$T/$who.csr" --profile software --cn $who --email $who@example.org $ca --out "$T/$who.crt" >/dev/null 2>&1
	done
	nginx -e stderr -c "$T/ngx/conf" 2>"$T/ngx/err" &
	nginx=$!
	login() { timeout 1800 curl -s --cacert "$T/ngx/s.crt" --cert "$T/$1.crt" --key "$T/$1.key" -o "$T/page" -w '%{http_code}' https://127.0.0.1:8451/; }
	for _ in $(seq 9000); do [ "$(login carol)" != 000 ] && break; sleep 0.1; done
	claim "nginx: good gets in" [ "$(login carol)" = 200 ]
	claim "nginx: one that was never issued does not" [ "$(login eve)" = 400 ]
	claim "nginx: dave gets in" [ "$(login dave)" = 200 ]
	claim "dave is revoked" ykenroll revoke "$(serial "$T/dave.crt")" --reason superseded $ca
	claim "nginx: not when he is revoked, without a reload" [ "$(login dave)" = 400 ]
	claim "because of that" grep -q 'certificate revoked' "$T/ngx/log"
	claim "nginx: carol still does" [ "$(login carol)" = 200 ]
	kill -STOP $responder
	claim "nginx: nobody, while the responder hangs" [ "$(timeout 5 curl -s --cacert "$T/ngx/s.crt" --cert "$T/carol.crt" --key "$T/carol.key" -o "$T/page" \
		-w '%{http_code}' https://127.0.0.1:8451/)" != 200 ]
	kill -CONT $responder
	kill $nginx
	wait $nginx
else
	n=$((n + 1))
	echo "ok $n - nginx # SKIP not installed"
fi

# ---- whatever it is asked ----
asan=${BUILDDIR:+$BUILDDIR/clang/src/ykenroll}
[ -n "$asan" ] && [ -x "$asan" ] && half=$((N / 2)) || half=$N
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$responder/status"; }
$ocsp fuzz "$url" "$id" "$alice" $((half / 10)) 3 >"$T/fuzz" 2>&1 # warm
before=$(memory)
$ocsp fuzz "$url" "$id" "$alice" $half "${SEED:-1}" >"$T/fuzz" 2>&1
rc=$?
claim "$(tail -1 "$T/fuzz")" [ $rc = 0 ]
claim "it lives" alive
claim "and has not grown: $before kB, then $(memory)" [ "$(memory)" -le $((before + 1024)) ]
claim "and answers" by_openssl good "$T/alice.crt"
stop
if [ "$half" != "$N" ]; then
	ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 start "$asan" $ca
	$ocsp fuzz "$url" "$id" "$alice" $((N - half)) "${SEED:-2}" >"$T/fuzz" 2>&1
	rc=$?
	claim "with sanitizers: $(tail -1 "$T/fuzz")" [ $rc = 0 ]
	$ocsp crafted "$url" "$id" "$alice" "$bob" $reserved >"$T/crafted"
	claim "and the crafted ones, of which none is reserved" [ "$(grep -c ^ok "$T/crafted")" -ge 55 ]
	claim "it ends by SIGTERM, with nothing to report" eval 'stop && ! grep -E "ERROR|:[0-9]+:[0-9]+: " "$T/ocsp.err"'
fi
# ---- for weeks, with nobody there ----
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -1)
if [ -n "$lib" ]; then
	clock() { printf '%+09d\n' $(($1 * 3600)) | dd of="$T/home/pub/clock" conv=notrunc status=none && sleep 1.3; }
	faked="env LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE=$T/home/pub/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1"
	printf '#!/bin/sh\nexec %s ykenroll "$@"\n' "$faked" >"$T/faked" && chmod +x "$T/faked"
	new() { grep -c '[0-9]Z$' "$T/ocsp.err"; }
	clock 0
	words=good
	claim "it starts, with a clock that we set" start "$T/faked" $ca
	clock 83
	claim "before half of its certificate's life nothing happens" [ "$(wc -l <"$T/ocsp.err")" = 0 ]
	clock 85
	claim "then it wants a new one, and there is no signer: it says so" grep -q -- --ca-pass "$T/ocsp.err"
	claim "and goes on" answers "$alice"
	$faked ykenroll-signer $ca 2>>"$T/signer.err" &
	signer=$!
	for _ in $(seq 9000); do [ -S "$T/home/signer.sock" ] && break; sleep 0.1; done
	clock 86
	claim "with a signer it has one" [ "$(new)" = 1 ]
	clock 171
	claim "and the next" [ "$(new)" = 2 ]
	claim "and answers" answers "$alice"
	kill $signer
	wait $signer
	clock 338
	claim "a week without a signer: it still answers" answers "$alice"
	clock 340
	words=tryLater
	claim "and then, without a certificate, tryLater" answers "$alice"
	clock 150
	claim "a clock that is behind the log: tryLater" answers "$alice"
	claim "which it says" grep -q '[0-9]Z, ' "$T/ocsp.err"
	stop
else
	n=$((n + 1))
	echo "ok $n - for weeks # SKIP no libfaketime"
fi
finish
