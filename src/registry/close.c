/* SPDX-License-Identifier: BSD-2-Clause */
/* close: the two ways in which work ends. */
#include <stdio.h>

#include "base/utc.h"
#include "registry/audit.h"
#include "registry/room.h"

int
registry_work_end(struct registry *r, int64_t work, uint32_t token, bool finished, const char *note,
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
	    (rc = registry_work_end(r, work, serial, true, proof, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}

static int
check_no_cert(struct registry *r, int64_t work, struct err *err)
{
	int64_t one;
	const int rc = db_int(r->db,
	    "SELECT 1 FROM certificates WHERE work = ? AND state IN ('prepared', 'issued')",
	    DB_ARGS(DB_I(work)), &one, err);

	if (rc < 0)
		return rc;
	return rc == 0 ? 0
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
	return registry_work_end(r, work, serial, true, text, err);
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

	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = db_int(r->db, "SELECT id FROM works WHERE token = ? AND closed IS NULL",
		 DB_ARGS(DB_I(serial)), &work, err)) < 0)
		return rc;
	if (rc == 1)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has unfinished work; finish it with ykenroll recover",
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
	    (rc = registry_work_end(r, work, serial, false, why, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}
