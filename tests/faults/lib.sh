# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the fault tests: points, each a directory with a home, a lab's key, and what was seen there. Many points are
# run at a time; the checker looks at all of them at the end.
#
#   template FIRMWARE [COMMAND]  a fresh home and key in $T/FIRMWARE/template; COMMAND is done to the key
#   points WHAT FIRMWARE         run this script as "WHAT FIRMWARE NAME" for each NAME on standard input
#   in_point WHAT FIRMWARE NAME  run it as "inside-WHAT FIRMWARE NAME" in a lab, with a copy of the template in $P
# FIRMWARE may go on behind a hyphen: "5.7.1-puk".
#   judge FIRMWARE OPTIONS…      checker.py over points
. ../flow/lib.sh
here=$(pwd)

start() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-faults.XXXXXX") || exit 1
	trap 'rm -rf "$T"' EXIT
	export T
	umask 077
	echo "correct horse battery" >"$T/pass"
	echo "recovery passphrase" >"$T/rpass"
	echo 482913 >"$T/pin"
}

init_to() { # init_to FILE [COMMAND BEFORE IT…]: into $P, the recovery key to $P/FILE
	to=$1
	shift
	"$@" ykenroll init --home "$P/home" --name Test --rehearsal "$T/root.pem" --recovery-out "$P/$to" \
		--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
}
init() { init_to recovery.key "$@"; } # init [COMMAND BEFORE IT…]

# The factory's part is done once: a key's state is a file.
template() {
	dir=$T/$1/template
	mkdir -p "$dir"
	export COMMAND="${2-}"
	ykvirt lab --tokens "${KEYS:-1}" --state "$dir/lab" --firmware "${1%%-*}" -- sh -c 'cp "$YKVIRT_ROOT" "$T/root.pem" && $COMMAND' &&
		P=$dir init && mv "$dir/recovery.key" "$T/$1"
}

points() {
	xargs -P "$(nproc)" -n 1 sh "$here/$(basename "$0")" "$1" "$2" >"$T/points.out" 2>&1
}

in_point() {
	P=$T/$2/p-$3
	export P
	export YKENROLL_HOME="$P/home"
	cp -a "$T/$2/template" "$P" && ln -s "lab/key-${K:-1}.json" "$P/key.json" &&
		ykvirt lab --tokens "${KEYS:-1}" --state "$P/lab" --firmware "${2%%-*}" -- sh "$here/$(basename "$0")" "inside-$1" "$2" "$3" >"$P/lab.out" 2>&1
	echo $? >"$P/rc"
}

do_enroll() { # do_enroll [COMMAND BEFORE IT…]
	"$@" ykenroll enroll "Alice Adams" --email alice@example.org --ca-pass "file:$T/pass" --pin "file:$T/pin" ${PUK:+--current-puk "file:$T/puk"}
}
do_recover() { ykenroll recover --ca-pass "file:$T/pass" --pin "file:$T/pin" ${PUK:+--current-puk "file:$T/puk"}; }

already() { "$@" --json | jq -e .already; } # already COMMAND…, which tells that there was nothing to do

keep() { # home and key as they are now
	mkdir "$P/before" && cp -a "$P/home" "$P/before" && cp "$P/lab/key-${K:-1}.json" "$P/before/key.json"
}

# Enroll must succeed whatever happened; every second time recover is asked first. Then all is done.
again() { # again NUMBER
	if [ $(($1 % 2)) = 0 ]; then
		do_recover >"$P/recover.out" 2>&1 || return 1
	fi
	do_enroll >"$P/enroll.out" 2>&1 && do_enroll already >"$P/already.out" 2>&1 && ykenroll check >"$P/check.out" 2>&1
}

# Every point must have ended well; of what did not, the last two are shown.
ended_well() { # ended_well FIRMWARE PATTERN
	ill=
	for p in "$T/$1"/$2; do
		[ "$(cat "$p/rc")" = 0 ] || ill="$ill $p"
	done
	[ -n "$ill" ] || return 0
	for p in $ill; do
		echo "${p##*/}: $(cat "$p/rc")"
	done
	tail -n 5 "$p"/*.out
	return 1
}

count() { ls -d "$@" 2>/dev/null | wc -l; }

judge() {
	v=$1
	shift
	(cd "$T/$v" && python3 "$here/checker.py" --key recovery.key --pass "$T/rpass" "$@")
}
