#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Is a CA as others leave it, with years, serials, lines, certificates and keys that do not fit, either taken over whole or
# refused with the way out, and is what was revoked, or is revoked later, seen by openssl verify?
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
in_lab "$(pwd)/import_foreign.sh" --tokens 1 --firmware 5.7.1
umask 077
echo "correct horse battery" >"$T/pass"
echo "recovery passphrase" >"$T/rpass"
echo 482913 >"$T/pin"
O=$T/old
N=0
export YKENROLL_HOME="$T/home"
import() { ykenroll ca import --ca-pass "file:$T/pass" --recovery-pass "file:$T/rpass" --recovery-out "$T/rec$N" "$@"; }
again() { N=$((N + 1)) YKENROLL_HOME=$T/home$N; rm -rf "$O" && cp -r "$T/model" "$O"; } # the CA as it was, and another home
pub() { echo "$YKENROLL_HOME/pub"; }
listed() { openssl crl -in "$(pub)/issuing.crl" -noout -text | grep -q "Serial Number: 0*$1\$"; }
judge() { openssl verify -crl_check -CAfile "$(pub)/chain.pem" -CRLfile "$(pub)/issuing.crl" "$1"; }
good() { judge "$1" 2>&1 | grep -q ': OK$'; }
bad() { judge "$1" 2>&1 | grep -q 'certificate revoked'; }
taken() { exits 0 '' "$1" import "$O" --rehearsal "$YKVIRT_ROOT"; }
refused() { # refused PATTERN TEXT OPTIONS…
	p=$1 t=$2
	shift 2
	exits 2 "$p" "$t" import "$O" "$@"
	claim "and nothing is made" [ ! -e "$YKENROLL_HOME" ]
}
revoked() { # revoked TEXT SERIAL-OR-FILE CERTIFICATE
	exits 0 '' "$1" ykenroll revoke "$2" --reason superseded --ca-pass "file:$T/pass" --json
	claim "it is said" jq -e '.already == false' "$T/out"
	claim "and openssl verify sees it" bad "$3"
}

# ---- the model: serials 01 to 12 in hexadecimal, 02 and 0B revoked, a CRL ----
M=$T/model
mkdir -p "$M/private" "$M/newcerts"
cat >"$T/cnf" <<CNF
[ca]
default_ca = c
[c]
dir = $M
database = $M/index.txt
new_certs_dir = $M/newcerts
serial = $M/serial
crlnumber = $M/crlnumber
certificate = $M/cacert.pem
private_key = $M/private/cakey.pem
default_md = sha256
default_days = 365
default_crl_days = 7
policy = p
x509_extensions = e
unique_subject = no
[p]
commonName = supplied
[e]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
[req]
distinguished_name = d
[d]
CNF
: >"$M/index.txt"
echo 01 >"$M/serial"
echo 07 >"$M/crlnumber"
openssl ecparam -name prime256v1 -genkey -noout -out "$T/leaf.key"
openssl req -config "$T/cnf" -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$M/private/cakey.pem" -subj '/O=Old/CN=Old CA' \
	-days 30000 -addext keyUsage=critical,keyCertSign,cRLSign -addext basicConstraints=critical,CA:TRUE -out "$M/cacert.pem" 2>/dev/null
csr() { openssl req -config "$T/cnf" -new -key "$T/leaf.key" -subj "/CN=$1" -out "$T/csr" 2>/dev/null; }
issue() { # issue NAME [OPTIONS]
	csr "$1" && shift && openssl ca -batch -config "$T/cnf" -in "$T/csr" -out "$T/out" -notext "$@" 2>/dev/null
}
for i in 1 2 3 4 5 6 7 8 9 a b c d e f 10; do issue "n$i"; done
issue xca -enddate 20600101000000Z
issue lost -enddate 20600101000000Z
for i in 02 0B 12; do openssl ca -config "$T/cnf" -revoke "$M/newcerts/$i.pem" -crl_reason keyCompromise 2>/dev/null; done
openssl ca -config "$T/cnf" -gencrl -out "$M/crl.pem" 2>/dev/null
claim "openssl ca made 18 certificates, three of them revoked" [ "$(grep -c . "$M/index.txt") $(grep -c ^R "$M/index.txt")" = "18 3" ]

# ---- years of two digits, as XCA's export has them ----
again
sed -i 's/\t20600101/\t600101/' "$O/index.txt"
taken "a year 60 is that of the certificate"
claim "the revoked one is on the CRL" listed 12
claim "and bad for openssl verify" bad "$M/newcerts/12.pem"
claim "the other one is good" good "$M/newcerts/11.pem"
revoked "until it is revoked" 11 "$M/newcerts/11.pem"
again
sed -i 's/\t20600101/\t600101/' "$O/index.txt"
rm "$O/newcerts/11.pem"
refused 'line 17: .*--certs' "without the certificate nobody knows the century"
again
sed -i '2s/\t[0-9][0-9]\([0-9]*Z,\)/\t60\1/' "$O/index.txt"
refused 'line 2: .*YYYYMMDDHHMMSSZ' "nor of a revocation"
again
rm -r "$O/newcerts" "$O/crl.pem"
sed -i 's/^R\t[0-9]*Z/R\t130101000000Z/; s/^V\t[0-9]*Z/V\t140101000000Z/' "$O/index.txt"
taken "ends that nothing proves"
claim "that nothing was there to compare is said" grep -q '^note ' "$T/out"
claim "what was revoked is listed whatever its line says" listed 2
claim "and bad for openssl verify" bad "$M/newcerts/02.pem"
revoked "so is what is revoked now" 03 "$M/newcerts/03.pem"
exits 0 '' "another CRL" ykenroll ca crl --ca-pass "file:$T/pass"
claim "drops none" [ "$(openssl crl -in "$(pub)/issuing.crl" -noout -text | grep -c 'Serial Number')" = 4 ]
again
sed -i '3s/\t[0-9]*Z/\t20330303000000Z/' "$O/index.txt"
refused 'line 3: .*/03.pem' "a line that is not of its certificate"

# ---- serials in decimal, certificates that the index lacks ----
decimal() { awk -F '\t' 'BEGIN { OFS = "\t" } { n = index("0123456789ABCDEF", substr($4, 1, 1)) * 16 - 16 + index("0123456789ABCDEF", substr($4, 2)) - 1
	$4 = sprintf("%02d", n); print }' "$M/index.txt" >"$O/index.txt"; }
again
decimal
refused 'line 1[0-9]: .*/1[0-9].pem' "serials in decimal"
refused 'line 1[0-9]: .*/1[0-9].pem' "and --add-missing does not make them good" --add-missing
rm "$O/crl.pem"
refused 'line 1[0-9]: .*/1[0-9].pem' "nor without a CRL" --add-missing
again
sed -i '/\t0[4F]\t/d' "$O/index.txt"
refused ': 2 .*/newcerts .* 0[4F]\S+ 0[4F]\S+ .*--add-missing' "lost lines are named"
exits 0 '' "or taken in" import "$O" --add-missing
claim "that is told" grep -q '^added     2 ' "$T/out"
revoked "one of them is revoked" 4 "$M/newcerts/04.pem"
again
sed -i '2d' "$O/index.txt"
refused '/crl.pem .* 1 .*--add-missing.* 02\)' "a lost line of a revoked one"
exits 0 '' "or what the CRL says" import "$O" --add-missing
claim "is taken over" bad "$M/newcerts/02.pem"
exits 0 '' "the log verifies as a whole" ykenroll ca log
claim "for python, too" python3 issuance.py verify "$YKENROLL_HOME/ca/issuance.db"
again
sed -i '2s/^R\(\t[^\t]*\t\)[^\t]*/V\1/' "$O/index.txt"
refused '/crl.pem .* 1 .*--add-missing' "a revoked one that the index calls good"
exits 0 '' "or what the CRL says" import "$O" --add-missing
claim "counts" bad "$M/newcerts/02.pem"
again
sed -i '2s/,keyCompromise/,certificateHold/' "$O/index.txt"
claim "planted: an index that has one on hold" grep -q 'certificateHold.*	02	' "$O/index.txt"
refused '/crl.pem .* 1 .* 02\)' "which the CRL has revoked for good"
exits 0 '' "or what the CRL says" import "$O" --add-missing
exits 11 'reason 1' "and nobody resumes it" ykenroll resume 02 --ca-pass "file:$T/pass"
again
rm "$O/index.txt"
exits 0 '' "no index, but certificates and a CRL" import --cert "$O/cacert.pem" --key "$O/private/cakey.pem" --certs "$O/newcerts" --crl "$O/crl.pem" --add-missing
claim "are enough" bad "$M/newcerts/0B.pem"
claim "for all of them" [ "$(sqlite3 "$YKENROLL_HOME/ca/issuance.db" 'SELECT count(*) FROM certs')" = 18 ]

# ---- a certificate that nobody recorded ----
again
taken "the import"
claim "imported certificates are known by show" sh -c 'ykenroll show 0C | grep -q CN=nc && ykenroll show 0C --json | jq -e ".certificate | .serial == \"0c\" and .state == \"good\""'
claim "also what became of them" sh -c 'ykenroll show 02 | grep -q " keyCompromise .* 20[0-9][0-9]-"'
claim "and in JSON" [ "$(ykenroll show --json 02 | jq -r '.certificate | .state + .subject + (.not_after // "?")')" = "revokedCN=n2?" ]
exits 2 ' 7F.*--holder' "but not what never was" ykenroll show 7F
csr nobody
unrecorded() { # unrecorded SERIAL FILE
	openssl x509 -req -in "$T/csr" -CA "$M/cacert.pem" -CAkey "$M/private/cakey.pem" -set_serial "$1" -days 300 -out "$2" 2>/dev/null
}
unrecorded 0x7A12 "$T/nobody.pem"
unrecorded 0x4123456789abcdef0123456789abcdef "$T/long.pem"
openssl x509 -in "$T/long.pem" -outform DER -out "$T/long.der"
exits 2 ' 7A12$' "by its serial it is not known" ykenroll revoke 7A12 --reason superseded --ca-pass "file:$T/pass"
claim "and good" good "$T/nobody.pem"
revoked "a certificate that nobody recorded is revoked by its file" "$T/nobody.pem" "$T/nobody.pem"
revoked "also in DER, with a serial like ours" "$T/long.der" "$T/long.pem"
exits 0 '' "once more is no error" ykenroll revoke "$T/long.pem" --reason superseded --ca-pass "file:$T/pass" --json
claim "and said" jq -e .already "$T/out"
claim "show knows it now" sh -c 'ykenroll show 7A12 | grep -q CN=nobody'
openssl req -config "$T/cnf" -x509 -key "$T/leaf.key" -set_serial 3 -subj /CN=Other -days 30 -out "$T/other.pem" 2>/dev/null
exits 2 '/other.pem ' "another CA's with a serial of ours" ykenroll revoke "$T/other.pem" --reason superseded --ca-pass "file:$T/pass"
claim "does no harm" good "$M/newcerts/03.pem"
exits 11 '' "the CA's own" ykenroll revoke "$M/cacert.pem" --reason superseded --ca-pass "file:$T/pass"
exits 2 '/pass: ' "a file that is none" ykenroll revoke "$T/pass" --reason superseded --ca-pass "file:$T/pass"
exits 0 '' "suspend by file" ykenroll suspend "$M/newcerts/0D.pem" --ca-pass "file:$T/pass"
claim "openssl verify sees it" bad "$M/newcerts/0D.pem"
exits 0 '' "resume by file" ykenroll resume "$M/newcerts/0D.pem" --ca-pass "file:$T/pass"
claim "openssl verify sees that, too" good "$M/newcerts/0D.pem"
sqlite3 "$YKENROLL_HOME/ca/issuance.db" "UPDATE certs SET not_after = -315619200 WHERE hex(serial) LIKE '%0E'"
exits 11 ' 1960-.*ykenroll revoke FILE' "one that a former release took for expired is not called revoked" \
	ykenroll revoke 0E --reason superseded --ca-pass "file:$T/pass"
revoked "by its file it is" "$M/newcerts/0E.pem" "$M/newcerts/0E.pem"
revoked "short digits are hexadecimal" 10 "$M/newcerts/10.pem"
claim "and not another one's in decimal" good "$M/newcerts/0A.pem"
exits 0 '' "a token is enrolled" enroll Eve eve@example.org
sqlite3 "$YKENROLL_HOME/registry.db" "SELECT hex(der) FROM certificates WHERE der IS NOT NULL" | xxd -r -p | openssl x509 -inform DER -out "$T/eve.pem"
claim "its certificate is good" good "$T/eve.pem"
revoked "and revoked by its file" "$T/eve.pem" "$T/eve.pem"
claim "the registry has it" [ "$(ykenroll show --json eve@example.org | jq -r '.tokens[0].certificates[0].state')" = revoked ]
exits 0 '' "the log verifies as a whole" ykenroll ca log
claim "for python, too" python3 issuance.py verify "$YKENROLL_HOME/ca/issuance.db"
eve=$(ykenroll show --json eve@example.org | jq '.tokens[0].token')
exits 0 '' "a token whose certificates have expired" faked +800d ykenroll revoke "$eve" --reason superseded --ca-pass "file:$T/pass" --json
claim "has none that would be called revoked" jq -e '.certificates == []' "$T/out"

# ---- a CA that cannot issue client certificates ----
unfit() { # unfit PATTERN TEXT [ARGUMENTS of openssl req]
	p=$1 t=$2
	shift 2
	again
	openssl req -config "$T/cnf" -x509 -key "$O/private/cakey.pem" -subj '/O=Old/CN=Old CA' -days 3000 "$@" -out "$O/cacert.pem" 2>/dev/null
	exits 2 "cacert.pem.*$p" "$t" import --cert "$O/cacert.pem" --key "$O/private/cakey.pem"
	claim "and nothing is made" [ ! -e "$YKENROLL_HOME" ]
}
ca=basicConstraints=critical,CA:TRUE ku=keyUsage=critical,keyCertSign,cRLSign
unfit 'extendedKeyUsage' "a CA for servers only" -addext $ca -addext $ku -addext extendedKeyUsage=serverAuth
unfit 'nameConstraints' "one with name constraints" -addext $ca -addext $ku -addext 'nameConstraints=permitted;email:.example.org'
unfit '' "one without a name" -addext $ca -addext $ku -subj /
unfit ' 30 ' "one that ends soon" -addext $ca -addext $ku -days 20
unfit 'basicConstraints' "one that is none" -addext basicConstraints=critical,CA:FALSE -addext $ku
unfit 'keyUsage' "one that may not sign" -addext $ca -addext keyUsage=critical,digitalSignature
unfit 'OpenSSL' "one with what nobody knows" -addext $ca -addext $ku -addext 1.2.3.4=critical,ASN1:NULL
openssl genrsa -out "$T/short.key" 1024 2>/dev/null
unfit 'RSA.* 2048 ' "one with a key of 1024 bits" -addext $ca -addext $ku -key "$T/short.key"
again
two() { # two ROOT-CONSTRAINTS DIGEST: a root, and a CA below it
	openssl req -config "$T/cnf" -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/root.key" -subj /CN=Root -days 3000 -addext "$1" \
		-addext $ku -out "$T/root.pem" 2>/dev/null
	openssl req -config "$T/cnf" -new -key "$O/private/cakey.pem" -subj /CN=Sub -out "$T/csr" 2>/dev/null
	printf '%s\n' $ca $ku subjectKeyIdentifier=hash >"$T/ext"
	openssl x509 -req -in "$T/csr" -CA "$T/root.pem" -CAkey "$T/root.key" -set_serial 99 -days 2000 -extfile "$T/ext" "-$2" -out "$T/sub.pem" 2>/dev/null
}
two basicConstraints=critical,CA:TRUE,pathlen:0 sha256
exits 2 '/root.pem: .*pathLenConstraint' "a root that allows no CA below it" import --cert "$T/sub.pem" --key "$O/private/cakey.pem" --root "$T/root.pem"
two $ca sha1
exits 2 '/sub.pem: .*SHA-1' "a CA that is signed with SHA-1" import --cert "$T/sub.pem" --key "$O/private/cakey.pem" --root "$T/root.pem"
two $ca sha256
exits 0 '' "and one that is as it should be" import --dry-run --cert "$T/sub.pem" --key "$O/private/cakey.pem" --root "$T/root.pem"

# ---- keys under old encryption ----
cp "$T/pass" "$T/pass2" # openssl reads two lines of one file
old="-provider legacy -provider default"
for how in 'pkcs8 -topk8 -v1 PBE-MD5-DES' 'pkcs8 -topk8 -v1 PBE-SHA1-RC2-40' 'pkcs8 -topk8 -v2 des' 'ec -des'; do
	again
	# shellcheck disable=SC2086
	openssl $how $old -in "$M/private/cakey.pem" -passout "file:$T/pass" -out "$O/private/cakey.pem" 2>/dev/null
	exits 2 'openssl .*-provider legacy' "the right passphrase under $how is not called wrong" import "$O" --key-pass "file:$T/pass"
	sed -n 's/.*encrypt it anew: //p' "$T/err" >"$T/command"
	claim "the command that is named" sh -c "cd '$T' && $(cat "$T/command") -passin 'file:$T/pass' -passout 'file:$T/pass2'"
	exits 0 '' "makes a key that is taken" import --dry-run "$O" --key "$T/NEW" --key-pass "file:$T/pass"
done
openssl ec -des3 -in "$M/private/cakey.pem" -passout "file:$T/pass" -out "$O/private/cakey.pem" 2>/dev/null
exits 11 '/cakey.pem' "a wrong one is" import "$O" --key-pass "file:$T/rpass"
exits 0 '' "3DES is read" import --dry-run "$O" --key-pass "file:$T/pass"

# ---- marks, line ends, lines that come twice ----
again
printf '\357\273\277' | cat - "$M/index.txt" >"$O/index.txt"
refused 'line 1: .* \+4 ' "a byte-order mark"
claim "the command that is named" sh -c "cd '$T' && $(sed -n 's/.*remove it: //p' "$T/err")"
cp "$T/NEW" "$O/index.txt"
exits 0 '' "takes it away" import --dry-run "$O"
iconv -t UTF-16 "$M/index.txt" >"$O/index.txt"
refused 'line 1: .*UTF-16' "UTF-16"
claim "the command that is named" sh -c "cd '$T' && $(sed -n 's/.*convert it: //p' "$T/err")"
cp "$T/NEW" "$O/index.txt"
exits 0 '' "makes it UTF-8" import --dry-run "$O"
sed 's/$/\r/' "$M/index.txt" >"$O/index.txt"
exits 0 '' "line ends of Windows" import --dry-run "$O"
sed '2p; 2s/^R\(\t[^\t]*\t\)[^\t]*/V\1/' "$M/index.txt" >"$O/index.txt"
refused 'line 3: .* 02 .*grep -in 02 ' "a serial twice"
finish
