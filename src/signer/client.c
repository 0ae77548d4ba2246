/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/ca_home.h"
#include "signer/client.h"
#include "signer/crl_file.h"
#include "signer/mirror.h"
#include "signer/where.h"
#include "signer/process.h"

#define ANSWER_MS 60000 /* a signer with many desks may take its time */
#define HELLO_MS 10000	/* from one that is unlocked already */

struct signer {
	char home[PATH_MAX / 2];
	int fd;	   /* -1: the connection is lost */
	pid_t pid; /* of the one we started, or 0 */
	struct signer_times times;
};

/* ---- hearing ---- */

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
	CLEAN(blob_wipe) struct blob text = {0};
	int rc;

	if ((rc = message_text(m, TAG_TEXT, &text, err)) != 0)
		return rc;
	return err_set(err, code_of(message_number(m, TAG_CODE)), "%s", (const char *)text.data);
}

/* The next frame, which must be of this type; *m points into *body. */
static int
hear(struct signer *s, int timeout_ms, uint8_t type, struct blob *body, struct message *m,
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
		return err_set(err, ERR_INTERNAL, "the signer's answer cannot be understood");
	s->times.kdf_ns = message_number(m, TAG_KDF_NS);
	s->times.fsync_ns = message_number(m, TAG_FSYNC_NS);
	s->times.wait_ns = message_number(m, TAG_WAIT_NS);
	return m->type == type ? 0 : refused(m, err);
}

int
client_ask(struct signer *s, struct blob *frame, uint8_t type, struct blob *body, struct message *m,
    struct err *err)
{
	int rc;

	message_end(frame);
	if (s->fd < 0)
		return err_set(err, ERR_INTERNAL, "the connection to the signer was lost");
	if ((rc = message_send(s->fd, frame, err)) != 0)
		return rc;
	return hear(s, ANSWER_MS, type, body, m, err);
}

/* reason: -1, none is asked for. */
static int
ask_serial(struct signer *s, uint8_t request, const uint8_t *serial, int reason, uint8_t reply,
    struct blob *body, struct message *m, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	int rc;

	if ((rc = message_begin(&frame, request, err)) != 0 ||
	    (rc = message_put(&frame, TAG_SERIAL, serial, SIGNER_SERIAL_LEN, err)) != 0 ||
	    (reason >= 0 && (rc = message_put_number(&frame, TAG_REASON, reason, err)) != 0))
		return rc;
	return client_ask(s, &frame, reply, body, m, err);
}

/* ---- opening ---- */

/* The first word. A signer of another release may mean something else by the same fields. */
static int
hello(struct signer *s, int timeout_ms, struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	int rc;

	if ((rc = hear(s, timeout_ms, MESSAGE_HELLO, &body, &m, err)) != 0)
		return rc;
	if (message_number(&m, TAG_VERSION) != MESSAGE_VERSION)
		return err_set(err, ERR_CA,
		    "the signer speaks version %lld of the protocol and this program %d; install "
		    "the same release on both sides",
		    (long long)message_number(&m, TAG_VERSION), MESSAGE_VERSION);
	return 0;
}

static int
open_socket(struct signer *s, const struct signer_open *open, struct err *err)
{
	struct where where;
	int rc;

	if ((rc = where_find(open, &where, err)) != 0 ||
	    (rc = process_connect(where.path, &s->fd, err)) != 0)
		return rc;
	if (s->fd < 0)
		return where.elsewhere
			   ? err_set(err, ERR_CA,
				 "no signer listens at %s; start it, or the ssh that leads to it",
				 where.path)
			   : 0;
	rc = where_trusted(s->fd, open->home, &where, err);
	return rc != 0 ? rc : hello(s, HELLO_MS, err);
}

/* A child that ended before its first word could not be started, or was killed. */
static int
no_hello(struct signer *s, struct err *err)
{
	int status = 0;

	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, ERR_INTERNAL, "the signer could not be started");
	return err_set(err, ERR_INTERNAL, "the signer ended before it was unlocked");
}

/* Whoever can be asked is asked by the child; and where nobody need be, any word will do. */
static int
can_ask(struct signer_open *how, struct err *err)
{
	enum key_secret kind = KEY_SECRET_PASSPHRASE;

	if (how->ca_pass_spec != NULL)
		return 0;
	if (ca_secret(how->home, &kind, NULL) != 0 || kind != KEY_SECRET_NONE)
		return err_set(err, ERR_PERSON,
		    "the %s is needed; give --ca-pass, or start: ykenroll signer",
		    kind == KEY_SECRET_PIN ? "HSM PIN" : "CA passphrase");
	how->ca_pass_spec = "prompt";
	return 0;
}

static int
open_child(struct signer *s, const struct signer_open *open, struct err *err)
{
	struct signer_open how = *open;
	int rc;

	if ((rc = ca_there(open->home, err)) != 0 || (rc = can_ask(&how, err)) != 0 ||
	    (rc = process_start(&how, &s->fd, &s->pid, err)) != 0)
		return rc;
	/* no limit: a person may be typing */
	rc = hello(s, -1, err);
	return rc != 0 && s->fd < 0 ? no_hello(s, err) : rc;
}

/* One that many may talk to is no place for the root's key. */
static int
nobody_listens(const char *home, struct err *err)
{
	char path[PATH_MAX];
	int rc, fd = -1;

	if ((rc = ca_path(home, PROCESS_SOCKET, path, err)) != 0 ||
	    (rc = process_connect(path, &fd, err)) != 0 || fd < 0)
		return rc;
	close(fd);
	return err_set(err, ERR_CA,
	    "a signer listens at %s, and the root's key is not for it: stop it, run this again, "
	    "then start it",
	    path);
}

int
signer_open(const struct signer_open *open, struct signer **ret, struct err *err)
{
	CLEAN(signer_closep) struct signer *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	s->fd = -1;
	if (strlen(open->home) >= sizeof(s->home))
		return err_set(err, ERR_USAGE, "path too long: %s", open->home);
	memcpy(s->home, open->home, strlen(open->home) + 1);
	rc = open->root ? nobody_listens(open->home, err) : open_socket(s, open, err);
	if (rc != 0)
		return rc;
	if (s->fd < 0 && (rc = open_child(s, open, err)) != 0)
		return rc;
	*ret = TAKE(s);
	return 0;
}

void
signer_closep(struct signer **s)
{
	if (*s == NULL)
		return;
	if ((*s)->fd >= 0)
		close((*s)->fd);
	/* it ends when its connection does */
	while ((*s)->pid > 0 && waitpid((*s)->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(*s);
	*s = NULL;
}

struct signer_times
signer_times(const struct signer *s)
{
	return s->times;
}

/* ---- the requests ---- */

int
client_take(const struct message *m, uint8_t tag, struct blob *ret, struct err *err)
{
	const struct message_field *f = message_get(m, tag);

	return f == NULL ? 0 : blob_set(ret, f->data, f->len, err);
}

/* A CRL of some hundred thousand entries is no message: it is in pub/, and the signer says which.
 */
static int
take_long_crl(const struct signer *s, const struct message *m, struct blob *ret, struct err *err)
{
	const struct message_field *want = message_get(m, TAG_CRL_ISSUING_SHA256);
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	if (want == NULL)
		return 0;
	if ((rc = ca_path(s->home, CA_PUB "/issuing.crl", path, err)) != 0 ||
	    (rc = crl_file_from_pem(path, tmp == NULL ? "/tmp" : tmp, &f, err)) != 0)
		return rc == ERR_ABSENT ? ERR_CA : rc;
	if ((rc = crl_file_hash(&f, hash, err)) != 0)
		return rc;
	if (memcmp(hash, want->data, sizeof(hash)) != 0)
		return err_set(err, ERR_CA,
		    "%s is not the signer's latest CRL; it is too long for a message: copy it from "
		    "the signer's home",
		    path);
	return blob_set(ret, f.der, f.len, err);
}

int
signer_ca(struct signer *s, struct signer_ca *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	struct message m;
	int rc;

	if ((rc = message_begin(&frame, MESSAGE_CA, err)) != 0 ||
	    (rc = client_ask(s, &frame, MESSAGE_CA_IS, &body, &m, err)) != 0 ||
	    (rc = client_take(&m, TAG_CA_ISSUING, &ca.cas[0], err)) != 0 ||
	    (rc = client_take(&m, TAG_CA_ROOT, &ca.cas[1], err)) != 0 ||
	    (rc = client_take(&m, TAG_CRL_ISSUING, &ca.crls[0], err)) != 0 ||
	    (rc = client_take(&m, TAG_CRL_ROOT, &ca.crls[1], err)) != 0 ||
	    (rc = client_take(&m, TAG_REHEARSAL_ROOT, &ca.rehearsal_root, err)) != 0 ||
	    (rc = take_long_crl(s, &m, &ca.crls[0], err)) != 0)
		return rc;
	ca.n = ca.cas[1].len > 0 ? 2 : 1;
	ca.n_crls = ca.crls[1].len > 0 ? 2 : 1;
	if ((rc = mirror_pub(s->home, &ca, err)) != 0)
		return rc;
	signer_ca_wipe(ret);
	*ret = ca;
	memset(&ca, 0, sizeof(ca));
	return 0;
}

int
signer_crl_state(struct signer *s, bool root, struct crl_info *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	CLEAN(signer_ca_wipe) struct signer_ca all = {0};
	const struct message_field *crl, *ca;
	struct crl_info info = {0};
	struct cert_info issuer;
	struct message m;
	int rc;

	/* a desk's pub/ is brought up to date by that */
	if (mirror_wanted(s->home) && (rc = signer_ca(s, &all, err)) != 0)
		return rc;
	if ((rc = message_begin(&frame, MESSAGE_CA, err)) != 0 ||
	    (rc = client_ask(s, &frame, MESSAGE_CA_IS, &body, &m, err)) != 0)
		return rc;
	if (root && (crl = message_get(&m, TAG_CRL_ROOT)) == NULL)
		return err_set(err, ERR_ABSENT, "the root's CRL is not made here");
	if (root)
		return crl_read(crl->data, crl->len, ret, err);
	ca = message_get(&m, TAG_CA_ISSUING);
	if ((rc = cert_read(ca->data, ca->len, &issuer, err)) != 0)
		return rc;
	info.number = (uint64_t)message_number(&m, TAG_CRL_NUMBER);
	info.entries = (size_t)message_number(&m, TAG_CRL_ENTRIES);
	info.this_update = message_number(&m, TAG_CRL_FROM);
	info.next_update = message_number(&m, TAG_CRL_UNTIL);
	memcpy(info.issuer, issuer.subject, sizeof(info.issuer));
	*ret = info;
	return 0;
}

int
signer_take_any(struct signer *s, const uint8_t *serial, size_t len, int reason, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	struct message m;
	int rc;

	if ((rc = message_begin(&frame, MESSAGE_TAKE_ANY, err)) != 0 ||
	    (rc = message_put_number(&frame, TAG_REASON, reason, err)) != 0 ||
	    (rc = message_put(&frame, TAG_ANY_SERIAL, serial, len, err)) != 0)
		return rc;
	return client_ask(s, &frame, MESSAGE_DONE, &body, &m, err);
}

void
signer_ca_wipe(struct signer_ca *ca)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		blob_wipe(&ca->cas[i]);
		blob_wipe(&ca->crls[i]);
	}
	blob_wipe(&ca->rehearsal_root);
}

void
signer_prepared_wipe(struct signer_prepared *p)
{
	blob_wipe(&p->tbs);
}

static int
ask_cert(struct signer *s, uint8_t request, const uint8_t *serial, struct blob *ret_cert,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	int rc;

	if ((rc = ask_serial(s, request, serial, -1, MESSAGE_CERT, &body, &m, err)) != 0)
		return rc;
	return client_take(&m, TAG_CERT, ret_cert, err);
}

int
signer_sign(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN], struct blob *ret_cert,
    struct err *err)
{
	return ask_cert(s, MESSAGE_SIGN, serial, ret_cert, err);
}

int
signer_find(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN], struct blob *ret_cert,
    struct err *err)
{
	return ask_cert(s, MESSAGE_FIND, serial, ret_cert, err);
}

int
signer_revoke(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    enum signer_reason reason, struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;

	return ask_serial(s, MESSAGE_REVOKE, serial, (int)reason, MESSAGE_DONE, &body, &m, err);
}

int
signer_release(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN], struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;

	return ask_serial(s, MESSAGE_RELEASE, serial, -1, MESSAGE_DONE, &body, &m, err);
}

int
signer_forbid(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    enum signer_reason reason, bool *ret_signed, struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	int rc;

	if ((rc = ask_serial(
		 s, MESSAGE_FORBID, serial, (int)reason, MESSAGE_FORBIDDEN, &body, &m, err)) != 0)
		return rc;
	*ret_signed = message_number(&m, TAG_SIGNED) != 0;
	return 0;
}

int
signer_crl(struct signer *s, bool root, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	struct message m;
	int rc;

	if ((rc = message_begin(&frame, root ? MESSAGE_ROOT_CRL : MESSAGE_CRL, err)) != 0)
		return rc;
	return client_ask(s, &frame, MESSAGE_DONE, &body, &m, err);
}

#define AUDIT_ROWS_LEN 8

int
signer_tell(struct signer *s, const struct signer_audit *audit, struct signer_audit *ret_known,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	uint8_t field[AUDIT_ROWS_LEN + sizeof(audit->head)];
	struct signer_audit known = {0};
	const struct message_field *f;
	struct message m;
	size_t i;
	int rc;

	for (i = 0; i < AUDIT_ROWS_LEN; i++)
		field[i] = (uint8_t)(audit->rows >> (8 * (AUDIT_ROWS_LEN - 1 - i)));
	memcpy(field + AUDIT_ROWS_LEN, audit->head, sizeof(audit->head));
	if ((rc = message_begin(&frame, MESSAGE_TELL, err)) != 0 ||
	    (rc = message_put(&frame, TAG_AUDIT, field, sizeof(field), err)) != 0 ||
	    (rc = client_ask(s, &frame, MESSAGE_TOLD, &body, &m, err)) != 0)
		return rc;
	if ((f = message_get(&m, TAG_AUDIT)) != NULL) {
		for (i = 0; i < AUDIT_ROWS_LEN; i++)
			known.rows = known.rows << 8 | f->data[i];
		memcpy(known.head, f->data + AUDIT_ROWS_LEN, sizeof(known.head));
	}
	*ret_known = known;
	return 0;
}
