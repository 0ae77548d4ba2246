#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does `ykenroll server` print what was asked for, and nothing that a value has smuggled in? No server runs.
# QUICK=N: each server takes every Nth of them, each another one.
# Traefik is not in Debian: its file is only read, against the keys that its documentation lists.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT

exits 2 "'iis'.* nginx" "a server that there is not" ykenroll server iis
exits 2 'nginx\|apache' "no server" ykenroll server
exits 2 '--listen: port 0 ' "port 0" ykenroll server nginx --listen 0
exits 2 '--listen .*65535.* 65536' "port 65536" ykenroll server nginx --listen 65536
exits 2 "--backend 'https://a.test'" "an application with TLS" ykenroll server nginx --backend https://a.test
exits 2 '--key: .*/a.pem' "HAProxy's key elsewhere" ykenroll server haproxy --certificate /a.pem --key /b.key
for s in nginx apache haproxy caddy traefik; do
	exits 0 '' "$s" ykenroll server $s --name web.test --dir /srv/pub --listen 4443 --backend http://[::1]:9000
	cp "$T/out" "$T/$s"
	claim "$s has name, directory, port and application" eval 'grep -q web.test "$T/out" && grep -q "/srv/pub/" "$T/out" && grep -q 4443 "$T/out" &&
		grep -q "\[::1\]:9000" "$T/out" && ! grep -q "<[A-Z]*>" "$T/out"'
	claim "$s: what of CRLs" grep -q '^# .*CRL' "$T/out"
	claim "$s: how it is reloaded" grep -q '^# Reload: ' "$T/out"
	exits 0 '' "$s as JSON" ykenroll server $s --name web.test --dir /srv/pub --listen 4443 --backend http://[::1]:9000 --json
	case $s in nginx | apache | haproxy) reads=true ;; *) reads=false ;; esac
	claim "has whether it reads CRLs" jq -e ".checks_crl == $reads" "$T/out"
	claim "has the same text" eval 'jq -rj .configuration "$T/out" | cmp - "$T/$s"'
	exits 0 '' "$s, optional" ykenroll server $s --name web.test --optional
	claim "is another one" eval '! diff -q "$T/out" "$T/$s"'
	[ $s != traefik ] || cp "$T/out" "$T/traefik.optional"
done
case $(uname -n) in
*[!A-Za-z0-9.-]* | '' | [.-]* | *..*) exits 2 '--name: ' "this machine's name is none" ykenroll server nginx ;;
*) claim "this machine's name, if no other" eval 'ykenroll server nginx | grep -q "server_name $(uname -n);"' ;;
esac
claim "Traefik's keys are documented" python3 printed.py traefik "$T/traefik" required
claim "also where certificates are optional" python3 printed.py traefik "$T/traefik.optional" optional
claim "Traefik's file says that nobody has run it" grep -q "^# ykenroll's tests " "$T/traefik"
python3 printed.py hostile "${ROUNDS:-3}" >"$T/report"
rc=$?
claim "no value breaks out ($(tail -1 "$T/report"))" sh -c 'cat "$1"; exit $0' $rc "$T/report"
finish
