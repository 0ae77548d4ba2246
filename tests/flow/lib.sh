# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the flows: TAP, and a home with a rehearsal CA. Runs inside `ykvirt lab` (see in_lab).
n=0 bad=0

claim() { # claim TEXT COMMAND…: the command must succeed
	n=$((n + 1))
	text=$1
	shift
	if "$@" >"$T/claim.out" 2>&1; then
		echo "ok $n - $text"
	else
		bad=1
		echo "not ok $n - $text"
		sed 's/^/# /' "$T/claim.out" | tail -20
	fi
}

refuse() { # refuse TEXT COMMAND…: the command must fail
	text=$1
	shift
	claim "$text" not "$@"
}
not() { ! "$@"; }

# exits CODE PATTERN TEXT COMMAND…: exit status and, on standard error, a line that matches
exits() {
	want=$1 pattern=$2 text=$3
	shift 3
	"$@" >"$T/out" 2>"$T/err" </dev/null
	rc=$?
	n=$((n + 1))
	if [ $rc = "$want" ] && { [ -z "$pattern" ] || grep -Eq -- "$pattern" "$T/err"; }; then
		echo "ok $n - $text (exit $rc)"
	else
		bad=1
		echo "not ok $n - $text: exit $rc instead of $want, or no line like: $pattern"
		sed 's/^/# /' "$T/out" "$T/err" | tail -20
	fi
}

finish() {
	echo "1..$n"
	exit $bad
}

# Run this very script again inside a lab: in_lab "$0" OPTIONS…
in_lab() {
	script=$1
	shift
	[ -n "${IN_LAB-}" ] && return 0
	T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-flow.XXXXXX") || exit 1
	trap 'rm -rf "$T"' EXIT
	export T
	IN_LAB=1 ykvirt lab "$@" -- sh "$script"
	exit
}

# A rehearsal CA in $T/home, passphrase and PIN files in $T.
make_ca() {
	umask 077
	echo "correct horse battery" >"$T/pass"
	echo "recovery passphrase" >"$T/rpass"
	echo 482913 >"$T/pin"
	export YKENROLL_HOME="$T/home"
	ykenroll init --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$T/recovery.key" \
		--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
}

enroll() { # enroll NAME EMAIL OPTIONS…
	who=$1 mail=$2
	shift 2
	ykenroll enroll "$who" --email "$mail" --ca-pass "file:$T/pass" --pin "file:$T/pin" "$@"
}

# Where it is not the subject: ykman takes half a second for it, most of it to start.
factory_reset() { env -u YKENROLL_HOME ykenroll token reset -y "$@" >"$T/reset.log" 2>&1 || cat "$T/reset.log" >&2; } # factory_reset [-d SERIAL]

# faked SPEC COMMAND…: the command's clock is off by "+2h". Without the faketime program, whose semaphores have names that
# other machines' tests on this host may use.
FAKETIME_LIB=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -1)
faked() {
	spec=$1
	shift
	env LD_PRELOAD="$FAKETIME_LIB" FAKETIME="$spec" "$@"
}

lab_serial() { echo $((10000000 + ${1:-1})); } # lab_serial NUMBER: the lab's first key is 10000001
state() { echo "$YKVIRT_STATE_DIR/key-${1:-1}.json"; }
card() { ykvirt inspect "$(state)" | jq -r "$1"; } # card JQ-FILTER: what the virtual key itself says

# The newest secret of a kind, opened with the recovery key by openssl and sqlite3 alone.
escrowed() { # escrowed management-key|puk
	sqlite3 "$T/home/registry.db" \
		"SELECT hex(recovery) FROM secrets WHERE kind='$1' AND state IN ('current','pending') ORDER BY version DESC LIMIT 1" |
		python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))' >"$T/sealed.der"
	openssl cms -decrypt -inform DER -in "$T/sealed.der" -inkey "$T/recovery.key" -passin "file:$T/rpass" \
		-recip "$T/home/recovery.crt" | tr -d '\r' | awk '$1 == "value" { print $2 }'
}
