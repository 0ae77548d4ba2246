/* SPDX-License-Identifier: BSD-2-Clause */
/* client_text: the scripts themselves; doc/clients.md tells why they are as they are. OpenSC's
 * module throughout: Yubico's leaves errors in OpenSSL's queue, which its callers take for theirs.
 */
#include "relying/client.h"

/* clang-format off */
#define HEAD(what) \
"# " what " logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@\n" \
"M|# the module was not found on this machine; Debian installs it at @MODULE@\n"
#define WHERE \
"url=@URL@\n" \
"ca=@CA@ # who issued the server's certificate\n"
#define PIN_FILE \
"P|# The file with the PIN must not end with a newline, which would be a part of\n" \
"P|# the PIN and cost a try: umask 077; printf %s PIN >FILE\n"
#define HOST \
"host=@HOST@\n" \
"port=@PORT@\n"
#define CERT_FILE \
"cat >piv.crt <<'EOF'\n" \
"@PEM@" \
"EOF\n"
/* By way of p11-kit's proxy, its default, openssl(1) ends with a segmentation fault. */
#define PROVIDER_MODULE \
"3|export PKCS11_PROVIDER_MODULE=@MODULE@\n"
#define REQUEST \
"printf 'GET / HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n' \"$host\" |\n"

static const char curl[] =
HEAD("curl")
"2|# once: sudo apt install curl opensc-pkcs11 libengine-pkcs11-openssl\n"
"3|# once: sudo apt install curl opensc-pkcs11 pkcs11-provider\n"
WHERE PIN_FILE PROVIDER_MODULE
"2|curl -f --cacert \"$ca\" --cert '@URI@;id=%01@PIN@' \"$url\"\n"
"3|curl -f --cacert \"$ca\" --cert-type PROV --key-type PROV \\\n"
"3|	--cert '@URI@;id=%01;type=cert' --key '@URI@;id=%01;type=private@PIN@' \"$url\"\n";

static const char openssl[] =
HEAD("openssl s_client")
"2|# once: sudo apt install openssl opensc-pkcs11 libengine-pkcs11-openssl\n"
"3|# once: sudo apt install openssl opensc-pkcs11 pkcs11-provider\n"
WHERE PIN_FILE HOST CERT_FILE
"2|export PKCS11_MODULE_PATH=@MODULE@\n"
PROVIDER_MODULE
REQUEST
"	openssl s_client -connect \"$host:$port\" -servername \"$host\" -CAfile \"$ca\" -verify_return_error -quiet \\\n"
"2|	-engine pkcs11 -keyform engine -cert piv.crt -key '@URI@;id=%01;type=private@PIN@'\n"
"3|	-provider default -provider pkcs11 -cert piv.crt -key '@URI@;id=%01;type=private@PIN@'\n";

static const char gnutls[] =
HEAD("gnutls-cli")
"# once: sudo apt install gnutls-bin opensc-pkcs11\n"
WHERE PIN_FILE HOST REQUEST
"	gnutls-cli --x509cafile \"$ca\" --x509certfile '@URI@;id=%01;type=cert' \\\n"
"	--x509keyfile '@URI@;id=%01;type=private@PIN@' -p \"$port\" \"$host\"\n";

static const char python[] =
HEAD("Python")
"2|# Debian 12's ssl and requests cannot use a token; its curl for Python can.\n"
"2|# once: sudo apt install python3-pycurl opensc-pkcs11\n"
"3|# once: sudo apt install python3-requests openssl opensc-pkcs11 pkcs11-provider\n"
WHERE PIN_FILE
"2|python3 - \"$url\" \"$ca\" <<'EOF'\n"
"2A|import getpass, urllib.parse\n"
"2|import pycurl, sys\n"
"2|token = '@URI@;id=%01'\n"
"2P|pin = '@PIN@'\n"
"2A|pin = ';pin-value=' + urllib.parse.quote(getpass.getpass('PIN: '), safe='')\n"
"2|c = pycurl.Curl()\n"
"2|c.setopt(c.URL, sys.argv[1])\n"
"2|c.setopt(c.CAINFO, sys.argv[2])\n"
"2|c.setopt(c.SSLCERT, token + ';type=cert')\n"
"2|c.setopt(c.SSLKEY, token + ';type=private' + pin)\n"
"2|c.setopt(c.FAILONERROR, True)\n"
"2|c.perform()\n"
"2|EOF\n"
"3P|pin_file=@PINFILE@\n"
"3A|# OpenSSL reads the PIN from a file in memory that only you can read.\n"
"3A|pin_file=${XDG_RUNTIME_DIR:?}/piv-pin\n"
"3A|printf 'PIN: ' >&2; stty -echo; IFS= read -r pin; stty echo; echo >&2\n"
"3A|(umask 077; printf %s \"$pin\" >\"$pin_file\")\n"
"3|cat >piv.crt <<'EOF'\n"
"3|@PEM@EOF\n"
"3|cat >piv.cnf <<EOF\n"
"3|openssl_conf = init\n"
"3|[init]\n"
"3|providers = providers\n"
"3|[providers]\n"
"3|default = default_section\n"
"3|pkcs11 = pkcs11_section\n"
"3|[default_section]\n"
"3|activate = 1\n"
"3|[pkcs11_section]\n"
"3|activate = 1\n"
"3|pkcs11-module-path = @MODULE@\n"
"3|pkcs11-module-token-pin = file:$pin_file\n"
"3|pkcs11-module-encode-provider-uri-to-pem = true\n"
"3|pkcs11-module-load-behavior = early\n"
"3|EOF\n"
"3|export OPENSSL_CONF=\"$PWD/piv.cnf\"\n"
"3|openssl pkey -in '@URI@;id=%01;type=private' -out piv.pem # not the key: its address\n"
"3|python3 - \"$url\" \"$ca\" <<'EOF'\n"
"3|import requests, sys\n"
"3|r = requests.get(sys.argv[1], cert=('piv.crt', 'piv.pem'), verify=sys.argv[2])\n"
"3|r.raise_for_status()\n"
"3|print(r.text)\n"
"3|EOF\n"
"3A|rm -f \"$pin_file\"\n";

#define NSS(db) \
"[ -e \"$" db "/cert9.db\" ] || { mkdir -p \"$" db "\" && certutil -d sql:\"$" db "\" -N --empty-password; }\n" \
"modutil -dbdir sql:\"$" db "\" -list OpenSC >/dev/null 2>&1 ||\n" \
"	modutil -dbdir sql:\"$" db "\" -add OpenSC -libfile @MODULE@ -force </dev/null\n" \
"certutil -d sql:\"$" db "\" -A -n 'CA of the server' -t C,, -i \"$ca\"\n"

static const char firefox[] =
HEAD("Firefox")
"# once: sudo apt install firefox-esr opensc-pkcs11 libnss3-tools\n"
"# Close Firefox first. It asks for the PIN, then which certificate to show.\n"
WHERE
"profile=${profile:-$(ls -d \"$HOME\"/.mozilla/firefox/*.default-esr | head -1)}\n"
NSS("profile")
"firefox-esr --profile \"$profile\" \"$url\"\n";

static const char chromium[] =
HEAD("Chromium")
"# once: sudo apt install chromium opensc-pkcs11 libnss3-tools\n"
"# It asks for the PIN in a window \"Unlock Security Device\".\n"
WHERE
"db=$HOME/.pki/nssdb\n"
"as_root=${as_root-sudo}\n"
NSS("db")
"# Without this it asks each time which certificate to show:\n"
"$as_root mkdir -p /etc/chromium/policies/managed\n"
"$as_root tee /etc/chromium/policies/managed/piv.json >/dev/null <<'EOF'\n"
"{\"AutoSelectCertificateForUrls\":[\"{\\\"pattern\\\":\\\"@PATTERN@\\\",\\\"filter\\\":{\\\"ISSUER\\\":{\\\"CN\\\":\\\"@ISSUER@\\\"}}}\"]}\n"
"EOF\n"
"chromium \"$url\"\n";

static const char p11_kit[] =
HEAD("What uses p11-kit")
"# once: sudo apt install p11-kit gnutls-bin opensc-pkcs11\n"
"# Debian's opensc-pkcs11 tells p11-kit of itself. Where it does not:\n"
"module=${XDG_CONFIG_HOME:-$HOME/.config}/pkcs11/modules/opensc-pkcs11.module # root: in /etc/pkcs11/modules\n"
"[ -e /usr/share/p11-kit/modules/opensc-pkcs11.module ] || {\n"
"	mkdir -p \"${module%/*}\" && echo 'module: @MODULE@' >\"$module\"\n"
"}\n"
"# Leave Yubico's module out: the one card would be two tokens, and programs would\n"
"# not know which one is meant.\n"
"p11tool --list-all-certs '@URI@'\n";
/* clang-format on */

const struct client_text client_texts[] = {
    {"curl", curl},
    {"openssl", openssl},
    {"gnutls-cli", gnutls},
    {"python", python},
    {"firefox", firefox},
    {"chromium", chromium},
    {"p11-kit", p11_kit},
};
const size_t client_texts_n = sizeof(client_texts) / sizeof(client_texts[0]);
