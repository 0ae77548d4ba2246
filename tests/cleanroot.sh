#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the quick start and the tests in a fresh Debian, so that a package somebody installed by hand hides nothing.
# Needs root, debootstrap and this machine's apt configuration.
#
#   sh tests/cleanroot.sh bookworm|trixie [quickstart|user|tests|usertests|COMMAND…]      default: the first four
#
# CLEANROOT=DIR keeps the debootstrap'ed root of each release there (default /var/tmp/ykenroll-cleanroot). Every command
# runs on a copy (overlay) of it that is thrown away.
set -eu
release=${1:?usage: cleanroot.sh bookworm|trixie [COMMAND…]}
shift
here=$(cd "$(dirname "$0")/.." && pwd)
base=${CLEANROOT:-/var/tmp/ykenroll-cleanroot}/$release
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
	grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' ')

if [ ! -e "$base/.complete" ]; then
	mkdir -p "$base"
	debootstrap --variant=minbase "$release" "$base" "$mirror" >&2
	: >"$base/.complete"
fi

work=$(mktemp -d /var/tmp/ykenroll-root.XXXXXX)
trap 'rm -rf "$work"' EXIT
testdata=$(cd "$here/.." && pwd)/shared
export here base work testdata mirror release

# As pid 1 of its own: what the command leaves behind goes with it.
in_root() {
	unshare -mpf --kill-child sh -euc '
		mount --make-rprivate /
		mount -t tmpfs -o size=12g tmpfs "$work"
		git clone -q "$here" "$work/src"
		mkdir "$work/upper" "$work/over" "$work/root"
		mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/over" "$work/root"
		cd "$work/root"
		mount -t proc proc proc
		mount --rbind /dev dev
		mount -t tmpfs -o mode=1777 tmpfs dev/shm
		mount --rbind /sys sys
		mount -t tmpfs tmpfs run
		mount -t tmpfs -o mode=1777 tmpfs tmp
		mkdir -p work/main old
		cp -a "$work/src/." work/main
		chown -R root: work/main
		if [ -d "$testdata" ]; then mkdir work/shared && mount --bind "$testdata" work/shared; fi
		cp -L /etc/resolv.conf /etc/hosts etc/ 2>/dev/null || true
		cp -a /etc/apt/apt.conf.d/. etc/apt/apt.conf.d/ 2>/dev/null || true
		{ echo "deb $mirror $release main"; echo "deb ${mirror%/}-security $release-security main"; } >etc/apt/sources.list
		pivot_root . old
		umount -l old
		exec chroot . env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			sh -euc "cd /work/main; $1" </dev/null' sh "$1"
}

# An ordinary user, with the packages there.
as_user() { # as_user PACKAGES SCRIPT
	in_root ". tests/packages.sh; install_packages $1; useradd -m someone
		cp -r /work/main /home/someone/ykenroll; chown -R someone: /home/someone/ykenroll
		if [ -d /work/shared ]; then ln -s /work/shared /home/someone/shared; fi
		exec setpriv --reuid someone --regid someone --init-groups env HOME=/home/someone sh -c 'cd && cd ykenroll && sh $2'"
}

run_one() {
	case $1 in
	quickstart) in_root 'sh doc/quickstart.sh' ;;
	user) as_user '$BUILD_PACKAGES $LAB_PACKAGES' doc/quickstart.sh ;;
	tests) in_root 'sh tests/run.sh' ;;
	usertests) as_user '$BUILD_PACKAGES $TEST_PACKAGES' tests/run.sh ;;
	*) in_root "$1" ;;
	esac
}

[ $# -gt 0 ] || set -- quickstart user tests usertests
for what in "$@"; do
	echo "== $release: $what"
	run_one "$what"
done
