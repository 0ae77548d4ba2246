/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "registry/room.h"

enum { ACTION = 3, DETAIL = 5 }; /* columns */

/* Only an accepted rollback leaves a gap, and a mark says whether it was accepted. */
static bool
rollback(struct db_stmt *st)
{
	const char *action = db_col_str(st, ACTION);

	return action != NULL && strcmp(action, "rollback") == 0;
}

#define COLUMNS "seq, at, actor, action, token, detail"

static const struct chain chain = {
    .table = "audit",
    .cols = COLUMNS,
    .insert = "INSERT INTO audit (" COLUMNS ", prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    .kinds = "iittit",
    .label = "ykenroll-audit-1",
    .row = "audit row",
    .advice = "the registry was edited or damaged; compare it with a backup",
    .gap = rollback,
};

int
registry_mark(struct registry *r, struct registry_mark *ret, struct err *err)
{
	struct chain_at at;
	const int rc = chain_head(r->db, &chain, &at, err);

	if (rc == 0) {
		ret->rows = (uint64_t)at.n;
		memcpy(ret->head, at.hash, sizeof(ret->head));
	}
	return rc;
}

int
audit_add_at(struct db *db, int64_t seq, const char *actor, const char *action, uint32_t token,
    const char *detail, struct err *err)
{
	struct chain_at at;
	int rc;

	if ((rc = chain_head(db, &chain, &at, err)) != 0)
		return rc;
	return chain_append(db, &chain, &at,
	    DB_ARGS(DB_I(seq > at.n ? seq : at.n + 1), DB_I(utc_now()), DB_T(actor), DB_T(action),
		DB_I(token), DB_T(detail)),
	    err);
}

int
audit_add(struct db *db, const char *actor, const char *action, uint32_t token, struct err *err,
    const char *fmt, ...)
{
	char detail[AUDIT_DETAIL_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(detail))
		return err_set(err, ERR_USAGE, "the text of an audit row is too long");
	return audit_add_at(db, 0, actor, action, token, detail, err);
}

static int
none(struct err *err)
{
	return err_set(err, ERR_INTERNAL, "%s 1 is missing: %s", chain.row, chain.advice);
}

int
audit_check(struct db *db, int64_t newest, int64_t *ret_rows, struct err *err)
{
	int64_t rows = 0;
	int rc;

	if ((rc = chain_verify(db, &chain, newest, NULL, NULL, &rows, err)) != 0)
		return rc;
	if (rows == 0)
		return none(err);
	if (ret_rows != NULL)
		*ret_rows = rows;
	return 0;
}

int
audit_first(struct db *db, char *ret, size_t size, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct chain_at at = {0};
	int rc;

	if ((rc = chain_query(db, &chain, "WHERE seq = 1", DB_NO_ARGS, &st, err)) != 0 ||
	    (rc = db_step(st, err)) < 0)
		return rc;
	if (rc == 0)
		return none(err);
	if ((rc = chain_row(st, &chain, &at, err)) != 0)
		return rc;
	return db_col_text(st, DETAIL, ret, size, err);
}

int
audit_mentions(struct db *db, uint32_t token, const char *word, struct err *err)
{
	int64_t one;

	return db_int(db,
	    "SELECT 1 FROM audit WHERE token = ? AND action IN ('begin', 'reseal')"
	    " AND instr(detail, ?) > 0 LIMIT 1",
	    DB_ARGS(DB_I(token), DB_T(word)), &one, err);
}

int
audit_newest(struct db *db, const char *action, char *ret, size_t size, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = chain_query(db, &chain, "WHERE action = ? ORDER BY seq DESC LIMIT 1",
		 DB_ARGS(DB_T(action)), &st, err)) != 0 ||
	    (rc = db_step(st, err)) != 1 || (rc = chain_row_alone(st, &chain, err)) != 0)
		return rc;
	rc = db_col_text(st, DETAIL, ret, size, err);
	return rc != 0 ? rc : 1;
}

int
registry_audit(struct registry *r, const char *action, uint32_t token_serial, const char *detail,
    struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	int rc;

	if (detail == NULL)
		detail = "";
	if ((rc = registry_text_check(action, REGISTRY_TEXT_MAX, "the action", err)) != 0 ||
	    (rc = registry_text_check(detail, REGISTRY_TEXT_MAX, "the detail", err)) != 0)
		return rc;
	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = audit_add(r->db, r->actor, action, token_serial, err, "%s", detail)) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_audit_verify(struct registry *r, int64_t *ret_rows, struct err *err)
{
	return audit_check(r->db, 0, ret_rows, err);
}
