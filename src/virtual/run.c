/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "virtual/applet.h"
#include "virtual/ykvirt.h"

/* How often to try a reader that does not listen (yet). */
#define RECONNECT_MS 50

struct run {
	const struct run_config *c;
	struct vkey *v;
	int signal_fd;
	int control_fd;
	int reader_fd;	/* -1: not connected */
	int ready_fd;	/* -1: told already */
	int64_t due_ms; /* when a removed key comes back; 0: not by itself */
};

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
		r->reader_fd = vpcd_connect(r->c->port);
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

static void
serve_reader(struct run *r)
{
	switch (vpcd_serve(r->reader_fd, r->v)) {
	case VPCD_ATR:
		tell_ready(r);
		break;
	case VPCD_CLOSED:
		/* The reader went away, and its power with it. */
		vkey_power(r->v, VKEY_POWER_OFF);
		disconnect(r);
		break;
	case VPCD_REMOVED:
		disconnect(r);
		break;
	case VPCD_SERVED:
		break;
	}
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
run_loop(const struct run_config *c, struct vkey *v, char *msg, size_t msg_len)
{
	struct run r = {.c = c, .v = v, .reader_fd = -1, .ready_fd = c->ready_fd};
	const struct vkey_clock clock = {vwait_system.now_ms, wait_for_key, &r};
	int rc = -1;

	r.control_fd = control_listen(c->state, msg, msg_len);
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
	control_unlink(c->state);
	return rc;
}
