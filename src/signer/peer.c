/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/crl.h"
#include "signer/peer.h"

#define STALL_MS 10000 /* a half-sent frame or an unread answer ends the connection */

struct asked {
	struct ca *ca;
	struct issue_peer *own;
	uint32_t uid;
	const struct message *m;
	const uint8_t *serial; /* where the message has one */
	struct request request;
};

static void
asked_wipe(struct asked *a)
{
	request_wipe(&a->request);
}

static int
put_blob(struct blob *frame, uint8_t tag, const struct blob *b, struct err *err)
{
	return message_put(frame, tag, b->data, b->len, err);
}

/* ---- one function per request: put the reply's fields behind its head ---- */

/* What is empty is not there: of one level there is one certificate and one CRL; of a root whose
 * key never was here no CRL; a long CRL is in pub/, and its hash is told. */
static int
on_ca(const struct asked *a, struct blob *to, struct err *err)
{
	struct ca *ca = a->ca;
	const struct ca_crl *crl = &ca->crls[LOG_ISSUING];
	const struct {
		uint8_t tag;
		const struct blob *b;
	} fields[] = {
	    {TAG_CA_ISSUING, &ca->cert[LOG_ISSUING]},
	    {TAG_CA_ROOT, &ca->cert[LOG_ROOT]},
	    {TAG_CRL_ISSUING, &ca->crl[LOG_ISSUING]},
	    {TAG_CRL_ROOT, &ca->crl[LOG_ROOT]},
	    {TAG_REHEARSAL_ROOT, &ca->rehearsal_root},
	};
	size_t i;
	int rc = crl_renew(ca, a->uid, false, err);

	for (i = 0; rc == 0 && i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].b->len > 0 && !(ca->single && fields[i].tag == TAG_CA_ROOT))
			rc = put_blob(to, fields[i].tag, fields[i].b, err);
	if (rc == 0 && ca->crl[LOG_ISSUING].len == 0)
		rc = message_put(to, TAG_CRL_ISSUING_SHA256, ca->log->sums.crls[LOG_ISSUING].sha256,
		    LOG_HASH_LEN, err);
	if (rc != 0 ||
	    (rc = message_put_number(to, TAG_CRL_NUMBER, (int64_t)crl->number, err)) != 0 ||
	    (rc = message_put_number(to, TAG_CRL_ENTRIES, (int64_t)crl->entries, err)) != 0 ||
	    (rc = message_put_number(to, TAG_CRL_FROM, crl->from, err)) != 0)
		return rc;
	return message_put_number(to, TAG_CRL_UNTIL, crl->until, err);
}

static int
on_prepare(const struct asked *a, struct blob *to, struct err *err)
{
	const struct issue_ask ask = {.form = message_form(a->m->type),
	    .peer = a->uid,
	    .serial = a->serial,
	    .request = &a->request};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	int rc;

	if ((rc = issue_prepare(a->ca, a->own, &ask, &p, err)) != 0 ||
	    ask.form == REQUEST_PRECHECK ||
	    (rc = message_put(to, TAG_SERIAL, p.serial, sizeof(p.serial), err)) != 0 ||
	    (rc = put_blob(to, TAG_TBS, &p.tbs, err)) != 0 ||
	    (rc = message_put_number(to, TAG_CERT_LEN_MAX, (int64_t)p.cert_len_max, err)) != 0 ||
	    (rc = message_put_number(to, TAG_NOT_BEFORE, p.not_before, err)) != 0)
		return rc;
	return message_put_number(to, TAG_NOT_AFTER, p.not_after, err);
}

static int
on_sign(const struct asked *a, struct blob *to, struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	const int rc = issue_sign(a->ca, a->own, a->uid, a->serial, &cert, err);

	return rc != 0 ? rc : put_blob(to, TAG_CERT, &cert, err);
}

static int
on_find(const struct asked *a, struct blob *to, struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	char profile[RULES_NAME_MAX + 1];
	int rc;

	if ((rc = issue_find(a->ca, a->serial, &cert, profile, err)) != 0 ||
	    (rc = put_blob(to, TAG_CERT, &cert, err)) != 0)
		return rc;
	return message_put(to, TAG_TEXT, profile, strlen(profile), err);
}

static int
on_revoke(const struct asked *a, struct blob *to, struct err *err)
{
	const struct message_field *serial = message_get(a->m, TAG_ANY_SERIAL),
				   *cert = message_get(a->m, TAG_CERT);
	int rc;

	(void)to;
	if (cert != NULL && (rc = issue_take(a->ca, a->uid, cert->data, cert->len, err)) != 0)
		return rc;
	return issue_revoke(
	    a->ca, a->uid, serial->data, serial->len, message_number(a->m, TAG_REASON), err);
}

static int
on_crl(const struct asked *a, struct blob *to, struct err *err)
{
	(void)to;
	return crl_renew(a->ca, a->uid, true, err);
}

static int
on_forbid(const struct asked *a, struct blob *to, struct err *err)
{
	bool was_signed;
	const int rc = issue_forbid(
	    a->ca, a->uid, a->serial, message_number(a->m, TAG_REASON), &was_signed, err);

	return rc != 0 ? rc : message_put_number(to, TAG_SIGNED, was_signed, err);
}

static int
on_tell(const struct asked *a, struct blob *to, struct err *err)
{
	const struct signer_audit *known = &a->ca->log->sums.audit;
	const int64_t rows = message_number(a->m, TAG_AUDIT_ROWS);
	int rc;

	a->own->audit.rows = rows < 0 ? 0 : (uint64_t)rows;
	memcpy(a->own->audit.head, message_get(a->m, TAG_AUDIT_HEAD)->data, LOG_HASH_LEN);
	if ((rc = message_put_number(to, TAG_AUDIT_ROWS, (int64_t)known->rows, err)) != 0)
		return rc;
	return message_put(to, TAG_AUDIT_HEAD, known->head, LOG_HASH_LEN, err);
}

static int
on_root_crl(const struct asked *a, struct blob *to, struct err *err)
{
	(void)to;
	return crl_root_renew(a->ca, a->uid, err);
}

static int
on_renew_issuing(const struct asked *a, struct blob *to, struct err *err)
{
	(void)to;
	return issue_issuing(a->ca, a->uid, err);
}

static const struct {
	int (*answer)(const struct asked *a, struct blob *to, struct err *err);
	bool looks; /* needs no key, and changes nothing */
} table[] = {
    [MESSAGE_CA] = {on_ca, false},
    [MESSAGE_PREPARE] = {on_prepare, true},
    [MESSAGE_SIGN] = {on_sign, false},
    [MESSAGE_FIND] = {on_find, true},
    [MESSAGE_REVOKE] = {on_revoke, false},
    [MESSAGE_PRECHECK] = {on_prepare, true},
    [MESSAGE_CRL] = {on_crl, false},
    [MESSAGE_ROOT_CRL] = {on_root_crl, false},
    [MESSAGE_SOFTWARE] = {on_prepare, true},
    [MESSAGE_RENEW] = {on_prepare, true},
    [MESSAGE_RENEW_ISSUING] = {on_renew_issuing, false},
    [MESSAGE_FORBID] = {on_forbid, false},
    [MESSAGE_TELL] = {on_tell, true},
};

static int
answer_by_table(const struct asked *a, struct blob *to, struct err *err)
{
	if (a->ca->key == NULL && !table[a->m->type].looks)
		return err_set(err, ERR_CA, "this signer has no key: it only looks");
	return table[a->m->type].answer(a, to, err);
}

/* ---- frames ---- */

static int
finish(struct blob *frame, const struct signer_times *times, struct blob *ret)
{
	int rc;

	if ((rc = message_put_number(frame, TAG_KDF_NS, times->kdf_ns, NULL)) != 0 ||
	    (rc = message_put_number(frame, TAG_FSYNC_NS, times->fsync_ns, NULL)) != 0 ||
	    (rc = message_put_number(frame, TAG_WAIT_NS, times->wait_ns, NULL)) != 0)
		return rc;
	message_end(frame);
	blob_move(ret, frame);
	return 0;
}

static int
answer_hello(const struct signer_times *times, struct blob *ret_frame)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	int rc;

	if ((rc = message_begin(&frame, MESSAGE_HELLO, NULL)) != 0 ||
	    (rc = message_put_number(&frame, TAG_VERSION, MESSAGE_VERSION, NULL)) != 0)
		return rc;
	return finish(&frame, times, ret_frame);
}

int
peer_error(
    int code, const struct err *why, const struct signer_times *times, struct blob *ret_frame)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	int rc;

	if ((rc = message_begin(&frame, MESSAGE_ERROR, NULL)) != 0 ||
	    (rc = message_put_number(&frame, TAG_CODE, code, NULL)) != 0 ||
	    (rc = message_put(&frame, TAG_TEXT, why->text, strlen(why->text), NULL)) != 0)
		return rc;
	return finish(&frame, times, ret_frame);
}

static int
answer_request(struct ca *ca, struct issue_peer *own, uint32_t uid, const struct message *m,
    struct signer_times *times, struct blob *ret_frame)
{
	CLEAN(asked_wipe) struct asked a = {.ca = ca, .own = own, .uid = uid, .m = m};
	const struct message_field *serial = message_get(m, TAG_SERIAL);
	const int64_t before = file_fsync_ns;
	CLEAN(blob_wipe) struct blob frame = {0};
	struct err err = ERR_INIT;
	int rc;

	if (m->type >= sizeof(table) / sizeof(table[0]) || table[m->type].answer == NULL)
		return ERR_INTERNAL;
	a.serial = serial == NULL ? NULL : serial->data;
	ca->audit = own->audit;
	if ((rc = message_request(m, &a.request, &err)) == 0 &&
	    (rc = message_begin(&frame, message_reply(m->type), &err)) == 0)
		rc = answer_by_table(&a, &frame, &err);
	ca->audit = (struct signer_audit){0};
	times->fsync_ns += file_fsync_ns - before;
	return rc == 0 ? finish(&frame, times, ret_frame) : peer_error(rc, &err, times, ret_frame);
}

/* ---- the connection ---- */

int
peer_new(int fd, const struct signer_times *times, struct signer_peer **ret, struct err *err)
{
	CLEAN(peer_freep) struct signer_peer *s = calloc(1, sizeof(*s));
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
		return err_errno(err, ERR_INTERNAL, "cannot find out which user connects");
	s->uid = cred.uid;
	if ((rc = answer_hello(&s->times, &s->out)) != 0)
		return err_set(err, rc, "out of memory");
	*ret = TAKE(s);
	return 0;
}

void
peer_freep(struct signer_peer **s)
{
	if (*s == NULL)
		return;
	close((*s)->fd);
	free((*s)->body);
	blob_wipe(&(*s)->out);
	issue_peer_wipe(&(*s)->own);
	free(*s);
	*s = NULL;
}

short
peer_events(const struct signer_peer *s)
{
	return s->out.len > 0 ? POLLOUT : POLLIN;
}

/* Something moved, or nothing is half done. */
static void
touch(struct signer_peer *s)
{
	const bool half = s->have > 0 || s->out.len > 0;

	s->stalled_ns = half ? utc_monotonic_ns() : 0;
}

static int
send_some(struct signer_peer *s)
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
refuse(struct signer_peer *s, const char *why)
{
	struct err err = ERR_INIT;

	/* where the next frame begins is no longer known */
	s->last = true;
	return peer_error(err_set(&err, ERR_USAGE, "the signer was asked %s", why), &err, &s->times,
		   &s->out) == 0
		   ? 0
		   : -1;
}

static int
answer(struct signer_peer *s, struct ca *ca)
{
	struct message m;
	int rc;

	if (message_parse(s->body, s->len, &m) != 0 || !MESSAGE_IS_REQUEST(m.type))
		rc = refuse(s, "for something that is not a request");
	else
		rc = answer_request(ca, &s->own, s->uid, &m, &s->times, &s->out) == 0 ? 0 : -1;
	free(s->body);
	s->body = NULL;
	s->have = s->len = 0;
	return rc;
}

static int
start_body(struct signer_peer *s)
{
	if ((s->len = message_len(s->head, MESSAGE_REQUEST_MAX)) == 0)
		return refuse(s, "with an invalid length");
	return (s->body = malloc(s->len)) == NULL ? -1 : 0;
}

static int
receive_some(struct signer_peer *s, struct ca *ca)
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
peer_step(struct signer_peer *s, struct ca *ca, short revents)
{
	const int64_t since = s->stalled_ns;

	if (since != 0 && utc_monotonic_ns() - since > STALL_MS * INT64_C(1000000))
		return -1;
	if (s->out.len > 0)
		return (revents & (POLLOUT | POLLERR | POLLHUP)) != 0 ? send_some(s) : 0;
	return (revents & (POLLIN | POLLERR | POLLHUP)) != 0 ? receive_some(s, ca) : 0;
}
