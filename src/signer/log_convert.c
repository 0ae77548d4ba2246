/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "signer/log_convert.h"
#include "signer/log_entry.h"

#define OLD "issuance.log"
#define OLD_KEPT "issuance.log.converted"
#define OLD_STATE "issuance.state" /* the checkpoint that it had */
#define NEW "issuance.db"
#define HALF "issuance.db.new"
#define LINE_LEN_MAX 32768
#define HASH_HEX (2 * LOG_HASH_LEN + 1)

/* SQLite reads the JSON. Columns in the order of enum col. */
static const char parse[] =
    "SELECT j ->> 'n', j ->> 'time', j ->> 'peer', j ->> 'what', j ->> 'ca', j ->> 'serial',"
    " coalesce(j ->> 'number', j ->> 'reason', j ->> 'token', j ->> 'bytes', 0),"
    " j ->> 'not_after', j ->> 'revoked', coalesce(j ->> 'profile', j ->> 'subject'),"
    " iif(j ->> 'what' = 'intent', j ->> 'attestation', j ->> 'sha256'),"
    " coalesce(j ->> 'tbs', j ->> 'cert'), j ->> 'audit_rows', j ->> 'audit_head', j ->> 'prev'"
    " FROM (SELECT ? AS j)";
enum col {
	N,
	TIME,
	PEER,
	WHAT,
	CA,
	SERIAL,
	NUMBER,
	NOT_AFTER,
	REVOKED,
	TEXT,
	DIGEST,
	DATA,
	AUDIT_ROWS,
	AUDIT_HEAD,
	PREV,
};

struct converting {
	struct log *log;
	FILE *old;
	const struct log_who *who;
	char path[PATH_MAX]; /* of the old one */
	int64_t lines;
	uint8_t head[LOG_HASH_LEN]; /* of the last line */
	size_t torn;		    /* bytes of a line that a crash cut off */
};

/* What a row points to while it is written. */
struct values {
	uint8_t serial[LOG_SERIAL_LEN], digest[LOG_HASH_LEN];
	uint8_t data[LINE_LEN_MAX];
};

static void
converting_wipe(struct converting *c)
{
	log_closep(&c->log);
	if (c->old != NULL)
		fclose(c->old);
}

static int
damaged(const struct converting *c, const char *how, struct err *err)
{
	return err_set(err, ERR_CA,
	    "the issuance log is damaged: line %lld of %s %s; restore it from a backup that is not "
	    "older than the last certificate",
	    (long long)c->lines + 1, c->path, how);
}

/* ---- one line ---- */

static int
hex_column(struct db_stmt *st, int col, uint8_t *to, size_t room, size_t *ret_len)
{
	const char *hex = db_col_str(st, col);

	*ret_len = hex == NULL ? 0 : strlen(hex) / 2;
	return *ret_len == 0 ? 0 : *ret_len > room ? -1 : text_unhex(hex, to, *ret_len);
}

static int
time_column(struct db_stmt *st, int col, int64_t *ret)
{
	const char *text = db_col_str(st, col);

	return text == NULL ? 0 : utc_parse(text, ret);
}

static int
data_column(struct db_stmt *st, struct values *v, struct log_row *row)
{
	const char *b64 = db_col_str(st, DATA);
	const size_t len = b64 == NULL ? 0 : strlen(b64);
	size_t pad = 0;

	if (len == 0)
		return 0;
	if (len % 4 != 0 || len > sizeof(v->data))
		return -1;
	while (pad < 2 && b64[len - 1 - pad] == '=')
		pad++;
	row->data = v->data;
	row->data_len = len / 4 * 3 - pad;
	return EVP_DecodeBlock(v->data, (const uint8_t *)b64, (int)len) == (int)(len / 4 * 3) ? 0
											      : -1;
}

static int
read_values(struct db_stmt *st, struct values *v, struct log_row *row)
{
	size_t digest_len, head_len;

	row->n = db_col_int(st, N);
	row->peer = db_col_int(st, PEER);
	row->what = db_col_str(st, WHAT);
	row->ca = log_entry_ca(db_col_str(st, CA));
	row->number = db_col_int(st, NUMBER);
	row->text = db_col_str(st, TEXT);
	row->audit.rows = (uint64_t)db_col_int(st, AUDIT_ROWS);
	if (row->what == NULL || time_column(st, TIME, &row->at) != 0 || row->at == 0 ||
	    time_column(st, NOT_AFTER, &row->not_after) != 0 ||
	    time_column(st, REVOKED, &row->revoked) != 0 ||
	    hex_column(st, SERIAL, v->serial, sizeof(v->serial), &row->serial_len) != 0 ||
	    hex_column(st, DIGEST, v->digest, sizeof(v->digest), &digest_len) != 0 ||
	    hex_column(st, AUDIT_HEAD, row->audit.head, sizeof(row->audit.head), &head_len) != 0 ||
	    (digest_len != 0 && digest_len != sizeof(v->digest)) ||
	    (row->audit.rows > 0) != (head_len == LOG_HASH_LEN))
		return -1;
	row->serial = row->serial_len > 0 ? v->serial : NULL;
	row->digest = digest_len > 0 ? v->digest : NULL;
	return data_column(st, v, row);
}

static int
convert_line(struct converting *c, const char *text, size_t len, struct values *v, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct log_row row = {0};
	char want[HASH_HEX];
	const char *prev;

	if (db_query(c->log->db, parse, DB_ARGS(DB_T(text)), &st, err) != 0)
		return ERR_INTERNAL;
	if (db_step(st, NULL) != 1)
		return damaged(c, "cannot be read", err);
	text_hex(c->head, sizeof(c->head), want);
	prev = db_col_str(st, PREV);
	if (db_col_int(st, N) != c->lines + 1 || prev == NULL || strcmp(prev, want) != 0)
		return damaged(c, "does not follow the line before it", err);
	if (read_values(st, v, &row) != 0 || log_put(c->log, &row, NULL) != 0)
		return damaged(c, "says what cannot be", err);
	c->lines++;
	if (EVP_Digest(text, len, c->head, NULL, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	return 0;
}

/* Of the last line: a crash leaves it without its end, or with blocks that were never written. */
static bool
torn(const char *text, size_t len, FILE *f)
{
	int c;

	if (text[len - 1] != '\n')
		return true;
	if (memchr(text, 0, len) == NULL)
		return false;
	if ((c = getc(f)) == EOF)
		return true;
	ungetc(c, f);
	return false;
}

static int
convert_lines(struct converting *c, struct err *err)
{
	CLEAN(file_line_freep) char *text = NULL;
	struct values v;
	size_t size = 0;
	ssize_t len;
	int rc;

	while ((len = getline(&text, &size, c->old)) > 0) {
		if (torn(text, (size_t)len, c->old)) {
			c->torn = (size_t)len;
			break;
		}
		if (len > LINE_LEN_MAX)
			return damaged(c, "is too long", err);
		text[--len] = '\0';
		if ((rc = convert_line(c, text, (size_t)len, &v, err)) != 0)
			return rc;
	}
	if (ferror(c->old))
		return err_errno(err, ERR_INTERNAL, "cannot read %s", c->path);
	return c->lines > 0 ? 0 : damaged(c, "is missing", err);
}

/* ---- the whole ---- */

static int
finish(struct converting *c, struct err *err)
{
	struct log_row torn_row = {.what = "torn", .ca = -1, .number = (int64_t)c->torn};
	struct log_row row = {.what = "converted", .ca = -1, .number = c->lines, .digest = c->head};
	int rc;

	if ((c->torn > 0 && (rc = log_append_some(c->log, c->who, &torn_row, err)) != 0) ||
	    (rc = log_append_some(c->log, c->who, &row, err)) != 0)
		return rc;
	return log_sync(c->log, err);
}

static int
build(struct converting *c, const char *half, struct err *err)
{
	struct log_sums sums;
	int rc;

	if ((c->old = fopen(c->path, "re")) == NULL)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", c->path);
	if ((rc = db_remove(half, err)) != 0 ||
	    (rc = log_open(half, true, c->who, &c->log, err)) != 0 ||
	    (rc = convert_lines(c, err)) != 0 || (rc = finish(c, err)) != 0)
		return rc;
	log_closep(&c->log);
	return log_verify(half, NULL, NULL, &sums, err);
}

/* What is not needed any more is out of the way, and nothing is lost. */
static int
put_aside(const char *dir, const char *old, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), dir, OLD_STATE, err)) != 0)
		return rc;
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, ERR_INTERNAL, "cannot remove %s", path);
	if ((rc = file_join(path, sizeof(path), dir, OLD_KEPT, err)) != 0)
		return rc;
	if (chmod(old, 0400) != 0 || rename(old, path) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot rename %s", old);
	return file_sync_dir(path, err);
}

bool
log_convert_due(const char *dir)
{
	char path[PATH_MAX];

	return file_join(path, sizeof(path), dir, OLD, NULL) == 0 && access(path, F_OK) == 0;
}

int
log_convert(const char *dir, const struct log_who *who, struct err *err)
{
	CLEAN(converting_wipe) struct converting c = {.who = who};
	char half[PATH_MAX], path[PATH_MAX];
	int rc;

	if (!log_convert_due(dir))
		return 0;
	if ((rc = file_join(c.path, sizeof(c.path), dir, OLD, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), dir, NEW, err)) != 0 ||
	    (rc = file_join(half, sizeof(half), dir, HALF, err)) != 0)
		return rc;
	if (access(path, F_OK) == 0) /* converted, and killed before the old one was put aside */
		return put_aside(dir, c.path, err);
	if ((rc = build(&c, half, err)) != 0)
		return rc;
	if (rename(half, path) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot rename %s", half);
	if ((rc = file_sync_dir(path, err)) != 0)
		return rc;
	return put_aside(dir, c.path, err);
}
