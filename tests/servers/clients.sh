#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Do the commands log in that `ykenroll show --client` prints for this token? Each is run as printed, with the PIN in a
# file and with the PIN typed, against nginx, whose log is the witness; a revoked token is the control. Three tokens are
# plugged in all the while: the URIs must tell them apart.
set -u
cd "$(dirname "$0")" || exit 1
. ../flow/lib.sh
. ./lib.sh
in_lab "$(pwd)/clients.sh" --tokens 3 --firmware "${FIRMWARE:-5.7.1}"
command -v nginx >/dev/null || { echo "1..0 # SKIP nginx is not there"; exit 77; }
answer="python3 $(pwd)/answer.py"
# Debian's Python has Debian's modules
case $(command -v python3) in /usr/bin/python3) ;; *) PATH=/usr/bin:$PATH ;; esac

servers_make || exit 1
claim "nginx is there" server_start nginx fresh
export HOME="$T/me" XDG_RUNTIME_DIR="$T/me/run" XDG_CONFIG_HOME="$T/me/.config"
mkdir -p "$XDG_RUNTIME_DIR" "$T/bin"
cd "$HOME" || exit 1
url=https://localhost:$(server_port nginx)/
log=$S/run/nginx.access
# As if the library path had been set by an environment that a user does not have.
unset PKCS11_MODULE_PATH OPENSSL_CONF

serial_of() { openssl x509 -in "$S/$1.crt" -noout -serial | cut -d= -f2; }
show() { # show CLIENT TOKEN OPTIONS…
	c=$1 t=$2
	shift 2
	ykenroll show --client "$c" -d "$(lab_serial "$t")" --url "$url" --ca-file "$S/web-ca.crt" "$@" >"$T/$c.sh"
}
script() { timeout -k 5 1800 "$@" </dev/null; }
# nginx writes the line when it has closed the connection, which may be after the client's end.
logged() { # logged PATTERN
	for _ in $(seq 9000); do
		grep -Eq "$1" "$log" && return 0
		sleep 0.1
	done
	cat "$log"
	return 1
}
let_in() { # let_in NAME: nginx saw this certificate and gave the page
	logged "^SUCCESS $(serial_of "$1") TLSv1\.[23] . \"GET / HTTP/1\.[01]\" 200 "
}
refused() { logged '^FAILED:.* 400 ' && ! grep -q '" 200 "' "$log"; }
tries() { for k in 1 2 3; do ykvirt inspect "$(state $k)" | jq -r '.pin.left, .refused.verify'; done | tr '\n' ' '; }

# NSS without a browser takes Firefox' place in its script: the profile is what is asked about.
cat >"$T/bin/firefox-esr" <<'STUB'
#!/bin/sh
host=${3#https://} host=${host%/}
exec tstclnt -4 -h "${host%:*}" -p "${host#*:}" -d "sql:$2" -n "$NICK" -w "$(cat "$T/rawpin")" <"$T/request"
STUB
chmod +x "$T/bin/firefox-esr"
printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >"$T/request"

with_file() { # with_file CLIENT TOKEN
	show "$1" "$2" --pin-source "$T/rawpin" || return 1
	: >"$log"
	script sh "$T/$1.sh" >"$T/$1.out" 2>&1
	rc=$?
	cat "$T/$1.sh" "$T/$1.out"
	return $rc
}
typed() { # typed CLIENT TOKEN
	show "$1" "$2" || return 1
	: >"$log"
	$answer "$T/pin" -- timeout -k 5 1800 sh "$T/$1.sh"
}

pins=$(tries)
claim "p11-kit: the script runs" with_file p11-kit 1
claim "and finds one certificate, of this token" [ "$(grep -c 'Type: X.509' "$T/p11-kit.out")" = 1 ]
for c in curl openssl gnutls-cli python; do
	claim "$c, the PIN in a file: the script runs" with_file $c 1
	claim "$c: let in with Alice's certificate" let_in alice
	claim "$c, the PIN typed: the script runs" typed $c 1
	claim "$c: let in with Alice's certificate" let_in alice
	with_file $c 2 >"$T/log" 2>&1
	claim "$c: the script for Bob's token, which is revoked, is refused" refused
done
if command -v tstclnt >/dev/null; then
	mkdir -p "$HOME/.mozilla/firefox/x.default-esr"
	show firefox 1
	for run in first second; do
		: >"$log"
		NICK='Alice:Certificate for PIV Authentication' PATH=$T/bin:$PATH script sh "$T/firefox.sh" >"$T/firefox.out" 2>&1
		claim "firefox, $run run: NSS logs in with the profile that the script makes" let_in alice
	done
	claim "and the profile has the module once" [ "$(modutil -dbdir "sql:$HOME/.mozilla/firefox/x.default-esr" -list 2>/dev/null | grep -c 'library name.*opensc')" = 1 ]
fi

# ---- keys in files: the programs that have no person beside them ----
echo "for the robot" >"$T/p12pass"
p12() { ykenroll ca p12 --cn "$1" --out "$T/$2.p12" --p12-pass "file:$T/p12pass" --ca-pass "file:$T/pass" $3; }
seen() { # seen NAME: nginx let in somebody of that name
	cat "$log" "$T/out"
	grep -Eq '^SUCCESS [0-9A-F]+ TLSv1\.[23] . "GET / HTTP/1\.[01]" 200 ' "$log" && grep -q "\"Client-Name\", \"$1\"" "$T/out"
}
nss_login() { # nss_login FILE NAME: into a profile as Firefox and Chromium have it
	rm -rf "$T/nss" && mkdir "$T/nss" && certutil -d "sql:$T/nss" -N --empty-password &&
		certutil -d "sql:$T/nss" -A -n ca -t C,, -i "$S/web-ca.crt" &&
		pk12util -d "sql:$T/nss" -i "$1" -w "$T/p12pass" -K '' || return 1
	tstclnt -4 -h localhost -p "$(server_port nginx)" -d "sql:$T/nss" -n "$2" <"$T/request" >"$T/out" 2>&1
}
requests_login() { # requests_login FILE: which takes PEM
	(umask 077 && openssl pkcs12 -in "$1" -passin "file:$T/p12pass" -nodes -out "$T/robot.pem" $2) || return 1
	script python3 -c 'import requests, sys
r = requests.get(sys.argv[1], cert=sys.argv[2], verify=sys.argv[3]); r.raise_for_status(); print(r.text)' "$url" "$T/robot.pem" "$S/web-ca.crt" >"$T/out" 2>&1
}
for how in robot old; do
	case $how in old) claim "ca p12 --compat" p12 $how $how --compat ;; *) claim "ca p12" p12 $how $how "" ;; esac
	: >"$log"
	printf 'cert = "%s:%s"\n' "$T/$how.p12" "$(cat "$T/p12pass")" >"$T/curlrc"
	script curl -sSf -K "$T/curlrc" --cert-type P12 --cacert "$S/web-ca.crt" "$url" >"$T/out" 2>&1
	claim "$how: curl logs in with it" seen $how
	: >"$log"
	requests_login "$T/$how.p12" "$([ $how = old ] && echo -legacy)"
	claim "$how: Python's requests logs in with it" seen $how
	: >"$log"
	nss_login "$T/$how.p12" $how
	claim "$how: NSS, which is Firefox' and Chromium's, imports it and logs in" seen $how
done
robot=$(openssl pkcs12 -in "$T/robot.p12" -passin "file:$T/p12pass" -nokeys -clcerts 2>/dev/null | openssl x509 -noout -serial | cut -d= -f2)
claim "it is revoked" ykenroll revoke "$robot" --reason keyCompromise --ca-pass "file:$T/pass"
claim "published" ykenroll ca publish "$S/state/fresh" ${LEAVES-}
claim "nginx reads it" server_state nginx fresh
: >"$log"
requests_login "$T/robot.p12" ""
claim "and refuses it" refused

claim "no PIN try was lost: $pins" [ "$(tries)" = "$pins" ]

# ---- words that do not fit ----
one="-d $(lab_serial 1)"
exits 2 'curl, openssl' "a client that there is not" ykenroll show --client lynx $one
exits 2 '--pin-source' "a PIN file by a relative path" ykenroll show --client curl --pin-source pin $one
exits 2 ' https' "a URL without TLS" ykenroll show --client curl --url http://www.example.org/ $one
exits 2 '--debian.* 12 .*13' "another release" ykenroll show --client curl --debian 11 $one
claim "a quote in a path stays in its word" sh -c 'ykenroll show --client curl '"$one"' --ca-file "/x'"'"';id;'"'"'" >"$T/q.sh" &&
	sed "s/^curl.*/printf %s \"\$ca\"/; /^	/d" "$T/q.sh" | sh | grep -Fx "/x'"'"';id;'"'"'"'
claim "and for the other release the provider's form" sh -c 'ykenroll show --client curl '"$one"' --debian 13 | grep -q "cert-type PROV"'
finish
