#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Two desks and a remote one ask a signer for certificates, and it is killed at random moments: is every signature in the
# log, each serial once, every intent closed? The key is in an HSM that counts. FULL=1: 2,000 certificates and 50 kills.
set -u
cd "$(dirname "$0")/../flow" || exit 1
. ./lib.sh
. ./libsshd.sh
[ -x "$SSHD" ] || { echo "1..0 # SKIP no sshd"; exit 77; }
build=$(cd "$(dirname "$(command -v ykenroll)")/.." && pwd)
LOAD=$build/tests/faults/signer_load SHIM=$build/tests/unit/p11_shim.so
export LOAD SHIM
in_lab "$(cd ../faults && pwd)/signer.sh"
[ -n "${FULL-}" ] && count=2000 kills=50 keys=64 || count=200 kills=8 keys=8
umask 077
unset SSH_AUTH_SOCK

echo 471199 >"$T/hsmpin"
echo "recovery passphrase" >"$T/rpass"
mkdir -p "$T/tokens" "$T/config/pkcs11/modules" "$T/requests"
cat >"$T/softhsm.conf" <<CONF
directories.tokendir = $T/tokens
objectstore.backend = file
log.level = ERROR
CONF
export SOFTHSM2_CONF="$T/softhsm.conf" SHIM_LOG="$T/calls" YKENROLL_HOME="$T/home"
SHIM_REAL=$(ls /usr/lib/*/softhsm/libsofthsm2.so /usr/lib/softhsm/libsofthsm2.so 2>/dev/null | head -1)
export SHIM_REAL
softhsm2-util --init-token --free --label ca --pin 471199 --so-pin 99887766 >/dev/null || exit 1
# SoftHSM rewrites its files at each login and does not survive a kill in the middle of that: it is in a process of its own
echo "remote: |p11-kit remote $SHIM" >"$T/config/pkcs11/modules/far.module"
if [ "$(id -u)" = 0 ]; then # p11-kit reads no user's configuration for root; the lab's mounts are its own
	chmod -R a+rX "$T/config"
	mount --bind "$T/config/pkcs11/modules" /usr/share/p11-kit/modules || exit 1
else
	export XDG_CONFIG_HOME="$T/config"
fi

claim "requests by a made-up token's book" "$LOAD" make "$T/requests" $keys
claim "a CA that trusts it, keys in the HSM" ykenroll init --name Load --rehearsal "$T/requests/0.root" \
	--recovery-out "$T/recovery.key" --recovery-pass "file:$T/rpass" --ca-pass "file:$T/hsmpin" \
	--ca-key "pkcs11:token=ca;object=issuing?module-name=far" --root-key "pkcs11:token=ca;object=root?module-name=far"
claim "a private sshd" sshd_start
claim "the signer's socket, forwarded" tunnel "$T/far.sock" "$YKENROLL_HOME/signer.sock"
python3 ../faults/signer_load.py drive "$YKENROLL_HOME" "$T/requests" $count $kills "$T/desk" \
	"$YKENROLL_HOME/signer.sock" "$YKENROLL_HOME/signer.sock" "$T/far.sock" >"$T/drive.out" 2>&1
rc=$?
grep '^#' "$T/drive.out"
[ $rc = 0 ] || sed 's/^/# /' "$T/drive.out" "$T/signer.err"
claim "all desks have what they wanted, though the signer was killed" [ $rc = 0 ]
python3 ../faults/signer_load.py judge "$YKENROLL_HOME" "$T/desk" "$T/calls" >"$T/judge.out" 2>&1
rc=$?
sed 's/^[^#]/# &/' "$T/judge.out"
claim "no serial twice, no signature outside the log, every intent closed" [ $rc = 0 ]

# ---- would it be seen? ----
# it says what is wrong: that it fell over would not count
finds() { python3 ../faults/signer_load.py judge "$1" "$2" "$3" 2>&1 | grep '^# FAULT:'; }
mkdir "$T/bad" && cp "$T"/desk.* "$T/bad/"
sed -n 's/^got \([0-9a-f]*\) \(.*\)..$/got \1 \200/p' "$T/desk.0" | head -1 >"$T/bad/desk.0"
claim "planted: a certificate that the log does not have is found" finds "$YKENROLL_HOME" "$T/bad/desk" "$T/calls"
cp "$T/calls" "$T/bad/calls" && yes C_Sign | head -n $count >>"$T/bad/calls"
claim "planted: signatures without an intent are found" finds "$YKENROLL_HOME" "$T/desk" "$T/bad/calls"
cp -a "$YKENROLL_HOME" "$T/bad/home"
bad() { sqlite3 "$T/bad/home/ca/issuance.db" "$1"; }
bad "DELETE FROM rows WHERE n = (SELECT max(n) FROM rows WHERE what = 'signed')"
claim "planted: a row that is gone is found" finds "$T/bad/home" "$T/desk" "$T/calls"
rm -r "$T/bad/home" && cp -a "$YKENROLL_HOME" "$T/bad/home"
bad "UPDATE certs SET revoked_at = 0 WHERE serial = (SELECT max(serial) FROM certs WHERE revoked_at <> 0)"
claim "planted: a certificate that only the rows call revoked is found" finds "$T/bad/home" "$T/desk" "$T/calls"
kill $tunnel_pid $sshd_pid
wait 2>/dev/null
finish
