/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db: the few operations on a database that the other rooms need, with its errors translated in one
 * place. Alone sees the engine, which is SQLite: a file.
 *
 *   db_open -> [db_begin -> db_run … -> db_commit] / db_query -> db_step -> db_col_… -> db_closep
 *
 * Values reach a statement only as bound arguments:
 *	db_run(db, "UPDATE t SET a = ? WHERE b = ?", DB_ARGS(DB_I(7), DB_T("x")), err)
 * They are copied when they are bound. Numbers are 64 bits wide; text is UTF-8 and is ordered by
 * its bytes. A handle must not cross a fork: the child's close would drop the parent's locks
 * (sqlite.org/howtocorrupt, 2.6), so it refuses to write and to close.
 *
 * Common errors: ERR_INTERNAL: disk full, file damaged, locked for too long.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"

#define DB_BUSY_MS 5000 /* so long another process may keep the lock */

struct db;
struct db_stmt;

struct db_how {
	const char *name; /* in front of messages: "registry" */
	bool create;	  /* an empty file, for the owner only; it must not exist (ERR_OCCUPIED) */
	bool scratch;	  /* what a crash leaves of it is thrown away: no journal */
};

/* Open a file for reading and writing, with every protection on. Neither the last component nor
 * those before it may be symbolic links. */
MUST_CHECK int db_open(
    const char *path, const struct db_how *how, struct db **ret, struct err *err);
void db_closep(struct db **db); /* fits CLEAN() */

/* What a crash left half made: the file, and what the engine put beside it. Nobody has it open. Not
 * there is no error. */
MUST_CHECK int db_remove(const char *path, struct err *err);

/* Readers do not wait for a writer and a commit is one fsync. Kept in the file. */
MUST_CHECK int db_use_wal(struct db *db, struct err *err);

/* A copy of it all as it is now, in a new file (0600), synced; others go on writing meanwhile.
 * Nothing is left at path after a failure. Errors: ERR_OCCUPIED path exists. */
MUST_CHECK int db_copy(struct db *db, const char *path, struct err *err);

int64_t db_commit_ns(const struct db *db); /* time spent in COMMIT since it was opened */

/* ---- statements ---- */

struct db_arg {
	enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } type;
	int64_t i;
	const void *p;
	size_t len; /* of a blob */
};

#define DB_I(x) ((struct db_arg){.type = DB_INT, .i = (int64_t)(x)})
#define DB_T(s) ((struct db_arg){.type = DB_TEXT, .p = (s)})
#define DB_B(data, n) ((struct db_arg){.type = DB_BLOB, .p = (data), .len = (n)})
#define DB_N ((struct db_arg){.type = DB_NULL})
/* two arguments of a call: the array and its length */
#define DB_ARGS(...)                          \
	(const struct db_arg[]){__VA_ARGS__}, \
	    sizeof((const struct db_arg[]){__VA_ARGS__}) / sizeof(struct db_arg)
#define DB_NO_ARGS NULL, 0

/* Prepare and bind. */
MUST_CHECK int db_query(struct db *db, const char *sql, const struct db_arg *args, size_t n,
    struct db_stmt **ret, struct err *err);
/* 1 there is a row, 0 the end, or a negative code. */
MUST_CHECK int db_step(struct db_stmt *st, struct err *err);
void db_donep(struct db_stmt **st); /* fits CLEAN() */
/* Both: the next row of a query, which is made where *st is NULL. 1 there is a row, 0 the end, or a
 * negative code. */
MUST_CHECK int db_next(struct db *db, const char *sql, const struct db_arg *args, size_t n,
    struct db_stmt **st, struct err *err);

/* A statement without result rows. */
MUST_CHECK int db_run(
    struct db *db, const char *sql, const struct db_arg *args, size_t n, struct err *err);
/* The first column of the first row. 1 there is one, 0 there is none, or a negative code. */
MUST_CHECK int db_int(struct db *db, const char *sql, const struct db_arg *args, size_t n,
    int64_t *ret, struct err *err);
/* Our own constant script of many statements (a migration). */
MUST_CHECK int db_script(struct db *db, const char *sql, struct err *err);

int64_t db_changes(const struct db *db);  /* rows that the last statement changed */
int64_t db_inserted(const struct db *db); /* id of the row that was inserted last */

/* ---- columns of the row under the cursor ---- */

int64_t db_col_int(struct db_stmt *st, int col); /* 0 for NULL */
bool db_col_null(struct db_stmt *st, int col);
/* Until the next step. NULL for NULL, and for text that has a NUL in it, so that nothing hides
 * behind one. */
const char *db_col_str(struct db_stmt *st, int col);
/* Until the next step; NULL when it is empty. */
const uint8_t *db_col_data(struct db_stmt *st, int col, size_t *ret_len);
/* Errors: ERR_INTERNAL when the value is not of that shape (somebody edited the file). */
MUST_CHECK int db_col_text(
    struct db_stmt *st, int col, char *ret, size_t size, struct err *err); /* NULL is "" */
MUST_CHECK int db_col_bytes(struct db_stmt *st, int col, uint8_t *ret, size_t len, struct err *err);
MUST_CHECK int db_col_blob(struct db_stmt *st, int col, struct blob *ret, struct err *err);

/* ---- transactions ---- */

/* A write transaction: rolled back at the end of the scope unless it was committed. */
struct db_tx {
	struct db *db; /* NULL: none is open */
};
MUST_CHECK int db_begin(struct db *db, struct db_tx *tx, struct err *err);
/* A failed COMMIT is rolled back and never tried again: after a failed fsync the kernel may have
 * dropped what it could not write, and a second one would lie. */
MUST_CHECK int db_commit(struct db_tx *tx, struct err *err);
void db_rollbackp(struct db_tx *tx); /* fits CLEAN() */

#endif
