# openssl s_client logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@
#if NOMODULE
# the module was not found on this machine; Debian installs it at @MODULE@
#end
#if DEBIAN12
# once: sudo apt install openssl opensc-pkcs11 libengine-pkcs11-openssl
#else
# once: sudo apt install openssl opensc-pkcs11 pkcs11-provider
#end
url=@URL@
ca=@CA@ # who issued the server's certificate
#if PINFILE
# The file with the PIN must not end with a newline, which would be a part of
# the PIN and cost a try: umask 077; printf %s PIN >FILE
#end
host=@HOST@
port=@PORT@
cat >piv.crt <<'EOF'
@PEM@
EOF
#if DEBIAN12
export PKCS11_MODULE_PATH=@MODULE@
#else
export PKCS11_PROVIDER_MODULE=@MODULE@
#end
printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$host" |
	openssl s_client -connect "$host:$port" -servername "$host" -CAfile "$ca" -verify_return_error -quiet \
#if DEBIAN12
	-engine pkcs11 -keyform engine -cert piv.crt -key '@URI@;id=%01;type=private@PIN@'
#else
	-provider default -provider pkcs11 -cert piv.crt -key '@URI@;id=%01;type=private@PIN@'
#end
