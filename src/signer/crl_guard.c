/* SPDX-License-Identifier: BSD-2-Clause */
/* Servers that get an older or shorter CRL than the one that they have let somebody in again. */
#include <string.h>

#include "base/text.h"
#include "signer/crl.h"

struct guarding {
	const struct log *log;
	const struct crl_plan *plan;
	struct db_stmt *walk;
	struct log_cert next;
	bool more;
	size_t lost;
	uint8_t first[LOG_SERIAL_LEN];
};

static void
guarding_wipe(struct guarding *g)
{
	db_donep(&g->walk);
}

/* The next one that will be listed. */
static int
advance(struct guarding *g, struct err *err)
{
	const int rc = log_walk_next(g->walk, &g->next, err);

	g->more = rc == 1;
	return rc < 0 ? rc : 0;
}

/* Not where it should be in the order, or not as it should be: it is missing, or only on hold, or
 * that CRL was not in order. */
static int
look_up(struct guarding *g, const struct crl_entry *e, struct err *err)
{
	struct log_cert c;
	int rc = log_find(g->log, e->serial, sizeof(e->serial), &c, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (rc == 0 && c.ca == g->plan->ca && !crl_entry_firmer(e, &c) &&
	    (c.revoked_at != 0 || c.released))
		return 0; /* listed, expired long ago, or released */
	if (g->lost++ == 0)
		memcpy(g->first, e->serial, sizeof(g->first));
	return 0;
}

static int
compare(struct guarding *g, struct crl_scan *old, struct err *err)
{
	struct crl_entry e;
	int rc, order;

	if ((rc = crl_walk(g->log, g->plan, &g->walk, err)) != 0 || (rc = advance(g, err)) != 0)
		return rc;
	while ((rc = crl_scan_next(old, &e, err)) == 1) {
		while (g->more && (order = memcmp(g->next.serial, e.serial, LOG_SERIAL_LEN)) < 0)
			if ((rc = advance(g, err)) != 0)
				return rc;
		if (g->more && order == 0 && !crl_entry_firmer(&e, &g->next))
			continue;
		if ((rc = look_up(g, &e, err)) != 0)
			return rc;
	}
	return rc;
}

static int
loses(const struct guarding *g, const char *path, const char *from, struct err *err)
{
	char hex[2 * LOG_SERIAL_LEN + 1];
	const char *p = hex;

	text_hex(g->first, LOG_SERIAL_LEN, hex);
	while (p[0] == '0' && p[1] == '0' && p[2] != '\0')
		p += 2;
	return err_set(err, ERR_CA,
	    "%s lists %zu revoked certificate%s that %s (the first: %s), and a new CRL would make "
	    "them valid again",
	    path, g->lost, g->lost == 1 ? "" : "s", from, p);
}

int
crl_guard_scan(const struct log *log, const struct crl_plan *plan, struct crl_scan *old,
    const char *path, const char *from, struct err *err)
{
	CLEAN(guarding_wipe) struct guarding g = {.log = log, .plan = plan};
	int rc;

	if ((rc = compare(&g, old, err)) != 0)
		return rc;
	return g.lost == 0 ? 0 : loses(&g, path, from, err);
}

int
crl_guard(const struct log *log, const struct crl_plan *plan, const char *path,
    const struct blob *issuer, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	struct crl_scan old;
	int rc;

	if ((rc = crl_file_from_pem(path, plan->dir, &f, err)) != 0)
		return rc == ERR_ABSENT ? 0 : rc;
	if (crl_scan_begin(&f, issuer, &old, NULL) != 0)
		return 0; /* damaged, or of somebody else: it will be replaced */
	if (old.number >= plan->number)
		return err_set(err, ERR_CA,
		    "%s has number %llu but the next CRL would have %llu: the issuance log was "
		    "restored from an old backup; restore the latest one",
		    path, (unsigned long long)old.number, (unsigned long long)plan->number);
	return crl_guard_scan(log, plan, &old, path,
	    "the issuance log does not have as revoked: it was restored from an old backup; "
	    "restore the latest one",
	    err);
}
