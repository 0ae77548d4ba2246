#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is the same true of a root that issues itself: one certificate in the bundle, one CRL, and every server is content?
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/single.sh" --tokens 1 --firmware 5.7.1

S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-servers.XXXXXX") || exit 1
trap 'servers_stop; rm -rf "$S"' EXIT
chmod 755 "$S" && mkdir -m 755 "$S/state" "$S/run" "$S/live"
export HOME="$S" XDG_CONFIG_HOME="$S/run" XDG_DATA_HOME="$S/run" XDG_CACHE_HOME="$S/run" YKENROLL_HOME="$T/home"
(umask 077 && echo "correct horse battery" >"$T/pass" && echo "recovery passphrase" >"$T/rpass" && echo 482913 >"$T/pin" &&
	printf 482913 >"$T/rawpin")
claim "a CA of one level" ykenroll init --single --name Test --rehearsal "$YKVIRT_ROOT" --recovery-out "$T/recovery.key" \
	--ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass"
claim "Alice" enroll Alice alice@example.org
claim "published" ykenroll ca publish "$S/state/fresh" --leaves
claim "one certificate, one CRL" [ "$(cat "$S/state/fresh/ca-bundle.pem" "$S/state/fresh/crl-bundle.pem" | grep -c BEGIN)" = 2 ]
claim "and no root's CRL" eval '! ls "$S/state/fresh" | grep root.crl'
claim "the servers' certificate" server_certificate
cert_of "$T/home" alice@example.org >"$S/alice.crt"
python3 echo.py $BACKEND >"$S/run/echo.log" 2>&1 &
echo $! >"$S/run/echo.pid"
claim "the application listens" listens $BACKEND
for s in $SERVERS; do
	claim "$s" server_start "$s" fresh
	got=$(visit "$s" Alice)
	claim "$s: Alice is in ($got)" [ "$got" = 200 ]
	got=$(visit "$s" none)
	claim "$s: nobody is not ($got)" [ "$got" != 200 ]
done
claim "Alice is put on hold" ykenroll suspend alice@example.org --ca-pass "file:$T/pass"
for s in $SERVERS; do
	was=$(generations "$s")
	claim "$s: publish, test, reload" ykenroll ca publish "$(server_dir "$s")" --test "$(server_test_command "$s")" --reload "$(server_reload_command "$s")"
	claim "$s: is at work again" reloaded "$s" "$was"
	got=$(visit "$s" Alice)
	claim "$s: Alice is out ($got)" [ "$got" != 200 ]
done
finish
