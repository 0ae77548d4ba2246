/* SPDX-License-Identifier: BSD-2-Clause */
/* work: from the intent to the proof. */
#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "registry/room.h"

void
registry_work_wipe(struct registry_work *w)
{
	request_wipe(&w->asked);
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

/* ---- the columns that request.c's table names ---- */

#define SQL_MAX 2048
#define FIELDS_MAX 32

static void
add(char sql[static SQL_MAX], const char *text)
{
	const size_t at = strlen(sql);

	snprintf(sql + at, SQL_MAX - at, "%s", text);
}

/* Each column, or a text for each; *ret_fields: those that have one. */
static size_t
add_columns(char sql[static SQL_MAX], const char *before, const char *instead,
    const struct request_field *ret_fields[static FIELDS_MAX])
{
	const struct request_field *f;
	size_t n, i, in = 0;

	f = request_fields(&n);
	for (i = 0; i < n && in < FIELDS_MAX; i++)
		if (f[i].place == REQUEST_WORKS) {
			add(sql, before);
			add(sql, instead != NULL ? instead : f[i].column);
			ret_fields[in++] = &f[i];
		}
	return in;
}

static int
read_fields(struct db_stmt *st, int col, const struct request_field *const *fields, size_t n,
    struct request *ret, struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++, col++) {
		struct request_value v = {.number = db_col_int(st, col)};

		if (!request_is_number(fields[i]))
			v.data = db_col_data(st, col, &v.len);
		if (request_put(ret, fields[i], &v, NULL) != 0)
			return err_set(err, ERR_INTERNAL,
			    "registry: another program changed the %s of a work", fields[i]->what);
	}
	return 0;
}

/* ---- reading ---- */

static int
read_work(struct db_stmt *st, struct registry_work *w, struct err *err)
{
	int rc;

	w->id = db_col_int(st, 0);
	w->started = db_col_int(st, 2);
	w->has_cert = !db_col_null(st, 3);
	if ((rc = db_col_text(st, 1, w->plan, sizeof(w->plan), err)) != 0 ||
	    (rc = registry_holder_read(st, 5, &w->asked.holder, err)) != 0 || !w->has_cert)
		return rc;
	if ((rc = db_col_bytes(st, 3, w->cert_serial, sizeof(w->cert_serial), err)) != 0)
		return rc;
	return db_col_blob(st, 4, &w->cert, err);
}

/* Everything of a work, with its newest certificate that was not given up. 1 it is there, 0. */
static int
find_work(struct registry *r, const char *where, uint32_t token, struct registry_work *ret,
    struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	CLEAN(registry_work_wipe) struct registry_work w = {0};
	const struct request_field *fields[FIELDS_MAX];
	char sql[SQL_MAX] =
	    "SELECT w.id, w.plan, w.started, c.serial, c.der, " REGISTRY_HOLDER_COLS;
	const size_t n = add_columns(sql, ", w.", NULL, fields);
	int rc;

	add(sql, " FROM works AS w JOIN holders AS h ON h.id = w.holder LEFT JOIN certificates AS c"
		 " ON c.work = w.id AND c.state IN ('prepared', 'issued') WHERE ");
	add(sql, where);
	if ((rc = db_next(r->db, sql, DB_ARGS(DB_I(token)), &st, err)) != 1)
		return rc;
	if ((rc = read_work(st, &w, err)) != 0 ||
	    (rc = read_fields(st, 5 + REGISTRY_HOLDER_N, fields, n, &w.asked, err)) != 0)
		return rc;
	*ret = w;
	w.cert = (struct blob){0};
	return 1;
}

int
registry_work_open(struct registry *r, uint32_t serial, struct registry_work *ret, struct err *err)
{
	const int rc = find_work(r, "w.token = ? AND w.closed IS NULL", serial, ret, err);

	if (rc == 0)
		return err_set(
		    err, ERR_ABSENT, "token %u has no unfinished work", (unsigned)serial);
	return rc < 0 ? rc : 0;
}

int
registry_request(struct registry *r, uint32_t serial, struct request *ret, struct err *err)
{
	CLEAN(registry_work_wipe) struct registry_work w = {0};
	const int rc = find_work(r,
	    "w.id = (SELECT o.id FROM certificates AS n JOIN works AS o ON o.id = n.work"
	    " WHERE n.token = ? AND o.outcome = 'finished' ORDER BY n.id DESC LIMIT 1)",
	    serial, &w, err);

	if (rc == 0)
		return err_set(
		    err, ERR_ABSENT, "token %u has never had a certificate", (unsigned)serial);
	if (rc < 0)
		return rc;
	*ret = w.asked;
	return 0;
}

/* ---- intent ---- */

/* No open work on the token, and a state from which an enrolment starts. */
static int
check_token(struct registry *r, uint32_t serial, struct err *err)
{
	struct registry_row row;
	const int rc = registry_row(r, serial, &row, err);

	if (rc != 0 || row.token.serial == 0)
		return rc;
	if (row.work_open)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has unfinished work for %s; finish it with: ykenroll recover",
		    (unsigned)serial, row.holder.key);
	if (row.token.state == TOKEN_NEW)
		return 0;
	if (row.token.state == TOKEN_ACTIVE || row.token.state == TOKEN_SUSPENDED)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is already %s for %s; use ykenroll reissue, or first ykenroll retire",
		    (unsigned)serial, registry_token_state_name(row.token.state), row.holder.key);
	return err_set(err, ERR_OCCUPIED,
	    "token %u is registered as %s (holder %s); reset it to factory defaults for another "
	    "holder with: ykenroll enroll NAME --reset",
	    (unsigned)serial, registry_token_state_name(row.token.state),
	    row.holder.id == 0 ? "none" : row.holder.key);
}

/* Half-made tokens count too: a second one for the same person must be wanted. */
static int
check_holder(struct registry *r, const struct holder *h, struct err *err)
{
	struct registry_token first = {0};
	size_t n = 0;
	const int rc = registry_tokens_of(r, h->id, &first, &n, err);

	if (rc != 0 || n == 0)
		return rc;
	return err_set(err, ERR_OCCUPIED,
	    "%s already has token %u (%s); use ykenroll reissue, or --additional to give "
	    "them another one",
	    h->key, (unsigned)first.serial, registry_token_state_name(first.state));
}

static int
put_token(struct registry *r, const struct request *asked, struct err *err)
{
	const int64_t now = utc_now();
	int rc;

	if ((rc = db_run(r->db,
		 "INSERT INTO tokens (serial, firmware, state, holder, changed)"
		 " VALUES (?1, ?2, 'new', ?3, ?4) ON CONFLICT (serial) DO UPDATE"
		 " SET firmware = ?2, holder = ?3, changed = ?4",
		 DB_ARGS(DB_I(asked->token), DB_B(asked->firmware, sizeof(asked->firmware)),
		     DB_I(asked->holder.id), DB_I(now)),
		 err)) != 0)
		return rc;
	return registry_token_move(r, asked->token, TOKEN_PERSONALISED, err);
}

static int
put_work(struct registry *r, struct registry_work *w, struct err *err)
{
	struct db_arg args[3 + FIELDS_MAX] = {
	    DB_T(w->plan), DB_I(w->asked.holder.id), DB_I(w->started = utc_now())};
	const struct request_field *fields[FIELDS_MAX];
	char sql[SQL_MAX] = "INSERT INTO works (plan, holder, started";
	const size_t n = add_columns(sql, ", ", NULL, fields);
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		const struct request_value v = request_get(&w->asked, fields[i]);

		args[3 + i] = request_is_number(fields[i])	 ? DB_I(v.number)
			      : fields[i]->kind == REQUEST_BYTES ? DB_B(v.data, v.len)
								 : DB_T(v.data);
	}
	add(sql, ") VALUES (?, ?, ?");
	(void)add_columns(sql, ", ", "?", fields);
	add(sql, ")");
	if ((rc = db_run(r->db, sql, args, 3 + n, err)) != 0)
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
	if (w->asked.replaces != 0)
		snprintf(instead, sizeof(instead), ", for token %u", (unsigned)w->asked.replaces);
	snprintf(detail, sizeof(detail), "work %lld: %s%s%s%s%s for %s%s%s", (long long)w->id,
	    w->plan, w->asked.why[0] == '\0' ? "" : " (", w->asked.why, instead,
	    w->asked.why[0] == '\0' ? "" : ")", w->asked.holder.key,
	    w->asked.ticket[0] == '\0' ? "" : ", ticket ", w->asked.ticket);
	for (i = 0; i < n_sealed; i++)
		if ((rc = registry_sealed_put(r, w, &sealed[i], detail, sizeof(detail), err)) != 0)
			return rc;
	return audit_add(r->db, r->actor, "begin", w->asked.token, err, "%s", detail);
}

/* What is written there can be read again. */
static int
check_texts(const struct registry_work *w, struct err *err)
{
	const struct request_field *f;
	size_t n, i;
	int rc = registry_text_check(w->plan, sizeof(w->plan), "the plan", err);

	f = request_fields(&n);
	for (i = 0; i < n && rc == 0; i++)
		if (f[i].place == REQUEST_WORKS &&
		    (f[i].kind == REQUEST_TEXT || f[i].kind == REQUEST_LINES))
			rc = registry_text_check(
			    request_get(&w->asked, &f[i]).data, f[i].size, f[i].what, err);
	if (rc != 0)
		return rc;
	return w->asked.token != 0 ? 0 : err_set(err, ERR_USAGE, "the token has no serial number");
}

static int
check_held(struct registry *r, struct registry_work *w, struct err *err)
{
	const unsigned serial = w->asked.token;
	struct registry_row row;
	int rc;

	if ((rc = registry_row(r, serial, &row, err)) != 0)
		return rc;
	if (row.token.serial == 0)
		return err_set(err, ERR_ABSENT, "token %u is not registered", serial);
	if (row.work_open)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has unfinished work; finish it with: ykenroll recover", serial);
	if ((rc = registry_holder_put(r, &w->asked.holder, err)) != 0)
		return rc;
	return row.holder.id != 0 && row.holder.id == w->asked.holder.id
		   ? 0
		   : err_set(err, ERR_OCCUPIED, "token %u does not belong to %s", serial,
			 w->asked.holder.key);
}

static int
begin_rows(struct registry *r, struct registry_work *w, const struct registry_sealed *sealed,
    size_t n_sealed, enum registry_begin how, struct err *err)
{
	int rc;

	if (how == BEGIN_HELD)
		return (rc = check_held(r, w, err)) != 0 ? rc
							 : put_intent(r, w, sealed, n_sealed, err);
	if ((rc = check_token(r, w->asked.token, err)) != 0 ||
	    (rc = registry_holder_put(r, &w->asked.holder, err)) != 0 ||
	    (how == BEGIN_FIRST && (rc = check_holder(r, &w->asked.holder, err)) != 0) ||
	    (rc = put_token(r, &w->asked, err)) != 0)
		return rc;
	return put_intent(r, w, sealed, n_sealed, err);
}

/* Done, and rolled back: whatever would refuse it does. */
int
registry_begin_check(struct registry *r, const struct registry_work *w, enum registry_begin how,
    bool recycled, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	struct registry_work copy = *w; /* what it points to stays w's */
	int rc;

	if ((rc = check_texts(&copy, err)) != 0 || (rc = db_begin(r->db, &tx, err)) != 0 ||
	    (recycled && (rc = registry_token_move(r, w->asked.token, TOKEN_NEW, err)) != 0))
		return rc;
	return begin_rows(r, &copy, NULL, 0, how, err);
}

int
registry_begin(struct registry *r, struct registry_work *w, const struct registry_sealed *sealed,
    size_t n_sealed, enum registry_begin how, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	const struct registry_work before = *w;
	int rc;

	if ((rc = check_texts(w, err)) != 0)
		return rc;
	if ((rc = db_begin(r->db, &tx, err)) == 0 &&
	    (rc = begin_rows(r, w, sealed, n_sealed, how, err)) == 0)
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
