/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the issuance log: from its checkpoint when that fits, else from its first line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/text.h"
#include "base/utc.h"
#include "signer/log.h"
#include "signer/log_read.h"

#define HASH_HEX (2 * LOG_HASH_LEN + 1)
#define OVERLAY_MAX 65536 /* certificates in memory, while a log without checkpoint is read */

static void
json_freep(json_t **j)
{
	json_decref(*j);
}

static void
text_freep(char **s)
{
	free(*s);
}

static void
stream_closep(FILE **f)
{
	if (*f != NULL)
		fclose(*f);
}

int
log_damaged(const struct log *log, const char *how, struct err *err)
{
	return err_set(err, ERR_CA,
	    "the issuance log is damaged: line %llu %s; restore ca/issuance.log from a backup that "
	    "is not older than the last certificate",
	    (unsigned long long)log->sums.lines + 1, how);
}

static int
read_line(struct log *log, const char *text, size_t len, int64_t at, struct err *err)
{
	CLEAN(json_freep) json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	char want[HASH_HEX];
	const char *time, *prev;
	json_int_t n, peer;
	int64_t when;

	if (line == NULL || json_unpack(line, "{s:I, s:s, s:I, s:s}", "n", &n, "time", &time,
				"peer", &peer, "prev", &prev) != 0)
		return log_damaged(log, "cannot be read", err);
	text_hex(log->sums.head, sizeof(log->sums.head), want);
	if ((uint64_t)n != log->sums.lines + 1 || strcmp(prev, want) != 0)
		return log_damaged(log, "does not follow the line before it", err);
	if (utc_parse(time, &when) != 0)
		return log_damaged(log, "has no time", err);
	if (log_apply(log, line, at, err) != 0)
		return log_damaged(log, "says what cannot be", err);
	log->sums.lines++;
	log->sums.last_time = when > log->sums.last_time ? when : log->sums.last_time;
	return log_hash(text, len, log->sums.head, err);
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
read_lines(struct log *log, FILE *f, int64_t end, size_t *ret_torn, struct err *err)
{
	CLEAN(text_freep) char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int rc;

	while ((end == 0 || log->sums.end < end) && (len = getline(&text, &size, f)) > 0) {
		if (torn(text, (size_t)len, f)) {
			*ret_torn = (size_t)len;
			return 0;
		}
		if (len > LOG_LINE_MAX)
			return log_damaged(log, "is too long", err);
		if ((rc = read_line(log, text, (size_t)len - 1, log->sums.end, err)) != 0)
			return rc;
		log->sums.end += len;
		/* of a long log that has no checkpoint: as much in memory as is on disk */
		if (!log->read_only && log->n >= OVERLAY_MAX && log->n >= log->base.n)
			(void)!log_settle(log, NULL);
	}
	return ferror(f) ? err_errno(err, ERR_INTERNAL, "cannot read the issuance log") : 0;
}

int
log_read_lines(struct log *log, int64_t end, size_t *ret_torn, struct err *err)
{
	CLEAN(stream_closep) FILE *f = NULL;
	int copy = fcntl(log->fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0 || (f = fdopen(copy, "r")) == NULL) {
		if (copy >= 0)
			close(copy);
		return err_errno(err, ERR_INTERNAL, "cannot read the issuance log");
	}
	if (fseeko(f, (off_t)log->sums.end, SEEK_SET) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot read the issuance log");
	return read_lines(log, f, end, ret_torn, err);
}

/* ---- from the checkpoint ---- */

int
log_state_path(const struct log *log, char ret[static PATH_MAX], struct err *err)
{
	const char *slash = strrchr(log->path, '/');
	const int n = snprintf(ret, PATH_MAX, "%.*s" LOG_STATE,
	    slash == NULL ? 0 : (int)(slash - log->path + 1), log->path);

	return n < 0 || n >= PATH_MAX ? err_set(err, ERR_INTERNAL, "path too long: %s", log->path)
				      : 0;
}

/* Is the line that ends there the last one that the checkpoint has? Its hash stands for all lines
 * before it. */
static bool
fits(const struct log *log, const struct log_sums *sums)
{
	CLEAN(text_freep) char *text = malloc(LOG_LINE_MAX + 2);
	uint8_t head[LOG_HASH_LEN];
	struct stat st;
	const char *start;
	ssize_t n;

	if (text == NULL || sums->lines == 0 || sums->end <= 0 || fstat(log->fd, &st) != 0 ||
	    st.st_size < sums->end)
		return false;
	n = sums->end < LOG_LINE_MAX + 2 ? (ssize_t)sums->end : LOG_LINE_MAX + 2;
	if (pread(log->fd, text, (size_t)n, sums->end - n) != n || text[n - 1] != '\n')
		return false;
	start = memrchr(text, '\n', (size_t)n - 1);
	start = start == NULL ? text : start + 1;
	return log_hash(start, (size_t)(text + n - 1 - start), head, NULL) == 0 &&
	       memcmp(head, sums->head, sizeof(head)) == 0;
}

int
log_read_all(struct log *log, size_t *ret_torn, struct err *err)
{
	struct log_sums sums = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = log_state_path(log, path, err)) != 0)
		return rc;
	log_base_open(path, &log->base, &sums);
	if (log->base.fd >= 0 && fits(log, &sums))
		log->sums = sums;
	else
		log_base_close(&log->base);
	return log_read_lines(log, 0, ret_torn, err);
}

int
log_refresh(struct log *log, struct err *err)
{
	struct stat there, ours;
	size_t torn = 0;

	if (stat(log->path, &there) != 0 || fstat(log->fd, &ours) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot look at the issuance log");
	if (there.st_ino != ours.st_ino || there.st_dev != ours.st_dev ||
	    there.st_size < log->sums.end)
		return ERR_ABSENT;
	return there.st_size == log->sums.end ? 0 : log_read_lines(log, 0, &torn, err);
}

static int
decode(const char *b64, struct blob *ret, struct err *err)
{
	const size_t len = strlen(b64);
	size_t pad = 0;
	int rc;

	if (len == 0 || len % 4 != 0 || len > LOG_LINE_MAX)
		return err_set(err, ERR_CA, "the issuance log is damaged: not base64");
	while (pad < 2 && b64[len - 1 - pad] == '=')
		pad++;
	CLEAN(text_freep) char *raw = malloc(len / 4 * 3);
	if (raw == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if (EVP_DecodeBlock((uint8_t *)raw, (const uint8_t *)b64, (int)len) != (int)(len / 4 * 3))
		return err_set(err, ERR_CA, "the issuance log is damaged: not base64");
	rc = blob_set(ret, raw, len / 4 * 3 - pad, err);
	return rc;
}

int
log_certificate(const struct log *log, const struct log_cert *c, struct blob *ret, struct err *err)
{
	CLEAN(json_freep) json_t *line = NULL;
	CLEAN(text_freep) char *text = malloc(LOG_LINE_MAX);
	const char *b64, *end;
	ssize_t n;

	if (text == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((n = pread(log->fd, text, LOG_LINE_MAX, c->line_at)) <= 0)
		return err_errno(err, ERR_INTERNAL, "cannot read the issuance log");
	if ((end = memchr(text, '\n', (size_t)n)) == NULL ||
	    (line = json_loadb(text, (size_t)(end - text), 0, NULL)) == NULL)
		return err_set(err, ERR_CA, "the issuance log changed under the signer");
	if ((b64 = json_string_value(json_object_get(line, "cert"))) == NULL)
		return err_set(err, ERR_ABSENT,
		    "this certificate was imported from another CA's records, which did not have "
		    "it itself");
	return decode(b64, ret, err);
}
