/* SPDX-License-Identifier: BSD-2-Clause */
/* safe: the sealed secrets and their states: pending (written before the token gets it), current
 * (proved to be on the token), old (was on it, or may have been). None is ever deleted. */
#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "registry/room.h"

int
registry_escrow_load(struct registry *r, struct err *err)
{
	return r->escrow != NULL ? 0 : escrow_load(r->home, &r->to, &r->escrow, err);
}

static int
next_version(struct registry *r, uint32_t serial, enum registry_secret_kind kind, unsigned *ret,
    struct err *err)
{
	int64_t v = 0;
	const int rc = db_int(r->db,
	    "SELECT ifnull(max(version), 0) + 1 FROM secrets WHERE token = ? AND kind = ?",
	    DB_ARGS(DB_I(serial), DB_T(registry_secret_kind_name(kind))), &v, err);

	if (rc < 0)
		return rc;
	*ret = (unsigned)v;
	return 0;
}

int
registry_seal(struct registry *r, uint32_t serial, enum registry_secret_kind kind, uint8_t alg,
    const struct secret *secret, struct registry_sealed *ret, struct err *err)
{
	CLEAN(registry_sealed_wipe) struct registry_sealed s = {.kind = kind, .alg = alg};
	struct escrow_label label = {.serial = serial, .kind = kind, .alg = alg};
	int rc;

	if ((rc = next_version(r, serial, kind, &label.version, err)) != 0 ||
	    (rc = registry_escrow_load(r, err)) != 0 ||
	    (rc = escrow_seal(r->escrow, &label, secret, &s.recovery, &s.flight, err)) != 0)
		return rc;
	s.version = label.version;
	s.recipients = r->to.generation;
	*ret = s;
	s = (struct registry_sealed){0};
	return 0;
}

void
registry_sealed_wipe(struct registry_sealed *s)
{
	blob_wipe(&s->recovery);
	blob_wipe(&s->flight);
}

/* It was sealed before this transaction: meanwhile somebody may have lost the right to open it. */
static int
check_generation(struct registry *r, const struct registry_sealed *sealed, struct err *err)
{
	int64_t newest = 0;
	const int rc = db_int(
	    r->db, "SELECT ifnull(max(generation), 0) FROM recipients", DB_NO_ARGS, &newest, err);

	if (rc < 0)
		return rc;
	return newest == sealed->recipients
		   ? 0
		   : err_set(err, ERR_OCCUPIED,
			 "the recipients of the escrow changed in the meantime; run it again");
}

int
registry_sealed_put(struct registry *r, const struct registry_work *w,
    const struct registry_sealed *sealed, char *detail, size_t size, struct err *err)
{
	const char *kind = registry_secret_kind_name(sealed->kind);
	char recovery[REGISTRY_HEX_LEN], flight[REGISTRY_HEX_LEN];
	uint8_t hash[REGISTRY_SHA256_LEN];
	const size_t used = strlen(detail);
	unsigned version = 0;
	int rc, n;

	if (sealed->recovery.len == 0 || sealed->flight.len == 0)
		return err_set(err, ERR_USAGE, "the %s has not been sealed", kind);
	if ((rc = next_version(r, w->asked.token, sealed->kind, &version, err)) != 0)
		return rc;
	if (version != sealed->version)
		return err_set(err, ERR_OCCUPIED,
		    "token %u got another %s in the meantime; run it again",
		    (unsigned)w->asked.token, kind);
	if ((rc = check_generation(r, sealed, err)) != 0)
		return rc;
	registry_sha256(sealed->recovery.data, sealed->recovery.len, hash);
	registry_sha256_hex(sealed->recovery.data, sealed->recovery.len, recovery);
	registry_sha256_hex(sealed->flight.data, sealed->flight.len, flight);
	n = snprintf(detail + used, size - used, "; %s %u sha256 %s flight %s", kind, version,
	    recovery, flight);
	if (n < 0 || (size_t)n >= size - used)
		return err_set(err, ERR_USAGE, "too many secrets for one work");
	return db_run(r->db,
	    "INSERT INTO secrets (token, kind, version, alg, state, recovery, flight, sha256,"
	    " work, changed, recipients) VALUES (?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?)",
	    DB_ARGS(DB_I(w->asked.token), DB_T(kind), DB_I(version), DB_I(sealed->alg),
		DB_B(sealed->recovery.data, sealed->recovery.len),
		DB_B(sealed->flight.data, sealed->flight.len), DB_B(hash, sizeof(hash)),
		DB_I(w->id), DB_I(utc_now()), DB_I(sealed->recipients)),
	    err);
}

/* They are called as the steps are that set them. */
#define ON_TOKEN "EXISTS (SELECT 1 FROM steps AS t WHERE t.work = s.work AND t.step = s.kind)"

int
registry_sealed_settle(
    struct registry *r, int64_t work, uint32_t serial, bool proved, struct err *err)
{
	const int64_t now = utc_now();
	int rc;

	if ((rc = db_run(r->db,
		 "UPDATE secrets SET state = 'old', changed = ?1 WHERE token = ?2 AND"
		 " state = 'current' AND kind IN (SELECT s.kind FROM secrets AS s WHERE"
		 " s.work = ?3 AND s.state = 'pending' AND (?4 OR " ON_TOKEN "))",
		 DB_ARGS(DB_I(now), DB_I(serial), DB_I(work), DB_I(proved)), err)) != 0)
		return rc;
	return db_run(r->db,
	    "UPDATE secrets AS s SET state = CASE WHEN ?3 OR " ON_TOKEN
	    " THEN 'current' ELSE 'old' END, flight = NULL, changed = ?1 WHERE s.work = ?2 AND"
	    " s.state = 'pending'",
	    DB_ARGS(DB_I(now), DB_I(work), DB_I(proved)), err);
}

/* What the chain does not know was put there by somebody else. */
int
registry_sealed_check(struct registry *r, uint32_t serial, enum registry_secret_kind kind,
    const struct blob *sealed, struct err *err)
{
	char hex[REGISTRY_HEX_LEN];
	int rc;

	registry_sha256_hex(sealed->data, sealed->len, hex);
	if ((rc = audit_mentions(r->db, serial, hex, err)) < 0)
		return rc;
	return rc == 1 ? 0
		       : err_set(err, ERR_INTERNAL,
			     "the sealed %s of token %u is not the one recorded in the audit "
			     "chain; do not use it, restore the registry from a backup",
			     registry_secret_kind_name(kind), (unsigned)serial);
}

int
registry_flight_open(struct registry *r, uint32_t serial, enum registry_secret_kind kind,
    struct secret *ret, uint8_t *ret_alg, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	CLEAN(blob_wipe) struct blob sealed = {0};
	struct escrow_label label = {.serial = serial, .kind = kind};
	const char *name = registry_secret_kind_name(kind);
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT version, flight FROM secrets WHERE token = ? AND kind = ?"
		 " AND state = 'pending'",
		 DB_ARGS(DB_I(serial), DB_T(name)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(
		    err, ERR_ABSENT, "no %s of token %u is pending", name, (unsigned)serial);
	label.version = (unsigned)db_col_int(st, 0);
	if ((rc = db_col_blob(st, 1, &sealed, err)) != 0 ||
	    (rc = registry_sealed_check(r, serial, kind, &sealed, err)) != 0 ||
	    (rc = registry_escrow_load(r, err)) != 0 ||
	    (rc = escrow_open_flight(r->escrow, &sealed, &label, ret, err)) != 0)
		return rc;
	if (ret_alg != NULL)
		*ret_alg = label.alg;
	return 0;
}

/* ---- letters: first PINs ---- */

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
		    err, ERR_ABSENT, "no letter for token %u is waiting", (unsigned)serial);
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
		    err, ERR_ABSENT, "no letter for token %u is waiting", (unsigned)serial);
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
