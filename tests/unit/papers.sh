#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is every file that the papers, the contracts and the comments name in the repository?
set -u
cd "$(dirname "$0")/../.." || exit 1
n=0 bad=0
claim() { # claim TEXT OFFENDERS
	n=$((n + 1))
	[ -z "$2" ] && { echo "ok $n - $1"; return; }
	bad=1
	echo "not ok $n - $1"
	echo "$2" | sed 's/^/# /'
}

# What stands for a name, or is built, is not there.
named_not='src/cli/cmd_NAME|src/virtual/ykvirt'
# named FILE…: "FILE names PATH", for each word in it that is a path of ours
named() {
	grep -noHE '\b(src|include|tests|doc|udev)/[A-Za-z0-9_./-]*[A-Za-z0-9_/]' "$@" | while IFS=: read -r file line path; do
		[ -e "$path" ] || echo "$path" | grep -qE "^($named_not)" || ls "$path".* >/dev/null 2>&1 || echo "$file:$line names $path"
	done
}
claim "what README and doc/ name is there" "$(named README.md doc/*.md)"
claim "what contracts and comments name is there" "$(named $(git ls-files 'include/*.h' 'src/*.[ch]' | grep -v '\.pem$'))"
for room in src/*/; do
	claim "doc/architecture.md has $room" "$(grep -q "^| \`$(basename "$room")\`\|ykenroll-$(basename "$room" _main)\`" doc/architecture.md || echo "$room")"
done
echo "1..$n"
exit $bad
