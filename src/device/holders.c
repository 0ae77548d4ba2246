/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PC/SC does not tell who has a card. The kernel tells who has the other end of pcscd's sockets:
 * sock_diag(7) gives the inode of each one's peer, and /proc/PID/fd whose inode it is, as far as
 * this user may look. Of other users' processes, and of those that do not let themselves be looked
 * at (ssh-agent), only the name can be read.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/file.h"
#include "device/readers.h"

#define PEERS_MAX 64
#define ANSWER_MAX 32768
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* By /proc/PID/comm, which the kernel cuts at 15 characters; a trailing * stands for anything. */
static const struct {
	const char *name, *fix;
} known[] = {
    {"scdaemon", "gpgconf --kill scdaemon (for good: disable-ccid and pcsc-shared in "
		 "~/.gnupg/scdaemon.conf)"},
    {"yubikey-agent", "systemctl --user stop yubikey-agent"},
    {"pivy-agent", "systemctl --user stop pivy-agent@*"},
    {"ssh-agent", "ssh-add -e MODULE (the PKCS#11 module that ssh-add -s loaded)"},
    {"ssh-pkcs11-help*", "ssh-add -e MODULE (the PKCS#11 module that ssh-add -s loaded)"},
    {"gnome-keyring*", "log out of the desktop session, or stop gnome-keyring-daemon"},
    {"gsd-smartcard", "systemctl --user stop org.gnome.SettingsDaemon.Smartcard.target"},
    {"firefox*", "close Firefox, or unload the module (Settings, Security Devices)"},
    {"thunderbird*", "close Thunderbird, or unload the module (Settings, Security Devices)"},
    {"chrom*", "close the browser, or remove the module: modutil -dbdir sql:$HOME/.pki/nssdb "
	       "-delete NAME"},
    {"ykman*", "wait for it to end, or close it"},
    {"yubioath*", "close Yubico Authenticator"},
    {"authenticator*", "close Yubico Authenticator"},
    {"p11-kit-*", "end the p11-kit server"},
    {"p11_child", "wait for the login to end (sssd)"},
};

static const char *
known_fix(const char *name)
{
	size_t i;

	for (i = 0; i < LEN(known); i++)
		if (fnmatch(known[i].name, name, 0) == 0)
			return known[i].fix;
	return NULL;
}

/* ---- the sockets ---- */

struct peers {
	uint32_t inode[PEERS_MAX];
	bool found[PEERS_MAX]; /* its process is */
	size_t n;
};

static bool
is_pcscd(const char *name, size_t len)
{
	static const char end[] = "/pcscd.comm";
	const size_t n = sizeof(end) - 1;

	while (len > 0 && name[len - 1] == '\0')
		len--;
	return len >= n && memcmp(name + len - n, end, n) == 0;
}

/* One socket: is it an accepted one of pcscd's, and which is its peer? */
static void
take_socket(struct peers *peers, const struct nlmsghdr *h)
{
	const struct unix_diag_msg *msg = NLMSG_DATA(h);
	const char *p = (const char *)(msg + 1), *end = (const char *)h + h->nlmsg_len;
	const struct rtattr *a;
	uint32_t peer = 0;
	bool ours = false;

	for (; (size_t)(end - p) >= sizeof(*a); p += RTA_ALIGN(a->rta_len)) {
		a = (const struct rtattr *)p;
		if (a->rta_len < sizeof(*a) || RTA_ALIGN(a->rta_len) > (size_t)(end - p))
			break;
		if (a->rta_type == UNIX_DIAG_NAME)
			ours = is_pcscd(RTA_DATA(a), RTA_PAYLOAD(a));
		else if (a->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(a) >= sizeof(peer))
			memcpy(&peer, RTA_DATA(a), sizeof(peer));
	}
	if (ours && peer != 0 && peers->n < PEERS_MAX)
		peers->inode[peers->n++] = peer;
}

/* One datagram of the answer; false at its end. */
static bool
take_answer(struct peers *peers, const char *buf, size_t len)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

	for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return false;
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
			take_socket(peers, h);
	}
	return true;
}

static void
find_peers(struct peers *peers)
{
	const struct {
		struct nlmsghdr head;
		struct unix_diag_req req;
	} ask = {
	    .head = {.nlmsg_len = sizeof(ask),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	    .req = {.sdiag_family = AF_UNIX,
		.udiag_states = UINT32_MAX,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER},
	};
	const struct timeval patience = {.tv_sec = 1};
	_Alignas(struct nlmsghdr) char buf[ANSWER_MAX];
	CLEAN(file_closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	ssize_t n;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
	    send(fd, &ask, sizeof(ask), 0) != (ssize_t)sizeof(ask))
		return;
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0 && take_answer(peers, buf, (size_t)n))
		continue;
}

/* ---- the processes ---- */

static bool
read_name(const char *pid, char *ret, size_t size)
{
	char path[32];
	CLEAN(file_closep) int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.10s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (n = read(fd, ret, size - 1)) <= 0)
		return false;
	ret[n - (ret[n - 1] == '\n' ? 1 : 0)] = '\0';
	return true;
}

/* Has the process one of the peers? */
static bool
is_connected(struct peers *peers, const char *pid)
{
	char path[32], target[64];
	CLEAN(file_dir_closep) DIR *dir = NULL;
	const struct dirent *e;
	unsigned long inode;
	bool connected = false;
	size_t i;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.10s/fd", pid);
	if (peers->n == 0 || (dir = opendir(path)) == NULL)
		return false;
	while ((e = readdir(dir)) != NULL) {
		n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (sscanf(target, "socket:[%lu]", &inode) != 1)
			continue;
		for (i = 0; i < peers->n; i++) {
			if (peers->inode[i] != inode)
				continue;
			peers->found[i] = true;
			connected = true;
		}
	}
	return connected;
}

/* Those that are connected, or that are known to use cards and may be. */
static void
look(struct peers *peers, const char *pid, struct device_holder *ret, size_t *n)
{
	struct device_holder one = {.pid = atoi(pid)};

	one.connected = is_connected(peers, pid);
	if (one.pid == (int)getpid() || !read_name(pid, one.name, sizeof(one.name)))
		return;
	one.fix = known_fix(one.name);
	if (one.connected || one.fix != NULL)
		ret[(*n)++] = one;
}

static int
connected_first(const void *a, const void *b)
{
	const struct device_holder *x = a, *y = b;
	const int rx = (x->connected ? 0 : 2) + (x->fix != NULL ? 0 : 1);
	const int ry = (y->connected ? 0 : 2) + (y->fix != NULL ? 0 : 1);

	return rx != ry ? rx - ry : x->pid - y->pid;
}

size_t
device_holders(struct device_holder ret[static DEVICE_HOLDERS_MAX], size_t *ret_hidden)
{
	struct peers peers = {.n = 0};
	CLEAN(file_dir_closep) DIR *proc = opendir("/proc");
	const struct dirent *e;
	size_t n = 0, i;

	find_peers(&peers);
	while (proc != NULL && n < DEVICE_HOLDERS_MAX && (e = readdir(proc)) != NULL)
		if (isdigit((unsigned char)e->d_name[0]))
			look(&peers, e->d_name, ret, &n);
	for (*ret_hidden = 0, i = 0; i < peers.n; i++)
		*ret_hidden += peers.found[i] ? 0 : 1;
	qsort(ret, n, sizeof(ret[0]), connected_first);
	return n;
}

void
holders_text(char *ret, size_t size)
{
	struct device_holder h[DEVICE_HOLDERS_MAX];
	size_t hidden = 0, n = device_holders(h, &hidden), at = 0, i;
	const char *fix = NULL;
	int w;

	ret[0] = '\0';
	for (i = 0; i < n && i < 3 && at < size && (h[i].connected || hidden > 0); i++) {
		w = snprintf(ret + at, size - at, "%s%s%s (pid %d)", i > 0 ? ", " : "",
		    h[i].connected ? "" : "perhaps ", h[i].name, h[i].pid);
		at += w < 0 ? 0 : (size_t)w;
		fix = fix == NULL ? h[i].fix : fix;
	}
	if (at >= size)
		return;
	if (fix != NULL)
		snprintf(ret + at, size - at, "; release it with: %s", fix);
	else if (at == 0)
		snprintf(ret, size,
		    "/proc does not show this user which; run `ykenroll doctor` as root to see it");
}
