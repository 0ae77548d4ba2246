#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a holder whose PIN is blocked get a new one without anybody seeing the PUK, and is no try lost on the way?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
if [ -z "${IN_LAB-}" ]; then
	rc=0
	for v in 5.7.1 5.4.3 5.2.7; do # 5.2.7 has no metadata
		(FIRMWARE=$v; export FIRMWARE; in_lab "$(pwd)/unblock.sh" --firmware $v) || rc=1
	done
	exit $rc
fi

# what another program says of PIN and PUK; it costs tries when it fails
pin_is() { yubico-piv-tool -a verify-pin -P "$1"; }
puk_is() { yubico-piv-tool -a unblock-pin -P "$1" -N "$2"; }
block_pin() { for i in 1 2 3 4; do yubico-piv-tool -a verify-pin -P 999999 >/dev/null 2>&1; done; }
refused() { card '.refused.change + .refused.reset_retry'; }
es="--escrow-key $T/recovery.key --escrow-pass file:$T/rpass"
unblock() { ykenroll unblock --pin "file:$T/newpin" $es "$@"; }
recover() { ykenroll recover --pin "file:$T/newpin" $es "$@"; }
fault() { ykvirt control "$(state)" fault "$1" >/dev/null; }
back() { ykvirt control "$(state)" insert >/dev/null; sleep 0.3; }
sql() { sqlite3 "$T/home/registry.db" "$1"; }
last= old=0
[ "$FIRMWARE" = 5.2.7 ] && last=--last-try old=1

make_ca >"$T/init.log" 2>&1
echo 775533 >"$T/newpin"
exits 0 '' "$FIRMWARE: enrol" enroll Alice alice@example.org $last
serial=$(sql "SELECT serial FROM tokens")

# ---- as it should be ----
block_pin
refuse "$FIRMWARE: the PIN is blocked" pin_is 482913
before=$(escrowed puk)
exits 10 '--escrow-key' "$FIRMWARE: without an escrow key" ykenroll unblock --pin "file:$T/newpin"
exits 2 '123456' "$FIRMWARE: a PIN that anybody guesses" sh -c 'echo 123456 >"$T/bad"; ykenroll unblock --pin "file:$T/bad" "$@"' - $es
exits 2 'nobody@example.org' "$FIRMWARE: of somebody unknown" unblock nobody@example.org
exits 0 '' "$FIRMWARE: the plan" unblock --dry-run
claim "$FIRMWARE: which changes nothing" [ "$(escrowed puk)" = "$before" ]
exits 0 '' "$FIRMWARE: unblock" unblock alice@example.org --ticket T-4711
claim "$FIRMWARE: the new PIN works" pin_is 775533
after=$(escrowed puk)
claim "$FIRMWARE: another PUK is in escrow" [ "$before" != "$after" ]
claim "$FIRMWARE: and it is the token's" puk_is "$after" 775533
claim "$FIRMWARE: the audit says who opened it, and why" [ "$(sql "SELECT count(*) FROM audit WHERE action = 'escrow-open' AND detail LIKE '%T-4711%'")" = 1 ]
claim "$FIRMWARE: nothing is in flight any more" [ "$(sql "SELECT count(*) FROM secrets WHERE flight IS NOT NULL")" = 0 ]
claim "$FIRMWARE: neither PUK was shown" not grep -q -e "$before" -e "$after" "$T/out" "$T/err"
exits 0 '' "$FIRMWARE: a PIN that was only forgotten" unblock
claim "$FIRMWARE: the PUK was refused never" [ "$(refused)" = 0 ]

# ---- interrupted ----
spent=0
for point in 'ins=24;p2=81;remove-before' 'ins=24;p2=81;remove-after' 'ins=2C;remove-before' 'ins=2C;remove-after'; do
	block_pin
	fault "$point"
	exits 14 'ykenroll recover' "$FIRMWARE: $point" unblock
	back
	# with no metadata a PUK in doubt is sent only when that is wanted
	exits 0 '' "$FIRMWARE: recover goes on" recover $last
	claim "$FIRMWARE: $point: the PIN works" pin_is 775533
	claim "$FIRMWARE: $point: the PUK in escrow is the token's" puk_is "$(escrowed puk)" 775533
	case $point in ins=24*before) spent=1 ;; esac
	claim "$FIRMWARE: $point: at most one PUK was refused ($(refused))" [ "$(refused)" -le $spent ]
done
fault 'ins=2C;remove-before'
exits 14 '' "$FIRMWARE: after the PUK is set" unblock
back
exits 0 '' "$FIRMWARE: nobody's key is needed any more" ykenroll recover --pin "file:$T/newpin"
exits 0 '' "$FIRMWARE: recover again has nothing to do" recover
block_pin
fault 'ins=24;p2=81;remove-before'
exits 14 '' "$FIRMWARE: interrupted once more" unblock
back
exits 9 'ykenroll recover' "$FIRMWARE: other work is not begun" ykenroll reissue alice@example.org --reason expiring --ca-pass "file:$T/pass" $es
exits 0 '' "$FIRMWARE: the same command goes on, too" unblock $last
[ $old = 1 ] || exits 0 '' "$FIRMWARE: check agrees" ykenroll check

# ---- what cannot be ----
puk=$(escrowed puk)
claim "$FIRMWARE: somebody changes the PUK" yubico-piv-tool -a change-puk -P "$puk" -N 87654399
exits 4 '--last-try.*ykenroll recover' "$FIRMWARE: the PUK in escrow is refused" unblock
exits 4 '--last-try' "$FIRMWARE: and not sent again" recover
exits 0 '' "$FIRMWARE: --give-up" ykenroll recover --give-up
claim "$FIRMWARE: the PUK is put back" yubico-piv-tool -a change-puk -P 87654399 -N "$puk"
exits 0 '' "$FIRMWARE: then it works" unblock
for i in 1 2 3; do yubico-piv-tool -a unblock-pin -P 00000000 -N 775533 >/dev/null 2>&1; done
if [ $old = 0 ]; then
	exits 5 'ykenroll retire .*--reset' "$FIRMWARE: a blocked PUK, and what is left" unblock
	claim "$FIRMWARE: nothing was begun" [ "$(sql "SELECT count(*) FROM works WHERE closed IS NULL")" = 0 ]
else
	exits 5 '' "$FIRMWARE: a blocked PUK is known when it is sent" unblock
	exits 0 '' "$FIRMWARE: --give-up" ykenroll recover --give-up
fi
exits 0 '' "$FIRMWARE: retire" ykenroll retire "$serial" --reason superseded -y --ca-pass "file:$T/pass"
exits 0 '' "$FIRMWARE: enroll --reset" enroll Alice alice@example.org --reset -y $last
[ $old = 1 ] || exits 0 '' "$FIRMWARE: check agrees" ykenroll check
finish
