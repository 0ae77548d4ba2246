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
case $(command -v chromium) in '' | */snap/bin/*)
	echo 'Chromium is not there; one from snap or Flatpak does not see the module: sudo apt install chromium' >&2
	false
	;;
*)
	{ [ -e "$db/cert9.db" ] || { mkdir -p "$db" && certutil -d sql:"$db" -N --empty-password; }; } &&
		{ grep -qsx name=OpenSC "$db/pkcs11.txt" ||
			modutil -dbdir sql:"$db" -add OpenSC -libfile @MODULE@ -force </dev/null; } &&
		certutil -d sql:"$db" -A -n 'CA of the server' -t C,, -i "$ca" &&
		# Without this it asks each time which certificate to show:
		$as_root mkdir -p /etc/chromium/policies/managed &&
		$as_root tee /etc/chromium/policies/managed/piv.json >/dev/null <<'EOF' &&
{"AutoSelectCertificateForUrls":["{\"pattern\":\"@PATTERN@\",\"filter\":{\"ISSUER\":{\"CN\":\"@ISSUER@\"}}}"]}
EOF
		chromium "$url"
	;;
esac
