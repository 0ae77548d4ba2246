/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of the issuance log. */
#include <string.h>
#include <sys/stat.h>

#include "signer/log.h"
#include "signer/rules.h"

int
log_find(
    const struct log *log, const uint8_t *serial, size_t len, struct log_cert *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct log_cert c = {0};
	int rc;

	if (log_serial(serial, len, c.serial) != 0)
		return ERR_ABSENT;
	if ((rc = db_query(log->db,
		 "SELECT ca, state, reason, released, revoked_at, not_after, intent, row"
		 " FROM certs WHERE serial = ?",
		 DB_ARGS(DB_B(c.serial, sizeof(c.serial))), &st, err)) != 0 ||
	    (rc = db_step(st, err)) < 0)
		return rc;
	if (rc == 0)
		return ERR_ABSENT;
	c.ca = (uint8_t)db_col_int(st, 0);
	c.state = (uint8_t)db_col_int(st, 1);
	c.reason = (uint8_t)db_col_int(st, 2);
	c.released = db_col_int(st, 3) != 0;
	c.revoked_at = db_col_int(st, 4);
	c.not_after = db_col_int(st, 5);
	c.intent = db_col_int(st, 6);
	c.row = db_col_int(st, 7);
	*ret = c;
	return 0;
}

int
log_certificate(const struct log *log, const struct log_cert *c, struct blob *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_query(log->db, "SELECT data FROM rows WHERE n = ? AND data IS NOT NULL",
		 DB_ARGS(DB_I(c->row)), &st, err)) != 0 ||
	    (rc = db_step(st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_ABSENT,
		    "this certificate was imported from another CA's records without the "
		    "certificate itself");
	return db_col_blob(st, 0, ret, err);
}

int
log_profile(const struct log *log, const struct log_cert *c, char *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	const char *profile;
	int rc;

	if ((rc = db_query(log->db, "SELECT text FROM rows WHERE n = ?", DB_ARGS(DB_I(c->intent)),
		 &st, err)) != 0 ||
	    (rc = db_step(st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_CA,
		    "this certificate was not issued by a profile of this CA; issue a new one");
	profile = db_col_str(st, 0);
	if (profile == NULL || strlen(profile) > RULES_NAME_MAX)
		return err_set(err, ERR_CA, "this certificate has no profile");
	memcpy(ret, profile, strlen(profile) + 1);
	return 0;
}

int
log_walk(const struct log *log, enum log_ca ca, int64_t ended, struct db_stmt **ret_walk,
    struct err *err)
{
	return db_query(log->db,
	    "SELECT serial, reason, revoked_at FROM certs"
	    " WHERE ca = ? AND revoked_at <> 0 AND not_after > ? ORDER BY serial",
	    DB_ARGS(DB_I(ca), DB_I(ended)), ret_walk, err);
}

int
log_walk_next(struct db_stmt *walk, struct log_cert *ret, struct err *err)
{
	int rc;

	if ((rc = db_step(walk, err)) != 1)
		return rc;
	*ret = (struct log_cert){
	    .reason = (uint8_t)db_col_int(walk, 1), .revoked_at = db_col_int(walk, 2)};
	rc = db_col_bytes(walk, 0, ret->serial, sizeof(ret->serial), err);
	return rc != 0 ? rc : 1;
}

int
log_refresh(struct log *log, struct err *err)
{
	const int64_t seen = log->seen;
	struct stat st;
	int rc;

	if (stat(log->path, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot stat the issuance log");
	if (st.st_ino != log->inode)
		return ERR_ABSENT;
	if ((rc = db_int(log->db, "PRAGMA data_version", DB_NO_ARGS, &log->seen, err)) < 0)
		return rc;
	return log->seen == seen ? 0 : log_load(log, err);
}

/* ---- all of it ---- */

static int
verify_row(void *ctx, struct db_stmt *st, struct err *err)
{
	struct log *made = ctx;
	struct log_row row;
	int rc;

	if ((rc = log_entry_read(st, &row, err)) != 0)
		return rc;
	if (log_entry_apply(made, &row, err) != 0)
		return err_set(err, ERR_CA, "%s %lld has an impossible value: %s", log_rows.row,
		    (long long)row.n, log_rows.advice);
	return 0;
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
	return a->last_time == b->last_time && a->certs == b->certs && a->open == b->open &&
	       a->stale == b->stale && a->audit.rows == b->audit.rows &&
	       memcmp(a->audit.head, b->audit.head, LOG_HASH_LEN) == 0;
}

/* The signer's tables beside those made from the rows. */
static int
compare(const struct log *log, const struct log *made, struct err *err)
{
	int64_t other = 0;
	int rc;

	if ((rc = db_int(log->db,
		 "SELECT (SELECT count(*) FROM (SELECT * FROM main.certs EXCEPT"
		 "  SELECT * FROM temp.certs)) +"
		 " (SELECT count(*) FROM (SELECT * FROM temp.certs EXCEPT"
		 "  SELECT * FROM main.certs))",
		 DB_NO_ARGS, &other, err)) < 0)
		return rc;
	return other == 0 && same_sums(&log->sums, &made->sums)
		   ? 0
		   : err_set(err, ERR_CA, "the issuance log's tables contradict its rows: %s",
			 log_rows.advice);
}

/* One view of all tables, while a signer goes on. Nothing of the transaction is kept. */
static int
verify(struct log *log, struct err *err)
{
	struct log made = {.db = log->db}; /* from the rows alone */
	int rc;

	if ((rc = db_script(log->db, "BEGIN", err)) != 0 || (rc = log_entry_load(log, err)) != 0 ||
	    (rc = db_script(log->db, log_entry_shadow, err)) != 0)
		return rc;
	rc = chain_verify(log->db, &log_rows, 0, verify_row, &made, NULL, err);
	if (rc == ERR_INTERNAL && err != NULL)
		rc = err->code = ERR_CA;
	return rc != 0 ? rc : compare(log, &made, err);
}

int
log_verify(const char *path, int (*line)(void *ctx, const char *json, struct err *err), void *ctx,
    struct log_sums *ret, struct err *err)
{
	/* a connection of its own: in it the shadow is the only table of that name */
	CLEAN(log_closep) struct log *log = NULL;
	int rc;

	if ((rc = log_open_view(path, &log, err)) != 0)
		return rc;
	if ((rc = verify(log, err)) != 0 ||
	    (line != NULL && (rc = chain_json(log->db, &log_rows, line, ctx, err)) != 0))
		return rc;
	*ret = log->sums;
	return 0;
}
