/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "signer/log.h"

#define OLD "issuance.log"
#define OLD_KEPT "issuance.log.converted"
#define OLD_STATE "issuance.state" /* the checkpoint that it had */
#define NEW "issuance.db"
#define HALF "issuance.db.new"
#define LINE_LEN_MAX 32768
#define HASH_HEX (2 * LOG_HASH_LEN + 1)

/* What a line may say; others are passed over. */
enum word {
	ROW_N,
	TIME,
	PEER,
	WHAT,
	CA,
	SERIAL,
	NUMBER,
	REASON,
	TOKEN,
	TORN_BYTES,
	NOT_AFTER,
	REVOKED,
	PROFILE,
	SUBJECT,
	ATTESTATION,
	SHA256,
	TBS,
	CERT,
	AUDIT_ROWS,
	AUDIT_HEAD,
	PREV,
	WORDS
};
static const char *const keys[WORDS] = {"n", "time", "peer", "what", "ca", "serial", "number",
    "reason", "token", "bytes", "not_after", "revoked", "profile", "subject", "attestation",
    "sha256", "tbs", "cert", "audit_rows", "audit_head", "prev"};

struct converting {
	struct log *log;
	FILE *old;
	const struct log_who *who;
	char path[PATH_MAX]; /* of the old one */
	int64_t lines;
	uint8_t head[LOG_HASH_LEN]; /* of the last line */
	size_t torn;		    /* bytes of a line that a crash cut off */
	EVP_MD *sha256;
};

/* A line's values, NULL: not there; and what a row points to while it is written. */
struct values {
	const char *text[WORDS];
	uint8_t serial[LOG_SERIAL_LEN], digest[LOG_HASH_LEN];
	uint8_t data[LINE_LEN_MAX];
};

static void
converting_wipe(struct converting *c)
{
	log_closep(&c->log);
	EVP_MD_free(c->sha256);
	if (c->old != NULL)
		fclose(c->old);
}

static int
damaged(const struct converting *c, const char *how, struct err *err)
{
	return err_set(err, ERR_CA,
	    "the issuance log is damaged: line %lld of %s %s; restore it from a backup made after "
	    "the last certificate was issued",
	    (long long)c->lines + 1, c->path, how);
}

/* ---- one line: JSON as those releases wrote it, without spaces, in ASCII ---- */

/* The string whose quote is at **p: ends with a NUL, without its escapes, and *p is behind it. */
static char *
take_string(char **p)
{
	char *from = *p + 1, *to = from, *start = from;

	if (**p != '"')
		return NULL;
	for (; *from != '"'; *to++ = *from++) {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		else if (*from == '\\' || *from == '\0')
			return NULL;
	}
	*to = '\0';
	*p = from + 1;
	return start;
}

/* Into text, which stays: a name and a value, as long as there is a comma. */
static int
parse(char *text, const char *ret[static WORDS])
{
	char *p = text, *name, *value;
	size_t k, len;
	char end = *p == '{' ? ',' : '\0';

	memset(ret, 0, WORDS * sizeof(*ret));
	while (end == ',') {
		p++;
		if ((name = take_string(&p)) == NULL || *p++ != ':')
			return -1;
		if (*p == '"') {
			if ((value = take_string(&p)) == NULL)
				return -1;
			end = *p;
		} else {
			value = p;
			len = strspn(p, "-0123456789");
			end = p[len];
			p[len] = '\0';
			p += len;
		}
		for (k = 0; k < WORDS && strcmp(keys[k], name) != 0; k++)
			;
		if (k < WORDS && ret[k] != NULL)
			return -1;
		if (k < WORDS)
			ret[k] = value;
	}
	return end == '}' && p[1] == '\0' ? 0 : -1;
}

static const char *
either(const struct values *v, enum word a, enum word b)
{
	return v->text[a] != NULL ? v->text[a] : v->text[b];
}

static int
hex_of(const char *hex, uint8_t *to, size_t room, size_t *ret_len)
{
	*ret_len = hex == NULL ? 0 : strlen(hex) / 2;
	return *ret_len == 0 ? 0 : *ret_len > room ? -1 : text_unhex(hex, to, *ret_len);
}

static int
time_of(const char *text, int64_t *ret)
{
	return text == NULL ? 0 : utc_parse(text, ret);
}

static int64_t
number_of(const char *text)
{
	return text == NULL ? 0 : strtoll(text, NULL, 10);
}

static int
data_of(const char *b64, struct values *v, struct log_row *row)
{
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
read_values(struct values *v, struct log_row *row)
{
	const char *number = either(v, NUMBER, REASON), *digest;
	size_t digest_len, head_len;

	if ((row->what = v->text[WHAT]) == NULL)
		return -1;
	digest = v->text[strcmp(row->what, "intent") == 0 ? ATTESTATION : SHA256];
	row->n = number_of(v->text[ROW_N]);
	row->peer = number_of(v->text[PEER]);
	row->ca = log_entry_ca(v->text[CA]);
	row->number = number_of(number != NULL ? number : either(v, TOKEN, TORN_BYTES));
	row->text = either(v, PROFILE, SUBJECT);
	row->audit.rows = (uint64_t)number_of(v->text[AUDIT_ROWS]);
	if (time_of(v->text[TIME], &row->at) != 0 || row->at == 0 ||
	    time_of(v->text[NOT_AFTER], &row->not_after) != 0 ||
	    time_of(v->text[REVOKED], &row->revoked) != 0 ||
	    hex_of(v->text[SERIAL], v->serial, sizeof(v->serial), &row->serial_len) != 0 ||
	    hex_of(digest, v->digest, sizeof(v->digest), &digest_len) != 0 ||
	    hex_of(v->text[AUDIT_HEAD], row->audit.head, sizeof(row->audit.head), &head_len) != 0 ||
	    (digest_len != 0 && digest_len != sizeof(v->digest)) ||
	    (row->audit.rows > 0) != (head_len == LOG_HASH_LEN))
		return -1;
	row->serial = row->serial_len > 0 ? v->serial : NULL;
	row->digest = digest_len > 0 ? v->digest : NULL;
	return data_of(either(v, TBS, CERT), v, row);
}

static int
convert_line(struct converting *c, char *text, size_t len, struct values *v, struct err *err)
{
	struct log_row row = {0};
	char want[HASH_HEX];
	int rc;

	text_hex(c->head, sizeof(c->head), want);
	if (EVP_Digest(text, len, c->head, NULL, c->sha256, NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	if (strlen(text) != len || parse(text, v->text) != 0)
		return damaged(c, "cannot be read", err);
	if (number_of(v->text[ROW_N]) != c->lines + 1 || v->text[PREV] == NULL ||
	    strcmp(v->text[PREV], want) != 0)
		return damaged(c, "does not chain to the line before it", err);
	if (read_values(v, &row) != 0)
		return damaged(c, "has an impossible value", err);
	if ((rc = log_put(c->log, &row, err)) != 0)
		return rc;
	c->lines++;
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
take_row(void *ctx, struct db_stmt *st, struct err *err)
{
	struct converting *c = ctx;
	struct log_row row = {.n = db_col_int(st, 0)};
	int rc;

	if ((rc = log_entry_read(st, &row, err)) == 0)
		rc = log_entry_apply(c->log, &row, err);
	c->lines = row.n - 1;
	return rc == ERR_CA ? damaged(c, "has an impossible value", err) : rc;
}

/* What the rows amount to, from those that are in the file now; they are what was written. */
static int
read_back(struct converting *c, const char *half, struct err *err)
{
	const struct chain_at written = c->log->sums.at;
	struct log_sums *sums;
	int rc;

	if ((rc = log_sync(c->log, err)) != 0)
		return rc;
	log_closep(&c->log);
	if ((rc = log_open(half, LOG_SCRATCH_ROWS, c->who, &c->log, err)) != 0)
		return rc;
	sums = &c->log->sums;
	if ((rc = log_begin(c->log, err)) != 0 ||
	    (rc = chain_verify(c->log->db, &log_rows, 0, take_row, c, NULL, err)) != 0 ||
	    (rc = chain_head(c->log->db, &log_rows, &sums->at, err)) != 0)
		return rc;
	if (sums->at.n != written.n || memcmp(sums->at.hash, written.hash, LOG_HASH_LEN) != 0)
		return err_set(
		    err, ERR_INTERNAL, "%s read back differs from what was written", half);
	c->lines = written.n;
	return 0;
}

static int
finish(struct converting *c, struct err *err)
{
	struct log_row torn_row = {.what = "torn", .ca = -1, .number = (int64_t)c->torn};
	struct log_row row = {.what = "converted", .ca = -1, .number = c->lines, .digest = c->head};
	int rc;

	if ((c->torn > 0 && (rc = log_append_some(c->log, c->who, &torn_row, err)) != 0) ||
	    (rc = log_append_some(c->log, c->who, &row, err)) != 0 ||
	    (rc = db_script(c->log->db, log_entry_indexes, err)) != 0 ||
	    (rc = log_sync(c->log, err)) != 0)
		return rc;
	return db_use_wal(c->log->db, err);
}

static int
build(struct converting *c, const char *half, struct err *err)
{
	int rc;

	if ((c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL)) == NULL)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	if ((c->old = fopen(c->path, "re")) == NULL)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", c->path);
	if ((rc = db_remove(half, err)) != 0 ||
	    (rc = log_open(half, LOG_SCRATCH, c->who, &c->log, err)) != 0 ||
	    (rc = convert_lines(c, err)) != 0 || (rc = read_back(c, half, err)) != 0 ||
	    (rc = finish(c, err)) != 0)
		return rc;
	log_closep(&c->log);
	return 0;
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
