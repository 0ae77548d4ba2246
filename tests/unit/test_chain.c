/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is any byte of a chain of 1,000 rows that is changed found, any row that is deleted, any two that
 * are swapped, and any cut before the last signed head? FULL=1: 5,000 bytes instead of 400.
 */
#include "testreg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define ROWS 1000

static unsigned
samples(unsigned quick, unsigned full)
{
	return getenv("FULL") != NULL ? full : quick;
}

/* The same ones each time: a failure can be looked at. */
static unsigned
pick(unsigned n)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (unsigned)(x % n);
}

static sqlite3 *
open_db(const struct testreg *t)
{
	char path[256];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/registry.db", t->home);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void
fill(struct testreg *t)
{
	struct err err = ERR_INIT;
	int i;

	for (i = 1; i < ROWS; i++)
		assert_int_equal(
		    registry_audit(t->r, "note", (uint32_t)i, "something that was done", &err), 0);
}

static bool
found(struct testreg *t)
{
	struct err err = ERR_INIT;
	int64_t rows;

	return registry_audit_verify(t->r, &rows, &err) == ERR_INTERNAL;
}

static const char *const columns[] = {
    "seq", "at", "actor", "action", "token", "detail", "prev", "hash"};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* One bit of one byte of the value under the cursor, as the same type. */
static void
bind_flipped(sqlite3_stmt *get, sqlite3_stmt *set)
{
	uint8_t value[256];
	const int type = sqlite3_column_type(get, 0);
	const int len = sqlite3_column_bytes(get, 0);
	int64_t n;

	if (type == SQLITE_INTEGER) {
		n = sqlite3_column_int64(get, 0) ^ (int64_t)(UINT64_C(1) << pick(63));
		sqlite3_bind_int64(set, 1, n);
		return;
	}
	assert_true(len > 0 && len <= (int)sizeof(value));
	memcpy(value, sqlite3_column_blob(get, 0), (size_t)len);
	value[pick((unsigned)len)] ^= (uint8_t)(1u << pick(8));
	if (type == SQLITE_TEXT)
		sqlite3_bind_text(set, 1, (char *)value, len, SQLITE_TRANSIENT);
	else
		sqlite3_bind_blob(set, 1, value, len, SQLITE_TRANSIENT);
}

/* True: SQLite took the edit. It is undone by the rollback of the savepoint's copy: the row is put
 * back whole. */
static bool
flip(struct testreg *t, sqlite3 *db, const char *column, unsigned row, unsigned *found_n)
{
	char sql[160];
	sqlite3_stmt *get = NULL, *set = NULL;
	bool taken;

	snprintf(sql, sizeof(sql),
	    "DELETE FROM temp.kept; INSERT INTO temp.kept SELECT * FROM audit WHERE seq = %u", row);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	snprintf(sql, sizeof(sql), "SELECT %s FROM temp.kept", column);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &get, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(get), SQLITE_ROW);
	snprintf(sql, sizeof(sql), "UPDATE audit SET %s = ? WHERE seq = %u", column, row);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &set, NULL), SQLITE_OK);
	bind_flipped(get, set);
	taken = sqlite3_step(set) == SQLITE_DONE;
	sqlite3_finalize(set);
	sqlite3_finalize(get);
	if (taken) {
		*found_n += found(t);
		assert_int_equal(
		    sqlite3_exec(db,
			"DELETE FROM audit WHERE hash NOT IN (SELECT hash FROM temp.every) OR"
			" seq IN (SELECT seq FROM temp.kept) OR"
			" seq NOT IN (SELECT seq FROM temp.every);"
			"INSERT INTO audit SELECT * FROM temp.kept",
			NULL, NULL, NULL),
		    SQLITE_OK);
	}
	return taken;
}

static void
every_changed_byte_is_found(void **state)
{
	struct testreg *t = *state;
	sqlite3 *db;
	const unsigned n = samples(400, 5000);
	unsigned i, taken = 0, found_n = 0;

	fill(t);
	db = open_db(t);
	assert_int_equal(sqlite3_exec(db,
			     "CREATE TEMP TABLE kept AS SELECT * FROM audit LIMIT 0;"
			     "CREATE TEMP TABLE every AS SELECT * FROM audit",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	for (i = 0; i < n; i++)
		taken += flip(t, db, columns[i % COLUMNS], 1 + pick(ROWS), &found_n);
	assert_false(found(t));
	sqlite3_close(db);
	print_message("%u bits flipped in %d rows: SQLite refused %u, %u of %u found\n", n, ROWS,
	    n - taken, found_n, taken);
	assert_int_equal(found_n, taken);
	assert_true(taken > n * 9 / 10);
}

/* Edited in a transaction that only this test's handle sees would not be seen by the registry:
 * committed, looked at, and put back. */
static void
expect(struct testreg *t, sqlite3 *db, const char *edit, const char *undo)
{
	assert_int_equal(sqlite3_exec(db, edit, NULL, NULL, NULL), SQLITE_OK);
	if (!found(t))
		fail_msg("not found: %s", edit);
	assert_int_equal(sqlite3_exec(db, undo, NULL, NULL, NULL), SQLITE_OK);
}

static void
deleted_and_swapped_rows_are_found(void **state)
{
	struct testreg *t = *state;
	const unsigned n = samples(100, ROWS - 1);
	char edit[256], undo[256];
	unsigned i, row, other;
	sqlite3 *db;

	fill(t);
	db = open_db(t);
	assert_int_equal(
	    sqlite3_exec(db, "CREATE TEMP TABLE every AS SELECT * FROM audit", NULL, NULL, NULL),
	    SQLITE_OK);
	for (i = 0; i < n; i++) {
		row = 1 + (i * 9973u) % (ROWS - 1);
		snprintf(edit, sizeof(edit), "DELETE FROM audit WHERE seq = %u", row);
		snprintf(undo, sizeof(undo),
		    "INSERT INTO audit SELECT * FROM temp.every WHERE seq = %u", row);
		expect(t, db, edit, undo);
		other = 1 + (row + pick(ROWS - 2)) % (ROWS - 1);
		if (other == row)
			continue;
		snprintf(edit, sizeof(edit),
		    "UPDATE audit SET seq = 5000 WHERE seq = %u; UPDATE audit SET seq = %u WHERE "
		    "seq = %u; UPDATE audit SET seq = %u WHERE seq = 5000",
		    row, row, other, other);
		expect(t, db, edit, edit);
	}
	assert_false(found(t));
	sqlite3_close(db);
	print_message("%u rows deleted, and swapped: all found\n", n);
}

/* What the chain alone cannot tell: its end was cut off, or it was made anew. */
static void
a_cut_before_the_signed_head_is_found(void **state)
{
	struct testreg *t = *state;
	const unsigned n = samples(50, ROWS - 1);
	struct registry_mark mark = {0}, other;
	struct err err = ERR_INIT;
	char sql[128];
	unsigned i, row;
	int64_t rows;
	sqlite3 *db;

	fill(t);
	assert_int_equal(registry_mark(t->r, &mark, &err), 0);
	assert_int_equal(mark.rows, ROWS);
	assert_int_equal(registry_mark_check(t->r, &mark, "the test", &err), 0);
	/* rows behind it are nobody's loss */
	assert_int_equal(registry_audit(t->r, "note", 0, "later", &err), 0);
	assert_int_equal(registry_mark_check(t->r, &mark, "the test", &err), 0);
	other = mark;
	other.head[31] ^= 1;
	assert_int_equal(registry_mark_check(t->r, &other, "the test", &err), ERR_INTERNAL);
	assert_non_null(strstr(err.text, "the test"));
	db = open_db(t);
	for (i = 0; i < n; i++) { /* from the end on: cut after cut */
		row = ROWS - i * (ROWS - 1) / n;
		snprintf(sql, sizeof(sql), "DELETE FROM audit WHERE seq >= %u", row);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		if (row > 1)
			assert_int_equal(registry_audit_verify(t->r, &rows, &err), 0);
		assert_int_equal(registry_mark_check(t->r, &mark, "the test", &err), ERR_INTERNAL);
		assert_non_null(strstr(err.text, "the test"));
	}
	sqlite3_close(db);
	print_message("%u cuts: all found by the mark, none by the chain\n", n);
}

#define CLAIM(f) cmocka_unit_test_setup_teardown(f, testreg_setup, testreg_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CLAIM(every_changed_byte_is_found),
	    CLAIM(deleted_and_swapped_rows_are_found),
	    CLAIM(a_cut_before_the_signed_head_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
