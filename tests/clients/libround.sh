# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the rounds of clients.sh. Inside a lab, with ROUND, FIRMWARE and an empty $D to work in.
#
# A cell of the matrix is one ability of a client. It passes if the command succeeds; if cannot.txt has it, then only if it
# fails, and in the way that is written there.
. "$HERE/../flow/lib.sh"

FACTORY_PIN=123456 FACTORY_PUK=12345678 FACTORY_KEY=010203040506070801020304050607080102030405060708
PIN=482913 PUK=48291377 KEY=112233445566778811223344556677881122334455667788
wrong_verify=0 wrong_change=0 wrong_reset_retry=0 # what the round sends on purpose

version_of() {
	case $1 in
	ykman*) ykman --version ;;
	yubico-piv-tool*) yubico-piv-tool --version ;;
	ykcs11*) readlink -f "$YKCS11" ;; # the module says 2.20 for 2.2.0
	opensc*) opensc-tool -i ;;
	p11tool*) p11tool --version ;;
	esac 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -1
}
as() { # as CLIENT: whose cells the next ones are
	CLIENT=$1 VERSION=$(version_of "$1") CLIENTS="$CLIENTS $1"
}
CLIENTS=
as "$ROUND"
fw() { [ "$(printf '%s\n' "$1" "$FIRMWARE" | sort -V | head -1)" = "$1" ]; } # fw X.Y.Z: that firmware or later

report() { # report VERDICT CELL TEXT
	echo "$1 - $CLIENT${VERSION:+ $VERSION}, $FIRMWARE: $2: $3"
	[ "$1" = ok ] || { sed 's/^/# /' "$D/cell.out" | tail -30; ykvirt inspect "$(state)" | jq -c . | sed 's/^/# /'; }
}

limitation() { # limitation CELL: its line of cannot.txt
	while IFS=';' read -r client version firmware cell error why; do
		[ "$client" = "$CLIENT" ] && [ "$cell" = "$1" ] || continue
		case $VERSION in $version) ;; *) continue ;; esac
		case $FIRMWARE in $firmware) ;; *) continue ;; esac
		echo "$error;$why"
		return
	done <"$HERE/cannot.txt"
}

entry() { echo "$CLIENT ${VERSION:-?} $FIRMWARE $1 $2" >>"$D/matrix"; } # entry CELL VERDICT
cell() { # cell NAME TEXT COMMAND…
	name=$1 text=$2
	shift 2
	limit=$(limitation "$name")
	"$@" >"$D/cell.out" 2>&1 </dev/null
	rc=$?
	if [ -z "$limit" ]; then
		[ $rc = 0 ] && verdict=ok || verdict='not ok'
		[ "$verdict" = ok ] && entry "$name" pass || entry "$name" FAIL
		report "$verdict" "$name" "$text"
	elif [ $rc != 0 ] && grep -Eq -- "${limit%%;*}" "$D/cell.out"; then
		entry "$name" cannot
		report ok "$name" "cannot: ${limit#*;}"
	elif [ $rc = 0 ]; then
		entry "$name" FAIL
		report 'not ok' "$name" "can, against cannot.txt: $text"
	else
		entry "$name" FAIL
		report 'not ok' "$name" "does not fail with: ${limit%%;*}"
	fi
}

run() { # run COMMAND…: a client, which may neither hang nor ask
	timeout -k 5 1800 "$@" </dev/null
	rc=$?
	[ $rc != 124 ] && [ $rc != 137 ] || echo "timed out: $*"
	return $rc
}
fails() { # fails ERE COMMAND…: the client must refuse, in these words
	want=$1
	shift
	if run "$@" >"$D/fails.out" 2>&1; then
		echo "succeeded: $*"
		return 1
	fi
	cat "$D/fails.out"
	grep -Eiq -- "$want" "$D/fails.out"
}
says() { # says ERE COMMAND…: the client must succeed, with a line like this
	want=$1
	shift
	run "$@" >"$D/says.out" 2>&1 || { cat "$D/says.out"; return 1; }
	cat "$D/says.out"
	grep -Eq -- "$want" "$D/says.out" || { echo "no line like: $want"; return 1; }
}
wrong() { eval "wrong_$1=\$((wrong_$1 + ${2:-1}))"; } # wrong verify|change|reset_retry [TIMES]
holds() { # holds JQ-FILTER…: the key itself must say so
	! ykvirt inspect "$(state)" | jq -e "true$(printf ' and (%s)' "$@")" >/dev/null 2>&1 || return 0
	for filter in "$@"; do
		ykvirt inspect "$(state)" | jq -e "$filter" >/dev/null || { echo "the key does not hold: $filter"; return 1; }
	done
}
prepare() { # prepare COMMAND…: bring the key where the client could not
	"$@" >"$D/cell.out" 2>&1 </dev/null || report 'not ok' prepare "$*"
}

# ---- what openssl says ----
spki() { # spki FILE: digest of the public key in a certificate, request or public key, PEM or DER
	{ openssl x509 -in "$1" -pubkey -noout || openssl req -in "$1" -pubkey -noout || cat "$1"; } 2>/dev/null |
		openssl pkey -pubin -outform DER | sha256sum
}
same_key() {
	[ -s "$1" ] && [ -s "$2" ] && [ "$(spki "$1")" = "$(spki "$2")" ] || { echo "not the same key: $1 $2"; return 1; }
}
subject_is() { # subject_is FILE CN
	[ "$(openssl x509 -in "$1" -noout -subject -nameopt RFC2253)" = "subject=CN=$2" ]
}
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
has_bytes() { # has_bytes FILE HEX TEXT
	case $(hex "$1") in *"$2"*) ;; *) echo "no $3 in $1"; return 1 ;; esac
}

# attested SLOT PIN-POLICY ATTESTATION F9 PUBLIC-KEY: to the root, about this key, slot, firmware, serial and policy
attested() {
	openssl x509 -in "$YKVIRT_ROOT" -out "$D/root.pem" || return 1 # the first of the file, intermediates follow it
	cat "$4" >"$D/chain.pem"
	fw 5.7.4 && cat "$(dirname "$YKVIRT_ROOT")"/TEST_*.pem >>"$D/chain.pem"
	openssl verify -CAfile "$D/root.pem" -untrusted "$D/chain.pem" "$3" || return 1
	subject_is "$3" "YubiKey PIV Attestation $1" || { echo "not about slot $1"; return 1; }
	same_key "$3" "$5" || return 1
	openssl x509 -in "$3" -outform DER -out "$D/att.der"
	arc=060a2b0601040182c40a03
	has_bytes "$D/att.der" "${arc}030403$(printf '%02x%02x%02x' $(echo "$FIRMWARE" | tr . ' '))" firmware &&
		if fw 5.0.0; then
			has_bytes "$D/att.der" "${arc}070406$(printf '0204%08x' "$(card .serial)")" 'serial number'
		else
			! has_bytes "$D/att.der" "${arc}07" 'serial number' # not in firmware 4
		fi &&
		has_bytes "$D/att.der" "${arc}080402$2" policies
}

make_test_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj "/CN=Test CA" \
		-days 30 && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.csr \
		-subj "/CN=Alice" && openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out import.key -quiet ||
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out import.key
	openssl pkey -in import.key -pubout -out import.pub && printf 'signed by the key\n' >m &&
		openssl dgst -sha256 -binary -out m.sha256 m
}
issue() { # issue PUBLIC-KEY CERTIFICATE
	openssl x509 -req -in other.csr -CA ca.pem -CAkey ca.key -force_pubkey "$1" -set_serial "0x$(openssl rand -hex 8)" \
		-days 3 -out "$2" && same_key "$1" "$2"
}
request_is_good() { # request_is_good CSR PUBLIC-KEY
	openssl req -in "$1" -verify -noout 2>&1 | grep -q 'OK$' && same_key "$1" "$2"
}
signature_is_good() { # signature_is_good SIGNATURE PUBLIC-KEY OPTIONS…
	sig=$1 pub=$2
	shift 2
	openssl dgst -sha256 -verify "$pub" -signature "$sig" "$@" m
}
colons() { echo "$1" | sed 's/../&:/g; s/:$//'; }

# The last checks of each round.
no_stranger() { # every line of cannot.txt for these clients is about a cell of the round
	for who in $CLIENTS; do
		v=$(version_of "$who")
		while IFS=';' read -r client version firmware cell rest; do
			[ "$client" = "$who" ] || continue
			case $v in $version) ;; *) continue ;; esac
			case $FIRMWARE in $firmware) ;; *) continue ;; esac
			grep -qF -- "$who $v $FIRMWARE $cell " "$D/matrix" ||
				{ echo "cannot.txt has a cell that is not tried: $who $cell"; return 1; }
		done <"$HERE/cannot.txt"
	done
}
counters() {
	echo "sent wrongly: verify $wrong_verify, change $wrong_change, reset_retry $wrong_reset_retry"
	holds ".refused == {verify: $wrong_verify, change: $wrong_change, reset_retry: $wrong_reset_retry}"
}
is_reset() {
	holds '.slots | keys == ["f9"]' '.objects | keys == ["5fff01"]' '.pin == {tries: 3, left: 3, factory: true}' \
		'.puk == {tries: 3, left: 3, factory: true}'
}
last() { # last NAME TEXT COMMAND: a check that is no ability of the client
	if "$3" >"$D/cell.out" 2>&1; then report ok "$1" "$2"; else report 'not ok' "$1" "$2"; fi
}
end_round() {
	as "$ROUND"
	last counters "the key refused exactly the values that were wrong" counters
	last table "cannot.txt has no cell that is not tried" no_stranger
	echo end
}
