#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A first PIN that the program makes: does the holder get it, after whatever happens, and nobody else?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/letter.sh" --tokens 3 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
one=$(lab_serial 1) two=$(lab_serial 2) three=$(lab_serial 3)
made() { # made TOKEN NAME LETTER OPTIONS…
	token=$1 who=$2 letter=$3
	shift 3
	ykenroll enroll "$who" --email "$who@example.org" --ca-pass "file:$T/pass" -d "$token" --pin generate --letter "$letter" "$@"
}
pin_in() { awk '$1 == "PIN:" { print $2 }' "$1"; }
# The key itself says whether it is the PIN: ykman sends it.
opens() { # opens TOKEN PIN
	ykman -d "$1" piv access change-pin -P "$2" -n "$2"
}
db() { sqlite3 "$T/home/registry.db" "$1"; }
holds() { grep -qaF -- "$1" "$T"/home/registry.db*; }

exits 2 '--pin generate .*--letter FILE' "generate wants a letter" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" --pin generate
exits 2 '--pin generate .*--letter FILE' "and a letter wants generate" ykenroll enroll Alice --email a@example.org --ca-pass "file:$T/pass" \
	--pin "file:$T/pin" --letter "$T/x"
: >"$T/there"
exits 9 '/there ' "a letter is never written over a file" made "$one" alice "$T/there"
exits 2 '/no-such.pem' "a certificate that is not there" made "$one" alice "$T/alice.txt" --letter-to "$T/no-such.pem"
claim "and the token was not touched" [ "$(ykvirt inspect "$(state 1)" | jq .pin.factory)" = true ]

exits 0 '' "a first PIN is made" made "$one" alice "$T/alice.txt" --json
pin=$(pin_in "$T/alice.txt")
claim "six digits" eval 'echo "$pin" | grep -Eq "^[0-9]{6}$"'
claim "that the token knows" opens "$one" "$pin"
claim "in a file for its owner alone" [ "$(stat -c %a "$T/alice.txt")" = 600 ]
claim "which names holder and token" eval 'grep -q alice@example.org "$T/alice.txt" && grep -q "$one" "$T/alice.txt"'
claim "the operator does not see it" not grep -q "$pin" "$T/out" "$T/err"
claim "nor is it in the registry as it is" not holds "$pin"
claim "nor sealed for the escrow" [ "$(db "SELECT count(*) FROM secrets WHERE kind NOT IN ('management-key', 'puk')")" = 0 ]

# ---- lost, and written again ----
exits 0 '' "which letters wait" ykenroll letter
claim "hers" grep -q "^$one .*alice@example.org" "$T/out"
exits 0 '' "the letter is lost: once more" ykenroll letter alice@example.org --letter "$T/again.txt"
claim "the same" cmp "$T/alice.txt" "$T/again.txt"
claim "the audit knows" [ "$(db "SELECT count(*) FROM audit WHERE action = 'letter-write'")" = 1 ]
sealed=$(db "SELECT hex(sealed) FROM letters WHERE token = $one")
exits 0 '' "handed over" ykenroll letter "$one" --handed-over
exits 2 " $one\$" "then nobody can have it again" ykenroll letter "$one" --letter "$T/third.txt"
claim "not a byte of it is left" python3 -c 'import glob, sys
tail = bytes.fromhex(sys.argv[2])[-40:]
sys.exit(any(tail in open(f, "rb").read() for f in glob.glob(sys.argv[1] + "/registry.db*")))' "$T/home" "$sealed"
exits 0 '' "no letter waits" ykenroll letter --json
claim "none" jq -e '.letters == []' "$T/out"

# ---- interrupted after the PIN was set: the run after it uses the same one ----
on_card() { jq -r .pin.value "$(state 2)"; }
for at in 12 20 22; do
	ykvirt control "$(state 2)" fault "at=$at;remove-after" >/dev/null
	made "$two" bob "$T/bob.txt" >"$T/bob.out" 2>&1
	claim "removed at APDU $at: no letter of unfinished work" [ ! -e "$T/bob.txt" ]
	[ "$at" = 12 ] || echo "$(on_card)" >>"$T/pins"
	ykvirt control "$(state 2)" insert >/dev/null
	sleep 0.3
done
claim "the PIN had been set by then" [ "$(ykvirt inspect "$(state 2)" | jq .pin.factory)" = false ]
exits 0 '' "finished by recover" ykenroll recover -d "$two" --ca-pass "file:$T/pass" --pin generate --letter "$T/bob.txt"
claim "with the PIN of the letter" opens "$two" "$(pin_in "$T/bob.txt")"
on_card >>"$T/pins"
claim "which every run used" [ "$(sort -u "$T/pins" | wc -l)" = 1 ]
claim "no try was lost" [ "$(ykvirt inspect "$(state 2)" | jq .pin.left)" = 3 ]

# ---- a letter that cannot be written ----
mkdir "$T/locked"
strace -f -qq -o /dev/null -P "$T/locked/carol.txt" -e inject=link,rename:error=ENOSPC true 2>/dev/null && {
	exits 1 'ykenroll letter' "no room for the letter" strace -f -qq -o "$T/trace" \
		-e trace=link,linkat -e inject=link,linkat:error=ENOSPC ykenroll enroll Carol --email carol@example.org --ca-pass "file:$T/pass" \
		-d "$three" --pin generate --letter "$T/locked/carol.txt"
	exits 0 '' "it is written later" ykenroll letter "$three" --letter "$T/carol.txt"
	claim "and is right" opens "$three" "$(pin_in "$T/carol.txt")"
}

# ---- sealed to the holder ----
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/holder.key" -out "$T/holder.crt" -subj /CN=Bob -days 9 2>/dev/null
exits 0 '' "sealed to a certificate of the holder" ykenroll letter "$two" --letter "$T/bob.cms" --letter-to "$T/holder.crt"
claim "nobody else reads it" not grep -qa "$(pin_in "$T/bob.txt")" "$T/bob.cms"
claim "openssl opens it with the holder's key" eval 'openssl cms -decrypt -inform DER -in "$T/bob.cms" -inkey "$T/holder.key" \
	-recip "$T/holder.crt" | tr -d "\r" | cmp - "$T/bob.txt"'

# ---- as a PDF ----
ykenroll=$(command -v ykenroll)
if [ -x "$(dirname "$ykenroll")/ykenroll-letter" ] && command -v pdftotext >/dev/null; then
	exits 0 '' "as a PDF" ykenroll letter "$two" --letter "$T/bob.pdf"
	claim "with the same words" eval 'pdftotext -layout "$T/bob.pdf" - | grep -q "PIN: *$(pin_in "$T/bob.txt")"'
	claim "one page" [ "$(pdfinfo "$T/bob.pdf" | awk '/^Pages/ { print $2 }')" = 1 ]
	refuse "ykenroll itself is not linked with libharu" sh -c "ldd '$ykenroll' | grep libhpdf"
	if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
		strace -f -s 4096 -v -e trace=execve -o "$T/exec" ykenroll letter "$two" --letter "$T/bob2.pdf" >/dev/null
		claim "a helper makes it" grep -q 'ykenroll-letter"\]' "$T/exec"
		refuse "whose words and environment have no PIN" grep -qF "$(pin_in "$T/bob.txt")" "$T/exec"
	fi
	helper=$(dirname "$ykenroll")/ykenroll-letter
	claim "it says what its fonts have not" sh -c "printf 'To \\346\\274\\242' | '$helper' >'$T/why'; [ \$? = 2 ] && grep -q PDF '$T/why'"
	claim "and takes no more than a letter" sh -c "head -c 5000 /dev/zero | tr '\\0' x | '$helper' >'$T/why'; [ \$? = 2 ] && grep -q ' 4096 ' '$T/why'"
else
	n=$((n + 1))
	echo "ok $n - as a PDF # SKIP built without libharu"
fi
mkdir "$T/alone"
cp "$ykenroll" "$(dirname "$ykenroll")/ykenroll-signer" "$T/alone/"
if ! [ -x "$(strings "$ykenroll" | grep -E '^/.*/ykenroll-letter$')" ]; then
	before=$(ykenroll audit export)
	exits 2 'PDF' "without the helper it is refused" "$T/alone/ykenroll" letter "$two" --letter "$T/none.pdf"
	claim "before anything is done" [ "$(ykenroll audit export)" = "$before" ]
fi

# ---- another PIN came: the letter is of no use ----
exits 0 '' "unblock sets a typed PIN" ykenroll unblock -d "$two" --pin "file:$T/pin" --escrow-key "$T/recovery.key" --escrow-pass "file:$T/rpass"
exits 2 " $two\$" "so its letter is forgotten" ykenroll letter "$two" --letter "$T/stale.txt"
finish
