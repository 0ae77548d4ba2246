/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The card's end of the virtual smart card reader's socket. Messages are a big-endian 16-bit length
 * and a payload; a payload of one byte is a control (power off 0, on 1, reset 2, ATR 4), of which
 * only the last is answered. To insert the card is to connect, to remove it is to close.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "virtual/applet.h"
#include "virtual/ykvirt.h"

/* How often to try a reader that does not listen (yet). */
#define RECONNECT_MS 50
#define CTRL_ATR 4 /* below it: enum vkey_power */

/* A reader that stops in the middle of a message is as good as gone. */
#define STALL_SEC 5

struct run {
	struct vkey *v;
	uint16_t port;
	int signal_fd;
	int control_fd;
	int reader_fd;	/* -1: not connected */
	int ready_fd;	/* -1: told already */
	int64_t due_ms; /* when a removed key comes back; 0: not by itself */
};

/* ---- the reader ---- */

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

/* A socket connected to 127.0.0.1, or -1. */
static int
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

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
	return recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len ? 0 : -1;
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

/* ---- the key ---- */

static int64_t
now_ms(void)
{
	return vwait_system.now_ms(NULL);
}

/*
 * While the key waits, signals end the wait and whoever controls it is heard: to take it out, say.
 * The signal itself is left for the loop.
 */
static bool
wait_for_key(void *ctx, unsigned ms)
{
	struct run *r = ctx;
	const int64_t end = now_ms() + ms;

	for (int64_t left = ms; left > 0; left = end - now_ms()) {
		struct pollfd p[2] = {{.fd = r->signal_fd, .events = POLLIN},
		    {.fd = r->control_fd, .events = POLLIN}};

		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return false;
		if (p[0].revents != 0)
			return false;
		if (p[1].revents != 0)
			control_serve(r->control_fd, r->v);
		if (!vkey_present(r->v))
			return false;
	}
	return true;
}

static void
disconnect(struct run *r)
{
	if (r->reader_fd >= 0)
		close(r->reader_fd);
	r->reader_fd = -1;
}

/* What the key's own state asks of the connection, before each wait. */
static void
follow_key(struct run *r)
{
	int back = vkey_back_ms(r->v);

	if (!vkey_present(r->v)) {
		disconnect(r);
		if (back >= 0 && r->due_ms == 0)
			r->due_ms = now_ms() + back;
		if (r->due_ms == 0 || now_ms() < r->due_ms)
			return;
		vkey_insert(r->v);
	}
	r->due_ms = 0;
	if (r->reader_fd < 0)
		r->reader_fd = vpcd_connect(r->port);
}

static int
timeout_ms(const struct run *r)
{
	int64_t left;

	if (vkey_present(r->v))
		return r->reader_fd < 0 ? RECONNECT_MS : -1;
	if (r->due_ms == 0)
		return -1;
	left = r->due_ms - now_ms();
	return left > 0 ? (int)left : 0;
}

static void
tell_ready(struct run *r)
{
	if (r->ready_fd < 0)
		return;
	(void)!write(r->ready_fd, "ready\n", 6);
	close(r->ready_fd);
	r->ready_fd = -1;
}

/* What became of the reader's message. */
enum served {
	GONE,	 /* the reader is, or it does not keep to the protocol */
	REMOVED, /* the key is */
	SERVED,
};

static enum served
serve_control(struct run *r, uint8_t what)
{
	uint8_t atr[VKEY_ATR_MAX];

	if (what == CTRL_ATR) {
		if (write_message(r->reader_fd, atr, vkey_atr(r->v, atr)) != 0)
			return GONE;
		tell_ready(r);
		return SERVED;
	}
	if (what > VKEY_POWER_RESET)
		return GONE;
	return vkey_power(r->v, (enum vkey_power)what) == VKEY_OK ? SERVED : REMOVED;
}

static enum served
serve_apdu(struct run *r, const uint8_t *in, size_t len)
{
	uint8_t out[VKEY_ANSWER_MAX];
	size_t out_len = 0;
	int rc = vkey_apdu(r->v, in, len, out, sizeof(out), &out_len);

	if (rc == VKEY_REMOVED)
		return REMOVED;
	if (rc != VKEY_OK || write_message(r->reader_fd, out, out_len) != 0)
		return GONE;
	return vkey_present(r->v) ? SERVED : REMOVED;
}

static enum served
serve_message(struct run *r)
{
	uint8_t head[2], in[0x10000];
	size_t len;

	if (read_all(r->reader_fd, head, sizeof(head)) != 0)
		return GONE;
	len = (size_t)head[0] << 8 | head[1];
	if (len == 0 || read_all(r->reader_fd, in, len) != 0)
		return GONE;
	return len == 1 ? serve_control(r, in[0]) : serve_apdu(r, in, len);
}

static void
serve_reader(struct run *r)
{
	const enum served what = serve_message(r);

	/* The reader went away, and its power with it. */
	if (what == GONE)
		vkey_power(r->v, VKEY_POWER_OFF);
	if (what != SERVED)
		disconnect(r);
}

static int
loop(struct run *r)
{
	for (;;) {
		struct pollfd p[3];

		follow_key(r);
		p[0] = (struct pollfd){.fd = r->signal_fd, .events = POLLIN};
		p[1] = (struct pollfd){.fd = r->control_fd, .events = POLLIN};
		p[2] = (struct pollfd){.fd = r->reader_fd, .events = POLLIN};
		if (poll(p, 3, timeout_ms(r)) < 0 && errno != EINTR)
			return -1;
		if (p[0].revents != 0)
			return 0;
		if (p[2].revents != 0)
			serve_reader(r);
		if (p[1].revents != 0)
			control_serve(r->control_fd, r->v);
	}
}

static int
catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int
run_loop(struct vkey *v, const char *state, uint16_t port, int ready_fd, char *msg, size_t msg_len)
{
	struct run r = {.v = v, .port = port, .reader_fd = -1, .ready_fd = ready_fd};
	const struct vkey_clock clock = {vwait_system.now_ms, wait_for_key, &r};
	int rc = -1;

	r.control_fd = control_listen(state, msg, msg_len);
	if (r.control_fd < 0)
		return -1;
	r.signal_fd = catch_signals();
	vkey_set_clock(v, &clock);
	if (r.signal_fd < 0 || (rc = loop(&r)) != 0)
		snprintf(msg, msg_len, "%s", strerror(errno));
	disconnect(&r);
	vkey_set_clock(v, NULL);
	if (r.signal_fd >= 0)
		close(r.signal_fd);
	close(r.control_fd);
	control_unlink(state);
	return rc;
}
