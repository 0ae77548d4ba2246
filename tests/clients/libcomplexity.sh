# SPDX-License-Identifier: BSD-2-Clause
# A short round on a key with PIN complexity: what clients say when it refuses a PIN, which costs no try.

untouched() { holds '.pin == {tries: 3, left: 3, factory: true}' '.puk == {tries: 3, left: 3, factory: true}'; }
refused() { fails "$@" && untouched; } # refused ERE COMMAND…
changed() { run "$@" && holds '.pin.factory == false' '.pin.left == 3'; } # changed COMMAND…

info() { says "PIN tries remaining: +3/3\$" ykman piv info && says "Firmware version: +$FIRMWARE\$" ykman info; }
complexity() { says 'PIN complexity is enforced' ykman info; }
status() { says '^PIN tries left:[[:space:]]*3$' yubico-piv-tool -a status; }
p11_list() { says 'token flags .*PIN initialized' pkcs11-tool --module "$1" -L; } # p11_list MODULE
pins() { says 'Unused|PIN \[PIN\]' pkcs15-tool --list-pins; }
old=$FACTORY_PIN
change() { # change NEW COMMAND…, with OLD and NEW in it
	new=$1
	shift
	changed "$@" && old=$new
}

round() {
	as ykman-complexity
	cell info "info and piv info" info
	cell complexity "info says that PIN complexity is enforced" complexity
	cell simple-pin "111111 is refused, in words" refused 'complexity|not allowed|requirement' ykman piv access change-pin -P $old -n 111111
	cell simple-puk "11111111 is refused, in words" refused 'complexity|not allowed|requirement' \
		ykman piv access change-puk -p $FACTORY_PUK -n 11111111
	as yubico-piv-tool-complexity
	cell info "status" status
	cell simple-pin "111111 is refused" refused 'Failed changing' yubico-piv-tool -a change-pin -P $old -N 111111
	cell simple-puk "11111111 is refused" refused 'Failed changing' yubico-piv-tool -a change-puk -P $FACTORY_PUK -N 11111111
	as ykcs11-complexity
	cell list "a token" p11_list "$YKCS11"
	cell simple-pin "111111 is refused" refused 'C_SetPIN failed' pkcs11-tool --module "$YKCS11" -c --pin $old --new-pin 111111
	as opensc-tool-complexity
	cell list "the PINs" pins
	cell simple-pin "111111 is refused" refused 'PIN code change failed' pkcs15-tool --change-pin --pin $old --new-pin 111111
	as opensc-pkcs11-complexity
	cell list "a token" p11_list "$OPENSC"
	cell simple-pin "111111 is refused" refused 'C_SetPIN failed' pkcs11-tool --module "$OPENSC" -c --pin $old --new-pin 111111
	cell pin "another is not" change 482913 pkcs11-tool --module "$OPENSC" -c --pin $old --new-pin 482913
	as opensc-tool-complexity
	cell pin "another is not" change 482914 pkcs15-tool --change-pin --pin $old --new-pin 482914
	as ykcs11-complexity
	cell pin "another is not" change 482915 pkcs11-tool --module "$YKCS11" -c --pin $old --new-pin 482915
	as yubico-piv-tool-complexity
	cell pin "another is not" change 482916 yubico-piv-tool -a change-pin -P $old -N 482916
	as ykman-complexity
	cell pin "another is not" change 482917 ykman piv access change-pin -P $old -n 482917
}
