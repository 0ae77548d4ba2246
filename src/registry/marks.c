/* SPDX-License-Identifier: BSD-2-Clause */
/* marks: how far the audit chain is, told by those who do not go back with the registry. */
#include <openssl/evp.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "registry/room.h"

#define TAIL 4096   /* bytes from a CRL's end: signature and extensions have 800 */
#define PEM_LINE 64 /* characters, and 48 octets, on all lines but the last */
#define PEM_OCTETS 48

/* The extension's OID (signer/crl_build.h), and the heads of what is in it: 8 octets for the number
 * of rows and 32 for the hash. */
static const uint8_t extension[] = {0x06, 0x22, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x01, 0xbe,
    0x40, 0x93, 0x7a, 0x81, 0x90, 0x09, 0x82, 0xba, 0x54, 0x81, 0xaa, 0x5e, 0x81, 0x9d, 0x5f, 0x82,
    0xcd, 0x5c, 0x81, 0xf5, 0x88, 0x2d, 0x85, 0xff, 0xdd, 0x15, 0x04, 0x2a, 0x04, 0x28};
#define ROWS_LEN 8

static void
find(const uint8_t *der, size_t len, struct registry_mark *ret)
{
	const uint8_t *at = memmem(der, len, extension, sizeof(extension));
	size_t i;

	*ret = (struct registry_mark){0};
	if (at == NULL ||
	    (size_t)(der + len - at) < sizeof(extension) + ROWS_LEN + sizeof(ret->head))
		return;
	at += sizeof(extension);
	for (i = 0; i < ROWS_LEN; i++)
		ret->rows = ret->rows << 8 | at[i];
	memcpy(ret->head, at + ROWS_LEN, sizeof(ret->head));
}

/* Lines of base64, whatever is around them: each whole one stands for 48 octets. */
static size_t
unpem(const char *text, size_t len, uint8_t ret[static TAIL])
{
	const char *end = memmem(text, len, "-----END", 8);
	const char *p = memchr(text, '\n', len);
	size_t n = 0, line;
	int got;

	if (end == NULL || p == NULL)
		return 0;
	for (p++; p < end; p += line + 1) {
		line = strcspn(p, "\r\n");
		if (line > PEM_LINE || line % 4 != 0 || n + PEM_OCTETS > TAIL ||
		    (got = EVP_DecodeBlock(ret + n, (const unsigned char *)p, (int)line)) < 0)
			return 0;
		n += (size_t)got;
	}
	return n;
}

int
registry_mark_of_crl(const char *path, struct registry_mark *ret, struct err *err)
{
	CLEAN(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char tail[TAIL + 1];
	uint8_t der[TAIL];
	struct stat st;
	ssize_t n;
	size_t len;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_ABSENT, "%s does not exist", path);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INTERNAL, "%s is not a regular file", path);
	if ((n = pread(fd, tail, TAIL, st.st_size > TAIL ? st.st_size - TAIL : 0)) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot read %s", path);
	tail[n] = '\0';
	if ((len = unpem(tail, (size_t)n, der)) > 0)
		find(der, len, ret);
	else
		find((const uint8_t *)tail, (size_t)n, ret);
	return 0;
}

/* ---- the registry's own ---- */

static int
lost(struct registry *r, const struct registry_mark *mark, const char *whose, struct err *err)
{
	char last[UTC_TEXT_LEN];
	int64_t rows = 0, at = 0;
	int rc;

	if ((rc = db_int(r->db, "SELECT max(seq) FROM audit", DB_NO_ARGS, &rows, err)) < 0 ||
	    (rc = db_int(r->db, "SELECT at FROM audit ORDER BY seq DESC LIMIT 1", DB_NO_ARGS, &at,
		 err)) < 0)
		return rc;
	utc_text(at, last);
	if ((uint64_t)rows >= mark->rows)
		return err_set(err, ERR_INTERNAL,
		    "audit row %llu is not the one that %s recorded: rows up to it were edited, "
		    "or the registry was restored from an older copy and then used; restore the "
		    "newest copy, or accept the loss: ykenroll audit accept-rollback --reason TEXT",
		    (unsigned long long)mark->rows, whose);
	return err_set(err, ERR_INTERNAL,
	    "the registry is older than %s: its audit chain ends with row %lld (%s) but had %llu "
	    "rows; %llu rows and what they record would be lost. Restore the newest copy, or "
	    "accept the loss: ykenroll audit accept-rollback --reason TEXT",
	    whose, (long long)rows, last, (unsigned long long)mark->rows,
	    (unsigned long long)mark->rows - (unsigned long long)rows);
}

int
registry_mark_check(
    struct registry *r, const struct registry_mark *mark, const char *whose, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	uint8_t hash[sizeof(mark->head)];
	int rc;

	if (mark->rows == 0)
		return 0;
	if (mark->rows > INT64_MAX)
		return lost(r, mark, whose, err);
	if ((rc = db_next(r->db, "SELECT hash FROM audit WHERE seq = ?", DB_ARGS(DB_I(mark->rows)),
		 &st, err)) < 0)
		return rc;
	if (rc == 0 || db_col_bytes(st, 0, hash, sizeof(hash), NULL) != 0 ||
	    memcmp(hash, mark->head, sizeof(hash)) != 0)
		return lost(r, mark, whose, err);
	return 0;
}

int
registry_marks_check_home(struct registry *r, struct err *err)
{
	struct registry_mark mark = {0};
	struct err why = ERR_INIT;
	char path[PATH_MAX];
	int rc;

	/* the CA of a desk without one is another registry's, and so is the mark of its CRLs */
	if ((rc = file_join(path, sizeof(path), r->home, "ca", err)) != 0)
		return rc;
	if (access(path, F_OK) != 0)
		return 0;
	if ((rc = file_join(path, sizeof(path), r->home, "pub/issuing.crl", err)) != 0)
		return rc;
	/* one that cannot be read is other commands' matter */
	if (registry_mark_of_crl(path, &mark, &why) != 0)
		return 0;
	return registry_mark_check(r, &mark, "pub/issuing.crl", err);
}

int
registry_accept_rollback(
    struct registry *r, const struct registry_mark *mark, const char *why, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char hex[REGISTRY_HEX_LEN], detail[AUDIT_DETAIL_MAX];
	int64_t next = 0;
	int rc;

	if ((rc = registry_text_check(why, REGISTRY_TEXT_MAX, "the reason", err)) != 0)
		return rc;
	if (why[0] == '\0')
		return err_set(
		    err, ERR_USAGE, "a rollback is accepted only for a reason: give --reason TEXT");
	if (registry_mark_check(r, mark, "", NULL) == 0)
		return err_set(err, ERR_USAGE,
		    "the registry is not older than what pub/issuing.crl and the signer know: there is no "
		    "rollback to accept");
	text_hex(mark->head, sizeof(mark->head), hex);
	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = db_int(r->db, "SELECT max(seq) + 1 FROM audit", DB_NO_ARGS, &next, err)) < 0)
		return rc;
	if (mark->rows < INT64_MAX - 1 && (int64_t)mark->rows >= next)
		next = (int64_t)mark->rows + 1;
	snprintf(detail, sizeof(detail), "accepted without row %llu sha256 %s: %s",
	    (unsigned long long)mark->rows, hex, why);
	if ((rc = audit_add_at(r->db, next, r->actor, "rollback", 0, detail, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}
