#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What if the disk refuses? Each write, sync, rename and truncation of enroll and its signer fails, once or from then on,
# as a broken disk (EIO), a full one (ENOSPC) or one that has become read-only (EROFS); and a file system that is full.
# The error must be said, the run must end by itself, nothing may be lost, and the next run must finish the work.
# FULL=1: every call; otherwise every STEPth (27; QUICK: 77).
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
V=5.7.1
CALLS="write pwrite64 ftruncate fsync fdatasync rename unlink"
STEP=${STEP:-27} ROOM=64
[ -z "${QUICK-}" ] || STEP=77 # and 6 have no common divisor: each error has its turn
[ -z "${FULL-}" ] || STEP=1 ROOM=8

# SQLite's index of the write-ahead log is memory, and what goes to a socket or a terminal is not on a disk.
tracing() { # tracing TRACE INJECTION COMMAND…
	trace=$1 inject=$2
	shift 2
	strace -f -qq -y -s 240 -o "$trace" -e "trace=$(echo "$CALLS" | tr ' ' ,)" ${inject:+-e "inject=$inject"} "$@" >"$trace.out" 2>&1 </dev/null
}
names() { # CALL-N for each N up to the highest count of one process
	awk '{ call = $2; sub(/\(.*/, "", call) } call ~ /^[a-z]+[0-9]*$/ { if (++n[$1, call] > max[call]) max[call] = n[$1, call] }
		END { for (c in max) for (i = 1; i <= max[c]; i++) print c "-" i }' "$1" | sort -V
}
# The calls that were made to fail, but for those to standard output, standard error and sockets
hit() { grep '(INJECTED)' "$1" | grep -Ev ' write\((1|2)<|<socket:|<UNIX|<TCP|<pipe:|/dev/|/proc/'; }
# What was said, also where the saying was made to fail
said() { grep -h -E 'ykenroll: ' "$1.out" "$1"; }

# What was passed over may only be the checkpoint of the write-ahead log after the last commit: all is in the log, and the
# next run does it. The last commit is the last write to the log. (And SQLite does not look at what its sync of the
# directory says, when it has made the log.) And the signer's scratch copy of a CRL: what cannot be compared is published anew.
checkpoint() {
	awk '/pwrite64\(.*registry\.db-wal>/ { last = NR }
		/fdatasync\([0-9]+<[^>]*\/home>\)/ { next }
		/\/ca\/\.crl\./ { next }
		/\(INJECTED\)/ && !/ write\((1|2)</ { hit[NR] = $0 }
		END { for (n in hit) if (n < last || hit[n] !~ /registry\.db/) exit 1 }' "$1"
}

# names_why ERROR FILE: what it says has libc's words for that error, SQLite's code, the file, or how a signer is reached
names_why() {
	libc=$(python3 -c 'import errno, os, sys; print(os.strerror(getattr(errno, sys.argv[1])))' "$1")
	grep -Eq "ykenroll: .*($libc|, code [0-9]|/home/| ssh )" "$2"
}

inside_clean() { do_enroll tracing "$P/trace" "" && cp "$P/trace" "$T/$V/clean.trace"; }

inside_fail() { # CALL-N-ERROR-once|sticky
	IFS=- read -r call nth error how <<-E
		$1
	E
	[ "$how" = once ] && when=$nth || when=$nth+
	do_enroll tracing "$P/trace" "$call:error=$error:when=$when"
	rc=$?
	hit "$P/trace" >"$P/hits"
	[ -s "$P/hits" ] && : >"$P/hit"
	[ $rc -lt 100 ] || return 21 # it ended by itself
	if [ $rc != 0 ]; then
		: >"$P/refused"
		said "$P/trace" >"$P/said" || return 22
		[ ! -f "$P/hit" ] || names_why "$error" "$P/said" || return 23
	elif [ -f "$P/hit" ]; then
		: >"$P/absorbed"
		checkpoint "$P/trace" || return 24
	fi
	keep
	again "$nth"
}

# A home with so many KB of room left: enroll, then room is made.
inside_room() { # KB-room
	mkdir "$P/disk" && mount -t tmpfs -o size=16m none "$P/disk" && cp -a "$P/home" "$P/disk" || return 31
	YKENROLL_HOME=$P/disk/home
	export YKENROLL_HOME
	left=$(df -k --output=avail "$P/disk" | tail -n 1)
	head -c $(((left - ${1%-*}) * 1024)) /dev/zero >"$P/disk/filler"
	do_enroll >"$P/full.out" 2>&1
	rc=$?
	if [ $rc != 0 ]; then
		: >"$P/refused"
		names_why ENOSPC "$P/full.out" || return 32
	fi
	rm -rf "$P/home" && cp -a "$P/disk/home" "$P/home" && keep
	rm "$P/disk/filler"
	again "${1%-*}" || return
	rm -rf "$P/home" && cp -a "$P/disk/home" "$P/home"
}

# A home that cannot be written at all: the token must not have been touched.
inside_readonly() {
	mount --bind "$P/home" "$P/home" && mount -o remount,bind,ro "$P/home" || return 41
	do_enroll >"$P/ro.out" 2>&1
	[ $? = 1 ] && names_why EROFS "$P/ro.out" || return 42
	ykvirt inspect "$YKVIRT_STATE_DIR/key-1.json" | jq -e '.management_key.factory and .puk.factory and .pin.factory' >/dev/null || return 43
	umount "$P/home" && again 1
}

case ${1-} in
clean | fail | room | readonly) in_point "$1" "$2" "$3"; exit ;;
inside-*) "inside_${1#inside-}" "$3"; exit ;;
esac

if ! strace -f -o /dev/null true 2>/dev/null; then
	echo "1..0 # SKIP strace may not trace here"
	exit 77
fi
# what a process writes that cannot be dumped is shown to root's strace only, and only root mounts here
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP only root can look and mount"
	exit 77
fi
start
claim "a home and a key" template $V
in_point clean $V clean
names "$T/$V/clean.trace" >"$T/$V/calls"
mv "$T/$V/p-clean" "$T/$V/clean"
claim "enroll and its signer write, sync and rename ($(wc -l <"$T/$V/calls") calls)" grep -q '^fdatasync-9$' "$T/$V/calls"
awk -v step="$STEP" '
	BEGIN { split("EIO ENOSPC EROFS", e, " ") }
	{ for (i = 1; i <= 3; i++) { if (k++ % step == 0) print $0 "-" e[i] "-once"; if (k++ % step == 0) print $0 "-" e[i] "-sticky" } }
	' "$T/$V/calls" >"$T/$V/names"
want=$(wc -l <"$T/$V/names")
points fail $V <"$T/$V/names"
claim "$want points, $(count "$T/$V"/p-*/hit) of which met a file, $(count "$T/$V"/p-*/refused) ended the run with an error that says so" \
	[ "$(count "$T/$V"/p-*/hit)" -ge $((want / 2)) ]
claim "every one was finished by the next run; passed over was nothing but the last checkpoint ($(count "$T/$V"/p-*/absorbed) times)" ended_well $V 'p-*'
claim "nothing was lost at that moment" judge $V --mode interrupted $(cd "$T/$V" && ls -d p-*/before)
claim "card, registry, escrow, log and CRL agree afterwards" judge $V --pin "$T/pin" $(cd "$T/$V" && ls -d p-*)
mkdir "$T/$V/failed" && mv "$T/$V"/p-* "$T/$V/failed"

for kb in $(seq 0 $ROOM 640); do
	echo "$kb-room"
done >"$T/$V/names"
want=$(wc -l <"$T/$V/names")
points room $V <"$T/$V/names"
claim "a full disk: $want amounts of room, of which $(count "$T/$V"/p-*/refused) were too small, and enroll said so" \
	[ "$(count "$T/$V"/p-*/refused)" -ge 3 ]
claim "a full disk: finished when there was room" ended_well $V 'p-*'
claim "a full disk: nothing was lost" judge $V --mode interrupted $(cd "$T/$V" && ls -d p-*/before)
claim "a full disk: all agree afterwards" judge $V --pin "$T/pin" $(cd "$T/$V" && ls -d p-*)
in_point readonly $V readonly
claim "a home that is read-only: said, the token untouched, and finished when it is not" ended_well $V p-readonly
finish
