#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does the CA certify keys that are in no token for whom it should, as their profile says, and nobody else's?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/issue.sh" --tokens 2 --firmware 5.7.1

make_ca >"$T/init.log" 2>&1
pub=$T/home/pub
conf=$T/home/ykenroll.conf
ca() { verb=$1; shift; ykenroll ca "$verb" --ca-pass "file:$T/pass" "$@"; }
request() { # request FILE SUBJECT OPENSSL-OPTIONS…
	file=$1 subject=$2
	shift 2
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$file.key" -subj "$subject" -out "$T/$file.csr" "$@" 2>/dev/null
}
cat "$pub/issuing.crt" "$pub/root.crt" >"$T/cas.pem"
cat "$pub/issuing.crl" "$pub/root.crl" >"$T/crls.pem"
verifies() { # verifies FILE PURPOSE
	openssl verify -x509_strict -purpose "$2" -crl_check_all -CAfile "$T/cas.pem" -CRLfile "$T/crls.pem" "$1" &&
		certtool --verify --load-ca-certificate "$T/cas.pem" --infile "$1"
}
has() { openssl x509 -in "$1" -noout -text | grep -Eq -- "$2"; } # has FILE REGEX

# ---- servers ----
request www "/CN=wanted/O=wanted" -addext "subjectAltName=DNS:www.example.org,IP:192.0.2.7,IP:2001:db8::7"
request other "/CN=other" -addext "subjectAltName=DNS:www.example.org,email:root@example.org"
exits 2 'dns:www.example.org ip:192.0.2.7 ip:2001:db8::7' "what the request asks for is shown, and not taken" ca issue "$T/www.csr"
exits 0 'www.example.org' "it is when the operator says so" ca issue "$T/www.csr" --names-from-request --out "$T/www.crt"
claim "openssl and certtool verify it as a server's" verifies "$T/www.crt" sslserver
refuse "and not as a client's" verifies "$T/www.crt" sslclient
claim "with the names that were asked for" has "$T/www.crt" 'DNS:www.example.org, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7'
claim "and nothing else of the request" [ "$(openssl x509 -in "$T/www.crt" -noout -subject -nameopt RFC2253)" = "subject=CN=www.example.org" ]
exits 9 '/www.crt .*--force' "a file is not replaced" ca issue "$T/www.csr" --dns a.example.org --out "$T/www.crt"
exits 12 '--dns .*--ip' "a request with other names is refused" ca issue "$T/other.csr" --names-from-request
exits 0 '' "names that are given" ca issue "$T/other.csr" --dns '*.EXAMPLE.org' --dns localhost --ip ::1 --cn "The web server" --chain --out "$T/other.crt"
claim "are the ones in it, in lower case" has "$T/other.crt" 'DNS:\*.example.org, DNS:localhost, IP Address:0:0:0:0:0:0:0:1'
claim "the chain is behind it" [ "$(grep -c BEGIN "$T/other.crt")" = 2 ]
for wrong in '--dns a..b' '--dns -a.org' '--dns a_b.org' '--dns *.org.*' '--dns *.org' '--dns 192.0.2.1' '--ip 1.2.3' '--ip fe80::1%lo' \
	'--dns a.org --dns A.org' '--ip ::1 --ip 0:0:0:0:0:0:0:1' '--dns zoë.example'; do
	set -f
	# shellcheck disable=SC2086 # words
	exits 2 '' "$wrong is refused" ca issue "$T/www.csr" $wrong
	set +f
done
exits 0 '' "as JSON" ca issue "$T/www.csr" --dns a.example.org --days 1 --json
claim "with serial and certificate" sh -c 'jq -r .certificate "$0" | openssl x509 -noout -serial | grep -qi "$(jq -r .serial "$0")"' "$T/out"

# ---- others ----
exits 0 '' "a responder" ca issue "$T/www.csr" --profile ocsp --cn "OCSP responder" --out "$T/ocsp.crt"
claim "openssl and certtool verify it" verifies "$T/ocsp.crt" ocsphelper
claim "nobody asks about it" has "$T/ocsp.crt" 'OCSP No ?Check'
exits 0 '' "a program" ca issue "$T/www.csr" --profile software --cn "Backup job" --email ops@example.org --out "$T/software.crt"
claim "openssl and certtool verify it as a client's" verifies "$T/software.crt" sslclient
exits 11 ' client .*ykenroll enroll' "but never as a token's holder" ca issue "$T/www.csr" --profile client --cn Alice
exits 11 ' smartcard-logon .*ykenroll enroll' "in no profile of tokens" ca issue "$T/www.csr" --profile smartcard-logon --cn Alice --upn alice@example.org
exits 2 '\[profile nobody\]' "a profile that there is not" ca issue "$T/www.csr" --profile nobody --cn x
exits 2 ' server .*--email' "a name for which the profile has no place" ca issue "$T/www.csr" --dns a.example.org --email a@example.org
exits 2 "'rehearsal  test ISSUING ca'" "a server called like the CA" ca issue "$T/www.csr" --dns a.example.org --cn "rehearsal  test ISSUING ca"
exits 2 ' O .*\[policy\]' "a subject that no policy allows" ca issue "$T/www.csr" --dns a.example.org --subject O=Example
rows() { sqlite3 "$T/home/ca/issuance.db" "SELECT count(*) FROM rows WHERE $1"; } # rows CONDITION: of the issuance log
claim "the log says that these keys are in no token" [ "$(rows "what = 'intent' AND text IS NOT NULL AND digest IS NULL")" = 5 ]
claim "so does the audit" [ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM audit WHERE action='issue'")" = 5 ]

# ---- a key and all in one file ----
echo "for the phone" >"$T/p12pass"
p12() { ca p12 --p12-pass "file:$T/p12pass" "$@"; }
kdf() { openssl pkcs12 -in "$1" -passin "file:$T/p12pass" -noout -info 2>&1; }
exits 0 '' "a file for a phone" p12 --cn "Alice's phone" --email alice@example.org --out "$T/phone.p12"
claim "is its owner's alone" [ "$(stat -c %a "$T/phone.p12")" = 600 ]
claim "AES-256 and SHA-256" sh -c 'echo "$0" | grep -q "PBES2.*AES-256-CBC" && echo "$0" | grep -qi "MAC: sha256" && ! echo "$0" | grep -Eqi "3DES|TripleDES|RC2|sha1"' "$(kdf "$T/phone.p12")"
openssl pkcs12 -in "$T/phone.p12" -passin "file:$T/p12pass" -nodes -out "$T/phone.pem" 2>/dev/null
openssl x509 -in "$T/phone.pem" -out "$T/phone.crt"
claim "openssl and certtool verify its certificate" verifies "$T/phone.crt" sslclient
claim "its key is the certificate's" [ "$(openssl pkey -in "$T/phone.pem" -pubout)" = "$(openssl x509 -in "$T/phone.crt" -noout -pubkey)" ]
claim "both CAs are in it" [ "$(grep -c 'BEGIN CERT' "$T/phone.pem")" = 3 ]
claim "certtool reads it" certtool --p12-info --inder --infile "$T/phone.p12" --password "for the phone"
exits 9 '/phone.p12 .*--force' "it is not replaced" p12 --cn x --out "$T/phone.p12"
exits 0 '' "one for older importers" p12 --cn "Old phone" --out "$T/old.p12" --compat --algorithm RSA2048
claim "3DES and SHA-1" sh -c 'echo "$0" | grep -q "pbeWithSHA1And3-KeyTripleDES-CBC" && echo "$0" | grep -qi "MAC: sha1"' "$(kdf "$T/old.p12")"
echo short >"$T/short"
exits 2 ' 8 ' "a short passphrase" ca p12 --p12-pass "file:$T/short" --cn x --out "$T/x.p12"
exits 2 '--p12-pass .*file:PATH' "a passphrase in argv" ca p12 --p12-pass "for the phone" --cn x --out "$T/x.p12"
exits 11 ' client .*ykenroll enroll' "no software key in a token's profile" p12 --profile client --cn x --out "$T/x.p12"
revoked() { rows "what = 'revoked'"; }
was=$(revoked)
exits 2 '/none/x.p12 ' "a directory that is not there" p12 --cn x --out "$T/none/x.p12"
claim "is known before there is a certificate" [ "$(revoked)" = $was ]
exits 1 '' "a file that cannot be written after all" p12 --cn x --out /proc/x.p12
claim "is a certificate that is revoked" [ "$(revoked)" = $((was + 1)) ]

# ---- taking back ----
db() { sqlite3 "$T/home/registry.db" "$1"; }
take() { verb=$1; shift; ykenroll "$verb" "$@" --ca-pass "file:$T/pass"; }
serial() { openssl x509 -in "$1" -noout -serial | sed 's/.*=//'; }
good() {
	cat "$pub/issuing.crl" "$pub/root.crl" >"$T/crls.pem"
	verifies "$1" any
}
claim "the registry has them" [ "$(db "SELECT count(*) FROM software")" = "$(db "SELECT count(*) FROM audit WHERE action IN ('issue', 'p12')")" ]
exits 0 '' "suspend a server's" take suspend "$(serial "$T/www.crt")"
refuse "openssl refuses it" good "$T/www.crt"
exits 0 '' "resume it" take resume "$(serial "$T/www.crt")"
claim "openssl verifies it" good "$T/www.crt"
exits 0 '' "revoke it" take revoke "$(serial "$T/www.crt" | tr A-F a-f)" --reason superseded --ticket T-1
refuse "openssl refuses it" good "$T/www.crt"
exits 0 '' "once more" take revoke "$(serial "$T/www.crt")" --reason superseded --json
claim "says that it was so" jq -e .already "$T/out"
claim "the registry says so" [ "$(db "SELECT hex(serial)||reason FROM software WHERE revoked IS NOT NULL")" = "$(serial "$T/www.crt")4" ]
claim "one audit row tells of it" [ "$(db "SELECT count(*) FROM audit WHERE action='revoke' AND detail LIKE '%superseded, ticket T-1'")" = 1 ]
exits 2 '40000000000000000000000000000000' "a serial of nobody" take revoke 40000000000000000000000000000000 --reason superseded
db "DELETE FROM software WHERE hex(serial)='$(serial "$T/ocsp.crt")'"
exits 0 '' "one that a crash kept from the registry" take revoke "$(serial "$T/ocsp.crt")" --reason superseded
refuse "openssl refuses it" good "$T/ocsp.crt"

# ---- once more ----
spki() { openssl x509 -in "$1" -noout -pubkey; }
names() { openssl x509 -in "$1" -noout -subject -ext subjectAltName,extendedKeyUsage; }
request new /CN=new
exits 0 '' "a server's for a day" ca issue "$T/www.csr" --dns a.example.org --ip 192.0.2.9 --days 1 --chain --out "$T/short.crt"
exits 0 '' "one for a year" ca issue "$T/www.csr" --dns b.example.org --out "$T/long.crt"
cp "$T/short.crt" "$T/short.first"
exits 2 '--due 30d' "renew what?" ca renew
exits 0 '' "what is due" ca renew --due 20d --dry-run
claim "is the one, by its file" sh -c '[ "$(grep -c "short.crt.*due" "$0")" = 1 ] && ! grep -q long.crt "$0"' "$T/out"
claim "nothing was changed" cmp "$T/short.crt" "$T/short.first"
printf '#!/bin/sh\necho told >>"%s/told"\n' "$T" >"$T/reload.sh"
chmod 755 "$T/reload.sh"
exits 0 '' "renew it, with nobody there" ca renew --due 20d --days 365 --non-interactive --reload "$T/reload.sh" --json
claim "one, for a year" sh -c 'jq -e ".renewed | length == 1" "$0" && openssl x509 -in "$1" -noout -checkend 31000000' "$T/out" "$T/short.crt"
claim "the server was told" [ "$(cat "$T/told")" = told ]
claim "the former one is beside it" cmp "$T/short.crt.old" "$T/short.first"
claim "same names, same key" [ "$(names "$T/short.crt")$(spki "$T/short.crt")" = "$(names "$T/short.first")$(spki "$T/short.first")" ]
refuse "another serial" [ "$(serial "$T/short.crt")" = "$(serial "$T/short.first")" ]
claim "the chain is still behind it" [ "$(grep -c BEGIN "$T/short.crt")" = 2 ]
claim "openssl and certtool verify it" good "$T/short.crt"
exits 0 '' "and nothing is due any more" ca renew --due 20d --non-interactive --reload "$T/reload.sh"
claim "nobody is told of that" [ "$(cat "$T/told")" = told ]
exits 0 '' "with a new key" ca renew "$T/long.crt" --key "$T/new.csr"
claim "which is the request's" [ "$(spki "$T/long.crt")" = "$(openssl req -in "$T/new.csr" -noout -pubkey)" ]
claim "and nothing else of it" [ "$(names "$T/long.crt")" = "$(names "$T/long.crt.old")" ]
exits 11 '/www.crt: .*reason 4' "one that is revoked" ca renew "$T/www.crt"
exits 11 '/root.crt' "one of another CA" ca renew "$pub/root.crt"
exits 2 '/none.crt' "one that is not there" ca renew "$T/none.crt"
exits 0 '' "two more for a day" ca issue "$T/www.csr" --dns c.example.org --days 1 --out "$T/c.crt"
exits 0 '' "the second" ca issue "$T/www.csr" --dns d.example.org --days 1 --out "$T/d.crt"
rm "$T/c.crt"
exits 2 '/c.crt' "a file that is gone is said" ca renew --due 20d
claim "and does not keep the others from it" [ "$(serial "$T/d.crt")" != "$(serial "$T/d.crt.old")" ]
refuse "which is for a day, as it was asked for at first" openssl x509 -in "$T/d.crt" -noout -checkend 90000
exits 0 '' "another number of days" ca renew "$T/d.crt" --days 40
exits 0 '' "and once more" ca renew "$T/d.crt"
claim "is kept, too" sh -c 'openssl x509 -in "$0" -noout -checkend $((39 * 86400)) && ! openssl x509 -in "$0" -noout -checkend $((41 * 86400))' "$T/d.crt"

# ---- tokens: other profiles ----
serials=$(ykenroll token list --json | jq -r '.. | .serial? // empty' | sort -u)
one=$(echo "$serials" | sed -n 1p) two=$(echo "$serials" | sed -n 2p)
exits 2 '--upn' "no logon without a UPN" enroll Alice alice@example.org -d "$one" --profile smartcard-logon
exits 2 'S-1-5-21-' "a SID that is none" enroll Alice alice@example.org -d "$one" --profile smartcard-logon --upn alice@example.org --sid 1105
exits 11 ' server .*ykenroll ca issue' "no server's certificate for a token" enroll Alice alice@example.org -d "$one" --profile server
exits 2 '\[profile nobody\]' "a profile that there is not" enroll Alice alice@example.org -d "$one" --profile nobody
exits 0 '' "a token for a Windows logon" enroll Alice alice@example.org -d "$one" --profile smartcard-logon --upn alice@corp.example.org --sid S-1-5-21-1-2-3-1105
ykenroll token export 9a "$T/logon.crt" -d "$one"
claim "openssl and certtool verify it as a client's" good "$T/logon.crt"
claim "for logon with a smart card" has "$T/logon.crt" 'Microsoft Smartcard ?Login'
claim "with the UPN" has "$T/logon.crt" 'othername: ?UPN:+alice@corp.example.org'
claim "with the SID as Windows looks for it" sh -c 'openssl asn1parse -in "$0" | grep -Ei -A1 ":1.3.6.1.4.1.311.25.2$|:.*ntds" | grep -qi "$1"' "$T/logon.crt" \
	"3025A023060A2B060104018237190201A0150413$(printf S-1-5-21-1-2-3-1105 | od -An -tx1 | tr -d ' \n')"
exits 0 '' "a token for PIV" enroll Bob bob@example.org -d "$two" --profile piv --upn bob@corp.example.org
ykenroll token export 9a "$T/piv.crt" -d "$two"
claim "openssl and certtool verify it" good "$T/piv.crt"
guid=$(ykenroll token info -d "$two" --json | jq -r '.. | .guid? // empty' | tr -d - | sed 's/^\(........\)\(....\)\(....\)\(....\)/\1-\2-\3-\4-/')
claim "it names the card ($guid)" has "$T/piv.crt" "URI:urn:uuid:$guid"

exits 11 ' piv .*ykenroll enroll' "a token's is not renewed without it" ca renew "$T/piv.crt"

# ---- what the request may be ----
head -c 100 "$T/www.csr" >"$T/cut.csr"
exits 12 '/cut.csr: .*PKCS' "half a request" ca issue "$T/cut.csr" --dns a.example.org
openssl req -in "$T/www.csr" -outform DER -out "$T/www.der"
exits 0 '' "one in DER" ca issue "$T/www.der" --dns a.example.org
python3 -c 'import sys; b=bytearray(open(sys.argv[1],"rb").read()); b[-1]^=1; open(sys.argv[1],"wb").write(b)' "$T/www.der"
exits 12 '' "one that its key did not sign" ca issue "$T/www.der" --dns a.example.org

# ---- who may ----
cat >>"$conf" <<'CONF'
[profile office]
base = software
policy = office
policies = 1.3.6.1.4.1.99999.1.2
[policy office]
C = supplied
O = supplied
OU = optional
[profile wide]
base = server
cdp = http://pki.example.org/issuing.crl
ocsp = http://ocsp.example.org/
ca_issuers = http://pki.example.org/issuing.cer
key_usage = digitalSignature, keyEncipherment
CONF
exits 0 '' "a profile of one's own" ca issue "$T/www.csr" --profile office --cn "Zoë 李" --subject C=DE --subject "O=Müller & Söhne" --out "$T/office.crt"
claim "openssl and certtool verify it" verifies "$T/office.crt" sslclient
claim "its policy is in it" has "$T/office.crt" 'Policy: 1.3.6.1.4.1.99999.1.2'
claim "its subject is in the order of a directory" [ "$(openssl x509 -in "$T/office.crt" -noout -subject -nameopt RFC2253,-esc_msb,utf8)" = "subject=CN=Zoë 李,O=Müller & Söhne,C=DE" ]
exits 2 '--subject O=' "without O there is none" ca issue "$T/www.csr" --profile office --cn x --subject C=DE
exits 2 ': C ' "a country is two letters" ca issue "$T/www.csr" --profile office --cn x --subject C=de --subject O=x
exits 0 '' "addresses" ca issue "$T/www.csr" --profile wide --dns a.example.org --out "$T/wide.crt"
claim "are in it" eval 'has "$T/wide.crt" "URI:http://pki.example.org/issuing.crl" && has "$T/wide.crt" "OCSP - URI:http://ocsp.example.org/"'
refuse "an EC key enciphers nothing" has "$T/wide.crt" 'Key Encipherment'
openssl req -new -newkey rsa:2048 -nodes -keyout "$T/rsa.key" -subj /CN=x -out "$T/rsa.csr" 2>/dev/null
exits 0 '' "an RSA key" ca issue "$T/rsa.csr" --profile wide --dns a.example.org --out "$T/rsa.crt"
claim "does" has "$T/rsa.crt" 'Digital Signature, Key Encipherment'
for line in 'names = dns, moon' 'key_usage = keyCertSign' 'extended_key_usage = anyExtendedKeyUsage' 'cdp = javascript:x' 'policies = 1.2.x' 'base = moon' \
	'policy = moon' 'extended_key_usage = OCSPSigning, serverAuth' 'days = 0' 'names = uuid' 'keys = software' 'min_firmware = 5' 'form_factor = round'; do
	cp "$conf" "$T/conf"
	printf '[profile bad]\nbase = server\n%s\n' "$line" >>"$conf"
	exits 11 'ykenroll.conf' "the signer does not start with: $line" ca issue "$T/www.csr" --dns a.example.org
	cp "$T/conf" "$conf"
done
printf '[profile bad]\nbase = client\nextended_key_usage = emailProtection\n' >>"$conf"
exits 11 '\[profile bad\].*clientAuth' "nor with a token's certificate that cannot log in, and so would fail at its proof" ca issue "$T/www.csr" --dns a.example.org
cp "$T/conf" "$conf"

# ---- the issuing CA's own ----
cp "$pub/issuing.crt" "$T/issuing.first"
dates() { openssl x509 -in "$1" -noout -enddate; }
same() { openssl x509 -in "$1" -noout -subject -pubkey; }
exits 2 '--issuing .*--root-pass' "the issuing CA's alone" ca renew --issuing --due 3d
exits 2 '--root-pass .*--issuing' "--root-pass is for it" ca renew "$T/d.crt" --root-pass "file:$T/pass"
exits 0 '' "but it" ca renew --issuing
claim "same name, same key" [ "$(same "$pub/issuing.crt")" = "$(same "$T/issuing.first")" ]
refuse "another end" [ "$(dates "$pub/issuing.crt")" = "$(dates "$T/issuing.first")" ]
claim "openssl verifies it" openssl verify -x509_strict -CAfile "$pub/root.crt" "$pub/issuing.crt"
claim "and with it what was signed before" openssl verify -x509_strict -CAfile "$pub/root.crt" -untrusted "$pub/issuing.crt" "$T/d.crt"
claim "the chain file has it" grep -qF "$(sed -n 2p "$pub/issuing.crt")" "$pub/chain.pem"
claim "the signer's own copy is the same" cmp "$pub/issuing.crt" "$T/home/ca/issuing.crt"
exits 0 '' "which goes on with it" ca issue "$T/www.csr" --dns a.example.org
# ---- what is no request is called by what it is ----
not_a_request() { # not_a_request FILE WORD…: refused before a passphrase is asked for, and named
	file=$1
	shift
	exits 12 "/$file: .*$*.*PKCS #10" "$file is called what it is" ykenroll ca issue "$T/$file" --dns a.example.org --non-interactive
}
openssl req -in "$T/www.csr" -outform DER -out "$T/www.csr.der"
openssl x509 -in "$T/www.crt" -outform DER -out "$T/www.der"
openssl ec -in "$T/www.key" -outform DER -out "$T/ec.der" 2>/dev/null
openssl pkey -in "$T/www.key" -pubout -out "$T/www.pub"
openssl pkcs8 -topk8 -nocrypt -in "$T/www.key" -outform DER -out "$T/www.key.der"
openssl crl2pkcs7 -nocrl -certfile "$T/other.crt" -out "$T/www.p7"
openssl crl2pkcs7 -nocrl -certfile "$T/other.crt" -outform DER -out "$T/www.p7.der"
openssl pkcs12 -export -in "$T/www.crt" -inkey "$T/www.key" -passout pass:x -out "$T/www.p12"
: >"$T/empty"
echo hello >"$T/text"
iconv -t UTF-16 "$T/www.csr" >"$T/utf16.csr"
not_a_request www.crt CERTIFICATE
not_a_request www.der 'X\.509'
not_a_request www.key PRIVATE
not_a_request www.key.der DER
not_a_request ec.der DER
not_a_request www.pub PUBLIC
not_a_request www.p7 PKCS7
not_a_request www.p7.der 'PKCS #7'
not_a_request www.p12 'PKCS #12'
not_a_request utf16.csr 'UTF-16'
not_a_request empty ''
not_a_request text PEM
exits 0 '' "a request in DER is one" ca issue "$T/www.csr.der" --dns der.example.org --out "$T/last.crt"
cat "$T/www.csr" "$T/other.csr" >"$T/two.csr"
exits 12 '/two.csr: .* 2 ' "two requests in one file" ykenroll ca issue "$T/two.csr" --dns a.example.org --non-interactive
openssl req -new -newkey rsa:1024 -nodes -keyout "$T/k" -subj /CN=x -out "$T/1024.csr" 2>/dev/null
exits 12 '/1024.csr: .*RSA.* 1024 .*ECCP256' "a key of a kind that is not taken says which, and which are" ykenroll ca issue "$T/1024.csr" --dns a.example.org --non-interactive
openssl req -new -newkey rsa:2048 -pkeyopt rsa_keygen_pubexp:3 -nodes -keyout "$T/k" -subj /CN=x -out "$T/e3.csr" 2>/dev/null
exits 12 '/e3.csr: .*RSA.* 2048 .*65537' "a request with a tiny exponent" ykenroll ca issue "$T/e3.csr" --dns a.example.org --non-interactive
cat "$pub/root.crt" "$pub/issuing.crt" "$T/last.crt" >"$T/chain.crt"
exits 0 '' "a chain with the CA first" ykenroll revoke "$T/chain.crt" --reason superseded --json --ca-pass "file:$T/pass"
claim "stands for the certificate at its end" [ "$(jq -r '.certificates[0].serial' "$T/out")" = "$(openssl x509 -in "$T/last.crt" -noout -serial | sed 's/.*=//' | tr A-F a-f)" ]
cat "$T/www.crt" "$T/other.crt" >"$T/both.crt"
exits 2 '/both.crt: .* 3 ' "two certificates in one file" ykenroll revoke "$T/both.crt" --reason superseded --ca-pass "file:$T/pass"
exits 2 '/www.key: .*PRIVATE' "a key in its place" ykenroll revoke "$T/www.key" --reason superseded --ca-pass "file:$T/pass"

finish
