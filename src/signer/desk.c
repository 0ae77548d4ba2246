/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/utc.h"
#include "signer/desk.h"

int
desk_new(int fd, const struct answer_times *times, struct desk **ret, struct err *err)
{
	CLEAN(desk_freep) struct desk *s = calloc(1, sizeof(*s));
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int rc;

	if (s == NULL) {
		close(fd);
		return err_set(err, ERR_INTERNAL, "out of memory");
	}
	s->fd = fd;
	s->times = *times;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot tell who connects");
	s->peer = cred.uid;
	if ((rc = answer_hello(&s->times, &s->out)) != 0)
		return err_set(err, rc, "out of memory");
	*ret = TAKE(s);
	return 0;
}

void
desk_freep(struct desk **s)
{
	if (*s == NULL)
		return;
	close((*s)->fd);
	free((*s)->body);
	blob_wipe(&(*s)->out);
	issue_desk_wipe(&(*s)->desk);
	free(*s);
	*s = NULL;
}

short
desk_events(const struct desk *s)
{
	return s->out.len > 0 ? POLLOUT : POLLIN;
}

/* Something moved, or nothing is half done. */
static void
touch(struct desk *s)
{
	const bool half = s->have > 0 || s->out.len > 0;

	s->stalled_ns = half ? utc_monotonic_ns() : 0;
}

static int
send_some(struct desk *s)
{
	const ssize_t n =
	    send(s->fd, s->out.data + s->sent, s->out.len - s->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	s->sent += (size_t)n;
	if (s->sent == s->out.len) {
		blob_wipe(&s->out);
		s->sent = 0;
	}
	touch(s);
	return s->out.len == 0 && s->last ? -1 : 0;
}

static int
refuse(struct desk *s, const char *why)
{
	struct err err = ERR_INIT;

	/* where the next frame begins is no longer known */
	s->last = true;
	return answer_error(err_set(&err, ERR_USAGE, "the signer was asked %s", why), &err,
		   &s->times, &s->out) == 0
		   ? 0
		   : -1;
}

static int
answer(struct desk *s, struct ca *ca)
{
	struct message m;
	int rc;

	if (message_parse(s->body, s->len, &m) != 0 || !MESSAGE_IS_REQUEST(m.type))
		rc = refuse(s, "something that is not a request");
	else
		rc = answer_request(ca, &s->desk, s->peer, &m, &s->times, &s->out) == 0 ? 0 : -1;
	free(s->body);
	s->body = NULL;
	s->have = s->len = 0;
	return rc;
}

static int
start_body(struct desk *s)
{
	if ((s->len = message_len(s->head, MESSAGE_REQUEST_MAX)) == 0)
		return refuse(s, "something of an impossible length");
	return (s->body = malloc(s->len)) == NULL ? -1 : 0;
}

static int
receive_some(struct desk *s, struct ca *ca)
{
	uint8_t *to = s->body == NULL ? s->head + s->have : s->body + s->have - MESSAGE_HEAD;
	const size_t want =
	    s->body == NULL ? MESSAGE_HEAD - s->have : s->len + MESSAGE_HEAD - s->have;
	const ssize_t n = recv(s->fd, to, want, MSG_DONTWAIT);
	int rc = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	s->have += (size_t)n;
	if (s->body == NULL && s->have == MESSAGE_HEAD)
		rc = start_body(s);
	else if (s->body != NULL && s->have == s->len + MESSAGE_HEAD)
		rc = answer(s, ca);
	touch(s);
	return rc;
}

int
desk_step(struct desk *s, struct ca *ca, short revents)
{
	const int64_t since = s->stalled_ns;

	if (since != 0 && utc_monotonic_ns() - since > DESK_STALL_MS * INT64_C(1000000))
		return -1;
	if (s->out.len > 0)
		return (revents & (POLLOUT | POLLERR | POLLHUP)) != 0 ? send_some(s) : 0;
	return (revents & (POLLIN | POLLERR | POLLHUP)) != 0 ? receive_some(s, ca) : 0;
}
