/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/log.h"
#include "signer/rules.h"

#define VERSION 1    /* user_version */
#define OPEN_ROWS 50 /* checked at every open; log_verify checks all */
#define SQL_ROWS                                         \
	"CREATE TABLE rows ("                            \
	" n INTEGER PRIMARY KEY CHECK (n > 0),"          \
	" at INTEGER NOT NULL,"                          \
	" peer INTEGER NOT NULL,"                        \
	" what TEXT NOT NULL,"                           \
	" ca TEXT,"                                      \
	" serial BLOB,"                                  \
	" number INTEGER NOT NULL,"                      \
	" not_after INTEGER NOT NULL,"                   \
	" revoked INTEGER NOT NULL,"                     \
	" text TEXT,"                                    \
	" digest BLOB,"                                  \
	" data BLOB,"                                    \
	" audit_rows INTEGER NOT NULL,"                  \
	" audit_head BLOB,"                              \
	" prev BLOB NOT NULL CHECK (length(prev) = 32)," \
	" hash BLOB NOT NULL CHECK (length(hash) = 32)"  \
	") STRICT;"

/* The reason stays, the code becomes the one that the contract names. */
static int
damaged(struct err *err)
{
	if (err != NULL)
		err->code = ERR_CA;
	return ERR_CA;
}

/* ---- writing ---- */

int
log_sound(const struct log *log, struct err *err)
{
	if (!log->failed)
		return 0;
	return err_set(err, ERR_CA,
	    "writing the issuance log failed before; check the disk, then restart the signer");
}

int
log_usable(const struct log *log, int64_t now, struct err *err)
{
	char last[UTC_TEXT_LEN];
	const int rc = log_sound(log, err);

	if (rc != 0)
		return rc;
	if (now >= log->sums.last_time - LOG_CLOCK_SLACK)
		return 0;
	utc_text(log->sums.last_time, last);
	return err_set(err, ERR_CA,
	    "the clock is or was wrong: the last entry of the issuance log is dated %s, in the "
	    "future; set the clock",
	    last);
}

int
log_begin(struct log *log, struct err *err)
{
	return log->tx.db != NULL ? 0 : db_begin(log->db, &log->tx, err);
}

int
log_put(struct log *log, const struct log_row *row, struct err *err)
{
	const bool told = row->audit.rows > 0;
	const int rc = log_begin(log, err);

	return rc != 0 ? rc
		       : chain_append(log->db, &log_rows, &log->sums.at,
			     DB_ARGS(DB_I(row->n), DB_I(row->at), DB_I(row->peer), DB_T(row->what),
				 DB_T(row->ca < 0 ? NULL : log_ca_names[row->ca]),
				 DB_B(row->serial, row->serial_len), DB_I(row->number),
				 DB_I(row->not_after), DB_I(row->revoked), DB_T(row->text),
				 DB_B(row->digest, LOG_HASH_LEN), DB_B(row->data, row->data_len),
				 DB_I(row->audit.rows),
				 DB_B(told ? row->audit.head : NULL, LOG_HASH_LEN)),
			     err);
}

/* What was not synced is undone. */
static int
undo(struct log *log, int rc)
{
	db_rollbackp(&log->tx);
	log->sums = log->synced;
	log->failed = log->failed || rc != ERR_CA;
	return rc;
}

int
log_append_some(struct log *log, const struct log_who *who, struct log_row *row, struct err *err)
{
	int rc;

	if ((rc = log_usable(log, who->now, err)) != 0)
		return rc;
	/* zeros in front say nothing; one octet is left at least */
	for (; row->serial_len > 1 && row->serial[0] == 0; row->serial_len--)
		row->serial++;
	row->n = log->sums.at.n + 1;
	/* the clock may have been set back a little; the log's time never goes back */
	row->at = who->now > log->sums.last_time ? who->now : log->sums.last_time;
	row->peer = who->peer;
	row->audit = who->audit;
	if ((rc = log_begin(log, err)) == 0 && (rc = log_entry_apply(log, row, err)) == 0)
		rc = log_put(log, row, err);
	return rc != 0 ? undo(log, rc) : 0;
}

int
log_sync(struct log *log, struct err *err)
{
	const int64_t spent = db_commit_ns(log->db);
	int rc;

	if (log->tx.db == NULL)
		return 0;
	if ((rc = log_entry_save(log, err)) == 0)
		rc = db_commit(&log->tx, err);
	file_fsync_ns += db_commit_ns(log->db) - spent;
	if (rc != 0)
		return undo(log, rc);
	log->synced = log->sums;
	return 0;
}

int
log_append(struct log *log, const struct log_who *who, struct log_row *row, struct err *err)
{
	const int rc = log_append_some(log, who, row, err);

	return rc != 0 ? rc : log_sync(log, err);
}

int
log_of_serial(struct log *log, const struct log_who *who, const char *what, const uint8_t *serial,
    size_t len, int64_t number, struct err *err)
{
	struct log_row row = {
	    .what = what, .ca = -1, .serial = serial, .serial_len = len, .number = number};

	return log_append(log, who, &row, err);
}

int
log_of_crl(struct log *log, const struct log_who *who, const char *what, enum log_ca ca,
    uint64_t number, const uint8_t hash[static LOG_HASH_LEN], struct err *err)
{
	struct log_row row = {
	    .what = what, .ca = (int)ca, .number = (int64_t)number, .digest = hash};

	return log_append(log, who, &row, err);
}

/* There is one, but for a log that two wrote. */
static int
next_intent(const struct log *log, uint8_t ret[static LOG_SERIAL_LEN], struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_query(log->db, "SELECT serial FROM certs WHERE state = 0 LIMIT 1", DB_NO_ARGS,
		 &st, err)) != 0 ||
	    (rc = db_step(st, err)) != 1)
		return rc;
	rc = db_col_bytes(st, 0, ret, LOG_SERIAL_LEN, err);
	return rc != 0 ? rc : 1;
}

int
log_abandon(struct log *log, const struct log_who *who, struct err *err)
{
	uint8_t serial[LOG_SERIAL_LEN];
	int rc;

	while ((rc = next_intent(log, serial, err)) == 1)
		if ((rc = log_of_serial(log, who, "abandoned", serial, sizeof(serial), 0, err)) !=
		    0)
			return rc;
	return rc;
}

/* ---- opening ---- */

static int
check_file(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) != 0 && errno == ENOENT)
		return err_set(
		    err, ERR_CA, "the issuance log %s is missing; restore it from a backup", path);
	if (lstat(path, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot stat %s", path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
		return err_set(err, ERR_CA,
		    "%s is accessible to others or is not a regular file (chmod 600)", path);
	return 0;
}

static int new (const char *path, enum log_how as, struct log **ret, struct err *err)
{
	const struct db_how how = {.name = "issuance log",
	    .create = as == LOG_NEW || as == LOG_SCRATCH,
	    .scratch = as == LOG_SCRATCH || as == LOG_SCRATCH_ROWS};
	CLEAN(log_closep) struct log *log = calloc(1, sizeof(*log));
	struct stat st;
	int rc;

	if (log == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if (strlen(path) >= sizeof(log->path))
		return err_set(err, ERR_INTERNAL, "path too long: %s", path);
	memcpy(log->path, path, strlen(path) + 1);
	if (as == LOG_THERE && (rc = check_file(path, err)) != 0)
		return rc;
	if ((rc = db_open(path, &how, &log->db, err)) != 0)
		return how.create ? rc : damaged(err);
	if (stat(path, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot stat %s", path);
	log->inode = st.st_ino;
	*ret = TAKE(log);
	return 0;
}

static int
fill(struct log *log, enum log_how how, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char version[64];
	int rc;

	snprintf(version, sizeof(version), "PRAGMA user_version = %d", VERSION);
	if ((how == LOG_NEW && (rc = db_use_wal(log->db, err)) != 0) ||
	    (rc = db_begin(log->db, &tx, err)) != 0 ||
	    (rc = db_script(log->db, SQL_ROWS, err)) != 0 ||
	    (rc = db_script(log->db, log_entry_tables, err)) != 0 ||
	    (how == LOG_NEW && (rc = db_script(log->db, log_entry_indexes, err)) != 0) ||
	    (rc = db_script(log->db, version, err)) != 0 || (rc = log_entry_save(log, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}

static int
check_version(struct log *log, struct err *err)
{
	int64_t v = 0;
	int rc;

	if ((rc = db_int(log->db, "PRAGMA user_version", DB_NO_ARGS, &v, err)) < 0)
		return rc;
	if (v == VERSION)
		return 0;
	return v > VERSION ? err_set(err, ERR_CA,
				 "%s was made by a newer ykenroll; upgrade ykenroll", log->path)
			   : err_set(err, ERR_CA, "%s is not an issuance log", log->path);
}

/* The newest rows and the sums; the latter are of the former. */
int
log_load(struct log *log, struct err *err)
{
	int rc;

	if ((rc = check_version(log, err)) != 0 ||
	    (rc = chain_verify(log->db, &log_rows, OPEN_ROWS, NULL, NULL, NULL, err)) != 0 ||
	    (rc = log_entry_load(log, err)) != 0)
		return damaged(err);
	log->synced = log->sums;
	return log->sums.at.n > 0
		   ? 0
		   : err_set(err, ERR_CA, "%s 1 is missing: %s", log_rows.row, log_rows.advice);
}

int
log_open(const char *path, enum log_how how, const struct log_who *who, struct log **ret,
    struct err *err)
{
	CLEAN(log_closep) struct log *log = NULL;
	int rc;

	if ((rc = new (path, how, &log, err)) != 0 ||
	    (how == LOG_THERE && (rc = log_load(log, err)) != 0) ||
	    ((how == LOG_NEW || how == LOG_SCRATCH) && (rc = fill(log, how, err)) != 0))
		return rc;
	if (log->sums.open > 0 && (rc = log_abandon(log, who, err)) != 0)
		return rc;
	*ret = TAKE(log);
	return 0;
}

int
log_open_view(const char *path, struct log **ret, struct err *err)
{
	CLEAN(log_closep) struct log *log = NULL;
	int rc;

	if ((rc = new (path, LOG_THERE, &log, err)) != 0 || (rc = log_load(log, err)) != 0)
		return rc;
	*ret = TAKE(log);
	return 0;
}

void
log_closep(struct log **log)
{
	if (*log == NULL)
		return;
	db_rollbackp(&(*log)->tx);
	db_closep(&(*log)->db);
	free(*log);
	*log = NULL;
}
