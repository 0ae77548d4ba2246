# SPDX-License-Identifier: BSD-2-Clause
# What building and testing take, by Debian's names: the same in Debian 12 and 13. Sourced by run.sh and quickstart.sh.

BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config libssl-dev libykpiv-dev libpcsclite-dev libsqlite3-dev
libjansson-dev libpopt-dev libp11-kit-dev zlib1g-dev"
LAB_PACKAGES="pcscd vsmartcard-vpcd"
TEST_PACKAGES="$LAB_PACKAGES clang libclang-rt-dev clang-format libcmocka-dev openssl sqlite3 jq python3 yubikey-manager yubico-piv-tool
ykcs11 opensc gnutls-bin strace procps util-linux p11-kit p11-kit-modules softhsm2"

missing_packages() {
	for p in "$@"; do
		case $(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null) in
		installed*) ;;
		*) printf ' %s' "$p" ;;
		esac
	done
}

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
	$as_root apt-get update -qq >/dev/null || return 1
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
		{ echo "apt-get could not install:$missing" >&2; return 1; }
}
