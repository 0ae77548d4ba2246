#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does each planted defect of tests/mutants/ fit in one place still, and is the test there that must catch it?
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/unit/lib.sh
claim "each planted defect fits, and names a test" "$(python3 tests/mutants/mutants.py check 2>&1)"
finish
