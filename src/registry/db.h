/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db: the few calls of SQLite that this room needs, with its errors translated in one place.
 *
 * Values reach a statement only as bound arguments:
 *	db_run(db, "UPDATE t SET a = ? WHERE b = ?", DB_ARGS(DB_I(7), DB_T("x")), err)
 * They are copied when they are bound. A handle must not cross a fork: the child's close would
 * drop the parent's locks (sqlite.org/howtocorrupt, 2.6), so it refuses to write and to close.
 */
#ifndef REGISTRY_DB_H
#define REGISTRY_DB_H

#include <sqlite3.h>
#include <sys/types.h>

#include "ykenroll/blob.h"
#include "ykenroll/err.h"

#define DB_BUSY_MS 5000

struct db {
	sqlite3 *sq;
	pid_t pid; /* who opened it */
	int64_t commit_ns;
	bool broken; /* the disk failed under a COMMIT: what it holds is not known any more */
};

struct db_arg {
	enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } type;
	int64_t i;
	const void *p;
	size_t len;
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

/* Open an existing file for reading and writing, with every protection on. The last component and
 * those before it must not be symbolic links. db_close is needed also after a failure. */
MUST_CHECK int db_open(struct db *db, const char *path, struct err *err);
void db_close(struct db *db);

/* Readers do not wait for a writer and a commit is one fsync. Kept in the file. */
MUST_CHECK int db_use_wal(struct db *db, struct err *err);

/* The one place where SQLite's status becomes a struct err. Returns ERR_INTERNAL. */
int db_err(struct db *db, struct err *err, const char *doing);

/* Prepare and bind. */
MUST_CHECK int db_query(struct db *db, const char *sql, const struct db_arg *args, size_t n,
    sqlite3_stmt **ret, struct err *err);
/* 1 there is a row, 0 the end, or a negative code. */
MUST_CHECK int db_step(struct db *db, sqlite3_stmt *st, struct err *err);
void db_donep(sqlite3_stmt **st); /* fits CLEAN() */

/* A statement without result rows. */
MUST_CHECK int db_run(
    struct db *db, const char *sql, const struct db_arg *args, size_t n, struct err *err);
/* The first column of the first row. 1 there is one, 0 there is none, or a negative code. */
MUST_CHECK int db_int(struct db *db, const char *sql, const struct db_arg *args, size_t n,
    int64_t *ret, struct err *err);
/* Our own constant script of many statements (a migration). */
MUST_CHECK int db_script(struct db *db, const char *sql, struct err *err);

/* Columns. Errors: ERR_INTERNAL when the value is not of that shape (somebody edited the file). */
MUST_CHECK int db_col_text(
    sqlite3_stmt *st, int col, char *ret, size_t size, struct err *err); /* NULL is "" */
MUST_CHECK int db_col_bytes(sqlite3_stmt *st, int col, uint8_t *ret, size_t len, struct err *err);
MUST_CHECK int db_col_blob(sqlite3_stmt *st, int col, struct blob *ret, struct err *err);

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
