/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificates of the log in order, from the checkpoint and from what changed since; and a new
 * checkpoint from both. */
#include <stdlib.h>
#include <string.h>

#include "signer/log.h"
#include "signer/log_read.h"

/* Lines that a start may have to read, some 10 us each, besides a part of those that the checkpoint
 * has: writing it takes the longer the more it has. */
#define TAIL_LINES 2048
#define TAIL_PART 32

static int
by_serial(const void *a, const void *b, void *certs)
{
	const struct log_cert *all = certs;

	return memcmp(
	    all[*(const uint32_t *)a].serial, all[*(const uint32_t *)b].serial, LOG_SERIAL_LEN);
}

static int
next_base(struct log_walk *w, struct err *err)
{
	const int rc = log_base_read(&w->base, &w->from_base, err);

	w->have_base = rc == 1;
	return rc < 0 ? rc : 0;
}

int
log_walk_begin(const struct log *log, struct log_walk *w, struct err *err)
{
	size_t i;
	int rc;

	*w = (struct log_walk){.log = log};
	if (log->n > 0 && (w->order = reallocarray(NULL, log->n, sizeof(*w->order))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	for (i = 0; i < log->n; i++)
		w->order[i] = (uint32_t)i;
	if (log->n > 0)
		qsort_r(w->order, log->n, sizeof(*w->order), by_serial, log->certs);
	if ((rc = log_base_read_begin(&log->base, &w->base, err)) == 0)
		rc = next_base(w, err);
	if (rc != 0)
		log_walk_end(w);
	return rc;
}

int
log_walk_next(struct log_walk *w, struct log_cert *ret, struct err *err)
{
	const struct log_cert *changed =
	    w->next < w->log->n ? &w->log->certs[w->order[w->next]] : NULL;
	int order = changed == NULL ? -1 : 1;

	if (changed == NULL && !w->have_base)
		return 0;
	if (changed != NULL && w->have_base)
		order = memcmp(w->from_base.serial, changed->serial, LOG_SERIAL_LEN);
	*ret = order < 0 ? w->from_base : *changed;
	/* in both: what changed is newer */
	w->next += order >= 0;
	if (order <= 0 && next_base(w, err) != 0)
		return ERR_INTERNAL;
	return 1;
}

void
log_walk_end(struct log_walk *w)
{
	log_base_read_end(&w->base);
	free(w->order);
	*w = (struct log_walk){0};
}

/* ---- the checkpoint ---- */

static int
write_all(const struct log *log, const char *path, struct err *err)
{
	CLEAN(log_base_writer_freep) struct log_base_writer *to = NULL;
	CLEAN(log_walk_end) struct log_walk walk = {0};
	struct log_cert c;
	int rc;

	if ((rc = log_base_write_begin(path, &log->sums, &to, err)) != 0 ||
	    (rc = log_walk_begin(log, &walk, err)) != 0)
		return rc;
	while ((rc = log_walk_next(&walk, &c, err)) == 1)
		if ((rc = log_base_write(to, &c, err)) != 0)
			return rc;
	return rc != 0 ? rc : log_base_write_end(to, err);
}

int
log_settle(struct log *log, struct err *err)
{
	struct log_base base;
	struct log_sums sums;
	char path[PATH_MAX];
	int rc;

	if (log->failed || log->read_only)
		return err_set(err, ERR_INTERNAL, "no checkpoint is made of this log");
	if ((rc = log_state_path(log, path, err)) != 0 || (rc = write_all(log, path, err)) != 0)
		return rc;
	log_base_open(path, &base, &sums);
	if (base.fd < 0 || memcmp(sums.head, log->sums.head, sizeof(sums.head)) != 0) {
		log_base_close(&base);
		return err_set(err, ERR_INTERNAL, "%s is not what was written", path);
	}
	log_base_close(&log->base);
	log->base = base;
	log->n = 0;
	log_index_wipe(&log->index);
	return 0;
}

/* That it fails is no reason to stop: the log has everything. */
void
log_settle_some(struct log *log)
{
	if (log->sums.lines - log->base.lines >= TAIL_LINES + log->base.lines / TAIL_PART)
		(void)!log_settle(log, NULL);
}
