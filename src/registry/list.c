/* SPDX-License-Identifier: BSD-2-Clause */
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
