/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain: a table whose rows are hashed one behind the other. hash = SHA-256 of the label, of the
 * hash of the row before (zeros before the first), and of the row's columns in their order, each
 * with its length in four octets in front, so that no two rows have the same encoding:
 *
 *	integer   8 octets, big-endian, two's complement
 *	text      its UTF-8
 *	blob      its octets
 *	NULL      nothing, and ff ff ff ff in place of the length
 *
 * Whoever can write the table can also make a new chain: what it gives is that a change shows as
 * soon as the head is known elsewhere, and that damage shows at once.
 */
#ifndef DB_CHAIN_H
#define DB_CHAIN_H

#include "db/db.h"

#define CHAIN_HASH_LEN 32

struct chain {
	const char *table;
	const char *cols;   /* "seq, at, actor": what is hashed, the row's number first; behind them
			       the table has prev and hash */
	const char *insert; /* of them, prev and hash */
	const char *kinds;  /* a letter for each of them: i, t, b */
	const char *label;  /* of this encoding: "ykenroll-audit-1" */
	const char *row, *advice; /* for messages: "audit row", "compare it with a backup" */
	/* May numbers be missing in front of the row under the cursor? NULL: never. */
	bool (*gap)(struct db_stmt *st);
};

/* A place in it: a row's number and hash. Zeros: before the first. */
struct chain_at {
	int64_t n;
	uint8_t hash[CHAIN_HASH_LEN];
};

MUST_CHECK int chain_head(
    struct db *db, const struct chain *c, struct chain_at *ret, struct err *err);

/* Inside the transaction of the change that it tells of. args: a value for each column, the first
 * is the row's number, above at's. at: the head; then the new one. */
MUST_CHECK int chain_append(struct db *db, const struct chain *c, struct chain_at *at,
    const struct db_arg *args, size_t n, struct err *err);

/* A statement that gives cols, prev, hash. where: "WHERE …", with n arguments. */
MUST_CHECK int chain_query(struct db *db, const struct chain *c, const char *where,
    const struct db_arg *args, size_t n, struct db_stmt **ret, struct err *err);
/* Does the row under the cursor follow at? Moves at to it. Errors: ERR_INTERNAL naming the row. */
MUST_CHECK int chain_row(
    struct db_stmt *st, const struct chain *c, struct chain_at *at, struct err *err);
/* The row under the cursor by itself, whatever is before it. Errors: as chain_row. */
MUST_CHECK int chain_row_alone(struct db_stmt *st, const struct chain *c, struct err *err);

/* Walk the newest rows (0: all). each, unless NULL, is called with each row after it was checked.
 * Errors: ERR_INTERNAL naming the first row that does not fit; what each returns. */
MUST_CHECK int chain_verify(struct db *db, const struct chain *c, int64_t newest,
    int (*each)(void *ctx, struct db_stmt *row, struct err *err), void *ctx, int64_t *ret_rows,
    struct err *err);

/* line is called with each row as a JSON object: its columns by their names, then prev and hash;
 * octets in lower-case hexadecimal. Nothing is checked. Errors: ERR_INTERNAL; what line returns. */
MUST_CHECK int chain_json(struct db *db, const struct chain *c,
    int (*line)(void *ctx, const char *json, struct err *err), void *ctx, struct err *err);

#endif
