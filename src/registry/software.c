/* SPDX-License-Identifier: BSD-2-Clause */

#include <string.h>

#include "base/text.h"
#include "base/utc.h"
#include "registry/room.h"

#define COLS \
	"serial, profile, subject, not_before, not_after, ifnull(revoked, 0), ifnull(reason, 0), path, chain, days, der"

static int
read_row(struct db_stmt *st, struct registry_software *ret, struct blob *cert, struct err *err)
{
	int rc;

	if ((rc = db_col_bytes(st, 0, ret->serial, sizeof(ret->serial), err)) != 0 ||
	    (rc = db_col_text(st, 1, ret->profile, sizeof(ret->profile), err)) != 0 ||
	    (rc = db_col_text(st, 2, ret->subject, sizeof(ret->subject), err)) != 0)
		return rc;
	ret->not_before = db_col_int(st, 3);
	ret->not_after = db_col_int(st, 4);
	ret->revoked = db_col_int(st, 5);
	ret->reason = (int)db_col_int(st, 6);
	ret->chain = db_col_int(st, 8) != 0;
	ret->days = (unsigned)db_col_int(st, 9);
	ret->renewed = db_col_int(st, 11) != 0;
	if ((rc = db_col_text(st, 7, ret->path, sizeof(ret->path), err)) != 0)
		return rc;
	return cert == NULL ? 0 : db_col_blob(st, 10, cert, err);
}

int
registry_software_put(struct registry *r, const char *action, const struct request *asked,
    const struct blob *cert, const char *path, bool chain, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char hex[2 * REGISTRY_SERIAL_LEN + 1], end[UTC_TEXT_LEN];
	struct cert_info info;
	int rc;

	if (r == NULL)
		return 0;
	if ((rc = cert_read(cert->data, cert->len, &info, err)) != 0)
		return rc;
	if (info.serial_len != REGISTRY_SERIAL_LEN)
		return err_set(
		    err, ERR_FIT, "the serial number has a different length than this CA's");
	/* the CA has signed: that it is too long must not lose the row */
	path = path == NULL || strlen(path) >= REGISTRY_PATH_MAX ? "" : path;
	text_hex(info.serial, info.serial_len, hex);
	utc_text(info.not_after, end);
	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    /* none: all that are in no file would be written anew */
	    (path[0] != '\0' && (rc = db_run(r->db, "UPDATE software SET path = '' WHERE path = ?",
				     DB_ARGS(DB_T(path)), err)) != 0) ||
	    (rc = db_run(r->db,
		 "INSERT INTO software (serial, profile, subject, der, not_before, not_after,"
		 " issued, path, chain, days) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		 DB_ARGS(DB_B(info.serial, info.serial_len), DB_T(asked->profile),
		     DB_T(info.subject), DB_B(cert->data, cert->len), DB_I(info.not_before),
		     DB_I(info.not_after), DB_I(utc_now()), DB_T(path), DB_I(chain),
		     DB_I(asked->days)),
		 err)) != 0 ||
	    (rc = audit_add(r->db, r->actor, action, 0, err, "%s, serial %s, until %s, %s",
		 asked->profile, hex, end, info.subject)) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_software_find(struct registry *r, const uint8_t serial[static REGISTRY_SERIAL_LEN],
    struct registry_software *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct registry_software one;
	int rc;

	if ((rc = db_next(r->db, "SELECT " COLS ", 0 FROM software WHERE serial = ?",
		 DB_ARGS(DB_B(serial, REGISTRY_SERIAL_LEN)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_ABSENT, "the certificate is not registered");
	if ((rc = read_row(st, &one, NULL, err)) != 0)
		return rc;
	*ret = one;
	return 0;
}

int
registry_software_each(struct registry *r, int64_t after,
    int (*row)(void *ctx, const struct registry_software *one, const struct blob *cert), void *ctx,
    struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	while ((rc = db_next(r->db,
		    "SELECT " COLS ", not_after < max(CASE WHEN revoked IS NULL THEN not_after END)"
		    " OVER (PARTITION BY profile, subject) FROM software WHERE not_after > ?"
		    " ORDER BY issued, serial",
		    DB_ARGS(DB_I(after)), &st, err)) == 1) {
		CLEAN(blob_wipe) struct blob cert = {0};
		struct registry_software one;

		if ((rc = read_row(st, &one, &cert, err)) != 0 || (rc = row(ctx, &one, &cert)) != 0)
			return rc;
	}
	return rc;
}

int
registry_software_taken(struct registry *r, const char *action,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], int reason, const char *note, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	const bool release = reason < 0;
	char hex[2 * REGISTRY_SERIAL_LEN + 1];
	int rc;

	if (r == NULL)
		return 0;
	text_hex(serial, REGISTRY_SERIAL_LEN, hex);
	if ((rc = registry_text_check(note, REGISTRY_TEXT_MAX, "the note", err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = db_run(r->db,
		 release ? "UPDATE software SET revoked = NULL, reason = NULL WHERE serial = ?1"
			   " AND ?2 < ?3"
			 : "UPDATE software SET revoked = ifnull(revoked, ?3), reason = ?2"
			   " WHERE serial = ?1",
		 DB_ARGS(DB_B(serial, REGISTRY_SERIAL_LEN), DB_I(reason), DB_I(utc_now())), err)) !=
		0 ||
	    (rc = audit_add(r->db, r->actor, action, 0, err, "certificate %s: %s", hex, note)) != 0)
		return rc;
	return db_commit(&tx, err);
}
