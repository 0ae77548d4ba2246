/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attestation as a gate: sixty and more attestations, each good but for one thing, are handed to
 * the gate with a good request. Each must be refused with a code and a reason that names that
 * thing, and no key may come out. The one with nothing bent must pass, before and after each.
 */
#include <stdio.h>
#include <string.h>

#include "testbend.h"

static char *home;
static struct ca *ca;

static int
attempt(const struct bend *b, struct err *err)
{
	CLEAN(attempt_wipe) struct attempt a;
	CLEAN(blob_wipe) struct blob spki = {0};
	int rc;

	attempt_new(&a, ca, b == NULL || b->alg == KEY_NONE ? KEY_P256 : b->alg);
	if (b != NULL)
		attempt_bend(&a, b);
	testca_cert(&a.f9, &a.f9_der);
	testca_cert(&a.leaf, &a.leaf_der);
	if (b != NULL && b->after != NULL)
		b->after(&a);
	a.r.csr = a.csr;
	a.r.attestation = *a.shown_attestation;
	a.r.f9 = *a.shown_f9;
	*err = (struct err)ERR_INIT;
	rc = gate_check(ca, &a.profile, &a.r, &spki, err);
	assert_true((rc == 0) == (spki.len > 0));
	return rc;
}

static void
each_bent_attestation_is_refused_for_its_own_reason(void **state)
{
	const size_t n = bends_n;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < n; i++) {
		if (attempt(NULL, &err) != 0)
			fail_msg("nothing bent: %s", err.text);
		if (attempt(&bends[i], &err) != bends[i].code || err.code != bends[i].code)
			fail_msg("%s: %d: %s", bends[i].name, err.code, err.text);
		if (strstr(err.text, bends[i].why) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", bends[i].name, err.text,
			    bends[i].why);
	}
	print_message("# %zu attestations refused\n", n);
	assert_true(n >= 60);
}

static int
setup(void **state)
{
	testsigner_setup(state);
	home = testsigner_home();
	ca = testsigner_open(home);
	return 0;
}

static int
teardown(void **state)
{
	ca_closep(&ca);
	free(home);
	return testsigner_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_bent_attestation_is_refused_for_its_own_reason),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
