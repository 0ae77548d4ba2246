/* SPDX-License-Identifier: BSD-2-Clause */
/* client_call: one question to the signer, and its answer. */
#include <unistd.h>

#include "signer/client.h"

#define ANSWER_MS 60000 /* a signer with many desks may take its time */

static int
code_of(int64_t n)
{
	const bool known =
	    (n <= ERR_INTERNAL && n >= ERR_BATCH) || n == ERR_HELD || n == ERR_ABSENT;

	return known ? (int)n : ERR_INTERNAL;
}

static int
refused(const struct message *m, struct err *err)
{
	const struct message_field *text = message_get(m, TAG_TEXT);

	return err_set(err, code_of(message_number(m, TAG_CODE)), "%.*s", (int)text->len,
	    (const char *)text->data);
}

int
client_hear(struct signer *s, int timeout_ms, uint8_t type, struct blob *body, struct message *m,
    struct err *err)
{
	int rc;

	if ((rc = message_receive(s->fd, timeout_ms, body, err)) != 0) {
		close(s->fd);
		s->fd = -1;
		return rc;
	}
	if (message_parse(body->data, body->len, m) != 0 ||
	    (m->type != type && m->type != MESSAGE_ERROR))
		return err_set(err, ERR_INTERNAL, "the signer's answer is malformed");
	s->times.kdf_ns = message_number(m, TAG_KDF_NS);
	s->times.fsync_ns = message_number(m, TAG_FSYNC_NS);
	s->times.wait_ns = message_number(m, TAG_WAIT_NS);
	return m->type == type ? 0 : refused(m, err);
}

static int
put_call(struct blob *frame, const struct call *c, struct err *err)
{
	const struct signer_audit *a = c->audit;
	int rc;

	if ((rc = message_begin(frame, (uint8_t)c->type, err)) != 0 ||
	    (c->serial != NULL &&
		(rc = message_put(frame, TAG_SERIAL, c->serial, SIGNER_SERIAL_LEN, err)) != 0) ||
	    (c->reason != NULL &&
		(rc = message_put_number(frame, TAG_REASON, *c->reason, err)) != 0) ||
	    (c->cert != NULL &&
		(rc = message_put(frame, TAG_CERT, c->cert->data, c->cert->len, err)) != 0) ||
	    (a != NULL &&
		(rc = message_put_number(frame, TAG_AUDIT_ROWS, (int64_t)a->rows, err)) != 0) ||
	    (a != NULL &&
		(rc = message_put(frame, TAG_AUDIT_HEAD, a->head, sizeof(a->head), err)) != 0) ||
	    (c->any != NULL &&
		(rc = message_put(frame, TAG_ANY_SERIAL, c->any, c->any_len, err)) != 0) ||
	    (c->request != NULL && (rc = message_put_request(frame, c->request, err)) != 0))
		return rc;
	message_end(frame);
	return 0;
}

int
client_call(
    struct signer *s, const struct call *c, struct blob *body, struct message *m, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	int rc;

	if ((rc = put_call(&frame, c, err)) != 0)
		return rc;
	if (s->fd < 0)
		return err_set(err, ERR_INTERNAL, "the connection to the signer was lost");
	if ((rc = message_write(s->fd, frame.data, frame.len, err)) != 0)
		return rc;
	return client_hear(s, ANSWER_MS, message_reply((uint8_t)c->type), body, m, err);
}
