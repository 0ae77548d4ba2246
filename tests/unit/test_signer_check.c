/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the closed-world check find every octet of a certificate that is not as it should be, and
 * does the parser of the desk's messages take anything? */
#include <stdlib.h>
#include <string.h>

#include "signer/check.h"
#include "signer/message.h"
#include "testsigner.h"

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static char *home;
static struct ca *ca;

static struct profile client; /* as the file that init writes has it */
static struct names alice = {.who.name = "alice", .who.email = "alice@example.org"};

static int
setup(void **state)
{
	testsigner_setup(state);
	home = testsigner_home();
	ca = testsigner_open(home);
	assert_int_equal(rules_profile(ca->rules, "client", &client, NULL), 0);
	return 0;
}

static int
teardown(void **state)
{
	ca_closep(&ca);
	free(home);
	return testsigner_teardown(state);
}

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static void
plan_of(const struct testsigner_request *q, struct blob *spki, struct cert_plan *ret)
{
	const struct cert_plan plan = {
	    .kind = PLAN_LEAF,
	    .profile = &client,
	    .names = &alice,
	    .serial = {0x41, 1, 2, 3},
	    .not_before = 1800000000,
	    .not_after = 1800000000 + 30 * 86400 - 1,
	    .spki = spki,
	    .issuer = &ca->cert[LOG_ISSUING],
	    .issuer_alg = KEY_P256,
	};

	assert_int_equal(key_spki(q->key, spki, NULL), 0);
	*ret = plan;
}

static void
every_flipped_octet_of_a_certificate_is_found(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(blob_wipe) struct blob spki = {0}, tbs = {0};
	struct cert_plan plan;
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	plan_of(&q, &spki, &plan);
	OK(profile_build(&plan, &tbs, &err));
	OK(check_tbs(&plan, &tbs, &err));
	for (i = 0; i < tbs.len; i++) {
		tbs.data[i] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(check_tbs(&plan, &tbs, &err), ERR_CA);
		tbs.data[i] ^= (uint8_t)(1u << i % 8);
	}
	tbs.len--;
	assert_int_equal(check_tbs(&plan, &tbs, &err), ERR_CA);
	tbs.len++;
	OK(blob_append(&tbs, "", 1, &err));
	assert_int_equal(check_tbs(&plan, &tbs, &err), ERR_CA);
}

/* What a broken builder could make of the plan: each field as if it were another one's. */
static void
a_builder_that_changes_a_field_is_found(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q, other;
	CLEAN(blob_wipe) struct blob spki = {0}, spki2 = {0}, tbs = {0};
	const struct names names[] = {{.who.name = "bob", .who.email = "alice@example.org"},
	    {.who.name = "alice"}, {.who.name = "alice", .who.email = "bob@example.org"}};
	struct cert_plan plan, wrong[10];
	struct err err = ERR_INIT;
	size_t i, n = 0;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	testsigner_request(&other, KEY_P256, "bob");
	plan_of(&q, &spki, &plan);
	OK(key_spki(other.key, &spki2, &err));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		wrong[i] = plan;
	wrong[n++].serial[15] = 1;
	wrong[n++].not_before++;
	wrong[n++].not_after++;
	wrong[n++].names = &names[0];
	wrong[n++].names = &names[1];
	wrong[n++].names = &names[2];
	wrong[n++].spki = &spki2;
	wrong[n++].issuer = &ca->cert[LOG_ROOT];
	wrong[n++].issuer_alg = KEY_P384;
	wrong[n++].kind = PLAN_ISSUING;
	for (i = 0; i < n; i++) {
		OK(profile_build(&wrong[i], &tbs, &err));
		assert_int_equal(check_tbs(&plan, &tbs, &err), ERR_CA);
	}
}

static void
plans_that_no_ca_should_have_are_refused(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(blob_wipe) struct blob spki = {0}, tbs = {0};
	struct cert_plan plan, p;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	plan_of(&q, &spki, &plan);
	p = plan;
	p.serial[0] = 0x80;
	OK(profile_build(&p, &tbs, &err));
	assert_int_equal(check_tbs(&p, &tbs, &err), ERR_CA);
	p = plan;
	p.serial[0] = 0;
	OK(profile_build(&p, &tbs, &err));
	assert_int_equal(check_tbs(&p, &tbs, &err), ERR_CA);
	p = plan;
	p.not_after = p.not_before - 1;
	OK(profile_build(&p, &tbs, &err));
	assert_int_equal(check_tbs(&p, &tbs, &err), ERR_CA);
	p = plan;
	p.issuer = NULL;
	OK(profile_build(&p, &tbs, &err));
	assert_int_equal(check_tbs(&p, &tbs, &err), ERR_CA);
}

static void
builder_and_check_agree_on_a_thousand_plans(void **state)
{
	static const char *const names[] = {
	    "a", "Zoë", "李小龍", X64, "x=y,+\"\\#;<>", "  inner  spaces are theirs"};
	static const char *const mails[] = {NULL, "a@b", "zoe@example.org"};
	static const int64_t times[] = {946684800, 1709164800 /* 29 Feb 2024 */, 2524607999,
	    2524608000, 2540000000, 4102444800};
	static const enum key_alg algs[] = {KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA2048};
	struct blob spkis[4] = {{0}};
	struct err err = ERR_INIT;
	uint32_t r = 1;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		CLEAN(key_freep) struct key *key = NULL;

		OK(key_generate(algs[i], &key, &err));
		OK(key_spki(key, &spkis[i], &err));
	}
	for (i = 0; i < 1000; i++) {
		CLEAN(blob_wipe) struct blob tbs = {0};
		struct names holder = {0};
		struct cert_plan p = {.kind = PLAN_LEAF,
		    .profile = &client,
		    .names = &holder,
		    .issuer = &ca->cert[i % 2]};

		r = r * 1664525 + 1013904223;
		p.issuer_alg = i % 2 == 0 ? KEY_P256 : KEY_P384;
		OK(ca_serial(ca->log, ca_random, p.serial, &err));
		TESTSIGNER_SET(holder.who.name, names[(r >> 8) % 6]);
		TESTSIGNER_SET(holder.who.email, mails[(r >> 12) % 3]);
		p.not_before = times[(r >> 16) % 6];
		p.not_after = p.not_before + 86400L * (1 + (r >> 20) % 1800) - 1;
		p.spki = &spkis[(r >> 28) % 4];
		OK(profile_build(&p, &tbs, &err));
		OK(check_tbs(&p, &tbs, &err));
	}
	for (i = 0; i < 4; i++)
		blob_wipe(&spkis[i]);
}

/* Random bodies, and true ones with a few octets changed: the parser takes anything. */
static void
the_parser_takes_anything(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(blob_wipe) struct blob frame = {0};
	struct message m;
	uint32_t r = 7;
	size_t i, j;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	assert_int_equal(message_begin(&frame, MESSAGE_PREPARE, NULL), 0);
	assert_int_equal(message_put_request(&frame, &q.r, NULL), 0);
	message_end(&frame);
	assert_int_equal(message_parse(frame.data + MESSAGE_HEAD, frame.len - MESSAGE_HEAD, &m), 0);
	for (i = 0; i < 20000; i++) {
		/* a copy of its own size, so that the sanitizer sees a read behind it */
		uint8_t *copy;
		size_t len = frame.len - MESSAGE_HEAD;

		r = r * 1664525 + 1013904223;
		len -= i % 4 == 0 ? (r >> 8) % len : 0;
		assert_non_null(copy = malloc(len));
		memcpy(copy, frame.data + MESSAGE_HEAD, len);
		for (j = 0; j < 1 + i % 3; j++) {
			r = r * 1664525 + 1013904223;
			copy[(r >> 8) % (i % 2 == 0 ? len : (len < 64 ? len : 64))] =
			    (uint8_t)(r >> 4);
		}
		(void)message_parse(copy, len, &m);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_flipped_octet_of_a_certificate_is_found),
	    cmocka_unit_test(a_builder_that_changes_a_field_is_found),
	    cmocka_unit_test(plans_that_no_ca_should_have_are_refused),
	    cmocka_unit_test(builder_and_check_agree_on_a_thousand_plans),
	    cmocka_unit_test(the_parser_takes_anything),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
