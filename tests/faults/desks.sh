#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Two desks at once, with a random delay between them: does exactly one win, and the other change nothing?
#   token    two holders want the same token
#   holder   the same holder is given two tokens
#   twice    the same command, typed twice
# ROUNDS (default 60; FULL=1: 500; QUICK=N: an Nth of 60) are shared out among the three.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
ROUNDS=${ROUNDS:-$((60 / ${QUICK:-1}))}
[ -z "${FULL-}" ] || ROUNDS=500
V=5.7.1

desk() { # desk NAME LOCALPART [OPTIONS…]
	who=$1 mail=$2
	shift 2
	ykenroll enroll "$who" --email "$mail@example.org" --ca-pass "file:$T/pass" --pin "file:$T/pin" --json "$@"
}

# What changed: the registry's audit rows, the certificates that the CA was asked for, and who is known.
changes() {
	sqlite3 "$YKENROLL_HOME/registry.db" "SELECT action FROM audit ORDER BY seq; SELECT count(*) FROM holders;
		SELECT count(*) FROM tokens; SELECT count(*) FROM works; SELECT count(*) FROM certificates; SELECT count(*) FROM secrets"
	sqlite3 "$YKENROLL_HOME/ca/issuance.db" "SELECT what FROM rows ORDER BY n"
}
# A token that nobody touched is as it left the factory.
factory() { ykvirt inspect "$1" | jq -e '.management_key.factory and .pin.factory and .puk.factory and (.slots | has("9a") | not)'; }


inside_token() { race "$1" 1 1 desk "Bob Brown" bob; }
inside_twice() { race "$1" 1 1 desk "Alice Adams" alice; }
inside_holder() {
	race "$1" 1 2 desk "Alice Adams" alice || return
	factory "$YKVIRT_STATE_DIR/key-$loser.json" >"$P/factory" || return
	ln -sf "lab/key-$winner.json" "$P/key.json"
}
inside_clean() { desk "Alice Adams" alice --device "$(lab_serial 1)" >"$P/clean.json" && changes >"$P/changes"; }

timed() { # timed 1|2 COMMAND…
	me=$1
	shift
	from=$(date +%s%N)
	"$@" >"$P/$me.json" 2>"$P/$me.err"
	echo $? >"$P/$me.rc"
	echo "$from $(date +%s%N)" >"$P/$me.time"
}
overlapped() { # how many of these points had both desks at work at once
	for p in "$@"; do
		cat "$p/1.time" "$p/2.time" | tr '\n' ' '
		echo
	done | awk '$1 < $4 && $3 < $2 { n++ } END { print n + 0 }'
}

# race MS-MS-N KEY KEY SECOND…: Alice's desk after so many milliseconds, the second after so many, each with its key
race() {
	after1=${1%%-*} after2=${1#*-}
	key1=$(lab_serial "$2") key2=$(lab_serial "$3")
	shift 3
	(
		sleep "$(printf '0.%03d' "$after1")"
		timed 1 desk "Alice Adams" alice --device "$key1"
	) &
	sleep "$(printf '0.%03d' "${after2%%-*}")"
	timed 2 "$@" --device "$key2"
	wait
	verdict
}

# One has enrolled; the other was told why not, or that it is done.
verdict() {
	winner=
	for k in 1 2; do
		if [ "$(cat "$P/$k.rc")" = 0 ] && [ "$(jq -r .already "$P/$k.json")" = false ]; then
			[ -z "$winner" ] || return 11
			winner=$k
		fi
	done
	[ -n "$winner" ] || return 12
	loser=$((3 - winner))
	echo "$winner" >"$P/winner"
	echo "$(cat "$P/$loser.rc") $(jq -r .already "$P/$loser.json" 2>/dev/null)" >"$P/lost"
	case $(cat "$P/lost") in
	"0 true") ;; # the very same was done already
	"9 "* | "20 "*) grep -q "^ykenroll: " "$P/$loser.err" || return 13 ;;
	*) return 14 ;;
	esac
	changes >"$P/changes"
	cmp "$P/changes" "$T/$V/changes"
}

case ${1-} in
token | holder | twice | clean) in_point "$1" "$2" "$3"; exit ;;
inside-*) "inside_${1#inside-}" "$3"; exit ;;
esac

# both delays up to 100 ms, about an enrolment's length, from a seed that is printed
delays() { awk -v seed="$SEED" -v n="$1" 'BEGIN { srand(seed); for (i = 1; i <= n; i++) printf "%d-%d-%d\n", rand() * 100, rand() * 100, i }'; }

start
export KEYS=2
SEED=${SEED:-$(date +%s)}
claim "a home and two keys" template $V
in_point clean $V clean
claim "one desk alone enrols" [ "$(cat "$T/$V/p-clean/rc")" = 0 ]
mv "$T/$V/p-clean/changes" "$T/$V/changes" && mv "$T/$V/p-clean" "$T/$V/clean"
for kind in token holder twice; do
	rounds=$((ROUNDS / 3))
	[ "$kind" != twice ] || rounds=$((ROUNDS - 2 * (ROUNDS / 3)))
	delays $rounds | sed "s/$/-$kind/" >"$T/$V/names"
	points $kind $V <"$T/$V/names"
	claim "$kind: $rounds rounds from seed $SEED, one winner in each (first desk: $(cat "$T/$V"/p-*-$kind/winner | grep -c 1), second: $(
		cat "$T/$V"/p-*-$kind/winner | grep -c 2)), the other changed nothing" ended_well $V "p-*-$kind"
	claim "$kind: the other one's exit status was $(sort "$T/$V"/p-*-$kind/lost | uniq -c | awk '{ printf "%s%s (%d times)", s, $2, $1; s = ", " }')" \
		[ "$(count "$T/$V"/p-*-$kind/lost)" = $rounds ]
	both=$(overlapped "$T/$V"/p-*-$kind)
	claim "$kind: both were at work at once in $both rounds" [ "$both" -ge $((rounds / 3)) ]
	claim "$kind: card, registry, escrow, log and CRL agree" judge $V --pin "$T/pin" $(cd "$T/$V" && ls -d p-*-$kind)
done
finish
