#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is the recovery key that init names the one that opens what is sealed, whatever became of an init before it?
# tests/faults/kill.sh kills it at each step; here it is interrupted where a person is asked, and refuses what cannot be.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/init.sh" --tokens 1 --firmware 5.7.1
umask 077
echo "correct horse battery" >"$T/pass"
echo "recovery passphrase" >"$T/rpass"
echo 482913 >"$T/pin"
export YKENROLL_HOME="$T/home"
mkdir "$T/stick1" "$T/stick2"
specs="--ca-pass file:$T/pass --recovery-pass file:$T/rpass"
init() { ykenroll init --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$@"; }
nothing() { [ -z "$(ls -A "$T/home" 2>/dev/null)" ] && [ -z "$(ls -A "$T/stick1")" ]; }

# ---- what can be known is known before anybody is asked: there is nobody here, and a prompt would be exit 10 ----
long=$(printf '%041d' 0)
exits 2 ' 40 ' "a name that is too long" ykenroll init --name "$long" --recovery-out "$T/stick1/r"
exits 2 '/nowhere' "a root that is not there" ykenroll init --name Test --rehearsal "$T/nowhere" --recovery-out "$T/stick1/r"
exits 2 '/pass ' "a root that is no certificate" ykenroll init --name Test --rehearsal "$T/pass" --recovery-out "$T/stick1/r"
exits 2 '/stick3' "a directory that is not there" init "$T/stick3/r"
exits 9 '/pass ' "a recovery key where something is" init "$T/pass"
exits 2 '--single .*--root-' "two keys of one level" ykenroll init --name Test --single --root-algorithm RSA4096 --recovery-out "$T/stick1/r"
exits 2 '--weak .*--rehearsal' "--weak without --rehearsal" ykenroll init --name Test --weak --recovery-out "$T/stick1/r"
claim "nothing was made" nothing
exits 2 '/nowhere' "a passphrase that cannot be read" init "$T/stick1/r" --ca-pass "file:$T/nowhere" --recovery-pass "file:$T/rpass"
exits 2 '/nowhere' "the other one" init "$T/stick1/r" --ca-pass "file:$T/pass" --recovery-pass "file:$T/nowhere"
claim "nothing was made" nothing

# ---- a passphrase that is guessed at once ----
echo x >"$T/x"
printf 'äöüäöüä\n' >"$T/seven"
exits 2 ' 8 ' "a CA passphrase of one" init "$T/stick1/r" --ca-pass "file:$T/x" --recovery-pass "file:$T/rpass"
exits 2 ' 8 ' "a recovery passphrase of one" init "$T/stick1/r" --ca-pass "file:$T/pass" --recovery-pass "file:$T/x"
exits 2 ' 8 ' "seven of two octets each" init "$T/stick1/r" --ca-pass "file:$T/seven" --recovery-pass "file:$T/rpass"
exits 2 ' 8 ' "the passphrase of another key" ykenroll escrow make-key --name Desk --out "$T/d.key" --cert "$T/d.crt" \
	--escrow-pass "file:$T/x"
claim "nothing was made" nothing
exits 0 '' "--weak takes it for a rehearsal" init "$T/weak.key" --home "$T/weak" --weak --ca-pass "file:$T/x" --recovery-pass "file:$T/x"

# ---- interrupted at each prompt ----
cat >"$T/prompts.py" <<'PY'
# prompts.py N COMMAND…: answers N - 1 prompts with a passphrase, and the Nth with ^C. Exit status: the command's.
import os, pty, re, select, sys
n = int(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, asked = b"", 0
while True:
    # between the prompt and its read OpenSSL takes note of ^C, and reads on: a person would press it again
    while asked == n and not select.select([fd], [], [], 0.5)[0]:
        os.write(fd, b"\x03")
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if re.search(rb": $", seen):
        asked, seen = asked + 1, b""
        os.write(fd, b"correct horse battery\n" if asked < n else b"\x03")
print(asked, "prompts;", seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
for at in 1 2 3 4; do
	rm -rf "$T/home" && init "$T/stick1/r" >/dev/null 2>&1 </dev/null # as it is at home's first call
	refuse "^C at prompt $at of 4" python3 "$T/prompts.py" $at ykenroll init --name Test --recovery-out "$T/stick1/r"
	claim "then nothing is there" nothing
done

# ---- a second stick after whatever became of the first ----
opens() { # opens KEY: what is sealed to this home
	echo a secret | openssl cms -encrypt -binary -aes-256-gcm -outform DER -out "$T/sealed" "$T/home/recovery.crt" &&
		openssl cms -decrypt -inform DER -in "$T/sealed" -inkey "$1" -passin "file:$T/rpass" -recip "$T/home/recovery.crt" | grep -q 'a secret'
}
says() { grep -q " $1, " "$T/out"; }
left() { # left SHELL: what an init of this or a former release may have left, on stick 1
	rm -rf "$T/home" "$T/stick1/r" "$T/stick2/r"
	init "$T/stick1/r" $specs >/dev/null 2>&1
	(cd "$T/home" && eval "$1")
}
for half in ': >ca/unfinished' 'rm -rf ca pub ykenroll.conf' ': >ca/unfinished; rm registry.db' 'rm -rf ca pub ykenroll.conf; mkdir -m 700 ca.new'; do
	left "$half"
	exits 0 '' "$half, then stick 2" init "$T/stick2/r" $specs
	claim "it is said" says "$T/stick2/r"
	claim "and opens what is sealed now" opens "$T/stick2/r"
	refuse "which the first does not" opens "$T/stick1/r"
	left "$half"
	exits 0 '' "$half, then the very file" init "$T/stick1/r" $specs
	claim "which opens" opens "$T/stick1/r"
	left "$half"
	exits 9 '/stick1/r ' "$half, then the very file with another passphrase" init "$T/stick1/r" --ca-pass "file:$T/pass" --recovery-pass "file:$T/pass"
done
exits 0 '' "an enrolment after that" init "$T/stick2/r" $specs
exits 0 '' "seals" enroll Alice alice@example.org
ln -s stick2/r "$T/recovery.key"
claim "the PUK to the key that was named, openssl says" ykman piv access unblock-pin -p "$(escrowed puk)" -n 482913
exits 9 '/home .*--home' "then there is one" init "$T/stick1/r2" $specs
: >"$T/home/ca/unfinished"
exits 9 '/home .*registry.db' "and a registry that has been used is never made anew" init "$T/stick1/r2" $specs
finish
