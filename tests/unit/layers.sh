#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does every room include only what lies below it, and does each foreign header stay in its room?
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/unit/lib.sh

# room: what it may include of the others
while read -r room allowed; do
	[ -d "src/$room" ] || continue
	pattern=$(echo "$room $allowed" | tr ' ' '|')
	claim "$room includes only itself and: $allowed" "$(grep -nE '^#include "' $(find "src/$room" -name "*.[ch]") |
		grep -vE "\"(ykenroll|$pattern)/" | grep -vE '"ykenroll/')"
	contracts=$(echo "err blob secret $room $allowed" | tr ' ' '|')
	claim "$room sees only contracts of rooms below it" "$(grep -nE '^#include "ykenroll/' $(find "src/$room" -name "*.[ch]") |
		grep -vE "\"ykenroll/($contracts)(_[a-z]+)?\.h\"")"
done <<TABLE
base
db base
term base
letter base
key base
x509 key base
device key x509 base
signer db key x509 base
signer_main signer term key x509 base
registry db key x509 base
desk device signer registry key x509 base
workflow desk device signer registry key x509 base
relying desk device signer registry key x509 base
cli workflow relying desk device signer registry term key x509 base
TABLE

only() { # only HEADER-PATTERN ROOM-PATTERN
	claim "<$1> is included only in $2" "$(grep -lE "#include <($1)" $(find src -name "*.[ch]") include/ykenroll/*.h 2>/dev/null |
		grep -vE "^src/($2)/")"
}
only 'winscard|PCSC|ykpiv' 'device|virtual'
only 'sqlite3|libpq' 'db'
only 'p11-kit' 'key'
only 'popt' 'cli|desk|virtual'
only 'hpdf' 'letter'
claim "no OpenSSL, PC/SC or SQLite type in a contract" \
	"$(grep -nE 'X509 \*|EVP_PKEY|SCARDHANDLE|sqlite3|X509_[A-Z]+ \*' include/ykenroll/*.h | grep -vE '^\S+:[0-9]+: \*|/\*')"
claim "the virtual key shares no code with the device layer" \
	"$(grep -nE '^#include "' src/virtual/*.[ch] | grep -vE '"(virtual/)?[a-z_]+\.h"')"
claim "nothing but cli, term, the signer's main and virtual prints" \
	"$(grep -nE '\b(printf|fprintf|puts|perror|fputs)\(' src/base/*.c src/key/*.c src/x509/*.c src/device/*.c src/signer/*.c src/registry/*.c src/db/*.c src/desk/*.c src/relying/*.c $(find src/workflow -name "*.c"))"
# workflow and relying do not see each other (above): what joins them is one pointer, which cli fills.
claim "one call leads from workflow to relying" "$(grep -rnE '\b(relying|server|ocspd)_[a-z_]+\(' src/workflow src/desk
	grep -rn 'tell_servers = ' src | grep -v '^src/cli/opt.c:')"
# The CA's side of signer: only in the library that only ykenroll-signer is linked with.
ca_side=$(sed -n '/^ca_lib = /,/^)/s,.*\(signer/[a-z_0-9]*\)\.c.*,\1,p' src/meson.build)
claim "what uses the CA key is a library of its own" "$(for f in peer ca crl import init issue sign serve; do
	echo "$ca_side" | grep -qx "signer/$f" || echo "signer/$f is not in ca_lib"
done)"
claim "which only ykenroll-signer is linked with" "$(awk '/^executable\(/ { getline; name = $1 } /^core_dep/ { name = "core_dep" } /^ca_dep/ { name = "" }
	/ca_lib|ca_dep/ && name != "" && name !~ /ykenroll-signer/ { print name ": " $0 }' src/meson.build)"
claim "and whose contract nobody else includes" "$(grep -ln 'ykenroll/signer_serve.h' src/*/*.[ch] | grep -vE '^src/(signer|signer_main)/')"
finish
