/* SPDX-License-Identifier: BSD-2-Clause */
/* All of the log, line by line, beside what the signer works with. */
#include <string.h>
#include <unistd.h>

#include "signer/log.h"
#include "signer/log_read.h"

static bool
same_cert(const struct log_cert *a, const struct log_cert *b)
{
	return memcmp(a->serial, b->serial, sizeof(a->serial)) == 0 && a->ca == b->ca &&
	       a->state == b->state && a->reason == b->reason && a->released == b->released &&
	       a->revoked_at == b->revoked_at && a->not_after == b->not_after &&
	       a->line_at == b->line_at;
}

static bool
same_sums(const struct log_sums *a, const struct log_sums *b)
{
	size_t i;

	for (i = 0; i < LOG_CAS; i++)
		if (a->crls[i].number != b->crls[i].number ||
		    a->crls[i].signed_number != b->crls[i].signed_number ||
		    memcmp(a->crls[i].sha256, b->crls[i].sha256, LOG_HASH_LEN) != 0)
			return false;
	return a->lines == b->lines && a->end == b->end && a->last_time == b->last_time &&
	       a->certs == b->certs && a->open == b->open && a->stale == b->stale &&
	       a->audit.rows == b->audit.rows &&
	       memcmp(a->audit.head, b->audit.head, LOG_HASH_LEN) == 0 &&
	       memcmp(a->head, b->head, LOG_HASH_LEN) == 0;
}

static int
compare(const struct log *all, const struct log *used, struct err *err)
{
	CLEAN(log_walk_end) struct log_walk a = {0}, b = {0};
	struct log_cert x, y;
	int rc, other;

	if ((rc = log_walk_begin(all, &a, err)) != 0 || (rc = log_walk_begin(used, &b, err)) != 0)
		return rc;
	do {
		if ((rc = log_walk_next(&a, &x, err)) < 0 ||
		    (other = log_walk_next(&b, &y, err)) < 0)
			return ERR_INTERNAL;
		if (rc != other || (rc == 1 && !same_cert(&x, &y)))
			return err_set(err, ERR_CA,
			    "ca/" LOG_STATE
			    " says something else than the issuance log; remove it");
	} while (rc == 1);
	return 0;
}

int
log_verify(const char *path, struct log_sums *ret, struct err *err)
{
	CLEAN(log_closep) struct log *used = NULL, *all = NULL;
	int rc;

	/* the one that is used first: the other may then read more, and is cut there */
	if ((rc = log_open_view(path, &used, err)) != 0 ||
	    (rc = log_open_whole(path, used->sums.end, &all, err)) != 0)
		return rc;
	if (!same_sums(&all->sums, &used->sums))
		return err_set(
		    err, ERR_CA, "ca/" LOG_STATE " does not add up to the issuance log; remove it");
	if ((rc = compare(all, used, err)) != 0)
		return rc;
	*ret = all->sums;
	return 0;
}
