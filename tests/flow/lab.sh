#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Does "ykvirt lab" keep its promises?  TAP on stdout; needs $YKVIRT or ykvirt
# in PATH, with libykvirt-ifd.so, pcscd, vsmartcard-vpcd and opensc-tool; asks
# ykman too if there is one.

set -u
unset YKVIRT_ROOT YKVIRT_STATE_DIR
: "${YKVIRT:=ykvirt}"

n=0
failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# ok NAME: reports the status of the command before it
ok() {
	good=$?
	n=$((n + 1))
	if [ "$good" -eq 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		failed=1
	fi
}

# is NAME GOT WANTED
is() {
	[ "$2" = "$3" ]
	ok "$1"
	[ "$2" = "$3" ] || printf '# got:    %s\n# wanted: %s\n' "$2" "$3"
}

lab() {
	"$YKVIRT" lab "$@"
}

# starts the arguments as a lab in the background, waits for its command; sets $pid and $ns
background() {
	rm -f "$work/ns"
	# a shell without job control starts its jobs with SIGINT ignored
	env --default-signal=INT "$YKVIRT" lab "$@" &
	pid=$!
	tries=0
	until [ -s "$work/ns" ] || [ "$tries" -gt 150 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	ns=$(cat "$work/ns")
}

# fails as long as a process of the pid namespace $ns lives
empty_ns() {
	[ -n "$ns" ] || return 1
	for link in /proc/[0-9]*/ns/pid; do
		[ "$(readlink "$link" 2>/dev/null)" != "$ns" ] || return 1
	done
}

# the same, but gives the kernel two seconds
soon_empty_ns() {
	for _ in $(seq 9000); do
		empty_ns && return 0
		sleep 0.1
	done
	return 1
}

# mounts and files outside, which no lab may change
outside() {
	cat /proc/self/mounts
	ls -d /run/ykvirt "${TMPDIR:-/tmp}"/*ykvirt* /dev/shm/*ykvirt* 2>/dev/null
	ls -A "$work/tmp"
}

if ! unshare --user --map-root-user --mount --net --pid --fork true 2>/dev/null; then
	echo "1..0 # SKIP no user namespaces here"
	exit 77
fi
mkdir "$work/tmp"
before=$(outside)
leave_ns="readlink /proc/self/ns/pid >$work/ns"

# The command
lab -- sh -c 'exit 7'
is "exit code is passed on" $? 7
lab -- sh -c 'kill -9 $$'
is "a command ended by a signal gives 128 + signal" $? 137
lab -- /nonexistent 2>/dev/null
is "a command that is not there gives 127" $? 127
lab --tokens 9 -- true 2>/dev/null
is "a lab that cannot be gives 125" $? 125
is "the command has the caller's uid and gid" "$(lab -- sh -c 'id -u; id -g')" "$(id -u; id -g)"
is "stdin and stdout pass through" "$(echo hello | lab -- cat)" hello
is "the command runs where the caller is" "$(cd "$work" && lab -- pwd)" "$work"
is "arguments arrive as they are" "$(lab -- printf '<%s>' --tokens 'a b' '')" "<--tokens><a b><>"

# The keys
lab --tokens 2 -- opensc-tool -l >"$work/list" 2>&1
is "two keys are visible at once, in a reader each" \
	"$(sed -n 's/^[0-9 ]*Yes *\(Yubico.*\)/\1/p' "$work/list")" \
	"Yubico YubiKey CCID (10000001) 00 00
Yubico YubiKey CCID (10000002) 00 00"
is "there are no other readers" "$(grep -c '^[0-9]' "$work/list")" 2
lab -- opensc-tool -a 2>/dev/null | tr '[:lower:]' '[:upper:]' | grep -q '3B:FD:13:00:00:81:31:FE:15:80:73:C0:21:C0:57:59:75:62:69:4B:65:79:40'
ok "the card answers with a YubiKey's ATR"
lab --keep-out -- opensc-tool -l >"$work/list" 2>&1
is "--keep-out leaves the reader empty" \
	"$(sed -n 's/^[0-9 ]*No *//p' "$work/list")" "Yubico YubiKey CCID (10000001) 00 00"
lab -- sh -c 'test -s "$YKVIRT_ROOT" && test -d "$YKVIRT_STATE_DIR"'
ok "the command finds the root and the states"
is "--key-option reaches each key, as often as it is given" "$(lab --tokens 2 --key-option=--touch=never \
	--key-option=--form-factor=3 -- sh -c 'for i in 1 2; do
		"$0" inspect "$YKVIRT_STATE_DIR/key-$i.json" | tr -d " \n" |
			grep -o "\"form_factor\":[0-9]*\|\"touch\":\"never\"" | sort | tr "\n" " "
	done' "$YKVIRT")" '"form_factor":3 "touch":"never" "form_factor":3 "touch":"never" '
lab --key-option=--no-such-option -- true 2>"$work/err"
is "an option that keys do not know ends the lab, which shows it" \
	"$?:$(grep -c -- '--no-such-option' "$work/err")" 125:1
is "a lab fits into a lab" "$(lab -- "$YKVIRT" lab -- sh -c 'opensc-tool -l | grep -c Yes')" 1

if command -v ykman >/dev/null; then
	is "ykman finds each of two keys" \
		"$(lab --tokens 2 -- ykman list 2>/dev/null | sed -n 's/.*Serial: //p' | sort)" \
		"10000001
10000002"
	lab -- ykman piv info 2>"$work/err" | grep -q '^PIV version: *5\.7\.1'
	ok "ykman need not be told which, of one key"
else
	for name in "ykman finds each of two keys" "ykman need not be told which, of one key"; do
		n=$((n + 1))
		echo "ok $n - $name # SKIP no ykman"
	done
fi

# The reader
now() {
	date +%s%3N
}
# pcscd asks every 400 ms; a busy host may be slow, but hardly a dozen times
fast() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		start=$(now)
		lab -- true
		[ $(($(now) - start)) -ge 350 ] || return 0
	done
	return 1
}
fast
ok "pcscd sees a key before it would ask for one"
lost='"$0" control "$YKVIRT_STATE_DIR/key-1.json" fault "ins=F8;remove-after;back=0" >/dev/null
	for i in 1 2; do
		opensc-tool -c default -s 00A4040005A000000308 -s 00F80000 2>&1
	done | sed -n "s/^APDU transmit failed: Card removed/lost/p
		s/^APDU transmit failed: Transmit failed/lost/p # the client was faster than pcscd
		s/^Received //p"'
is "pcscd notices the shortest absence" "$(lab -- sh -c "$lost" "$YKVIRT")" \
	"(SW1=0x90, SW2=0x00):
lost
(SW1=0x90, SW2=0x00):
(SW1=0x90, SW2=0x00):"
cp "$(command -v "$YKVIRT")" "$work/ykvirt"
"$work/ykvirt" lab -- true 2>"$work/err"
rc=$?
if [ "$rc" -eq 0 ]; then
	n=$((n + 1))
	echo "ok $n - a lab without its driver says so # SKIP it is installed"
else
	driver=libykvirt-ifd.so
	is "a lab without its driver says so" "$rc:$(grep -c "$driver" "$work/err")" 125:1
fi

# What is private
is "the network is lo only" \
	"$(lab -- sed -n 's/^ *\([^ :|]*\):.*/\1/p' /proc/net/dev)" lo
lab -- sh -c 'test "$(ls /proc | grep -c "^[0-9]")" -lt 12'
ok "processes outside are not visible"
socket=$(stat -c %d:%i /run/pcscd/pcscd.comm 2>/dev/null)
[ "$(lab -- stat -c %d:%i /run/pcscd/pcscd.comm)" != "${socket:-none}" ]
ok "the host's pcscd is not the lab's"
is "/run holds nothing of the host's" "$(lab -- ls -A /run | tr '\n' ' ')" "lock pcscd user ykvirt "
is "PCSCLITE_CSOCK_NAME of the caller does not lead out" \
	"$(PCSCLITE_CSOCK_NAME=/nonexistent lab -- sh -c 'echo "${PCSCLITE_CSOCK_NAME-unset}"')" unset

# States
lab --state "$work/state" --tokens 2 -- true
[ -s "$work/state/key-1.json" ] && [ -s "$work/state/key-2.json" ]
ok "--state keeps the keys"
cp "$work/state/root/root.pem" "$work/root.pem"
lab --state "$work/state" --tokens 2 -- sh -c "cmp \$YKVIRT_ROOT $work/root.pem"
ok "--state serves again, with the same root"
background --state "$work/state" -- sh -c "$leave_ns; sleep 30"
lab --state "$work/state" -- true 2>"$work/err"
is "--state is not shared by two labs" "$?:$(grep -c -- '^ykvirt.*--state: ' "$work/err")" 125:1
kill -KILL "$pid"
wait "$pid" 2>/dev/null
soon_empty_ns && lab --state "$work/state" -- true
ok "--state is free after SIGKILL"

# The end
TMPDIR=$work/tmp lab -- sh -c "$leave_ns; sleep 30 & exit 3"
rc=$?
ns=$(cat "$work/ns")
empty_ns
ok "no process stays after the end"
is "a process in the background does not hold the lab" "$rc" 3

for sig in HUP:129 INT:130 TERM:143; do
	code=${sig#*:} sig=${sig%:*}
	background -- sh -c "$leave_ns; sleep 30"
	kill -"$sig" "$pid"
	wait "$pid" 2>/dev/null
	rc=$?
	empty_ns
	ok "no process stays after SIG$sig"
	is "SIG$sig shows in the exit code" "$rc" "$code"
done

background -- sh -c "trap 'exit 9' TERM; $leave_ns; while :; do sleep 0.1; done"
kill -TERM "$pid"
wait "$pid"
is "the command may end in its own way" $? 9

background -- sh -c "trap '' TERM INT; $leave_ns; while :; do sleep 1; done"
kill -TERM "$pid"
wait "$pid" 2>/dev/null
is "a command that ignores SIGTERM ends all the same" $? 143

background -- sh -c "$leave_ns; trap '' TERM; sleep 30"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
soon_empty_ns
ok "no process stays after SIGKILL"
is "no mount and no file stays" "$(outside)" "$before"

# The terminal
if command -v script >/dev/null; then
	(sleep 2; echo secret) | script -qec "$YKVIRT lab -- sh -c 'printf PIN: >/dev/tty; read -r x </dev/tty; echo got=\$x'" /dev/null >"$work/tty"
	tr -d '\r' <"$work/tty" | grep -q 'got=secret$'
	ok "the command can prompt on the terminal"
else
	n=$((n + 1))
	echo "ok $n - the command can prompt on the terminal # SKIP no script(1)"
fi

echo "1..$n"
exit "$failed"
