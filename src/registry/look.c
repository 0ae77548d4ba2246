/* SPDX-License-Identifier: BSD-2-Clause */
/* look: rows as they are, for showing. */
#include "registry/room.h"
#include "ykenroll/registry_look.h"

static const char *const state_names[] = {
    [SECRET_PENDING] = "pending",
    [SECRET_CURRENT] = "current",
    [SECRET_OLD] = "old",
};

const char *
registry_secret_state_name(enum registry_secret_state s)
{
	return (unsigned)s <= SECRET_OLD ? state_names[s] : "unknown";
}

static int
read_secret(struct db_stmt *st, struct registry_secret *s, struct err *err)
{
	const int kind = registry_secret_kind_read(st, 1, &s->kind, err);
	const int state =
	    registry_word(st, 3, state_names, SECRET_OLD + 1, "a secret has an unknown state", err);

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

int
registry_audit_rows(struct registry *r, uint32_t token, int64_t first,
    int (*row)(void *ctx, const struct registry_audit_row *row), void *ctx, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct registry_audit_row one;
	int rc;

	while ((rc = db_next(r->db,
		    "SELECT seq, at, actor, action, token, detail, prev, hash FROM audit"
		    " WHERE (?1 = 0 OR token = ?1) AND seq >= ?2 ORDER BY seq",
		    DB_ARGS(DB_I(token), DB_I(first)), &st, err)) == 1)
		if ((rc = read_audit(st, &one, err)) != 0 || (rc = row(ctx, &one)) != 0)
			return rc;
	return rc;
}
