#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How many certificates a second, with few and with many issued before, beside `openssl ca` with as many in its index.txt? Ours
# over the signer's socket as a desk asks, each with its two synced rows in the issuance log; and as whole commands that
# write the registry too. The same of release 0.1.0 beside it. Prints figures; asserts that the processor's time for each is
# flat, and with FULL=1 that it is at most 1.2 times the old one's: the clock's depends on who else is here. Needs ykenroll in
# PATH.
#
#   sh tests/bench/issue.sh [FEW MANY]      1000 20000; with FULL=1 1000 1000000
#   OLD=PATH                                a ready ykenroll of 0.1.0 (libold.sh)
set -eu
few=${1:-1000}
many=${2:-${FULL:+1000000}}
many=${many:-20000}
here=$(cd "$(dirname "$0")" && pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-bench.XXXXXX")
signer=
trap '[ -z "$signer" ] || kill "$signer" 2>/dev/null; rm -rf "$T"' EXIT
umask 077
. "$here/libold.sh"
new=$(command -v ykenroll)
old_program
echo "correct horse battery" >"$T/pass"
openssl ecparam -name prime256v1 -genkey -noout -out "$T/key"
openssl req -new -key "$T/key" -subj /CN=x -outform DER -out "$T/csr"
openssl req -new -key "$T/key" -subj /CN=x -out "$T/csr.pem"
now() { date +%s%N; }
rate() { awk "BEGIN { printf \"%.1f\", $1 * 1e9 / ($3 - $2) }"; } # rate N BEGAN ENDED

theirs() { # theirs N: openssl ca, one command each
	mkdir "$T/ossl" && mv "$T/index.txt" "$T/ossl/index.txt"
	echo 01 >"$T/ossl/serial"
	cat >"$T/ossl/cnf" <<-CNF
		[ca]
		default_ca=c
		[c]
		database=$T/ossl/index.txt
		serial=$T/ossl/serial
		new_certs_dir=$T/ossl
		default_md=sha256
		default_days=1
		policy=p
		unique_subject=no
		rand_serial=yes
		[p]
		commonName=supplied
	CNF
	openssl pkey -in "$T/home/ca/issuing.key" -passin "file:$T/pass" -out "$T/ossl/key"
	began=$(now)
	for i in $(seq "$1"); do
		openssl ca -batch -notext -config "$T/ossl/cnf" -cert "$T/home/pub/issuing.crt" -keyfile "$T/ossl/key" -in "$T/csr.pem" \
			-subj "/CN=bench $i" -out "$T/ossl/crt" 2>"$T/err" || { cat "$T/err"; exit 1; }
	done
	rate "$1" "$began" "$(now)"
	rm -rf "$T/ossl"
}

commands() { # commands PROGRAM N: ykenroll ca issue, one command each; a second, and processor ms for each (not the signer's)
	began=$(now)
	for i in $(seq "$2"); do
		"$1" ca issue "$T/csr.pem" --profile software --cn "bench $i" --days 1 --home "$T/home" >/dev/null 2>"$T/err" || { cat "$T/err" >&2; exit 1; }
	done
	ended=$(now)
	times >"$T/times" # of the children: the second line
	awk -v n="$2" -v rate="$(rate "$2" "$began" "$ended")" \
		'NR == 2 { split($0, t, /[ms ]+/); printf "%s %.1f\n", rate, ((t[1] + t[3]) * 60 + t[2] + t[4]) * 1000 / n }' "$T/times"
}

measure() { # measure new|old N: with N certificates of the past
	if [ "$1" = new ]; then
		program=$new log=issuance.db message=$top/src/signer/message.h format=
	else
		program=$old log=issuance.log message=$old_message format=--old
	fi
	rm -rf "$T/home" "$T/recovery.key"
	"$program" init --home "$T/home" --name Bench --recovery-out "$T/recovery.key" --ca-pass "file:$T/pass" \
		--recovery-pass "file:$T/pass" >/dev/null
	python3 "$here/fill.py" $format "$2" "$T/home/ca/$log" "$T/index.txt" valid "$T/home/registry.db"
	"$program" signer --home "$T/home" --ca-pass "file:$T/pass" 2>/dev/null &
	signer=$!
	until [ -S "$T/home/signer.sock" ]; do sleep 0.05; kill -0 "$signer"; done
	before=$(ticks)
	# the best of three: what else this machine does is not ours
	socket=$(for _ in 1 2 3; do python3 "$here/issue.py" "$T/home/signer.sock" "$message" "$T/csr" "$rounds"; done | sort -n | tail -1)
	cpu=$(awk "BEGIN { printf \"%.2f\", ($(ticks) - $before) * 1000 / $(getconf CLK_TCK) / (3 * $rounds) }")
	# the best of three, by their processor time
	for i in 1 2 3; do (commands "$program" "${COMMANDS:-20}") || exit 1; done >"$T/commands"
	command=$(sort -n -k2 "$T/commands" | head -1)
	kill "$signer" && wait "$signer" || :
	signer=
	printf '%10s %6s %18s %18s %18s %18s %18s\n' "$2" "$1" "$socket" "$cpu" "${command% *}" "${command#* }" "$([ "$1" = old ] || theirs "${COMMANDS:-20}")"
	eval "cpu_$1_$2=$cpu command_$1_$2=${command#* }"
}
rounds=${ROUNDS:-300}
ticks() { sed 's/.*) //' "/proc/$signer/stat" | awk '{ print $12 + $13 }'; } # of the signer's processor time

echo "certificates a second:"
printf '%10s %6s %18s %18s %18s %18s %18s\n' before '' 'signer, by socket' 'its CPU ms each' 'ykenroll ca issue' 'its CPU ms each' 'openssl ca'
for n in "$few" "$many"; do
	measure new "$n"
	[ -z "$old" ] || measure old "$n"
done
of() { eval "echo \"\$$1\""; }
# by its processor time: the disk's is never the same twice
no_more "$(of "cpu_new_$many")" "$(of "cpu_new_$few")" 2 1 "CPU ms for each with $many, and with $few"
no_more "$(of "command_new_$many")" "$(of "command_new_$few")" 1.5 10 "CPU ms of a command with $many, and with $few"
if [ -n "${FULL-}" ]; then
	no_more "$(of "cpu_new_$many")" "$(of "cpu_new_$few")" 1.2 0.2 "CPU ms for each with $many, and with $few"
	for n in ${old:+"$few" "$many"}; do
		no_more "$(of "cpu_new_$n")" "$(of "cpu_old_$n")" 1.2 0 "CPU ms for each with $n, and the old program's"
		no_more "$(of "command_new_$n")" "$(of "command_old_$n")" 1.2 0 "CPU ms of a command with $n, and the old program's"
	done
fi
[ -z "$missed" ]
