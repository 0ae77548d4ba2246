/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/utc.h"
#include "registry/audit.h"
#include "registry/room.h"

#define LABEL(token)                                                \
	{                                                           \
		.serial = (token), .kind = SECRET_PIN, .version = 1 \
	}

int
registry_letter_keep(struct registry *r, uint32_t serial, const struct secret *pin, struct err *err)
{
	const struct escrow_label label = LABEL(serial);
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	CLEAN(blob_wipe) struct blob sealed = {0};
	int rc;

	if ((rc = registry_escrow_load(r, err)) != 0 ||
	    (rc = escrow_seal(r->escrow, &label, pin, NULL, &sealed, err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0)
		return rc;
	if ((rc = db_run(r->db,
		 "INSERT INTO letters (token, sealed, made) VALUES (?, ?, ?)"
		 " ON CONFLICT (token) DO UPDATE SET sealed = excluded.sealed, made = excluded.made",
		 DB_ARGS(DB_I(serial), DB_B(sealed.data, sealed.len), DB_I(utc_now())), err)) !=
		0 ||
	    (rc = audit_add(r->db, r->actor, "letter-keep", serial, err,
		 "first PIN, made here, kept until it is handed over")) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_letter_pin(struct registry *r, uint32_t serial, struct secret *ret, struct err *err)
{
	struct escrow_label label = LABEL(serial);
	CLEAN(db_donep) struct db_stmt *st = NULL;
	CLEAN(blob_wipe) struct blob sealed = {0};
	int rc;

	if ((rc = db_next(r->db, "SELECT sealed FROM letters WHERE token = ?",
		 DB_ARGS(DB_I(serial)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(
		    err, ERR_ABSENT, "no letter of token %u is waiting", (unsigned)serial);
	if ((rc = db_col_blob(st, 0, &sealed, err)) != 0 ||
	    (rc = registry_escrow_load(r, err)) != 0)
		return rc;
	return escrow_open_flight(r->escrow, &sealed, &label, ret, err);
}

int
registry_letter_end(struct registry *r, uint32_t serial, const char *why, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	int rc;

	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = db_run(
		 r->db, "DELETE FROM letters WHERE token = ?", DB_ARGS(DB_I(serial)), err)) != 0)
		return rc;
	if (db_changes(r->db) == 0)
		return err_set(
		    err, ERR_ABSENT, "no letter of token %u is waiting", (unsigned)serial);
	if ((rc = audit_add(r->db, r->actor, "letter-end", serial, err,
		 "first PIN not kept any more: %s", why)) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_letters(struct registry *r, uint32_t serial,
    int (*row)(void *ctx, const struct registry_letter *letter), void *ctx, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct registry_letter letter;
	int rc;

	while (
	    (rc = db_next(r->db,
		 "SELECT " REGISTRY_TOKEN_COLS ", " REGISTRY_HOLDER_COLS
		 ", l.made FROM letters AS l"
		 " JOIN tokens AS t ON t.serial = l.token LEFT JOIN holders AS h ON h.id = t.holder"
		 " WHERE ?1 = 0 OR t.serial = ?1 ORDER BY t.serial",
		 DB_ARGS(DB_I(serial)), &st, err)) == 1) {
		if ((rc = registry_token_read(st, 0, &letter.token, err)) != 0 ||
		    (rc = registry_holder_read(st, 5, &letter.holder, err)) != 0)
			return rc;
		letter.made = db_col_int(st, 5 + REGISTRY_HOLDER_N);
		if ((rc = row(ctx, &letter)) != 0)
			return rc;
	}
	return rc;
}

int
registry_letter_seal(
    const char *cert_path, const struct blob *text, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	char name[REGISTRY_TEXT_MAX];
	int rc;

	if ((rc = escrow_cert_file(cert_path, &der, err)) != 0 ||
	    (rc = escrow_cert_check(&der, name, sizeof(name), err)) != 0)
		return rc;
	return escrow_seal_to(&der, text, ret, err);
}
