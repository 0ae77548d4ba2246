/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "signer/ca_home.h"
#include "signer/log.h"
#include "ykenroll/signer_status.h"

/* So many lines beyond the checkpoint are a reason to look whether there is a newer one. */
#define TAIL_LINES 100000

struct signer_status {
	struct log *log;
	uint64_t look_again; /* at so many lines */
};

static int
open_log(struct signer_status *s, const char *path, struct err *err)
{
	struct log *log = NULL;
	int rc;

	if ((rc = log_open_view(path, &log, err)) != 0)
		return rc;
	log_closep(&s->log);
	s->log = log;
	s->look_again = log->sums.lines + TAIL_LINES;
	return 0;
}

int
signer_status_open(const char *home, struct signer_status **ret, struct err *err)
{
	CLEAN(signer_status_closep) struct signer_status *s = calloc(1, sizeof(*s));
	char path[PATH_MAX];
	int rc;

	if (s == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = ca_there(home, err)) != 0 || (rc = ca_path(home, CA_LOG, path, err)) != 0 ||
	    (rc = open_log(s, path, err)) != 0)
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
	const int rc = log_refresh(s->log, err);
	char path[PATH_MAX];

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (rc == 0 && s->log->sums.lines < s->look_again)
		return 0;
	memcpy(path, s->log->path, sizeof(path));
	return open_log(s, path, err);
}

uint64_t
signer_status_version(const struct signer_status *s)
{
	return s->log->sums.lines;
}

struct signer_status_marks
signer_status_marks(const struct signer_status *s)
{
	const struct log_sums *sums = &s->log->sums;
	struct signer_status_marks m = {.audit = {.rows = sums->audit.rows},
	    .crl_number = sums->crls[LOG_ISSUING].number,
	    .last_time = sums->last_time};

	memcpy(m.audit.head, sums->audit.head, sizeof(m.audit.head));
	return m;
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
signer_log_verify(const char *home, struct signer_log *ret, struct err *err)
{
	struct log_sums sums;
	char path[PATH_MAX];
	int rc;

	if ((rc = ca_there(home, err)) != 0 || (rc = ca_path(home, CA_LOG, path, err)) != 0 ||
	    (rc = log_verify(path, &sums, err)) != 0)
		return rc;
	*ret = (struct signer_log){.lines = sums.lines,
	    .certs = sums.certs,
	    .open = sums.open,
	    .crl_number = sums.crls[LOG_ISSUING].number,
	    .last_time = sums.last_time};
	memcpy(ret->head, sums.head, sizeof(ret->head));
	return 0;
}
