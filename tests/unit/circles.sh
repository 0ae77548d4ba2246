#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Can the files of src be put in an order in which each uses only what stands before it? A file uses another one when it has
# a symbol undefined that the other one defines, as nm tells; tsort tells where that goes round in a circle.
set -u
. "$(dirname "$0")/lib.sh"
# the suite's build directory has one of each compiler
cd "${BUILDDIR:?the build directory}/gcc/src" 2>/dev/null || cd "$BUILDDIR/src" || exit 1
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-circles.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT

# uses DIR: "FILE FILE" for each use among the object files below it
uses() {
	find "$1" -name '*.o' -exec nm -A {} + >"$T/nm" || return 1
	sed -nE 's/^([^:]*):[0-9a-f]+ [A-TV-Z] (.*)/\2 \1/p' "$T/nm" | LC_ALL=C sort >"$T/defined"
	sed -nE 's/^([^:]*): +U (.*)/\2 \1/p' "$T/nm" | LC_ALL=C sort >"$T/used"
	LC_ALL=C join -o 2.2,1.2 "$T/defined" "$T/used" | awk '$1 != $2' | sort -u
}
# tsort's complaints, empty where there is an order.
circles() { uses "$1" | tsort 2>&1 >"$T/order" | sed 's/^tsort: -: //'; }

# That a circle would be seen: three files, and a pair that is none.
mkdir "$T/round" && for f in "a b" "b c" "c a" "d a"; do
	set -- $f
	echo "void $2(void); void $1(void); void $1(void) { $2(); }" >"$T/$1.c"
	${CC:-cc} -c -o "$T/round/$1.o" "$T/$1.c"
done
claim "a circle of three files is seen" "$([ "$(circles "$T/round" | grep -c '/[abc]\.o$')" = 3 ] || circles "$T/round")"
claim "and who only uses one of it is not in it" "$(circles "$T/round" | grep '/d\.o$')"

claim "there are files to look at" "$([ "$(uses . | wc -l)" -gt 1000 ] || ls)"
claim "no file of src is in a circle" "$(circles .)"
finish
