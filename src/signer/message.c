/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/utc.h"
#include "signer/message.h"
#include "ykenroll/signer.h"

#define FIELD_HEAD 5
#define CRL_MAX (256u * 1024)	/* bytes; a longer one is read from pub/ */
#define OBJECT_MAX (16u * 1024) /* bytes of a certificate: far more than it needs */

enum kind { NUMBER, BYTES, TEXT };

/* What a field may be, whatever message it is in; the others are numbers. */
static const struct {
	enum kind kind;
	size_t min, max;
} tags[TAG_END] = {
    [TAG_SERIAL] = {BYTES, SIGNER_SERIAL_LEN, SIGNER_SERIAL_LEN},
    [TAG_TBS] = {BYTES, 1, OBJECT_MAX},
    [TAG_CERT] = {BYTES, 1, OBJECT_MAX},
    [TAG_CA_ISSUING] = {BYTES, 1, OBJECT_MAX},
    [TAG_CA_ROOT] = {BYTES, 1, OBJECT_MAX},
    [TAG_CRL_ISSUING] = {BYTES, 1, CRL_MAX},
    [TAG_CRL_ROOT] = {BYTES, 1, CRL_MAX},
    [TAG_REHEARSAL_ROOT] = {BYTES, 1, OBJECT_MAX},
    [TAG_TEXT] = {TEXT, 0, ERR_TEXT_MAX},
    [TAG_CRL_ISSUING_SHA256] = {BYTES, 32, 32},
    [TAG_ANY_SERIAL] = {BYTES, 1, 20},
    [TAG_AUDIT_HEAD] = {BYTES, 32, 32},
};

#define BIT(tag) (UINT64_C(1) << (tag))
#define TIMES (BIT(TAG_KDF_NS) | BIT(TAG_FSYNC_NS) | BIT(TAG_WAIT_NS))

#define AUDIT (BIT(TAG_AUDIT_ROWS) | BIT(TAG_AUDIT_HEAD))

/* Which fields a message must have, which it may have besides, and of a request: what is answered,
 * and what it carries of a struct request. */
static const struct {
	uint8_t type, reply;
	uint64_t must, may;
	enum request_form form;
} types[] = {
    {MESSAGE_CA, MESSAGE_CA_IS, 0, 0, 0},
    {MESSAGE_PREPARE, MESSAGE_PREPARED, 0, 0, REQUEST_PREPARE},
    {MESSAGE_SIGN, MESSAGE_CERT, BIT(TAG_SERIAL), 0, 0},
    {MESSAGE_FIND, MESSAGE_CERT, BIT(TAG_SERIAL), 0, 0},
    {MESSAGE_REVOKE, MESSAGE_DONE, BIT(TAG_REASON) | BIT(TAG_ANY_SERIAL), BIT(TAG_CERT), 0},
    {MESSAGE_PRECHECK, MESSAGE_DONE, 0, 0, REQUEST_PRECHECK},
    {MESSAGE_CRL, MESSAGE_DONE, 0, 0, 0},
    {MESSAGE_ROOT_CRL, MESSAGE_DONE, 0, 0, 0},
    {MESSAGE_SOFTWARE, MESSAGE_PREPARED, 0, 0, REQUEST_SOFTWARE},
    {MESSAGE_RENEW_ISSUING, MESSAGE_DONE, 0, 0, 0},
    {MESSAGE_RENEW, MESSAGE_PREPARED, BIT(TAG_SERIAL), 0, REQUEST_RENEW},
    {MESSAGE_FORBID, MESSAGE_FORBIDDEN, BIT(TAG_SERIAL) | BIT(TAG_REASON), 0, 0},
    {MESSAGE_TELL, MESSAGE_TOLD, AUDIT, 0, 0},
    {MESSAGE_TOLD, 0, TIMES | AUDIT, 0, 0},
    {MESSAGE_HELLO, 0, BIT(TAG_VERSION) | TIMES, 0, 0},
    {MESSAGE_CA_IS, 0,
	BIT(TAG_CA_ISSUING) | BIT(TAG_CRL_NUMBER) | BIT(TAG_CRL_ENTRIES) | BIT(TAG_CRL_FROM) |
	    BIT(TAG_CRL_UNTIL) | TIMES,
	BIT(TAG_CA_ROOT) | BIT(TAG_CRL_ISSUING) | BIT(TAG_CRL_ROOT) | BIT(TAG_REHEARSAL_ROOT) |
	    BIT(TAG_CRL_ISSUING_SHA256),
	0},
    {MESSAGE_PREPARED, 0,
	BIT(TAG_SERIAL) | BIT(TAG_TBS) | BIT(TAG_CERT_LEN_MAX) | BIT(TAG_NOT_BEFORE) |
	    BIT(TAG_NOT_AFTER) | TIMES,
	0, 0},
    {MESSAGE_CERT, 0, BIT(TAG_CERT) | TIMES, BIT(TAG_TEXT), 0},
    {MESSAGE_DONE, 0, TIMES, 0, 0},
    {MESSAGE_FORBIDDEN, 0, BIT(TAG_SIGNED) | TIMES, 0, 0},
    {MESSAGE_ERROR, 0, BIT(TAG_CODE) | BIT(TAG_TEXT) | TIMES, 0, 0},
};

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
put32(uint8_t *p, size_t n)
{
	int i;

	for (i = 3; i >= 0; i--, n >>= 8)
		p[i] = (uint8_t)(n & 0xff);
}

/* The row of types, or -1. */
static int
row_of(uint8_t type)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return (int)i;
	return -1;
}

uint8_t
message_reply(uint8_t type)
{
	const int row = row_of(type);

	return row < 0 ? 0 : types[row].reply;
}

enum request_form
message_form(uint8_t type)
{
	const int row = row_of(type);

	return row < 0 ? 0 : types[row].form;
}

static int64_t
field_number(const struct message_field *f)
{
	return (int64_t)((uint64_t)get32(f->data) << 32 | get32(f->data + 4));
}

static const struct request_field *
by_tag(uint8_t tag)
{
	const struct request_field *all;
	size_t n, i;

	all = request_fields(&n);
	for (i = 0; i < n; i++)
		if (tag > TAG_REQUEST && all[i].tag == tag - TAG_REQUEST)
			return &all[i];
	return NULL;
}

/* What is not given is left out, so that there is one way to say it. */
static int
request_field_ok(enum request_form form, const struct message_field *f)
{
	const struct request_field *field = by_tag(f->tag);

	if (field == NULL || (field->forms & form) == 0)
		return -1;
	if (request_is_number(field))
		return f->len == MESSAGE_NUMBER_LEN && field_number(f) != 0 ? 0 : -1;
	if (field->kind == REQUEST_BYTES)
		return f->len == field->size ? 0 : -1;
	return f->len >= 1 && f->len <= REQUEST_NAMES_MAX ? 0 : -1;
}

static int
field_ok(const struct message_field *f)
{
	if (f->tag >= TAG_END)
		return -1;
	if (tags[f->tag].kind == NUMBER)
		return f->len == MESSAGE_NUMBER_LEN ? 0 : -1;
	if (f->len < tags[f->tag].min || f->len > tags[f->tag].max)
		return -1;
	if (tags[f->tag].kind == TEXT && f->len > 0 && memchr(f->data, 0, f->len) != NULL)
		return -1;
	return 0;
}

static int
next_field(const uint8_t *body, size_t len, size_t *at, uint8_t after, enum request_form form,
    struct message_field *ret)
{
	struct message_field f;

	if (len - *at < FIELD_HEAD)
		return -1;
	f.tag = body[*at];
	f.len = get32(body + *at + 1);
	*at += FIELD_HEAD;
	if (f.tag <= after || f.len > len - *at)
		return -1;
	f.data = body + *at;
	*at += f.len;
	*ret = f;
	return f.tag >= TAG_REQUEST ? request_field_ok(form, &f) : field_ok(&f);
}

int
message_parse(const uint8_t *body, size_t len, struct message *ret)
{
	const int row = len < 1 ? -1 : row_of(body[0]);
	struct message m = {0};
	uint64_t have = 0;
	uint8_t tag = 0;
	size_t at = 1;

	if (row < 0)
		return -1;
	m.type = body[0];
	while (at < len) {
		if (m.n == MESSAGE_FIELDS ||
		    next_field(body, len, &at, tag, types[row].form, &m.fields[m.n]) != 0)
			return -1;
		tag = m.fields[m.n++].tag;
		have |= tag < TAG_REQUEST ? BIT(tag) : 0;
	}
	if ((have & types[row].must) != types[row].must ||
	    (have & ~(types[row].must | types[row].may)) != 0)
		return -1;
	*ret = m;
	return 0;
}

const struct message_field *
message_get(const struct message *m, uint8_t tag)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->fields[i].tag == tag)
			return &m->fields[i];
	return NULL;
}

int64_t
message_number(const struct message *m, uint8_t tag)
{
	const struct message_field *f = message_get(m, tag);

	return f == NULL ? 0 : field_number(f);
}

int
message_request(const struct message *m, struct request *ret, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < m->n; i++) {
		const struct message_field *f = &m->fields[i];
		const struct request_field *field = by_tag(f->tag);
		struct request_value v = {.data = f->data, .len = f->len};

		if (field == NULL)
			continue;
		if (request_is_number(field))
			v.number = field_number(f);
		if ((rc = request_put(ret, field, &v, err)) != 0)
			return rc;
	}
	return 0;
}

int
message_begin(struct blob *frame, uint8_t type, struct err *err)
{
	uint8_t head[MESSAGE_HEAD + 1] = {0};

	head[MESSAGE_HEAD] = type;
	return blob_set(frame, head, sizeof(head), err);
}

static int
put_raw(struct blob *frame, uint8_t tag, const void *data, size_t len, struct err *err)
{
	uint8_t head[FIELD_HEAD];
	int rc;

	head[0] = tag;
	put32(head + 1, len);
	if ((rc = blob_append(frame, head, sizeof(head), err)) != 0)
		return rc;
	return blob_append(frame, data, len, err);
}

int
message_put(struct blob *frame, uint8_t tag, const void *data, size_t len, struct err *err)
{
	if (tags[tag].kind != NUMBER && (len < tags[tag].min || len > tags[tag].max))
		return err_set(err, ERR_USAGE,
		    "a field for the signer has %zu bytes (%zu to %zu are allowed)", len,
		    tags[tag].min, tags[tag].max);
	return put_raw(frame, tag, data, len, err);
}

int
message_put_number(struct blob *frame, uint8_t tag, int64_t n, struct err *err)
{
	uint8_t raw[MESSAGE_NUMBER_LEN];

	put32(raw, (uint64_t)n >> 32);
	put32(raw + 4, (uint64_t)n & 0xffffffff);
	return put_raw(frame, tag, raw, sizeof(raw), err);
}

int
message_put_request(struct blob *frame, const struct request *request, struct err *err)
{
	const enum request_form form = message_form(frame->data[MESSAGE_HEAD]);
	const struct request_field *all;
	size_t n, i;
	int rc = 0;

	all = request_fields(&n);
	for (i = 0; i < n && rc == 0; i++) {
		const struct request_value v = request_get(request, &all[i]);
		const uint8_t tag = (uint8_t)(TAG_REQUEST + all[i].tag);

		if ((all[i].forms & form) == 0 || !request_given(request, &all[i]))
			continue;
		rc = request_is_number(&all[i]) ? message_put_number(frame, tag, v.number, err)
						: put_raw(frame, tag, v.data, v.len, err);
	}
	return rc;
}

void
message_end(struct blob *frame)
{
	put32(frame->data, frame->len - MESSAGE_HEAD);
}

size_t
message_len(const uint8_t head[static MESSAGE_HEAD], size_t max)
{
	const size_t n = get32(head);

	return n >= 1 && n <= max ? n : 0;
}

int
message_write(int fd, const void *data, size_t len, struct err *err)
{
	const uint8_t *p = data;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(fd, p + done, len - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_INTERNAL, "cannot send to the signer");
		done += (size_t)n;
	}
	return 0;
}

static int
wait_readable(int fd, int64_t deadline_ns, struct err *err)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left = -1;
	int r;

	for (;;) {
		if (deadline_ns >= 0)
			left = (deadline_ns - utc_monotonic_ns()) / 1000000;
		if (deadline_ns >= 0 && left <= 0)
			return err_set(err, ERR_INTERNAL, "the signer does not answer");
		r = poll(&p, 1, (int)left);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return err_errno(err, ERR_INTERNAL, "cannot wait for the signer");
	}
}

static int
receive_exact(int fd, int64_t deadline_ns, uint8_t *to, size_t len, struct err *err)
{
	size_t done = 0;
	ssize_t n;
	int rc;

	while (done < len) {
		if ((rc = wait_readable(fd, deadline_ns, err)) != 0)
			return rc;
		n = recv(fd, to + done, len - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_INTERNAL, "cannot receive from the signer");
		if (n == 0)
			return err_set(err, ERR_INTERNAL,
			    "the signer, or the ssh tunnel to it, ended without an answer; run this again when it is there");
		done += (size_t)n;
	}
	return 0;
}

int
message_read(int fd, void *to, size_t len, struct err *err)
{
	return receive_exact(fd, -1, to, len, err);
}

int
message_receive(int fd, int timeout_ms, struct blob *ret_body, struct err *err)
{
	const int64_t deadline =
	    timeout_ms < 0 ? -1 : utc_monotonic_ns() + (int64_t)timeout_ms * 1000000;
	CLEAN(blob_wipe) struct blob b = {0};
	uint8_t head[MESSAGE_HEAD];
	size_t len;
	int rc;

	if ((rc = receive_exact(fd, deadline, head, sizeof(head), err)) != 0)
		return rc;
	if ((len = message_len(head, MESSAGE_REPLY_MAX)) == 0)
		return err_set(err, ERR_INTERNAL, "the signer's answer has an invalid length");
	if ((b.data = malloc(len)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = receive_exact(fd, deadline, b.data, len, err)) != 0)
		return rc; /* b.len is 0: nothing of it is wiped, nothing of it is secret */
	b.len = len;
	blob_move(ret_body, &b);
	return 0;
}
