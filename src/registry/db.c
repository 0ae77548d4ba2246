/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "registry/db.h"

#define DB_LENGTH_MAX (1 << 20) /* bytes of a row or a statement; ours are a few KiB */

int
db_err(struct db *db, struct err *err, const char *doing)
{
	static const struct {
		int code;
		const char *text;
	} texts[] = {
	    {SQLITE_FULL, "disk full, nothing was changed; make room and run it again"},
	    {SQLITE_BUSY, "locked by another process for too long; run it again"},
	    {SQLITE_LOCKED, "locked by another process for too long; run it again"},
	    {SQLITE_CORRUPT, "the database is damaged; restore it from a backup"},
	    {SQLITE_NOTADB, "this is not a registry database"},
	    {SQLITE_READONLY, "the database cannot be written"},
	    {SQLITE_CANTOPEN, "the database cannot be opened"},
	    {SQLITE_IOERR, "the disk failed"},
	    {SQLITE_NOMEM, "out of memory"},
	    {SQLITE_TOOBIG, "a value is too long"},
	    {SQLITE_CONSTRAINT, "the change contradicts what is recorded"},
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
	return err_set(err, ERR_INTERNAL, "registry: cannot %s: %s (%s, code %d)", doing, text,
	    db->sq == NULL ? "no handle" : sqlite3_errmsg(db->sq), code);
}

/* What a file that somebody else wrote could do with us is switched off: triggers and views (we
 * have none), functions in the schema, writes to shadow tables, strings that are really
 * identifiers. */
static int
harden(struct db *db, struct err *err)
{
	static const struct {
		int option, on;
	} options[] = {
	    {SQLITE_DBCONFIG_DEFENSIVE, 1},
	    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
	    {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
	    {SQLITE_DBCONFIG_DQS_DML, 0},
	    {SQLITE_DBCONFIG_DQS_DDL, 0},
	    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	    {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (sqlite3_db_config(db->sq, options[i].option, options[i].on, NULL) != SQLITE_OK)
			return db_err(db, err, "protect the database");
	sqlite3_limit(db->sq, SQLITE_LIMIT_LENGTH, DB_LENGTH_MAX);
	sqlite3_limit(db->sq, SQLITE_LIMIT_ATTACHED, 0);
	return db_script(db,
	    "PRAGMA cell_size_check = ON;"
	    "PRAGMA mmap_size = 0;"
	    "PRAGMA temp_store = MEMORY;"
	    /* a deleted in-flight copy is overwritten, not left on a free page beside its key */
	    "PRAGMA secure_delete = ON;"
	    "PRAGMA synchronous = FULL;",
	    err);
}

int
db_open(struct db *db, const char *path, struct err *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
			  SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;

	*db = (struct db){.pid = getpid()};
	if (sqlite3_open_v2(path, &db->sq, flags, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db->sq, DB_BUSY_MS) != SQLITE_OK)
		return db_err(db, err, "open the database");
	return harden(db, err);
}

/*
 * The last close moves the WAL into the database and removes it (SQLite's default, kept on
 * purpose, for two more fsyncs per run): between runs registry.db is one whole file that any
 * backup copies, and no deleted in-flight copy outlives the run in the WAL.
 */
void
db_close(struct db *db)
{
	const int64_t start = utc_monotonic_ns();

	if (db->sq != NULL && db->pid == getpid()) {
		sqlite3_close(db->sq);
		/* the checkpoint: two more fsyncs */
		file_fsync_ns += utc_monotonic_ns() - start;
	}
	db->sq = NULL;
}

/*
 * WAL with synchronous=FULL: a commit appends to one file and costs one fsync, against four in the
 * rollback modes (journal, its header, its directory, the database). NORMAL would save that one
 * too, and lose the last commits with the power: a PUK would be on the token and nowhere else.
 */
int
db_use_wal(struct db *db, struct err *err)
{
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	char mode[16] = "";
	int rc;

	if ((rc = db_query(db, "PRAGMA journal_mode = WAL", DB_NO_ARGS, &st, err)) != 0)
		return rc;
	if ((rc = db_step(db, st, err)) < 0)
		return rc;
	if (rc == 1 && (rc = db_col_text(st, 0, mode, sizeof(mode), err)) != 0)
		return rc;
	if (strcmp(mode, "wal") != 0)
		return err_set(err, ERR_INTERNAL,
		    "registry: this file system cannot hold a write-ahead log; use a local one");
	return 0;
}

static int
bind_one(sqlite3_stmt *st, int at, const struct db_arg *a)
{
	if (a->type == DB_INT)
		return sqlite3_bind_int64(st, at, a->i);
	if (a->type == DB_NULL || a->p == NULL)
		return sqlite3_bind_null(st, at);
	if (a->type == DB_TEXT)
		return sqlite3_bind_text64(
		    st, at, a->p, strlen(a->p), SQLITE_TRANSIENT, SQLITE_UTF8);
	return sqlite3_bind_blob64(st, at, a->p, a->len, SQLITE_TRANSIENT);
}

int
db_query(struct db *db, const char *sql, const struct db_arg *args, size_t n, sqlite3_stmt **ret,
    struct err *err)
{
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	size_t i;

	if (sqlite3_prepare_v2(db->sq, sql, -1, &st, NULL) != SQLITE_OK)
		return db_err(db, err, "prepare a statement");
	for (i = 0; i < n; i++)
		if (bind_one(st, (int)i + 1, &args[i]) != SQLITE_OK)
			return db_err(db, err, "bind a value");
	*ret = TAKE(st);
	return 0;
}

int
db_step(struct db *db, sqlite3_stmt *st, struct err *err)
{
	const int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0
				 : db_err(db, err, sqlite3_stmt_readonly(st) ? "read" : "write");
}

void
db_donep(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
	*st = NULL;
}

int
db_run(struct db *db, const char *sql, const struct db_arg *args, size_t n, struct err *err)
{
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	int rc;

	if ((rc = db_query(db, sql, args, n, &st, err)) != 0)
		return rc;
	rc = db_step(db, st, err);
	return rc < 0 ? rc : 0;
}

int
db_int(struct db *db, const char *sql, const struct db_arg *args, size_t n, int64_t *ret,
    struct err *err)
{
	CLEAN(db_donep) sqlite3_stmt *st = NULL;
	int rc;

	if ((rc = db_query(db, sql, args, n, &st, err)) != 0)
		return rc;
	if ((rc = db_step(db, st, err)) == 1)
		*ret = sqlite3_column_int64(st, 0);
	return rc;
}

int
db_script(struct db *db, const char *sql, struct err *err)
{
	return sqlite3_exec(db->sq, sql, NULL, NULL, NULL) == SQLITE_OK
		   ? 0
		   : db_err(db, err, "run a script");
}

static int
bad_column(sqlite3_stmt *st, int col, struct err *err)
{
	const char *name = sqlite3_column_name(st, col);

	return err_set(err, ERR_INTERNAL,
	    "registry: column %s holds what was never written there; restore the database from a "
	    "backup",
	    name == NULL ? "?" : name);
}

int
db_col_text(sqlite3_stmt *st, int col, char *ret, size_t size, struct err *err)
{
	const char *text = (const char *)sqlite3_column_text(st, col);
	const size_t len = text == NULL ? 0 : (size_t)sqlite3_column_bytes(st, col);

	if (len >= size || (text != NULL && strlen(text) != len))
		return bad_column(st, col, err);
	memset(ret, 0, size);
	if (len > 0)
		memcpy(ret, text, len);
	return 0;
}

int
db_col_bytes(sqlite3_stmt *st, int col, uint8_t *ret, size_t len, struct err *err)
{
	const void *data = sqlite3_column_blob(st, col);

	if (data == NULL || (size_t)sqlite3_column_bytes(st, col) != len)
		return bad_column(st, col, err);
	memcpy(ret, data, len);
	return 0;
}

int
db_col_blob(sqlite3_stmt *st, int col, struct blob *ret, struct err *err)
{
	const void *data = sqlite3_column_blob(st, col);

	return blob_set(ret, data, (size_t)sqlite3_column_bytes(st, col), err);
}

int
db_begin(struct db *db, struct db_tx *tx, struct err *err)
{
	if (db->pid != getpid())
		return err_set(err, ERR_INTERNAL, "registry: opened by another process");
	if (db->broken)
		return err_set(err, ERR_INTERNAL,
		    "registry: the disk failed under an earlier change; look at it, then run "
		    "again");
	/* IMMEDIATE: the lock is taken before anything is read, so what was read is still true when
	 * it is written */
	if (sqlite3_exec(db->sq, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return db_err(db, err, "begin a change");
	tx->db = db;
	return 0;
}

int
db_commit(struct db_tx *tx, struct err *err)
{
	struct db *db = tx->db;
	const int64_t start = utc_monotonic_ns();
	const int rc = sqlite3_exec(db->sq, "COMMIT", NULL, NULL, NULL);

	db->commit_ns += utc_monotonic_ns() - start;
	if (rc == SQLITE_OK) {
		tx->db = NULL;
		return 0;
	}
	db->broken = (rc & 0xff) == SQLITE_IOERR;
	db_err(db, err, "commit");
	db_rollbackp(tx);
	return ERR_INTERNAL;
}

void
db_rollbackp(struct db_tx *tx)
{
	/* SQLite has rolled back by itself after some errors; a second ROLLBACK only says so */
	if (tx->db != NULL && !sqlite3_get_autocommit(tx->db->sq))
		sqlite3_exec(tx->db->sq, "ROLLBACK", NULL, NULL, NULL);
	tx->db = NULL;
}
