#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The whole matrix of one group of foreign programs, of which run.sh takes one cell. Installs what it needs (root or
# sudo), builds, and closes with "N passed, N failed".
#
#   sh tests/matrix.sh clients    every client of cards on every firmware
#   sh tests/matrix.sh servers    every web server in every state, with every probe
#   sh tests/matrix.sh states     what verify-server says of servers of many kinds, and who really gets in
#   sh tests/matrix.sh browser    a browser with a token, and what it prints
#   BUILDDIR=DIR                  a build that is there (default: a temporary one)
set -u
umask 022
cd "$(dirname "$0")/.." || exit 1
top=$(pwd)
case ${1-} in
clients) tests="clients/clients clients/enrolled" ;;
servers) tests="servers/matrix servers/headers servers/verify servers/single servers/clients servers/weekend servers/neighbours" ;;
states) tests=servers/states ;;
browser) tests="servers/browser servers/print" ;;
*) echo "usage: sh tests/matrix.sh clients|servers|states|browser" >&2; exit 2 ;;
esac

. tests/packages.sh
[ "$1" = states ] || STATES_PACKAGES=
install_packages $BUILD_PACKAGES $TEST_PACKAGES $STATES_PACKAGES || exit 1

T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-matrix.XXXXXX") || exit 1
build=${BUILDDIR:-$T/build}
if [ ! -x "$build/src/ykenroll" ]; then
	{ meson setup -Dwerror=true -Dtests=enabled "$build" "$top" && ninja -C "$build"; } >"$T/build.log" 2>&1 ||
		{ tail -40 "$T/build.log"; exit 1; }
fi
PATH=$build/src:$build/src/virtual:$PATH
YKVIRT=$build/src/virtual/ykvirt BUILDDIR=$build TESTDATA=${TESTDATA-}
export PATH YKVIRT BUILDDIR TESTDATA
unset QUICK

failed=0 passed=0
for t in $tests; do
	log=$T/$(echo "$t" | tr / -).log
	sh "$top/tests/$t.sh" >"$log" 2>&1 </dev/null
	rc=$?
	ok=$(grep -c '^ok ' "$log") bad=$(grep -c '^not ok ' "$log")
	if [ $rc = 77 ]; then
		echo "$t: skipped: $(tail -1 "$log")"
		continue
	fi
	# a test that ends without a word has failed
	[ $rc = 0 ] && [ "$ok" -gt 0 ] || [ "$bad" -gt 0 ] || bad=1
	passed=$((passed + ok)) failed=$((failed + bad))
	echo "$t: $ok passed, $bad failed"
	grep '^#' "$log"
	grep -A12 '^not ok ' "$log" | sed 's/^/    | /'
	[ "$bad" = 0 ] || tail -20 "$log" | sed 's/^/    | /'
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
rc=$?
[ $rc != 0 ] || rm -rf "$T"
exit $rc
