#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Do the scripts for Firefox and Chromium find the profile, wherever that is, or say what to do, and never put the module elsewhere?
# certutil and modutil look; a script plays the browser.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
in_lab "$(pwd)/profiles.sh" --tokens 1 --firmware 5.7.1
command -v modutil >/dev/null || { echo "1..0 # SKIP modutil is not there"; exit 77; }

make_ca >"$T/init.log" 2>&1
claim "Alice has a token" enroll Alice alice@example.org
claim "the script" eval 'ykenroll show --client firefox --url https://web.test/ --ca-file "$T/home/pub/root.crt" >"$T/firefox.sh"'
mkdir "$T/bin"
for p in firefox-esr snap; do printf '#!/bin/sh\necho "%s $*" >>"%s"\n' $p "$T/started" >"$T/bin/$p"; done
chmod +x "$T/bin"/*

# home: a new one, which is the working directory, too
home() { rm -rf "$T/me" "$T/started"; mkdir -p "$T/me/here"; }
run() { # run ASSIGNMENT…: as printed
	(cd "$T/me/here" && env HOME="$T/me" XDG_CONFIG_HOME= PATH="$T/bin:$PATH" "$@" timeout 50 sh "$T/firefox.sh")
}
profile() { mkdir -p "$T/me/$1"; }
ini() { printf '%s\n' '[Profile0]' 'Name=x' "Path=$2" 'IsRelative=1' '' '[General]' 'Version=2' '' '[Install4F96D1932A9F858E]' "Default=$2" 'Locked=1' >"$T/me/$1/profiles.ini"; }
has() { [ "$(modutil -dbdir "sql:$T/me/$1" -list 2>/dev/null | grep -c 'library name.*opensc')" = 1 ] && certutil -d "sql:$T/me/$1" -L -n 'CA of the server'; }
nowhere() { [ -z "$(find "$T/me" -name pkcs11.txt -o -name cert9.db)" ] && [ ! -e "$T/started" ]; }
only() { [ "$(find "$T/me" -name pkcs11.txt)" = "$T/me/$1/pkcs11.txt" ] && has "$1"; }

home
exits 1 'CreateProfile' "no profile: it is said" run
claim "and nothing is made" nowhere
for dir in .mozilla/firefox/a.default-esr .mozilla/firefox/b.default-release .mozilla/firefox/c.default .config/mozilla/firefox/d.default-esr; do
	home
	profile $dir
	exits 0 '' "$dir" run
	claim "has the module and the CA, and no other place has" only $dir
	claim "and Firefox is started with it" grep -qxF "firefox-esr --profile $T/me/$dir https://web.test/" "$T/started"
	exits 0 '' "once more" run
	claim "the module is there once" only $dir
done
home
profile .mozilla/firefox/a.default
profile .mozilla/firefox/b.default-esr
exits 0 '' "that which Firefox makes beside the one it uses" run
claim "stays as it is" only .mozilla/firefox/b.default-esr
home
profile .mozilla/firefox/mine
profile .mozilla/firefox/b.default-esr
ini .mozilla/firefox mine
exits 0 '' "profiles.ini names another one" run
claim "which is taken" only .mozilla/firefox/mine
home
profile .mozilla/firefox/a.default-esr
profile .mozilla/firefox/b.default-release
exits 1 '' "two: it is asked which" run
claim "both are named, and nothing is made" eval 'grep -qF "$T/me/.mozilla/firefox/a.default-esr" "$T/err" && grep -qF "b.default-release" "$T/err" && nowhere'
exits 0 '' "and said" run profile="$T/me/.mozilla/firefox/b.default-release"
claim "it is that" only .mozilla/firefox/b.default-release
home
exits 0 '' "one of one's own" run profile="$T/me/mine"
claim "is made" only mine
for dir in snap/firefox/common/.mozilla/firefox/s.default snap/firefox/common/.config/mozilla/firefox/s.default; do
	home
	profile $dir
	ini "${dir%/*}" s.default
	exits 0 ' snap .* firefox:' "$dir" run
	claim "has the module" only $dir
	claim "and the snap is started" grep -qxF "snap run firefox --profile $T/me/$dir https://web.test/" "$T/started"
done
home
profile .var/app/org.mozilla.firefox/.mozilla/firefox/f.default-release
exits 1 ' firefox-esr' "Flatpak's: it is said that it cannot" run
claim "and nothing is made" nowhere
profile .mozilla/firefox/a.default-esr
exits 0 '' "beside another one" run
claim "that one is taken" only .mozilla/firefox/a.default-esr
home
profile .mozilla/firefox/a.default-esr
sed 's,^module=.*,module=/nonexistent.so,' "$T/firefox.sh" >"$T/broken.sh"
refuse "a module that is not there is no success" eval '(cd "$T/me/here" && HOME="$T/me" XDG_CONFIG_HOME= PATH="$T/bin:$PATH" sh "$T/broken.sh")'
claim "and Firefox is not started" [ ! -e "$T/started" ]

# ---- Chromium's is always at the same place, but not that of a snap or of Flatpak ----
claim "the script for Chromium" eval 'ykenroll show --client chromium --url https://web.test/ --ca-file "$T/home/pub/root.crt" >"$T/firefox.sh"'
mkdir -p "$T/snap/bin" "$T/tools"
for p in certutil modutil mkdir env timeout sh grep; do ln -s "$(command -v $p)" "$T/tools/$p"; done
for p in snap/bin/chromium bin/chromium; do printf '#!/bin/sh\necho "chromium $*" >>"%s"\n' "$T/started" >"$T/$p" && chmod +x "$T/$p"; done
for path in "$T/tools" "$T/snap/bin:$T/tools"; do
	home
	exits 1 ' chromium$' "no Chromium, or a snap" run PATH="$path"
	claim "and nothing is made" nowhere
done
home
# what needs root goes nowhere
exits 0 '' "Debian's" run as_root=true
claim "has the module and the CA, and is started" eval 'has .pki/nssdb && grep -qx "chromium https://web.test/" "$T/started"'
finish
