#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs what the tests need (root or sudo), builds, runs every test, and closes with "N passed, N failed".
#
#   sh tests/run.sh                 all that CI runs; what is many of a kind is thinned
#   FULL=1 sh tests/run.sh          every point of every fault test, every client: hours
#   sh tests/matrix.sh GROUP        clients, servers, states or browser: the whole matrix of foreign programs
#   TESTDATA=DIR sh tests/run.sh    also what needs attestations and transcripts of real keys (default: beside
#                                   the checkout, where it exists)
#   BUILDDIR=DIR                    where to build (default: a temporary directory, kept where a test failed)
set -u
umask 022
cd "$(dirname "$0")/.." || exit 1
top=$(pwd)

. tests/packages.sh
install_packages $BUILD_PACKAGES $TEST_PACKAGES || exit 1

TESTDATA=${TESTDATA-$(cd .. && [ -d shared/attestation ] && echo "$(pwd)/shared")}
[ -n "${BUILDDIR-}" ] && made= || made=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-tests.XXXXXX")
BUILDDIR=${BUILDDIR:-$made}
export TESTDATA BUILDDIR
sh "$top/tests/all.sh"
rc=$?
# what failed is worth a look; what passed is not
if [ -n "$made" ] && [ $rc = 0 ]; then
	rm -rf "$made"
fi
exit $rc
