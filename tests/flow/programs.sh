#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is the CA key in a program that has nothing else in it, and is that program found? Needs ykenroll and ykvirt in PATH.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/programs.sh" --tokens 1 --firmware 5.7.1
make_ca >/dev/null 2>&1 || exit 1
ykenroll=$(command -v ykenroll) signer=$(command -v ykenroll-signer)
pass="file:$T/pass"

# ---- what it is linked with ----
libraries() { ldd "$1" | sed -n 's,^[[:space:]]*\([^ ]*\) .*,\1,p' | grep -vE '^(linux-vdso|/lib.*/ld-linux)'; }
path_of() { ldd "$signer" | sed -n "s,.*$1[^ ]* => \([^ ]*\) .*,\1,p"; }
allowed() {
	printf '%s\n' libc.so.6
	for lib in libcrypto libsqlite3 libp11-kit; do
		path=$(path_of "$lib\.so")
		[ -z "$path" ] || { basename "$path" && libraries "$path"; }
	done
}
sanitizers='^lib(asan|ubsan|m|gcc_s|dl|pthread|rt|resolv|stdc\+\+)\.so'
libraries "$signer" >"$T/linked"
allowed >"$T/allowed"
strange() { grep -vxF -f "$T/allowed" "$T/linked" | { [ -n "$(path_of libasan)$(path_of libubsan)" ] && grep -vE "$sanitizers" || cat; } | grep .; }
claim "ldd names what it is linked with" grep -q '^libcrypto' "$T/linked"
refuse "libc, libcrypto, sqlite3, p11-kit and what those need, nothing else" strange

# ---- what is in ykenroll ----
symbols() { nm "$1" 2>/dev/null | awk '{ print $NF }'; }
ca_side='^(ca_open|sign_tbs|issue_sign|init_run|import_ca|crl_issue|signer_serve|signer_make|sandbox_enter)$'
in_it() { symbols "$1" | grep -qE "$ca_side"; }
if symbols "$ykenroll" | grep -qx main; then
	claim "nm finds the CA's side in ykenroll-signer" in_it "$signer"
	refuse "and none of it in ykenroll" in_it "$ykenroll"
fi

# ---- who is who ----
claim "it tells its version" sh -c '[ "$(ykenroll-signer --version)" = "$(ykenroll --version | sed s/ykenroll/ykenroll-signer/)" ]'
claim "ykenroll signer is it" sh -c 'ykenroll signer --help | grep -q "^usage: ykenroll-signer"'
exits 2 '^ykenroll-signer: --sockets: .*ykenroll signer --help' "a wrong option" ykenroll signer --sockets=hunter2
refuse "whose value is not repeated" grep -q hunter2 "$T/err"
exits 2 'word 1 ' "a word" ykenroll signer hunter2
refuse "which is not repeated either" grep -q hunter2 "$T/err"
exits 2 '--ca-pass .*file:PATH' "a passphrase in its words" ykenroll signer --ca-pass hunter2
exits 11 '/issuing.key' "a wrong one" ykenroll-signer --ca-pass "file:$T/pin"
exits 10 '--ca-pass file:PATH' "none" ykenroll-signer --non-interactive
claim "the program runs from a link" sh -c "ln -s '$ykenroll' '$T/yk' && '$T/yk' ca crl --ca-pass '$pass'"

# ---- without it ----
mkdir "$T/alone"
cp "$ykenroll" "$T/alone/"
installed=$(strings "$ykenroll" | grep -E '^/.*/ykenroll-signer$')
if ! [ -x "$installed" ]; then
	exits 1 "ykenroll-signer .* $T/alone .* /.*/ykenroll-signer; " "its absence is told" "$T/alone/ykenroll" signer
	exits 1 "ykenroll-signer .* $T/alone " "by what starts one, too" "$T/alone/ykenroll" ca crl --ca-pass "$pass"
	exits 1 "ykenroll-signer .* $T/alone " "and by init" "$T/alone/ykenroll" init --home "$T/other" --name N --recovery-out "$T/other.key" \
		--ca-pass "$pass" --recovery-pass "$pass"
fi

# ---- what init hands over ----
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	strace -f -s 4096 -v -e trace=execve -o "$T/exec" ykenroll init --home "$T/third" --name N --recovery-out "$T/third.key" \
		--ca-pass "$pass" --recovery-pass "$pass" >/dev/null
	claim "init starts one" grep -q 'ykenroll-signer", \["ykenroll-signer", "--make"' "$T/exec"
	refuse "whose words and environment have no passphrase" grep -qF "$(cat "$T/pass")" "$T/exec"
fi
finish
