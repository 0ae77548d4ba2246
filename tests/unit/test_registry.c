/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the registry keep what it was told, refuse what contradicts it, and survive? */
#include "testreg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN 12345678u

static void
an_enrolment_goes_from_intent_to_active(void **state)
{
	struct testreg *t = *state;
	CLEAN(testcert_wipe) struct testcert c = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	struct registry_token tok;
	struct holder h;
	struct err err = ERR_INIT;
	int64_t work;

	testcert_make(&c, 1);
	assert_int_equal(registry_token(t->r, TOKEN, &tok, &err), ERR_ABSENT);
	assert_int_equal(testreg_begin(t, TOKEN, "Alice@example.org", false, &err), 0);
	assert_int_equal(registry_token(t->r, TOKEN, &tok, &err), 0);
	assert_int_equal(tok.state, TOKEN_PERSONALISED);
	assert_int_equal(registry_holder(t->r, "alice@EXAMPLE.org", &h, &err), 0);
	assert_string_equal(h.key, "Alice@example.org");
	assert_int_equal(tok.holder_id, h.id);
	work = testreg_work(t, TOKEN);
	assert_int_equal(registry_cert_prepared(t->r, work, c.serial, c.spki, 1, 2, &err), 0);
	assert_int_equal(registry_token_cert(t->r, TOKEN, &der, &err), ERR_ABSENT);
	assert_int_equal(registry_cert_issued(t->r, work, &c.der, &err), 0);
	assert_int_equal(registry_token(t->r, TOKEN, &tok, &err), 0);
	assert_int_equal(tok.state, TOKEN_ISSUED);
	assert_int_equal(registry_finish(t->r, work, "TLS 1.3 login", &err), 0);
	assert_int_equal(registry_token(t->r, TOKEN, &tok, &err), 0);
	assert_int_equal(tok.state, TOKEN_ACTIVE);
	assert_int_equal(registry_token_cert(t->r, TOKEN, &der, &err), 0);
	assert_true(blob_equal(&der, &c.der));
	assert_int_equal(
	    testreg_count(t, "SELECT count(*) FROM secrets WHERE state = 'current'"), 2);
	assert_int_equal(testreg_count(t, "SELECT count(flight) FROM secrets"), 0);
	assert_int_equal(registry_finish(t->r, work, "again", &err), ERR_ABSENT);
	assert_true(registry_commit_ns(t->r) > 0);
}

static void
open_work_reads_back_as_it_was_begun(void **state)
{
	struct testreg *t = *state;
	CLEAN(testcert_wipe) struct testcert c = {0};
	CLEAN(registry_work_wipe) struct registry_work w = {0};
	struct err err = ERR_INIT;

	testcert_make(&c, 1);
	assert_int_equal(registry_work_open(t->r, TOKEN, &w, &err), ERR_ABSENT);
	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	assert_int_equal(registry_work_open(t->r, TOKEN, &w, &err), 0);
	assert_string_equal(w.plan, "enroll");
	assert_string_equal(w.asked.profile, "user");
	assert_string_equal(w.asked.holder.name, "Name of alice");
	assert_int_equal(w.asked.guid[15], 0x11);
	assert_false(w.has_cert);
	assert_int_equal(registry_cert_prepared(t->r, w.id, c.serial, c.spki, 1, 2, &err), 0);
	assert_int_equal(registry_work_open(t->r, TOKEN, &w, &err), 0);
	assert_true(w.has_cert);
	assert_int_equal(w.cert.len, 0);
	assert_int_equal(registry_cert_issued(t->r, w.id, &c.der, &err), 0);
	assert_int_equal(registry_work_open(t->r, TOKEN, &w, &err), 0);
	assert_memory_equal(w.cert_serial, c.serial, sizeof(c.serial));
	assert_true(blob_equal(&w.cert, &c.der));
}

static void
a_token_has_one_open_work(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;

	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	assert_int_equal(testreg_begin(t, TOKEN, "bob", false, &err), ERR_OCCUPIED);
	assert_non_null(strstr(err.text, "12345678"));
	assert_non_null(strstr(err.text, "alice"));
	assert_non_null(strstr(err.text, "recover"));
	/* and nothing of the refused one stayed */
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM holders"), 1);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM secrets"), 2);
	/* the database itself says so, too */
	assert_int_not_equal(
	    testreg_sql(t, "INSERT INTO works (plan, token, holder, profile, guid, key_alg,"
			   " pin_policy, touch_policy, days, started) SELECT plan, token, holder,"
			   " profile, guid, key_alg, pin_policy, touch_policy, days, started"
			   " FROM works"),
	    0);
}

static void
a_second_token_must_be_wanted(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;

	testreg_enrol(t, TOKEN, "alice", 1);
	assert_int_equal(testreg_begin(t, TOKEN + 1, "ALICE", false, &err), ERR_OCCUPIED);
	assert_non_null(strstr(err.text, "12345678"));
	assert_non_null(strstr(err.text, "--additional"));
	assert_int_equal(testreg_begin(t, TOKEN + 1, "ALICE", true, &err), 0);
	assert_int_equal(testreg_begin(t, TOKEN, "carol", true, &err), ERR_OCCUPIED);
	assert_non_null(strstr(err.text, "active"));
}

static void
the_moves_of_a_token_are_these(void **state)
{
	static const char *const want[] = {
	    [TOKEN_NEW] = ".p...LDR",
	    [TOKEN_PERSONALISED] = "n.i..LDR",
	    [TOKEN_ISSUED] = "np.a.LDR",
	    [TOKEN_ACTIVE] = "....sLDR",
	    [TOKEN_SUSPENDED] = "...a.LDR",
	    [TOKEN_LOST] = "n.....DR",
	    [TOKEN_DAMAGED] = ".......R",
	    [TOKEN_RETIRED] = "n.......",
	};
	static const char letters[] = "npiasLDR";
	unsigned from, to;

	(void)state;
	for (from = 0; from < 8; from++) {
		char line[9] = "........";

		for (to = 0; to < 8; to++)
			if (registry_token_move_allowed(from, to))
				line[to] = letters[to];
		print_message("%-13s %s\n", registry_token_state_name(from), line);
		assert_string_equal(line, want[from]);
	}
	assert_false(registry_token_move_allowed(8, TOKEN_NEW));
	assert_false(registry_token_move_allowed(TOKEN_NEW, 8));
}

static void
a_step_is_recorded_once(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	int64_t work, rows;

	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	work = testreg_work(t, TOKEN);
	assert_false(registry_step_done(t->r, work, "puk"));
	assert_int_equal(registry_step(t->r, work, "puk", "set", &err), 0);
	assert_true(registry_step_done(t->r, work, "puk"));
	rows = testreg_count(t, "SELECT count(*) FROM audit");
	assert_int_equal(registry_step(t->r, work, "puk", NULL, &err), 0);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM audit"), rows);
	assert_int_equal(registry_step(t->r, work + 1, "puk", NULL, &err), ERR_ABSENT);
}

static void
a_certificate_is_the_one_that_was_prepared(void **state)
{
	struct testreg *t = *state;
	CLEAN(testcert_wipe) struct testcert a = {0};
	CLEAN(testcert_wipe) struct testcert b = {0};
	struct err err = ERR_INIT;
	int64_t work;

	testcert_make(&a, 1);
	testcert_make(&b, 2);
	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	work = testreg_work(t, TOKEN);
	assert_int_equal(registry_cert_issued(t->r, work, &a.der, &err), ERR_ABSENT);
	assert_int_equal(
	    registry_cert_prepared(t->r, work, a.serial, a.spki, 2, 2, &err), ERR_USAGE);
	assert_int_equal(registry_cert_prepared(t->r, work, a.serial, a.spki, 1, 2, &err), 0);
	assert_int_equal(registry_cert_prepared(t->r, work, a.serial, a.spki, 1, 2, &err), 0);
	assert_int_equal(
	    registry_cert_prepared(t->r, work, b.serial, b.spki, 1, 2, &err), ERR_OCCUPIED);
	assert_int_equal(registry_finish(t->r, work, "too early", &err), ERR_USAGE);
	assert_int_equal(registry_cert_issued(t->r, work, &b.der, &err), ERR_FIT);
	assert_int_equal(registry_cert_issued(t->r, work, &a.der, &err), 0);
	assert_int_equal(registry_cert_issued(t->r, work, &a.der, &err), 0);
	assert_int_equal(registry_cert_issued(t->r, work, &b.der, &err), ERR_OCCUPIED);
}

static int
take_cert(void *ctx, const struct registry_cert *cert)
{
	*(struct registry_cert *)ctx = *cert;
	return 1;
}

/* When it was revoked stays, whatever the reason turns out to be; and there is no reason 7. */
static void
a_revocation_keeps_its_date(void **state)
{
	struct testreg *t = *state;
	struct registry_revoked cert = {.was_signed = true};
	struct registry_revocation v = {
	    .token = TOKEN, .certs = &cert, .n = 1, .reason = 7, .note = "by hand"};
	struct registry_which which = {.token = TOKEN};
	struct registry_cert found = {.reason = 0};
	struct err err = ERR_INIT;

	testreg_enrol(t, TOKEN, "alice", 1);
	assert_int_equal(registry_certs(t->r, &which, take_cert, &found, &err), 1);
	memcpy(cert.serial, found.serial, sizeof(cert.serial));
	assert_int_equal(registry_revoke(t->r, &v, &err), ERR_USAGE);
	v.reason = 4;
	assert_int_equal(registry_revoke(t->r, &v, &err), 0);
	assert_int_equal(testreg_sql(t, "UPDATE certificates SET revoked = 1000"), 0);
	v.reason = 1;
	assert_int_equal(registry_revoke(t->r, &v, &err), 0);
	assert_int_equal(
	    testreg_count(t, "SELECT count(*) FROM certificates WHERE state = 'revoked'"
			     " AND reason = 1 AND revoked = 1000"),
	    1);
}

static void
a_certificate_can_be_abandoned_and_another_prepared(void **state)
{
	struct testreg *t = *state;
	CLEAN(testcert_wipe) struct testcert a = {0};
	CLEAN(testcert_wipe) struct testcert b = {0};
	CLEAN(testcert_wipe) struct testcert other_key = {0};
	struct registry_token tok;
	struct err err = ERR_INIT;
	int64_t work;

	testcert_make(&a, 1);
	testcert_make(&b, 2);
	testcert_make(&other_key, 1);
	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	work = testreg_work(t, TOKEN);
	assert_int_equal(registry_cert_abandoned(t->r, work, true, 5, &err), ERR_ABSENT);
	assert_int_equal(registry_cert_prepared(t->r, work, a.serial, a.spki, 1, 2, &err), 0);
	assert_int_equal(registry_cert_issued(t->r, work, &b.der, &err), ERR_FIT);
	assert_int_equal(registry_cert_issued(t->r, work, &other_key.der, &err), ERR_FIT);
	assert_int_equal(registry_cert_issued(t->r, work, &a.der, &err), 0);
	assert_int_equal(registry_give_up(t->r, work, "reset", &err), ERR_USAGE);
	assert_int_equal(registry_cert_abandoned(t->r, work, false, 0, &err), ERR_OCCUPIED);
	assert_int_equal(registry_cert_abandoned(t->r, work, true, 7, &err), ERR_USAGE);
	assert_int_equal(registry_cert_abandoned(t->r, work, true, 5, &err), 0);
	assert_int_equal(registry_cert_abandoned(t->r, work, true, 5, &err), 0);
	assert_int_equal(registry_token(t->r, TOKEN, &tok, &err), 0);
	assert_int_equal(tok.state, TOKEN_PERSONALISED);
	/* the number of the revoked one is used up */
	assert_int_equal(
	    registry_cert_prepared(t->r, work, a.serial, b.spki, 1, 2, &err), ERR_OCCUPIED);
	assert_int_equal(registry_cert_prepared(t->r, work, b.serial, b.spki, 1, 2, &err), 0);
	assert_int_equal(registry_cert_abandoned(t->r, work, false, 0, &err), 0);
	assert_int_equal(registry_give_up(t->r, work, "reset elsewhere", &err), 0);
	assert_int_equal(registry_token(t->r, TOKEN, &tok, &err), 0);
	assert_int_equal(tok.state, TOKEN_NEW);
	assert_int_equal(tok.holder_id, 0);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM secrets WHERE state = 'old'"), 2);
	/* and the token can be begun again, with the next versions */
	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	assert_int_equal(
	    testreg_count(t, "SELECT min(version) FROM secrets WHERE state = 'pending'"), 2);
}

static void
a_key_is_certified_for_one_token(void **state)
{
	struct testreg *t = *state;
	CLEAN(testcert_wipe) struct testcert a = {0};
	struct err err = ERR_INIT;
	uint8_t serial[REGISTRY_SERIAL_LEN] = {1};

	testcert_make(&a, 1);
	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	assert_int_equal(testreg_begin(t, TOKEN + 1, "bob", false, &err), 0);
	assert_int_equal(
	    registry_cert_prepared(t->r, testreg_work(t, TOKEN), a.serial, a.spki, 1, 2, &err), 0);
	assert_int_equal(
	    registry_cert_prepared(t->r, testreg_work(t, TOKEN + 1), serial, a.spki, 1, 2, &err),
	    ERR_OCCUPIED);
}

static int
count_rows(void *ctx, const struct registry_row *row)
{
	unsigned *n = ctx;

	++*n;
	if (row->token.serial == TOKEN) {
		assert_true(row->has_cert);
		assert_int_equal(row->cert_state, CERT_ACTIVE);
		assert_string_equal(row->holder.key, "alice");
		assert_false(row->work_open);
	} else {
		assert_true(row->work_open);
		assert_false(row->has_cert);
	}
	return 0;
}

static int
stop(void *ctx, const struct registry_row *row)
{
	(void)ctx;
	(void)row;
	return 7;
}

static void
the_list_has_every_token(void **state)
{
	struct testreg *t = *state;
	struct registry_token first = {0};
	struct holder h;
	struct err err = ERR_INIT;
	unsigned n = 0;
	size_t n_tokens = 0;

	testreg_enrol(t, TOKEN, "alice", 1);
	assert_int_equal(testreg_begin(t, TOKEN + 1, "alice", true, &err), 0);
	assert_int_equal(registry_list(t->r, 0, count_rows, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(registry_list(t->r, TOKEN, count_rows, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(registry_list(t->r, 0, stop, NULL, &err), 7);
	assert_int_equal(registry_holder(t->r, "alice", &h, &err), 0);
	assert_int_equal(registry_tokens_of(t->r, h.id, &first, &n_tokens, &err), 0);
	assert_int_equal(n_tokens, 2);
	assert_int_equal(first.serial, TOKEN);
}

static void
text_is_refused_or_kept_but_never_cut(void **state)
{
	struct testreg *t = *state;
	struct registry_work w = {
	    .plan = "enroll", .asked = {.token = TOKEN, .firmware = {5, 7, 1}}};
	struct holder h;
	struct err err = ERR_INIT;
	char longtext[10001];

	memset(longtext, 'x', sizeof(longtext) - 1);
	longtext[sizeof(longtext) - 1] = '\0';
	assert_int_equal(registry_holder(t->r, longtext, &h, &err), ERR_USAGE);
	assert_int_equal(registry_audit(t->r, "note", 0, longtext, &err), ERR_USAGE);
	memset(w.asked.holder.key, 'k', sizeof(w.asked.holder.key)); /* no NUL */
	assert_int_equal(registry_begin(t->r, &w, NULL, 0, BEGIN_FIRST, &err), ERR_USAGE);
	w.asked.holder.key[sizeof(w.asked.holder.key) - 1] = '\0';
	snprintf(w.asked.holder.name, sizeof(w.asked.holder.name),
	    "a\x1b[2Jb\n'; DROP TABLE holders; --");
	assert_int_equal(registry_begin(t->r, &w, NULL, 0, BEGIN_FIRST, &err), 0);
	assert_int_equal(registry_holder(t->r, w.asked.holder.key, &h, &err), 0);
	assert_string_equal(h.name, w.asked.holder.name);
	assert_string_equal(h.key, w.asked.holder.key);
}

/* As it comes from an option, so that each has another one. */
static void
ask(struct request *r, const struct request_field *f, unsigned i)
{
	struct request_value v = {.number = 100 + i, .data = "sixteen octets..", .len = 16};
	char text[16];

	if (f->kind == REQUEST_TEXT || f->kind == REQUEST_LINES) {
		v.len = (size_t)snprintf(text, sizeof(text), "text %u", i);
		v.data = text;
	}
	if (f->kind == REQUEST_WORD)
		v.number = 1 + i % 3;
	if (f->kind == REQUEST_NUMBER && v.number > f->max)
		v.number = f->max;
	assert_int_equal(request_put(r, f, &v, NULL), 0);
}

static void
all_of_the_table_that_works_have_comes_back(void **state)
{
	struct testreg *t = *state;
	CLEAN(registry_work_wipe) struct registry_work back = {0};
	struct registry_work w = {
	    .plan = "enroll", .asked = {.holder.key = "alice", .firmware = {5, 7, 1}}};
	const struct request_field *f;
	struct err err = ERR_INIT;
	unsigned seen = 0;
	size_t n, i;

	f = request_fields(&n);
	for (i = 0; i < n; i++)
		if (f[i].place == REQUEST_WORKS)
			ask(&w.asked, &f[i], (unsigned)i);
	assert_int_equal(registry_begin(t->r, &w, NULL, 0, BEGIN_FIRST, &err), 0);
	assert_int_equal(registry_work_open(t->r, w.asked.token, &back, &err), 0);
	for (i = 0; i < n; i++) {
		const struct request_value a = request_get(&w.asked, &f[i]);
		const struct request_value b = request_get(&back.asked, &f[i]);

		if (f[i].place != REQUEST_WORKS)
			continue;
		assert_true(a.number == b.number && a.len == b.len);
		assert_true(a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
		seen++;
	}
	assert_true(seen >= 13);
	assert_int_equal(testreg_sql(t, "UPDATE works SET pin_policy = 0, days = 4294967295"), 0);
	assert_int_equal(registry_work_open(t->r, w.asked.token, &back, &err), ERR_INTERNAL);
	assert_non_null(strstr(err.text, "days"));
}

static void
what_is_not_said_of_a_holder_again_stays(void **state)
{
	struct testreg *t = *state;
	struct registry_work w = {.plan = "enroll",
	    .asked = {.token = TOKEN,
		.holder = {.key = "alice", .name = "Alice", .email = "a@x.org", .upn = "a@corp"}}};
	struct err err = ERR_INIT;
	struct holder h;

	assert_int_equal(registry_begin(t->r, &w, NULL, 0, BEGIN_FIRST, &err), 0);
	w.asked.token = TOKEN + 1;
	w.asked.holder = (struct holder){.key = "ALICE", .name = "Alice B", .sid = "S-1-5-21"};
	assert_int_equal(registry_begin(t->r, &w, NULL, 0, BEGIN_MORE, &err), 0);
	assert_int_equal(registry_holder(t->r, "alice", &h, &err), 0);
	assert_string_equal(h.key, "alice");
	assert_string_equal(h.name, "Alice B");
	assert_string_equal(h.email, "a@x.org");
	assert_string_equal(h.upn, "a@corp");
	assert_string_equal(h.sid, "S-1-5-21");
}

#define CLAIM(f) cmocka_unit_test_setup_teardown(f, testreg_setup, testreg_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CLAIM(an_enrolment_goes_from_intent_to_active),
	    CLAIM(open_work_reads_back_as_it_was_begun),
	    CLAIM(a_token_has_one_open_work),
	    CLAIM(a_second_token_must_be_wanted),
	    cmocka_unit_test(the_moves_of_a_token_are_these),
	    CLAIM(a_step_is_recorded_once),
	    CLAIM(a_certificate_is_the_one_that_was_prepared),
	    CLAIM(a_revocation_keeps_its_date),
	    CLAIM(a_certificate_can_be_abandoned_and_another_prepared),
	    CLAIM(a_key_is_certified_for_one_token),
	    CLAIM(the_list_has_every_token),
	    CLAIM(text_is_refused_or_kept_but_never_cut),
	    CLAIM(all_of_the_table_that_works_have_comes_back),
	    CLAIM(what_is_not_said_of_a_holder_again_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
