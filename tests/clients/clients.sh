#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a virtual key what real clients take for a YubiKey? Each client does its round on a key of each firmware: it lists it,
# makes and imports keys and certificates, signs, attests, changes and unblocks, and resets. Keys of other kinds (FIPS, PIN
# complexity, Bio) have a short round of several clients. openssl judges what they wrote, `ykvirt inspect` what they did to
# the key. Prints the matrices of ability and firmware, one for each client, as diagnostics.
#
#   sh clients.sh [ROUND[/FIRMWARE]…]
#
# QUICK: one round of ykman, without some algorithms, and one of PKCS #11; the whole matrix: tests/matrix.sh clients
set -u
cd "$(dirname "$0")" || exit 1
HERE=$(pwd)
YKCS11=$(ls /usr/lib/*/libykcs11.so /usr/lib/libykcs11.so 2>/dev/null | head -1)
OPENSC=$(ls /usr/lib/*/opensc-pkcs11.so /usr/lib/opensc-pkcs11.so 2>/dev/null | head -1)
export HERE YKCS11 OPENSC LC_ALL=C.UTF-8

if [ -n "${ROUND-}" ]; then # inside a lab
	cd "$D" || exit 1
	. "$HERE/libround.sh"
	. "$HERE/lib$(echo "$ROUND" | tr -d -).sh"
	make_test_ca >ca.log 2>&1 || { report 'not ok' prepare "a CA"; exit 1; }
	round
	end_round
	exit
fi

T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-clients.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM

# The longest first.
FIRMWARES='5.7.4 5.7.1 5.4.3 5.2.4 4.3.7'
all=
for round in ykman p11tool ykcs11 yubico-piv-tool opensc-tool opensc-pkcs11; do
	for f in $FIRMWARES; do
		all="$all $round/$f"
	done
done
all="$all fips/5.7.4 complexity/5.7.1 bio/5.7.2"
[ $# -gt 0 ] || [ -z "${QUICK-}" ] || set -- ykman/5.7.4 ykcs11/5.4.3
jobs=
for asked in "${@:-}"; do
	for job in $all; do
		case $job in $asked | $asked/* | ${asked:-*}) jobs="$jobs $job" ;; esac
	done
done
[ -n "$jobs" ] || { echo "no such round: $*" >&2; exit 2; }

kind() { # kind ROUND: the option that makes such a key
	case $1 in
	fips) echo --key-option=--fips ;;
	complexity) echo --key-option=--pin-complexity ;;
	bio) echo --key-option=--form-factor=6 ;;
	esac
}
worker() { # do what no other worker has begun
	for job in $jobs; do
		ROUND=${job%/*} FIRMWARE=${job#*/} D=$T/${job%/*}-${job#*/}
		mkdir "$D" 2>/dev/null || continue
		export ROUND FIRMWARE D
		timeout -k 5 1800 ykvirt lab --firmware "$FIRMWARE" $(kind "$ROUND") -- sh "$HERE/clients.sh" >"$D.tap" 2>&1 </dev/null
	done
}
worker &
first=$!
worker &
wait $first
wait $!

n=0 bad=0
for job in $jobs; do
	tap=$T/${job%/*}-${job#*/}.tap
	[ "$(tail -1 "$tap")" = end ] || echo "not ok - $job: the round came to its end" >>"$tap"
	while IFS= read -r line; do
		case $line in
		'ok - '*) n=$((n + 1)) line="ok $((n + 1)) ${line#ok }" ;;
		'not ok - '*) n=$((n + 1)) bad=1 line="not ok $((n + 1)) ${line#not ok }" ;;
		end) continue ;;
		'#'*) ;;
		*) line="# $line" ;;
		esac
		printf '%s\n' "$line"
	done <"$tap"
	[ ! -f "${tap%.tap}/matrix" ] || cat "${tap%.tap}/matrix" >>"$T/matrix"
done

if [ "$jobs" = "$all" ]; then
	n=$((n + 1))
	strangers=$(grep -v '^#' "$HERE/cannot.txt" | cut -d';' -f1 | sort -u | while read -r who; do
		[ -z "$who" ] || grep -q "^$who " "$T/matrix" || echo "$who"
	done)
	[ -z "$strangers" ] && echo "ok $n - cannot.txt has no client without a round" ||
		{ bad=1; echo "not ok $n - cannot.txt has clients without a round:" $strangers; }
fi

# The matrix has lines of client, version, firmware, cell, verdict: a table for each client, or each kind of key.
sort -s -k1,1 "$T/matrix" | awk -v order='4.3.7 5.2.4 5.4.3 5.7.1 5.7.4 ykman yubico-piv-tool ykcs11 opensc-tool opensc-pkcs11' '
{
	group = $1 " " $2; column = $3
	if (match($1, /-(fips|complexity|bio)$/)) { group = substr($1, RSTART + 1) " " $3; column = substr($1, 1, RSTART - 1) }
	if (!(group in rows)) { rows[group] = 0; groups[++ngroups] = group }
	if (!((group, $4) in seen)) { seen[group, $4] = 1; row[group, ++rows[group]] = $4 }
	used[group, column] = 1; v[group, $4, column] = $5; count[group, column, $5]++; total[$5]++
}
END {
	columns = split(order, col)
	split("pass cannot FAIL", verdict)
	for (g = 1; g <= ngroups; g++) {
		group = groups[g]
		line = sprintf("# %-26s", group)
		for (i = 1; i <= columns; i++) if ((group, col[i]) in used) line = line sprintf(" %-7s", col[i])
		print line
		for (r = 1; r <= rows[group] + 3; r++) {
			line = sprintf("#   %-24s", r > rows[group] ? "all: " verdict[r - rows[group]] : row[group, r])
			for (i = 1; i <= columns; i++) if ((group, col[i]) in used) {
				if (r > rows[group]) value = count[group, col[i], verdict[r - rows[group]]] + 0
				else value = ((group, row[group, r], col[i]) in v) ? v[group, row[group, r], col[i]] : "-"
				line = line sprintf(" %-" (length(col[i]) > 7 ? length(col[i]) : 7) "s", value)
			}
			print line
		}
	}
	printf "# matrix: %d pass, %d cannot, %d fail\n", total["pass"], total["cannot"], total["FAIL"]
}'
echo "1..$n"
exit $bad
