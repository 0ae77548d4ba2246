#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How long does a CRL take, and how much memory, beside `openssl ca -gencrl` on the same entries, and beside release 0.1.0, whose
# log is converted here, too? Prints figures; asserts that openssl finds the same entries in all, that nginx takes ours, of a
# million that ours needs half the time of openssl's at most, and with FULL=1 that nothing takes more than 1.2 times as long as
# the old program, and publishing twice as long as the CRL. Needs ykenroll in PATH.
#
#   sh tests/bench/crl.sh [ENTRIES]         10000; with FULL=1 a million
#   OLD=PATH                                a ready ykenroll of 0.1.0 (libold.sh)
set -eu
n=${1:-${FULL:+1000000}}
n=${n:-10000}
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-bench.XXXXXX")
signer=
trap '[ -z "$signer" ] || kill "$signer" 2>/dev/null; rm -rf "$T"' EXIT
umask 077
. "$here/libold.sh"
new=$(command -v ykenroll)
old_program
echo "correct horse battery" >"$T/pass"
filled() { # filled PROGRAM HOME LOG [--old]
	"$1" init --home "$2" --name Bench --recovery-out "$2.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/pass" >/dev/null
	python3 "$here/fill.py" ${4-} "$n" "$2/ca/$3" "$T/index.txt" revoked
}
filled "$new" "$T/home" issuance.db

cat >"$T/time.py" <<'PY'
import os, resource, subprocess, sys, time
def signer():  # seconds of processor that it has used
    if not os.environ.get('SIGNER'):
        return 0
    stat = open(f'/proc/{os.environ["SIGNER"]}/stat').read().rsplit(')', 1)[1].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf('SC_CLK_TCK')
cpu, t = -signer(), time.monotonic()
rc = subprocess.call(sys.argv[3:])
t = time.monotonic() - t
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu += signer() + used.ru_utime + used.ru_stime
print(f'{sys.argv[1]:44} {t:7.2f} s {cpu:7.2f} s {used.ru_maxrss // 1024:6d} MB')
open(sys.argv[2], 'w').write(f'{cpu}\n')
open(sys.argv[2] + '.mb', 'w').write(str(used.ru_maxrss / 1024))
sys.exit(rc)
PY
# run TEXT FILE COMMAND…: FILE gets the seconds of processor, with those of $signer; the clock's depend on who else is here
run() { SIGNER=$signer python3 "$T/time.py" "$@"; }
start() { # start TEXT FILE: a signer that listens
	began=$(date +%s%N)
	"$program" signer --home "$home" --ca-pass "file:$T/pass" 2>/dev/null &
	signer=$!
	until [ -S "$home/signer.sock" ]; do sleep 0.02; kill -0 "$signer"; done
	sed 's/.*)//' "/proc/$signer/stat" | awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($12 + $13) / hz }' >"$2"
	row "$1" "$(awk "BEGIN { printf \"%.2f\", ($(date +%s%N) - $began) / 1e9 }") s" "$(cat "$2") s"
}
stop() { kill "$signer"; wait "$signer" || :; signer=; }
row() { printf '%-44s %9s %9s %6s MB\n' "$1" "$2" "$3" "$(awk '/VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$signer/status")"; }
best() { sort -n "$1.1" "$1.2" "$1.3" | head -1 >"$1"; } # of three: a processor that is shared counts what it waits for, too
figures() { # figures TEXT PROGRAM HOME NAME: into $T/NAME.crl and so on
	program=$2 home=$3
	echo "$1:"
	start "signer: first start" "$T/$4.first"
	stop
	start "signer: the next start" "$T/$4.start"
	for i in 1 2 3; do
		run "ykenroll ca crl: all of it" "$T/$4.crl.$i" "$program" ca crl --home "$home" >"$T/out"
		tail -1 "$T/out"
	done
	best "$T/$4.crl"
	row "  of that the signer, its start included" "" ""
	for i in 1 2 3; do
		run "ykenroll revoke: one more, and a CRL" "$T/$4.one.$i" "$program" revoke "$(echo aaaaaaa | sed "s/a/2$(echo $i | tr 123 abc)/g")" \
			--reason superseded --home "$home" >"$T/out"
		tail -1 "$T/out"
	done
	best "$T/$4.one"
	row "  and the signer" "" ""
	stop
	run "ykenroll ca publish: ten files" "$T/$4.publish" "$program" ca publish "$T/www.$4" --home "$home" >"$T/out" 2>/dev/null
	tail -1 "$T/out"
	run "ykenroll ca log: every row" "$T/$4.log" "$program" ca log --home "$home" >"$T/out"
	tail -1 "$T/out"
}

echo "$n entries; by the clock, of the processor, and memory:"
figures "this program" "$new" "$T/home" new
if [ -n "$old" ]; then
	filled "$old" "$T/home.old" issuance.log --old
	cp -a "$T/home.old" "$T/home.conv"
	figures "the old one, whose first start reads every line" "$old" "$T/home.old" old
	figures "this one, whose first start converts the old one's log" "$new" "$T/home.conv" conv
fi

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
theirs=$(list "$T/ossl/crl.pem")
echo "openssl crl finds in its own:  $theirs"
[ "${theirs%% *}" = "$n" ]
for home in "$T/home" ${old:+"$T/home.old" "$T/home.conv"}; do
	ours=$(list "$home/pub/issuing.crl")
	echo "openssl crl finds in ours:     $ours"
	[ "${ours%% *}" = $((n + 3)) ]
done
of() { cat "$T/$1"; }
[ "$n" -lt 1000000 ] || no_more "$(of new.crl)" "$(of theirs)" 0.5 0 "a CRL, and openssl's"
if [ -n "${FULL-}" ]; then
	for what in ${old:+start crl one}; do
		no_more "$(of "new.$what")" "$(of "old.$what")" 1.2 0 "$what, and the old program's"
		no_more "$(of "conv.$what")" "$(of "old.$what")" 1.2 0 "$what of a converted log, and the old program's"
	done
	no_more "$(of new.publish)" "$(of new.crl)" 2 0 "publish, and the CRL"
	[ -z "$old" ] || no_more "$(of conv.first)" "$(of old.first)" 1 0 "the first start on the old log, and the old program's"
fi
no_more "$(of new.publish.mb)" 60 1 0 "publish's memory in MB, and 60"
[ -z "$missed" ]
