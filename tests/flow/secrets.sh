#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a secret get anywhere but to the card? Every command runs with canaries under strace: leaks.py looks at arguments,
# environment, output, files and each write but those to pcscd. It runs as root, or as root of a user namespace: to
# anyone else strace shows pointers where a process is not dumpable. That it sees anything is asked as well: leaks are
# planted in every channel, and each secret must be seen being read or sent.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
if [ -z "${IN_LAB-}" ] && ! strace -f -o /dev/null true 2>/dev/null; then
	echo "1..0 # SKIP strace may not trace here"
	exit 77
fi
in_lab "$(pwd)/secrets.sh" --tokens 1 --firmware 5.7.1
if [ "$(id -u)" != 0 ]; then
	unshare -Ur true 2>/dev/null && exec unshare -Ur sh "$(pwd)/secrets.sh"
	echo "1..0 # SKIP needs root, or a user namespace to be root in: strace would show pointers"
	exit 77
fi

leaks="python3 $(pwd)/leaks.py"
umask 077
C=$T/canaries R=$T/runs D=$T/out YKENROLL_HOME=$T/home HOME=$T/me TMPDIR=$T/tmp
export C D YKENROLL_HOME HOME TMPDIR
unset XDG_RUNTIME_DIR XDG_DATA_HOME
mkdir "$C" "$T/generated" "$D" "$HOME" "$TMPDIR" "$T/core"
python3 - "$C" <<'PY'
import os, secrets, string, sys
def put(name, value):
    with open(os.path.join(sys.argv[1], name), "w") as f:
        f.write(value + "\n")
letters = string.ascii_letters + string.digits
for name in ("pin-new", "pin-next", "pin-old", "pin-wrong", "puk-old", "puk-next", "puk-wrong"):
    put(name, "".join(secrets.choice(letters) for _ in range(8)))
for name in ("ca-pass", "ca-wrong", "recovery-pass", "p12-pass"):
    put(name, "".join(secrets.choice(letters) for _ in range(20)))
for name in ("mgm-old", "mgm-next", "mgm-wrong"):
    put(name, secrets.token_hex(24))
PY
# the factory's values are no secrets, but are given as files too
mkdir "$T/factory"
echo 123456 >"$T/factory/pin"
echo 12345678 >"$T/factory/puk"
echo 010203040506070801020304050607080102030405060708 >"$T/factory/mgm"
f() { echo "file:$C/$1"; }
factory() { echo "file:$T/factory/$1"; }
dirs="--dir $T/home --dir $T/home2 --dir $D --dir $HOME --dir $TMPDIR --dir $T/core"
mkdir "$T/home2"
k=$(state)
fault() { ykvirt control "$k" fault "$1" >/dev/null; }
back() { ykvirt control "$k" insert >/dev/null; sleep 0.3; }

# watch EXIT TEXT OPTIONS-OF-LEAKS -- COMMAND…
watch() {
	want=$1 what=$2
	shift 2
	claim "$what (exit $want), no leak" $leaks run --canaries "$C" --runs "$R" $dirs --exit "$want" "$@"
}
# plant NAME@CHANNEL TEXT OPTIONS-OF-LEAKS -- COMMAND…: what is planted must be found
plant() {
	find=$1 what=$2
	shift 2
	claim "planted: $what is found" $leaks run --canaries "$C" --runs "$T/planted" $dirs --find "$find" "$@"
	find "$T/home2" "$D" "$HOME" "$TMPDIR" -mindepth 1 -delete
}
ca="--ca-pass $(f ca-pass)"
mgm="--management-key $(f mgm-old)"
wrongmgm="--management-key $(f mgm-wrong)"

weak="setpriv --bounding-set=-all --inh-caps=-all" # as anybody but root is

# ---- would a leak be found? ----
plant 'pin-new@argv' "an argument" -- sh -c 'true "$@"; exec true --pin="$(cat "$C/pin-new")"'
plant 'ca-pass@environ' "the environment" -- sh -c 'X=$(cat "$C/ca-pass") exec true'
plant 'pin-new@stdout' "standard output" -- cat "$C/pin-new"
plant 'puk-old@stderr' "standard error" -- sh -c 'cat "$C/puk-old" >&2'
plant 'pin-new@terminal' "an echo on the terminal" --answer "PIN: =$C/pin-new" -- sh -c 'printf "PIN: " >/dev/tty; read -r x </dev/tty'
plant 'pin-new@file .*/home2/x' "a file in the home" -- sh -c 'cat "$C/pin-new" >"$T/home2/x"'
plant 'mgm-old@file .*/tmp/x' "a temporary file that is gone again" -- sh -c 'echo "$(cat "$C/mgm-old")" >"$TMPDIR/x"; rm "$TMPDIR/x"'
plant 'pin-new@file .*/me/log' "a log, in many writes" -- python3 -c 'import os; [os.write(3, b"%c" % c)
for c in open(os.environ["C"] + "/pin-new", "rb").read()]' 3>"$HOME/log"
plant 'recovery-pass@file .*/home2/db' "a row that was deleted from a database" -- python3 -c 'import os, sqlite3
db = sqlite3.connect(os.environ["T"] + "/home2/db"); db.execute("CREATE TABLE x (a)")
db.execute("INSERT INTO x VALUES (?)", (open(os.environ["C"] + "/recovery-pass").read(),)); db.commit()
db.execute("DELETE FROM x"); db.commit()'
plant 'ca-pass@file .*-wal' "a write-ahead log" -- python3 -c 'import os, sqlite3
db = sqlite3.connect(os.environ["T"] + "/home2/db"); db.execute("PRAGMA journal_mode=WAL"); db.execute("CREATE TABLE x (a)")
db.execute("INSERT INTO x VALUES (?)", (open(os.environ["C"] + "/ca-pass").read(),)); db.commit(); os._exit(0)'
plant 'puk-old@name' "a file's name" -- sh -c ': >"$TMPDIR/$(cat "$C/puk-old")"; rm "$TMPDIR"/*'
plant 'pin-new@pipe' "another descriptor: a pipe" -- python3 -c 'import os
r, w = os.pipe(); os.write(w, open(os.environ["C"] + "/pin-new", "rb").read())'
plant 'pin-new@own child' "another descriptor: a socket that a child may have" -- python3 -c 'import os, socket
a, b = socket.socketpair(); a.sendmsg([open(os.environ["C"] + "/pin-new", "rb").read()])'
plant 'pin-new@socket' "and one that anybody may have" -- python3 -c 'import os, socket
a, b, c = socket.socketpair() + (socket.socket(socket.AF_UNIX),); c.bind("\0x"); c.listen(); d = socket.socket(socket.AF_UNIX)
d.connect("\0x"); d.sendmsg([open(os.environ["C"] + "/pin-new", "rb").read()])'
plant 'puk-old@core' "a secret in a process that can be dumped" -- sh -c 'read -r x <"$C/puk-old"'
plant 'nothing@blind' "a write that strace does not show" -- python3 -c 'import os
a, b = os.open(os.environ["C"] + "/pin-new", 0), os.open(os.environ["D"] + "/x", 65)
os.copy_file_range(a, b, 8)'
claim "planted: a strace that is shown pointers is found" $weak $leaks run --canaries "$C" --runs "$T/planted" \
	--find 'nothing@blind' -- ykenroll list --home "$T/none"
plant 'nothing@elsewhere' "a file where nobody looks" -- sh -c ': >"$T/elsewhere"'
echo clean >"$T/home2/x"
sleep 1.1
claim "a file without a secret has none" $leaks run --canaries "$C" --runs "$T/planted" $dirs -- echo x
claim "and is not read again as long as nobody touches it" grep -q "$T/home2/x" "$T/planted.clean"
cat "$C/pin-new" >>"$T/home2/x"
plant 'pin-new@file .*/home2/x' "a secret in a file that had none" -- echo x
for form in 'x.hex()' 'x.hex().upper()' 'x.hex(" ")' 'x.hex(":")' 'x[::-1].decode()' 'x.decode().encode("utf-16-le").decode("latin-1")' \
	'b64(x)' 'b64(b"1" + x)' 'b64(b"12" + x)' 'hashlib.sha256(x).hexdigest()'; do
	plant 'pin-new@stdout' "$form" -- python3 -c 'import base64, hashlib, os, sys
b64 = lambda s: base64.b64encode(s + b"tail").decode(); x = open(os.environ["C"] + "/pin-new", "rb").read().strip()
print(eval(sys.argv[1]))' "$form"
done
plant 'mgm-old@stdout' "a key in bytes, in hexadecimal on paper" -- python3 -c 'import os
sys = __import__("sys"); sys.stdout.buffer.write(bytes.fromhex(open(os.environ["C"] + "/mgm-old").read().strip()))'

# ---- init ----
# What makes a CA's keys is ykenroll-signer: it gets the passphrases by a socket that has no name.
to_signer="--allow .*@own.child"
watch 0 "init" $to_signer --read ca-pass --read recovery-pass -- ykenroll init --name Test --rehearsal "$YKVIRT_ROOT" \
	--recovery-out "$D/recovery.key" $ca --recovery-pass "$(f recovery-pass)"
watch 9 "init again" -- ykenroll init --name Test --recovery-out "$D/r2.key" $ca --recovery-pass "$(f recovery-pass)"
watch 2 "init that cannot write the recovery key" -- ykenroll init --home "$T/home2" --name Test \
	--recovery-out "$T/nowhere/r.key" $ca --recovery-pass "$(f recovery-pass)"
watch 0 "init on a terminal" $to_signer --read ca-pass --read recovery-pass --answer "CA keys: =$C/ca-pass" --answer "CA keys: =$C/ca-pass" \
	--answer "recovery key: =$C/recovery-pass" --answer "recovery key: =$C/recovery-pass" -- \
	ykenroll init --home "$T/home2/h" --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$D/r3.key"
watch 0 "init, another passphrase for the root" $to_signer --read ca-wrong -- ykenroll init --home "$T/home2/j" --name Test \
	--recovery-out "$D/r5.key" $ca --recovery-pass "$(f recovery-pass)" --root-pass "$(f ca-wrong)"
watch 2 "init on a terminal, two entries that differ" --read ca-wrong --answer "CA keys: =$C/ca-pass" \
	--answer "CA keys: =$C/ca-wrong" --answer "CA keys: =$C/ca-wrong" --answer "CA keys: =$C/ca-pass" \
	--answer "CA keys: =$C/ca-pass" --answer "CA keys: =$C/recovery-pass" -- \
	ykenroll init --home "$T/home2/i" --name Test --recovery-out "$D/r4.key"

# ---- the token's own verbs, on a factory token ----
watch 0 "token list" -- ykenroll token list
watch 0 "token info" -- ykenroll token info --json
watch 3 "token info, no such token" -- ykenroll token info -d 99
watch 2 "token list, a word too many" -- ykenroll token list --frobnicate
watch 0 "token change-pin" --sent pin-old -- ykenroll token change-pin --pin "$(factory pin)" --new-pin "$(f pin-old)"
watch 4 "token change-pin, wrong PIN" --sent pin-wrong -- ykenroll token change-pin --pin "$(f pin-wrong)" --new-pin "$(f pin-next)"
watch 0 "token change-pin on a terminal" --sent pin-next --answer "PIN: =$C/pin-old" --answer "characters.: =$C/pin-next" \
	--answer "characters.: =$C/pin-next" -- ykenroll token change-pin
watch 0 "token change-pin from descriptors" --sent pin-old --sent pin-next -- \
	ykenroll token change-pin --pin fd:3 --new-pin fd:4 3<"$C/pin-next" 4<"$C/pin-old"
watch 0 "token change-puk" --sent puk-next -- ykenroll token change-puk --puk "$(factory puk)" --new-puk "$(f puk-next)"
watch 4 "token change-puk, wrong PUK" --sent puk-wrong -- ykenroll token change-puk --puk "$(f puk-wrong)" --new-puk "$(f puk-old)"
watch 0 "token change-puk --generate" --sent puk-next --dir "$T/generated" -- \
	ykenroll token change-puk --puk "$(f puk-next)" --generate --out "$T/generated/puk-made"
watch 0 "token change-puk back" --read puk-old -- \
	ykenroll token change-puk --puk "file:$T/generated/puk-made" --new-puk "$(f puk-old)"
watch 0 "token unblock-pin" --sent puk-old --sent pin-next -- ykenroll token unblock-pin --puk "$(f puk-old)" --new-pin "$(f pin-next)"
watch 4 "token unblock-pin, wrong PUK" --sent puk-wrong -- \
	ykenroll token unblock-pin --puk "$(f puk-wrong)" --new-pin "$(f pin-old)"
watch 0 "token change-management-key" --sent mgm-next -- \
	ykenroll token change-management-key --management-key "$(factory mgm)" --new-management-key "$(f mgm-next)"
watch 7 "token change-management-key, wrong key" --read mgm-wrong -- \
	ykenroll token change-management-key $wrongmgm --new-management-key "$(f mgm-old)"
watch 0 "token change-management-key --generate" --read mgm-next --dir "$T/generated" -- ykenroll token change-management-key \
	--management-key "$(f mgm-next)" --generate --out "$T/generated/mgm-made"
watch 0 "token change-management-key --protect" --sent mgm-old -- ykenroll token change-management-key \
	--management-key "file:$T/generated/mgm-made" --new-management-key "$(f mgm-old)" --protect --pin "$(f pin-next)"
watch 0 "token change-management-key, with the one that the token keeps" --sent mgm-next --sent pin-next -- \
	ykenroll token change-management-key --new-management-key "$(f mgm-next)" --pin "$(f pin-next)"
watch 0 "token change-management-key on a terminal" --sent mgm-old --answer "hexadecimal.: =$C/mgm-old" \
	--answer "hexadecimal.: =$C/mgm-old" -- ykenroll token change-management-key --management-key "$(f mgm-next)"
watch 0 "token generate" --read mgm-old -- ykenroll token generate 9c "$D/9c.pem" $mgm --pin "$(f pin-next)"
watch 7 "token generate, wrong key" --read mgm-wrong -- ykenroll token generate 9d "$D/9d.pem" $wrongmgm
watch 0 "token request" --sent pin-next -- ykenroll token request 9c "$D/9c.csr" -s "CN=Test" --pin "$(f pin-next)" $mgm
watch 4 "token request, wrong PIN" --sent pin-wrong -- ykenroll token request 9c "$D/x.csr" -s "CN=Test" --pin "$(f pin-wrong)"
openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/ca.pem" -out "$T/ca.crt" -subj /CN=x -days 9 2>"$T/log"
openssl x509 -req -in "$D/9c.csr" -CA "$T/ca.crt" -CAkey "$T/ca.pem" -out "$T/9c.crt" -days 9 2>"$T/log"
watch 0 "token import" --read mgm-old -- ykenroll token import 9c "$T/9c.crt" $mgm --pin "$(f pin-next)"
watch 7 "token import, wrong key" --read mgm-wrong -- ykenroll token import 9c "$T/9c.crt" --force $wrongmgm
watch 0 "token export" -- ykenroll token export 9c
watch 2 "token export of an empty slot" -- ykenroll token export 9e
watch 0 "token attest" -- ykenroll token attest 9c --json
watch 2 "token attest of an empty slot" -- ykenroll token attest 9e
watch 7 "token move, wrong key" --read mgm-wrong -- ykenroll token move 9c 82 $wrongmgm
watch 0 "token move" --read mgm-old -- ykenroll token move 9c 82 $mgm --pin "$(f pin-next)"
watch 7 "token delete, wrong key" --read mgm-wrong -- ykenroll token delete 82 --key -y $wrongmgm
watch 0 "token delete" --read mgm-old -- ykenroll token delete 82 --key --certificate -y $mgm --pin "$(f pin-next)"
watch 7 "token set-retries, wrong key" -- ykenroll token set-retries 5 5 --force $wrongmgm --pin "$(f pin-next)"
watch 0 "token set-retries" --sent pin-next -- ykenroll token set-retries 5 5 --force $mgm --pin "$(f pin-next)"
watch 10 "token reset that nobody confirms" -- ykenroll token reset --non-interactive $mgm --pin "$(f pin-next)"
watch 0 "token reset" -- ykenroll token reset -y $mgm --pin "$(f pin-next)"

# ---- enroll and recover, on a token whose secrets are all canaries ----
as_old() { # a token from the factory gets the old secrets
	ykenroll token change-pin --home "$T/none" --pin "$(factory pin)" --new-pin "$(f pin-old)" &&
		ykenroll token change-puk --home "$T/none" --puk "$(factory puk)" --new-puk "$(f puk-old)" &&
		ykenroll token change-management-key --home "$T/none" --management-key "$(factory mgm)" --new-management-key "$(f mgm-old)"
}
claim "the token's PIN, PUK and management key are canaries" as_old
old="--current-pin $(f pin-old) --current-puk $(f puk-old) $mgm"
alice="Alice --email alice@example.org"
watch 0 "enroll --dry-run" -- ykenroll enroll $alice $ca --pin "$(f pin-new)" $old --dry-run
watch 11 "enroll, wrong CA passphrase" --read ca-wrong -- ykenroll enroll $alice --ca-pass "$(f ca-wrong)" --pin "$(f pin-new)" $old
watch 4 "enroll, wrong PIN" --sent pin-wrong -- \
	ykenroll enroll $alice $ca --pin "$(f pin-new)" --current-pin "$(f pin-wrong)" --current-puk "$(f puk-old)" $mgm
watch 7 "enroll, wrong management key" --read mgm-wrong -- \
	ykenroll enroll $alice $ca --pin "$(f pin-new)" --current-pin "$(f pin-old)" --current-puk "$(f puk-old)" $wrongmgm
watch 10 "enroll, nobody to ask for the PIN" -- ykenroll enroll $alice $ca $old --non-interactive
watch 2 "enroll -vv" -- ykenroll enroll $alice $ca --pin "$(f pin-new)" $old -vv
watch 2 "enroll, entries of the PIN that differ" --read pin-next --answer "characters.: =$C/pin-new" --answer "characters.: =$C/pin-next" \
	--answer "characters.: =$C/pin-new" --answer "characters.: =$C/pin-wrong" --answer "characters.: =$C/pin-new" \
	--answer "characters.: =$C/pin-old" -- ykenroll enroll $alice $ca $old
fault 'ins=24;p2=80;remove-after'
watch 14 "enroll, the token is pulled out" --sent pin-new --read ca-pass -- \
	env MUSCLECARD_DEBUG=1 PCSCLITE_DEBUG=0 SSLKEYLOGFILE="$D/keylog" OPENSSL_CONF="$T/none" ykenroll enroll $alice $ca --pin "$(f pin-new)" $old
back
watch 11 "recover, wrong CA passphrase" --read ca-wrong -- ykenroll recover --ca-pass "$(f ca-wrong)" --pin "$(f pin-new)" $old

# ---- a core, and another program that wants to look ----
peek() { $weak cat "/proc/$1/environ"; }
in_memory() { $leaks memory --canaries "$C" -- "$1" >"$T/memory"; grep -q "^$2 " "$T/memory"; }
$weak sleep 60 &
other=$!
sleep 0.1
claim "control: another process of the same user can be looked into" peek $other
kill $other
ulimit -c unlimited
cd "$T/core" || exit 1
python3 -c 'import os; x = open(os.environ["C"] + "/pin-new").read(); os.abort()' 2>/dev/null
if [ -n "$(ls)" ]; then
	cores=yes
	claim "planted: a core is found" $leaks files --canaries "$C" --find 'pin-new@file .*/core.*' -- "$T/core"
	rm -f ./*
else
	cores=
	n=$((n + 1))
	echo "ok $n - planted: a core # SKIP nothing writes cores here: core_pattern is $(cat /proc/sys/kernel/core_pattern)"
fi
fault 'ins=47;delay=4000'
$weak ykenroll recover $ca --pin "$(f pin-new)" $old >"$T/out1" 2>&1 &
victim=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	in_memory $victim pin-new && grep -q 'ok.* pin ' "$T/out1" && break
	sleep 0.2
done
claim "control: the PIN is in its memory while the token works" in_memory $victim pin-new
refuse "and no process of the same user can look into it" peek $victim
claim "it is in memory that is locked, not dumped and wiped at fork" grep -q '^pin-new arena' "$T/memory"
kill -ABRT $victim
wait $victim 2>/dev/null
claim "it ended by SIGABRT" [ $? = 134 ]
claim "and left no core (cores: ${cores:-cannot be had here})" [ -z "$(ls)" ]
cd "$OLDPWD" || exit 1
sleep 4
watch 0 "recover" --sent pin-new --read ca-pass -- ykenroll recover $ca --pin "$(f pin-new)" $old
# what was made and sealed to the recovery key is known from here on
ln -s "$D/recovery.key" "$T/recovery.key"
ln -s "$C/recovery-pass" "$T/rpass"
escrowed puk >"$T/generated/puk-sealed"
escrowed management-key >"$T/generated/mgm-sealed"
claim "the PUK in escrow is eight digits" grep -Eqx '[0-9]{8}' "$T/generated/puk-sealed"
claim "the management key in escrow is 48 digits" grep -Eqx '[0-9A-Fa-f]{48}' "$T/generated/mgm-sealed"

# ---- looking ----
watch 0 "enroll again" -- ykenroll enroll $alice $ca --pin "$(f pin-new)" $old
watch 0 "recover, nothing to do" -- ykenroll recover $ca --pin "$(f pin-new)" $old
watch 0 "check" -- ykenroll check --json
watch 1,3,12 "check by another registry" -- ykenroll check --home "$T/home2/h"
watch 0 "list" -- ykenroll list --json
watch 0 "show" -- ykenroll show alice@example.org
watch 2 "show of nobody" -- ykenroll show nobody
watch 1 "list without a registry" -- ykenroll list --home "$T/none"
watch 0 "doctor" -- ykenroll doctor --json
watch 2 "doctor without a home" -- ykenroll doctor --home "$T/none"
watch 0 "server" -- ykenroll server nginx --name web.test
watch 2 "server of no kind" -- ykenroll server iis
watch 0 "ca show" -- ykenroll ca show --pem --crl
watch 11 "ca show without a CA" -- ykenroll ca show --home "$T/none"
watch 0 "ca crl" --read ca-pass -- ykenroll ca crl $ca
CREDENTIALS_DIRECTORY=$C
export CREDENTIALS_DIRECTORY
watch 0 "ca crl, by a credential of systemd's" --read ca-pass -- ykenroll ca crl --ca-pass credential:ca-pass
unset CREDENTIALS_DIRECTORY
watch 0 "ca crl of the root" --read ca-pass -- ykenroll ca crl --root $ca --root-pass "$(f ca-pass)"
watch 11 "ca crl, wrong passphrase" --read ca-wrong -- ykenroll ca crl --ca-pass "$(f ca-wrong)"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/server.key" -subj /CN=x -out "$T/server.csr" 2>/dev/null
openssl pkcs8 -topk8 -scrypt -scrypt_N 16384 -in "$T/ca.pem" -out "$T/ocsp.key" -passout "file:$C/pin-next" 2>"$T/log"
openssl req -new -key "$T/ca.pem" -subj /CN=OCSP -out "$T/ocsp.csr" 2>"$T/log"
ykenroll ca issue "$T/ocsp.csr" --profile ocsp --cn OCSP $ca --out "$T/ocsp.crt" >"$T/log" 2>&1
watch 11 "ca ocsp, wrong passphrase" --read ca-wrong -- ykenroll ca ocsp --listen 127.0.0.1:0 --ca-pass "$(f ca-wrong)"
watch 11 "ca ocsp, wrong passphrase of its key" --read pin-old -- \
	ykenroll ca ocsp --listen 127.0.0.1:0 --cert "$T/ocsp.crt" --key "$T/ocsp.key" --key-pass "$(f pin-old)"
answers='rm -f "$D/url"; "$@" >"$D/url" & o=$!; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -s "$D/url" ] || sleep 0.2; done
	openssl ocsp -issuer "$YKENROLL_HOME/pub/issuing.crt" -serial 0x41 -url "$(cat "$D/url")" -CAfile "$YKENROLL_HOME/pub/root.crt" \
	-verify_other "$YKENROLL_HOME/pub/issuing.crt"; a=$?; kill $o; wait $o && [ $a = 0 ]'
watch 0 "ca ocsp" --read ca-pass -- sh -c "$answers" sh ykenroll ca ocsp --listen 127.0.0.1:0 $ca
watch 0 "ca ocsp with a key of its own" --read pin-next -- sh -c "$answers" sh \
	ykenroll ca ocsp --listen 127.0.0.1:0 --cert "$T/ocsp.crt" --key "$T/ocsp.key" --key-pass "$(f pin-next)"
watch 0 "ca issue" --read ca-pass -- ykenroll ca issue "$T/server.csr" --dns www.example.org $ca
watch 11 "ca issue, wrong passphrase" --read ca-wrong -- ykenroll ca issue "$T/server.csr" --dns www.example.org --ca-pass "$(f ca-wrong)"
watch 0 "ca renew" --read ca-pass -- sh -c 'ykenroll ca issue "$T/server.csr" --dns a.example.org --out "$D/server.crt" "$@" && ykenroll ca renew "$D/server.crt" "$@"' sh $ca
watch 11 "ca renew, wrong passphrase" --read ca-wrong -- ykenroll ca renew "$D/server.crt" --ca-pass "$(f ca-wrong)"
watch 0 "ca renew --issuing" --read ca-pass -- ykenroll ca renew --issuing $ca --root-pass "$(f ca-pass)"
watch 0 "ca p12" --read ca-pass --read p12-pass -- ykenroll ca p12 --cn Phone --out "$D/phone.p12" --p12-pass "$(f p12-pass)" $ca
watch 11 "ca p12, wrong passphrase" --read ca-wrong --read p12-pass -- ykenroll ca p12 --cn Phone --out "$D/phone2.p12" --p12-pass "$(f p12-pass)" --ca-pass "$(f ca-wrong)"
watch 0 "ca log" -- ykenroll ca log
watch 11 "ca log without a CA" -- ykenroll ca log --home "$T/none"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout "$T/r.key" -passout "file:$C/pin-next" -subj /CN=R -days 900 \
	-addext keyUsage=critical,keyCertSign,cRLSign -out "$T/r.crt" 2>"$T/log"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout "$T/i.key" -passout "file:$C/pin-old" -subj /CN=I -out "$T/i.csr" 2>"$T/log"
printf 'keyUsage=critical,keyCertSign,cRLSign\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >"$T/i.ext"
openssl x509 -req -in "$T/i.csr" -CA "$T/r.crt" -CAkey "$T/r.key" -passin "file:$C/pin-next" -set_serial 7 -days 800 -extfile "$T/i.ext" -out "$T/i.crt" 2>"$T/log"
imports="ykenroll ca import --cert $T/i.crt --key $T/i.key --root $T/r.crt --root-key $T/r.key --home $T/home2/imported --recovery-out $D/r7.key"
watch 11 "ca import, wrong passphrase" $to_signer --read pin-wrong -- \
	$imports --key-pass "$(f pin-wrong)" --root-key-pass "$(f pin-next)" $ca --recovery-pass "$(f recovery-pass)"
watch 0 "ca import" $to_signer --read pin-old --read pin-next --read ca-pass --read recovery-pass -- \
	$imports --key-pass "$(f pin-old)" --root-key-pass "$(f pin-next)" $ca --recovery-pass "$(f recovery-pass)"
watch 0 "token info of an enrolled token" -- ykenroll token info
watch 9 "token change-puk of an enrolled token" -- ykenroll token change-puk --puk "$(f puk-old)" --new-puk "$(f puk-next)"

# ---- letters (the PIN in one has six digits, too few to be looked for here: letter.sh does) ----
watch 0 "letter" -- ykenroll letter
watch 2 "letter of a token that has none" -- ykenroll letter 99 --letter "$T/generated/letter"

# ---- escrow ----
watch 0 "escrow open" --read recovery-pass --dir "$T/generated" -- ykenroll escrow open "$(ykenroll list --json | jq '.tokens[0].token')" \
	--kind puk --reason test --out "$T/generated/puk-opened" --escrow-key "$D/recovery.key" --escrow-pass "$(f recovery-pass)"
watch 11 "escrow open, wrong passphrase" --read ca-wrong -- ykenroll escrow open "$(ykenroll list --json | jq '.tokens[0].token')" \
	--kind puk --reason test --out "$T/generated/x" --escrow-key "$D/recovery.key" --escrow-pass "$(f ca-wrong)"
watch 0 "escrow recipients" -- ykenroll escrow recipients
watch 1 "escrow recipients without a registry" -- ykenroll escrow recipients --home "$T/none"
watch 0 "escrow make-key" --read ca-wrong -- ykenroll escrow make-key --name Help --out "$D/help.key" --cert "$D/help.crt" --escrow-pass "$(f ca-wrong)"
watch 9 "escrow make-key again" -- ykenroll escrow make-key --name Help --out "$D/help.key" --cert "$D/help2.crt" --escrow-pass "$(f ca-wrong)"
watch 0 "escrow rekey" --read recovery-pass -- ykenroll escrow rekey --add-helpdesk "$D/help.crt" --escrow-key "$D/recovery.key" \
	--escrow-pass "$(f recovery-pass)"
watch 11 "escrow rekey, wrong passphrase" --read ca-wrong -- ykenroll escrow rekey --escrow-key "$D/recovery.key" --escrow-pass "$(f ca-wrong)"

# ---- a server ----
mkdir "$T/web"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/web/key" -out "$T/web/crt" -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -days 9 2>"$T/log"
openssl s_server -accept 4433 -cert "$T/web/crt" -key "$T/web/key" -Verify 2 -CAfile "$T/home/pub/root.crt" -www >"$T/web/log" 2>&1 </dev/null &
web=$!
watch 11 "verify-server --prepare, wrong passphrase" --read ca-wrong -- ykenroll verify-server --prepare --ca-pass "$(f ca-wrong)"
watch 0 "verify-server --prepare" --read ca-pass -- ykenroll verify-server --prepare https://localhost:4433 --ca-file "$T/web/crt" $ca
watch 13 "verify-server with the token" --sent pin-new -- ykenroll verify-server https://localhost:4433 --ca-file "$T/web/crt" --token --pin "$(f pin-new)"
claim "which s_server let in" grep -q 'token .*let in' "$(ls -d "$R"/* | tail -1)/out"
watch 4 "verify-server, wrong PIN" --sent pin-wrong -- \
	ykenroll verify-server https://localhost:4433 --ca-file "$T/web/crt" --token --pin "$(f pin-wrong)"
kill $web

# ---- helpdesk: what the escrow gives goes to the card and nowhere else ----
es="--escrow-key $D/recovery.key --escrow-pass $(f recovery-pass)"
watch 11 "unblock, wrong escrow passphrase" --read ca-wrong -- ykenroll unblock --pin "$(f pin-next)" --escrow-key "$D/recovery.key" \
	--escrow-pass "$(f ca-wrong)"
watch 0 "unblock" --read recovery-pass --sent pin-next -- ykenroll unblock --pin "$(f pin-next)" $es
escrowed puk >"$T/generated/puk-second"
watch 0 "unblock --request" -- ykenroll unblock --request "$D/request"
watch 11 "unblock --answer, wrong escrow passphrase" --read ca-wrong -- ykenroll unblock --answer "$D/request" -y \
	--escrow-key "$D/recovery.key" --escrow-pass "$(f ca-wrong)"
watch 0 "unblock --answer" --read recovery-pass -- ykenroll unblock --answer "$D/request" -y $es
watch 0 "unblock --apply" --sent pin-next -- ykenroll unblock --apply "$D/request" --pin "$(f pin-next)"
renew="ykenroll reissue alice@example.org --reason expiring $old"
watch 4 "reissue, wrong PIN" --sent pin-wrong -- $renew $ca --pin "$(f pin-wrong)" $es
watch 11 "reissue, wrong CA passphrase" --read ca-wrong -- $renew --ca-pass "$(f ca-wrong)" --pin "$(f pin-next)" $es
watch 0 "reissue" --read recovery-pass --sent pin-next -- $renew $ca --pin "$(f pin-next)" $es
escrowed management-key >"$T/generated/mgm-second"
watch 0 "recover with an escrow key, nothing to do" -- ykenroll recover $ca --pin "$(f pin-next)" $old $es

# ---- receipt ----
watch 0 "receipt" -- ykenroll receipt alice@example.org --out "$D/receipt.p7"
watch 2 "receipt of nobody" -- ykenroll receipt nobody --out "$D/r2.p7"
watch 0 "receipt verify" -- ykenroll receipt verify "$D/receipt.p7" --rehearsal "$YKVIRT_ROOT"

# ---- audit, backup ----
watch 0 "audit verify" -- ykenroll audit verify
watch 1 "audit verify without a registry" -- ykenroll audit verify --home "$T/none"
watch 0 "audit export" -- ykenroll audit export
watch 1 "audit export without a registry" -- ykenroll audit export --home "$T/none"
cp "$T/home/registry.db" "$D/older.db"
watch 0 "backup" -- ykenroll backup "$D/copy"
watch 9 "backup over one" -- ykenroll backup "$D/copy"
watch 0 "restore" -- ykenroll restore "$D/copy" --home "$T/home2/restored" --crl "$T/home/pub/issuing.crl"
watch 0 "restore, with --ca-pass" -- ykenroll restore "$D/copy" --home "$T/home2/again" --crl "$T/home/pub/issuing.crl" $ca
claim "the CA knows a newer registry" ykenroll ca crl $ca
mv "$D/older.db" "$T/home/registry.db"
watch 11 "audit accept-rollback, wrong passphrase" --read ca-wrong -- ykenroll audit accept-rollback --reason x --ca-pass "$(f ca-wrong)"
watch 0 "audit accept-rollback" --read ca-pass -- ykenroll audit accept-rollback --reason x $ca

# ---- taking back ----
for v in suspend resume "revoke --reason keyCompromise"; do
	watch 11 "${v%% *}, wrong passphrase" --read ca-wrong -- ykenroll $v alice@example.org --ca-pass "$(f ca-wrong)"
	watch 0 "${v%% *}" --read ca-pass -- ykenroll $v alice@example.org $ca
done
mkdir "$D/www"
watch 0 "ca publish" -- ykenroll ca publish "$D/www"
watch 1,2,11 "ca publish without a CA" -- ykenroll ca publish "$D/www" --home "$T/none"

watch 11 "retire, wrong passphrase" --read ca-wrong -- ykenroll retire -y --ca-pass "$(f ca-wrong)"
watch 0 "retire" --read ca-pass -- ykenroll retire -y $ca

# ---- a token of another tool ----
claim "a token with the old secrets and a key" sh -c 'ykenroll token reset --home "$1" -y' - "$T/none"
as_old >/dev/null
ykenroll token generate 9a "$D/dave.pem" --home "$T/none" $mgm >/dev/null
watch 9 "adopt of a retired token" -- ykenroll adopt Dave --email dave@example.org $ca --pin "$(f pin-old)" $old
claim "one more home" ykenroll init --home "$T/home2/h3" --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$D/r4.key" \
	$ca --recovery-pass "$(f recovery-pass)"
dave="ykenroll adopt Dave --email dave@example.org --home $T/home2/h3 $ca"
watch 7 "adopt, wrong management key" --read mgm-wrong -- $dave --pin "$(f pin-old)" --current-pin "$(f pin-old)" \
	--current-puk "$(f puk-old)" $wrongmgm
watch 0 "adopt" --sent pin-old --read ca-pass -- $dave --pin "$(f pin-old)" $old

# ---- signer, and an enrolment on a terminal ----
claim "the token is as from the factory" ykenroll token reset --home "$T/none" -y
watch 0 "signer, and enroll on a terminal with it" --read ca-pass --sent pin-next --answer "characters.: =$C/pin-next" \
	--answer "characters.: =$C/pin-next" -- sh -c '
	ykenroll signer --home "$T/home2/h" --ca-pass "file:$C/ca-pass" & s=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -S "$T/home2/h/signer.sock" ] || sleep 0.2; done
	ykenroll enroll Bob --email bob@example.org --home "$T/home2/h"; rc=$?
	kill $s; wait $s; s=$?; echo "enroll $rc, signer $s"; [ $rc = 0 ] && [ $s = 0 ]'
watch 11 "signer, wrong passphrase" --read ca-wrong -- ykenroll signer --home "$T/home2/h" --ca-pass "$(f ca-wrong)"
watch 0 "enroll on a terminal, passphrase and all, is done already" -- ykenroll enroll Bob --email bob@example.org --home "$T/home2/h"

# ---- the secret itself where a SPEC or a word belongs is refused, and not repeated ----
$leaks verbs -- ykenroll >"$T/verbs"
claim "the help lists verbs and options" [ "$(grep -c -- --pin "$T/verbs")" -ge 3 ]
{
	while read -r words; do
		verb=${words%% --*}
		case $words in *--*) specs=--${words#* --} ;; *) specs= ;; esac
		for spec in $specs; do echo "ykenroll $verb $spec \"\$1\" && exit 1"; done
		echo "ykenroll $verb x y z --pni=\"\$1\" && exit 1"
		echo "ykenroll $verb x y z -Z\"\$1\" && exit 1"
		echo "ykenroll $verb x y z \"\$1\" && exit 1"
	done <"$T/verbs"
	echo 'exit 0'
} >"$T/literal.sh"
watch 0 "$(grep -c ykenroll "$T/literal.sh") literal secrets" --allow 'pin-new@argv' -- sh "$T/literal.sh" "$(cat "$C/pin-new")"

# ---- all together ----
claim "no run leaked what was generated" $leaks judge --canaries "$T/generated" --runs "$R" $dirs --sent puk-sealed --sent mgm-sealed \
	--sent puk-made --sent mgm-made --sent puk-second --sent mgm-second --allow '(puk|mgm)-(made|sealed|second|opened)@file .*/generated/.*'
claim "planted: a generated value in an output is found" $leaks judge --canaries "$T/generated" --runs "$R" --find 'puk-made@file .*'
claim "every verb has a case that succeeds, one that fails, and one for each of its SPECs" $leaks covered --runs "$R" -- ykenroll
mkdir "$T/stub"
cat >"$T/stub/ykenroll" <<'STUB'
#!/bin/sh
PATH=$OLDPATH ykenroll "$@" | sed '/^  list  /a\  frob      a verb that is new'
STUB
chmod +x "$T/stub/ykenroll"
OLDPATH=$PATH PATH=$T/stub:$PATH $leaks covered --runs "$R" -- ykenroll >"$T/missing" 2>&1
claim "planted: a verb without a case is found" grep -qx 'no canary case for verb frob' "$T/missing"
finish
