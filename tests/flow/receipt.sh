#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a receipt prove what it says, to ykenroll and to openssl, with nothing else; and is one that was changed, or put
# together from two, refused?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/receipt.sh" --tokens 2 --firmware 5.7.1
make_ca >"$T/init.log" 2>&1
db=$T/home/registry.db
set -- $(ykenroll token list --json | jq -r '.tokens[].serial // .tokens[].token' | sort -n)
A=$1 B=$2
enroll "Alice Adams" alice@example.org -d "$A" >"$T/log" 2>&1
enroll "Bob Brown" bob@example.org -d "$B" >"$T/log" 2>&1
claim "a receipt of a holder's token" ykenroll receipt alice@example.org --out "$T/a.p7"
claim "and by the token's serial" ykenroll receipt "$B" --out "$T/b.p7"
verify() { ykenroll receipt verify "$1" --rehearsal "$YKVIRT_ROOT"; }
claim "it verifies" verify "$T/a.p7"
(cd / && HOME=/nonexistent YKENROLL_HOME=/nonexistent ykenroll receipt verify "$T/a.p7" --rehearsal "$YKVIRT_ROOT" --json >"$T/v") 2>"$T/log"
claim "without home, CA or registry" jq -e ".token == $A and .holder == \"Alice Adams\" and .rehearsal" "$T/v"
claim "it names the row of the chain" [ "$(sqlite3 "$db" "SELECT lower(hex(hash)) FROM audit WHERE seq=$(jq .audit.row "$T/v")")" = "$(jq -r .audit.hash "$T/v")" ]
claim "which says who finished the work" [ "$(sqlite3 "$db" "SELECT action || ' ' || actor FROM audit WHERE seq=$(jq .audit.row "$T/v")")" = "finish $(jq -r .operator "$T/v")" ]
claim "the receipt key is in the chain" [ "$(sqlite3 "$db" "SELECT count(*) FROM audit WHERE action='receipt-key' AND detail LIKE '%$(jq -r .signer_sha256 "$T/v")'")" = 1 ]
claim "it is not the CA's" not cmp -s "$T/home/receipt.crt" "$T/home/pub/issuing.crt"
exits 8 '' "a rehearsal's attestation is not Yubico's" ykenroll receipt verify "$T/a.p7"
claim "with the right root" ykenroll receipt verify "$T/a.p7" --rehearsal "$YKVIRT_ROOT" --root "$T/home/pub/root.crt"
exits 13 '--root' "not with another" ykenroll receipt verify "$T/a.p7" --rehearsal "$YKVIRT_ROOT" --root "$T/home/receipt.crt"

# ---- openssl alone ----
claim "openssl verifies the signature" openssl cms -verify -inform DER -in "$T/a.p7" -CAfile "$T/home/receipt.crt" -purpose any -out "$T/a.json"
part() { jq -r ".$2" "$T/$1.json"; }
for p in certificate request attestation f9 issuing root; do part a $p >"$T/$p.pem"; done
claim "the request's own signature is right" openssl req -in "$T/request.pem" -verify -noout
pub() { openssl "$1" -in "$2" -noout -pubkey; }
claim "request, attestation and certificate have one key" [ "$(pub req "$T/request.pem")" = "$(pub x509 "$T/certificate.pem")" -a \
	"$(pub x509 "$T/attestation.pem")" = "$(pub x509 "$T/certificate.pem")" ]
claim "openssl verifies the certificate's chain" openssl verify -x509_strict -CAfile "$T/root.pem" -untrusted "$T/issuing.pem" "$T/certificate.pem"
claim "it is the one on the token" [ "$(ykman -d "$A" piv certificates export 9a - | openssl x509 -outform DER | sha256sum)" = "$(openssl x509 -in "$T/certificate.pem" -outform DER | sha256sum)" ]

# ---- changed ----
flips=0 accepted=0 size=$(stat -c %s "$T/a.p7")
python3 - "$T/a.p7" "$T/flip" 40 <<'PY'
import random, sys
data = open(sys.argv[1], "rb").read(); random.seed(6)
for i in range(int(sys.argv[3])):
    b = bytearray(data); b[random.randrange(len(b))] ^= 1 << random.randrange(8)
    open("%s.%d" % (sys.argv[2], i), "wb").write(b)
PY
for f in "$T"/flip.*; do
	flips=$((flips + 1))
	if verify "$f" >"$T/log" 2>&1; then
		ykenroll receipt verify "$f" --rehearsal "$YKVIRT_ROOT" --json 2>"$T/log" | jq -S 'del(.signer_sha256)' >"$T/v2"
		jq -S 'del(.signer_sha256)' "$T/v" | cmp -s - "$T/v2" || accepted=$((accepted + 1))
	fi
done
claim "$flips flipped bits of $size bytes: none makes it say something else" [ $accepted = 0 ]
# resigned with the receipt key by somebody who has the home
sign() { openssl cms -sign -binary -nodetach -in "$1" -signer "$T/home/receipt.crt" -inkey "$T/home/receipt.key" -outform DER -out "$2"; }
openssl cms -verify -inform DER -in "$T/b.p7" -CAfile "$T/home/receipt.crt" -purpose any -out "$T/b.json" 2>"$T/log"
mix() { # mix CODE TEXT JQ: made anew with a part of Bob's receipt
	jq --slurpfile b "$T/b.json" "$3" "$T/a.json" >"$T/mixed.json" && sign "$T/mixed.json" "$T/mixed.p7" || exit 1
	exits "$1" '' "$2" ykenroll receipt verify "$T/mixed.p7" --rehearsal "$YKVIRT_ROOT"
}
mix 13 "another's certificate in it" '.certificate = $b[0].certificate'
mix 13 "another's request" '.request = $b[0].request'
mix 13 "another's attestation" '.attestation = $b[0].attestation | .f9 = $b[0].f9'
mix 13 "another token's number" '.token = $b[0].token'
mix 8 "no attestation" 'del(.attestation)'
mix 13 "another CA" '.root = .f9'
mix 12 "no certificate" 'del(.certificate)'
mix 12 "another type" '.type = "x"'
exits 12 '' "what is no receipt" ykenroll receipt verify "$T/home/pub/root.crt"
exits 2 '/none ' "no file" ykenroll receipt verify "$T/none"
exits 9 '/a.p7 ' "a receipt does not replace a file" ykenroll receipt "$A" --out "$T/a.p7"
exits 2 ' nobody$' "of nobody" ykenroll receipt nobody --out "$T/x"
ykenroll revoke bob@example.org --reason superseded --ca-pass "file:$T/pass" >"$T/log" 2>&1
exits 2 ' 10000002 ' "of a token without an active certificate" ykenroll receipt "$B" --out "$T/x"
cp "$T/home/recovery.crt" "$T/home/receipt.crt"
exits 2 '/receipt.crt ' "a receipt.crt that was exchanged is refused" ykenroll receipt "$A" --out "$T/x"
finish
