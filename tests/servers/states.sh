#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does verify-server say of a server what is true, of many kinds of server in many states? states_table.py has them, with
# the verdict written beforehand; states.py tries by itself, with Python's TLS, who gets in. QUICK=N takes every 4Nth.
# ONLY='NAME …' takes those.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/states.sh" --tokens 1 --firmware 5.7.1

S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-states.XXXXXX") || exit 1
quit() {
	for p in ${daemons-}; do kill "$p" 2>/dev/null; done
	umount -l /etc/hosts 2>/dev/null
	[ -n "${KEEP-}" ] || rm -rf "$S"
}
trap quit EXIT
chmod 755 "$S" && mkdir -m 755 "$S/state" "$S/run" "$S/live"
export HOME="$S" XDG_CONFIG_HOME="$S/run" XDG_DATA_HOME="$S/run" XDG_CACHE_HOME="$S/run"

printf '127.0.0.1 localhost web.test two.test\n127.0.0.2 two.test\n' >"$S/hosts"
claim "names" mount --bind "$S/hosts" /etc/hosts

# ---- servers' certificates ----
own_certificate() { # own_certificate FILE NAMES FROM TO: of web-ca
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/$1.key" -out "$S/$1.csr" -subj /CN=web.test 2>/dev/null &&
		printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n' "$2" >"$S/server.ext" &&
		faked "${3-+0}" openssl x509 -req -in "$S/$1.csr" -CA "$S/web-ca.crt" -CAkey "$S/web-ca.key" -CAcreateserial -days 30 \
			-extfile "$S/server.ext" -out "$S/$1"
}
self_signed() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/server-self.pem.key" -out "$S/server-self.pem" \
		-subj /CN=web.test -addext subjectAltName=DNS:web.test -days 30
}
claim "a CA of servers" server_certificate
claim "their certificate" own_certificate server.pem DNS:web.test,DNS:two.test,DNS:public.test,DNS:localhost
cat "$S/server.pem" "$S/web-ca.crt" >"$S/server-chain.pem" # lighttpd wants to see who issued it
claim "one of a public name" own_certificate public.pem DNS:public.test,DNS:web.test
claim "one that has ended" own_certificate server-expired.pem DNS:web.test '-60d'
claim "one of another name" own_certificate server-other.pem DNS:other.test
claim "one that nobody vouches for" self_signed
chmod 644 "$S"/*.key # servers' users read them

# ---- CAs and people ----
init() { # init HOME NAME
	YKENROLL_HOME=$1 ykenroll init --name "$2" --rehearsal "$YKVIRT_ROOT" --recovery-out "$1.key" --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
}
person() { # person HOME NAME [PROFILE-OPTIONS…]: a key in a file
	home=$1 who=$2
	shift 2
	[ $# -gt 0 ] || set -- --profile software --cn "$who"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/$who.crt.key" -subj /CN=x -out "$S/$who.csr" 2>/dev/null &&
		YKENROLL_HOME=$home ykenroll ca issue "$S/$who.csr" "$@" --out "$S/$who.crt" --ca-pass "file:$T/pass" &&
		cat "$S/$who.crt" "$home/pub/issuing.crt" >"$S/$who.pem"
}
signer() { # signer HOME
	YKENROLL_HOME=$1 ykenroll signer --ca-pass "file:$T/pass" 2>"$1.log" &
	daemons="${daemons-} $!"
	for _ in $(seq 50); do [ -S "$1/signer.sock" ] && return 0; sleep 0.1; done
	return 1
}
claim "a CA" make_ca
umask 022
claim "another one, of the same name" init "$T/other" Test
claim "a partner's" init "$T/partner" Partner
cp "$T/home/pub/issuing.crt" "$S/issuing-former.crt"
claim "our issuing CA has a new certificate" ykenroll ca renew --issuing --ca-pass "file:$T/pass" --root-pass "file:$T/pass"
claim "a signer" signer "$T/home"
for who in alice bob carl; do claim "$who" person "$T/home" $who; done
claim "Eve's is a server's" person "$T/home" eve --profile server --dns eve.test
claim "Mallory" person "$T/other" mallory
claim "Frank" person "$T/partner" frank
for who in alice mallory; do mv "$S/$who.pem" "$S/$who-chain.pem" && cp "$S/$who.crt.key" "$S/$who-chain.crt.key"; done
for who in alice mallory frank bob carl eve; do cp "$S/$who.crt" "$S/$who.pem"; done

# ---- what is published: stale from before Bob's revocation, fresh ----
prepare() { ykenroll verify-server --prepare --ca-file "$S/web-ca.crt" --ca-pass "file:$T/pass" "$@"; }
publish() { ykenroll ca publish "$1" --leaves; }
reference() { # a server that takes whom we certified, for --prepare URL
	printf '{"port": 8081, "cert": "%s", "key": "%s", "ca": "%s", "crl": null}' "$S/server.pem" "$S/server.pem.key" "$T/home/pub/ca-bundle.pem" >"$S/reference"
	cat "$T/home/pub/issuing.crt" "$T/home/pub/root.crt" >"$T/home/pub/ca-bundle.pem"
	python3 states_server.py "$S/reference" >"$S/reference.log" 2>&1 &
	daemons="$daemons $!"
	listens 8081
}
claim "a server for the probes" reference
claim "a probe that has ended" eval "(umask 077; old_probe)"
cp "$S/old/crt" "$S/old.pem" && cp "$S/old/key" "$S/old.crt.key" && chmod 644 "$S/old.pem" "$S/old.crt.key"
claim "Carl is revoked" ykenroll revoke "$S/carl.crt" --reason superseded
claim "a probe is revoked" prepare https://web.test:8081/
claim "the next one" prepare
claim "published" publish "$S/state/stale"
claim "Bob is revoked" ykenroll revoke "$S/bob.crt" --reason superseded
sleep 1.1 # a CRL knows seconds: the probe has to be the last
claim "the next probe, too" prepare https://web.test:8081/
claim "published again" publish "$S/state/fresh"

# ---- other directories ----
for who in bob carl; do revoked_line "$(openssl x509 -in "$S/$who.crt" -noout -serial | cut -d= -f2)"; done >"$S/bob.txt"
claim "a CRL that ended" eval 'lie issuing 7000 "9 days ago" "1 hour ago" "$S/bob.txt" >"$S/expired.crl"'
claim "expired" state_make expired fresh "$S/expired.crl" "$T/home/pub/root.crl"
claim "noroot" state_make noroot fresh "$T/home/pub/issuing.crl" /dev/null
cat "$T/partner/pub/issuing.crt" "$T/partner/pub/root.crt" >"$S/partner.pem"
cat "$T/partner/pub/issuing.crl" "$T/partner/pub/root.crl" >"$S/partner-crl.pem"
cat "$S/partner-crl.pem" "$S/state/fresh/crl-bundle.pem" >"$S/foreign-crl.pem"
claim "foreign" state_make foreign fresh "$S/foreign-crl.pem" /dev/null
cat "$S/partner.pem" >>"$S/state/foreign/ca-bundle.pem"
for d in former formeronly; do cp -a "$S/state/fresh" "$S/state/$d"; done
cat "$S/issuing-former.crt" >>"$S/state/former/ca-bundle.pem"
cat "$S/issuing-former.crt" "$T/home/pub/root.crt" >"$S/state/formeronly/ca-bundle.pem"
chmod -R a+rX "$S/state"
[ $bad = 0 ] || finish
python3 states.py "$S" $n ${ONLY-}
