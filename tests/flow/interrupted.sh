#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is an enrolment that was interrupted finished, given up or left alone as the token's state asks, and no try spent?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/interrupted.sh" --tokens 1 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
k=$(state)
factory=010203040506070801020304050607080102030405060708
pull() { ykvirt control "$k" fault "$1" >/dev/null; }
back() { ykvirt control "$k" insert >/dev/null; sleep 0.3; }
refused() { card '.refused | add'; }
recover() { ykenroll recover --ca-pass "file:$T/pass" --pin "file:$T/pin" "$@"; }
fresh() { # a new registry and a token as from the factory
	factory_reset
	rm -rf "$T/home" "$T/recovery.key"
	make_ca >"$T/init.log" 2>&1
	before=$(refused)
}
spent() { echo $(($(refused) - before)); }

# ---- a token whose PUK somebody had changed ----
echo 24681357 >"$T/oldpuk"
for point in 'ins=FF;remove-before' 'ins=FF;remove-after' 'ins=24;p2=81;remove-before' 'ins=24;p2=81;remove-after' 'ins=24;p2=80;remove-after'; do
	fresh
	ykman piv access change-puk -p 12345678 -n 24681357 >/dev/null
	pull "$point"
	exits 14 'ykenroll recover' "a changed PUK, $point" enroll Alice a@example.org --current-puk "file:$T/oldpuk"
	back
	recover >"$T/out" 2>"$T/err"
	rc=$?
	claim "$point: recover without it finishes or asks for it ($rc)" [ $rc = 0 -o $rc = 4 ]
	claim "$point: and spends no try" [ "$(spent)" = 0 ]
	exits 0 '' "$point: recover with it finishes" recover --current-puk "file:$T/oldpuk"
	claim "$point: at most one PUK was refused" [ "$(spent)" -le 1 ]
	claim "$point: check agrees" ykenroll check
	claim "$point: the PUK is the one in escrow" ykman piv access unblock-pin -p "$(escrowed puk)" -n 482913
done

# ---- a PIN that was forgotten between two runs ----
fresh
pull 'ins=24;p2=80;remove-after'
exits 14 '' "the PIN's answer is lost" enroll Alice a@example.org
back
echo 775533 >"$T/otherpin"
exits 0 '' "another PIN at the second run is set by the PUK" ykenroll recover --ca-pass "file:$T/pass" --pin "file:$T/otherpin"
claim "and works" yubico-piv-tool -a verify-pin -P 775533
claim "no try was spent" [ "$(spent)" = 0 ]

# ---- the same work for somebody else, and a token made anew elsewhere ----
fresh
pull 'ins=47;remove-after'
exits 14 '' "the key's answer is lost" enroll Alice a@example.org
back
exits 9 'ykenroll recover' "another holder does not get the half-made token" enroll Bob b@example.org
exits 12 '' "check says that work is not finished" ykenroll check --json
claim "and which mismatch that is" jq -e '.findings | any(.mismatch == "work-open")' "$T/out"
ykman piv reset -f >/dev/null 2>&1
before=$(refused)
exits 9 '--give-up' "after a reset elsewhere the old plan is not finished onto it" recover
claim "and nothing was changed" [ "$(card '[.pin.factory, .puk.factory, .management_key.factory] | all')" = true ]
exits 0 '' "--give-up closes it" recover --give-up
exits 0 '' "then the token is enrolled anew" enroll Bob b@example.org
claim "check agrees" ykenroll check
claim "no try was spent" [ "$(spent)" = 0 ]

# ---- a certificate that can no longer be installed is revoked ----
fresh
pull 'ins=DB;nth=3;remove-before'
exits 14 '' "the import is interrupted" enroll Alice a@example.org
back
serial=$(sqlite3 "$T/home/registry.db" "SELECT lower(hex(serial)) FROM certificates")
exits 0 '' "--give-up after the certificate was issued" recover --give-up
ykenroll ca show --crl >"$T/crl.pem"
claim "its serial is on the CRL" sh -c 'openssl crl -in "$0" -noout -text | tr -d ":" | grep -qi "$1"' "$T/crl.pem" "$serial"
exits 0 '' "recover again has nothing to do" recover
finish
