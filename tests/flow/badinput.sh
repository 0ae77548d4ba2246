#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does each bad input get its sentence and its exit code, before anything is changed?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/badinput.sh" --tokens 2 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
k1=$(state 1) k2=$(state 2)
take_out() { ykvirt control "$1" remove >/dev/null && sleep 0.6; }
put_in() { ykvirt control "$1" insert >/dev/null && sleep 0.8; }
untouched() { # nothing on the card has changed: all is still the factory's and the slots are empty
	[ "$(card '[.pin.factory, .puk.factory, .management_key.factory] | all')" = true ]
}

# ---- which token ----
exits 6 '10000001.*10000002|10000002.*10000001' "two tokens and none named: both are listed" enroll Alice a@example.org
exits 3 ' 99 ' "a serial that is not there" enroll Alice a@example.org --device 99
exits 2 '--device .*twelve' "a serial that is no number" enroll Alice a@example.org --device twelve
exits 2 '--device .*--reader' "serial and reader" enroll Alice a@example.org -d 1 -r x
take_out "$k2"
exits 3 'NoSuch' "a reader that is not there" enroll Alice a@example.org --reader NoSuch

# ---- words ----
exits 2 '--pin .*file:PATH' "a PIN in the command line is refused" enroll Alice a@example.org --pin 123456
refuse "and not repeated" grep -q 123456 "$T/err"
exits 2 '--ca-pass .*file:PATH' "a passphrase in the command line is refused" enroll Alice a@example.org --ca-pass hunter2
exits 2 'UTF-8' "a name with a control character" enroll "$(printf 'Alice\033[31m')" a@example.org
refuse "which does not reach the terminal" grep -q "$(printf '\033')" "$T/err"
exits 2 'UTF-8' "a name that turns its direction" enroll "$(printf 'Alice\342\200\256')" a@example.org
exits 2 '10000 .*519' "a name of 10,000 bytes" enroll "$(head -c 10000 /dev/zero | tr '\0' x)" a@example.org
exits 2 '' "an empty name" enroll "" a@example.org
exits 2 '--email .*--id ' "a holder without e-mail or id" ykenroll enroll Alice --pin "file:$T/pin" --ca-pass "file:$T/pass"
exits 2 'ASCII.* 254' "an address that is none" enroll Alice 'not an address'
exits 2 "--algorithm 'RSA1024'" "an unknown algorithm" enroll Alice a@example.org --algorithm RSA1024
exits 2 "'admin'" "an unknown profile" enroll Alice a@example.org --profile admin
exits 2 "'enrol'.*ykenroll --help" "an unknown command" ykenroll enrol
exits 2 '--frobnicate.*ykenroll enroll --help' "an unknown option" ykenroll enroll --frobnicate
claim "none of these has changed the card" untouched

# ---- secrets and files ----
echo 12345 >"$T/short"; echo 123456 >"$T/factory"
exits 2 ' 6 .* 8 .* 5$' "a PIN that is too short" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" --pin "file:$T/short"
exits 2 ' 123456' "the factory's PIN as the new one" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" --pin "file:$T/factory"
exits 2 '/none' "a PIN file that is not there" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" --pin "file:$T/none"
cp "$T/pass" "$T/open" && chmod 644 "$T/open"
exits 2 '/open .*chmod 600' "a pass file that is too open" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/open" --pin "file:$T/pin"
echo "wrong" >"$T/wrong"
exits 11 'issuing.key' "a wrong CA passphrase" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/wrong" --pin "file:$T/pin"
exits 10 '--ca-pass.*ykenroll signer' "no passphrase and nobody to ask" ykenroll enroll Alice --email a@example.org --pin "file:$T/pin" --non-interactive
exits 10 '--pin file:PATH' "no PIN and nobody to ask" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" --non-interactive
exits 1 'ykenroll init' "a home that is missing" enroll Alice a@example.org --home "$T/nowhere"
ln -s pin "$T/link" && mkfifo "$T/pipe"
for p in link pipe; do
	exits 2 "/$p .*fd:N" "a PIN file that is a $p" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" --pin "file:$T/$p"
done
exits 2 '/dev/fd/5 .*fd:N' "a PIN as bash's <(…)" sh -c 'exec ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" --pin file:/dev/fd/5 5<"$T/pin"'
iconv -t UTF-16 "$T/pin" >"$T/pin16"
exits 2 '/pin16 .*UTF-8' "a PIN file in UTF-16" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" --pin "file:$T/pin16"
chmod 755 "$T/home"
exits 2 '/home .*chmod 700' "a home that is too open" enroll Alice a@example.org
chmod 700 "$T/home"
claim "none of these has changed the card" untouched
claim "and no try was lost" [ "$(card '.refused | add')" = 0 ]

# ---- the token ----
exits 0 ' slot 9A ' "--dry-run prints the plan" enroll Alice a@example.org --dry-run
claim "and changes nothing" untouched
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/k.pem" -out "$T/other-root.pem" \
	-subj "/CN=Another root" -days 30 >/dev/null 2>&1
claim "a CA that trusts another attestation root" ykenroll init --home "$T/home2" --name Other --rehearsal "$T/other-root.pem" \
	--recovery-out "$T/r2.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
exits 8 ' f9 .*CN=ykvirt' "an attestation under another root" enroll Alice a@example.org --home "$T/home2"
claim "a CA that trusts Yubico's roots only" ykenroll init --home "$T/home3" --name Real --recovery-out "$T/r3.key" \
	--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
exits 8 ' f9 .*CN=ykvirt' "an attestation that is not Yubico's" enroll Alice a@example.org --home "$T/home3"
claim "none of these has changed the card" untouched

ykman --device 10000001 piv access change-pin -P 123456 -n 654321 >/dev/null
exits 4 '--current-pin' "a PIN that is not the factory's" enroll Alice a@example.org
echo 111222 >"$T/wrongpin" && echo 654321 >"$T/rightpin"
exits 4 'tries left: 2' "a wrong PIN, once" enroll Alice a@example.org --current-pin "file:$T/wrongpin"
printf '\357\273\277654321\r\n' >"$T/crlf"
fd() { ykenroll token change-pin --pin fd:3 --new-pin "file:$T/pin" 3<"$T/crlf"; }
exits 0 '' "fd:N takes a CRLF line with a byte-order mark as file: does" fd
cp "$T/pin" "$T/rightpin"
exits 4 'tries left: 2' "and a wrong PIN, once" enroll Alice a@example.org --current-pin "file:$T/wrongpin"
yubico-piv-tool -a verify-pin -P 000000 >/dev/null 2>&1
exits 4 '--last-try' "a PIN with one try left is not sent" enroll Alice a@example.org --current-pin "file:$T/rightpin"
claim "really not" [ "$(card .pin.left)" = 1 ]
yubico-piv-tool -a verify-pin -P 000000 >/dev/null 2>&1
exits 5 'ykenroll token reset' "a blocked PIN" enroll Alice a@example.org --current-pin "file:$T/rightpin"
claim "the management key is still the factory's" [ "$(card .management_key.factory)" = true ]
ykman --device 10000001 piv reset -f >/dev/null
ykman --device 10000001 piv access change-management-key -a AES192 -m 010203040506070801020304050607080102030405060708 \
	-n 112233445566778811223344556677881122334455667788 -f >/dev/null
exits 7 '--management-key' "a management key that is not the factory's" enroll Alice a@example.org
echo 112233445566778811223344556677881122334455667788 >"$T/mgm"
ykman --device 10000001 piv keys generate -a ECCP256 -m "$(cat "$T/mgm")" 9a - >/dev/null
exits 9 '9A .*10000001.*--force' "a slot that is in use" enroll Alice a@example.org --management-key "file:$T/mgm"
exits 0 '' "--force and the right management key" enroll Alice a@example.org --management-key "file:$T/mgm" --force

# ---- nothing there ----
take_out "$k1"
exits 3 '' "no token" enroll Bob b@example.org
put_in "$k1"
exits 3 'PIV' "PIV disabled" sh -c 'ykvirt control "$1" fault "ins=A4;sw=6A82" >/dev/null; ykenroll check' sh "$k1"

# ---- disk ----
take_out "$k1" && put_in "$k2"
if unshare -Urm true 2>/dev/null; then
	exits 1 'registry.db.* 13\)' "a full disk before the intent" unshare -Urm sh -c 'mkdir "$T/small" &&
		mount -t tmpfs -o size=400k,mode=700 tmpfs "$T/small" && cp -a "$T/home/." "$T/small/" &&
		{ head -c 900k /dev/zero >"$T/small/filler" 2>/dev/null; true; } &&
		exec ykenroll enroll Bob --email b@example.org --home "$T/small" --ca-pass "file:$T/pass" --pin "file:$T/pin"'
	claim "leaves the card as it was" [ "$(ykvirt inspect "$k2" | jq '[.pin.factory, .puk.factory, .management_key.factory] | all')" = true ]
else
	n=$((n + 1))
	echo "ok $n - a full disk # SKIP no user namespace in here"
fi
finish
