/* SPDX-License-Identifier: BSD-2-Clause */
/* work: from the intent to the proof. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utc.h"
#include "registry/audit.h"
#include "registry/room.h"

void
registry_work_wipe(struct registry_work *w)
{
	blob_wipe(&w->cert);
}

int
registry_work_token(struct registry *r, int64_t work, uint32_t *ret_serial, struct err *err)
{
	int64_t serial = 0;
	const int rc = db_int(r->db, "SELECT token FROM works WHERE id = ? AND closed IS NULL",
	    DB_ARGS(DB_I(work)), &serial, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_ABSENT, "work %lld is not open", (long long)work);
	*ret_serial = (uint32_t)serial;
	return 0;
}

/* Everything of the work, with its newest certificate that was not given up. */
#define WORK_SQL                                                                                                                    \
	"SELECT w.id, w.plan, w.token, w.profile, w.guid, w.key_alg, w.pin_policy,"                                                 \
	" w.touch_policy, w.days, w.started, c.serial, c.der, w.why, w.ticket, w.replaces, w.hours, w.flags, " REGISTRY_HOLDER_COLS \
	" FROM works AS w JOIN holders AS h ON h.id = w.holder"                                                                     \
	" LEFT JOIN certificates AS c ON c.work = w.id AND c.state IN ('prepared', 'issued')"                                       \
	" WHERE w.token = ? AND w.closed IS NULL"

static int
read_work(struct db_stmt *st, struct registry_work *w, struct err *err)
{
	int rc;

	w->id = db_col_int(st, 0);
	w->serial = (uint32_t)db_col_int(st, 2);
	w->key_alg = (uint8_t)db_col_int(st, 5);
	w->pin_policy = (uint8_t)db_col_int(st, 6);
	w->touch_policy = (uint8_t)db_col_int(st, 7);
	w->days = (unsigned)db_col_int(st, 8);
	w->started = db_col_int(st, 9);
	w->replaces = (uint32_t)db_col_int(st, 14);
	w->hours = (unsigned)db_col_int(st, 15);
	w->flags = (unsigned)db_col_int(st, 16);
	w->has_cert = !db_col_null(st, 10);
	if ((rc = db_col_text(st, 1, w->plan, sizeof(w->plan), err)) != 0 ||
	    (rc = db_col_text(st, 3, w->profile, sizeof(w->profile), err)) != 0 ||
	    (rc = db_col_bytes(st, 4, w->guid, sizeof(w->guid), err)) != 0 ||
	    (rc = registry_holder_read(st, 17, &w->holder, err)) != 0 ||
	    (rc = db_col_text(st, 12, w->why, sizeof(w->why), err)) != 0 ||
	    (rc = db_col_text(st, 13, w->ticket, sizeof(w->ticket), err)) != 0)
		return rc;
	if (!w->has_cert)
		return 0;
	if ((rc = db_col_bytes(st, 10, w->cert_serial, sizeof(w->cert_serial), err)) != 0)
		return rc;
	return db_col_blob(st, 11, &w->cert, err);
}

int
registry_work_open(struct registry *r, uint32_t serial, struct registry_work *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	CLEAN(registry_work_wipe) struct registry_work w = {0};
	int rc;

	if ((rc = db_query(r->db, WORK_SQL, DB_ARGS(DB_I(serial)), &st, err)) != 0)
		return rc;
	if ((rc = db_step(st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_ABSENT, "no work is open on token %u", (unsigned)serial);
	if ((rc = read_work(st, &w, err)) != 0)
		return rc;
	*ret = w;
	w.cert = (struct blob){0};
	return 0;
}

/* ---- intent ---- */

/* No open work on the token, and a state from which an enrolment starts. */
static int
check_token(struct registry *r, uint32_t serial, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct registry_token t;
	struct holder h;
	bool open;
	int rc;

	if ((rc = db_query(r->db,
		 "SELECT " REGISTRY_TOKEN_COLS ", " REGISTRY_HOLDER_COLS ","
		 " EXISTS (SELECT 1 FROM works AS w WHERE w.token = t.serial AND w.closed IS NULL)"
		 " FROM tokens AS t LEFT JOIN holders AS h ON h.id = t.holder WHERE t.serial = ?",
		 DB_ARGS(DB_I(serial)), &st, err)) != 0)
		return rc;
	if ((rc = db_step(st, err)) != 1)
		return rc;
	open = db_col_int(st, 5 + REGISTRY_HOLDER_N) != 0;
	if ((rc = registry_token_read(st, 0, &t, err)) != 0 ||
	    (rc = registry_holder_read(st, 5, &h, err)) != 0)
		return rc;
	if (open)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has unfinished work for %s; finish it with ykenroll recover",
		    (unsigned)serial, h.key);
	if (t.state == TOKEN_NEW)
		return 0;
	if (t.state == TOKEN_ACTIVE || t.state == TOKEN_SUSPENDED)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is %s for %s already; use ykenroll reissue, or ykenroll retire first",
		    (unsigned)serial, registry_token_state_name(t.state), h.key);
	return err_set(err, ERR_OCCUPIED,
	    "token %u was registered as %s (holder %s); make it as new for somebody else with: "
	    "ykenroll enroll NAME --reset",
	    (unsigned)serial, registry_token_state_name(t.state), h.id == 0 ? "none" : h.key);
}

/* Half-made tokens count too: a second one for the same person must be wanted. */
static int
check_holder(struct registry *r, const struct holder *h, bool additional, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct registry_token t;
	int rc;

	if (additional)
		return 0;
	if ((rc = db_query(r->db,
		 "SELECT " REGISTRY_TOKEN_COLS " FROM tokens AS t WHERE t.holder = ?"
		 " AND t.state NOT IN ('lost', 'damaged', 'retired') ORDER BY t.serial LIMIT 1",
		 DB_ARGS(DB_I(h->id)), &st, err)) != 0)
		return rc;
	if ((rc = db_step(st, err)) != 1)
		return rc;
	if ((rc = registry_token_read(st, 0, &t, err)) != 0)
		return rc;
	return err_set(err, ERR_OCCUPIED,
	    "%s has token %u already (%s); reissue it, or say --additional for one more", h->key,
	    (unsigned)t.serial, registry_token_state_name(t.state));
}

static int
put_token(struct registry *r, const struct registry_work *w, const uint8_t firmware[static 3],
    struct err *err)
{
	const int64_t now = utc_now();
	int rc;

	if ((rc = db_run(r->db,
		 "INSERT INTO tokens (serial, firmware, state, holder, changed)"
		 " VALUES (?1, ?2, 'new', ?3, ?4) ON CONFLICT (serial) DO UPDATE"
		 " SET firmware = ?2, holder = ?3, changed = ?4",
		 DB_ARGS(DB_I(w->serial), DB_B(firmware, 3), DB_I(w->holder.id), DB_I(now)),
		 err)) != 0)
		return rc;
	return registry_token_move(r, w->serial, TOKEN_PERSONALISED, err);
}

static int
put_work(struct registry *r, struct registry_work *w, struct err *err)
{
	int rc;

	w->started = utc_now();
	if ((rc = db_run(r->db,
		 "INSERT INTO works (plan, token, holder, profile, guid, key_alg, pin_policy,"
		 " touch_policy, days, started, why, ticket, replaces, hours, flags)"
		 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		 DB_ARGS(DB_T(w->plan), DB_I(w->serial), DB_I(w->holder.id), DB_T(w->profile),
		     DB_B(w->guid, sizeof(w->guid)), DB_I(w->key_alg), DB_I(w->pin_policy),
		     DB_I(w->touch_policy), DB_I(w->days), DB_I(w->started), DB_T(w->why),
		     DB_T(w->ticket), DB_I(w->replaces), DB_I(w->hours), DB_I(w->flags)),
		 err)) != 0)
		return rc;
	w->id = db_inserted(r->db);
	return 0;
}

/* "work 7: reissue (damaged, for token 5) for alice, ticket 4711", then the secrets. */
static int
put_intent(struct registry *r, struct registry_work *w, const struct registry_sealed *sealed,
    size_t n_sealed, struct err *err)
{
	char detail[AUDIT_DETAIL_MAX] = "", instead[48] = "";
	size_t i;
	int rc;

	if ((rc = put_work(r, w, err)) != 0)
		return rc;
	if (w->replaces != 0)
		snprintf(instead, sizeof(instead), ", for token %u", (unsigned)w->replaces);
	snprintf(detail, sizeof(detail), "work %lld: %s%s%s%s%s for %s%s%s", (long long)w->id,
	    w->plan, w->why[0] == '\0' ? "" : " (", w->why, instead, w->why[0] == '\0' ? "" : ")",
	    w->holder.key, w->ticket[0] == '\0' ? "" : ", ticket ", w->ticket);
	for (i = 0; i < n_sealed; i++)
		if ((rc = registry_sealed_put(r, w, &sealed[i], detail, sizeof(detail), err)) != 0)
			return rc;
	return audit_add(r->db, r->actor, "begin", w->serial, err, "%s", detail);
}

static int
check_texts(const struct registry_work *w, struct err *err)
{
	int rc;

	if ((rc = registry_text_check(w->plan, sizeof(w->plan), "the plan", err)) != 0 ||
	    (rc = registry_text_check(w->profile, sizeof(w->profile), "the profile", err)) != 0 ||
	    (rc = registry_text_check(w->why, sizeof(w->why), "the reason", err)) != 0 ||
	    (rc = registry_text_check(w->ticket, sizeof(w->ticket), "the ticket", err)) != 0)
		return rc;
	return w->serial != 0 ? 0 : err_set(err, ERR_USAGE, "a token without a serial number");
}

static int
begin_rows(struct registry *r, struct registry_work *w, const uint8_t firmware[static 3],
    const struct registry_sealed *sealed, size_t n_sealed, bool additional, struct err *err)
{
	int rc;

	if ((rc = check_token(r, w->serial, err)) != 0 ||
	    (rc = registry_holder_put(r, &w->holder, err)) != 0 ||
	    (rc = check_holder(r, &w->holder, additional, err)) != 0 ||
	    (rc = put_token(r, w, firmware, err)) != 0)
		return rc;
	return put_intent(r, w, sealed, n_sealed, err);
}

int
registry_begin(struct registry *r, struct registry_work *w, const uint8_t firmware[static 3],
    const struct registry_sealed *sealed, size_t n_sealed, bool additional, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	const struct registry_work before = *w;
	int rc;

	if ((rc = check_texts(w, err)) != 0)
		return rc;
	if ((rc = db_begin(r->db, &tx, err)) == 0 &&
	    (rc = begin_rows(r, w, firmware, sealed, n_sealed, additional, err)) == 0)
		rc = db_commit(&tx, err);
	if (rc != 0)
		*w = before;
	return rc;
}

/* ---- intent on a token that somebody holds ---- */

static int
check_held(struct registry *r, struct registry_work *w, struct err *err)
{
	struct registry_token t;
	int64_t open = 0;
	int rc;

	if ((rc = registry_token(r, w->serial, &t, err)) != 0 ||
	    (rc = db_int(r->db, "SELECT id FROM works WHERE token = ? AND closed IS NULL",
		 DB_ARGS(DB_I(w->serial)), &open, err)) < 0)
		return rc;
	if (rc == 1)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has unfinished work; finish it with ykenroll recover",
		    (unsigned)w->serial);
	if ((rc = registry_holder_put(r, &w->holder, err)) != 0)
		return rc;
	return t.holder_id != 0 && t.holder_id == w->holder.id
		   ? 0
		   : err_set(err, ERR_OCCUPIED, "token %u does not belong to %s",
			 (unsigned)w->serial, w->holder.key);
}

int
registry_begin_on(struct registry *r, struct registry_work *w, const struct registry_sealed *sealed,
    size_t n_sealed, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	const struct registry_work before = *w;
	int rc;

	if ((rc = check_texts(w, err)) != 0)
		return rc;
	if ((rc = db_begin(r->db, &tx, err)) == 0 && (rc = check_held(r, w, err)) == 0 &&
	    (rc = put_intent(r, w, sealed, n_sealed, err)) == 0)
		rc = db_commit(&tx, err);
	if (rc != 0)
		*w = before;
	return rc;
}

/* ---- steps ---- */

int
registry_step(
    struct registry *r, int64_t work, const char *step, const char *detail, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	uint32_t serial;
	int rc;

	if (detail == NULL)
		detail = "";
	if ((rc = registry_text_check(step, REGISTRY_TEXT_MAX, "the step", err)) != 0 ||
	    (rc = registry_text_check(detail, REGISTRY_TEXT_MAX, "the detail", err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = registry_work_token(r, work, &serial, err)) != 0 ||
	    (rc = db_run(r->db,
		 "INSERT INTO steps (work, step, at, detail) VALUES (?, ?, ?, ?)"
		 " ON CONFLICT DO NOTHING",
		 DB_ARGS(DB_I(work), DB_T(step), DB_I(utc_now()), DB_T(detail)), err)) != 0)
		return rc;
	if (db_changes(r->db) == 0)
		return 0; /* done before: nothing to write, and no fsync */
	if ((rc = audit_add(r->db, r->actor, "step", serial, err, "work %lld: %s%s%s",
		 (long long)work, step, detail[0] == '\0' ? "" : ": ", detail)) != 0)
		return rc;
	return db_commit(&tx, err);
}

bool
registry_step_done(struct registry *r, int64_t work, const char *step)
{
	int64_t one;

	return db_int(r->db, "SELECT 1 FROM steps WHERE work = ? AND step = ?",
		   DB_ARGS(DB_I(work), DB_T(step)), &one, NULL) == 1;
}
