/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/utc.h"
#include "registry/room.h"

#define N_STATES (TOKEN_RETIRED + 1)
#define TO(s) (1u << TOKEN_##s)

/*
 * A token's life. Back to new means: its PIV applet was reset, nothing of the old life is on it.
 * Suspended and back keeps everything; lost and damaged do not become active again, because where
 * the token was meanwhile is not known: it is recycled (new) or retired.
 */
static const unsigned moves[N_STATES] = {
    [TOKEN_NEW] = TO(PERSONALISED) | TO(LOST) | TO(DAMAGED) | TO(RETIRED),
    [TOKEN_PERSONALISED] = TO(ISSUED) | TO(NEW) | TO(LOST) | TO(DAMAGED) | TO(RETIRED),
    [TOKEN_ISSUED] = TO(ACTIVE) | TO(PERSONALISED) | TO(NEW) | TO(LOST) | TO(DAMAGED) | TO(RETIRED),
    [TOKEN_ACTIVE] = TO(SUSPENDED) | TO(LOST) | TO(DAMAGED) | TO(RETIRED),
    [TOKEN_SUSPENDED] = TO(ACTIVE) | TO(LOST) | TO(DAMAGED) | TO(RETIRED),
    [TOKEN_LOST] = TO(NEW) | TO(DAMAGED) | TO(RETIRED),
    [TOKEN_DAMAGED] = TO(RETIRED),
    [TOKEN_RETIRED] = TO(NEW),
};

static const char *const state_names[N_STATES] = {
    [TOKEN_NEW] = "new",
    [TOKEN_PERSONALISED] = "personalised",
    [TOKEN_ISSUED] = "issued",
    [TOKEN_ACTIVE] = "active",
    [TOKEN_SUSPENDED] = "suspended",
    [TOKEN_LOST] = "lost",
    [TOKEN_DAMAGED] = "damaged",
    [TOKEN_RETIRED] = "retired",
};

const char *
registry_token_state_name(enum registry_token_state s)
{
	return (unsigned)s < N_STATES ? state_names[s] : "unknown";
}

bool
registry_token_move_allowed(enum registry_token_state from, enum registry_token_state to)
{
	return (unsigned)from < N_STATES && (unsigned)to < N_STATES &&
	       (moves[from] & 1u << to) != 0;
}

int
registry_token_read(struct db_stmt *st, int col, struct registry_token *ret, struct err *err)
{
	const int state =
	    registry_word(st, col + 2, state_names, N_STATES, "a token has an unknown state", err);

	if (state < 0)
		return state;
	ret->state = (enum registry_token_state)state;
	ret->serial = (uint32_t)db_col_int(st, col);
	ret->holder_id = db_col_int(st, col + 3);
	ret->changed = db_col_int(st, col + 4);
	return db_col_bytes(st, col + 1, ret->firmware, sizeof(ret->firmware), err);
}

int
registry_token(struct registry *r, uint32_t serial, struct registry_token *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct registry_token t = {0};
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT " REGISTRY_TOKEN_COLS " FROM tokens AS t WHERE t.serial = ?",
		 DB_ARGS(DB_I(serial)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_ABSENT, "token %u is not registered", (unsigned)serial);
	if ((rc = registry_token_read(st, 0, &t, err)) != 0)
		return rc;
	*ret = t;
	return 0;
}

int
registry_token_move(
    struct registry *r, uint32_t serial, enum registry_token_state to, struct err *err)
{
	struct registry_token t;
	int rc;

	if ((rc = registry_token(r, serial, &t, err)) != 0)
		return rc;
	if (!registry_token_move_allowed(t.state, to))
		return err_set(err, ERR_OCCUPIED, "token %u is %s and cannot become %s",
		    (unsigned)serial, registry_token_state_name(t.state),
		    registry_token_state_name(to));
	return db_run(r->db,
	    "UPDATE tokens SET state = ?1, changed = ?2,"
	    " holder = CASE ?1 WHEN 'new' THEN NULL ELSE holder END WHERE serial = ?3",
	    DB_ARGS(DB_T(registry_token_state_name(to)), DB_I(utc_now()), DB_I(serial)), err);
}

int
registry_token_move_from(struct registry *r, uint32_t serial, enum registry_token_state from,
    enum registry_token_state to, struct err *err)
{
	struct registry_token t;
	int rc;

	if ((rc = registry_token(r, serial, &t, err)) != 0 || t.state != from)
		return rc;
	return registry_token_move(r, serial, to, err);
}

int
registry_tokens_of(struct registry *r, int64_t holder_id, struct registry_token *ret, size_t *ret_n,
    struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	size_t n = 0;
	int rc;

	while ((rc = db_next(r->db,
		    "SELECT " REGISTRY_TOKEN_COLS " FROM tokens AS t WHERE t.holder = ?"
		    " AND t.state NOT IN ('lost', 'damaged', 'retired') ORDER BY t.serial",
		    DB_ARGS(DB_I(holder_id)), &st, err)) == 1)
		if (n++ == 0 && (rc = registry_token_read(st, 0, ret, err)) != 0)
			return rc;
	if (rc == 0)
		*ret_n = n;
	return rc;
}
