/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "signer/log.h"
#include "signer/log_read.h"

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

int
log_hash(const void *data, size_t len, uint8_t ret[static LOG_HASH_LEN], struct err *err)
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
		n = pwrite(log->fd, line, len, log->sums.end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_INTERNAL, "cannot write the issuance log");
		line += n;
		len -= (size_t)n;
		log->sums.end += n;
	}
	return 0;
}

int
log_sync(struct log *log, struct err *err)
{
	const int rc = file_fsync(log->fd, "the issuance log", err);

	log->failed = log->failed || rc != 0;
	return rc;
}

/* Number, time and uid go first and the chain last, so that a line reads well. */
static json_t *
complete(const struct log *log, int64_t now, const struct log_who *who, json_t *entry)
{
	char time[UTC_TEXT_LEN], prev[HASH_HEX], head[HASH_HEX];
	json_t *line;

	utc_text(now, time);
	text_hex(log->sums.head, sizeof(log->sums.head), prev);
	line = json_pack("{s:I, s:s, s:I}", "n", (json_int_t)log->sums.lines + 1, "time", time,
	    "peer", (json_int_t)who->peer);
	text_hex(who->audit.head, sizeof(who->audit.head), head);
	if (line != NULL &&
	    (json_object_update(line, entry) != 0 ||
		(who->audit.rows > 0 &&
		    (json_object_set_new(
			 line, "audit_rows", json_integer((json_int_t)who->audit.rows)) != 0 ||
			json_object_set_new(line, "audit_head", json_string(head)) != 0)) ||
		json_object_set_new(line, "prev", json_string(prev)) != 0)) {
		json_decref(line);
		line = NULL;
	}
	return line;
}

int
log_append_some(struct log *log, const struct log_who *who, json_t *entry, struct err *err)
{
	CLEAN(json_freep) json_t *given = entry, *line = NULL;
	CLEAN(text_freep) char *text = NULL;
	/* the clock may have been set back a little; the log's time never goes back */
	const int64_t now = who->now > log->sums.last_time ? who->now : log->sums.last_time;
	const int64_t at = log->sums.end;
	uint8_t head[LOG_HASH_LEN];
	size_t len;
	int rc;

	if ((rc = log_usable(log, who->now, err)) != 0)
		return rc;
	if (given == NULL || (line = complete(log, now, who, given)) == NULL ||
	    (text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((len = strlen(text)) >= LOG_LINE_MAX)
		return err_set(err, ERR_INTERNAL, "a line of %zu bytes for the log", len);
	if ((rc = log_hash(text, len, head, err)) != 0)
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
	memcpy(log->sums.head, head, sizeof(head));
	log->sums.lines++;
	log->sums.last_time = now;
	return 0;
}

int
log_append(struct log *log, const struct log_who *who, json_t *entry, struct err *err)
{
	int rc;

	if ((rc = log_append_some(log, who, entry, err)) != 0 || (rc = log_sync(log, err)) != 0)
		return rc;
	log_settle_some(log);
	return 0;
}

int
log_sound(const struct log *log, struct err *err)
{
	if (!log->failed)
		return 0;
	return err_set(err, ERR_CA,
	    "the issuance log could not be written before; look at the disk, then start the "
	    "signer again");
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
	    "the clock is wrong, or was: the issuance log was last written at %s; set the clock",
	    last);
}

/* ---- opening ---- */

static int
open_file(struct log *log, const char *path, bool create, struct err *err)
{
	const int flags = (log->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW |
			  (create ? O_CREAT | O_EXCL : 0);
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

static int new (const char *path, bool read_only, bool create, struct log **ret, struct err *err)
{
	CLEAN(log_closep) struct log *log = calloc(1, sizeof(*log));
	int rc;

	if (log == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	log->fd = log->base.fd = -1;
	log->read_only = read_only;
	if (strlen(path) >= sizeof(log->path))
		return err_set(err, ERR_INTERNAL, "path too long: %s", path);
	memcpy(log->path, path, strlen(path) + 1);
	if ((rc = open_file(log, path, create, err)) != 0)
		return rc;
	*ret = TAKE(log);
	return 0;
}

int
log_open(
    const char *path, bool create, const struct log_who *who, struct log **ret, struct err *err)
{
	CLEAN(log_closep) struct log *log = NULL;
	size_t tail = 0;
	int rc;

	if ((rc = new (path, false, create, &log, err)) != 0 ||
	    (rc = log_read_all(log, &tail, err)) != 0)
		return rc;
	if (!create && log->sums.lines == 0)
		return log_damaged(log, "is missing", err);
	if (tail > 0 && ftruncate(log->fd, log->sums.end) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot cut the torn line off %s", path);
	if (tail > 0 && (rc = log_torn(log, who, tail, err)) != 0)
		return rc;
	if (log->sums.open > 0 && (rc = log_abandon(log, who, err)) != 0)
		return rc;
	log_settle_some(log);
	*ret = TAKE(log);
	return 0;
}

int
log_open_view(const char *path, struct log **ret, struct err *err)
{
	CLEAN(log_closep) struct log *log = NULL;
	size_t tail = 0;
	int rc;

	if ((rc = new (path, true, false, &log, err)) != 0 ||
	    (rc = log_read_all(log, &tail, err)) != 0)
		return rc;
	if (log->sums.lines == 0)
		return log_damaged(log, "is missing", err);
	*ret = TAKE(log);
	return 0;
}

int
log_open_whole(const char *path, int64_t end, struct log **ret, struct err *err)
{
	CLEAN(log_closep) struct log *log = NULL;
	size_t tail = 0;
	int rc;

	if ((rc = new (path, true, false, &log, err)) != 0 ||
	    (rc = log_read_lines(log, end, &tail, err)) != 0)
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
	log_base_close(&(*log)->base);
	free((*log)->certs);
	log_index_wipe(&(*log)->index);
	free(*log);
	*log = NULL;
}
