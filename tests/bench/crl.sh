#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How long does a CRL take, and how much memory, beside `openssl ca -gencrl` on the same entries? Prints figures;
# asserts only that openssl takes the CRL and finds the same number of entries. Needs ykenroll in PATH.
#
#   sh tests/bench/crl.sh [ENTRIES]         10000; by hand 1000000
set -eu
n=${1:-10000}
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-bench.XXXXXX")
signer=
trap '[ -z "$signer" ] || kill "$signer" 2>/dev/null; rm -rf "$T"' EXIT
umask 077
echo "correct horse battery" >"$T/pass"
ykenroll init --home "$T/home" --name Bench --recovery-out "$T/recovery.key" --ca-pass "file:$T/pass" \
	--recovery-pass "file:$T/pass" >/dev/null

# Every third one key compromise, every third superseded, every third without a reason.
cat >"$T/fill.py" <<'PY'
import datetime, hashlib, json, secrets, sys
n, log, index = int(sys.argv[1]), sys.argv[2], sys.argv[3]
last = open(log, 'rb').read().splitlines()[-1]
prev, lines = hashlib.sha256(last).hexdigest(), json.loads(last)['n']
now = datetime.datetime.utcnow().replace(microsecond=0)
time, end = now.isoformat() + 'Z', (now + datetime.timedelta(days=700)).isoformat() + 'Z'
index_time, index_end = now.strftime('%y%m%d%H%M%SZ'), (now + datetime.timedelta(days=700)).strftime('%y%m%d%H%M%SZ')
reasons = (1, ',keyCompromise'), (4, ',superseded'), (0, '')
with open(log, 'a') as to, open(index, 'w') as ix:
    def put(entry):
        global prev, lines
        lines += 1
        line = json.dumps({'n': lines, 'time': time, 'peer': 0, **entry, 'prev': prev}, separators=(',', ':'))
        prev = hashlib.sha256(line.encode()).hexdigest()
        to.write(line + '\n')
    for i in range(n):
        raw = bytearray(secrets.token_bytes(16))
        raw[0] = 0x40 | raw[0] & 0x3f
        serial, (reason, word) = raw.hex(), reasons[i % 3]
        put({'what': 'intent', 'ca': 'issuing', 'serial': serial, 'not_after': end, 'sha256': '', 'tbs': ''})
        put({'what': 'signed', 'serial': serial, 'cert': 'AAAA'})
        put({'what': 'revoked', 'serial': serial, 'reason': reason})
        ix.write(f'R\t{index_end}\t{index_time}{word}\t{serial.upper()}\tunknown\t/CN=x\n')
PY
python3 "$T/fill.py" "$n" "$T/home/ca/issuance.log" "$T/index.txt" 2>/dev/null

cat >"$T/time.py" <<'PY'
import resource, subprocess, sys, time
t = time.monotonic()
rc = subprocess.call(sys.argv[2:])
print(f'{sys.argv[1]:34} {time.monotonic() - t:7.2f} s {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024:6d} MB')
sys.exit(rc)
PY
echo "$n entries:"
start=$(date +%s%N)
ykenroll signer --home "$T/home" --ca-pass "file:$T/pass" 2>/dev/null &
signer=$!
until [ -S "$T/home/signer.sock" ]; do sleep 0.05; kill -0 "$signer"; done
peak() { awk '/VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$signer/status"; }
printf '%-34s %7s s %6s MB\n' "signer: start, with a first CRL" "$(awk "BEGIN { printf \"%.2f\", ($(date +%s%N) - $start) / 1e9 }")" "$(peak)"
python3 "$T/time.py" "ykenroll ca crl (the desk's memory)" ykenroll ca crl --home "$T/home" >"$T/out"
tail -1 "$T/out"
printf '%-34s %7s   %6s MB\n' "  and the signer's" "" "$(peak)"

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
python3 "$T/time.py" "openssl ca -gencrl" openssl ca -config "$T/ossl/cnf" -gencrl -cert "$T/home/pub/issuing.crt" \
	-keyfile "$T/home/ca/issuing.key" -passin "file:$T/pass" -out "$T/ossl/crl.pem" 2>/dev/null
openssl crl -in "$T/home/pub/issuing.crl" -noout -CAfile "$T/home/pub/issuing.crt" 2>&1 | grep -q 'verify OK'
ours=$(openssl crl -in "$T/home/pub/issuing.crl" -noout -text | grep -c 'Serial Number:')
theirs=$(openssl crl -in "$T/ossl/crl.pem" -noout -text | grep -c 'Serial Number:')
echo "openssl crl finds $ours entries in ours, $theirs in its own"
[ "$ours" = "$n" ] && [ "$theirs" = "$n" ]
