/* SPDX-License-Identifier: BSD-2-Clause */
/* revoke, close: what the CA has taken back, and the ways in which work ends. */
#include <stdio.h>

#include "base/text.h"
#include "base/utc.h"
#include "registry/room.h"

/* ---- the ways in which work ends ---- */

static int
work_end(struct registry *r, int64_t work, uint32_t token, bool finished, const char *note,
    struct err *err)
{
	const int rc =
	    db_run(r->db, "UPDATE works SET closed = ?, outcome = ?, note = ? WHERE id = ?",
		DB_ARGS(DB_I(utc_now()), DB_T(finished ? "finished" : "given-up"), DB_T(note),
		    DB_I(work)),
		err);

	return rc != 0 ? rc
		       : audit_add(r->db, r->actor, finished ? "finish" : "give-up", token, err,
			     "work %lld: %s", (long long)work, note);
}

/* The issued certificate becomes the slot's only active one. */
static int
activate_cert(struct registry *r, int64_t work, uint32_t serial, struct err *err)
{
	const int64_t now = utc_now();
	int rc;

	/* first the older one: the index allows one active certificate at any moment */
	if ((rc = db_run(r->db,
		 "UPDATE certificates SET state = 'superseded', changed = ?1 WHERE token = ?2"
		 " AND state = 'active' AND slot IN (SELECT slot FROM certificates"
		 " WHERE work = ?3 AND state = 'issued')",
		 DB_ARGS(DB_I(now), DB_I(serial), DB_I(work)), err)) != 0 ||
	    (rc = db_run(r->db,
		 "UPDATE certificates SET state = 'active', changed = ? WHERE work = ?"
		 " AND state = 'issued'",
		 DB_ARGS(DB_I(now), DB_I(work)), err)) != 0)
		return rc;
	if (db_changes(r->db) != 1)
		return err_set(err, ERR_USAGE, "work %lld has no issued certificate to activate",
		    (long long)work);
	return 0;
}

int
registry_finish(struct registry *r, int64_t work, const char *proof, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	uint32_t serial;
	int rc;

	if ((rc = registry_text_check(proof, REGISTRY_TEXT_MAX, "the proof", err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = registry_work_token(r, work, &serial, err)) != 0 ||
	    (rc = activate_cert(r, work, serial, err)) != 0 ||
	    (rc = registry_token_move_from(r, serial, TOKEN_ISSUED, TOKEN_ACTIVE, err)) != 0 ||
	    (rc = registry_sealed_settle(r, work, serial, true, err)) != 0 ||
	    (rc = work_end(r, work, serial, true, proof, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}

/* Has it a certificate that is not given up? 1, 0 or an error. */
static int
has_cert(struct registry *r, int64_t work, struct err *err)
{
	int64_t one;

	return db_int(r->db,
	    "SELECT 1 FROM certificates WHERE work = ? AND state IN ('prepared', 'issued')",
	    DB_ARGS(DB_I(work)), &one, err);
}

/* 1: *ret is the open work on the token; 0 there is none. */
static int
open_work(struct registry *r, uint32_t token, int64_t *ret, struct err *err)
{
	return db_int(r->db, "SELECT id FROM works WHERE token = ? AND closed IS NULL",
	    DB_ARGS(DB_I(token)), ret, err);
}

static int
check_no_cert(struct registry *r, int64_t work, struct err *err)
{
	const int rc = has_cert(r, work, err);

	return rc <= 0 ? rc
		       : err_set(err, ERR_USAGE,
			     "work %lld still has a certificate; abandon it before the work",
			     (long long)work);
}

/* What is retired keeps no secret: it was wiped, or will be when it is seen again. */
static int
end_secrets(struct registry *r, uint32_t serial, struct err *err)
{
	return db_run(r->db,
	    "UPDATE secrets SET state = 'old', changed = ? WHERE token = ? AND state = 'current'",
	    DB_ARGS(DB_I(utc_now()), DB_I(serial)), err);
}

static int
close_rows(struct registry *r, int64_t work, enum registry_token_state to, const char *note,
    struct err *err)
{
	char text[REGISTRY_TEXT_MAX + 32];
	struct registry_token t;
	uint32_t serial;
	int rc;

	if ((rc = registry_work_token(r, work, &serial, err)) != 0 ||
	    (rc = check_no_cert(r, work, err)) != 0 ||
	    (rc = registry_token(r, serial, &t, err)) != 0 ||
	    (t.state != to && (rc = registry_token_move(r, serial, to, err)) != 0) ||
	    (rc = registry_sealed_settle(r, work, serial, true, err)) != 0 ||
	    (to == TOKEN_RETIRED && (rc = end_secrets(r, serial, err)) != 0))
		return rc;
	snprintf(text, sizeof(text), "%s%s%s", note, t.state != to ? ", token " : "",
	    t.state != to ? registry_token_state_name(to) : "");
	return work_end(r, work, serial, true, text, err);
}

int
registry_close(struct registry *r, int64_t work, enum registry_token_state to, const char *note,
    struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	int rc;

	if ((rc = registry_text_check(note, REGISTRY_TEXT_MAX, "the note", err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0 || (rc = close_rows(r, work, to, note, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_recycle(struct registry *r, uint32_t serial, const char *lost, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	int64_t work;
	int rc;

	if ((rc = db_begin(r->db, &tx, err)) != 0 || (rc = open_work(r, serial, &work, err)) < 0)
		return rc;
	if (rc == 1)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has unfinished work; finish it with: ykenroll recover",
		    (unsigned)serial);
	if ((rc = registry_token_move(r, serial, TOKEN_NEW, err)) != 0 ||
	    (rc = end_secrets(r, serial, err)) != 0 ||
	    (rc = audit_add(
		 r->db, r->actor, "recycle", serial, err, "to be reset; lost:%.900s", lost)) != 0)
		return rc;
	return db_commit(&tx, err);
}

/* The secrets stay openable with the recovery key: they may be on the token after all. */
int
registry_give_up(struct registry *r, int64_t work, const char *why, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	uint32_t serial;
	int rc;

	if ((rc = registry_text_check(why, REGISTRY_TEXT_MAX, "the reason", err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = registry_work_token(r, work, &serial, err)) != 0 ||
	    (rc = check_no_cert(r, work, err)) != 0 ||
	    (rc = registry_token_move_from(r, serial, TOKEN_PERSONALISED, TOKEN_NEW, err)) != 0 ||
	    (rc = registry_token_move_from(r, serial, TOKEN_ISSUED, TOKEN_NEW, err)) != 0 ||
	    (rc = registry_sealed_settle(r, work, serial, false, err)) != 0 ||
	    (rc = work_end(r, work, serial, false, why, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}

/* ---- which ---- */

/* columns: 0-4 token, 5- holder, AFTER serial, state, reason, not_after, not_before, sha256 */
#define AFTER (5 + REGISTRY_HOLDER_N)
#define CERTS_SQL                                                                          \
	"SELECT " REGISTRY_TOKEN_COLS ", " REGISTRY_HOLDER_COLS                            \
	", c.serial, c.state, ifnull(c.reason, 0), c.not_after, c.not_before, c.sha256"    \
	" FROM certificates AS c JOIN tokens AS t ON t.serial = c.token"                   \
	" JOIN works AS w ON w.id = c.work JOIN holders AS h ON h.id = w.holder"           \
	" WHERE c.state <> 'dropped' AND (?1 IS NULL OR c.serial = ?1)"                    \
	" AND (?2 = 0 OR c.token = ?2) AND (?3 = 0 OR w.holder = ?3) AND c.not_after > ?4" \
	" ORDER BY c.id"

static int
read_cert(struct db_stmt *st, struct registry_cert *c, struct err *err)
{
	int rc;

	if ((rc = registry_token_read(st, 0, &c->token, err)) != 0 ||
	    (rc = registry_holder_read(st, 5, &c->holder, err)) != 0 ||
	    (rc = db_col_bytes(st, AFTER, c->serial, sizeof(c->serial), err)) != 0 ||
	    (rc = registry_cert_state_read(st, AFTER + 1, &c->state, err)) != 0)
		return rc;
	c->reason = (int)db_col_int(st, AFTER + 2);
	c->not_after = db_col_int(st, AFTER + 3);
	c->not_before = db_col_int(st, AFTER + 4);
	if (db_col_null(st, AFTER + 5))
		return 0; /* not signed: no hash yet */
	return db_col_bytes(st, AFTER + 5, c->sha256, sizeof(c->sha256), err);
}

int
registry_certs(struct registry *r, const struct registry_which *which,
    int (*row)(void *ctx, const struct registry_cert *cert), void *ctx, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	while ((rc = db_next(r->db, CERTS_SQL,
		    DB_ARGS(which->serial == NULL ? DB_N : DB_B(which->serial, REGISTRY_SERIAL_LEN),
			DB_I(which->token), DB_I(which->holder), DB_I(which->after)),
		    &st, err)) == 1) {
		struct registry_cert one = {0};

		if ((rc = read_cert(st, &one, err)) != 0 || (rc = row(ctx, &one)) != 0)
			return rc;
	}
	return rc;
}

static int
take_cert(void *ctx, const struct registry_cert *cert)
{
	*(struct registry_cert *)ctx = *cert;
	return 1;
}

int
registry_cert(struct registry *r, const uint8_t serial[static REGISTRY_SERIAL_LEN],
    struct registry_cert *ret, struct err *err)
{
	const struct registry_which which = {.serial = serial};

	return registry_certs(r, &which, take_cert, ret, err);
}

int
registry_live(struct registry *r, int64_t after,
    int (*row)(void *ctx, const struct registry_live *of, const struct blob *der), void *ctx,
    struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	CLEAN(blob_wipe) struct blob der = {0};
	struct registry_live of;
	int rc;

	while ((rc = db_next(r->db,
		    "SELECT c.der, w.holder, w.token, w.profile FROM certificates AS c"
		    " JOIN works AS w ON w.id = c.work"
		    " WHERE c.state IN ('issued', 'active', 'superseded') AND c.not_after > ?"
		    " ORDER BY c.id",
		    DB_ARGS(DB_I(after)), &st, err)) == 1) {
		of.holder = db_col_int(st, 1);
		of.token = (uint32_t)db_col_int(st, 2);
		if ((rc = db_col_text(st, 3, of.profile, sizeof(of.profile), err)) != 0 ||
		    (rc = db_col_blob(st, 0, &der, err)) != 0 || (rc = row(ctx, &of, &der)) != 0)
			return rc;
	}
	return rc;
}

/* ---- the certificates, the work, the token ---- */

int
registry_cert_take(struct registry *r, uint32_t token, const struct registry_revoked *c, int reason,
    struct err *err)
{
	const int64_t now = utc_now();
	int rc;

	if (c->was_signed)
		rc = db_run(r->db,
		    "UPDATE certificates SET state = 'revoked', changed = ?1,"
		    " revoked = ifnull(revoked, ?1), reason = ?2 WHERE serial = ?3 AND token = ?4"
		    " AND state <> 'dropped' AND (state <> 'revoked' OR reason <> ?2)",
		    DB_ARGS(
			DB_I(now), DB_I(reason), DB_B(c->serial, REGISTRY_SERIAL_LEN), DB_I(token)),
		    err);
	else
		rc = db_run(r->db,
		    "UPDATE certificates SET state = 'dropped', changed = ?1 WHERE serial = ?2"
		    " AND token = ?3 AND state = 'prepared'",
		    DB_ARGS(DB_I(now), DB_B(c->serial, REGISTRY_SERIAL_LEN), DB_I(token)), err);
	return rc != 0 ? rc : db_changes(r->db) > 0;
}

static int
audit_cert(struct registry *r, const struct registry_revocation *v,
    const struct registry_revoked *c, struct err *err)
{
	char hex[2 * REGISTRY_SERIAL_LEN + 1];

	text_hex(c->serial, sizeof(c->serial), hex);
	return audit_add(r->db, r->actor, c->was_signed ? "revoke" : "drop", v->token, err,
	    "certificate %s, reason %d: %s", hex, c->was_signed ? v->reason : 0, v->note);
}

static int
put_certs(struct registry *r, const struct registry_revocation *v, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < v->n; i++)
		if ((rc = registry_cert_take(r, v->token, &v->certs[i], v->reason, err)) < 0 ||
		    (rc == 1 && (rc = audit_cert(r, v, &v->certs[i], err)) != 0))
			return rc;
	return 0;
}

static int
give_up_work(struct registry *r, const struct registry_revocation *v, struct err *err)
{
	int64_t work = 0;
	int rc;

	if ((rc = open_work(r, v->token, &work, err)) != 1 || (rc = has_cert(r, work, err)) < 0)
		return rc;
	/* a desk at work on this token may have prepared another since the caller looked */
	if (rc == 1)
		return err_set(err, ERR_HELD,
		    "another desk has just had a certificate issued for token %u; run this again",
		    (unsigned)v->token);
	if ((rc = registry_sealed_settle(r, work, v->token, false, err)) != 0)
		return rc;
	return work_end(r, work, v->token, false, v->note, err);
}

static int
put_token(struct registry *r, const struct registry_revocation *v, struct err *err)
{
	struct registry_token t;
	int rc;

	if (!v->move)
		return 0;
	if ((rc = registry_token(r, v->token, &t, err)) != 0 ||
	    (rc = give_up_work(r, v, err)) != 0 || t.state == v->to)
		return rc;
	if ((rc = registry_token_move(r, v->token, v->to, err)) != 0)
		return rc;
	return audit_add(r->db, r->actor, registry_token_state_name(v->to), v->token, err,
	    "was %s: %s", registry_token_state_name(t.state), v->note);
}

int
registry_revoke(struct registry *r, const struct registry_revocation *v, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	int rc;

	if (v->reason < 0 || v->reason > 10 || v->reason == 7)
		return err_set(err, ERR_USAGE, "%d is not a revocation reason", v->reason);
	if ((rc = registry_text_check(v->note, REGISTRY_TEXT_MAX, "the note", err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0 || (rc = put_certs(r, v, err)) != 0 ||
	    (rc = put_token(r, v, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_suspend(
    struct registry *r, uint32_t token, bool suspend, const char *note, struct err *err)
{
	const enum registry_token_state to = suspend ? TOKEN_SUSPENDED : TOKEN_ACTIVE;
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	struct registry_token t;
	int rc;

	if ((rc = registry_text_check(note, REGISTRY_TEXT_MAX, "the note", err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0 || (rc = registry_token(r, token, &t, err)) != 0)
		return rc;
	if (t.state == to)
		return 0;
	/* to active comes a token from issued, too, but by its proof */
	if (!suspend && t.state != TOKEN_SUSPENDED)
		return err_set(err, ERR_OCCUPIED, "token %u is %s, not suspended", (unsigned)token,
		    registry_token_state_name(t.state));
	if ((rc = registry_token_move(r, token, to, err)) != 0 ||
	    (rc = audit_add(
		 r->db, r->actor, suspend ? "suspend" : "resume", token, err, "%s", note)) != 0)
		return rc;
	return db_commit(&tx, err);
}
