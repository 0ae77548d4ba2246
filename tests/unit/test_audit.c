/* SPDX-License-Identifier: BSD-2-Clause */
/* Does every edit of the audit chain show? */
#include "testreg.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#define ROWS 120

static void
fill(struct testreg *t)
{
	struct err err = ERR_INIT;
	int i;

	for (i = 1; i < ROWS; i++)
		assert_int_equal(
		    registry_audit(t->r, "note", (uint32_t)i, "nothing much", &err), 0);
}

static void
the_chain_verifies(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	int64_t rows = 0;

	fill(t);
	assert_int_equal(registry_audit_verify(t->r, &rows, &err), 0);
	assert_int_equal(rows, ROWS);
	testreg_open(t);
}

static void
every_change_has_its_row(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	int64_t rows = 0;

	testreg_enrol(t, 1, "alice", 1);
	assert_int_equal(registry_audit_verify(t->r, &rows, &err), 0);
	assert_int_equal(rows, 5); /* init, begin, prepare, issue, finish */
	assert_int_equal(
	    testreg_count(t, "SELECT count(*) FROM audit, secrets WHERE action = 'begin' AND"
			     " instr(detail, lower(hex(sha256))) > 0"),
	    2);
}

/* In a transaction of the test's own that is always taken back. */
static void
expect_found(struct testreg *t, const char *edit, const char *undo, int row)
{
	struct err err = ERR_INIT;
	char want[32];
	int64_t rows = -1;

	assert_int_equal(testreg_sql(t, edit), 0);
	assert_int_equal(registry_audit_verify(t->r, &rows, &err), ERR_INTERNAL);
	snprintf(want, sizeof(want), "audit row %d ", row);
	if (strstr(err.text, want) == NULL)
		fail_msg("%s: %s", edit, err.text);
	assert_int_equal(rows, -1);
	assert_int_equal(testreg_sql(t, undo), 0);
	assert_int_equal(registry_audit_verify(t->r, &rows, &err), 0);
}

static void
every_edited_field_is_found(void **state)
{
	static const struct {
		const char *edit, *undo;
	} edits[] = {
	    {"at = at + 1", "at = at - 1"},
	    {"actor = actor || 'x'", "actor = substr(actor, 1, length(actor) - 1)"},
	    {"action = 'nota'", "action = 'note'"},
	    {"token = token + 1", "token = token - 1"},
	    {"detail = 'nothing Much'", "detail = 'nothing much'"},
	    /* a byte moved over the border between two fields */
	    {"action = 'noten', detail = 'othing much'",
		"action = 'note', detail = 'nothing much'"},
	    {"detail = 'nothing much' || char(0) || 'x'", "detail = 'nothing much'"},
	    {"hash = (SELECT hash FROM audit WHERE seq = 5)",
		"hash = (SELECT prev FROM audit WHERE seq = 61)"},
	};
	struct testreg *t = *state;
	char edit[256], undo[256];
	size_t i;

	fill(t);
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		snprintf(edit, sizeof(edit), "UPDATE audit SET %s WHERE seq = 60", edits[i].edit);
		snprintf(undo, sizeof(undo), "UPDATE audit SET %s WHERE seq = 60", edits[i].undo);
		expect_found(t, edit, undo, 60);
	}
}

/* Put back to an older state and used since: as many rows, and others. */
static void
a_mark_knows_rows_and_head(void **state)
{
	struct testreg *t = *state;
	struct registry_mark mark;
	struct err err = ERR_INIT;

	fill(t);
	assert_int_equal(registry_mark(t->r, &mark, &err), 0);
	assert_int_equal(registry_mark_check(t->r, &mark, "somebody", &err), 0);
	mark.head[sizeof(mark.head) - 1] ^= 1;
	assert_int_equal(registry_mark_check(t->r, &mark, "somebody", &err), ERR_INTERNAL);
	mark.head[sizeof(mark.head) - 1] ^= 1;
	mark.rows++;
	assert_int_equal(registry_mark_check(t->r, &mark, "somebody", &err), ERR_INTERNAL);
}

/* Made as the program makes it, with a hash that is right, and put before the row that follows. */
static void
a_row_in_the_place_of_another_is_found(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	int64_t rows = -1;

	assert_int_equal(registry_audit(t->r, "note", 5, "what was done", &err), 0);
	assert_int_equal(registry_audit(t->r, "note", 6, "what was done next", &err), 0);
	assert_int_equal(
	    testreg_sql(t, "CREATE TABLE kept AS SELECT * FROM audit ORDER BY seq DESC LIMIT 1;"
			   "DELETE FROM audit WHERE seq > (SELECT seq - 2 FROM kept)"),
	    0);
	assert_int_equal(registry_audit(t->r, "note", 5, "something else", &err), 0);
	assert_int_equal(
	    testreg_sql(t, "INSERT INTO audit SELECT * FROM kept; DROP TABLE kept"), 0);
	assert_int_equal(registry_audit_verify(t->r, &rows, &err), ERR_INTERNAL);
}

static void
missing_and_swapped_rows_are_found(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	int64_t rows;

	fill(t);
	expect_found(t, "UPDATE audit SET seq = 1000 WHERE seq = 7",
	    "UPDATE audit SET seq = 7 WHERE seq = 1000", 7);
	expect_found(t,
	    "UPDATE audit SET seq = 1000 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = 8;"
	    "UPDATE audit SET seq = 8 WHERE seq = 1000",
	    "UPDATE audit SET seq = 1000 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = 8;"
	    "UPDATE audit SET seq = 8 WHERE seq = 1000",
	    7);
	assert_int_equal(testreg_sql(t, "DELETE FROM audit WHERE seq = 1"), 0);
	assert_int_equal(registry_audit_verify(t->r, &rows, &err), ERR_INTERNAL);
	assert_non_null(strstr(err.text, "audit row 1 "));
}

/* The blob in this column of row 60 with one bit turned over. */
static void
flip(sqlite3 *db, const char *column, int bit)
{
	char sql[96];
	sqlite3_stmt *get = NULL, *set = NULL;
	uint8_t value[32];

	snprintf(sql, sizeof(sql), "SELECT %s FROM audit WHERE seq = 60", column);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &get, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(get), SQLITE_ROW);
	assert_int_equal(sqlite3_column_bytes(get, 0), sizeof(value));
	memcpy(value, sqlite3_column_blob(get, 0), sizeof(value));
	sqlite3_finalize(get);
	value[bit / 8] ^= (uint8_t)(1u << bit % 8);
	snprintf(sql, sizeof(sql), "UPDATE audit SET %s = ? WHERE seq = 60", column);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &set, NULL), SQLITE_OK);
	sqlite3_bind_blob(set, 1, value, sizeof(value), SQLITE_TRANSIENT);
	assert_int_equal(sqlite3_step(set), SQLITE_DONE);
	sqlite3_finalize(set);
}

static void
every_flipped_bit_of_a_hash_is_found(void **state)
{
	static const char *const columns[] = {"prev", "hash"};
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	char path[256];
	sqlite3 *db = NULL;
	int64_t rows;
	int i;

	fill(t);
	snprintf(path, sizeof(path), "%s/registry.db", t->home);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (i = 0; i < 2 * 256; i++) {
		flip(db, columns[i / 256], i % 256);
		assert_int_equal(registry_audit_verify(t->r, &rows, &err), ERR_INTERNAL);
		assert_non_null(strstr(err.text, "audit row 60 "));
		flip(db, columns[i / 256], i % 256);
	}
	assert_int_equal(registry_audit_verify(t->r, &rows, &err), 0);
	sqlite3_close(db);
}

static void
the_newest_rows_are_checked_at_open(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;

	fill(t);
	registry_closep(&t->r);
	assert_int_equal(testreg_sql(t, "UPDATE audit SET detail = '' WHERE seq = 110"), 0);
	assert_int_equal(registry_open(t->home, "test", &t->r, &err), ERR_INTERNAL);
	assert_non_null(strstr(err.text, "audit row 110 "));
	assert_int_equal(testreg_sql(t, "DELETE FROM audit"), 0);
	assert_int_equal(registry_open(t->home, "test", &t->r, &err), ERR_INTERNAL);
}

#define CLAIM(f) cmocka_unit_test_setup_teardown(f, testreg_setup, testreg_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CLAIM(the_chain_verifies),
	    CLAIM(every_change_has_its_row),
	    CLAIM(every_edited_field_is_found),
	    CLAIM(a_mark_knows_rows_and_head),
	    CLAIM(a_row_in_the_place_of_another_is_found),
	    CLAIM(missing_and_swapped_rows_are_found),
	    CLAIM(every_flipped_bit_of_a_hash_is_found),
	    CLAIM(the_newest_rows_are_checked_at_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
