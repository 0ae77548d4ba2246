/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/evp.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "registry/audit.h"
#include "registry/room.h"

#define HASH_LEN REGISTRY_SHA256_LEN
#define COLS "seq, at, actor, action, token, detail, prev, hash"

static const uint8_t no_hash[HASH_LEN]; /* before the first row */

struct row {
	int64_t seq, at, token;
	const char *actor, *action, *detail;
	const uint8_t *prev; /* HASH_LEN */
};

static int
put(struct blob *to, const void *data, size_t len, struct err *err)
{
	const uint8_t head[4] = {
	    (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
	int rc;

	if ((rc = blob_append(to, head, sizeof(head), err)) != 0)
		return rc;
	return blob_append(to, data, len, err);
}

static int
put_int(struct blob *to, int64_t v, struct err *err)
{
	uint8_t b[8];
	int i;

	for (i = 0; i < 8; i++)
		b[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
	return put(to, b, sizeof(b), err);
}

static int
put_text(struct blob *to, const char *s, struct err *err)
{
	return put(to, s, strlen(s), err);
}

static int
row_hash(const struct row *row, uint8_t ret[static HASH_LEN], struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0};
	int rc;

	if ((rc = put_text(&b, "ykenroll-audit-1", err)) != 0 ||
	    (rc = put(&b, row->prev, HASH_LEN, err)) != 0 ||
	    (rc = put_int(&b, row->seq, err)) != 0 || (rc = put_int(&b, row->at, err)) != 0 ||
	    (rc = put_text(&b, row->actor, err)) != 0 ||
	    (rc = put_text(&b, row->action, err)) != 0 ||
	    (rc = put_int(&b, row->token, err)) != 0 || (rc = put_text(&b, row->detail, err)) != 0)
		return rc;
	registry_sha256(b.data, b.len, ret);
	return 0;
}

int
audit_head(struct db *db, int64_t *ret_seq, uint8_t ret_hash[static HASH_LEN], struct err *err)
{
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	int rc;

	*ret_seq = 0;
	memcpy(ret_hash, no_hash, HASH_LEN);
	if ((rc = db_query(db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", DB_NO_ARGS,
		 &st, err)) != 0)
		return rc;
	if ((rc = db_step(db, st, err)) != 1)
		return rc;
	*ret_seq = sqlite3_column_int64(st, 0);
	return db_col_bytes(st, 1, ret_hash, HASH_LEN, err);
}

/* seq 0: the next one. */
static int __attribute__((format(printf, 7, 0))) add(struct db *db, int64_t seq, const char *actor,
    const char *action, uint32_t token, struct err *err, const char *fmt, va_list ap)
{
	uint8_t prev[HASH_LEN], hash[HASH_LEN];
	char detail[AUDIT_DETAIL_MAX];
	struct row row = {.at = utc_now(),
	    .token = token,
	    .actor = actor,
	    .action = action,
	    .detail = detail,
	    .prev = prev};
	const int n = vsnprintf(detail, sizeof(detail), fmt, ap);
	int rc;

	if (n < 0 || (size_t)n >= sizeof(detail))
		return err_set(err, ERR_USAGE, "the detail of an audit row is too long");
	if ((rc = audit_head(db, &row.seq, prev, err)) != 0)
		return rc;
	row.seq = seq > row.seq ? seq : row.seq + 1;
	if ((rc = row_hash(&row, hash, err)) != 0)
		return rc;
	return db_run(db, "INSERT INTO audit (" COLS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    DB_ARGS(DB_I(row.seq), DB_I(row.at), DB_T(actor), DB_T(action), DB_I(token),
		DB_T(detail), DB_B(prev, HASH_LEN), DB_B(hash, HASH_LEN)),
	    err);
}

int
audit_add(struct db *db, const char *actor, const char *action, uint32_t token, struct err *err,
    const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = add(db, 0, actor, action, token, err, fmt, ap);
	va_end(ap);
	return rc;
}

int
audit_add_at(struct db *db, int64_t seq, const char *actor, const char *action, uint32_t token,
    struct err *err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = add(db, seq, actor, action, token, err, fmt, ap);
	va_end(ap);
	return rc;
}

static int
misfit(int64_t seq, const char *why, struct err *err)
{
	return err_set(err, ERR_INTERNAL,
	    "audit row %lld %s: the registry was edited or damaged; compare it with a backup",
	    (long long)seq, why);
}

/* A text column, never NULL; its bytes end where its NUL is, so that nothing can hide behind. */
static const char *
text_column(sqlite3_stmt *st, int col)
{
	const char *s = (const char *)sqlite3_column_text(st, col);

	if (s == NULL || strlen(s) != (size_t)sqlite3_column_bytes(st, col))
		return NULL;
	return s;
}

/* Does the row under the cursor follow the one with this number and hash? Moves both on. */
static int
row_check(sqlite3_stmt *st, int64_t *seq, uint8_t hash[static HASH_LEN], struct err *err)
{
	uint8_t prev[HASH_LEN], kept[HASH_LEN], made[HASH_LEN];
	struct row row = {
	    .seq = sqlite3_column_int64(st, 0),
	    .at = sqlite3_column_int64(st, 1),
	    .actor = text_column(st, 2),
	    .action = text_column(st, 3),
	    .token = sqlite3_column_int64(st, 4),
	    .detail = text_column(st, 5),
	    .prev = prev,
	};
	int rc;

	/* only an accepted rollback leaves a gap, and a mark says whether it was accepted */
	if (row.seq != *seq + 1 &&
	    (row.seq <= *seq || row.action == NULL || strcmp(row.action, "rollback") != 0))
		return misfit(*seq + 1, "is missing", err);
	if (row.actor == NULL || row.action == NULL || row.detail == NULL ||
	    db_col_bytes(st, 6, prev, HASH_LEN, NULL) != 0 ||
	    db_col_bytes(st, 7, kept, HASH_LEN, NULL) != 0)
		return misfit(row.seq, "is malformed", err);
	if ((rc = row_hash(&row, made, err)) != 0)
		return rc;
	if (memcmp(prev, hash, HASH_LEN) != 0 || memcmp(made, kept, HASH_LEN) != 0)
		return misfit(row.seq, "does not fit", err);
	*seq = row.seq;
	memcpy(hash, kept, HASH_LEN);
	return 0;
}

/* The number and hash of the row before the newest n ones. */
static int
start(struct db *db, int64_t newest, int64_t *ret_seq, uint8_t ret_hash[static HASH_LEN],
    struct err *err)
{
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	int rc;

	if ((rc = audit_head(db, ret_seq, ret_hash, err)) != 0)
		return rc;
	if (newest == 0 || *ret_seq <= newest) {
		*ret_seq = 0;
		memcpy(ret_hash, no_hash, HASH_LEN);
		return 0;
	}
	if ((rc = db_query(db,
		 "SELECT seq, hash FROM audit WHERE seq <= ? ORDER BY seq DESC LIMIT 1",
		 DB_ARGS(DB_I(*ret_seq - newest)), &st, err)) != 0)
		return rc;
	if ((rc = db_step(db, st, err)) < 0)
		return rc;
	if (rc == 0) { /* behind a gap: from the first row on */
		*ret_seq = 0;
		memcpy(ret_hash, no_hash, HASH_LEN);
		return 0;
	}
	*ret_seq = sqlite3_column_int64(st, 0);
	return db_col_bytes(st, 1, ret_hash, HASH_LEN, err);
}

int
audit_check(struct db *db, int64_t newest, int64_t *ret_rows, struct err *err)
{
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	uint8_t hash[HASH_LEN];
	int64_t seq = 0, rows = 0;
	int rc;

	if ((rc = start(db, newest, &seq, hash, err)) != 0)
		return rc;
	if ((rc = db_query(db, "SELECT " COLS " FROM audit WHERE seq > ? ORDER BY seq",
		 DB_ARGS(DB_I(seq)), &st, err)) != 0)
		return rc;
	while ((rc = db_step(db, st, err)) == 1) {
		if ((rc = row_check(st, &seq, hash, err)) != 0)
			return rc;
		rows++;
	}
	if (rc == 0 && rows == 0)
		return misfit(1, "is missing", err);
	if (rc == 0 && ret_rows != NULL)
		*ret_rows = rows;
	return rc;
}

int
audit_first(struct db *db, char *ret, size_t size, struct err *err)
{
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	uint8_t hash[HASH_LEN] = {0};
	int64_t seq = 0;
	int rc;

	if ((rc = db_query(db, "SELECT " COLS " FROM audit WHERE seq = 1", DB_NO_ARGS, &st, err)) !=
	    0)
		return rc;
	if ((rc = db_step(db, st, err)) < 0)
		return rc;
	if (rc == 0)
		return misfit(1, "is missing", err);
	if ((rc = row_check(st, &seq, hash, err)) != 0)
		return rc;
	return db_col_text(st, 5, ret, size, err);
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
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	uint8_t before[HASH_LEN];
	int64_t seq;
	int rc;

	if ((rc = db_query(db,
		 "SELECT " COLS " FROM audit WHERE action = ? ORDER BY seq DESC LIMIT 1",
		 DB_ARGS(DB_T(action)), &st, err)) != 0 ||
	    (rc = db_step(db, st, err)) != 1)
		return rc;
	seq = sqlite3_column_int64(st, 0) - 1;
	if ((rc = db_col_bytes(st, 6, before, sizeof(before), err)) != 0 ||
	    (rc = row_check(st, &seq, before, err)) != 0)
		return rc;
	rc = db_col_text(st, 5, ret, size, err);
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
	if ((rc = db_begin(&r->db, &tx, err)) != 0 ||
	    (rc = audit_add(&r->db, r->actor, action, token_serial, err, "%s", detail)) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_audit_verify(struct registry *r, int64_t *ret_rows, struct err *err)
{
	return audit_check(&r->db, 0, ret_rows, err);
}
