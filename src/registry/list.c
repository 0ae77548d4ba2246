/* SPDX-License-Identifier: BSD-2-Clause */
/* list, look, expected: rows as they are, and what should be on a token. */
#include <string.h>

#include "registry/room.h"

static const char *const state_names[] = {
    [CERT_PREPARED] = "prepared",
    [CERT_ISSUED] = "issued",
    [CERT_ACTIVE] = "active",
    [CERT_SUPERSEDED] = "superseded",
    [CERT_REVOKED] = "revoked",
    [CERT_DROPPED] = "dropped",
};

#define N_STATES (sizeof(state_names) / sizeof(state_names[0]))

const char *
registry_cert_state_name(enum registry_cert_state s)
{
	return (unsigned)s < N_STATES ? state_names[s] : "unknown";
}

int
registry_cert_state_read(
    struct db_stmt *st, int col, enum registry_cert_state *ret, struct err *err)
{
	const int i = registry_word(
	    st, col, state_names, N_STATES, "a certificate has an unknown state", err);

	if (i < 0)
		return i;
	*ret = (enum registry_cert_state)i;
	return 0;
}

/* columns: 0-4 token, 5- holder, AFTER open work, then certificate */
#define AFTER (5 + REGISTRY_HOLDER_N)
#define LIST_SQL                                                                             \
	"SELECT " REGISTRY_TOKEN_COLS ", " REGISTRY_HOLDER_COLS ","                          \
	" EXISTS (SELECT 1 FROM works AS w WHERE w.token = t.serial AND w.closed IS NULL),"  \
	" c.state, c.serial, c.sha256, c.spki_sha256, c.not_before, c.not_after, cw.key_alg" \
	" FROM tokens AS t LEFT JOIN holders AS h ON h.id = t.holder"                        \
	" LEFT JOIN certificates AS c"                                                       \
	"  ON c.id = (SELECT max(id) FROM certificates WHERE token = t.serial)"              \
	" LEFT JOIN works AS cw ON cw.id = c.work"                                           \
	" WHERE ?1 = 0 OR t.serial = ?1 ORDER BY t.serial"

static int
read_cert(struct db_stmt *st, struct registry_row *row, struct err *err)
{
	int rc;

	row->has_cert = true;
	row->not_before = db_col_int(st, AFTER + 5);
	row->not_after = db_col_int(st, AFTER + 6);
	row->key_alg = (uint8_t)db_col_int(st, AFTER + 7);
	if ((rc = registry_cert_state_read(st, AFTER + 1, &row->cert_state, err)) != 0 ||
	    (rc = db_col_bytes(st, AFTER + 2, row->cert_serial, sizeof(row->cert_serial), err)) !=
		0 ||
	    (rc = db_col_bytes(st, AFTER + 4, row->spki_sha256, sizeof(row->spki_sha256), err)) !=
		0)
		return rc;
	if (db_col_null(st, AFTER + 3))
		return 0; /* not signed: no hash yet */
	return db_col_bytes(st, AFTER + 3, row->cert_sha256, sizeof(row->cert_sha256), err);
}

static int
read_row(struct db_stmt *st, struct registry_row *row, struct err *err)
{
	int rc;

	if ((rc = registry_token_read(st, 0, &row->token, err)) != 0 ||
	    (rc = registry_holder_read(st, 5, &row->holder, err)) != 0)
		return rc;
	row->work_open = db_col_int(st, AFTER) != 0;
	return db_col_null(st, AFTER + 1) ? 0 : read_cert(st, row, err);
}

int
registry_list(struct registry *r, uint32_t serial,
    int (*row)(void *ctx, const struct registry_row *row), void *ctx, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	while ((rc = db_next(r->db, LIST_SQL, DB_ARGS(DB_I(serial)), &st, err)) == 1) {
		struct registry_row one = {0};

		if ((rc = read_row(st, &one, err)) != 0 || (rc = row(ctx, &one)) != 0)
			return rc;
	}
	return rc;
}

static int
take_row(void *ctx, const struct registry_row *row)
{
	*(struct registry_row *)ctx = *row;
	return 1;
}

int
registry_row(struct registry *r, uint32_t serial, struct registry_row *ret, struct err *err)
{
	int rc;

	*ret = (struct registry_row){.work_open = false};
	if (serial == 0) /* which no row has, and which asks for all */
		return 0;
	rc = registry_list(r, serial, take_row, ret, err);
	return rc < 0 ? rc : 0;
}

int
registry_token_cert(struct registry *r, uint32_t serial, struct blob *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT der FROM certificates WHERE token = ? AND state IN ('active', 'issued')"
		 " ORDER BY state = 'active' DESC, id DESC LIMIT 1",
		 DB_ARGS(DB_I(serial)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_ABSENT, "token %u has no certificate", (unsigned)serial);
	return db_col_blob(st, 0, ret, err);
}

/* ---- rows as they are, for showing ---- */

static const char *const secret_states[] = {
    [SECRET_PENDING] = "pending",
    [SECRET_CURRENT] = "current",
    [SECRET_OLD] = "old",
};

const char *
registry_secret_state_name(enum registry_secret_state s)
{
	return (unsigned)s <= SECRET_OLD ? secret_states[s] : "unknown";
}

static int
read_secret(struct db_stmt *st, struct registry_secret *s, struct err *err)
{
	const int kind = registry_secret_kind_read(st, 1, &s->kind, err);
	const int state = registry_word(
	    st, 3, secret_states, SECRET_OLD + 1, "a secret has an unknown state", err);

	if (kind != 0 || state < 0)
		return kind != 0 ? kind : state;
	s->state = (enum registry_secret_state)state;
	s->token = (uint32_t)db_col_int(st, 0);
	s->version = (unsigned)db_col_int(st, 2);
	s->recipients = db_col_int(st, 4);
	s->opened = db_col_int(st, 5);
	s->changed = db_col_int(st, 6);
	return 0;
}

int
registry_secrets(struct registry *r, uint32_t token,
    int (*row)(void *ctx, const struct registry_secret *secret), void *ctx, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	while ((rc = db_next(r->db,
		    "SELECT token, kind, version, state, recipients, ifnull(opened, 0), changed"
		    " FROM secrets WHERE ?1 = 0 OR token = ?1 ORDER BY id",
		    DB_ARGS(DB_I(token)), &st, err)) == 1) {
		struct registry_secret one = {0};

		if ((rc = read_secret(st, &one, err)) != 0 || (rc = row(ctx, &one)) != 0)
			return rc;
	}
	return rc;
}

static int
read_audit(struct db_stmt *st, struct registry_audit_row *a, struct err *err)
{
	int rc;

	a->seq = db_col_int(st, 0);
	a->at = db_col_int(st, 1);
	a->token = (uint32_t)db_col_int(st, 4);
	if ((rc = db_col_text(st, 2, a->actor, sizeof(a->actor), err)) != 0 ||
	    (rc = db_col_text(st, 3, a->action, sizeof(a->action), err)) != 0 ||
	    (rc = db_col_text(st, 5, a->detail, sizeof(a->detail), err)) != 0 ||
	    (rc = db_col_bytes(st, 6, a->prev, sizeof(a->prev), err)) != 0)
		return rc;
	return db_col_bytes(st, 7, a->hash, sizeof(a->hash), err);
}

/* What a work did says "work 7: …", and only its first row by which ticket. A row is of whoever had
 * the token then. A holder's key or a ticket ends where a word does: not "T-1" in "T-10". */
#define WORDS(text)                                                                               \
	"' ' || replace(replace(replace(replace(" text ", ',', ' '), ':', ' '), '(', ' '), ')', " \
	"' ') || ' '"
#define NAMES(words) "instr(" WORDS("audit.detail") ", " WORDS(words) ") > 0"
#define AUDIT_SQL                                                                                    \
	"SELECT seq, at, actor, action, token, detail, prev, hash FROM audit"                        \
	" WHERE (?1 = 0 OR token = ?1) AND at >= ?2"                                                 \
	" AND (?3 = 0 OR (SELECT w.holder FROM works AS w WHERE w.token = audit.token"               \
	"   AND w.started <= audit.at ORDER BY w.id DESC LIMIT 1) = ?3"                              \
	"  OR EXISTS (SELECT 1 FROM holders AS h WHERE h.id = ?3 AND " NAMES(                        \
	    "h.key") "))"                                                                            \
		     " AND (?4 = '' OR EXISTS (SELECT 1 FROM works AS w WHERE w.token = audit.token" \
		     "   AND audit.detail LIKE 'work ' || w.id || ':%' AND w.ticket = ?4)"           \
		     "  OR " NAMES("'ticket ' || ?4") ") ORDER BY seq"

int
registry_audit_rows(struct registry *r, const struct registry_audit_which *which,
    int (*row)(void *ctx, const struct registry_audit_row *row), void *ctx, struct err *err)
{
	const char *ticket = which->ticket == NULL ? "" : which->ticket;
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct registry_audit_row one;
	int rc;

	while (
	    (rc = db_next(r->db, AUDIT_SQL,
		 DB_ARGS(DB_I(which->token), DB_I(which->since), DB_I(which->holder), DB_T(ticket)),
		 &st, err)) == 1)
		if ((rc = read_audit(st, &one, err)) != 0 || (rc = row(ctx, &one)) != 0)
			return rc;
	return rc;
}

/* ---- what should be on a token ---- */

#define CERT_SQL                                                                            \
	"SELECT c.state, ifnull(c.reason, 0), c.serial, c.sha256, c.spki_sha256,"           \
	" c.not_after, c.der, w.key_alg, w.pin_policy, w.touch_policy, w.outcome"           \
	" FROM certificates AS c JOIN works AS w ON w.id = c.work WHERE c.token = ?"        \
	" AND c.der IS NOT NULL ORDER BY c.state = 'active' DESC, c.state = 'issued' DESC," \
	" c.id DESC LIMIT 1"

static int
read_expected(struct db_stmt *st, struct registry_expected *e, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	uint8_t hash[REGISTRY_SHA256_LEN];
	char outcome[16];
	int rc;

	e->has_cert = true;
	e->cert_reason = (int)db_col_int(st, 1);
	e->not_after = db_col_int(st, 5);
	e->key_alg = (uint8_t)db_col_int(st, 7);
	e->pin_policy = (uint8_t)db_col_int(st, 8);
	e->touch_policy = (uint8_t)db_col_int(st, 9);
	if ((rc = registry_cert_state_read(st, 0, &e->cert_state, err)) != 0 ||
	    (rc = db_col_bytes(st, 2, e->cert_serial, sizeof(e->cert_serial), err)) != 0 ||
	    (rc = db_col_bytes(st, 3, e->cert_sha256, sizeof(e->cert_sha256), err)) != 0 ||
	    (rc = db_col_bytes(st, 4, e->spki_sha256, sizeof(e->spki_sha256), err)) != 0 ||
	    (rc = db_col_blob(st, 6, &der, err)) != 0 ||
	    (rc = db_col_text(st, 10, outcome, sizeof(outcome), err)) != 0)
		return rc;
	e->finished = strcmp(outcome, "finished") == 0;
	registry_sha256(der.data, der.len, hash);
	e->cert_damaged = memcmp(hash, e->cert_sha256, sizeof(hash)) != 0;
	return 0;
}

static int
find_cert(struct registry *r, uint32_t token, struct registry_expected *e, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int64_t n = 0;
	int rc;

	if ((rc = db_int(r->db,
		 "SELECT count(*) FROM certificates WHERE token = ? AND state = 'active'",
		 DB_ARGS(DB_I(token)), &n, err)) < 0)
		return rc;
	e->cert_active = (unsigned)n;
	if ((rc = db_next(r->db, CERT_SQL, DB_ARGS(DB_I(token)), &st, err)) < 0)
		return rc;
	return rc == 0 ? 0 : read_expected(st, e, err);
}

static int
find_secret(struct registry *r, uint32_t token, enum registry_secret_kind kind,
    struct registry_expected_secret *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	CLEAN(blob_wipe) struct blob sealed = {0};
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT recovery, alg, opened IS NOT NULL FROM secrets WHERE token = ?"
		 " AND kind = ? AND state = 'current'",
		 DB_ARGS(DB_I(token), DB_T(registry_secret_kind_name(kind))), &st, err)) != 1)
		return rc;
	ret->there = true;
	ret->alg = (uint8_t)db_col_int(st, 1);
	ret->spent = db_col_int(st, 2) != 0;
	ret->damaged = db_col_blob(st, 0, &sealed, NULL) != 0 ||
		       registry_sealed_check(r, token, kind, &sealed, NULL) != 0;
	return 0;
}

int
registry_expected(
    struct registry *r, uint32_t token, struct registry_expected *ret, struct err *err)
{
	struct registry_expected e = {0};
	enum registry_secret_kind kind;
	int rc;

	if ((rc = find_cert(r, token, &e, err)) != 0)
		return rc;
	for (kind = 0; kind < SECRET_KINDS; kind++)
		if ((rc = find_secret(r, token, kind, &e.secrets[kind], err)) != 0)
			return rc;
	*ret = e;
	return 0;
}

int
registry_guid_known(struct registry *r, uint32_t token,
    const uint8_t guid[static REGISTRY_GUID_LEN], struct err *err)
{
	int64_t known = 0;
	const int rc = db_int(r->db,
	    "SELECT EXISTS (SELECT 1 FROM works WHERE token = ?1 AND guid = ?2) OR NOT EXISTS"
	    " (SELECT 1 FROM works AS w JOIN steps AS s ON s.work = w.id WHERE w.token = ?1"
	    " AND s.step = 'identity')",
	    DB_ARGS(DB_I(token), DB_B(guid, REGISTRY_GUID_LEN)), &known, err);

	return rc < 0 ? rc : known != 0;
}
