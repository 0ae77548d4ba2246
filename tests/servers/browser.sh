#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a browser log in with the token, the PIN typed into the dialog that a person would see? Chromium, set up by what
# `ykenroll show --client chromium` prints, on a screen of its own; nginx's log is the witness. SCREENSHOTS=DIR keeps
# what was on the screen.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
for p in chromium Xvfb openbox xdotool import nginx modutil; do
	command -v $p >/dev/null && continue
	echo "1..0 # SKIP $p is not there"
	exit 77
done
in_lab "$(pwd)/browser.sh" --tokens 3 --firmware 5.7.1
# A browser refuses to be root, and its policies are in /etc: a user of one's own, and mounts of one's own.
if [ -z "${IN_ROOM-}" ]; then
	IN_ROOM=1 exec unshare -Um --keep-caps --map-user=1000 --map-group=1000 sh "$(pwd)/browser.sh"
fi
SCREENSHOTS=${SCREENSHOTS:-$T/screens}
mkdir -p "$SCREENSHOTS"

servers_make || exit 1
ykvirt control "$(state 2)" remove >"$T/log" && ykvirt control "$(state 3)" remove >"$T/log" && sleep 0.6
claim "nginx is there" server_start nginx fresh
serial=$(openssl x509 -in "$S/alice.crt" -noout -serial | cut -d= -f2)
url=https://localhost:$(server_port nginx)/
log=$S/run/nginx.access
export HOME="$T/me" XDG_RUNTIME_DIR="$T/me/run" XDG_CONFIG_HOME="$T/me/.config" XDG_DATA_HOME="$T/me/.local" XDG_CACHE_HOME="$T/me/.cache"
mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
mount -t tmpfs tmpfs /etc/chromium
mkdir -p /etc/chromium/policies/managed
echo '{"BrowserSignin":0}' >/etc/chromium/policies/managed/welcome.json # a first start asks to sign in with Google

# ---- a screen ----
# no socket in /tmp: the abstract one belongs to this network namespace
Xvfb -displayfd 7 -nolisten unix -screen 0 1024x700x24 7>"$T/display" >"$T/xvfb.log" 2>&1 &
xvfb=$!
for _ in $(seq 9000); do [ -s "$T/display" ] && break; sleep 0.1; done
DISPLAY=:$(cat "$T/display")
export DISPLAY
openbox >"$T/openbox.log" 2>&1 &
wm=$!
picture() { import -silent -window root "$SCREENSHOTS/$1.png"; }

# window TITLE SECONDS: its id
window() {
	for _ in $(seq $(($2 * 5))); do
		xdotool search --onlyvisible --name "$1" 2>/dev/null | grep . && return 0
		sleep 0.2
	done
	return 1
}
pages() { # pages SECONDS: wait for a line of nginx
	for _ in $(seq $(($1 * 5))); do
		grep -q ' "GET / ' "$log" && return 0
		sleep 0.2
	done
	return 1
}

# browse PIN-FILE: what the user typed from the script, and her PIN into the dialog
browse() {
	: >"$log"
	mkdir -p "$HOME/profile" && : >"$HOME/profile/First Run"
	CHROMIUM_FLAGS="--no-first-run --no-default-browser-check --disable-gpu --disable-background-networking --user-data-dir=$HOME/profile --window-size=1000,600" \
		as_root= timeout -k 5 1800 sh "$T/chromium.sh" >"$T/chromium.log" 2>&1 </dev/null &
	browser=$!
	dialog=$(window 'Unlock Security Device' 1800) || { picture nothing; return 1; }
	picture dialog
	xdotool windowactivate --sync "$dialog" type --delay 30 --file "$1" && xdotool key Return || return 1
	pages 1800
}
leave() {
	kill "$browser" 2>/dev/null
	wait "$browser" 2>/dev/null
	rm -rf "$HOME/profile"
}
pictures() { [ -s "$SCREENSHOTS/dialog.png" ] && [ -s "$SCREENSHOTS/page.png" ]; }
left() { card .pin.left; }

claim "the script for Chromium is printed" sh -c 'ykenroll show --client chromium --url "$1" --ca-file "$2" >"$3"' sh "$url" "$S/web-ca.crt" "$T/chromium.sh"
before=$(left)
# A browser that does not start is tried again; a PIN that was refused is not.
for try in 1 2 3; do
	browse "$T/rawpin" && break
	leave
	[ "$(left)" = "$before" ] || break
done
claim "Chromium asked for the PIN in its dialog, and the page came (try $try)" grep -q 'GET / ' "$log"
claim "nginx's log: verified, this certificate's serial, 200" grep -Eq "^SUCCESS $serial TLSv1\.3 . \"GET / HTTP/1\.1\" 200 \".*Chrom" "$log"
sed 's/^/# /' "$log"
window Chromium 5 >"$T/log"
sleep 1
picture page
leave
claim "no PIN try was lost" [ "$(left)" = "$before" ]
claim "and none was refused" [ "$(card .refused.verify)" = 0 ]

# ---- and the server is what decides: a revoked one ----
ykvirt control "$(state 1)" remove >"$T/log" && ykvirt control "$(state 2)" insert >"$T/log" && sleep 0.8
browse "$T/rawpin"
claim "with a revoked token nginx says so" grep -Eq '^FAILED:certificate revoked .* 400 ' "$log"
sleep 1
picture refused
leave
claim "a picture of the dialog and one of the page" pictures
kill $wm $xvfb
wait $wm $xvfb 2>/dev/null
finish
