# What uses p11-kit logs in with token @SERIAL@ (@WHO@); Debian @DEBIAN@
#if NOMODULE
# the module was not found on this machine; Debian installs it at @MODULE@
#end
# once: sudo apt install p11-kit gnutls-bin opensc-pkcs11
# Debian's opensc-pkcs11 tells p11-kit of itself. Where it does not:
module=${XDG_CONFIG_HOME:-$HOME/.config}/pkcs11/modules/opensc-pkcs11.module # root: in /etc/pkcs11/modules
[ -e /usr/share/p11-kit/modules/opensc-pkcs11.module ] || {
	mkdir -p "${module%/*}" && echo 'module: @MODULE@' >"$module"
}
# Leave Yubico's module out: the one card would be two tokens, and programs would
# not know which one is meant.
p11tool --list-all-certs '@URI@'
