/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/evp.h>

#include <stdio.h>
#include <string.h>

#include "db/chain.h"

#define SQL_MAX 512

/* ---- the encoding ---- */

static bool
put(EVP_MD_CTX *md, const void *data, size_t len)
{
	const uint8_t head[4] = {
	    (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

	return EVP_DigestUpdate(md, head, sizeof(head)) == 1 &&
	       EVP_DigestUpdate(md, data, len) == 1;
}

static bool
put_arg(EVP_MD_CTX *md, const struct db_arg *a)
{
	static const uint8_t null[4] = {0xff, 0xff, 0xff, 0xff};
	uint8_t b[8];
	int i;

	if (a->type == DB_NULL || (a->type != DB_INT && a->p == NULL))
		return EVP_DigestUpdate(md, null, sizeof(null)) == 1;
	if (a->type != DB_INT)
		return put(md, a->p, a->type == DB_TEXT ? strlen(a->p) : a->len);
	for (i = 0; i < 8; i++)
		b[i] = (uint8_t)((uint64_t)a->i >> (56 - 8 * i));
	return put(md, b, sizeof(b));
}

static int
row_hash(const struct chain *c, const uint8_t prev[static CHAIN_HASH_LEN],
    const struct db_arg *args, size_t n, uint8_t ret[static CHAIN_HASH_LEN], struct err *err)
{
	static EVP_MD *sha256; /* to look it up takes longer than to use it */
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good;
	size_t i;

	if (sha256 == NULL)
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	good = md != NULL && EVP_DigestInit_ex(md, sha256, NULL) == 1 &&
	       put(md, c->label, strlen(c->label)) && put(md, prev, CHAIN_HASH_LEN);

	for (i = 0; good && i < n; i++)
		good = put_arg(md, &args[i]);
	good = good && EVP_DigestFinal_ex(md, ret, NULL) == 1;
	EVP_MD_CTX_free(md);
	return good ? 0 : err_set(err, ERR_INTERNAL, "cannot hash");
}

/* ---- rows ---- */

int
chain_query(struct db *db, const struct chain *c, const char *where, const struct db_arg *args,
    size_t n, struct db_stmt **ret, struct err *err)
{
	char sql[SQL_MAX];
	const int len = snprintf(
	    sql, sizeof(sql), "SELECT %s, prev, hash FROM %s %s", c->cols, c->table, where);

	if (len < 0 || (size_t)len >= sizeof(sql))
		return err_set(err, ERR_INTERNAL, "a statement is too long");
	return db_query(db, sql, args, n, ret, err);
}

/* The name of the column with the row's number. */
static int
number_name(const struct chain *c)
{
	return (int)strcspn(c->cols, ",");
}

/* The place of the last row up to number n. */
static int
place(struct db *db, const struct chain *c, int64_t n, struct chain_at *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	char sql[SQL_MAX];
	const int key = number_name(c);
	int rc;

	snprintf(sql, sizeof(sql),
	    "SELECT %.*s, hash FROM %s WHERE %.*s <= ? ORDER BY 1 DESC LIMIT 1", key, c->cols,
	    c->table, key, c->cols);
	*ret = (struct chain_at){0};
	if ((rc = db_next(db, sql, DB_ARGS(DB_I(n)), &st, err)) != 1)
		return rc;
	ret->n = db_col_int(st, 0);
	return db_col_bytes(st, 1, ret->hash, CHAIN_HASH_LEN, err);
}

int
chain_head(struct db *db, const struct chain *c, struct chain_at *ret, struct err *err)
{
	return place(db, c, INT64_MAX, ret, err);
}

int
chain_append(struct db *db, const struct chain *c, struct chain_at *at, const struct db_arg *args,
    size_t n, struct err *err)
{
	struct db_arg all[16];
	struct chain_at next = {.n = args[0].i};
	int rc;

	if (n != strlen(c->kinds) || n + 2 > sizeof(all) / sizeof(all[0]) || next.n <= at->n)
		return err_set(err, ERR_INTERNAL, "not a %s", c->row);
	memcpy(all, args, n * sizeof(all[0]));
	if ((rc = row_hash(c, at->hash, args, n, next.hash, err)) != 0)
		return rc;
	all[n] = DB_B(at->hash, CHAIN_HASH_LEN);
	all[n + 1] = DB_B(next.hash, CHAIN_HASH_LEN);
	if ((rc = db_run(db, c->insert, all, n + 2, err)) == 0)
		*at = next;
	return rc;
}

static int
misfit(const struct chain *c, int64_t n, const char *why, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "%s %lld %s: %s", c->row, (long long)n, why, c->advice);
}

/* The column as it was bound. Returns -1 when it is of another kind. */
static int
column(struct db_stmt *st, int col, char kind, struct db_arg *ret)
{
	if (kind == 'i')
		*ret = DB_I(db_col_int(st, col));
	else if (db_col_null(st, col))
		*ret = DB_N;
	else if (kind == 't')
		*ret = DB_T(db_col_str(st, col));
	else {
		*ret = DB_B(NULL, 0);
		ret->p = db_col_data(st, col, &ret->len);
		if (ret->len == 0)
			ret->p = "";
	}
	return kind == 't' && ret->type == DB_TEXT && ret->p == NULL ? -1 : 0;
}

int
chain_row_alone(struct db_stmt *st, const struct chain *c, struct err *err)
{
	const int n = (int)strlen(c->kinds);
	const int64_t number = db_col_int(st, 0);
	uint8_t prev[CHAIN_HASH_LEN], kept[CHAIN_HASH_LEN], made[CHAIN_HASH_LEN];
	struct db_arg args[16];
	int i, rc;

	if (db_col_bytes(st, n, prev, CHAIN_HASH_LEN, NULL) != 0 ||
	    db_col_bytes(st, n + 1, kept, CHAIN_HASH_LEN, NULL) != 0)
		return misfit(c, number, "is malformed", err);
	for (i = 0; i < n; i++)
		if (column(st, i, c->kinds[i], &args[i]) != 0)
			return misfit(c, number, "is malformed", err);
	if ((rc = row_hash(c, prev, args, (size_t)n, made, err)) != 0)
		return rc;
	return memcmp(made, kept, CHAIN_HASH_LEN) == 0 ? 0 : misfit(c, number, "does not fit", err);
}

int
chain_row(struct db_stmt *st, const struct chain *c, struct chain_at *at, struct err *err)
{
	const int n = (int)strlen(c->kinds);
	const int64_t number = db_col_int(st, 0);
	uint8_t prev[CHAIN_HASH_LEN];
	int rc;

	if (number != at->n + 1 && (number <= at->n || c->gap == NULL || !c->gap(st)))
		return misfit(c, at->n + 1, "is missing", err);
	if ((rc = chain_row_alone(st, c, err)) != 0)
		return rc;
	if (db_col_bytes(st, n, prev, CHAIN_HASH_LEN, NULL) != 0 ||
	    memcmp(prev, at->hash, CHAIN_HASH_LEN) != 0)
		return misfit(c, number, "does not fit", err);
	at->n = number;
	return db_col_bytes(st, n + 1, at->hash, CHAIN_HASH_LEN, err);
}

/* Before the newest rows; behind a gap, or with newest 0: before the first. */
static int
start(struct db *db, const struct chain *c, int64_t newest, struct chain_at *ret, struct err *err)
{
	const int rc = chain_head(db, c, ret, err);

	if (rc < 0)
		return rc;
	if (newest == 0 || ret->n <= newest) {
		*ret = (struct chain_at){0};
		return 0;
	}
	return place(db, c, ret->n - newest, ret, err);
}

int
chain_verify(struct db *db, const struct chain *c, int64_t newest,
    int (*each)(void *ctx, struct db_stmt *row, struct err *err), void *ctx, int64_t *ret_rows,
    struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct chain_at at;
	char where[96];
	int64_t rows = 0;
	int rc;

	snprintf(where, sizeof(where), "WHERE %.*s > ? ORDER BY 1", number_name(c), c->cols);
	if ((rc = start(db, c, newest, &at, err)) != 0 ||
	    (rc = chain_query(db, c, where, DB_ARGS(DB_I(at.n)), &st, err)) != 0)
		return rc;
	while ((rc = db_step(st, err)) == 1) {
		if ((rc = chain_row(st, c, &at, err)) != 0 ||
		    (each != NULL && (rc = each(ctx, st, err)) != 0))
			return rc;
		rows++;
	}
	if (rc == 0 && ret_rows != NULL)
		*ret_rows = rows;
	return rc;
}

/* ---- as JSON ---- */

/* "'n', n, 'serial', lower(hex(serial))": what SQLite makes an object of; hex(NULL) would be "". */
static int
json_columns(const struct chain *c, char *ret, size_t size)
{
	const char *name = c->cols;
	size_t at = 0, i, len;
	bool octets;

	for (i = 0; i < strlen(c->kinds) && at < size; i++) {
		name += strspn(name, " ,");
		len = strcspn(name, " ,");
		octets = c->kinds[i] == 'b';
		at += (size_t)snprintf(ret + at, size - at,
		    octets ? "'%.*s', CASE WHEN %.*s IS NOT NULL THEN lower(hex(%.*s)) END, "
			   : "'%.*s', %.*s, ",
		    (int)len, name, (int)len, name, (int)len, name);
		name += len;
	}
	return at < size ? 0 : -1;
}

int
chain_json(struct db *db, const struct chain *c,
    int (*line)(void *ctx, const char *json, struct err *err), void *ctx, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	char columns[2 * SQL_MAX], sql[3 * SQL_MAX];
	int rc;

	if (json_columns(c, columns, sizeof(columns)) != 0)
		return err_set(err, ERR_INTERNAL, "a statement is too long");
	snprintf(sql, sizeof(sql),
	    "SELECT json_object(%s'prev', lower(hex(prev)), 'hash', lower(hex(hash))) FROM %s"
	    " ORDER BY %.*s",
	    columns, c->table, number_name(c), c->cols);
	while ((rc = db_next(db, sql, DB_NO_ARGS, &st, err)) == 1)
		if ((rc = line(ctx, db_col_str(st, 0), err)) != 0)
			return rc;
	return rc;
}
