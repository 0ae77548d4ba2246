/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a reader beside the signer see what the log says, and does the checkpoint say what the log
 * says, whatever happens to it? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utc.h"
#include "signer/crl.h"
#include "signer/log.h"
#include "signer/log_write.h"
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
	CLEAN(issue_desk_wipe) struct issue_desk desk = {0};
	uint8_t longer[SIGNER_SERIAL_LEN + 2] = {0};
	struct signer_status_cert c;
	struct err err = ERR_INIT;

	(void)state;
	OK(signer_status_open(home, &s, &err));
	testsigner_request(&q, KEY_P256, "alice");
	OK(issue_prepare(ca, &desk, &q.r, &p, &err));
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_UNKNOWN);
	OK(issue_sign(ca, &desk, 1000, p.serial, &cert, &err));
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_GOOD);
	assert_int_equal(c.not_after, p.not_after);
	OK(issue_revoke(ca, 1000, p.serial, 16, REASON_HOLD, &err));
	memcpy(longer + 2, p.serial, 16);
	assert_int_equal(ask(s, longer, 18, &c), STATUS_REVOKED);
	assert_int_equal(c.reason, REASON_HOLD);
	assert_in_range(c.revoked_at, utc_now() - 10, utc_now());
	OK(issue_release(ca, 1000, p.serial, 16, &err));
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
	CLEAN(log_walk_end) struct log_walk walk = {0};
	struct signer_status_cert status;
	struct err err = ERR_INIT;
	struct log_cert c;
	size_t n = 0;

	(void)state;
	OK(signer_status_open(home, &s, &err));
	OK(log_walk_begin(ca->log, &walk, &err));
	while (log_walk_next(&walk, &c, &err) == 1) {
		n++;
		assert_int_equal(ask(s, c.serial, sizeof(c.serial), &status), STATUS_UNKNOWN);
	}
	assert_int_equal(n, 2);
}

static void
a_line_that_is_being_written_is_left_alone(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = NULL;
	CLEAN(signer_status_closep) struct signer_status *s = NULL;
	struct signer_prepared p = {0};
	struct blob cert = {0};
	struct signer_status_cert c;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "printf '{\"n\":7,\"ti' >> %s/ca/issuance.log", home);
	OK(signer_status_open(home, &s, &err));
	OK(signer_status_refresh(s, &err));
	testsigner_shell(0, "tail -c 10 %s/ca/issuance.log | grep -qx '{\"n\":7,\"ti'", home);
	ca = testsigner_open(home); /* cuts it off */
	testsigner_issue(ca, "alice", &p, &cert);
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_GOOD);
	signer_prepared_wipe(&p);
	blob_wipe(&cert);
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
	testsigner_shell(0, "cp -p %s/ca/issuance.log %s/old", home, home);
	testsigner_issue(ca, "alice", &p, &cert);
	OK(signer_status_open(home, &s, &err));
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_GOOD);
	testsigner_shell(0, "mv %s/old %s/ca/issuance.log", home, home);
	assert_int_equal(ask(s, p.serial, 16, &c), STATUS_UNKNOWN);
	testsigner_shell(0, "sed -i 3d %s/ca/issuance.log", home);
	assert_int_equal(signer_status_refresh(s, &err), ERR_CA);
}

/* ---- the checkpoint ---- */

#define MANY 5000

static const struct log_who nobody = {.now = INT64_C(4000000000)};

/* Some of them revoked; serials of all lengths. */
static void
fill(struct log *log, uint32_t first, uint32_t n)
{
	struct log_imported in = {.subject = "/CN=x"};
	struct err err = ERR_INIT;
	uint32_t i, v;

	for (i = first; i < first + n; i++) {
		v = i * UINT32_C(2654435761);
		memset(&in.cert, 0, sizeof(in.cert));
		memcpy(in.cert.serial + (i % 4) * 5, &v, sizeof(v));
		in.cert.serial[19] = (uint8_t)(i & 0xff);
		in.cert.serial[18] = (uint8_t)(i >> 8 & 0xff);
		in.cert.not_after = INT64_C(4100000000) + i;
		in.cert.revoked_at = i % 3 == 0 ? INT64_C(1700000000) + i : 0;
		in.cert.reason = i % 3 == 0 ? REASON_SUPERSEDED : 0;
		OK(log_import(log, &nobody, &in, &err));
	}
	OK(log_sync(log, &err));
}

static char *
log_dir(void)
{
	char *dir = testsigner_empty(), *path;

	assert_true(asprintf(&path, "%s/issuance.log", dir) > 0);
	free(dir);
	return path;
}

static void
expect_same(const char *path, struct log *log)
{
	struct log_sums sums;
	struct err err = ERR_INIT;

	OK(log_verify(path, &sums, &err));
	assert_int_equal(sums.certs, log->sums.certs);
	assert_memory_equal(sums.head, log->sums.head, sizeof(sums.head));
}

static void
a_start_reads_only_what_the_checkpoint_has_not(void **state)
{
	CLEAN(textp) char *path = log_dir();
	CLEAN(log_closep) struct log *log = NULL;
	struct log_cert c;
	struct err err = ERR_INIT;
	uint8_t serial[LOG_SERIAL_LEN] = {0};

	(void)state;
	OK(log_open(path, true, &nobody, &log, &err));
	fill(log, 0, MANY);
	assert_int_equal(log->base.fd, -1);
	expect_same(path, log);
	OK(log_settle(log, &err));
	assert_int_equal(log->n, 0);
	expect_same(path, log);
	fill(log, MANY, 10);
	/* changed after the checkpoint: the newer one counts */
	memcpy(serial, (uint32_t[]){2654435761u * 4}, 4);
	serial[19] = 4;
	OK(log_revoked(log, &nobody, serial, sizeof(serial), REASON_SUPERSEDED, &err));
	expect_same(path, log);
	log_closep(&log);

	OK(log_open(path, false, &nobody, &log, &err));
	assert_int_equal(log->base.n, MANY);
	assert_int_equal(log->n, 11);
	assert_int_equal(log->sums.certs, MANY + 10);
	OK(log_find(log, serial, sizeof(serial), &c, &err));
	assert_int_equal(c.reason, REASON_SUPERSEDED);
	serial[18] = 77;
	assert_int_equal(log_find(log, serial, sizeof(serial), &c, &err), ERR_ABSENT);
	/* what is there cannot come twice, wherever it is */
	{
		struct log_imported in = {.cert = c, .subject = ""};

		assert_int_equal(log_import(log, &nobody, &in, &err), ERR_CA);
	}
	expect_same(path, log);
}

/* Whatever was done to it: the log says the same as before. */
static void
a_checkpoint_that_does_not_fit_is_not_used(void **state)
{
	static const char *const damage[] = {
	    "truncate -s -1 issuance.state",
	    ": > issuance.state",
	    "printf x | dd of=issuance.state bs=1 seek=100 conv=notrunc 2>/dev/null",
	    "printf x | dd of=issuance.state bs=1 seek=9000 conv=notrunc 2>/dev/null",
	    "chmod 644 issuance.state",
	    "rm issuance.state; ln -s other.state issuance.state",
	    "cp other.state issuance.state",
	    "rm issuance.state; mkdir issuance.state; rmdir issuance.state",
	    "rm issuance.state; mkfifo issuance.state",
	};
	CLEAN(textp) char *path = log_dir();
	CLEAN(textp) char *other = log_dir();
	CLEAN(log_closep) struct log *log = NULL;
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	OK(log_open(other, true, &nobody, &log, &err));
	fill(log, 7, 300);
	OK(log_settle(log, &err));
	log_closep(&log);
	OK(log_open(path, true, &nobody, &log, &err));
	fill(log, 0, 300);
	OK(log_settle(log, &err));
	log_closep(&log);
	testsigner_shell(0,
	    "d=$(dirname %s) && cp -p $(dirname %s)/issuance.state $d/other.state && "
	    "cp -p $d/issuance.state $d/good.state",
	    path, other);
	for (i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		testsigner_shell(0,
		    "cd $(dirname %s) && rm -f issuance.state && "
		    "cp -p good.state issuance.state && %s",
		    path, damage[i]);
		OK(log_open(path, false, &nobody, &log, &err));
		assert_int_equal(log->base.fd, -1);
		assert_int_equal(log->sums.certs, 300);
		OK(log_settle(log, &err)); /* replaces it */
		expect_same(path, log);
		log_closep(&log);
	}
	/* and a log that is another one than the checkpoint's is not taken for it */
	testsigner_shell(0,
	    "cd $(dirname %s) && head -200 issuance.log > short && "
	    "chmod 600 short && mv short issuance.log",
	    path);
	OK(log_open(path, false, &nobody, &log, &err));
	assert_int_equal(log->base.fd, -1);
	assert_int_equal(log->sums.certs, 200);
}

/* A start trusts the lines before the checkpoint; the full verification does not. */
static void
an_old_line_that_was_edited_is_found_by_the_full_verification(void **state)
{
	CLEAN(textp) char *path = log_dir();
	CLEAN(log_closep) struct log *log = NULL;
	struct log_sums sums;
	struct err err = ERR_INIT;

	(void)state;
	OK(log_open(path, true, &nobody, &log, &err));
	fill(log, 0, 300);
	OK(log_settle(log, &err));
	log_closep(&log);
	testsigner_shell(0, "sed -i '5s/CN=x/CN=y/' %s", path);
	assert_int_equal(log_verify(path, &sums, &err), ERR_CA);
	assert_non_null(strstr(err.text, "line 6"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_view_follows_the_signer),
	    cmocka_unit_test(a_ca_s_own_serial_is_none_of_the_issuing_ca),
	    cmocka_unit_test(a_line_that_is_being_written_is_left_alone),
	    cmocka_unit_test(a_log_that_was_replaced_is_read_anew),
	    cmocka_unit_test(a_start_reads_only_what_the_checkpoint_has_not),
	    cmocka_unit_test(a_checkpoint_that_does_not_fit_is_not_used),
	    cmocka_unit_test(an_old_line_that_was_edited_is_found_by_the_full_verification),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
