# SPDX-License-Identifier: BSD-2-Clause
# What building and testing take, by Debian's names: the same in Debian 12 and 13. Sourced by run.sh and quickstart.sh.

BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config libssl-dev libykpiv-dev libpcsclite-dev libsqlite3-dev
libjansson-dev libpopt-dev libp11-kit-dev zlib1g-dev libmicrohttpd-dev libutf8proc-dev"
LAB_PACKAGES="pcscd vsmartcard-vpcd"
TEST_PACKAGES="$LAB_PACKAGES clang libclang-rt-dev clang-format libcmocka-dev openssl sqlite3 jq python3 python3-yaml yubikey-manager yubico-piv-tool
ykcs11 opensc gnutls-bin strace xz-utils procps util-linux p11-kit p11-kit-modules softhsm2 curl libengine-pkcs11-openssl faketime
nginx apache2 haproxy caddy openssh-server easy-rsa libhpdf-dev poppler-utils xxd"
# Clients of web servers, and a browser with a screen for it.
CLIENT_PACKAGES="python3-requests python3-pycurl libnss3-tools chromium xvfb xdotool openbox imagemagick"
# Those that one release has and another one has not.
case $(. /etc/os-release; echo "${VERSION_ID-}") in
12) TEST_PACKAGES="$TEST_PACKAGES dumpasn1" ;;
*) TEST_PACKAGES="$TEST_PACKAGES lld" CLIENT_PACKAGES="$CLIENT_PACKAGES pkcs11-provider" ;; # binutils has no gold any more
esac
TEST_PACKAGES="$TEST_PACKAGES $CLIENT_PACKAGES"
# More servers, for servers/states.sh; what is not there is skipped.
STATES_PACKAGES="lighttpd lighttpd-mod-openssl stunnel4 slapd dovecot-imapd nodejs"
# Each of these would start a daemon on this machine, now and at every boot, if it were just installed.
DAEMON_PACKAGES="nginx apache2 haproxy caddy openssh-server postgresql lighttpd lighttpd-mod-openssl stunnel4 slapd dovecot-imapd"

missing_packages() {
	for p in "$@"; do
		case $(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null) in
		installed*) ;;
		*) printf ' %s' "$p" ;;
		esac
	done
}

# Run as root, with package names: installs them; the daemons in them neither start nor will at boot.
# /usr/sbin/policy-rc.d is Debian's way to say so to both kinds of init; one that is there stays.
INSTALL_QUIETLY='
policy=/usr/sbin/policy-rc.d
mine="# made by the tests of ykenroll, for one installation"
if [ -e $policy ] && ! grep -qxF "$mine" $policy; then
	$policy nginx start >/dev/null 2>&1
	[ $? = 101 ] || { echo "$policy lets daemons start; install these by hand, then run this again: $*" >&2; exit 1; }
else
	trap "rm -f $policy" EXIT
	trap "exit 130" INT
	trap "exit 143" TERM HUP
	printf "#!/bin/sh\n%s\nexit 101\n" "$mine" >$policy && chmod 755 $policy || exit 1
fi
before=$(mktemp) && after=$(mktemp) || exit 1
units() { # what is started at boot, and not by a socket or a user
	find /etc/systemd/system/*.wants /etc/rc[2-5].d -name "*.service" -o -name "*.socket" -o -name "*.timer" -o -name "S[0-9]*" 2>/dev/null |
		sed "s,.*/,,; s/^S[0-9][0-9]//; s/\.[a-z]*$//" | sort -u
}
units >$before
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
rc=$?
units >$after
for u in $(comm -13 $before $after); do
	for kind in service socket timer; do
		[ ! -e /lib/systemd/system/$u.$kind ] || systemctl --no-reload disable $u.$kind 2>/dev/null
	done
	[ ! -e /etc/init.d/$u ] || update-rc.d $u disable 2>/dev/null
done
rm -f $before $after
exit $rc
'

# Install those of the packages that are not there. Says what to do where it may not.
install_packages() {
	missing=$(missing_packages "$@")
	[ -z "$missing" ] && return 0
	if [ "$(id -u)" = 0 ]; then
		as_root=
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		as_root=sudo
	elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
		as_root=sudo
	else
		echo "these packages are missing; install them as root, then run this again:$missing" >&2
		return 1
	fi
	echo "installing:$missing" >&2
	daemons='' others=''
	for p in $missing; do
		case " $(echo $DAEMON_PACKAGES) " in
		*" $p "*) daemons="$daemons $p" ;;
		*) others="$others $p" ;;
		esac
	done
	$as_root apt-get update -qq >/dev/null || return 1
	[ -z "$others" ] ||
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $others >/dev/null ||
		{ echo "apt-get could not install:$others" >&2; return 1; }
	[ -z "$daemons" ] || $as_root sh -c "$INSTALL_QUIETLY" sh $daemons ||
		{ echo "apt-get could not install:$daemons" >&2; return 1; }
}
