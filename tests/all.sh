#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds and runs everything; called by run.sh, which has installed what it takes. Needs BUILDDIR; TESTDATA may be empty.
set -u
cd "$(dirname "$0")/.." || exit 1
top=$(pwd)
# It is Debian's programs that the tests ask, and start a thousand times: pyenv's python3, say, is a script that takes as long
# as five of them.
PATH=/usr/bin:$PATH
passed=0 failed=0 skipped=0
mkdir -p "$BUILDDIR" && BUILDDIR=$(cd "$BUILDDIR" && pwd) || exit 1
BUDGET=15 # minutes of processor time that all of it may take; doc/contributing.md says what one test may
LIMIT=${LIMIT:-1800} # seconds for one test program: what takes as long hangs
# What is many of a kind is thinned: QUICK=N, of which each test says what it leaves out. FULL=1: all of everything.
few='env QUICK=3' fewer='env QUICK=8'
[ -z "${FULL-}" ] || few= fewer=

# What failed, wherever in the log it stands, and how the log ends.
show() {
	grep -A12 '^not ok ' "$1" | head -120 | sed 's/^/    | /'
	echo "    the end of it:"
	grep -v 'Cannot export local symbol' "$1" | tail -40 | sed 's/^/    | /' # gold, of the sanitizers' own, a hundred times
}

# used NAME: into the variable of that name, the processor time of all that has run so far, in seconds. A subshell would
# not do: it counts its own children.
used() {
	times >"$BUILDDIR/times"
	eval "$1=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, "m"); s += 60 * t[1] + t[2] } print int(s) }' "$BUILDDIR/times")"
}

# tap NAME COMMAND…: run one test program and count its TAP lines. Exit status 77: skipped. No line at all: failed.
tap() {
	name=$1
	shift
	log=$BUILDDIR/$(echo "$name" | tr '/ ' '--').log
	start=$(date +%s)
	used before
	timeout -k 10 "$LIMIT" "$@" >"$log" 2>&1 </dev/null
	rc=$?
	ok=$(grep -E '^ok ' "$log" | grep -vc '# SKIP')
	bad=$(grep -c '^not ok ' "$log")
	skip=$(grep -c '^ok .*# SKIP' "$log")
	ok=$((ok)) bad=$((bad)) skip=$((skip)) # a log that is not there counts as nothing, which fails below
	if [ $rc = 77 ]; then
		skip=$((skip + 1)) rc=0
	elif [ $rc != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	elif [ "$ok" = 0 ] && [ "$bad" = 0 ] && [ "$skip" = 0 ]; then
		bad=1
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	used after
	printf '%-44s %4d passed %3d failed %3d skipped  %4ds, processor %4ds\n' "$name" "$ok" "$bad" "$skip" \
		$(($(date +%s) - start)) $((after - before))
	[ "$bad" = 0 ] || show "$log"
}

# check NAME COMMAND…: a command that must succeed counts as one test.
check() {
	name=$1
	shift
	log=$BUILDDIR/$(echo "$name" | tr '/ ' '--').log
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1))
		echo "$name: ok"
		return 0
	fi
	failed=$((failed + 1))
	echo "$name: FAILED"
	show "$log"
	return 1
}

finish() {
	used all
	echo "processor time: $((all / 60)) minutes $((all % 60)) seconds of $BUDGET minutes"
	[ -n "${FULL-}" ] || [ $all -le $((60 * BUDGET)) ] || echo "that is $((all - 60 * BUDGET)) seconds too many"
	if [ "$skipped" -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
	exit
}

# The system's own linker takes half a second for each of 65 programs, these two a fifth of that.
for ld in lld gold; do
	command -v ld.$ld >/dev/null && export CC_LD=$ld && break
done

build() { # build NAME CC OPTIONS…
	dir=$BUILDDIR/$1 cc=$2
	shift 2
	rm -rf "$dir"
	CC=$cc meson setup "$@" -Dwerror=true -Dtests=enabled -Dtestdata="$TESTDATA" "$dir" "$top" && ninja -C "$dir"
}

check "build with gcc, no warning" build gcc gcc -Dbuildtype=debugoptimized -Ddebug=false || finish
check "build with clang and sanitizers, no warning" \
	build clang clang -Dbuildtype=debug -Db_sanitize=address,undefined -Db_lundef=false || finish

CMOCKA_MESSAGE_OUTPUT=TAP
ASAN_OPTIONS=detect_stack_use_after_return=1
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export CMOCKA_MESSAGE_OUTPUT ASAN_OPTIONS UBSAN_OPTIONS

for t in "$top"/tests/unit/*.sh; do
	case $(basename "$t") in lib*) continue ;; esac
	tap "unit/$(basename "$t" .sh)" sh "$t"
done
for b in gcc clang; do
	for t in "$BUILDDIR/$b"/tests/unit/test_* "$BUILDDIR/$b"/tests/faults/test_*; do
		[ -f "$t" ] && [ -x "$t" ] || continue
		# the sanitizers judge each path once: they need not see it at every point
		case $b/$(basename "$t") in
		gcc/test_issue_many) how=$few ;;
		gcc/test_removal) how=$fewer ;;
		gcc/*) how= ;;
		*) how=$fewer ;;
		esac
		tap "$(basename "$(dirname "$t")")/$(basename "$t") ($b)" $how "$t"
	done
done

# would they notice? Six defects, others with each change of src; tests/mutants/run.sh has them all
tap mutants/sample env BASE="$BUILDDIR/gcc" SAMPLE=6 sh "$top/tests/mutants/run.sh"

PATH=$BUILDDIR/gcc/src:$BUILDDIR/gcc/src/virtual:$PATH
YKVIRT=$BUILDDIR/gcc/src/virtual/ykvirt
export PATH YKVIRT
for t in "$top"/tests/flow/*.sh "$top"/tests/clients/*.sh "$top"/tests/servers/*.sh "$top"/tests/faults/*.sh; do
	[ -f "$t" ] || continue
	case $(basename "$t") in lib*) continue ;; esac
	tap "$(basename "$(dirname "$t")")/$(basename "$t" .sh)" $few sh "$t"
done
finish
