#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does the escrow open for those who may, for a reason, with a row, and for nobody else? openssl and sqlite3 judge. (Rekey that is killed: tests/unit/test_rekey.c.)
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/escrow.sh" --tokens 1 --firmware 5.7.1
make_ca >"$T/init.log" 2>&1
echo "import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))" >"$T/unhex.py"
db=$T/home/registry.db
enroll Alice alice@example.org >"$T/enroll.log" 2>&1
token=$(sqlite3 "$db" "SELECT serial FROM tokens")
rec="--escrow-key $T/recovery.key --escrow-pass file:$T/rpass"
rows() { sqlite3 "$db" "SELECT count(*) FROM audit WHERE action='$1'"; }
audit() { sqlite3 "$db" "SELECT detail FROM audit WHERE action='$1' ORDER BY seq DESC LIMIT 1"; }
open() { # open KIND OPTIONS…
	k=$1
	shift
	rm -f "$T/secret"
	ykenroll escrow open "$token" --kind "$k" --reason "token was found" --ticket T-17 --out "$T/secret" "$@"
}

# ---- opening ----
puk=$(escrowed puk) key=$(escrowed management-key)
claim "the recovery key opens the PUK" open puk $rec
claim "which is the one that openssl opens" [ "$(cat "$T/secret")" = "$puk" ]
claim "its file is for the owner only" [ "$(stat -c %a "$T/secret")" = 600 ]
claim "the audit says why, by whose order, and with which key" sh -c 'sqlite3 "$0" "SELECT detail FROM audit WHERE action=\"escrow-open\"" |
	grep -Eq "^puk 1 with the recovery key sha256 [0-9a-f]{64}: token was found, ticket T-17$"' "$db"
claim "the PUK is marked for replacement" [ "$(ykenroll show "$token" --json | jq '[.tokens[].secrets[] | select(.kind == "puk").replace] | all')" = true ]
claim "the management key is not" [ "$(ykenroll show "$token" --json | jq '[.tokens[].secrets[] | select(.kind == "management-key").replace] | any')" = false ]
claim "the management key opens" open management-key $rec
claim "and is the right one" [ "$(cat "$T/secret")" = "$(echo "$key" | tr A-F a-f)" ]
before=$(rows escrow-open)
exits 9 '/secret ' "an existing file is not written over" ykenroll escrow open "$token" --kind puk --reason x --out "$T/secret" $rec
exits 2 '--out FILE' "nothing is shown into a pipe" ykenroll escrow open "$token" --kind puk --reason x $rec
exits 2 'JSON.*--out FILE' "nor in JSON" ykenroll escrow open "$token" --kind puk --reason x --json $rec
exits 2 '--reason TEXT' "nor without a reason" ykenroll escrow open "$token" --kind puk --out "$T/s" $rec
exits 2 '--reason' "nor for an empty one" open puk $rec --reason ""
exits 2 '--reason' "nor for one with control characters" open puk $rec --reason "$(printf 'x\033y')"
exits 10 '--escrow-key' "nor without a key" open puk
exits 11 '/recovery.key' "nor with a wrong passphrase" open puk --escrow-key "$T/recovery.key" --escrow-pass "file:$T/pass"
exits 2 "--kind 'pin'" "of an unknown kind" open pin $rec
exits 2 'puk .* 99$' "of an unknown token" ykenroll escrow open 99 --kind puk --reason x --out "$T/s" $rec
exits 2 '' "of a version that never was" open puk $rec --version 7
claim "none of them left a row" [ "$(rows escrow-open)" = "$before" ]
echo "helpdesk passphrase" >"$T/hpass"
claim "make-key makes a key" ykenroll escrow make-key --name "Helpdesk 1" --out "$T/help.key" --cert "$T/help.crt" --escrow-pass "file:$T/hpass"
claim "encrypted, with scrypt" sh -c 'grep -q "BEGIN ENCRYPTED" "$T/help.key" && openssl pkey -in "$T/help.key" -passin "file:$T/hpass" -noout'
exits 9 '/help.key' "and not over another" ykenroll escrow make-key --name x --out "$T/help.key" --cert "$T/h2.crt" --escrow-pass "file:$T/hpass"
hlp="--escrow-key $T/help.key --escrow-pass file:$T/hpass"
exits 12 '/help.key .*ykenroll escrow recipients' "a stranger's key opens nothing" open puk $hlp

# ---- what is sealed was exchanged ----
cp "$db" "$T/db.kept"
swap() { # swap SQL PATTERN TEXT: after this edit nothing opens
	sqlite3 "$db" "$1"
	exits 1 "$2" "$3" open puk $rec
	cp "$T/db.kept" "$db"
}
swap "UPDATE secrets SET recovery = (SELECT recovery FROM secrets WHERE kind='management-key') WHERE kind='puk'" '^ykenroll: puk 1 .*puk 1 ' "another secret's blob is refused"
swap "UPDATE secrets SET recovery = CAST(substr(recovery, 1, length(recovery) - 1) || x'00' AS BLOB) WHERE kind='puk'" ' puk .* 10000001 ' "a changed byte is refused"
swap "UPDATE secrets SET recovery = x'30' WHERE kind='puk'" ' puk .* 10000001 ' "no blob is refused"

# ---- recovery.crt exchanged ----
cp "$T/home/recovery.crt" "$T/recovery.crt"
cp "$T/help.crt" "$T/home/recovery.crt"
exits 2 '/recovery.crt' "another recovery.crt in the home is refused: list" ykenroll list
exits 2 '/recovery.crt' "and enroll" enroll Bob bob@example.org
rm "$T/home/recovery.crt"
exits 2 '/recovery.crt' "none is refused" ykenroll list
cp "$T/recovery.crt" "$T/home/recovery.crt"

# ---- rekey ----
claim "recipients: the recovery certificate" sh -c 'ykenroll escrow recipients | grep -Eq "^recovery  [0-9a-f]{64}  "'
exits 12 '/help.key .*ykenroll escrow recipients' "a stranger's key changes no recipients" ykenroll escrow rekey --add-helpdesk "$T/help.crt" $hlp
claim "a helpdesk certificate is added" ykenroll escrow rekey --add-helpdesk "$T/help.crt" --ticket T-18 $rec
claim "it opens the PUK" open puk $hlp
claim "which is the same" [ "$(cat "$T/secret")" = "$puk" ]
claim "openssl agrees with either key" sh -c 'sqlite3 "$T/home/registry.db" "SELECT hex(recovery) FROM secrets WHERE kind=\"puk\"" | python3 "$T/unhex.py" >"$T/b" &&
	openssl cms -decrypt -inform DER -in "$T/b" -inkey "$T/help.key" -passin "file:$T/hpass" -recip "$T/help.crt" | grep -q "^kind puk" &&
	openssl cms -decrypt -inform DER -in "$T/b" -inkey "$T/recovery.key" -passin "file:$T/rpass" -recip "$T/recovery.crt" | grep -q "^kind puk"'
exits 12 'ykenroll escrow recipients' "but changes no recipients" ykenroll escrow rekey --remove "Helpdesk 1" $hlp
exits 2 '--add-recovery' "the last recovery certificate stays" ykenroll escrow rekey --remove "$(ykenroll escrow recipients | awk '/^recovery/ { print substr($2, 1, 12) }')" $rec
exits 2 'Helpdesk 1 ' "one twice is refused" ykenroll escrow rekey --add-helpdesk "$T/help.crt" $rec
exits 2 ' nobody;.*ykenroll escrow recipients' "nobody is not removed" ykenroll escrow rekey --remove nobody $rec
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes -keyout "$T/x.key" -out "$T/p521.crt" -subj /CN=x 2>"$T/log"
openssl req -x509 -newkey rsa:1024 -nodes -keyout "$T/x.key" -out "$T/rsa1024.crt" -subj /CN=x 2>"$T/log"
exits 2 'ECCP384.*RSA .*2048' "an RSA key of 1024 bits is refused" ykenroll escrow rekey --add-helpdesk "$T/rsa1024.crt" $rec
exits 2 'ECCP384.*RSA .*2048' "so is P-521" ykenroll escrow rekey --add-helpdesk "$T/p521.crt" $rec
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/rsa.pem" 2>"$T/log"
openssl req -x509 -new -key "$T/rsa.pem" -out "$T/rsa.crt" -subj "/CN=Helpdesk RSA" 2>"$T/log"
openssl pkcs8 -topk8 -in "$T/rsa.pem" -out "$T/rsa.key" -scrypt -scrypt_N 16384 -passout "file:$T/hpass"
claim "an RSA helpdesk key is added" ykenroll escrow rekey --add-helpdesk "$T/rsa.crt" $rec
claim "and opens the PUK" open puk --escrow-key "$T/rsa.key" --escrow-pass "file:$T/hpass"
claim "the right one" [ "$(cat "$T/secret")" = "$puk" ]
claim "by RSA-OAEP" sh -c 'sqlite3 "$T/home/registry.db" "SELECT hex(recovery) FROM secrets WHERE kind=\"puk\"" | python3 "$T/unhex.py" | openssl cms -cmsout -print -inform DER | grep -q rsaesOaep'

# the table of recipients is edited behind the chain's back
cp "$db" "$T/db.kept"
for sql in "DELETE FROM recipients" "DELETE FROM recipients WHERE generation = 3" "DELETE FROM recipients WHERE role = 'helpdesk'" \
	"UPDATE recipients SET role = 'recovery'" "UPDATE recipients SET der = (SELECT der FROM recipients LIMIT 1)" \
	"INSERT INTO recipients SELECT 4, sha256, role, name, der FROM recipients WHERE generation = 3"; do
	sqlite3 "$db" "$sql"
	exits 2 '' "refused: $sql" ykenroll list
	cp "$T/db.kept" "$db"
done

# a new recovery certificate instead of the old one
echo "second passphrase" >"$T/r2pass"
ykenroll escrow make-key --name "Safe 2" --out "$T/r2.key" --cert "$T/r2.crt" --escrow-pass "file:$T/r2pass" >"$T/log"
old=$(ykenroll escrow recipients | awk '/^recovery/ { print substr($2, 1, 12) }')
claim "a new recovery certificate replaces the old one" ykenroll escrow rekey --add-recovery "$T/r2.crt" --remove "$old" --remove "Helpdesk RSA" $rec
claim "recovery.crt is the new one" cmp "$T/home/recovery.crt" "$T/r2.crt"
exits 12 'ykenroll escrow recipients' "the old recovery key opens nothing any more" open puk $rec
claim "nor with openssl" sh -c 'sqlite3 "$T/home/registry.db" "SELECT hex(recovery) FROM secrets WHERE kind=\"puk\"" | python3 "$T/unhex.py" >"$T/b" &&
	! openssl cms -decrypt -inform DER -in "$T/b" -inkey "$T/recovery.key" -passin "file:$T/rpass" -recip "$T/recovery.crt"'
claim "the new one does" open puk --escrow-key "$T/r2.key" --escrow-pass "file:$T/r2pass"
claim "the right one" [ "$(cat "$T/secret")" = "$puk" ]
cp "$T/recovery.crt" "$T/home/recovery.crt"
claim "an older recovery.crt (a kill before it was replaced) is replaced" ykenroll list
claim "by the new one" cmp "$T/home/recovery.crt" "$T/r2.crt"
cp "$T/rsa.crt" "$T/home/recovery.crt"
exits 2 '/recovery.crt' "a helpdesk certificate in its place is refused" ykenroll list
cp "$T/r2.crt" "$T/home/recovery.crt"

new="--escrow-key $T/r2.key --escrow-pass file:$T/r2pass"
claim "rekey with nothing to do does nothing" sh -c 'ykenroll escrow rekey '"$new"' --json | jq -e ".resealed == 0"'
# ---- a memory stick: its file system has no links ----
# (strace reads the paths of a process that cannot be dumped as root only)
if [ "$(id -u)" = 0 ] && strace -f -o /dev/null true 2>/dev/null; then
	mkdir "$T/stick"
	exits 0 '' "init with the recovery key on a stick" strace -f -qq -o "$T/trace" -P "$T/stick/recovery.key" -e trace=link,linkat,renameat2 \
		-e inject=link,linkat:error=EPERM ykenroll init --home "$T/stickhome" --name Test --recovery-out "$T/stick/recovery.key" \
		--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
	claim "where links were refused" grep -q 'INJECTED' "$T/trace"
	claim "the key is there, and nothing else" [ "$(ls "$T/stick")" = recovery.key ]
	exits 9 '/recovery.key ' "and is not written over" strace -f -qq -o "$T/trace" -P "$T/stick/recovery.key" -e trace=link,linkat,renameat2 \
		-e inject=link,linkat:error=EPERM ykenroll init --home "$T/stickhome2" --name Test --recovery-out "$T/stick/recovery.key" \
		--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
fi
finish
