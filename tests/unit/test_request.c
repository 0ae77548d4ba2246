/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked for: is each field what people and peers gave, or refused, and is nothing lost when
 * two are merged? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ykenroll/x509.h"
#include "ykenroll/x509_request.h"

static void
every_field_has_a_tag_of_its_own_and_a_place_of_its_own(void **state)
{
	const struct request_field *f;
	size_t n, i, j;

	(void)state;
	f = request_fields(&n);
	for (i = 0; i < n; i++) {
		assert_true(f[i].at + f[i].size <= sizeof(struct request));
		assert_true((f[i].tag == 0) == (f[i].forms == 0) && f[i].tag < 64);
		assert_true((f[i].place == REQUEST_NOWHERE) == (f[i].column == NULL));
		assert_true((f[i].kind == REQUEST_WORD) == (f[i].word != NULL));
		assert_true((f[i].kind == REQUEST_LINES) == (f[i].lines != NULL));
		assert_true(!request_is_number(&f[i]) || f[i].size == 1 || f[i].size == 4);
		assert_true(f[i].tag == 0 || i == 0 || f[i].tag > f[i - 1].tag);
		for (j = 0; j < i && f[i].name != NULL; j++)
			assert_true(f[j].name == NULL || strcmp(f[i].name, f[j].name) != 0);
	}
}

static void
what_people_write_is_taken_or_refused(void **state)
{
	static const struct {
		const char *name, *text;
		int rc;
	} t[] = {
	    {"email", "alice@example.org", 0},
	    {"email", "", ERR_USAGE},
	    {"days", "3650", 0},
	    {"days", "0", ERR_USAGE},
	    {"days", "3651", ERR_USAGE},
	    {"days", "-1", ERR_USAGE},
	    {"days", "7x", ERR_USAGE},
	    {"days", "99999999999999999999", ERR_USAGE},
	    {"algorithm", "eccp384", 0},
	    {"algorithm", "ECCP512", ERR_USAGE},
	    {"pin-policy", "Always", 0},
	    {"pin-policy", "sometimes", ERR_USAGE},
	    {"touch-policy", "cached", 0},
	    {"subject", "O=Example", 0},
	    {"subject", "O=a\nOU=b", ERR_USAGE},
	    {"colour", "blue", ERR_USAGE},
	};
	struct err err = ERR_INIT;
	struct request r = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (request_set(&r, t[i].name, t[i].text, NULL) != t[i].rc)
			fail_msg("%s %s", t[i].name, t[i].text);
	assert_string_equal(r.holder.email, "alice@example.org");
	assert_int_equal(r.days, 3650);
	assert_int_equal(r.alg, KEY_P384);
	assert_int_equal(r.pin_policy, PIN_ALWAYS);
	assert_int_equal(r.touch_policy, TOUCH_CACHED);
	assert_string_equal(r.subject, "O=Example");
	assert_int_equal(request_set(&r, "pin-policy", "sometimes", &err), ERR_USAGE);
	assert_string_equal(err.text, "invalid --pin-policy 'sometimes'; use once or always");
}

static void
lines_come_one_below_the_other_and_end(void **state)
{
	static struct request r;
	char name[200];
	int i = 0;

	(void)state;
	assert_int_equal(request_set(&r, "dns", "a.example.org", NULL), 0);
	assert_int_equal(request_set(&r, "ip", "192.0.2.1", NULL), 0);
	assert_string_equal(r.names, "dns:a.example.org\nip:192.0.2.1");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	while (i < 200 && request_set(&r, "dns", name, NULL) == 0)
		i++;
	assert_in_range(i, 75, 85);
	assert_true(strlen(r.names) < sizeof(r.names));
	memset(r.ticket, 'x', sizeof(r.ticket) - 1);
	assert_int_equal(request_set(&r, "upn", r.ticket, NULL), 0);
	assert_int_equal(request_set(&r, "upn", r.names, NULL), ERR_USAGE);
}

static void
what_was_given_stays_and_what_is_for_once_is_not_kept(void **state)
{
	static const struct request former = {.holder = {.id = 7,
						  .key = "alice",
						  .name = "Alice",
						  .upn = "alice@corp.example.org",
						  .sid = "S-1-5-21-1-2-3-4"},
	    .profile = "smartcard-logon",
	    .subject = "O=Example",
	    .alg = KEY_P384,
	    .days = 30,
	    .hours = 8,
	    .token = 5,
	    .why = "forgotten",
	    .ticket = "T-1",
	    .flags = 1};
	struct request r = {.holder.name = "Alice Brown", .days = 10};

	(void)state;
	request_merge(&r, &former);
	assert_string_equal(r.holder.name, "Alice Brown");
	assert_string_equal(r.holder.key, "alice");
	assert_int_equal(r.holder.id, 7);
	assert_string_equal(r.holder.sid, "S-1-5-21-1-2-3-4");
	assert_string_equal(r.holder.upn, "alice@corp.example.org");
	assert_string_equal(r.profile, "smartcard-logon");
	assert_string_equal(r.subject, "O=Example");
	assert_int_equal(r.alg, KEY_P384);
	assert_int_equal(r.days, 10);
	assert_int_equal(r.hours + r.token + r.flags, 0);
	assert_int_equal(r.why[0] + r.ticket[0], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_field_has_a_tag_of_its_own_and_a_place_of_its_own),
	    cmocka_unit_test(what_people_write_is_taken_or_refused),
	    cmocka_unit_test(lines_come_one_below_the_other_and_end),
	    cmocka_unit_test(what_was_given_stays_and_what_is_for_once_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
