/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does an enrolment survive the removal of its card before delivery, after delivery, and after the
 * answer of each APDU? The second run must finish it, and checker.py, which shares no code with
 * the program, must agree. A third of the points see it removed again at the same APDU of the two
 * runs that follow; with FAULTS=all each point sees it at some other APDU as well. QUICK=N leaves
 * out all but the last APDU and every Nth removal of those counted through: the kinds take turns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "point.h"
#include "quick.h"
#include "vhooks.h"

static const char *const kinds[] = {"remove-before", "remove-after", "remove-answered"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct tally {
	unsigned points, succeeded, again;
};

/* How many APDUs an enrolment takes that nothing disturbs. */
static unsigned
clean_run(const char *firmware)
{
	struct point p;
	unsigned n;

	point_start(&p, firmware, "clean");
	if (point_run(&p, POINT_ENROLL) != 0)
		fail_msg("%s", p.err.text);
	n = (unsigned)vkey_witness(p.key)->apdus;
	assert_true(p.report.proved);
	assert_int_equal(p.report.apdus, n);
	point_keep(&p);
	point_stop(&p);
	return n;
}

/* The run with the fault in it. A removal after the last answer that was needed may leave it
 * complete. */
static void
interrupted(struct point *p, unsigned at, const char *kind, unsigned last, struct tally *t)
{
	int rc;

	point_fault(p, at, kind);
	rc = point_run(p, POINT_ENROLL);
	if (vkey_witness(p->key)->faults != 1 || vkey_present(p->key))
		fail_msg("%s: the card was not removed", p->dir);
	if (rc == 0 && at == last && strcmp(kind, "remove-answered") == 0) {
		assert_true(p->report.proved);
		t->succeeded++;
	} else if (rc != ERR_GONE) {
		fail_msg("%s: %d, not %d: %s", p->dir, rc, ERR_GONE, p->err.text);
	}
	t->points++;
}

static void
finish(struct point *p, enum point_how how)
{
	int rc = point_run(p, how);

	/* it was removed before anything was written down: nothing to recover */
	if (rc == 0 && how == POINT_RECOVER && p->report.already)
		rc = point_run(p, POINT_ENROLL);
	if (rc != 0)
		fail_msg("%s: the run after it: %d: %s", p->dir, rc, p->err.text);
}

/* The card goes once more, in the run that should have finished it. */
static void
interrupted_again(struct point *p, unsigned at, enum point_how how, struct tally *t)
{
	const uint64_t before = vkey_witness(p->key)->faults;
	int rc;

	point_fault(p, at, "remove-after");
	rc = point_run(p, how);
	vhook_fault_clear(p->key);
	if (vkey_witness(p->key)->faults == before) {
		assert_int_equal(rc, 0); /* it needed fewer APDUs */
		return;
	}
	if (rc != ERR_GONE && rc != 0)
		fail_msg("%s: again at %u: %d: %s", p->dir, at, rc, p->err.text);
	t->again++;
	vkey_insert(p->key);
}

/* then: the APDU at which the card goes in the next two runs too; 0: it stays. */
static void
one_point(
    const char *firmware, unsigned at, unsigned kind, unsigned then, unsigned last, struct tally *t)
{
	const enum point_how how = (at + kind) % 2 == 0 ? POINT_ENROLL : POINT_RECOVER;
	struct point p;
	char name[64];
	int i;

	snprintf(name, sizeof(name), "%02u-%s-%02u", at, kinds[kind], then);
	point_start(&p, firmware, name);
	interrupted(&p, at, kinds[kind], last, t);
	point_keep(&p);
	vkey_insert(p.key);
	for (i = 0; then > 0 && i < 2; i++)
		interrupted_again(&p, then, how, t);
	finish(&p, how);
	assert_int_equal(point_run(&p, POINT_ENROLL), 0);
	assert_true(p.report.already);
	point_stop(&p);
}

/* Some other APDU, another one for each point. */
static unsigned
other(unsigned at, unsigned kind, unsigned n)
{
	const unsigned then = 1 + (at * 7 + kind * 5) % n;

	return then == at ? 1 + at % n : then;
}

static void
every_apdu(const char *firmware)
{
	const bool all = getenv("FAULTS") != NULL && strcmp(getenv("FAULTS"), "all") == 0;
	const unsigned n = clean_run(firmware), step = quick();
	struct tally t = {0};
	unsigned at, kind;

	for (at = 1; at <= n; at++)
		for (kind = 0; kind < KINDS; kind++) {
			if ((at * KINDS + kind) % step != 0 && at != n)
				continue;
			/* pulled out by an impatient hand: at the same moment each time */
			one_point(firmware, at, kind, kind == 1 ? at : 0, n, &t);
			if (all)
				one_point(firmware, at, kind, other(at, kind, n), n, &t);
		}
	point_check_all(firmware);
	print_message(
	    "# firmware %s: %u APDUs, %u removals, %u of them after the last that counted, "
	    "%u during the runs after it\n",
	    firmware, n, t.points, t.succeeded, t.again);
	assert_true(t.points >= KINDS * n / step && t.succeeded >= 1);
	/* few points may all lie where the runs after them need fewer APDUs */
	assert_true(t.again >= (step > 3 ? 1 : t.points / 3));
	assert_true(t.succeeded <= (all ? 2 : 1));
}

static void
a_removal_at_any_apdu_of_5_7_1_is_recovered_from(void **state)
{
	(void)state;
	every_apdu("5.7.1");
}

static void
a_removal_at_any_apdu_of_5_4_3_is_recovered_from(void **state)
{
	(void)state;
	every_apdu("5.4.3");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_removal_at_any_apdu_of_5_7_1_is_recovered_from),
	    cmocka_unit_test(a_removal_at_any_apdu_of_5_4_3_is_recovered_from),
	};

	return cmocka_run_group_tests(tests, point_setup, point_teardown);
}
