#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How many certificates a second, with few and with many issued before, beside `openssl ca` with as many in its index.txt? Ours
# over the signer's socket as a desk asks, each with its two synced lines in the issuance log; and as whole commands that
# write the registry too. Prints figures; asserts that ours is flat. Needs ykenroll in PATH.
#
#   sh tests/bench/issue.sh [FEW MANY]      1000 20000; with FULL=1 1000 1000000
set -eu
few=${1:-1000}
many=${2:-${FULL:+1000000}}
many=${many:-20000}
here=$(cd "$(dirname "$0")" && pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-bench.XXXXXX")
signer=
trap '[ -z "$signer" ] || kill "$signer" 2>/dev/null; rm -rf "$T"' EXIT
umask 077
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

commands() { # commands N: ykenroll ca issue, one command each
	began=$(now)
	for i in $(seq "$1"); do
		ykenroll ca issue "$T/csr.pem" --profile software --cn "bench $i" --days 1 --home "$T/home" >/dev/null 2>"$T/err" || { cat "$T/err" >&2; exit 1; }
	done
	rate "$1" "$began" "$(now)"
}

measure() { # measure N: with N certificates of the past
	rm -rf "$T/home"
	ykenroll init --home "$T/home" --name Bench --recovery-out "$T/recovery.key.$1" --ca-pass "file:$T/pass" \
		--recovery-pass "file:$T/pass" >/dev/null
	python3 "$here/fill.py" "$1" "$T/home/ca/issuance.log" "$T/index.txt" valid "$T/home/registry.db"
	ykenroll signer --home "$T/home" --ca-pass "file:$T/pass" 2>/dev/null &
	signer=$!
	until [ -S "$T/home/signer.sock" ]; do sleep 0.05; kill -0 "$signer"; done
	before=$(ticks)
	socket=$(python3 "$here/issue.py" "$T/home/signer.sock" "$here/../../src/signer/message.h" "$T/csr" "${ROUNDS:-300}")
	cpu=$(awk "BEGIN { printf \"%.2f\", ($(ticks) - $before) * 1000 / $(getconf CLK_TCK) / ${ROUNDS:-300} }")
	command=$(commands "${COMMANDS:-20}")
	kill "$signer" && wait "$signer" || :
	signer=
	printf '%10s %22s %22s %22s %22s\n' "$1" "$socket" "$cpu" "$command" "$(theirs "${COMMANDS:-20}")"
	eval "cpu_$1=$cpu"
}
ticks() { sed 's/.*) //' "/proc/$signer/stat" | awk '{ print $12 + $13 }'; } # of the signer's processor time

echo "certificates a second:"
printf '%10s %22s %22s %22s %22s\n' 'before' 'signer, by socket' 'its CPU ms for each' 'ykenroll ca issue' 'openssl ca'
measure "$few"
measure "$many"
# by its processor time: the disk's is never the same twice
eval "awk \"BEGIN { exit !(\$cpu_$many < 2 * \$cpu_$few + 1) }\"" || { echo "with $many it takes more than twice as long"; exit 1; }
