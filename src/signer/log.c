/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "signer/log.h"

#define HASH_HEX (2 * LOG_HASH_LEN + 1)

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

static int
hash(const void *data, size_t len, uint8_t ret[static LOG_HASH_LEN], struct err *err)
{
	if (EVP_Digest(data, len, ret, NULL, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	return 0;
}

/* ---- writing ---- */

static int
write_line(struct log *log, const char *line, size_t len, struct err *err)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(log->fd, line, len, log->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_INTERNAL, "cannot write the issuance log");
		line += n;
		len -= (size_t)n;
		log->end += n;
	}
	return file_fsync(log->fd, "the issuance log", err);
}

/* Number, time and uid go first and the chain last, so that a line reads well. */
static json_t *
complete(const struct log *log, int64_t now, uint32_t peer, json_t *entry)
{
	char time[UTC_TEXT_LEN], prev[HASH_HEX];
	json_t *line;

	utc_text(now, time);
	text_hex(log->head, sizeof(log->head), prev);
	line = json_pack("{s:I, s:s, s:I}", "n", (json_int_t)log->lines + 1, "time", time, "peer",
	    (json_int_t)peer);
	if (line != NULL && (json_object_update(line, entry) != 0 ||
				json_object_set_new(line, "prev", json_string(prev)) != 0)) {
		json_decref(line);
		line = NULL;
	}
	return line;
}

int
log_append(struct log *log, const struct log_who *who, json_t *entry, struct err *err)
{
	CLEAN(json_freep) json_t *given = entry, *line = NULL;
	CLEAN(text_freep) char *text = NULL;
	/* the clock may have been set back a little; the log's time never goes back */
	const int64_t now = who->now > log->last_time ? who->now : log->last_time;
	const int64_t at = log->end;
	uint8_t head[LOG_HASH_LEN];
	size_t len;
	int rc;

	if ((rc = log_usable(log, who->now, err)) != 0)
		return rc;
	if (given == NULL || (line = complete(log, now, who->peer, given)) == NULL ||
	    (text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((len = strlen(text)) >= LOG_LINE_MAX)
		return err_set(err, ERR_INTERNAL, "a line of %zu bytes for the log", len);
	if ((rc = hash(text, len, head, err)) != 0)
		return rc;
	/* The states move first: what they refuse is not written, and when the write fails nothing
	 * more is done with them. */
	if ((rc = log_apply(log, line, at, err)) != 0)
		return rc;
	text[len] = '\n'; /* over the NUL: from here on it is len + 1 bytes, not a string */
	if ((rc = write_line(log, text, len + 1, err)) != 0) {
		log->failed = true;
		return rc;
	}
	memcpy(log->head, head, sizeof(head));
	log->lines++;
	log->last_time = now;
	return 0;
}

int
log_usable(const struct log *log, int64_t now, struct err *err)
{
	char last[UTC_TEXT_LEN];

	if (log->failed)
		return err_set(err, ERR_CA,
		    "the issuance log could not be written before; look at the disk, then start "
		    "the signer again");
	if (now >= log->last_time - LOG_CLOCK_SLACK)
		return 0;
	utc_text(log->last_time, last);
	return err_set(err, ERR_CA,
	    "the clock is wrong, or was: the issuance log was last written at %s; set the clock",
	    last);
}

/* ---- reading ---- */

static int
damaged(const struct log *log, const char *how, struct err *err)
{
	return err_set(err, ERR_CA,
	    "the issuance log is damaged: line %llu %s; restore ca/issuance.log from a backup that "
	    "is not older than the last certificate",
	    (unsigned long long)log->lines + 1, how);
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
		return damaged(log, "cannot be read", err);
	text_hex(log->head, sizeof(log->head), want);
	if ((uint64_t)n != log->lines + 1 || strcmp(prev, want) != 0)
		return damaged(log, "does not follow the line before it", err);
	if (utc_parse(time, &when) != 0)
		return damaged(log, "has no time", err);
	if (log_apply(log, line, at, err) != 0)
		return damaged(log, "says what cannot be", err);
	log->lines++;
	log->last_time = when > log->last_time ? when : log->last_time;
	return hash(text, len, log->head, err);
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
read_lines(struct log *log, FILE *f, size_t *ret_torn, struct err *err)
{
	CLEAN(text_freep) char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int rc;

	while ((len = getline(&text, &size, f)) > 0) {
		if (torn(text, (size_t)len, f)) {
			*ret_torn = (size_t)len;
			return 0;
		}
		if (len > LOG_LINE_MAX)
			return damaged(log, "is too long", err);
		if ((rc = read_line(log, text, (size_t)len - 1, log->end, err)) != 0)
			return rc;
		log->end += len;
	}
	return ferror(f) ? err_errno(err, ERR_INTERNAL, "cannot read the issuance log") : 0;
}

static int
read_file(struct log *log, size_t *ret_torn, struct err *err)
{
	CLEAN(stream_closep) FILE *f = NULL;
	int copy = fcntl(log->fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0 || (f = fdopen(copy, "r")) == NULL) {
		if (copy >= 0)
			close(copy);
		return err_errno(err, ERR_INTERNAL, "cannot read the issuance log");
	}
	return read_lines(log, f, ret_torn, err);
}

static int
open_file(struct log *log, const char *path, bool create, struct err *err)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT | O_EXCL : 0);
	struct stat st;

	if ((log->fd = open(path, flags, 0600)) < 0 && errno == ENOENT)
		return err_set(err, ERR_CA, "the issuance log %s is not there; restore it", path);
	if (log->fd < 0 || fstat(log->fd, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
		return err_set(
		    err, ERR_CA, "%s is open to others, or not a file; chmod 600 it", path);
	return 0;
}

int
log_open(
    const char *path, bool create, const struct log_who *who, struct log **ret, struct err *err)
{
	CLEAN(log_closep) struct log *log = calloc(1, sizeof(*log));
	size_t tail = 0;
	int rc;

	if (log == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	log->fd = -1;
	if ((rc = open_file(log, path, create, err)) != 0 || (rc = read_file(log, &tail, err)) != 0)
		return rc;
	if (!create && log->lines == 0)
		return damaged(log, "is missing", err);
	if (tail > 0 && ftruncate(log->fd, log->end) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot cut the torn line off %s", path);
	if (tail > 0 && (rc = log_torn(log, who, tail, err)) != 0)
		return rc;
	if (log->open > 0 && (rc = log_abandon(log, who, err)) != 0)
		return rc;
	*ret = TAKE(log);
	return 0;
}

void
log_closep(struct log **log)
{
	if (*log == NULL)
		return;
	if ((*log)->fd >= 0)
		close((*log)->fd);
	free((*log)->certs);
	log_index_wipe(&(*log)->index);
	free(*log);
	*log = NULL;
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
	    (line = json_loadb(text, (size_t)(end - text), 0, NULL)) == NULL ||
	    json_unpack(line, "{s:s}", "cert", &b64) != 0)
		return err_set(err, ERR_CA, "the issuance log changed under the signer");
	return decode(b64, ret, err);
}
