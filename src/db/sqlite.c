/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "db/sqlite.h"

#define DB_LENGTH_MAX (1 << 20) /* bytes of a row or a statement; ours are a few KiB */
#define COPY_PAGES 256
#define SQL_SCRATCH "PRAGMA journal_mode = OFF; PRAGMA cache_size = -65536" /* KiB */
#define COPY_PAUSE_MS 5

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
			return sqlite_err(db, err, "protect the database");
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
db_remove(const char *path, struct err *err)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
	char name[PATH_MAX + 16];
	size_t i;

	for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		if (unlink(name) != 0 && errno != ENOENT)
			return err_errno(err, ERR_INTERNAL, "cannot remove %s", name);
	}
	return 0;
}

int
db_open(const char *path, const struct db_how *how, struct db **ret, struct err *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
			  SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
	CLEAN(db_closep) struct db *db = calloc(1, sizeof(*db));
	int rc;

	if (db == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	/* nobody asks how much there is, and to count every allocation takes time; refused, and
	 * ignored, from the second database on */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	db->pid = getpid();
	db->name = how->name;
	if (how->create && (rc = file_create(path, "", 0, 0600, err)) != 0)
		return rc;
	if (sqlite3_open_v2(path, &db->sq, flags, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db->sq, DB_BUSY_MS) != SQLITE_OK)
		return sqlite_err(db, err, "open the database");
	if ((rc = harden(db, err)) != 0)
		return rc;
	if (how->scratch && (rc = db_script(db, SQL_SCRATCH, err)) != 0)
		return rc;
	*ret = TAKE(db);
	return 0;
}

/*
 * The last close moves the WAL into the database and removes it (SQLite's default, kept on
 * purpose, for two more fsyncs per run): between runs the database is one whole file that any
 * backup copies, and no deleted in-flight copy outlives the run in the WAL.
 */
void
db_closep(struct db **db)
{
	const int64_t start = utc_monotonic_ns();

	if (*db == NULL)
		return;
	if ((*db)->sq != NULL && (*db)->pid == getpid()) {
		stmt_forget(*db);
		sqlite3_close((*db)->sq);
		/* the checkpoint: two more fsyncs */
		file_fsync_ns += utc_monotonic_ns() - start;
	}
	free(*db);
	*db = NULL;
}

int64_t
db_commit_ns(const struct db *db)
{
	return db->commit_ns;
}

/*
 * WAL with synchronous=FULL: a commit appends to one file and costs one fsync, against four in the
 * rollback modes (journal, its header, its directory, the database). NORMAL would save that one
 * too, and lose the last commits with the power: a PUK would be on the token and nowhere else.
 */
int
db_use_wal(struct db *db, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	char mode[16] = "";
	int rc;

	if ((rc = db_next(db, "PRAGMA journal_mode = WAL", DB_NO_ARGS, &st, err)) < 0)
		return rc;
	if (rc == 1 && (rc = db_col_text(st, 0, mode, sizeof(mode), err)) != 0)
		return rc;
	if (strcmp(mode, "wal") != 0)
		return err_set(err, ERR_INTERNAL,
		    "%s: this file system cannot hold a write-ahead log; use a local one",
		    db->name);
	return 0;
}

int
db_begin(struct db *db, struct db_tx *tx, struct err *err)
{
	if (db->pid != getpid())
		return err_set(err, ERR_INTERNAL, "%s: opened by another process", db->name);
	if (db->broken)
		return err_set(err, ERR_INTERNAL,
		    "%s: a disk error interrupted an earlier change; check the disk, then run it "
		    "again",
		    db->name);
	/* IMMEDIATE: the lock is taken before anything is read, so what was read is still true when
	 * it is written */
	if (sqlite3_exec(db->sq, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_err(db, err, "begin a change");
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
	sqlite_err(db, err, "commit");
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

/* ---- a copy ---- */

static void
close_sq(sqlite3 **sq)
{
	sqlite3_close(*sq);
}

static int
copy_error(sqlite3 *to, const char *path, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "cannot write %s: %s", path, sqlite3_errmsg(to));
}

/* A file of its own, without a write-ahead log; SQLite syncs it as any other. */
static int
write_copy(struct db *db, const char *path, struct err *err)
{
	CLEAN(close_sq) sqlite3 *to = NULL;
	sqlite3_backup *b;
	int rc = SQLITE_OK;

	if (sqlite3_open_v2(path, &to,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
		NULL) != SQLITE_OK ||
	    (b = sqlite3_backup_init(to, "main", db->sq, "main")) == NULL)
		return copy_error(to, path, err);
	while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		if (rc != SQLITE_OK)
			sqlite3_sleep(COPY_PAUSE_MS);
		rc = sqlite3_backup_step(b, COPY_PAGES);
	}
	if (sqlite3_backup_finish(b) != SQLITE_OK ||
	    sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
		return copy_error(to, path, err);
	return 0;
}

int
db_copy(struct db *db, const char *path, struct err *err)
{
	int rc;

	if ((rc = file_create(path, "", 0, 0600, err)) != 0)
		return rc;
	if ((rc = write_copy(db, path, err)) != 0)
		unlink(path);
	return rc;
}
