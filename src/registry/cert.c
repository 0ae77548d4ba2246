/* SPDX-License-Identifier: BSD-2-Clause */
/* cert: the certificate of a work, from its serial number to the one on the token. */
#include <string.h>

#include "base/text.h"
#include "base/utc.h"
#include "registry/room.h"
#include "ykenroll/x509.h"

struct cert { /* the newest one of a work */
	int64_t id;
	char state[16];
	uint8_t serial[REGISTRY_SERIAL_LEN];
	uint8_t spki_sha256[REGISTRY_SHA256_LEN];
	struct blob der;
};

static void
cert_wipe(struct cert *c)
{
	blob_wipe(&c->der);
}

/* Errors: ERR_ABSENT the work has none. */
static int
newest(struct registry *r, int64_t work, struct cert *c, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT id, state, serial, spki_sha256, der FROM certificates WHERE work = ?"
		 " ORDER BY id DESC LIMIT 1",
		 DB_ARGS(DB_I(work)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_ABSENT, "work %lld has no certificate", (long long)work);
	c->id = db_col_int(st, 0);
	if ((rc = db_col_text(st, 1, c->state, sizeof(c->state), err)) != 0 ||
	    (rc = db_col_bytes(st, 2, c->serial, sizeof(c->serial), err)) != 0 ||
	    (rc = db_col_bytes(st, 3, c->spki_sha256, sizeof(c->spki_sha256), err)) != 0)
		return rc;
	return db_col_blob(st, 4, &c->der, err);
}

static bool
is(const struct cert *c, const char *state)
{
	return strcmp(c->state, state) == 0;
}

/* ---- prepared ---- */

/* 1: this very certificate is prepared already. */
static int
check_prepare(struct registry *r, int64_t work, const uint8_t serial[static REGISTRY_SERIAL_LEN],
    const uint8_t spki[static 32], struct err *err)
{
	CLEAN(cert_wipe) struct cert c = {0};
	int64_t one;
	int rc = newest(r, work, &c, NULL);

	if (rc != 0 && rc != ERR_ABSENT)
		return err_set(
		    err, rc, "cannot read the certificate of work %lld", (long long)work);
	if (rc == 0 && is(&c, "prepared") && memcmp(c.serial, serial, sizeof(c.serial)) == 0 &&
	    memcmp(c.spki_sha256, spki, sizeof(c.spki_sha256)) == 0)
		return 1;
	if (rc == 0 && !is(&c, "revoked") && !is(&c, "dropped"))
		return err_set(err, ERR_OCCUPIED,
		    "work %lld already has a certificate (%s); abandon it first", (long long)work,
		    c.state);
	if ((rc = db_int(r->db, "SELECT 1 FROM certificates WHERE serial = ?",
		 DB_ARGS(DB_B(serial, REGISTRY_SERIAL_LEN)), &one, err)) < 0)
		return rc;
	if (rc == 1)
		return err_set(err, ERR_OCCUPIED,
		    "the CA assigned a serial number that is already in use, which must never "
		    "happen");
	if ((rc = db_int(r->db,
		 "SELECT token FROM certificates WHERE spki_sha256 = ?"
		 " AND state IN ('prepared', 'issued')",
		 DB_ARGS(DB_B(spki, 32)), &one, err)) < 0)
		return rc;
	return rc == 0 ? 0
		       : err_set(err, ERR_OCCUPIED,
			     "this key is already being certified, for token %lld", (long long)one);
}

int
registry_cert_prepared(struct registry *r, int64_t work,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], const uint8_t spki_sha256[static 32],
    int64_t not_before, int64_t not_after, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char hex[2 * REGISTRY_SERIAL_LEN + 1], spki[REGISTRY_HEX_LEN];
	uint32_t token;
	int rc;

	if (not_before >= not_after)
		return err_set(
		    err, ERR_USAGE, "the certificate would expire before it becomes valid");
	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = registry_work_token(r, work, &token, err)) != 0 ||
	    (rc = check_prepare(r, work, serial, spki_sha256, err)) != 0)
		return rc == 1 ? 0 : rc;
	text_hex(serial, REGISTRY_SERIAL_LEN, hex);
	text_hex(spki_sha256, 32, spki);
	if ((rc = db_run(r->db,
		 "INSERT INTO certificates (serial, token, slot, work, state, spki_sha256,"
		 " not_before, not_after, changed) VALUES (?, ?, ?, ?, 'prepared', ?, ?, ?, ?)",
		 DB_ARGS(DB_B(serial, REGISTRY_SERIAL_LEN), DB_I(token), DB_I(REGISTRY_SLOT),
		     DB_I(work), DB_B(spki_sha256, 32), DB_I(not_before), DB_I(not_after),
		     DB_I(utc_now())),
		 err)) != 0 ||
	    (rc = audit_add(r->db, r->actor, "prepare", token, err,
		 "work %lld: certificate %s for key sha256 %s", (long long)work, hex, spki)) != 0)
		return rc;
	return db_commit(&tx, err);
}

/* ---- issued ---- */

/* Is this the certificate that was prepared? A record must not say of one what is true of another.
 */
static int
check_der(const struct cert *c, const struct blob *der, struct err *err)
{
	struct cert_info info;

	if (cert_read(der->data, der->len, &info, err) != 0)
		return err_wrap(err, "cannot read the issued certificate");
	if (info.serial_len != sizeof(c->serial) ||
	    memcmp(info.serial, c->serial, sizeof(c->serial)) != 0 ||
	    memcmp(info.spki_sha256, c->spki_sha256, sizeof(c->spki_sha256)) != 0)
		return err_set(
		    err, ERR_FIT, "the issued certificate is not the one that was prepared");
	return 0;
}

static int
put_issued(struct registry *r, int64_t work, uint32_t token, const struct cert *c,
    const struct blob *der, struct err *err)
{
	uint8_t hash[REGISTRY_SHA256_LEN];
	char hex[REGISTRY_HEX_LEN];
	int rc;

	registry_sha256(der->data, der->len, hash);
	text_hex(hash, sizeof(hash), hex);
	if ((rc = db_run(r->db,
		 "UPDATE certificates SET state = 'issued', der = ?, sha256 = ?, changed = ?"
		 " WHERE id = ?",
		 DB_ARGS(DB_B(der->data, der->len), DB_B(hash, sizeof(hash)), DB_I(utc_now()),
		     DB_I(c->id)),
		 err)) != 0 ||
	    /* an active token gets a successor, and stays active */
	    (rc = registry_token_move_from(r, token, TOKEN_PERSONALISED, TOKEN_ISSUED, err)) != 0)
		return rc;
	return audit_add(r->db, r->actor, "issue", token, err, "work %lld: certificate sha256 %s",
	    (long long)work, hex);
}

int
registry_cert_issued(struct registry *r, int64_t work, const struct blob *der, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	CLEAN(cert_wipe) struct cert c = {0};
	uint32_t token;
	int rc;

	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = registry_work_token(r, work, &token, err)) != 0 ||
	    (rc = newest(r, work, &c, err)) != 0)
		return rc;
	if (is(&c, "issued") && blob_equal(&c.der, der))
		return 0;
	if (!is(&c, "prepared"))
		return err_set(err, ERR_OCCUPIED, "the certificate of work %lld is already %s",
		    (long long)work, c.state);
	if ((rc = check_der(&c, der, err)) != 0 ||
	    (rc = put_issued(r, work, token, &c, der, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}

/* ---- given up ---- */

int
registry_cert_abandoned(
    struct registry *r, int64_t work, bool was_signed, int reason, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	CLEAN(cert_wipe) struct cert c = {0};
	struct registry_revoked taken = {.was_signed = was_signed};
	char hex[2 * REGISTRY_SERIAL_LEN + 1];
	uint32_t token;
	int rc;

	if (was_signed && (reason < 0 || reason > 10 || reason == 7))
		return err_set(err, ERR_USAGE, "%d is not a revocation reason", reason);
	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = registry_work_token(r, work, &token, err)) != 0 ||
	    (rc = newest(r, work, &c, err)) != 0)
		return rc;
	if (is(&c, was_signed ? "revoked" : "dropped"))
		return 0;
	/* an issued one was signed, whatever the caller remembers */
	if (!is(&c, "prepared") && !(was_signed && is(&c, "issued")))
		return err_set(err, ERR_OCCUPIED, "the certificate of work %lld is %s",
		    (long long)work, c.state);
	memcpy(taken.serial, c.serial, sizeof(taken.serial));
	if ((rc = registry_cert_take(r, token, &taken, reason, err)) < 0 ||
	    (is(&c, "issued") && (rc = registry_token_move_from(
				      r, token, TOKEN_ISSUED, TOKEN_PERSONALISED, err)) != 0))
		return rc;
	text_hex(c.serial, sizeof(c.serial), hex);
	if ((rc = audit_add(r->db, r->actor, was_signed ? "revoke" : "drop", token, err,
		 "work %lld: certificate %s, reason %d", (long long)work, hex,
		 was_signed ? reason : 0)) != 0)
		return rc;
	return db_commit(&tx, err);
}
