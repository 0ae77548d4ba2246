/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the issuance log know every signature, whatever happens to the process and to the file, and
 * do the CRLs say what it says? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/crl.h"
#include "testlog.h"
#include "testsigner.h"

#define DAY 86400

static void
textp(char **s)
{
	free(*s);
}

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static int64_t clock_offset;

static int64_t
shifted_now(void)
{
	return utc_now() + clock_offset;
}

static int
stuck(void *to, size_t len)
{
	memset(to, 0x55, len);
	return 0;
}

enum then { WORK, FAIL, DIE, LIE }; /* LIE: sign something else */

struct counting {
	struct key *real;
	int calls;
	enum then then;
};

static int
counting_sign(
    void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *len, struct err *err)
{
	struct counting *c = ctx;
	CLEAN(pkey_ctx_freep) EVP_PKEY_CTX *p = EVP_PKEY_CTX_new(key_evp(c->real), NULL);

	c->calls++;
	if (c->then == DIE)
		_exit(99);
	if (c->then == FAIL)
		return err_set(err, ERR_INTERNAL, "the HSM is gone");
	assert_int_equal(EVP_PKEY_sign_init(p), 1);
	in_len -= c->then == LIE;
	return EVP_PKEY_sign(p, sig, len, in, in_len) == 1 ? 0 : ERR_INTERNAL;
}

/* Put a key before the CA's own that counts. */
static void
count_signatures(struct ca *ca, struct counting *c)
{
	static const struct key_ops ops = {.sign = counting_sign};
	CLEAN(blob_wipe) struct blob spki = {0};

	*c = (struct counting){.real = ca->key};
	assert_int_equal(key_spki(ca->key, &spki, NULL), 0);
	assert_int_equal(key_extern(spki.data, spki.len, &ops, c, &ca->key, NULL), 0);
}

static void
no_signature_is_outside_the_log(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct counting key;
	struct testlog before = testlog_audit(testsigner_path(home, CA_LOG)), after;
	struct err err = ERR_INIT;
	int i;

	(void)state;
	assert_int_equal(before.signatures, 4); /* two CAs, two CRLs */
	count_signatures(ca, &key);
	for (i = 0; i < 5; i++) {
		CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
		CLEAN(blob_wipe) struct blob cert = {0};

		testsigner_issue(ca, "alice", &p, &cert);
		OK(issue_revoke(ca, 1000, p.serial, 16, REASON_SUPERSEDED, &err));
	}
	after = testlog_audit(testsigner_path(home, CA_LOG));
	assert_int_equal(key.calls, 10);
	assert_int_equal(after.signatures - before.signatures, key.calls);
	assert_int_equal(after.intents - before.intents, key.calls);
	ca_closep(&ca);
	key_freep(&key.real);
}

static void
expect_abandoned(const char *home, size_t entries)
{
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct crl_info crl;
	struct err err = ERR_INIT;

	OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
	assert_int_equal(crl.entries, entries);
	assert_int_equal(ca->log->sums.open, 0);
	testsigner_shell(0,
	    "sqlite3 %s/ca/issuance.db \"SELECT count(*) FROM rows WHERE what = 'abandoned'\" | "
	    "grep -qx %zu",
	    home, entries);
	testsigner_shell(0,
	    "openssl crl -in %s/pub/issuing.crl -noout -text | grep -q 'Serial Number: 55'", home);
	testlog_audit(testsigner_path(home, CA_LOG));
}

static void
a_crash_between_intent_and_signature_puts_the_serial_on_the_list(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct ca *ca = testsigner_open(home);
		struct counting key;
		struct signer_prepared p = {0};
		struct blob cert = {0};

		ca->random = stuck;
		count_signatures(ca, &key);
		key.then = DIE;
		testsigner_issue(ca, "alice", &p, &cert);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 99);
	expect_abandoned(home, 1);
	expect_abandoned(home, 1);
}

static void
use_key_that(enum then then)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct counting key;
	struct err err = ERR_INIT;

	ca->random = stuck;
	count_signatures(ca, &key);
	testsigner_request(&q, KEY_P256, "alice");
	OK(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err));
	key.then = then;
	assert_int_not_equal(issue_sign(ca, &desk, 1000, p.serial, &cert, &err), 0);
	assert_true(then == LIE || strstr(err.text, "the HSM is gone") != NULL);
	assert_int_equal(cert.len, 0);
	assert_int_equal(issue_find(ca, p.serial, &cert, NULL, &err), ERR_ABSENT);
	assert_int_equal(issue_sign(ca, &desk, 1000, p.serial, &cert, &err), ERR_ABSENT);
	ca_closep(&ca);
	key_freep(&key.real);
	expect_abandoned(home, 1);
}

static void
a_key_that_fails_puts_the_serial_on_the_list(void **state)
{
	(void)state;
	use_key_that(FAIL);
}

static void
a_signature_of_something_else_is_none(void **state)
{
	(void)state;
	use_key_that(LIE);
}

static rlim_t
wal_size(const char *home)
{
	struct stat st;

	return stat(testsigner_path(home, CA_LOG "-wal"), &st) == 0 ? (rlim_t)st.st_size : 0;
}

/* A file that may not grow is a disk that is full: half of the transaction is written. */
static void
after_a_failed_write_nothing_more_is_signed(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct counting key;
	struct rlimit old, small;
	struct err err = ERR_INIT;

	(void)state;
	count_signatures(ca, &key);
	testsigner_request(&q, KEY_P256, "alice");
	OK(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){.rlim_cur = wal_size(home) + 5000, .rlim_max = old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(issue_sign(ca, &desk, 1000, p.serial, &cert, &err), ERR_INTERNAL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(key.calls, 0);
	signer_prepared_wipe(&p);
	assert_int_equal(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err), ERR_CA);
	assert_int_equal(crl_renew(ca, 0, true, &err), ERR_CA);
	assert_int_equal(key.calls, 0);
	ca_closep(&ca);
	key_freep(&key.real);
	ca = testsigner_open(home); /* what was written of it does not count */
	testlog_audit(testsigner_path(home, CA_LOG));
}

/* Can it be opened after what the shell did to the log? */
static int
open_after(const char *what)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct err err = ERR_INIT;
	int rc;

	testsigner_issue(ca, "alice", &p, &cert);
	ca_closep(&ca);
	testsigner_shell(0, "cd %s/ca && %s", home, what);
	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	rc = ca_open(home, pass, 0, &ca, &err);
	if (rc == 0)
		testlog_audit(testsigner_path(home, CA_LOG));
	return rc;
}

#define SQL(text) "sqlite3 issuance.db \"" text "\""

static void
a_log_that_was_tampered_with_is_refused(void **state)
{
	static const char *const what[] = {
	    SQL("UPDATE rows SET at = at - 1 WHERE n = 2"),
	    SQL("UPDATE rows SET data = NULL WHERE n = 2"),
	    SQL("UPDATE rows SET what = 'signeD' WHERE n = (SELECT max(n) FROM rows)"),
	    SQL("UPDATE rows SET number = 1 WHERE n = 3"),
	    SQL("DELETE FROM rows WHERE n = 3"),
	    SQL("DELETE FROM rows"),
	    SQL("DELETE FROM rows WHERE n = 1"),
	    SQL("UPDATE rows SET n = n + 100 WHERE n IN (3, 4); UPDATE rows SET n = 107 - n WHERE n > 100"),
	    SQL("INSERT INTO rows SELECT n + 100, at, peer, what, ca, serial, number, not_after, "
		"revoked, text, digest, data, audit_rows, audit_head, prev, hash FROM rows WHERE n = 4"),
	    SQL("DELETE FROM sums"),
	    SQL("DROP TABLE certs"),
	    SQL("PRAGMA user_version = 99"),
	    SQL("PRAGMA user_version = 0"),
	    ": > issuance.db",
	    "rm issuance.db",
	    "chmod 644 issuance.db",
	    "mv issuance.db x; ln -s x issuance.db",
	    "printf x | dd of=issuance.db bs=1 seek=2 conv=notrunc 2>/dev/null",
	    "head -c 60000 /dev/zero | tr '\\0' x > issuance.db",
	};
	size_t i;

	(void)state;
	assert_int_equal(open_after("true"), 0);
	for (i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		if (open_after(what[i]) != ERR_CA)
			fail_msg("opens after: %s", what[i]);
}

static void
a_log_from_a_backup_is_refused_when_a_newer_crl_is_out(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "sqlite3 %s/ca/issuance.db '.backup %s/backup'", home, home);
	OK(crl_renew(ca, 0, true, &err));
	ca_closep(&ca);
	testsigner_shell(0, "cp %s/backup %s/ca/issuance.db", home, home);
	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	assert_int_equal(ca_open(home, pass, 0, &ca, &err), ERR_CA);
	assert_non_null(strstr(err.text, "backup"));
}

static void
a_clock_behind_the_log_is_refused(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	ca->now = shifted_now;
	clock_offset = -200;
	OK(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err));
	OK(crl_renew(ca, 0, true, &err));
	clock_offset = -1000;
	assert_int_equal(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err), ERR_CA);
	assert_non_null(strstr(err.text, "clock"));
	assert_int_equal(crl_renew(ca, 0, true, &err), ERR_CA);
	clock_offset = 0;
	testlog_audit(testsigner_path(home, CA_LOG));
}

/* ---- CRLs ---- */

static void
the_crl_is_renewed_at_half_its_life_and_its_number_rises(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct crl_info crl;
	struct err err = ERR_INIT;

	(void)state;
	ca->listens = true; /* seven days */
	ca->now = shifted_now;
	clock_offset = 3 * DAY;
	OK(crl_renew(ca, 0, false, &err));
	OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
	assert_int_equal(crl.number, 1);
	clock_offset = 4 * DAY;
	OK(crl_renew(ca, 0, false, &err));
	OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
	assert_int_equal(crl.number, 2);
	assert_in_range(crl.next_update - utc_now(), 11 * DAY - 60, 11 * DAY);
	OK(crl_read(ca->crl[1].data, ca->crl[1].len, &crl, &err));
	assert_in_range(crl.next_update - utc_now(), 395 * DAY - 60, 395 * DAY);
	clock_offset = 0;
}

static void
a_crl_that_was_lost_or_could_not_be_published_is_made_again(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = NULL;
	struct crl_info crl;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "echo junk > %s/pub/issuing.crl", home);
	ca = testsigner_open(home);
	OK(crl_renew(ca, 0, false, &err));
	testsigner_shell(0, "mv %s/pub %s/pub2", home, home);
	assert_int_equal(crl_renew(ca, 0, true, &err), ERR_INTERNAL);
	testsigner_shell(0, "mv %s/pub2 %s/pub", home, home);
	OK(crl_renew(ca, 0, false, &err));
	OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
	assert_int_equal(crl.number, 4);
	testsigner_shell(
	    0, "openssl crl -in %s/pub/issuing.crl -noout -crlnumber | grep -q =0x04", home);
}

static void
an_expired_certificate_leaves_the_crl_after_a_while(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct crl_info crl;
	struct err err = ERR_INIT;
	const struct {
		int day;
		size_t entries;
	} at[] = {{0, 1}, {364, 1}, {370, 1}, {390, 0}};
	size_t i;

	(void)state;
	ca->listens = true; /* seven days */
	testsigner_issue(ca, "alice", &p, &cert);
	OK(issue_revoke(ca, 1000, p.serial, 16, REASON_KEY_COMPROMISE, &err));
	ca->now = shifted_now;
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		clock_offset = at[i].day * DAY;
		OK(crl_renew(ca, 0, true, &err));
		OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
		assert_int_equal(crl.entries, at[i].entries);
	}
	clock_offset = 0;
}

/* "Revoked" without an entry would be a lie: the CRL is read back, whoever asks. */
static void
nothing_is_revoked_that_the_signed_crl_does_not_list(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0}, q = {0};
	CLEAN(blob_wipe) struct blob one = {0}, two = {0};
	struct log_cert c;
	struct err err = ERR_INIT;
	bool listed = false;

	(void)state;
	ca->listens = true; /* seven days */
	testsigner_issue(ca, "alice", &p, &one);
	testsigner_issue(ca, "bob", &q, &two);
	OK(issue_revoke(ca, 1000, q.serial, 16, REASON_KEY_COMPROMISE, &err));
	OK(crl_shows(ca, 1000, false, q.serial, 16, &listed, &err));
	assert_true(listed);
	/* expired long ago: no CRL would have it, and nothing is logged */
	ca->now = shifted_now;
	clock_offset = 400 * DAY;
	assert_int_equal(issue_revoke(ca, 1000, p.serial, 16, REASON_KEY_COMPROMISE, &err), ERR_CA);
	assert_non_null(strstr(err.text, "expired at"));
	OK(log_find(ca->log, p.serial, 16, &c, &err));
	assert_int_equal(c.revoked_at, 0);
	assert_int_equal(issue_revoke(ca, 1000, q.serial, 16, REASON_KEY_COMPROMISE, &err), ERR_CA);
	clock_offset = 0;
	/* what lies in pub/ counts, not what was meant to */
	testsigner_shell(0, "cd %s && sed -i 5d pub/issuing.crl", home);
	assert_int_equal(issue_revoke(ca, 1000, q.serial, 16, REASON_KEY_COMPROMISE, &err), ERR_CA);
	assert_non_null(strstr(err.text, "ykenroll ca crl"));
	OK(crl_renew(ca, 1000, true, &err));
	OK(issue_revoke(ca, 1000, q.serial, 16, REASON_KEY_COMPROMISE, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_signature_is_outside_the_log),
	    cmocka_unit_test(a_crash_between_intent_and_signature_puts_the_serial_on_the_list),
	    cmocka_unit_test(a_key_that_fails_puts_the_serial_on_the_list),
	    cmocka_unit_test(a_signature_of_something_else_is_none),
	    cmocka_unit_test(after_a_failed_write_nothing_more_is_signed),
	    cmocka_unit_test(a_log_that_was_tampered_with_is_refused),
	    cmocka_unit_test(a_log_from_a_backup_is_refused_when_a_newer_crl_is_out),
	    cmocka_unit_test(a_clock_behind_the_log_is_refused),
	    cmocka_unit_test(the_crl_is_renewed_at_half_its_life_and_its_number_rises),
	    cmocka_unit_test(a_crl_that_was_lost_or_could_not_be_published_is_made_again),
	    cmocka_unit_test(an_expired_certificate_leaves_the_crl_after_a_while),
	    cmocka_unit_test(nothing_is_revoked_that_the_signed_crl_does_not_list),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
