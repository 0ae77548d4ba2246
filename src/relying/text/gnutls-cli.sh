# gnutls-cli logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@
#if NOMODULE
# the module was not found on this machine; Debian installs it at @MODULE@
#end
# once: sudo apt install gnutls-bin opensc-pkcs11
url=@URL@
ca=@CA@ # who issued the server's certificate
#if PINFILE
# The file with the PIN must not end with a newline, which would be a part of
# the PIN and cost a try: umask 077; printf %s PIN >FILE
#end
host=@HOST@
port=@PORT@
printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$host" |
	gnutls-cli --x509cafile "$ca" --x509certfile '@URI@;id=%01;type=cert' \
	--x509keyfile '@URI@;id=%01;type=private@PIN@' -p "$port" "$host"
