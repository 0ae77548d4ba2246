/* SPDX-License-Identifier: BSD-2-Clause */
/* Can a certificate come into being that was given up meanwhile? Two desks at one home: one is
 * between prepare and sign, the other takes the token back. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/utc.h"
#include "signer/process.h"
#include "testreg.h"
#include "testsigner.h"
#include "ykenroll/relying_publish.h"
#include "ykenroll/workflow.h"

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static struct err err;

struct both {
	struct testreg reg; /* of the desk that enrols */
	pid_t child;
	struct signer *first, *second; /* its connection, and the other desk's */
	struct testsigner_request q;
	struct signer_prepared p;
	int64_t work;
};

static int
get_pass(void *ctx, const char *what, struct secret *ret, struct err *e)
{
	(void)ctx;
	(void)what;
	return secret_set(ret, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), e);
}

static void
start(struct both *b)
{
	const struct signer_pass pass = {.get = get_pass};
	const struct signer_serve serve = {.home = b->reg.home, .pass = &pass, .fd = -1};
	const struct signer_open how = {.home = b->reg.home};
	int fd = -1, i;

	assert_true((b->child = fork()) >= 0);
	if (b->child == 0)
		_exit(signer_serve(&serve, NULL) == 0 ? 0 : 1);
	for (i = 0; i < 500 && fd < 0; i++) {
		OK(process_connect(testsigner_path(b->reg.home, PROCESS_SOCKET), &fd, &err));
		if (fd < 0)
			usleep(10000);
	}
	close(fd);
	OK(signer_open(&how, &b->first, &err));
	OK(signer_open(&how, &b->second, &err));
}

static void
stop(struct both *b)
{
	int status;

	signer_closep(&b->first);
	signer_closep(&b->second);
	assert_int_equal(kill(b->child, SIGKILL), 0);
	assert_int_equal(waitpid(b->child, &status, 0), b->child);
}

/* As far as the desk that enrols is before it asks for the signature. */
static void
prepare(struct both *b)
{
	static const uint8_t spki[32] = {7};

	testsigner_request(&b->q, KEY_P256, "Alice");
	OK(signer_prepare(b->first, &b->q.r, &b->p, &err));
	OK(registry_cert_prepared(
	    b->reg.r, b->work, b->p.serial, spki, b->p.not_before, b->p.not_after, &err));
}

static int
setup(void **state)
{
	struct both *b = calloc(1, sizeof(*b));
	char *home = testsigner_home();

	err = (struct err)ERR_INIT;
	snprintf(b->reg.home, sizeof(b->reg.home), "%s", home);
	snprintf(b->reg.key, sizeof(b->reg.key), "%s.recovery", home);
	free(home);
	OK(testreg_init(&b->reg, &err));
	testreg_open(&b->reg);
	OK(testreg_begin(&b->reg, TESTATTEST_SERIAL, "alice@example.org", false, &err));
	b->work = testreg_work(&b->reg, TESTATTEST_SERIAL);
	start(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct both *b = *state;

	stop(b);
	registry_closep(&b->reg.r);
	signer_prepared_wipe(&b->p);
	testsigner_request_wipe(&b->q);
	free(b);
	return 0;
}

static bool
on_crl(struct both *b, const uint8_t *serial)
{
	char hex[2 * SIGNER_SERIAL_LEN + 1], command[512];
	size_t i;

	text_hex(serial, SIGNER_SERIAL_LEN, hex);
	for (i = 0; hex[i] != '\0'; i++)
		hex[i] = hex[i] >= 'a' ? (char)(hex[i] - 'a' + 'A') : hex[i];
	snprintf(command, sizeof(command),
	    "openssl crl -in %s -noout -text | grep -q 'Serial Number: %s'",
	    testsigner_path(b->reg.home, "pub/issuing.crl"), hex);
	return system(command) == 0;
}

static const char *
cert_state(struct both *b)
{
	static const char *const all[] = {"prepared", "issued", "active", "revoked", "dropped"};
	char sql[128];
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM certificates WHERE state = '%s'",
		    all[i]);
		if (testreg_count(&b->reg, sql) == 1)
			return all[i];
	}
	return "none";
}

/* ---- the signer alone ---- */

static void
what_is_forbidden_is_not_signed(void **state)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	struct both *b = *state;
	bool was_signed = true;

	prepare(b);
	OK(signer_forbid(b->second, b->p.serial, REASON_SUPERSEDED, &was_signed, &err));
	assert_false(was_signed);
	assert_int_equal(signer_sign(b->first, b->p.serial, &cert, &err), ERR_CA);
	assert_int_equal(signer_find(b->second, b->p.serial, &cert, NULL, &err), ERR_ABSENT);
	assert_false(on_crl(b, b->p.serial));
	OK(signer_forbid(b->first, b->p.serial, REASON_SUPERSEDED, &was_signed, &err));
	assert_false(was_signed);
	assert_int_equal(
	    signer_revoke(b->first, b->p.serial, SIGNER_SERIAL_LEN, NULL, REASON_SUPERSEDED, &err),
	    ERR_ABSENT);
}

static void
not_after_a_crash_either(void **state)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	struct both *b = *state;
	bool was_signed = true;

	prepare(b);
	OK(signer_forbid(b->second, b->p.serial, REASON_SUPERSEDED, &was_signed, &err));
	stop(b);
	start(b);
	assert_int_equal(signer_sign(b->first, b->p.serial, &cert, &err), ERR_CA);
}

static void
what_was_signed_is_revoked_at_once(void **state)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	struct both *b = *state;
	bool was_signed = false;

	prepare(b);
	OK(signer_sign(b->first, b->p.serial, &cert, &err));
	OK(signer_forbid(b->second, b->p.serial, REASON_KEY_COMPROMISE, &was_signed, &err));
	assert_true(was_signed);
	assert_true(on_crl(b, b->p.serial));
	/* revoked is revoked, for whatever reason */
	OK(signer_forbid(b->second, b->p.serial, REASON_SUPERSEDED, &was_signed, &err));
	assert_true(was_signed && on_crl(b, b->p.serial));
}

static void
a_hold_does_not_save_it(void **state)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	struct both *b = *state;
	bool was_signed = false;

	prepare(b);
	OK(signer_sign(b->first, b->p.serial, &cert, &err));
	OK(signer_revoke(b->second, b->p.serial, SIGNER_SERIAL_LEN, NULL, REASON_HOLD, &err));
	OK(signer_forbid(b->second, b->p.serial, REASON_SUPERSEDED, &was_signed, &err));
	assert_int_equal(
	    signer_revoke(b->second, b->p.serial, SIGNER_SERIAL_LEN, NULL, REASON_RELEASE, &err),
	    ERR_CA);
}

static void
a_reason_must_be_one(void **state)
{
	struct both *b = *state;
	bool was_signed;

	prepare(b);
	assert_int_equal(
	    signer_forbid(b->second, b->p.serial, (enum signer_reason)2, &was_signed, &err),
	    ERR_USAGE);
}

/* ---- with the registry ---- */

static int
revoke_token(struct both *b)
{
	char token[16];
	const struct desk w = {.tell_servers = relying_publish_configured,
	    .home = b->reg.home,
	    .actor = "uid 1001 (helpdesk)"};
	const struct workflow_revoke what = {
	    .how = TAKE_REVOKE, .what = token, .reason = REASON_CESSATION};
	struct workflow_revoked ret;

	snprintf(token, sizeof(token), "%u", (unsigned)TESTATTEST_SERIAL);
	return workflow_revoke(&w, &what, &ret, &err);
}

static void
revoke_comes_before_the_signature(void **state)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	struct both *b = *state;

	prepare(b);
	OK(revoke_token(b));
	assert_int_equal(signer_sign(b->first, b->p.serial, &cert, &err), ERR_CA);
	assert_string_equal(cert_state(b), "dropped");
	assert_int_equal(
	    testreg_count(&b->reg, "SELECT count(*) FROM works WHERE closed IS NULL"), 0);
}

static void
revoke_comes_after_the_signature_that_the_registry_does_not_know(void **state)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	struct both *b = *state;

	prepare(b);
	OK(signer_sign(b->first, b->p.serial, &cert, &err));
	OK(revoke_token(b));
	assert_true(on_crl(b, b->p.serial));
	assert_string_equal(cert_state(b), "revoked");
	assert_int_not_equal(registry_cert_issued(b->reg.r, b->work, &cert, &err), 0);
}

/* The other desk looked before there was anything, and writes after. */
static void
work_with_a_certificate_that_nobody_looked_at_is_not_closed(void **state)
{
	struct both *b = *state;
	const struct registry_revocation v = {.token = TESTATTEST_SERIAL,
	    .reason = REASON_CESSATION,
	    .move = true,
	    .to = TOKEN_RETIRED,
	    .note = "left"};

	prepare(b);
	assert_int_equal(registry_revoke(b->reg.r, &v, &err), ERR_HELD);
	assert_string_equal(cert_state(b), "prepared");
	OK(revoke_token(b));
}

/* And the desk that enrols, the other way round. */
static void
nothing_is_prepared_for_work_that_is_closed(void **state)
{
	static const uint8_t spki[32] = {7};
	struct both *b = *state;

	testsigner_request(&b->q, KEY_P256, "Alice");
	OK(signer_prepare(b->first, &b->q.r, &b->p, &err));
	OK(revoke_token(b));
	assert_int_equal(registry_cert_prepared(b->reg.r, b->work, b->p.serial, spki,
			     b->p.not_before, b->p.not_after, &err),
	    ERR_ABSENT);
}

int
main(void)
{
#define ASK(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    ASK(what_is_forbidden_is_not_signed),
	    ASK(not_after_a_crash_either),
	    ASK(what_was_signed_is_revoked_at_once),
	    ASK(a_hold_does_not_save_it),
	    ASK(a_reason_must_be_one),
	    ASK(revoke_comes_before_the_signature),
	    ASK(revoke_comes_after_the_signature_that_the_registry_does_not_know),
	    ASK(work_with_a_certificate_that_nobody_looked_at_is_not_closed),
	    ASK(nothing_is_prepared_for_work_that_is_closed),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
