#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is each file of src/relying/text compiled in and asked for, does each value that it names exist, and does each of its
# sections close? What the programs say that read the filled ones is asked in tests/servers.
set -u
cd "$(dirname "$0")/../../src/relying" || exit 1
. ../../tests/unit/lib.sh
words_of() { # words_of FILE.c: what it gives values to
	grep -oE '(^|put(_[a-z]+)?\(f, |\{)"[A-Z][A-Z0-9]*"' "$1" | grep -oE '[A-Z][A-Z0-9]*' | sort -u
}
used_in() { # used_in TEMPLATE
	{ grep -oE '@[A-Z0-9]+@' "$1" | tr -d @; sed -n 's/^#if //p' "$1"; } | sort -u
}
missing() { # missing TEMPLATE FILE.c
	words_of "$2" >"$T/words"
	used_in "$1" | grep -vxF -f "$T/words"
}
sections() { # sections TEMPLATE: what is wrong with them
	awk '
	/^#if [A-Z0-9]+$/ { depth++; other[depth] = 0; next }
	/^#else$/ { if (depth == 0 || other[depth]++) print FNR ": #else without #if"; next }
	/^#end$/ { if (depth == 0) print FNR ": #end without #if"; else depth--; next }
	/^[ \t]*#[ \t]*(if|else|end)[ \t]*[A-Z0-9]*$/ { print FNR ": nearly a section: " $0 }
	END { if (depth > 0) print "a section does not close" }' "$1"
}
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT

claim "there are templates" "$([ "$(ls text | wc -l)" -ge 12 ] || ls text)"
for f in text/*; do
	name=${f#text/} from=server.c
	case $name in *.sh) from=client.c ;; esac
	claim "$name is compiled in" "$(grep -qF "'relying/$f'" ../meson.build || echo "src/meson.build lacks it")"
	if [ $from = client.c ]; then
		claim "$name is a client's" "$(sed -n 's/^#define CLIENTS "\(.*\)"/\1/p' client.c | tr -d ' ' | tr , '\n' |
			grep -qx "${name%.sh}" || echo "client.c does not name it")"
		claim "$name is a script" "$(sh -n "$f" 2>&1)"
	else
		claim "$name is a server's" "$(grep -qF "\"$name\"" server.c || echo "server.c does not name it")"
	fi
	claim "$name: each value exists" "$(missing "$f" $from)"
	claim "$name: each section closes" "$(sections "$f")"
	claim "$name ends with a newline" "$(tail -c1 "$f" | tr -d '\n')"
done
for c in $(sed -n 's/^#define CLIENTS "\(.*\)"/\1/p' client.c | tr -d ,) ; do
	claim "$c has a template" "$([ -f "text/$c.sh" ] || echo "text/$c.sh is not there")"
done
for s in $(sed -n 's/^    {"[a-z]*", "\([A-Za-z.]*\)",.*/\1/p' server.c); do
	claim "$s is a template" "$([ -f "text/$s" ] || echo "text/$s is not there")"
done
finish
