#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Does a CA that openssl ca, easy-rsa or step made go on as ours: the same revoked certificates, a higher CRL number, the
# same key, and nothing dropped in silence? openssl, certtool, nginx and Apache judge. step is not in Debian: its files are
# made here as its `step certificate create` leaves them (P-256, encrypted in PEM's old way, an intermediate below a root).
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/import.sh" --tokens 1 --firmware 5.7.1
umask 077
PATH=$PATH:/usr/sbin:/sbin
ENTRIES=${ENTRIES:-10000}
echo "correct horse battery" >"$T/pass"
echo "recovery passphrase" >"$T/rpass"
echo "the old passphrase" >"$T/old"
import() { ykenroll ca import --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass" "$@"; }
number() { openssl crl -in "$1" -noout -crlnumber | sed 's/.*=0x0*//; s/.*NONE.*/0/'; } # number FILE, hex
rises() { [ $((0x$(number "$2"))) -gt $((0x$(number "$1"))) ]; }                      # rises OLD NEW
# serials, times, reasons; that there is none is said in two ways (RFC 5280, 5.3.1)
entries() { openssl crl -in "$1" -noout -text | awk '/Serial Number:/ { s = $3 } /Revocation Date/ { print s, "d", $0 }
	/Reason Code/ { getline; if ($0 !~ /Unspecified/) print s, $0 }' | sort; }
verifies() { openssl crl -in "$1" -noout -CAfile "$2" 2>&1 | grep -q 'verify OK'; }
certtool_takes() { certtool --verify-crl --load-ca-certificate "$2" --infile "$1" | grep -q 'Verified.\|verified'; }

# ---- openssl ca ----
O=$T/openssl
mkdir -p "$O/private" "$O/newcerts"
: >"$O/index.txt"
echo 1000 >"$O/serial"
echo 2A >"$O/crlnumber"
cat >"$O/cnf" <<CNF
[ca]
default_ca = c
[c]
dir = $O
database = $O/index.txt
new_certs_dir = $O/newcerts
serial = $O/serial
crlnumber = $O/crlnumber
certificate = $O/cacert.pem
private_key = $O/private/cakey.pem
default_md = sha512
default_days = 365
default_crl_days = 7
policy = p
x509_extensions = e
crl_extensions = k
unique_subject = no
[p]
commonName = supplied
organizationName = optional
[e]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[k]
authorityKeyIdentifier = keyid
CNF
openssl req -x509 -newkey rsa:2048 -keyout "$O/private/cakey.pem" -passout "file:$T/old" -subj '/O=Old & Sons/CN=Old CA' -days 3000 \
	-addext keyUsage=critical,keyCertSign,cRLSign -out "$O/cacert.pem" 2>/dev/null
chmod 755 "$O"
issue() { # issue NAME SUBJECT [OPTIONS of openssl ca]
	name=$1 subject=$2
	shift 2
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$O/$name.key" -out "$O/$name.csr" -subj "$subject" -utf8 2>/dev/null &&
		openssl ca -batch -config "$O/cnf" -passin "file:$T/old" -in "$O/$name.csr" -out "$O/$name.crt" -notext "$@" 2>/dev/null
}
revoke() { name=$1; shift; openssl ca -config "$O/cnf" -passin "file:$T/old" -revoke "$O/$name.crt" "$@" 2>/dev/null; }
issue good '/CN=Good'
issue bad '/CN=Bad'
issue umlaut '/CN=Jürgen\/Über \, =x'
issue held /CN=Held
issue time '/CN=Time'
issue catime '/CN=CA time'
for i in unspecified keyCompromise CACompromise affiliationChanged superseded cessationOfOperation certificateHold; do
	issue "r$i" "/CN=$i" && revoke "r$i" -crl_reason $i
done
revoke bad -crl_reason keyCompromise
revoke held -crl_hold holdInstructionCallIssuer
revoke time -crl_compromise 20240229120000Z
revoke catime -crl_CA_compromise 20240229120000Z
revoke umlaut
# Thousands more, of serials of all lengths: short, with the top bit set, of 17 to 20 octets.
awk -v n="$ENTRIES" -v end="$(date -u -d '700 days' +%y%m%d%H%M%SZ)" -v past="$(date -u -d '30 days ago' +%y%m%d%H%M%SZ)" 'BEGIN {
	split("4 6 16 18 32 34 38 40", len); split(",superseded|,keyCompromise||,cessationOfOperation|,certificateHold", why, "|")
	for (i = 0; i < n; i++) {
		l = len[i % 8 + 1]; s = sprintf("%04X", i % 4096 + 8192); if (l > 4) s = sprintf("%06X", 65536 + i)
		while (length(s) < l - 2) s = "0" s
		if (l > 6) s = (i % 3 ? "8F" : "7A") s
		if (seen[s]++) continue
		if (i % 5 == 0) printf "R\t20500101000000Z\t230304050607Z%s\t%s\tunknown\t/CN=n%d\n", why[i % 5 + 1], s, i
		else if (i % 5 == 1) printf "V\t%s\t\t%s\tunknown\t/CN=n%d\n", end, s, i
		else if (i % 5 == 2) printf "E\t%s\t\t%s\tunknown\t/CN=n%d\n", past, s, i
		else printf "R\t%s\t230304050607Z%s\t%s\tunknown\t/CN=n%d\n", end, why[i % 5 + 1], s, i
	}
	for (i = 0; i < n; i++) if (length(seen) < n - 20) {
		s = sprintf("%032X", 1e9 + i); if (!seen[s]++) printf "R\t%s\t230304050607Z%s\t%s\tunknown\t/CN=m%d\n", end, why[i % 5 + 1], s, i }
}' >>"$O/index.txt"
openssl ca -config "$O/cnf" -passin "file:$T/old" -gencrl -out "$O/crl.pem" 2>/dev/null
claim "openssl's directory has about $ENTRIES entries" [ "$(wc -l <"$O/index.txt")" -gt $((ENTRIES - 100)) ]

export YKENROLL_HOME="$T/home"
exits 2 '--recovery-out FILE' "an import wants to know where the recovery key goes" import "$O" --key-pass "file:$T/old"
exits 11 '/cakey.pem' "the wrong old passphrase" import "$O" --key-pass "file:$T/pass" --recovery-out "$T/rec"
exits 0 '' "a dry run" import --dry-run --json "$O" --key-pass "file:$T/old"
claim "counts what is in the index" [ "$(jq .certificates "$T/out")" = "$(wc -l <"$O/index.txt")" ]
claim "counts the revoked ones" [ "$(jq .revoked "$T/out")" = "$(grep -c ^R "$O/index.txt")" ]
claim "and makes nothing" [ ! -e "$T/home" ]

# A line that cannot be understood stops it with its number, and nothing is made.
cp "$O/index.txt" "$T/index.good"
broken() { # broken PATTERN TEXT SED
	sed "$3" "$T/index.good" >"$O/index.txt"
	exits 2 "line 7: .*$1" "$2" import "$O" --key-pass "file:$T/old" --recovery-out "$T/rec"
}
broken 'V, R' "a status that is none" '7s/^./S/'
broken YYYYMMDDHHMMSSZ "an end that is none" '7s/\t[0-9]*Z/\t250230000000Z/'
broken keyCompromise "a reason that is none" '7s/Z,[a-zA-Z]*/Z,holidays/'
broken keyTime "more than a reason has" '7s/Z,\([a-zA-Z]*\)/Z,\1,x/'
broken A-F "a serial that is none" '7s/\t\([0-9A-F]*\)\tunknown/\txyz\tunknown/'
broken ' 20 ' "a serial of 21 octets" '7s/\t\([0-9A-F]*\)\tunknown/\t777777777777777777777777777777777777777777\tunknown/'
broken ' 6 ' "a field too few" '7s/\t[^\t]*$//'
broken ' 6 ' "a field too many" '7s/$/\tx/'
broken 'grep -in' "a serial twice" '7{h;};6{p;}'
sed '9s/^R\(\t[^\t]*\t\)[^\t]*/V\1/' "$T/index.good" >"$O/index.txt"
exits 2 '/crl.pem .* 1 .*--add-missing' "an index that has lost one of its own CRL" import "$O" --key-pass "file:$T/old" --recovery-out "$T/rec"
cp "$T/index.good" "$O/index.txt"
claim "nothing was made" [ ! -e "$T/home" ]

exits 0 '' "the import" import "$O" --key-pass "file:$T/old" --recovery-out "$T/rec"
pub=$T/home/pub
entries "$O/crl.pem" >"$T/theirs"
entries "$pub/issuing.crl" >"$T/ours"
claim "our CRL has the same entries, times and reasons as openssl's" cmp "$T/theirs" "$T/ours"
claim "there are thousands" [ "$(grep -c ' d ' "$T/ours")" -gt $((ENTRIES / 3)) ]
claim "its number is higher" rises "$O/crl.pem" "$pub/issuing.crl"
claim "openssl crl verifies it" verifies "$pub/issuing.crl" "$O/cacert.pem"
claim "certtool does" certtool_takes "$pub/issuing.crl" "$O/cacert.pem"
claim "the CA is the old one" sh -c 'openssl x509 -in "$0" -outform DER | cmp - "$1"' "$O/cacert.pem" "$(openssl x509 -in "$pub/issuing.crt" -outform DER >"$T/der" && echo "$T/der")"
claim "one level: the root is the same" cmp "$pub/root.crt" "$pub/issuing.crt"
claim "and no CRL of a root" [ ! -e "$pub/root.crl" ]
claim "the chain has it once" [ "$(grep -c BEGIN "$pub/chain.pem")" = 1 ]
claim "the key is under our passphrase" openssl pkey -in "$T/home/ca/issuing.key" -passin "file:$T/pass" -noout
refuse "and not under the old one" openssl pkey -in "$T/home/ca/issuing.key" -passin "file:$T/old" -noout
exits 9 '' "a second import into the same home" import "$O" --key-pass "file:$T/old" --recovery-out "$T/rec2"
exits 0 '' "another CRL" ykenroll ca crl --ca-pass "file:$T/pass"
entries "$pub/issuing.crl" >"$T/again"
claim "has them still" cmp "$T/ours" "$T/again"
exits 0 '' "ca show" ykenroll ca show
exits 0 '' "the log verifies as a whole" ykenroll ca log
claim "a certificate that was imported, too, is in it" [ "$(sqlite3 "$T/home/ca/issuance.db" \
	"SELECT count(*) FROM rows WHERE what = 'import' AND text LIKE '%Good%' AND length(data) > 100")" -ge 1 ]
claim "python makes the same of its rows" python3 issuance.py verify "$T/home/ca/issuance.db"

# ---- what was issued there can be revoked here: serials of 20 octets, with the top bit set, of 2 ----
for length in 40 32 4; do
	serial=$(awk -F '\t' -v l=$length '$1 == "V" && length($4) == l && $4 !~ /^0/ && $6 ~ /CN=n/ { print $4; exit }' "$O/index.txt")
	exits 0 '' "revoke $serial" ykenroll revoke "$serial" --reason superseded --ca-pass "file:$T/pass"
	claim "it is on the CRL" sh -c 'openssl crl -in "$0" -noout -text | grep -A4 "Serial Number: 0*$1$" | grep -q Superseded' "$pub/issuing.crl" "$serial"
done
exits 0 '' "once more is no error" ykenroll revoke "$serial" --reason superseded --ca-pass "file:$T/pass"
exits 2 ' 7777777777$' "one that was never issued" ykenroll revoke 7777777777 --reason superseded --ca-pass "file:$T/pass"
held=$(awk -F '\t' '$1 == "R" && $3 ~ /certificateHold/ { print $4; exit }' "$O/index.txt")
exits 0 '' "one that was on hold is released" ykenroll resume "$held" --ca-pass "file:$T/pass"
claim "and not on the CRL any more" not sh -c 'openssl crl -in "$0" -noout -text | grep -q "Serial Number: 0*$1$"' "$pub/issuing.crl" "$held"
claim "the audit has it" [ "$(sqlite3 "$T/home/registry.db" "SELECT count(*) FROM audit WHERE detail LIKE 'certificate %'")" = 4 ]

# ---- servers: who is revoked there is still, who is not is not ----
S=$(mktemp -d "${TMPDIR:-/tmp}/ykenroll-import.XXXXXX")
chmod 755 "$S"
trap 'for p in "$S"/*.pid; do [ -s "$p" ] && kill "$(cat "$p")" 2>/dev/null; done; sleep 0.2; rm -rf "$S"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$S/server.key" -out "$S/server.crt" -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -days 30 2>/dev/null
cp "$pub/chain.pem" "$pub/issuing.crl" "$S"
chmod 644 "$S"/*
mkdir -m 777 "$S/t"
echo hello >"$S/t/index.html"
chmod 644 "$S/t/index.html"
cat >"$S/nginx.conf" <<CONF
daemon off; pid $S/nginx.pid; error_log $S/nginx.log info;
events {}
http { access_log off; client_body_temp_path $S/t/1; proxy_temp_path $S/t/2; fastcgi_temp_path $S/t/3; uwsgi_temp_path $S/t/4; scgi_temp_path $S/t/5;
server { listen 127.0.0.1:8441 ssl; server_name localhost; ssl_certificate $S/server.crt; ssl_certificate_key $S/server.key; root $S/t;
ssl_client_certificate $S/chain.pem; ssl_verify_client on; ssl_crl $S/issuing.crl; ssl_session_cache off; ssl_session_tickets off; } }
CONF
M=/usr/lib/apache2/modules
cat >"$S/apache.conf" <<CONF
ServerName localhost
DefaultRuntimeDir $S/t
PidFile $S/apache.pid
Mutex posixsem
ErrorLog $S/apache.log
LoadModule mpm_event_module $M/mod_mpm_event.so
LoadModule authz_core_module $M/mod_authz_core.so
LoadModule ssl_module $M/mod_ssl.so
LoadModule dir_module $M/mod_dir.so
Listen 127.0.0.1:8442
DocumentRoot $S/t
SSLEngine on
SSLCertificateFile $S/server.crt
SSLCertificateKeyFile $S/server.key
SSLCACertificateFile $S/chain.pem
SSLVerifyClient require
SSLCARevocationFile $S/issuing.crl
SSLCARevocationCheck chain
CONF
visit() { # visit PORT NAME
	curl -sf -m 10 --cacert "$S/server.crt" --cert "$O/$2.crt" --key "$O/$2.key" "https://localhost:$1/index.html" 2>&1 | grep -qx hello
}
up() { for _ in $(seq 9000); do visit "$1" good && return 0; sleep 0.1; done; return 1; }
if command -v nginx >/dev/null; then
	nginx -e "$S/nginx.log" -c "$S/nginx.conf" 2>"$S/nginx.err" &
	claim "nginx lets in who was issued by the old CA" up 8441
	refuse "and not who was revoked there" visit 8441 bad
fi
if command -v apache2 >/dev/null; then
	apache2 -d "$S" -f "$S/apache.conf" -DFOREGROUND 2>"$S/apache.err" &
	claim "Apache lets in who was issued by the old CA" up 8442
	refuse "and not who was revoked there" visit 8442 bad
fi

# ---- easy-rsa ----
if [ -x /usr/share/easy-rsa/easyrsa ]; then
	E=$T/easy/pki
	mkdir "$T/easy"
	easy() { (cd "$T/easy" && EASYRSA_BATCH=1 EASYRSA_PKI=$E /usr/share/easy-rsa/easyrsa "$@") >"$T/easy.log" 2>&1; }
	easy init-pki && EASYRSA_REQ_CN='Easy CA' easy build-ca nopass && easy build-client-full anna nopass && easy build-client-full bert nopass &&
		easy revoke bert superseded && easy gen-crl
	claim "easy-rsa made a CA" [ -s "$E/crl.pem" ]
	export YKENROLL_HOME="$T/home2"
	exits 0 '' "its pki directory is imported" import "$E" --recovery-out "$T/rec2"
	entries "$E/crl.pem" >"$T/theirs"
	entries "$T/home2/pub/issuing.crl" >"$T/ours"
	claim "our CRL has the same entries" cmp "$T/theirs" "$T/ours"
	claim "one of them" [ "$(grep -c ' d ' "$T/ours")" = 1 ]
	claim "its number is higher" rises "$E/crl.pem" "$T/home2/pub/issuing.crl"
	claim "openssl crl verifies it" verifies "$T/home2/pub/issuing.crl" "$E/ca.crt"
	claim "certtool does" certtool_takes "$T/home2/pub/issuing.crl" "$E/ca.crt"
else
	echo "# easy-rsa is not installed"
fi

# ---- step: a root, an intermediate, no index ----
P=$T/step
mkdir "$P"
openssl ecparam -name prime256v1 -genkey -noout -out "$P/r" && openssl ecparam -name prime256v1 -genkey -noout -out "$P/i"
openssl req -x509 -new -key "$P/r" -subj '/CN=Example Root CA' -days 3650 -out "$P/root_ca.crt" -addext keyUsage=critical,keyCertSign,cRLSign \
	-addext basicConstraints=critical,CA:TRUE,pathlen:1
openssl req -new -key "$P/i" -subj '/CN=Example Intermediate CA' -out "$P/i.csr"
printf 'keyUsage=critical,keyCertSign,cRLSign\nbasicConstraints=critical,CA:TRUE,pathlen:0\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >"$P/ext"
openssl x509 -req -in "$P/i.csr" -CA "$P/root_ca.crt" -CAkey "$P/r" -days 3000 -set_serial "0x$(openssl rand -hex 15)" -extfile "$P/ext" \
	-out "$P/intermediate_ca.crt" 2>/dev/null
for k in r:root_ca i:intermediate_ca; do
	openssl ec -in "$P/${k%%:*}" -aes256 -passout "file:$T/old" -out "$P/${k#*:}.key" 2>/dev/null
done
step() { import --cert "$P/intermediate_ca.crt" --key "$P/intermediate_ca.key" --key-pass "file:$T/old" "$@"; }
export YKENROLL_HOME="$T/home3"
exits 2 '/intermediate_ca.crt .*--root FILE' "an intermediate wants its root" step --recovery-out "$T/rec3"
exits 2 '/intermediate_ca.crt .*/cacert.pem' "and not another one" step --recovery-out "$T/rec3" --root "$O/cacert.pem"
exits 2 '/r .*/intermediate_ca.crt' "and its own key" import --cert "$P/intermediate_ca.crt" --key "$P/r" --root "$P/root_ca.crt" --recovery-out "$T/rec3"
exits 0 '' "step's files with the root's certificate" step --root "$P/root_ca.crt" --recovery-out "$T/rec3"
claim "a CRL is there" verifies "$T/home3/pub/issuing.crl" "$T/home3/pub/chain.pem"
claim "certtool takes it" certtool_takes "$T/home3/pub/issuing.crl" "$P/intermediate_ca.crt"
claim "and none of the root, whose key is elsewhere" [ ! -e "$T/home3/pub/root.crl" ]
exits 0 '' "another CRL" ykenroll ca crl --ca-pass "file:$T/pass"
claim "its number rises" [ "$(number "$T/home3/pub/issuing.crl")" = 2 ]
export YKENROLL_HOME="$T/home4"
exits 0 '' "with the root's key too" step --root "$P/root_ca.crt" --root-key "$P/root_ca.key" --recovery-out "$T/rec4" --rehearsal "$YKVIRT_ROOT"
claim "then the root has a CRL" verifies "$T/home4/pub/root.crl" "$P/root_ca.crt"
exits 0 '' "that can be renewed" ykenroll ca crl --root --ca-pass "file:$T/pass"

# ---- and it issues: a login under the imported CA ----
echo 482913 >"$T/pin"
exits 0 '' "a token is enrolled under step's intermediate" enroll "Eve" eve@example.org
card '.slots["9a"].certificate // empty' >/dev/null 2>&1
claim "its certificate is of the imported CA" sh -c 'sqlite3 "$0" "SELECT hex(der) FROM certificates WHERE der IS NOT NULL" | xxd -r -p |
	openssl x509 -inform DER -out "$1" && openssl verify -CAfile "$2" -untrusted "$3" "$1"' "$T/home4/registry.db" "$T/eve.crt" "$P/root_ca.crt" "$P/intermediate_ca.crt"
finish
