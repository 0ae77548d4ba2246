#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a CA whose keys are in an HSM issue as one with files does, and does an HSM that fails in the middle of a
# signature leave no second certificate behind? SoftHSM, here and at the other end of p11-kit's remoting. QUICK: root and
# issuing CA have different algorithms of one family, of which each is used once.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
SHIM=${SHIM:-$(cd "$(dirname "$(command -v ykenroll)")/../tests/unit" && pwd)/p11_shim.so}
export SHIM
[ -f "$SHIM" ] || { echo "1..0 # SKIP no p11_shim.so in the build"; exit 77; }
in_lab "$(pwd)/hsm.sh" --tokens 1 --firmware 5.7.1

umask 077
pin=471199
echo $pin >"$T/hsmpin"
echo 000000 >"$T/wrong"
echo "root passphrase" >"$T/rootpass"
echo "recovery passphrase" >"$T/rpass"
echo 482913 >"$T/pin"

# ---- the token, and the ways to it ----
mkdir -p "$T/tokens" "$T/config/pkcs11/modules"
cat >"$T/softhsm.conf" <<CONF
directories.tokendir = $T/tokens
objectstore.backend = file
log.level = ERROR
CONF
export SOFTHSM2_CONF="$T/softhsm.conf"
softhsm=$(ls /usr/lib/*/softhsm/libsofthsm2.so /usr/lib/softhsm/libsofthsm2.so 2>/dev/null | head -1)
softhsm2-util --init-token --free --label ca --pin $pin --so-pin 99887766 >/dev/null || exit 1
export SHIM_REAL="$softhsm" SHIM_LOG="$T/calls"
modules=$T/config/pkcs11/modules
echo "module: $SHIM" >"$modules/near.module"
echo "remote: |p11-kit remote $SHIM" >"$modules/far.module"
echo "remote: unix:path=$T/p11.sock" >"$modules/server.module"
printf 'module: %s\nlog-calls: yes\n' "$softhsm" >"$modules/loud.module"
if [ "$(id -u)" = 0 ]; then # p11-kit reads no user's configuration for root; the lab's mounts are its own
	chmod -R a+rX "$modules"
	mount --bind "$modules" /usr/share/p11-kit/modules || exit 1
else
	export XDG_CONFIG_HOME="$T/config"
fi
calls() { grep -c "^$1\$" "$T/calls"; }
new_ca() { # new_ca NAME OPTIONS…: another home, a token as from the factory, other keys in the HSM
	name=$1
	shift
	factory_reset
	export YKENROLL_HOME="$T/home-$name"
	rm -f "$T/calls"
	ykenroll init --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$T/recovery-$name.key" \
		--recovery-pass "file:$T/rpass" "$@"
}
with_hsm() { # with_hsm NAME MODULE OPTIONS…: both keys in it
	key=$1 module=$2
	shift 2
	new_ca "$key" --ca-key "pkcs11:token=ca;object=$key-issuing?$module" --root-key "pkcs11:token=ca;object=$key-root?$module" \
		--ca-pass "file:$T/hsmpin" "$@"
}
take() { ykenroll enroll Alice --email alice@example.org --ca-pass "file:$T/hsmpin" --pin "file:$T/pin" "$@"; }
judged() { # by openssl, of what is on the token
	ykenroll ca show --pem >"$T/ca.pem" && ykenroll ca show --crl >"$T/crl.pem" || return 1
	yubico-piv-tool -a read-certificate -s 9a >"$T/cert.pem" 2>/dev/null &&
		openssl verify -x509_strict -purpose sslclient -crl_check_all -CAfile "$T/ca.pem" -CRLfile "$T/crl.pem" "$T/cert.pem"
}
listed() { openssl crl -in "$YKENROLL_HOME/pub/issuing.crl" -noout -text | grep -c 'Serial Number:'; }

softhsm_keys() { # softhsm_keys NAME: private keys whose label begins with it
	SHIM_LOG=/dev/null p11tool --provider "$softhsm" --login --set-pin $pin --list-privkeys --batch 'pkcs11:token=ca' 2>/dev/null |
		grep -c "Label: $1-"
}

# ---- init and issue ----
for way in near far; do
	claim "$way: init puts both keys into the HSM" with_hsm $way "module-name=$way"
	claim "$way: with one login" [ "$(calls C_Login)" = 1 ]
	claim "$way: ca/ names them and holds neither key nor PIN" sh -c 'grep -q "^pkcs11:.*object='$way'-issuing" "$YKENROLL_HOME/ca/issuing.key" &&
		test "$(stat -c %a "$YKENROLL_HOME/ca/issuing.key" "$YKENROLL_HOME/ca/root.key" | sort -u)" = 600 &&
		! grep -rq -e "PRIVATE KEY" -e '$pin' "$YKENROLL_HOME/ca" "$YKENROLL_HOME/ykenroll.conf"'
	rm -f "$T/calls"
	claim "$way: enroll has a certificate issued" take
	claim "$way: with one login and one signature" [ "$(calls C_Login).$(calls C_Sign)" = 1.1 ]
	claim "$way: openssl believes it" judged
	claim "$way: the root's CRL can be renewed" ykenroll ca crl --root --ca-pass "file:$T/hsmpin"
done

(p11-kit server -f --provider "$SHIM" -n "$T/p11.sock" 'pkcs11:token=ca' >/dev/null 2>"$T/server.err" & echo $! >"$T/server.pid")
sleep 1
claim "server: init by way of p11-kit server" with_hsm server module-name=server
claim "server: enroll" take
claim "server: openssl believes it" judged
kill "$(cat "$T/server.pid")"
rm -f "$T/p11.sock"
exits 11 'HSM' "server: gone, it says so" ykenroll ca crl --ca-pass "file:$T/hsmpin"

# ---- the HSM fails in the middle of a signature ----
for what in kill die 30 b3 corrupt; do
	with_hsm "far-$what" module-name=far >/dev/null 2>&1
	rm -f "$T/calls"
	SHIM_FAULT="C_Sign:1:$what"
	export SHIM_FAULT
	exits 11 'C_Sign|OpenSSL|ECDSA|RSA' "$what in C_Sign: enroll fails and says why" take
	unset SHIM_FAULT
	claim "$what: the HSM was asked once, after one login" [ "$(calls C_Login).$(calls C_Sign)" = 1.1 ]
	exits 0 '' "$what: the next run completes" take
	claim "$what: openssl believes it" judged
	claim "$what: one certificate was signed" [ \
		"$(sqlite3 "$YKENROLL_HOME/registry.db" "SELECT count(*) FROM certificates WHERE der IS NOT NULL")" = 1 ]
	claim "$what: the serial that was perhaps signed is on the CRL" [ "$(listed)" = 1 ]
done

# ---- a long-lived signer does not ask again ----
with_hsm latch module-name=far >/dev/null 2>&1
rm -f "$T/calls"
SHIM_FAULT="C_Sign:1:30" ykenroll signer --ca-pass "file:$T/hsmpin" 2>/dev/null &
signer=$!
for _ in $(seq 9000); do [ -S "$YKENROLL_HOME/signer.sock" ] && break; sleep 0.2; done
exits 11 'HSM' "signer: the first request fails" take
exits 11 'C_Sign, 0x30' "signer: the second is not sent to the HSM" take
claim "signer: which was asked once" [ "$(calls C_Sign)" = 1 ]
kill $signer
wait $signer 2>/dev/null
exits 0 '' "signer: a new one completes" take
claim "signer: openssl believes it" judged

# ---- one that a service manager starts anew ----
managed() { # as systemd would run it
	timeout 1800 python3 ./service.py --cred "pin=$T/hsmpin:400" -- ykenroll signer --ca-pass credential:pin >"$T/service" 2>"$T/service.err" &
	manager=$!
}
ended() { # ended STATUS PATTERN
	wait $manager
	grep -q "^ended $1\$" "$T/service" && grep -Eq "$2" "$T/service.err"
}
with_hsm managed module-name=far >/dev/null 2>&1
SHIM_FAULT="C_Sign:1:30"
export SHIM_FAULT
managed
for _ in $(seq 9000); do [ -S "$YKENROLL_HOME/signer.sock" ] && break; sleep 0.2; done
exits 11 'HSM' "managed: a request fails" take
unset SHIM_FAULT
claim "managed: then the signer ends, with a status that has it started anew" ended 1 HSM
managed
for _ in $(seq 9000); do [ -S "$YKENROLL_HOME/signer.sock" ] && break; sleep 0.2; done
exits 0 '' "managed: the next one completes" take
kill "$(awk '$1 == "pid" { print $2 }' "$T/service")"
wait $manager
mv "$modules/far.module" "$T/far.module"
managed
claim "managed: an HSM that is not there at the start may come" ended 1 'HSM|module'
mv "$T/far.module" "$modules/far.module"
cp "$T/hsmpin" "$T/hsmpin.right"
cp "$T/wrong" "$T/hsmpin"
rm -f "$T/calls"
managed
claim "managed: a wrong PIN is not for another try" ended 11 'wrong PIN'
claim "managed: it was tried once" [ "$(calls C_Login)" = 1 ]
mv "$T/hsmpin.right" "$T/hsmpin"

# ---- PINs ----
with_hsm pin module-name=near >/dev/null 2>&1
rm -f "$T/calls"
exits 11 'C_Login, 0xa0' "a wrong PIN is refused" ykenroll ca crl --ca-pass "file:$T/wrong"
claim "it was tried once" [ "$(calls C_Login)" = 1 ]
claim "and is not in the words" sh -c '! grep -q 000000 "$T/err"'
exits 10 'HSM PIN' "where nobody can be asked, the HSM PIN is named" ykenroll ca crl --non-interactive
claim "the right one works" ykenroll ca crl --ca-pass "file:$T/hsmpin"
claim "pin-source: init" new_ca source --ca-key "pkcs11:token=ca;object=source?module-name=near&pin-source=file:$T/hsmpin" \
	--root-pass "file:$T/rootpass"
claim "pin-source: nobody is asked" ykenroll ca crl --non-interactive
claim "the root's key is in a file of its own passphrase" openssl pkey -in "$YKENROLL_HOME/ca/root.key" \
	-passin "file:$T/rootpass" -noout
chmod 644 "$T/hsmpin"
exits 11 'pin-source' "pin-source: a file that others can read is refused" ykenroll ca crl --non-interactive
chmod 600 "$T/hsmpin"
exits 2 'pin-source' "a PIN in the URI is refused" new_ca bad --ca-key "pkcs11:token=ca;object=x?pin-value=$pin"
exits 11 'log-calls' "a module whose calls are logged is refused" new_ca loud --ca-pass "file:$T/hsmpin" \
	--ca-key "pkcs11:token=ca;object=loud?module-name=loud" --root-pass "file:$T/rootpass"

# ---- init is killed between the two keys, and after both ----
for at in 1:die 2:kill 2:die; do
	SHIM_FAULT="C_GenerateKeyPair:$at"
	export SHIM_FAULT
	refuse "init, killed at key $at" with_hsm "half-$at" module-name=near
	unset SHIM_FAULT
	exits 9 "half-$at-root" "$at: an init of other keys names what is there" new_ca "half-$at" \
		--ca-key "pkcs11:token=ca;object=other?module-name=near" --ca-pass "file:$T/hsmpin" --root-pass "file:$T/rootpass"
	claim "$at: the next init completes" with_hsm "half-$at" module-name=near
	claim "$at: with the key that was there: two in all" [ "$(softhsm_keys "half-$at")" = 2 ]
	claim "$at: and nothing is left of it" sh -c '! ls "$YKENROLL_HOME" | grep -q -e "ca\.keys" -e "ca\.new"'
done
claim "it issues" take
claim "openssl believes it" judged

# ---- keys that are there ----
with_hsm again module-name=near >/dev/null 2>&1
rm -rf "$YKENROLL_HOME" "$T/recovery-again.key"
exits 9 '--adopt' "a key that is there is not made again" with_hsm again module-name=near
rm -rf "$YKENROLL_HOME" "$T/recovery-again.key"
claim "it is adopted" with_hsm again module-name=near --adopt
claim "and issues" take
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "$T/rsa.pem" 2>/dev/null
softhsm2-util --import "$T/rsa.pem" --token ca --label old --id 0b1d --pin $pin >/dev/null 2>&1
claim "an imported RSA-3072 key is adopted for the issuing CA" new_ca old --ca-key "pkcs11:token=ca;id=%0b%1d?module-name=near" --adopt \
	--ca-pass "file:$T/hsmpin" --root-pass "file:$T/rootpass"
claim "and issues" take
claim "openssl believes it" judged

openssl req -x509 -key "$T/rsa.pem" -subj "/CN=Old CA" -days 900 -addext keyUsage=critical,keyCertSign,cRLSign -out "$T/old.pem" 2>/dev/null
printf 'R\t300101000000Z\t250101000000Z\t0A\tunknown\t/CN=x\n' >"$T/index.good"
printf 'R\t300101000000Z\tx\t0A\tunknown\t/CN=x\n' >"$T/index.bad"
export YKENROLL_HOME="$T/home-import"
imports() { ykenroll ca import --cert "$T/old.pem" --ca-key "pkcs11:token=ca;id=%0b%1d?module-name=near" --index "$T/index.$1" --ca-pass "file:$T/hsmpin" \
	--recovery-out "$T/recovery-import.key" --recovery-pass "file:$T/rpass"; }
exits 2 'line 1' "an index that cannot be taken, of a CA whose key is in the HSM" imports bad
claim "leaves neither a home nor a recovery key" [ ! -e "$YKENROLL_HOME" -a ! -e "$T/recovery-import.key" ]
exits 0 '' "one that can" imports good
claim "has its CRL" sh -c 'openssl crl -in "$0/pub/issuing.crl" -noout -text | grep -q "Serial Number: 0A"' "$YKENROLL_HOME"

# ---- algorithms ----
pairs="ECCP256 ECCP384 RSA3072 RSA4096 ED25519"
[ -z "${QUICK-}" ] || pairs="ECCP256/ECCP384 RSA4096/RSA3072 ED25519"
for alg in $pairs; do
	algorithms="--root-algorithm ${alg%/*} --issuing-algorithm ${alg#*/}" name=$(echo $alg | tr / -)
	claim "$alg in the HSM" with_hsm "$name" module-name=near $algorithms
	claim "$alg: issues for a P-384 key of a token" take --algorithm ECCP384
	claim "$alg: openssl believes it" judged
	claim "$alg in files" new_ca "file-$name" --weak $algorithms --ca-pass "file:$T/hsmpin"
	claim "$alg in files: issues for a P-384 key of a token" take --algorithm ECCP384
	claim "$alg in files: openssl believes it" judged
done
finish
