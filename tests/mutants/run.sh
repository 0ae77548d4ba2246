#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Would the tests notice? Plants the defects of the tables beside this file, one after the other, into a private copy of the
# tree, and runs the test that must fail. Closes with "N planted, N caught, N survived".
#
#   sh tests/mutants/run.sh                 all
#   sh tests/mutants/run.sh signer cli/3    those of a table, or one of them
#   SAMPLE=10 sh tests/mutants/run.sh       as many, others with each change of src; only those that a unit test catches
#   BASE=DIR                                a build directory of this very tree, to begin from a copy of it
set -u
cd "$(dirname "$0")/../.." || exit 1
T=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-mutants.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
TMPDIR=$T python3 tests/mutants/mutants.py run "$@"
