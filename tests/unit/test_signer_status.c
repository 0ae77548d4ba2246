/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a reader beside the signer see what the log says, and does the checkpoint say what the log
 * says, whatever happens to it? */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utc.h"
#include "signer/crl.h"
#include "signer/log.h"
#include "testsigner.h"
#include "ykenroll/signer_status.h"

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static void
textp(char **s)
{
	free(*s);
}

static enum signer_status_what
ask(struct signer_status *s, const uint8_t *serial, size_t len, struct signer_status_cert *ret)
{
	struct err err = ERR_INIT;

	OK(signer_status_refresh(s, &err));
	OK(signer_status_find(s, serial, len, ret, &err));
	return ret->what;
}

static void
the_view_follows_the_signer(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_status_closep) struct signer_status *s = NULL;
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	uint8_t longer[SIGNER_SERIAL_LEN + 2] = {0};
	struct signer_status_cert c;
	struct err err = ERR_INIT;

	(void)state;
	OK(signer_status_open(home, &s, &err));
	testsigner_request(&q, KEY_P256, "alice");
	OK(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err));
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_UNKNOWN);
	OK(issue_sign(ca, &desk, 1000, p.serial, &cert, &err));
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_GOOD);
	assert_int_equal(c.not_after, p.not_after);
	OK(issue_revoke(ca, 1000, p.serial, 16, REASON_HOLD, &err));
	memcpy(longer + 2, p.serial, 16);
	assert_int_equal(ask(s, longer, 18, &c), STATUS_REVOKED);
	assert_int_equal(c.reason, REASON_HOLD);
	assert_in_range(c.revoked_at, utc_now() - 10, utc_now());
	OK(issue_revoke(ca, 1000, p.serial, 16, REASON_RELEASE, &err));
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_GOOD);
	/* other lengths of the same octets are other serials */
	assert_int_equal(ask(s, p.serial, 15, &c), STATUS_UNKNOWN);
	assert_int_equal(ask(s, p.serial, 0, &c), STATUS_UNKNOWN);
}

static void
a_ca_s_own_serial_is_none_of_the_issuing_ca(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_status_closep) struct signer_status *s = NULL;
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct signer_status_cert status;
	uint8_t serial[LOG_SERIAL_LEN];
	struct err err = ERR_INIT;
	size_t n = 0;

	(void)state;
	OK(signer_status_open(home, &s, &err));
	OK(db_query(ca->log->db, "SELECT serial FROM certs", DB_NO_ARGS, &st, &err));
	while (db_step(st, &err) == 1) {
		n++;
		OK(db_col_bytes(st, 0, serial, sizeof(serial), &err));
		assert_int_equal(ask(s, serial, sizeof(serial), &status), STATUS_UNKNOWN);
	}
	assert_int_equal(n, 2);
}

static void
what_was_not_synced_is_not_seen(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_status_closep) struct signer_status *s = NULL;
	const struct log_who who = ca_who(ca, 0);
	const struct log_cert in = {.serial = {[19] = 9}, .not_after = 1};
	struct signer_status_cert c;
	struct err err = ERR_INIT;

	(void)state;
	OK(signer_status_open(home, &s, &err));
	OK(testsigner_import(ca->log, &who, &in, &err));
	assert_int_equal(ask(s, in.serial + 19, 1, &c), STATUS_UNKNOWN);
	OK(log_sync(ca->log, &err));
	assert_int_equal(ask(s, in.serial + 19, 1, &c), STATUS_GOOD);
}

/* In the middle of a question: the signer goes on, and the next question sees it. */
static void
a_reader_that_stands_still_holds_up_nobody(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(log_closep) struct log *view = NULL;
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct db_stmt *st = NULL;
	struct log_cert c;
	struct err err = ERR_INIT;

	(void)state;
	OK(log_open_view(testsigner_path(home, CA_LOG), &view, &err));
	OK(db_query(view->db, "SELECT n FROM rows", DB_NO_ARGS, &st, &err));
	assert_int_equal(db_step(st, &err), 1);
	testsigner_issue(ca, "alice", &p, &cert);
	OK(issue_revoke(ca, 1000, p.serial, 16, REASON_SUPERSEDED, &err));
	ca_closep(&ca);
	ca = testsigner_open(home); /* another signer starts */
	assert_int_equal(log_find(view, p.serial, 16, &c, &err), ERR_ABSENT);
	db_donep(&st);
	OK(log_find(view, p.serial, 16, &c, &err));
	assert_int_equal(c.reason, REASON_SUPERSEDED);
}

static void
a_log_that_was_replaced_is_read_anew(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_status_closep) struct signer_status *s = NULL;
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct signer_status_cert c;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "sqlite3 %s/ca/issuance.db '.backup %s/old'", home, home);
	testsigner_issue(ca, "alice", &p, &cert);
	ca_closep(&ca);
	OK(signer_status_open(home, &s, &err));
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_GOOD);
	testsigner_shell(
	    0, "cd %s && rm ca/issuance.db-*; chmod 600 old && mv old ca/issuance.db", home);
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_UNKNOWN);
	testsigner_shell(0,
	    "cd %s && cp ca/issuance.db bad && sqlite3 bad 'DELETE FROM rows WHERE n = 3' && "
	    "mv bad ca/issuance.db",
	    home);
	assert_int_equal(signer_status_refresh(s, &err), ERR_CA);
}

/* ---- all of it ---- */

#define MANY 5000

static const struct log_who nobody = {.now = INT64_C(4000000000)};

/* Some of them revoked; serials of all lengths. */
static void
fill(struct log *log, uint32_t first, uint32_t n)
{
	struct log_cert in = {0};
	struct err err = ERR_INIT;
	uint32_t i, v;

	for (i = first; i < first + n; i++) {
		v = i * UINT32_C(2654435761);
		memset(&in, 0, sizeof(in));
		memcpy(in.serial + (i % 4) * 5, &v, sizeof(v));
		in.serial[19] = (uint8_t)(i & 0xff);
		in.serial[18] = (uint8_t)(i >> 8 & 0xff);
		in.not_after = INT64_C(4100000000) + i;
		in.revoked_at = i % 3 == 0 ? INT64_C(1700000000) + i : 0;
		in.reason = i % 3 == 0 ? REASON_SUPERSEDED : 0;
		OK(testsigner_import(log, &nobody, &in, &err));
	}
	OK(log_sync(log, &err));
}

static char *
log_dir(void)
{
	char *dir = testsigner_empty(), *path;

	assert_true(asprintf(&path, "%s/issuance.db", dir) > 0);
	free(dir);
	return path;
}

static void
expect_same(const char *path, struct log *log)
{
	struct log_sums sums;
	struct err err = ERR_INIT;

	OK(log_verify(path, NULL, NULL, &sums, &err));
	assert_int_equal(sums.certs, log->sums.certs);
	assert_memory_equal(&sums.at.hash, log->sums.at.hash, sizeof(sums.at.hash));
}

static void
the_tables_are_what_the_rows_amount_to(void **state)
{
	CLEAN(textp) char *path = log_dir();
	CLEAN(log_closep) struct log *log = NULL;
	struct log_cert c;
	struct err err = ERR_INIT;
	uint8_t serial[LOG_SERIAL_LEN] = {0};

	(void)state;
	OK(log_open(path, LOG_NEW, &nobody, &log, &err));
	fill(log, 0, MANY);
	expect_same(path, log);
	memcpy(serial, (uint32_t[]){2654435761u * 4}, 4);
	serial[19] = 4;
	OK(log_of_serial(log, &nobody, "revoked", serial, sizeof(serial), REASON_SUPERSEDED, &err));
	expect_same(path, log);
	log_closep(&log);

	OK(log_open(path, LOG_THERE, &nobody, &log, &err));
	assert_int_equal(log->sums.certs, MANY);
	OK(log_find(log, serial, sizeof(serial), &c, &err));
	assert_int_equal(c.reason, REASON_SUPERSEDED);
	serial[18] = 77;
	assert_int_equal(log_find(log, serial, sizeof(serial), &c, &err), ERR_ABSENT);
	/* what is there cannot come twice */
	assert_int_equal(testsigner_import(log, &nobody, &c, &err), ERR_CA);
	OK(log_sound(log, &err));
	expect_same(path, log);
}

/* A start checks the newest rows and trusts the tables; the full verification does not. */
static void
what_was_edited_is_found_by_the_full_verification(void **state)
{
	static const struct {
		const char *sql, *says;
	} edits[] = {
	    {"UPDATE rows SET text = '/CN=y' WHERE n = 5", "issuance row 5"},
	    {"UPDATE rows SET prev = hash WHERE n = 200", "issuance row 200"},
	    {"DELETE FROM rows WHERE n = 100", "issuance row 100 is missing"},
	    {"UPDATE certs SET revoked_at = 0 WHERE row = 4", "its rows"},
	    {"DELETE FROM certs WHERE row = 5", "its rows"},
	    {"INSERT INTO certs (serial, state, row) VALUES (randomblob(20), 1, 5)", "its rows"},
	    {"UPDATE sums SET stale = 0", "its rows"},
	    {"UPDATE sums SET certs = 301", "its rows"},
	    {"UPDATE sums SET issuing_number = 7", "its rows"},
	};
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		CLEAN(textp) char *path = log_dir();
		CLEAN(log_closep) struct log *log = NULL;
		struct log_sums sums;

		OK(log_open(path, LOG_NEW, &nobody, &log, &err));
		fill(log, 0, 300);
		log_closep(&log);
		OK(log_verify(path, NULL, NULL, &sums, &err));
		testsigner_shell(0, "sqlite3 %s \"%s\"", path, edits[i].sql);
		assert_int_equal(log_verify(path, NULL, NULL, &sums, &err), ERR_CA);
		if (strstr(err.text, edits[i].says) == NULL)
			fail_msg("%s: %s", edits[i].sql, err.text);
	}
}

static void
a_home_whose_path_is_too_long_is_refused(void **state)
{
	struct signer_status *s = NULL;
	struct err err = ERR_INIT;
	char home[PATH_MAX + 100];

	(void)state;
	memset(home, 'x', sizeof(home));
	home[0] = '/';
	home[sizeof(home) - 1] = '\0';
	assert_int_equal(signer_status_open(home, &s, &err), ERR_CA);
	home[PATH_MAX - 10] = '\0';
	assert_int_equal(signer_status_open(home, &s, &err), ERR_CA);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_view_follows_the_signer),
	    cmocka_unit_test(a_home_whose_path_is_too_long_is_refused),
	    cmocka_unit_test(a_ca_s_own_serial_is_none_of_the_issuing_ca),
	    cmocka_unit_test(what_was_not_synced_is_not_seen),
	    cmocka_unit_test(a_reader_that_stands_still_holds_up_nobody),
	    cmocka_unit_test(a_log_that_was_replaced_is_read_anew),
	    cmocka_unit_test(the_tables_are_what_the_rows_amount_to),
	    cmocka_unit_test(what_was_edited_is_found_by_the_full_verification),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
