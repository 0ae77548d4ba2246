/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer/ca_home.h"
#include "signer/client.h"
#include "signer/crl_file.h"
#include "signer/mirror.h"
#include "signer/process.h"

#define HELLO_MS 10000 /* from one that is unlocked already */

/* One whose answer says no more than that it is done. */
static int
done(struct signer *s, const struct call *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;

	return client_call(s, c, &body, &m, err);
}

/* ---- opening ---- */

/* The first word. A signer of another release may mean something else by the same fields. */
static int
hello(struct signer *s, int timeout_ms, struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	int rc;

	if ((rc = client_hear(s, timeout_ms, MESSAGE_HELLO, &body, &m, err)) != 0)
		return rc;
	if (message_number(&m, TAG_VERSION) != MESSAGE_VERSION)
		return err_set(err, ERR_CA,
		    "the signer speaks protocol version %lld and this program version %d; install "
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
				 "no signer is listening at %s; start it, or the ssh tunnel to it",
				 where.path)
			   : 0;
	rc = where_trusted(s->fd, open->home, &where, err);
	return rc != 0 ? rc : hello(s, HELLO_MS, err);
}

/* A child that ended before its first word could not be started, or was killed. */
static int
no_hello(struct signer *s, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "the signer %s",
	    process_reap(&s->pid) == 127 ? "could not be started"
					 : "ended before its key was unlocked");
}

/* Whoever can be asked is asked by the child; and where nobody need be, any word will do. */
static int
can_ask(struct signer_open *how, struct err *err)
{
	enum key_secret kind = KEY_SECRET_PASSPHRASE;

	if (how->ca_pass_spec != NULL)
		return 0;
	if (!how->look && (ca_secret(how->home, &kind, NULL) != 0 || kind != KEY_SECRET_NONE))
		return err_set(err, ERR_PERSON,
		    "the %s is needed; use --ca-pass, or start: ykenroll signer",
		    kind == KEY_SECRET_PIN ? "HSM PIN" : "CA passphrase");
	how->ca_pass_spec = "prompt";
	return 0;
}

static int
open_child(struct signer *s, const struct signer_open *open, struct err *err)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct signer_open how = *open;
	struct sigaction was;
	int rc;

	if ((rc = ca_there(open->home, err)) != 0 || (rc = can_ask(&how, err)) != 0 ||
	    (rc = process_start(&how, &s->fd, &s->pid, err)) != 0)
		return rc;
	/* No limit: a person may be typing. An interrupt is for who asks, and comes back as its
	 * answer. */
	sigaction(SIGINT, &ignore, &was);
	rc = hello(s, -1, err);
	sigaction(SIGINT, &was, NULL);
	return rc != 0 && s->fd < 0 ? no_hello(s, err) : rc;
}

/* One that many may talk to is no place for the root's key. */
static int
nobody_listens(const char *home, struct err *err)
{
	const struct ca_name path = ca_name(home, PROCESS_SOCKET);
	int rc, fd = -1;

	if ((rc = process_connect(path.at, &fd, err)) != 0 || fd < 0)
		return rc;
	close(fd);
	return err_set(err, ERR_CA,
	    "a signer is listening at %s and must not get the root's key: stop it, run this "
	    "again, then start it",
	    path.at);
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
	(void)process_reap(&(*s)->pid);
	free(*s);
	*s = NULL;
}

struct signer_times
signer_times(const struct signer *s)
{
	return s->times;
}

/* ---- the requests ---- */

/* A copy of a field; absent: *ret stays. */
static int
take(const struct message *m, uint8_t tag, struct blob *ret, struct err *err)
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
	const struct ca_name path = ca_name(s->home, CA_PUB "/issuing.crl");
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	if (want == NULL)
		return 0;
	if ((rc = crl_file_from_pem(path.at, NULL, &f, err)) != 0)
		return rc == ERR_ABSENT ? ERR_CA : rc;
	if ((rc = crl_file_hash(&f, hash, err)) != 0)
		return rc;
	if (memcmp(hash, want->data, sizeof(hash)) != 0)
		return err_set(err, ERR_CA,
		    "%s is not the signer's latest CRL, which is too long for a message: copy it "
		    "from the signer's home",
		    path.at);
	return blob_set(ret, f.der, f.len, err);
}

int
signer_ca(struct signer *s, struct signer_ca *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	struct message m;
	int rc;

	if ((rc = client_call(s, &(struct call){.type = MESSAGE_CA}, &body, &m, err)) != 0 ||
	    (rc = take(&m, TAG_CA_ISSUING, &ca.cas[0], err)) != 0 ||
	    (rc = take(&m, TAG_CA_ROOT, &ca.cas[1], err)) != 0 ||
	    (rc = take(&m, TAG_CRL_ISSUING, &ca.crls[0], err)) != 0 ||
	    (rc = take(&m, TAG_CRL_ROOT, &ca.crls[1], err)) != 0 ||
	    (rc = take(&m, TAG_REHEARSAL_ROOT, &ca.rehearsal_root, err)) != 0 ||
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
	CLEAN(blob_wipe) struct blob body = {0};
	CLEAN(signer_ca_wipe) struct signer_ca all = {0};
	const struct message_field *crl, *ca;
	struct crl_info info = {0};
	struct cert_info issuer;
	struct message m;
	int rc;

	/* a desk's pub/ is brought up to date by that */
	if (mirror_wanted(s->home) && (rc = signer_ca(s, &all, err)) != 0)
		return rc;
	if ((rc = client_call(s, &(struct call){.type = MESSAGE_CA}, &body, &m, err)) != 0)
		return rc;
	if (root && (crl = message_get(&m, TAG_CRL_ROOT)) == NULL)
		return err_set(err, ERR_ABSENT, "the root's CRL is not signed here");
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

/* Send it, and take the answer apart. */
static int
prepared(struct signer *s, const struct call *c, struct signer_prepared *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0}, tbs = {0};
	struct message m;
	int rc;

	if ((rc = client_call(s, c, &body, &m, err)) != 0 ||
	    (rc = take(&m, TAG_TBS, &tbs, err)) != 0)
		return rc;
	memcpy(ret->serial, message_get(&m, TAG_SERIAL)->data, sizeof(ret->serial));
	ret->cert_len_max = (size_t)message_number(&m, TAG_CERT_LEN_MAX);
	ret->not_before = message_number(&m, TAG_NOT_BEFORE);
	ret->not_after = message_number(&m, TAG_NOT_AFTER);
	blob_move(&ret->tbs, &tbs);
	return 0;
}

int
signer_precheck(struct signer *s, const struct request *request, struct err *err)
{
	return done(s, &(struct call){.type = MESSAGE_PRECHECK, .request = request}, err);
}

int
signer_prepare(
    struct signer *s, const struct request *request, struct signer_prepared *ret, struct err *err)
{
	return prepared(s, &(struct call){.type = MESSAGE_PREPARE, .request = request}, ret, err);
}

int
signer_prepare_software(
    struct signer *s, const struct request *request, struct signer_prepared *ret, struct err *err)
{
	return prepared(s, &(struct call){.type = MESSAGE_SOFTWARE, .request = request}, ret, err);
}

int
signer_prepare_renewal(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    const struct request *request, struct signer_prepared *ret, struct err *err)
{
	return prepared(s,
	    &(struct call){.type = MESSAGE_RENEW, .serial = serial, .request = request}, ret, err);
}

int
signer_renew_issuing(struct signer *s, struct err *err)
{
	return done(s, &(struct call){.type = MESSAGE_RENEW_ISSUING}, err);
}

int
signer_sign(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN], struct blob *ret_cert,
    struct err *err)
{
	const struct call c = {.type = MESSAGE_SIGN, .serial = serial};
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	const int rc = client_call(s, &c, &body, &m, err);

	return rc != 0 ? rc : take(&m, TAG_CERT, ret_cert, err);
}

int
signer_find(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN], struct blob *ret_cert,
    struct request *ret_said, struct err *err)
{
	const struct call c = {.type = MESSAGE_FIND, .serial = serial};
	CLEAN(blob_wipe) struct blob body = {0};
	const struct message_field *profile;
	struct message m;
	int rc;

	if ((rc = client_call(s, &c, &body, &m, err)) != 0 ||
	    (rc = take(&m, TAG_CERT, ret_cert, err)) != 0 || ret_said == NULL ||
	    (profile = message_get(&m, TAG_TEXT)) == NULL || profile->len == 0)
		return rc;
	return request_put(ret_said, request_field("profile"),
	    &(struct request_value){.data = profile->data, .len = profile->len}, err);
}

int
signer_revoke(struct signer *s, const uint8_t *serial, size_t len, const struct blob *cert,
    enum signer_reason reason, struct err *err)
{
	const int64_t why = reason;
	const struct call c = {
	    .type = MESSAGE_REVOKE, .any = serial, .any_len = len, .cert = cert, .reason = &why};

	return done(s, &c, err);
}

int
signer_forbid(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    enum signer_reason reason, bool *ret_signed, struct err *err)
{
	const int64_t why = reason;
	const struct call c = {.type = MESSAGE_FORBID, .serial = serial, .reason = &why};
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	const int rc = client_call(s, &c, &body, &m, err);

	if (rc == 0)
		*ret_signed = message_number(&m, TAG_SIGNED) != 0;
	return rc;
}

int
signer_crl(struct signer *s, bool root, struct err *err)
{
	return done(s, &(struct call){.type = root ? MESSAGE_ROOT_CRL : MESSAGE_CRL}, err);
}

int
signer_tell(struct signer *s, const struct signer_audit *audit, struct signer_audit *ret_known,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	const int rc =
	    client_call(s, &(struct call){.type = MESSAGE_TELL, .audit = audit}, &body, &m, err);

	if (rc != 0)
		return rc;
	ret_known->rows = (uint64_t)message_number(&m, TAG_AUDIT_ROWS);
	memcpy(ret_known->head, message_get(&m, TAG_AUDIT_HEAD)->data, sizeof(ret_known->head));
	return 0;
}
