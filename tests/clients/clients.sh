#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a virtual key what real clients take for a YubiKey? Each client does its round on a key of each firmware: it lists it,
# makes and imports keys and certificates, signs, attests, changes and unblocks, and resets. openssl judges what it wrote,
# `ykvirt inspect` what it did to the key. Prints the matrix of client and ability as diagnostics.
#
#   sh clients.sh [CLIENT…]
set -u
cd "$(dirname "$0")" || exit 1
HERE=$(pwd)
YKCS11=$(ls /usr/lib/*/libykcs11.so /usr/lib/libykcs11.so 2>/dev/null | head -1)
OPENSC=$(ls /usr/lib/*/opensc-pkcs11.so /usr/lib/opensc-pkcs11.so 2>/dev/null | head -1)
export HERE YKCS11 OPENSC LC_ALL=C.UTF-8

if [ -n "${ROUND-}" ]; then # inside a lab
	cd "$D" || exit 1
	. "$HERE/libround.sh"
	. "$HERE/lib$ROUND.sh"
	make_test_ca >ca.log 2>&1 || { report 'not ok' prepare "a CA"; exit 1; }
	round
	end_round
	exit
fi

version_of() {
	case $1 in
	ykman) ykman --version ;;
	yubico-piv-tool) yubico-piv-tool --version ;;
	ykcs11) readlink -f "$YKCS11" ;; # the module says 2.20 for 2.2.0
	opensc*) opensc-tool -i ;;
	esac 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -1
}

T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-clients.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM

one() { # one CLIENT FIRMWARE
	CLIENT=$1 FIRMWARE=$2 ROUND=$(echo "$1" | tr -d -) D=$T/$1-$2 VERSION=$(version_of "$1")
	export CLIENT FIRMWARE ROUND D VERSION
	mkdir "$D"
	timeout -k 5 240 ykvirt lab --firmware "$2" -- sh "$HERE/clients.sh" >"$D.tap" 2>&1 </dev/null
}

# Two rounds at a time, the longest first.
clients=${*:-ykman yubico-piv-tool ykcs11 opensc-tool opensc-pkcs11}
for c in $clients; do
	one "$c" 5.4.3 &
	first=$!
	one "$c" 5.7.1 &
	wait $first
	wait $!
done

n=0 bad=0
for c in $clients; do
	for f in 5.4.3 5.7.1; do
		[ "$(tail -1 "$T/$c-$f.tap")" = end ] || echo "not ok - $c, $f: the round came to its end" >>"$T/$c-$f.tap"
		while IFS= read -r line; do
			case $line in
			'ok - '*) n=$((n + 1)); line="ok $n ${line#ok }" ;;
			'not ok - '*) n=$((n + 1)) bad=1; line="not ok $n ${line#not ok }" ;;
			end) continue ;;
			'#'*) ;;
			*) line="# $line" ;;
			esac
			printf '%s\n' "$line"
		done <"$T/$c-$f.tap"
		echo "# $c $(version_of "$c"), $f: $(grep -c ' pass$' "$T/$c-$f/matrix") pass," \
			"$(grep -c ' cannot$' "$T/$c-$f/matrix") cannot, $(grep -c ' FAIL$' "$T/$c-$f/matrix") fail"
		sed "s/^/$c $f /" "$T/$c-$f/matrix" >>"$T/matrix"
	done
done
awk '{ cell = $3; col = $1 "/" $2; v[cell, col] = $4; if (!(cell in seen)) { seen[cell] = 1; row[++rows] = cell }
	if (!(col in known)) { known[col] = 1; column[++cols] = col } }
	END { printf "# %-18s", ""; for (i = 1; i <= cols; i++) printf " %-21s", column[i]; print ""
	for (r = 1; r <= rows; r++) { printf "# %-18s", row[r]
	for (i = 1; i <= cols; i++) printf " %-21s", ((row[r], column[i]) in v) ? v[row[r], column[i]] : "-"; print "" } }' "$T/matrix"
echo "1..$n"
exit $bad
