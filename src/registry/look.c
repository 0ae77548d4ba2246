/* SPDX-License-Identifier: BSD-2-Clause */
/* look: rows as they are, for showing. */
#include <string.h>

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
bad_word(const char *what, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "registry: a secret has an unknown %s", what);
}

static int
read_secret(struct db_stmt *st, struct registry_secret *s, struct err *err)
{
	char kind[32], state[32];
	unsigned i;
	int rc;

	s->token = (uint32_t)db_col_int(st, 0);
	s->version = (unsigned)db_col_int(st, 2);
	s->recipients = db_col_int(st, 4);
	s->opened = db_col_int(st, 5);
	s->changed = db_col_int(st, 6);
	if ((rc = db_col_text(st, 1, kind, sizeof(kind), err)) != 0 ||
	    (rc = db_col_text(st, 3, state, sizeof(state), err)) != 0)
		return rc;
	for (i = 0; i < SECRET_KINDS; i++)
		if (strcmp(registry_secret_kind_name((enum registry_secret_kind)i), kind) == 0)
			break;
	if (i == SECRET_KINDS)
		return bad_word("kind", err);
	s->kind = (enum registry_secret_kind)i;
	for (i = 0; i <= SECRET_OLD; i++)
		if (strcmp(state_names[i], state) == 0)
			break;
	if (i > SECRET_OLD)
		return bad_word("state", err);
	s->state = (enum registry_secret_state)i;
	return 0;
}

int
registry_secrets(struct registry *r, uint32_t token,
    int (*row)(void *ctx, const struct registry_secret *secret), void *ctx, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_query(r->db,
		 "SELECT token, kind, version, state, recipients, ifnull(opened, 0), changed"
		 " FROM secrets WHERE ?1 = 0 OR token = ?1 ORDER BY id",
		 DB_ARGS(DB_I(token)), &st, err)) != 0)
		return rc;
	while ((rc = db_step(st, err)) == 1) {
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

	if ((rc = db_query(r->db,
		 "SELECT seq, at, actor, action, token, detail, prev, hash FROM audit"
		 " WHERE (?1 = 0 OR token = ?1) AND seq >= ?2 ORDER BY seq",
		 DB_ARGS(DB_I(token), DB_I(first)), &st, err)) != 0)
		return rc;
	while ((rc = db_step(st, err)) == 1)
		if ((rc = read_audit(st, &one, err)) != 0 || (rc = row(ctx, &one)) != 0)
			return rc;
	return rc;
}
