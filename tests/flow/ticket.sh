#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a holder who is elsewhere helped without a PUK being spoken, and is an answer worth something once, for one token,
# for a while? The two sides have a home each and share nothing but two files.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/ticket.sh" --tokens 2 --firmware 5.7.1

umask 077
A=10000001 B=10000002
es="--escrow-key $T/recovery.key --escrow-pass file:$T/rpass"
mkdir "$T/desk" "$T/away"
elsewhere() { YKENROLL_HOME="$T/nothing" ykenroll unblock -d $A "$@"; }
here() { ykenroll unblock --escrow-key "$T/recovery.key" --escrow-pass "file:$T/rpass" "$@"; }
block_pin() { for i in 1 2 3 4; do ykman -d $A piv access change-pin -P 999999 -n 888888 >/dev/null 2>&1; done; }
pin_is() { ykman -d $A piv access change-pin -P "$1" -n "$1"; }
sql() { sqlite3 "$T/home/registry.db" "$1"; }
refused() { card '.refused.change + .refused.reset_retry'; }

make_ca >"$T/init.log" 2>&1
echo 775533 >"$T/newpin"
exits 0 '' "enrol" enroll Alice alice@example.org -d $A
exits 0 '' "and another" enroll Bob bob@example.org -d $B
puk=$(sqlite3 "$T/home/registry.db" "SELECT hex(recovery) FROM secrets WHERE token = $A AND kind = 'puk'" | xxd -r -p |
	openssl cms -decrypt -inform DER -inkey "$T/recovery.key" -passin "file:$T/rpass" -recip "$T/home/recovery.crt" | tr -d '\r' | awk '$1 == "value" { print $2 }')
claim "the PUK is known to this test" sh -c 'echo "$0" | grep -Eqx "[0-9]{8}"' "$puk"
block_pin
refuse "the PIN is blocked" pin_is 482913
base=$(refused) # wrong PINs, so far

# ---- the round trip ----
exits 0 '' "a request, without any registry" elsewhere --request "$T/away/r"
code=$(grep -Eo '[0-9A-F]{4}-[0-9A-F]{4}' "$T/out" | head -1)
claim "it has a code" [ -n "$code" ]
claim "openssl reads it: token, and an end" sh -c 'openssl x509 -in "$0" -noout -subject -enddate | grep -q 10000001' "$T/away/r"
claim "its key is the holder's alone" [ "$(stat -c %a "$T/away/r.key")" = 600 ]
exits 9 '/r.key ' "a request is not written over another" elsewhere --request "$T/away/r"
cp "$T/away/r" "$T/desk/r"
exits 10 '-y' "a person has to say that it is Alice" here --answer "$T/desk/r"
claim "she is named, and the code" grep -q "Alice (alice@example.org).*$code" "$T/err"
claim "there is no answer yet" [ ! -e "$T/desk/r.answer" ]
exits 0 '' "the answer" here --answer "$T/desk/r" -y --ticket T-12
claim "openssl opens it with the request's key, and with that alone" sh -c 'openssl cms -decrypt -inform PEM -in "$0/desk/r.answer" \
	-inkey "$0/away/r.key" -recip "$0/away/r" | tr -d "\r" | grep -qx "puk $1"' "$T" "$puk"
refuse "the PUK is not in it as it is" grep -q "$puk" "$T/desk/r.answer"
refuse "nor was it shown" grep -q "$puk" "$T/out" "$T/err"
claim "who opened it is in the audit, and why" [ "$(sql "SELECT count(*) FROM audit WHERE action = 'escrow-open' AND detail LIKE '%T-12%'")" = 1 ]
claim "the PUK is to be replaced" [ "$(sql "SELECT count(*) FROM secrets WHERE token = $A AND kind = 'puk' AND opened IS NOT NULL")" = 1 ]
exits 9 '/r.answer ' "the answer is not written over" here --answer "$T/desk/r" -y
mv "$T/desk/r.answer" "$T/away/r.answer"
exits 9 'ykenroll unblock --request' "and there is no second one" here --answer "$T/desk/r" -y
exits 6 ' 10000001.* 10000002' "another token is not touched" ykenroll unblock -d $B --apply "$T/away/r" --pin "file:$T/newpin"
exits 0 '' "it is used" elsewhere --apply "$T/away/r" --pin "file:$T/newpin"
claim "the new PIN works" pin_is 775533
exits 2 '/r.key ' "once" elsewhere --apply "$T/away/r" --pin "file:$T/newpin"
claim "its key is gone" [ ! -e "$T/away/r.key" ]
claim "no PUK was refused" [ "$(refused)" = "$base" ]

# ---- changed, exchanged, too late ----
exits 0 '' "another request" elsewhere --request "$T/away/s" --hours 1
exits 0 '' "and one more" elsewhere --request "$T/away/u"
sed '3s/./A/3' "$T/away/s" >"$T/desk/changed"
exits 12 '/changed: ' "a request that was changed" here --answer "$T/desk/changed" -y
exits 12 '/root.crt: .*ykenroll unblock --request' "something else" here --answer "$T/home/pub/root.crt" -y
exits 2 '/none ' "nothing" here --answer "$T/desk/none" -y
exits 0 '' "a third one" elsewhere --request "$T/away/w"
w=$(openssl x509 -in "$T/away/w" -outform DER | sha256sum | cut -d' ' -f1)
exits 0 '' "its answer, with a ticket that names another request" here --answer "$T/away/s" -y --ticket "request $w"
exits 0 '' "which is not taken for answered" here --answer "$T/away/w" -y
exits 12 '/s.answer: ' "to the one it is not for" elsewhere --apply "$T/away/u" --answer-file "$T/away/s.answer" --pin "file:$T/newpin"
sed '5s/./B/5' "$T/away/s.answer" >"$T/away/bad"
exits 12 '/bad: ' "an answer that was changed" elsewhere --apply "$T/away/s" --answer-file "$T/away/bad" --pin "file:$T/newpin"
exits 10 '--pin file:PATH' "no PIN" elsewhere --apply "$T/away/s" --non-interactive
if [ -n "$FAKETIME_LIB" ]; then
	exits 12 '/s: .*[0-9]Z' "an hour later it is too late to use it" faked +2h env YKENROLL_HOME="$T/nothing" \
		ykenroll unblock -d $A --apply "$T/away/s" --pin "file:$T/newpin"
	exits 12 '/u: .*[0-9]Z' "and to answer" faked +25h ykenroll unblock $es --answer "$T/away/u" -y
	exits 12 '/u: ' "and yesterday too early" faked -25h ykenroll unblock $es --answer "$T/away/u" -y
fi
chmod 644 "$T/away/s.key"
exits 2 '/s.key .*chmod 600' "a key that others can read" elsewhere --apply "$T/away/s" --pin "file:$T/newpin"
chmod 600 "$T/away/s.key"
claim "none of that reached the token" [ "$(refused)" = "$base" ]

# ---- pulled out ----
block_pin
base=$(refused)
for point in remove-before remove-after; do
	ykvirt control "$(state 1)" fault "ins=2C;$point" >/dev/null
	exits 14 '' "$point" elsewhere --apply "$T/away/s" --pin "file:$T/newpin"
	ykvirt control "$(state 1)" insert >/dev/null
	sleep 0.3
done
exits 0 '' "the same command does it" elsewhere --apply "$T/away/s" --pin "file:$T/newpin"
claim "the PIN works" pin_is 775533

# ---- when the token is here again ----
exits 0 '' "unblock replaces the PUK" ykenroll unblock -d $A $es --pin "file:$T/newpin"
exits 0 '' "an answer that was made before that" here --answer "$T/away/u" -y
claim "somebody changes the PUK meanwhile" sh -c 'ykenroll unblock -d "$0" --escrow-key "$T/recovery.key" --escrow-pass "file:$T/rpass" --pin "file:$T/newpin"' $A
exits 4 'tries left: 2' "is no good, costs one try" elsewhere --apply "$T/away/u" --pin "file:$T/newpin"
claim "and is not tried again" [ ! -e "$T/away/u.key" ]
claim "one try, not two" [ "$(refused)" = $((base + 1)) ]
finish
