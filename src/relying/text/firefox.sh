# Firefox logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@
#if NOMODULE
# the module was not found on this machine; Debian installs it at @MODULE@
#end
# once: sudo apt install firefox-esr opensc-pkcs11 libnss3-tools
# Close Firefox first. It asks for the PIN, then which certificate to show.
url=@URL@
ca=@CA@ # who issued the server's certificate
profile=${profile:-$(ls -d "$HOME"/.mozilla/firefox/*.default-esr | head -1)}
[ -e "$profile/cert9.db" ] || { mkdir -p "$profile" && certutil -d sql:"$profile" -N --empty-password; }
modutil -dbdir sql:"$profile" -list OpenSC >/dev/null 2>&1 ||
	modutil -dbdir sql:"$profile" -add OpenSC -libfile @MODULE@ -force </dev/null
certutil -d sql:"$profile" -A -n 'CA of the server' -t C,, -i "$ca"
firefox-esr --profile "$profile" "$url"
