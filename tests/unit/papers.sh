#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is every file that the papers, the contracts and the comments name in the repository?
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/unit/lib.sh

T=$(mktemp) || exit 1
trap 'rm -f "$T"' EXIT
# What stands for a name, or is built, is not there.
named_not='src/cli/cmd_NAME|src/virtual/ykvirt'
# named FILE…: "FILE names PATH", for each word in it that is a path of ours
named() {
	grep -noHE '\b(src|include|tests|doc|udev)/[A-Za-z0-9_./-]*[A-Za-z0-9_/]' "$@" | while IFS=: read -r file line path; do
		[ -e "$path" ] || echo "$path" | grep -qE "^($named_not)" || ls "$path".* >/dev/null 2>&1 || echo "$file:$line names $path"
	done
}
claim "planted: a path that is not there is found" "$(printf 'src/db/db.h src/db/none.c\n' >"$T" &&
	[ "$(named "$T" | sed 's/.* //')" = src/db/none.c ] || named "$T")"
claim "what README and doc/ name is there" "$(named README.md doc/*.md)"
claim "what contracts and comments name is there" "$(named $(git ls-files 'include/*.h' 'src/*.[ch]' | grep -v '\.pem$'))"
claim "doc/formats.md has every finding of doctor" "$(grep -ohE '(LEVEL_(BAD|WARN|NOTE), |= \{)(LEVEL_BAD, )?"[a-z]+-[a-z-]+"' \
	src/workflow/look/doctor*.c | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u | while read -r id; do
	grep -q "\`$id\`" doc/formats.md || echo "$id"
done)"
for room in src/*/; do
	claim "doc/architecture.md has $room" "$(grep -q "^| \`$(basename "$room")\`\|ykenroll-$(basename "$room" _main)\`" doc/architecture.md || echo "$room")"
done
finish
