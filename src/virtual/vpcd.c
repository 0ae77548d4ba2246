/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "virtual/ykvirt.h"

#define CTRL_ATR 4 /* below it: enum vkey_power */

/* A reader that stops in the middle of a message is as good as gone. */
#define STALL_SEC 5

static int
set_options(int fd)
{
	const struct timeval stall = {.tv_sec = STALL_SEC};
	const int one = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
		       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof(stall)) != 0 ||
		       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof(stall)) != 0
		   ? -1
		   : 0;
}

int
vpcd_connect(uint16_t port)
{
	const struct sockaddr_in to = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 || set_options(fd) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * vpcd writes length and payload apart, with Nagle's algorithm on: the payload waits for our
 * acknowledgement, which the kernel delays by 40 ms. The option does not stay set: per read.
 */
static int
read_all(int fd, void *buf, size_t len)
{
	const int one = 1;

	for (size_t got = 0; got < len;) {
		ssize_t n;

		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
		n = recv(fd, (uint8_t *)buf + got, len - got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		got += (size_t)n;
	}
	return 0;
}

static int
write_message(int fd, const uint8_t *payload, size_t len)
{
	uint8_t buf[2 + VKEY_ANSWER_MAX];

	if (len > VKEY_ANSWER_MAX)
		return -1;
	buf[0] = (uint8_t)(len >> 8);
	buf[1] = (uint8_t)len;
	memcpy(buf + 2, payload, len);
	return send(fd, buf, 2 + len, MSG_NOSIGNAL) == (ssize_t)(2 + len) ? 0 : -1;
}

static enum vpcd_event
control(int fd, struct vkey *v, uint8_t what)
{
	uint8_t atr[VKEY_ATR_MAX];

	if (what == CTRL_ATR)
		return write_message(fd, atr, vkey_atr(v, atr)) == 0 ? VPCD_ATR : VPCD_CLOSED;
	if (what > VKEY_POWER_RESET)
		return VPCD_CLOSED;
	return vkey_power(v, (enum vkey_power)what) == VKEY_OK ? VPCD_SERVED : VPCD_REMOVED;
}

static enum vpcd_event
apdu(int fd, struct vkey *v, const uint8_t *in, size_t len)
{
	uint8_t out[VKEY_ANSWER_MAX];
	size_t out_len = 0;
	int rc = vkey_apdu(v, in, len, out, sizeof(out), &out_len);

	if (rc == VKEY_REMOVED)
		return VPCD_REMOVED;
	if (rc != VKEY_OK || write_message(fd, out, out_len) != 0)
		return VPCD_CLOSED;
	return vkey_present(v) ? VPCD_SERVED : VPCD_REMOVED;
}

enum vpcd_event
vpcd_serve(int fd, struct vkey *v)
{
	uint8_t head[2], in[0x10000];
	size_t len;

	if (read_all(fd, head, sizeof(head)) != 0)
		return VPCD_CLOSED;
	len = (size_t)head[0] << 8 | head[1];
	if (len == 0 || read_all(fd, in, len) != 0)
		return VPCD_CLOSED;
	return len == 1 ? control(fd, v, in[0]) : apdu(fd, v, in, len);
}
