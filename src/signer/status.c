/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utc.h"
#include "signer/ca_home.h"
#include "signer/log.h"
#include "ykenroll/signer_status.h"

#define CONVERT_MS 60000 /* so long a signer that converts the log may take */

struct signer_status {
	struct log *log;
};

/* A home of a former release has no database yet. */
static int
convert(const char *home, struct err *err)
{
	const struct log_who who = {.now = utc_now(), .peer = (uint32_t)geteuid()};
	const struct ca_name dir = ca_name(home, CA_DIR);
	int lock = -1, rc;

	if (!log_convert_due(dir.at))
		return 0;
	if ((rc = ca_lock(home, CONVERT_MS, &lock, err)) != 0)
		return rc;
	rc = log_convert(dir.at, &who, err);
	close(lock);
	return rc;
}

/* There is a log that can be opened. */
static int
ready(const char *home, struct err *err)
{
	const int rc = ca_there(home, err);

	return rc != 0 ? rc : convert(home, err);
}

int
signer_status_open(const char *home, struct signer_status **ret, struct err *err)
{
	CLEAN(signer_status_closep) struct signer_status *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = ready(home, err)) != 0 ||
	    (rc = log_open_view(ca_name(home, CA_LOG).at, &s->log, err)) != 0)
		return rc;
	*ret = TAKE(s);
	return 0;
}

void
signer_status_closep(struct signer_status **s)
{
	if (*s == NULL)
		return;
	log_closep(&(*s)->log);
	free(*s);
	*s = NULL;
}

int
signer_status_refresh(struct signer_status *s, struct err *err)
{
	struct log *log = NULL;
	int rc;

	if ((rc = log_refresh(s->log, err)) != ERR_ABSENT)
		return rc;
	if ((rc = log_open_view(s->log->path, &log, err)) != 0)
		return rc;
	log_closep(&s->log);
	s->log = log;
	return 0;
}

int
signer_status_copy(struct signer_status *s, const char *path, struct err *err)
{
	return db_copy(s->log->db, path, err);
}

static struct signer_log
summary(const struct log_sums *sums)
{
	struct signer_log l = {.lines = (uint64_t)sums->at.n,
	    .certs = (uint64_t)sums->certs,
	    .open = (uint64_t)sums->open,
	    .crl_number = sums->crls[LOG_ISSUING].number,
	    .last_time = sums->last_time,
	    .audit = sums->audit};

	memcpy(l.head, sums->at.hash, sizeof(l.head));
	return l;
}

struct signer_log
signer_status_log(const struct signer_status *s)
{
	return summary(&s->log->sums);
}

static enum signer_status_what
what(const struct log_cert *c)
{
	if (c->ca != LOG_ISSUING)
		return STATUS_UNKNOWN;
	if (c->revoked_at != 0)
		return STATUS_REVOKED;
	return c->state == LOG_SIGNED ? STATUS_GOOD : STATUS_RESERVED;
}

int
signer_status_find(const struct signer_status *s, const uint8_t *serial, size_t len,
    struct signer_status_cert *ret, struct err *err)
{
	struct signer_status_cert answer = {.what = STATUS_UNKNOWN};
	struct log_cert c;
	const int rc = log_find(s->log, serial, len, &c, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (rc == 0 && (answer.what = what(&c)) != STATUS_UNKNOWN) {
		answer.reason = (enum signer_reason)c.reason;
		answer.revoked_at = c.revoked_at;
		answer.not_after = c.not_after;
	}
	*ret = answer;
	return 0;
}

int
signer_status_subject(const struct signer_status *s, const uint8_t *serial, size_t len,
    char ret[static X509_TEXT_MAX], struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct cert_info info = {.subject = ""};
	const char *text;
	struct log_cert c;
	int rc;

	ret[0] = '\0';
	if ((rc = log_find(s->log, serial, len, &c, err)) != 0 || c.state != LOG_SIGNED)
		return rc; /* of an abandoned one the row has what was to be signed */
	if (((rc = log_certificate(s->log, &c, &der, err)) != 0 && rc != ERR_ABSENT))
		return rc;
	if (rc == 0 && (rc = cert_read(der.data, der.len, &info, err)) != 0)
		return rc;
	if (der.len == 0 && ((rc = db_query(s->log->db, "SELECT text FROM rows WHERE n = ?",
				  DB_ARGS(DB_I(c.row)), &st, err)) != 0 ||
				(rc = db_step(st, err)) < 0))
		return rc;
	text = der.len == 0 && rc == 1 ? db_col_str(st, 0) : info.subject;
	snprintf(ret, X509_TEXT_MAX, "%s", text == NULL ? "" : text);
	return 0;
}

int
signer_log_verify(const char *home, int (*line)(void *ctx, const char *json, struct err *err),
    void *ctx, struct signer_log *ret, struct err *err)
{
	struct log_sums sums;
	int rc;

	if ((rc = ready(home, err)) != 0 ||
	    (rc = log_verify(ca_name(home, CA_LOG).at, line, ctx, &sums, err)) != 0)
		return rc;
	*ret = summary(&sums);
	return 0;
}
