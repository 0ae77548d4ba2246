# SPDX-License-Identifier: BSD-2-Clause
# Sourced: a private sshd on the loopback of this lab, of the user that runs this, for the signer's socket.
SSHD=/usr/sbin/sshd
SSH_PORT=2222

sshd_start() { # sshd_start: its pid is in $sshd_pid
	s=$T/ssh
	mkdir -p "$s"
	chmod 700 "$s"
	ssh-keygen -q -t ed25519 -N '' -f "$s/host" && ssh-keygen -q -t ed25519 -N '' -f "$s/id" || return 1
	cp "$s/id.pub" "$s/authorized"
	echo "[127.0.0.1]:$SSH_PORT $(cut -d' ' -f1-2 "$s/host.pub")" >"$s/known"
	cat >"$s/sshd.conf" <<-CONF
		Port $SSH_PORT
		ListenAddress 127.0.0.1
		HostKey $s/host
		AuthorizedKeysFile $s/authorized
		PidFile none
		StrictModes no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		AllowTcpForwarding local
		AllowStreamLocalForwarding local
		MaxSessions 0
	CONF
	if [ "$(id -u)" = 0 ] && [ ! -d /run/sshd ]; then # where it gives its privileges up
		mkdir "$s/run" && mount --rbind /run "$s/run" && mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/sshd || return 1
		for d in "$s"/run/*/; do
			mkdir -p "/run/$(basename "$d")" && mount --rbind "$d" "/run/$(basename "$d")" || return 1
		done
	fi
	$SSHD -f "$s/sshd.conf" -D -e 2>"$s/sshd.log" &
	sshd_pid=$!
	for _ in $(seq 9000); do
		kill -0 $sshd_pid 2>/dev/null || return 1
		grep -q 'Server listening' "$s/sshd.log" && return 0
		sleep 0.2
	done
	return 1
}

tunnel() { # tunnel LOCAL REMOTE: as the manual says; its pid is in $tunnel_pid
	rm -f "$1"
	ssh -F none -N -p $SSH_PORT -i "$T/ssh/id" -o IdentitiesOnly=yes -o UserKnownHostsFile="$T/ssh/known" -o BatchMode=yes \
		-o ExitOnForwardFailure=yes -o StreamLocalBindMask=0177 -o StreamLocalBindUnlink=yes -L "$1:$2" \
		"$(id -un)@127.0.0.1" 2>"$T/ssh/ssh.log" &
	tunnel_pid=$!
	for _ in $(seq 9000); do
		[ -S "$1" ] && return 0
		kill -0 $tunnel_pid 2>/dev/null || return 1
		sleep 0.2
	done
	return 1
}
