# Chromium logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@
#if NOMODULE
# the module was not found on this machine; Debian installs it at @MODULE@
#end
# once: sudo apt install chromium opensc-pkcs11 libnss3-tools
# It asks for the PIN in a window "Unlock Security Device".
url=@URL@
ca=@CA@ # who issued the server's certificate
db=$HOME/.pki/nssdb
as_root=${as_root-sudo}
[ -e "$db/cert9.db" ] || { mkdir -p "$db" && certutil -d sql:"$db" -N --empty-password; }
modutil -dbdir sql:"$db" -list OpenSC >/dev/null 2>&1 ||
	modutil -dbdir sql:"$db" -add OpenSC -libfile @MODULE@ -force </dev/null
certutil -d sql:"$db" -A -n 'CA of the server' -t C,, -i "$ca"
# Without this it asks each time which certificate to show:
$as_root mkdir -p /etc/chromium/policies/managed
$as_root tee /etc/chromium/policies/managed/piv.json >/dev/null <<'EOF'
{"AutoSelectCertificateForUrls":["{\"pattern\":\"@PATTERN@\",\"filter\":{\"ISSUER\":{\"CN\":\"@ISSUER@\"}}}"]}
EOF
chromium "$url"
