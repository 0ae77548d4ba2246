# curl logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@
#if NOMODULE
# the module was not found on this machine; Debian installs it at @MODULE@
#end
#if DEBIAN12
# once: sudo apt install curl opensc-pkcs11 libengine-pkcs11-openssl
#else
# once: sudo apt install curl opensc-pkcs11 pkcs11-provider
#end
url=@URL@
ca=@CA@ # who issued the server's certificate
#if PINFILE
# The file with the PIN must not end with a newline, which would be a part of
# the PIN and cost a try: umask 077; printf %s PIN >FILE
#end
#if DEBIAN12
curl -f --cacert "$ca" --cert '@URI@;id=%01@PIN@' "$url"
#else
export PKCS11_PROVIDER_MODULE=@MODULE@
curl -f --cacert "$ca" --cert-type PROV --key-type PROV \
	--cert '@URI@;id=%01;type=cert' --key '@URI@;id=%01;type=private@PIN@' "$url"
#end
