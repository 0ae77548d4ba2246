/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token that lies once, in the answer to any APDU of a whole check, and of all that an enrolment
 * looks at before it changes anything: does the work end with a code that a person is told, with no
 * try spent, and with no secret sent after a lie that was seen?
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ykenroll/relying_publish.h"
#include "base/file.h"
#include "device/apdu.h"
#include "hostile.h"
#include "point.h"

#define APDUS_MAX 60

enum flow { FLOW_CHECK, FLOW_PRECHECK };

static const char *const flow_names[] = {"check", "enroll before any change"};

struct liar {
	unsigned at; /* the APDU whose answer is a lie; 0: none */
	enum hostile_name how;
	unsigned seen, spoilt, secrets, secrets_after;
	bool active;
};

static bool
is_secret(const uint8_t *in, size_t in_len)
{
	static const uint8_t secrets[] = {
	    INS_VERIFY, INS_CHANGE_REFERENCE, INS_RESET_RETRY, INS_AUTHENTICATE, INS_SET_MGMKEY};

	return in_len > 5 && memchr(secrets, in[1], sizeof(secrets)) != NULL;
}

static void
lie(void *ctx, const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	struct liar *liar = ctx;
	const bool more = in_len >= 2 && in[1] == INS_GET_RESPONSE;

	liar->secrets += is_secret(in, in_len);
	liar->secrets_after += liar->spoilt > 0 && is_secret(in, in_len);
	liar->active = ++liar->seen == liar->at || (more && liar->active);
	if (!liar->active || *out_len < 2)
		return;
	liar->spoilt++;
	hostile_spoil(liar->how, out, out_len);
}

static int
no_secret(void *ctx, enum desk_secret which, struct secret *ret, struct err *err)
{
	(void)ctx;
	(void)which;
	(void)ret;
	return err_set(err, ERR_ABSENT, "none given");
}

static int
run(struct point *p, enum flow flow)
{
	const struct workflow_enroll what = {.request.holder.name = "Alice Adams",
	    .request.holder.key = "alice@example.org",
	    .request.holder.email = "alice@example.org",
	    .request.profile = "client",
	    .request.alg = KEY_P256,
	    .request.pin_policy = PIN_ONCE,
	    .request.touch_policy = TOUCH_NEVER};
	struct workflow_finding findings[WORKFLOW_FINDINGS_MAX];
	char home[PATH_MAX];
	const struct desk w = {.tell_servers = relying_publish_configured,
	    .home = home,
	    .actor = "test",
	    .ui = {.secret = no_secret},
	    .dry_run = true};
	struct token_id id;
	size_t n;

	assert_int_equal(file_join(home, sizeof(home), p->dir, "home", NULL), 0);
	p->err = (struct err)ERR_INIT;
	if (flow == FLOW_CHECK)
		return workflow_check(&w, &id, findings, &n, &p->err);
	return workflow_enroll(&w, &what, &p->report, &p->err);
}

static uint64_t
refused(const struct point *p)
{
	const struct vkey_witness *w = vkey_witness(p->key);

	return w->refused_verify + w->refused_change + w->refused_reset_retry;
}

/* NULL, or what is wrong. */
static const char *
judge(const struct point *p, enum flow flow, const struct liar *liar, int rc, uint64_t spent)
{
	if (liar->spoilt == 0)
		return "was not lied to";
	if (rc != 0 && (p->err.code != rc || p->err.text[0] == '\0'))
		return "no text";
	if (rc == ERR_ABSENT)
		return "a code that is no exit status";
	if (rc == ERR_GONE && liar->secrets_after > 0)
		return "sent a secret after the lie";
	if (flow == FLOW_CHECK && liar->secrets > 0)
		return "a check sent a secret";
	if (spent > 0)
		return "spent a try";
	return shim_open() > 0 ? "left something open" : NULL;
}

static unsigned
clean_run(struct point *p, enum flow flow)
{
	struct liar liar = {0};
	int rc;

	shim_set_hook(lie, &liar);
	if ((rc = run(p, flow)) != 0)
		fail_msg("%s: %d: %s", flow_names[flow], rc, p->err.text);
	shim_set_hook(NULL, NULL);
	assert_true(liar.seen > 5 && liar.seen < APDUS_MAX);
	return liar.seen;
}

static void
lie_everywhere(struct point *p, enum flow flow)
{
	const unsigned n = clean_run(p, flow);
	unsigned at, bad = 0, refusals = 0;
	int how;

	for (at = 1; at <= n; at++)
		for (how = 0; how < HOSTILE_ANSWERS; how++) {
			struct liar liar = {.at = at, .how = (enum hostile_name)how};
			const uint64_t before = refused(p);
			const char *wrong;
			int rc;

			shim_set_hook(lie, &liar);
			rc = run(p, flow);
			shim_set_hook(NULL, NULL);
			wrong = judge(p, flow, &liar, rc, refused(p) - before);
			if (wrong != NULL)
				print_error("%s, APDU %u, %s: %s: %d: %s\n", flow_names[flow], at,
				    hostile_answers[how].name, wrong, rc, p->err.text);
			bad += wrong != NULL;
			refusals += rc != 0;
		}
	print_message("# %s: %u APDUs, %u lies, %u of them refused\n", flow_names[flow], n,
	    n * HOSTILE_ANSWERS, refusals);
	assert_int_equal(bad, 0);
	assert_true(refusals > n * HOSTILE_ANSWERS / 2);
	assert_int_equal(clean_run(p, flow), n); /* the token is as it was */
}

static void
a_check_survives_any_lie(void **state)
{
	struct point p;

	(void)state;
	point_start(&p, "5.7.1", "check");
	if (point_run(&p, POINT_ENROLL) != 0)
		fail_msg("%s", p.err.text);
	lie_everywhere(&p, FLOW_CHECK);
	point_stop(&p);
}

static void
an_enrolment_survives_any_lie_before_it_changes_anything(void **state)
{
	struct point p;

	(void)state;
	point_start(&p, "5.7.1", "precheck");
	lie_everywhere(&p, FLOW_PRECHECK);
	point_stop(&p);
}

static void
each_of_these_faults_is_found(void **state)
{
	static const struct {
		int rc;
		const char *text;
		unsigned spoilt, secrets, secrets_after;
		uint64_t spent;
		const char *wrong;
	} faults[] = {
	    {ERR_GONE, "gone", 1, 0, 0, 0, NULL},
	    {ERR_GONE, "gone", 0, 0, 0, 0, "was not lied to"},
	    {ERR_GONE, "", 1, 0, 0, 0, "no text"},
	    {ERR_ABSENT, "none", 1, 0, 0, 0, "a code that is no exit status"},
	    {ERR_GONE, "gone", 1, 1, 1, 0, "sent a secret after the lie"},
	    {0, "", 1, 1, 0, 0, "a check sent a secret"},
	    {ERR_PIN, "wrong", 1, 0, 0, 1, "spent a try"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct liar liar = {.spoilt = faults[i].spoilt,
		    .secrets = faults[i].secrets,
		    .secrets_after = faults[i].secrets_after};
		struct point p = {.err = ERR_INIT};
		const char *wrong;

		if (faults[i].rc != 0)
			(void)err_set(&p.err, faults[i].rc, "%s", faults[i].text);
		wrong = judge(&p, FLOW_CHECK, &liar, faults[i].rc, faults[i].spent);
		if (faults[i].wrong == NULL)
			assert_null(wrong);
		else
			assert_string_equal(wrong == NULL ? "nothing" : wrong, faults[i].wrong);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_check_survives_any_lie),
	    cmocka_unit_test(an_enrolment_survives_any_lie_before_it_changes_anything),
	    cmocka_unit_test(each_of_these_faults_is_found),
	};

	return cmocka_run_group_tests(tests, point_setup, point_teardown);
}
