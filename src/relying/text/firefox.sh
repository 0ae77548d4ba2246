# Firefox logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@
#if NOMODULE
# the module was not found on this machine; Debian installs it at @MODULE@
#end
# once: sudo apt install firefox-esr opensc-pkcs11 libnss3-tools
# Close Firefox first. It asks for the PIN, then which certificate to show.
url=@URL@
ca=@CA@ # who issued the server's certificate
module=@MODULE@
# The profile that Firefox starts with; or say which one in front of this: profile=DIRECTORY
found=${profile-$(for dir in "${XDG_CONFIG_HOME:-$HOME/.config}/mozilla" "$HOME/.mozilla" \
	"$HOME/snap/firefox/common/.config/mozilla" "$HOME/snap/firefox/common/.mozilla"; do
	cd "$dir/firefox" 2>/dev/null || continue
	{ sed -n '/^\[Install/,/^\[[^I]/s/^Default=//p' profiles.ini | grep . || ls -d *.default-* || ls -d *.default; } 2>/dev/null |
		sort -u | sed "s|^[^/]|$dir/firefox/&|"
done)}
start=$(command -v firefox-esr || echo firefox)
case $found in "$HOME/snap/"*)
	# Its sandbox has a module of its own at the same path, and asks pcscd only when that is allowed.
	echo 'This Firefox is a snap. Once: sudo snap connect firefox:pcscd' >&2
	start='snap run firefox' ;;
esac
case $(printf '%s\n' "$found" | grep -c .) in
1)
	mkdir -p "$found" &&
		{ [ -e "$found/cert9.db" ] || certutil -d sql:"$found" -N --empty-password; } &&
		{ grep -qsx name=OpenSC "$found/pkcs11.txt" ||
			modutil -dbdir sql:"$found" -add OpenSC -libfile "$module" -force </dev/null; } &&
		certutil -d sql:"$found" -A -n 'CA of the server' -t C,, -i "$ca" &&
		$start --profile "$found" "$url"
	;;
0)
	echo 'There is no profile of Firefox. Start it once and close it, or: firefox-esr -CreateProfile default-esr' >&2
	[ ! -d "$HOME/.var/app/org.mozilla.firefox" ] ||
		echo 'The Firefox from Flatpak has no OpenSC in its sandbox and cannot use a token: sudo apt install firefox-esr' >&2
	false
	;;
*)
	printf 'Which profile? Put one of these in front of the script, as profile="…":\n%s\n' "$found" >&2
	false
	;;
esac
