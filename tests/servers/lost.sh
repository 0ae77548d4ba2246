#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The lost token, typed at a terminal: does nginx refuse the old one and let in the new one when the command returns? Is
# doc/lost-token.md what is seen then? WRITE=1 writes that page anew.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/lost.sh" --tokens 2 --firmware 5.7.1

# ---- what is there before: a CA, nginx as printed, and where it reads the CA's word ----
S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-lost.XXXXXX") || exit 1
trap 'servers_stop; rm -rf "$S"' EXIT
chmod 755 "$S" && mkdir "$S/run" "$S/live" && chmod 755 "$S/run" "$S/live"
export S PKCS11_MODULE_PATH="$OPENSC"
make_ca >"$S/init.log" 2>&1
printf %s "$(cat "$T/pin")" >"$T/rawpin"
claim "the server's certificate" server_certificate
python3 "$SERVERS_DIR/echo.py" $BACKEND >"$S/run/echo.log" 2>&1 &
echo $! >"$S/run/echo.pid"
listens $BACKEND
ykenroll ca publish "$(server_dir nginx)" >/dev/null && server_print nginx && server_go nginx
claim "nginx runs" [ $? = 0 ]
nginx=$(command -v nginx)
printf '\n[publish]\ndir = %s\ntest = %s\nreload = %s\n' "$(server_dir nginx)" "$(dirname "$nginx")/$(server_test_command nginx)" \
	"$(dirname "$nginx")/$(server_reload_command nginx)" >>"$YKENROLL_HOME/ykenroll.conf"

# ---- at the desk ----
mkdir "$S/bin"
cat >"$S/bin/login" <<'SH'
#!/bin/sh
# what the web server says to whoever has this token and its PIN
curl -s -o /dev/null -w 'HTTP status %{http_code}\n' --cacert "$S/web-ca.crt" --resolve "web.test:8441:127.0.0.1" \
	--cert "pkcs11:id=%01;type=cert" --key "pkcs11:id=%01;type=private;pin-source=$T/rawpin" https://web.test:8441/
SH
chmod 755 "$S/bin/login"
cat >"$S/bin/only" <<'SH'
#!/bin/sh
# only KEY: that key is in the reader, and no other
for k in 1 2; do
	[ "$k" = "$1" ] && how=insert || how=remove
	ykvirt control "$YKVIRT_STATE_DIR/key-$k.json" $how
done
for _ in $(seq 9000); do
	[ "$(ykenroll token list --json | jq '.tokens | length')" = 1 ] && exit
	sleep 0.2
done
exit 1
SH
chmod 755 "$S/bin/only"
PATH=$S/bin:$PATH
export T BACKEND
cat >"$S/script" <<END
! only 1
# Alice gets her token. Nothing is typed on the command line that others must not see.
$ ykenroll enroll "Alice Adams" --email alice@example.org
> assphrase.*: = $T/pass
> New PIN.*: = $T/pin
> New PIN.*: = $T/pin
# She logs in with it.
$ login
# A week later she calls: the token is lost. She comes to the desk; a spare one is put into the reader.
! only 2
$ ykenroll reissue alice@example.org --reason lost --ticket HD-4711 --dry-run
$ ykenroll reissue alice@example.org --reason lost --ticket HD-4711
> assphrase.*: = $T/pass
> New PIN.*: = $T/pin
> New PIN.*: = $T/pin
# The new one logs in.
$ login
# Whoever finds the old one does not, with its PIN neither: nginx had the CRL before the command came back.
! only 1
$ login
$ ykenroll list
END
PATH=$PATH timeout 1800 python3 typed.py "$S/script" >"$S/seen" 2>"$S/typed.err"
claim "everything was typed, no secret was on the screen" eval '[ $? = 0 ] && ! [ -s "$S/typed.err" ] || { cat "$S/typed.err" "$S/seen"; false; }'
claim "three logins: in, in with the new one, refused with the old one" eval '
	[ "$(grep -o "HTTP status [0-9]*" "$S/seen" | tr "\n" ,)" = "HTTP status 200,HTTP status 200,HTTP status 400," ] || { cat "$S/seen"; false; }'
claim "nginx says why: revoked" grep -q 'certificate revoked' "$(server_log nginx)"

# What differs from day to day, and from machine to machine, is made the same.
same() {
	sed -E "s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [-+][0-9]{4}/2026-11-21 11:00:00 +0100/g; s/[0-9]{4}-[0-9]{2}-[0-9]{2}/2026-11-21/g
		s/\b[0-9a-fA-F]{32,64}\b/5f0c…/g; s/[0-9]+(\.[0-9]+)? ms/9 ms/g; s,$T/home,/var/lib/ykenroll,g; s,$S/live/nginx,/etc/nginx/ykenroll,g
		s/\(TLS_[A-Z0-9_]+,/(TLS_AES_256_GCM_SHA384,/; s/uid [0-9]+( \([^)]*\))?/uid 1000 (desk)/g; /^ *(nginx: |20[0-9/]+ [0-9:]+ \[)/d"
}
{
	cat <<-'MD'
		# A lost token

		What an operator types, and sees, when a token is lost. `ykenroll.conf` names the web server's directory once and for all
		(`[publish]`, ykenroll(1)), so that nginx has the revocation when the command returns. `login` stands for a browser: curl
		with the token in the reader. Passphrase and PINs are typed at prompts that show nothing.
	MD
	same <"$S/seen" | cat -s
} >"$S/page"
page=../../doc/lost-token.md
[ -z "${WRITE-}" ] || cp "$S/page" "$page"
claim "doc/lost-token.md is what is seen" diff "$page" "$S/page"
finish
