# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the benches that show release 0.1.0, whose issuance log was JSON lines, beside this one. OLD=PATH names a ready
# build of it; else it is built here from its commit, where the history has that.
OLD_COMMIT=31e2835
top=$(cd "$(dirname "$0")/../.." && pwd)

# Sets $old to its ykenroll, and $old_message to its message.h; without it, $old is empty and why is printed.
old_program() {
	old= old_message=$T/old.message.h
	if ! git -C "$top" show "$OLD_COMMIT:src/signer/message.h" >"$old_message" 2>/dev/null; then
		echo "# the old program is skipped: no commit $OLD_COMMIT in the history here"
	elif [ -n "${OLD-}" ]; then
		old=$OLD
	elif mkdir "$T/old" && git -C "$top" archive "$OLD_COMMIT" | tar -x -C "$T/old" &&
		CC="${CC:-cc}" meson setup "$T/old.build" "$T/old" >"$T/old.log" 2>&1 && ninja -C "$T/old.build" src/ykenroll >>"$T/old.log" 2>&1; then
		old=$T/old.build/src/ykenroll
	else
		tail -5 "$T/old.log"
		echo "# the old program is skipped: it does not build here"
	fi
}

# no_more NEW OLD FACTOR SLACK TEXT: NEW is at most FACTOR times OLD, give or take SLACK; else it is said and $missed set
missed=
no_more() {
	awk "BEGIN { exit !($1 <= $3 * $2 + $4) }" && return 0
	echo "MISSED: $5: $1, more than $3 x $2"
	missed=1
}
