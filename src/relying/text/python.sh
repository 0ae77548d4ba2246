# Python logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@
#if NOMODULE
# the module was not found on this machine; Debian installs it at @MODULE@
#end
#if DEBIAN12
# Debian 12's ssl and requests cannot use a token; its curl for Python can.
# once: sudo apt install python3-pycurl opensc-pkcs11
#else
# once: sudo apt install python3-requests openssl opensc-pkcs11 pkcs11-provider
#end
url=@URL@
ca=@CA@ # who issued the server's certificate
#if PINFILE
# The file with the PIN must not end with a newline, which would be a part of
# the PIN and cost a try: umask 077; printf %s PIN >FILE
#end
#if DEBIAN12
python3 - "$url" "$ca" <<'EOF'
#if ASKED
import getpass, urllib.parse
#end
import pycurl, sys
token = '@URI@;id=%01'
#if PINFILE
pin = '@PIN@'
#else
pin = ';pin-value=' + urllib.parse.quote(getpass.getpass('PIN: '), safe='')
#end
c = pycurl.Curl()
c.setopt(c.URL, sys.argv[1])
c.setopt(c.CAINFO, sys.argv[2])
c.setopt(c.SSLCERT, token + ';type=cert')
c.setopt(c.SSLKEY, token + ';type=private' + pin)
c.setopt(c.FAILONERROR, True)
c.perform()
EOF
#else
#if PINFILE
pin_file=@PINFILE@
#else
# OpenSSL reads the PIN from a file in memory that only you can read.
pin_file=${XDG_RUNTIME_DIR:?}/piv-pin
printf 'PIN: ' >&2; stty -echo; IFS= read -r pin; stty echo; echo >&2
(umask 077; printf %s "$pin" >"$pin_file")
#end
cat >piv.crt <<'EOF'
@PEM@
EOF
cat >piv.cnf <<EOF
openssl_conf = init
[init]
providers = providers
[providers]
default = default_section
pkcs11 = pkcs11_section
[default_section]
activate = 1
[pkcs11_section]
activate = 1
pkcs11-module-path = @MODULE@
pkcs11-module-token-pin = file:$pin_file
pkcs11-module-encode-provider-uri-to-pem = true
pkcs11-module-load-behavior = early
EOF
export OPENSSL_CONF="$PWD/piv.cnf"
openssl pkey -in '@URI@;id=%01;type=private' -out piv.pem # not the key: its address
python3 - "$url" "$ca" <<'EOF'
import requests, sys
r = requests.get(sys.argv[1], cert=('piv.crt', 'piv.pem'), verify=sys.argv[2])
r.raise_for_status()
print(r.text)
EOF
#if ASKED
rm -f "$pin_file"
#end
#end
