#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How many OCSP requests a second, beside `openssl ocsp` with the same certificate, key and entries, in one run? Prints
# figures; asserts only that both say the same of a good and of a revoked certificate, and that no answer failed.
# Needs ykenroll in PATH, and ab (apache2-utils).
#
#   sh tests/bench/ocsp.sh [ENTRIES [REQUESTS]]         10000 20000
set -eu
n=${1:-10000} requests=${2:-20000}
command -v ab >/dev/null || { echo "SKIP: no ab here: apt-get install apache2-utils"; exit 77; }
ocsp="python3 $(cd "$(dirname "$0")/../flow" && pwd)/ocsp.py"
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-bench.XXXXXX")
ours= theirs=
trap '[ -z "$ours" ] || kill "$ours"; [ -z "$theirs" ] || kill "$theirs"; rm -rf "$T"' EXIT
umask 077
echo "correct horse battery" >"$T/pass"
ykenroll init --home "$T/home" --name Bench --recovery-out "$T/recovery.key" --ca-pass "file:$T/pass" \
	--recovery-pass "file:$T/pass" >/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/plain.key" 2>/dev/null
openssl pkcs8 -topk8 -scrypt -scrypt_N 16384 -in "$T/plain.key" -out "$T/ocsp.key" -passout "file:$T/pass"
openssl req -new -key "$T/plain.key" -subj /CN=x -out "$T/ocsp.csr"
ykenroll ca issue "$T/ocsp.csr" --home "$T/home" --profile ocsp --cn OCSP --ca-pass "file:$T/pass" --out "$T/ocsp.crt" 2>/dev/null

# Every second one is revoked.
python3 "$(dirname "$0")/fill.py" "$n" "$T/home/ca/issuance.db" "$T/index.txt" half
awk -F '\t' -v at=$((n / 2)) '!good && NR >= at && $1 == "V" { good = $4 } !bad && NR >= at && $1 == "R" { bad = $4 }
	END { print tolower(good), tolower(bad) }' "$T/index.txt" >"$T/serials"
read -r good revoked <"$T/serials"
openssl x509 -in "$T/home/pub/issuing.crt" -outform DER -out "$T/issuing.der"
id=$($ocsp ids "$T/issuing.der")
$ocsp request "$id" "$good" >"$T/plain.req"
$ocsp request "$id" "$good" nonce >"$T/nonce.req"

ykenroll ca ocsp --home "$T/home" --listen 127.0.0.1:0 --cert "$T/ocsp.crt" --key "$T/ocsp.key" --key-pass "file:$T/pass" >"$T/url" &
ours=$!
openssl ocsp -index "$T/index.txt" -port 0 -rsigner "$T/ocsp.crt" -rkey "$T/plain.key" -CA "$T/home/pub/issuing.crt" -nmin 10 \
	>"$T/theirs.out" 2>"$T/theirs.err" &
theirs=$!
for i in $(seq 100); do [ -s "$T/url" ] && grep -q ACCEPT "$T/theirs.out" && break; sleep 0.1; done
url=$(cat "$T/url")
other=http://127.0.0.1:$(sed -n 's/.*:\([0-9][0-9]*\).*/\1/p' "$T/theirs.out" | head -1)/
for u in "$url" "$other"; do
	for s in "$good good" "$revoked revoked"; do
		openssl ocsp -issuer "$T/home/pub/issuing.crt" -serial "0x${s% *}" -url "$u" -CAfile "$T/home/pub/root.crt" \
			-verify_other "$T/home/pub/issuing.crt" >"$T/one" 2>&1
		grep -q 'Response verify OK' "$T/one" && grep -q ": ${s#* }\$" "$T/one"
	done
done

row() { # row TEXT URL REQUEST OPTIONS…
	text=$1 u=$2 req=$3
	shift 3
	ab -q -n "$requests" -c 4 -p "$T/$req" -T application/ocsp-request "$@" "$u" >"$T/ab" 2>&1 || { cat "$T/ab"; exit 1; }
	awk -v text="$text" '/^Requests per second/ { r = $4 } /^ *50%/ { a = $2 } /^ *99%/ { b = $2 } /^Failed requests/ { f = $3 } /^Non-2xx/ { f += $3 }
		END { printf "%-52s %8.0f requests/s  50%% in %s ms, 99%% in %s ms\n", text, r, a, b; exit !r }' "$T/ab"
	grep -q '^Non-2xx' "$T/ab" && exit 1
	return 0
}
echo "$n entries, $requests requests from four clients:"
row "ykenroll ca ocsp, a nonce: each signed" "$url" nonce.req
row "ykenroll ca ocsp, a nonce, connections kept" "$url" nonce.req -k
row "ykenroll ca ocsp, no nonce: signed once" "$url" plain.req
row "ykenroll ca ocsp, no nonce, connections kept" "$url" plain.req -k
row "openssl ocsp (each signed, connections closed)" "$other" nonce.req
printf '%-52s %8s MB\n' "memory: ykenroll" "$(awk '/VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$ours/status")"
printf '%-52s %8s MB\n' "memory: openssl" "$(awk '/VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$theirs/status")"
