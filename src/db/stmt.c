/* SPDX-License-Identifier: BSD-2-Clause */
/* stmt: statements and their columns. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/sqlite.h"

int
sqlite_err(struct db *db, struct err *err, const char *doing)
{
	static const struct {
		int code;
		const char *text;
	} texts[] = {
	    {SQLITE_FULL, "disk full, nothing was changed; free some space and run it again"},
	    {SQLITE_BUSY, "locked by another process for too long; run it again"},
	    {SQLITE_LOCKED, "locked by another process for too long; run it again"},
	    {SQLITE_CORRUPT, "the database is damaged; restore it from a backup"},
	    {SQLITE_NOTADB, "this is not a database"},
	    {SQLITE_READONLY, "the database cannot be written"},
	    {SQLITE_CANTOPEN, "the database cannot be opened"},
	    {SQLITE_IOERR, "the disk failed"},
	    {SQLITE_NOMEM, "out of memory"},
	    {SQLITE_TOOBIG, "a value is too long"},
	    {SQLITE_CONSTRAINT, "the change contradicts what is already recorded"},
	    {SQLITE_SCHEMA, "the database is damaged; restore it from a backup"},
	};
	int code = db->sq == NULL ? SQLITE_NOMEM : sqlite3_extended_errcode(db->sq);
	const int os = db->sq == NULL ? 0 : sqlite3_system_errno(db->sq);
	const char *text = "SQLite failed";
	size_t i;

	/* SQLite says "I/O error" for a full disk where it extends the shared index of the WAL */
	if ((code & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT || os == EFBIG))
		code = SQLITE_FULL;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].code == (code & 0xff))
			text = texts[i].text;
	return err_set(err, ERR_INTERNAL, "%s: cannot %s: %s (%s, code %d)", db->name, doing, text,
	    db->sq == NULL ? "no handle" : sqlite3_errmsg(db->sq), code);
}

/* keep: SQLITE_STATIC, or SQLITE_TRANSIENT where the values may go before the statement is done. */
static int
bind_one(sqlite3_stmt *st, int at, const struct db_arg *a, sqlite3_destructor_type keep)
{
	if (a->type == DB_INT)
		return sqlite3_bind_int64(st, at, a->i);
	if (a->type == DB_NULL || a->p == NULL)
		return sqlite3_bind_null(st, at);
	if (a->type == DB_TEXT)
		return sqlite3_bind_text64(st, at, a->p, strlen(a->p), keep, SQLITE_UTF8);
	return sqlite3_bind_blob64(st, at, a->p, a->len, keep);
}

static int
bind_all(struct db_stmt *st, const struct db_arg *args, size_t n, sqlite3_destructor_type keep,
    struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (bind_one(st->st, (int)i + 1, &args[i], keep) != SQLITE_OK)
			return sqlite_err(st->db, err, "bind a value");
	return 0;
}

/* ---- those that are kept ---- */

static bool
is(sqlite3_stmt *st, const char *sql)
{
	return st != NULL && strcmp(sqlite3_sql(st), sql) == 0;
}

static sqlite3_stmt *
take_idle(struct db *db, const char *sql)
{
	size_t i;

	for (i = 0; i < STMT_CACHE; i++)
		if (is(db->idle[i], sql)) {
			sqlite3_stmt *st = db->idle[i];

			db->idle[i] = NULL;
			return st;
		}
	return NULL;
}

/* Its values are forgotten: they may be somebody's. */
static void
put_idle(struct db *db, sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	sqlite3_finalize(db->idle[db->next]);
	db->idle[db->next] = st;
	db->next = (db->next + 1) % STMT_CACHE;
}

void
stmt_forget(struct db *db)
{
	size_t i;

	for (i = 0; i < STMT_CACHE; i++) {
		sqlite3_finalize(db->idle[i]);
		db->idle[i] = NULL;
	}
}

/* ---- statements ---- */

static int
query(struct db *db, const char *sql, const struct db_arg *args, size_t n,
    sqlite3_destructor_type keep, struct db_stmt **ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = calloc(1, sizeof(*st));
	int rc;

	if (st == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	st->db = db;
	if ((st->st = take_idle(db, sql)) == NULL &&
	    sqlite3_prepare_v2(db->sq, sql, -1, &st->st, NULL) != SQLITE_OK)
		return sqlite_err(db, err, "prepare a statement");
	if ((rc = bind_all(st, args, n, keep, err)) != 0)
		return rc;
	*ret = TAKE(st);
	return 0;
}

int
db_query(struct db *db, const char *sql, const struct db_arg *args, size_t n, struct db_stmt **ret,
    struct err *err)
{
	return query(db, sql, args, n, SQLITE_TRANSIENT, ret, err);
}

int
db_step(struct db_stmt *st, struct err *err)
{
	const int rc = sqlite3_step(st->st);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE
		   ? 0
		   : sqlite_err(st->db, err, sqlite3_stmt_readonly(st->st) ? "read" : "write");
}

void
db_donep(struct db_stmt **st)
{
	if (*st != NULL && (*st)->st != NULL)
		put_idle((*st)->db, (*st)->st);
	free(*st);
	*st = NULL;
}

int
db_next(struct db *db, const char *sql, const struct db_arg *args, size_t n, struct db_stmt **st,
    struct err *err)
{
	const int rc = *st != NULL ? 0 : db_query(db, sql, args, n, st, err);

	return rc != 0 ? rc : db_step(*st, err);
}

int
db_run(struct db *db, const char *sql, const struct db_arg *args, size_t n, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = query(db, sql, args, n, SQLITE_STATIC, &st, err)) == 0)
		rc = db_step(st, err);
	return rc < 0 ? rc : 0;
}

int
db_int(struct db *db, const char *sql, const struct db_arg *args, size_t n, int64_t *ret,
    struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_next(db, sql, args, n, &st, err)) == 1)
		*ret = db_col_int(st, 0);
	return rc;
}

int
db_script(struct db *db, const char *sql, struct err *err)
{
	return sqlite3_exec(db->sq, sql, NULL, NULL, NULL) == SQLITE_OK
		   ? 0
		   : sqlite_err(db, err, "run a script");
}

int64_t
db_changes(const struct db *db)
{
	return sqlite3_changes(db->sq);
}

int64_t
db_inserted(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->sq);
}

static int
bad_column(struct db_stmt *st, int col, struct err *err)
{
	const char *name = sqlite3_column_name(st->st, col);

	return err_set(err, ERR_INTERNAL,
	    "%s: column %s holds an invalid value; restore the database from a backup",
	    st->db->name, name == NULL ? "?" : name);
}

int64_t
db_col_int(struct db_stmt *st, int col)
{
	return sqlite3_column_int64(st->st, col);
}

bool
db_col_null(struct db_stmt *st, int col)
{
	return sqlite3_column_type(st->st, col) == SQLITE_NULL;
}

const char *
db_col_str(struct db_stmt *st, int col)
{
	const char *s = (const char *)sqlite3_column_text(st->st, col);

	return s == NULL || strlen(s) != (size_t)sqlite3_column_bytes(st->st, col) ? NULL : s;
}

const uint8_t *
db_col_data(struct db_stmt *st, int col, size_t *ret_len)
{
	const void *data = sqlite3_column_blob(st->st, col);

	*ret_len = (size_t)sqlite3_column_bytes(st->st, col);
	return data;
}

int
db_col_text(struct db_stmt *st, int col, char *ret, size_t size, struct err *err)
{
	const char *text = db_col_null(st, col) ? "" : db_col_str(st, col);
	const size_t len = text == NULL ? 0 : strlen(text);

	if (text == NULL || len >= size)
		return bad_column(st, col, err);
	memset(ret, 0, size);
	memcpy(ret, text, len);
	return 0;
}

int
db_col_bytes(struct db_stmt *st, int col, uint8_t *ret, size_t len, struct err *err)
{
	size_t n;
	const uint8_t *data = db_col_data(st, col, &n);

	if (data == NULL || n != len)
		return bad_column(st, col, err);
	memcpy(ret, data, len);
	return 0;
}

int
db_col_blob(struct db_stmt *st, int col, struct blob *ret, struct err *err)
{
	size_t n;
	const uint8_t *data = db_col_data(st, col, &n);

	return blob_set(ret, data, n, err);
}
