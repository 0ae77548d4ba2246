#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How long does a CRL take, and how much memory, beside `openssl ca -gencrl` on the same entries? Prints figures; asserts that
# openssl finds the same entries in both, that nginx takes ours, and of a million that ours needs half the time at most.
# Needs ykenroll in PATH.
#
#   sh tests/bench/crl.sh [ENTRIES]         10000; with FULL=1 a million
set -eu
n=${1:-${FULL:+1000000}}
n=${n:-10000}
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-bench.XXXXXX")
signer=
trap '[ -z "$signer" ] || kill "$signer" 2>/dev/null; rm -rf "$T"' EXIT
umask 077
echo "correct horse battery" >"$T/pass"
ykenroll init --home "$T/home" --name Bench --recovery-out "$T/recovery.key" --ca-pass "file:$T/pass" \
	--recovery-pass "file:$T/pass" >/dev/null
python3 "$here/fill.py" "$n" "$T/home/ca/issuance.log" "$T/index.txt" revoked

cat >"$T/time.py" <<'PY'
import resource, subprocess, sys, time
t = time.monotonic()
rc = subprocess.call(sys.argv[3:])
t = time.monotonic() - t
print(f'{sys.argv[1]:44} {t:7.2f} s {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024:6d} MB')
open(sys.argv[2], 'w').write(str(t))
sys.exit(rc)
PY
run() { python3 "$T/time.py" "$@"; } # run TEXT FILE COMMAND…: FILE gets the seconds
start() { # start TEXT: a signer that listens
	began=$(date +%s%N)
	ykenroll signer --home "$T/home" --ca-pass "file:$T/pass" 2>/dev/null &
	signer=$!
	until [ -S "$T/home/signer.sock" ]; do sleep 0.02; kill -0 "$signer"; done
	row "$1" "$(awk "BEGIN { printf \"%.2f\", ($(date +%s%N) - $began) / 1e9 }")"
}
stop() { kill "$signer"; wait "$signer" || :; signer=; }
row() { printf '%-44s %7s s %6s MB\n' "$1" "$2" "$(awk '/VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$signer/status")"; }

echo "$n entries:"
start "signer: first start, reads every line"
stop
start "signer: start with a checkpoint"
run "ykenroll ca crl: all of it" "$T/ours" ykenroll ca crl --home "$T/home" >"$T/out"
tail -1 "$T/out"
row "  of that the signer, its start included" ""
run "ykenroll revoke: one more, and a CRL" "$T/one" ykenroll revoke 2a2a2a2a2a2a2a --reason superseded --home "$T/home" >"$T/out"
tail -1 "$T/out"
row "  and the signer" ""
stop
run "ykenroll ca publish: ten files" "$T/publish" ykenroll ca publish "$T/www" --home "$T/home" >"$T/out" 2>/dev/null
tail -1 "$T/out"

mkdir "$T/ossl"
mv "$T/index.txt" "$T/ossl/index.txt"
echo 01 >"$T/ossl/crlnumber"
cat >"$T/ossl/cnf" <<CNF
[ca]
default_ca=c
[c]
database=$T/ossl/index.txt
crlnumber=$T/ossl/crlnumber
default_md=sha256
default_crl_days=7
crl_extensions=e
[e]
authorityKeyIdentifier=keyid
CNF
run "openssl ca -gencrl" "$T/theirs" openssl ca -config "$T/ossl/cnf" -gencrl -cert "$T/home/pub/issuing.crt" \
	-keyfile "$T/home/ca/issuing.key" -passin "file:$T/pass" -out "$T/ossl/crl.pem" 2>/dev/null

if command -v nginx >/dev/null; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/server.key" -out "$T/server.crt" -subj /CN=x 2>/dev/null
	cat "$T/home/pub/issuing.crl" "$T/home/pub/root.crl" >"$T/all.crl"
	cat >"$T/nginx.conf" <<-CONF
		daemon off; pid $T/nginx.pid; error_log stderr;
		events {}
		http { access_log off; client_body_temp_path $T/1; proxy_temp_path $T/2; fastcgi_temp_path $T/3; uwsgi_temp_path $T/4; scgi_temp_path $T/5;
		server { listen unix:$T/sock ssl; ssl_certificate $T/server.crt; ssl_certificate_key $T/server.key;
		ssl_client_certificate $T/home/pub/chain.pem; ssl_verify_client on; ssl_crl $T/all.crl; } }
	CONF
	run "nginx -t with ours" "$T/nginx" nginx -t -e stderr -c "$T/nginx.conf" 2>"$T/nginx.err" || { cat "$T/nginx.err"; exit 1; }
fi
openssl crl -in "$T/home/pub/issuing.crl" -noout -CAfile "$T/home/pub/issuing.crt" 2>&1 | grep -q 'verify OK'
list() { openssl crl -in "$1" -noout -text | awk '/Serial Number:/ { s = $3; n++ } /Reason Code/ { getline; r++; x[$0]++ } END { printf "%d entries", n
	for (i in x) printf ", %d%s", x[i], i; print "" }' | tr -s ' '; }
echo "openssl crl finds in ours:     $(list "$T/home/pub/issuing.crl")"
echo "openssl crl finds in its own:  $(list "$T/ossl/crl.pem")"
[ "$(list "$T/home/pub/issuing.crl" | cut -d' ' -f1)" = $((n + 1)) ] && [ "$(list "$T/ossl/crl.pem" | cut -d' ' -f1)" = "$n" ]
[ "$n" -lt 1000000 ] || awk "BEGIN { exit !($(cat "$T/ours") <= $(cat "$T/theirs") / 2) }"
