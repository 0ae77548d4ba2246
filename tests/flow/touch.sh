#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a touch announced when, and only when, the key wants one? Does the countdown leave anything behind?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/touch.sh" --tokens 2 --firmware 5.7.1
k1=10000001 k2=10000002

make_ca >"$T/init.log" 2>&1
exits 0 '' "a key that wants no touch" enroll Alice a@example.org -d $k1 --touch-policy never
refuse "is not announced" grep -q '…' "$T/err"
exits 0 '…$' "a key that wants one is, in a plain line where there is no terminal" \
	enroll Bob b@example.org -d $k2 --touch-policy always
claim "once for each signature: request and proof" [ "$(grep -c '…$' "$T/err")" = 2 ]
claim "before the step that signs is reported" awk '/^Touch/ { t = NR } / proof/ { exit !(t && t < NR) }' "$T/err"

# ---- nobody touches ----
again() { # the second key, new again, for somebody else
	ykman --device $k2 piv reset -f >/dev/null 2>&1
	rm -rf "$T/home"
	rm -f "$T/recovery.key"
	make_ca >"$T/init.log" 2>&1
}
again
# what a key answers when its 15 seconds are over, and also when the PIN is not verified
ykvirt control "$(state 2)" fault 'ins=87;p2=9A;sw=6982' >/dev/null
exits 15 '…$' "a touch that does not come" enroll Bob b@example.org -d $k2 --touch-policy always
claim "the PIN has all its tries" [ "$(ykvirt inspect "$(state 2)" | jq .pin.left)" = 3 ]

# ---- the countdown, on a terminal, while the token is slow ----
if command -v script >/dev/null; then
	again
	ykvirt control "$(state 2)" fault 'ins=87;p2=9A;delay=2500' >/dev/null
	in_terminal() {
		script -qec "ykenroll enroll Bob --email b@example.org -d $k2 --touch-policy always --ca-pass file:$T/pass --pin file:$T/pin" \
			/dev/null </dev/null
	}
	in_terminal >"$T/tty" 2>&1
	claim "the seconds are counted down" sh -c 'tr "\r" "\n" <"$1" | grep -n "… *1[345] s" | sed "s/.*… *//" | tr "\n" " " | grep -q "15 s *14 s *13 s"' sh "$T/tty"
	claim "and nobody is left counting" not pgrep -x ykenroll
	again
	ykvirt control "$(state 2)" fault 'ins=87;p2=9A;delay=6000' >/dev/null
	in_terminal >"$T/tty" 2>&1 &
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -q '15 s' "$T/tty" && break
		sleep 0.2
	done
	claim "it is counting" [ "$(pgrep -cx ykenroll)" -ge 2 ]
	kill -KILL "$(pgrep -ox ykenroll)"
	sleep 0.3
	claim "when the program is killed the count ends with it" not pgrep -x ykenroll
	wait
else
	n=$((n + 1))
	echo "ok $n - the countdown # SKIP no script(1)"
fi
finish
