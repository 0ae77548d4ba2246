/* SPDX-License-Identifier: BSD-2-Clause */
/* PIN, PUK and management key: is the state told truly, and never a try spent that was not meant?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "device_rig.h"

/* ---- states ---- */

static void
a_new_token_says_that_all_is_the_factorys(void **state)
{
	struct token_pin_state pin, puk;
	struct token_mgm_state mgm;
	struct token_slot slot;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	OK(&r, token_pin_state(r.token, &pin, &r.err));
	OK(&r, token_puk_state(r.token, &puk, &r.err));
	OK(&r, token_mgm_state(r.token, &mgm, &r.err));
	assert_true(pin.known && pin.factory && pin.tries_left == 3 && pin.tries_max == 3);
	assert_true(puk.known && puk.factory && puk.tries_left == 3 && puk.tries_max == 3);
	assert_true(mgm.known && mgm.factory && !mgm.touch && mgm.alg == MGM_AES192);
	FAILS(&r, ERR_ABSENT, token_slot(r.token, 0x9a, &slot, &r.err));
	rig_stop(&r);
}

/* Told without asking again, which the token would be right about. */
static void
the_factorys_values_are_known_when_they_are_set_again(void **state)
{
	SECRET(pin) = rig_secret("123456");
	SECRET(puk) = rig_secret("12345678");
	SECRET(other_pin) = rig_secret("482913");
	SECRET(other_puk) = rig_secret("48151623");
	struct token_pin_state is;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	OK(&r, token_pin_state(r.token, &is, &r.err));
	OK(&r, token_puk_state(r.token, &is, &r.err));
	OK(&r, token_change_pin(r.token, pin, other_pin, 0, &r.err));
	OK(&r, token_change_puk(r.token, puk, other_puk, 0, &r.err));
	OK(&r, token_pin_state(r.token, &is, &r.err));
	assert_false(is.factory);
	OK(&r, token_puk_state(r.token, &is, &r.err));
	assert_false(is.factory);
	OK(&r, token_change_pin(r.token, other_pin, pin, 0, &r.err));
	OK(&r, token_change_puk(r.token, other_puk, puk, 0, &r.err));
	OK(&r, token_pin_state(r.token, &is, &r.err));
	assert_true(is.factory && is.tries_left == 3);
	OK(&r, token_puk_state(r.token, &is, &r.err));
	assert_true(is.factory && is.tries_left == 3);
	rig_stop(&r);
}

static void
before_5_3_the_tries_come_from_an_empty_verify(void **state)
{
	struct token_pin_state pin, puk;
	struct token_mgm_state mgm;
	struct token_slot slot;
	SECRET(old) = rig_secret("12345678");
	SECRET(new_puk) = rig_secret("48151623");
	struct rig r;

	(void)state;
	rig_start(&r, "5.2.4");
	rig_token(&r);
	OK(&r, token_pin_state(r.token, &pin, &r.err));
	OK(&r, token_puk_state(r.token, &puk, &r.err));
	OK(&r, token_mgm_state(r.token, &mgm, &r.err));
	assert_true(!pin.known && pin.tries_left == 3 && pin.tries_max == -1);
	assert_true(!puk.known && puk.tries_left == -1);
	assert_true(!mgm.known && mgm.alg == MGM_3DES);
	FAILS(&r, ERR_ABSENT, token_slot(r.token, 0x9a, &slot, &r.err));
	assert_true(rig_says(&r, "5.3"));
	FAILS(&r, ERR_PIN, token_change_puk(r.token, old, new_puk, 0, &r.err));
	assert_int_equal(r.err.tries, -1);
	OK(&r, token_change_puk(r.token, old, new_puk, DEVICE_LAST_TRY, &r.err));
	OK(&r, rig_verify(&r, "123456", 0));
	OK(&r, rig_verify(&r, "123456", 0));
	rig_stop(&r);
}

/* ---- management key ---- */

static void
the_management_key_works_in_every_algorithm(void **state)
{
	static const struct {
		const char *firmware;
		enum device_mgm_alg alg;
	} cases[] = {
	    {"5.2.4", MGM_3DES},
	    {"5.4.3", MGM_3DES},
	    {"5.4.3", MGM_AES128},
	    {"5.7.1", MGM_AES192},
	    {"5.7.1", MGM_AES256},
	    {"5.7.1", MGM_3DES},
	};
	struct token_mgm_state mgm;
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SECRET(key) = secret_new();
		SECRET(wrong) = secret_new();

		rig_start(&r, cases[i].firmware);
		rig_token(&r);
		rig_authenticate(&r);
		OK(&r, device_mgm_generate(cases[i].alg, key, &r.err));
		OK(&r, device_mgm_generate(cases[i].alg, wrong, &r.err));
		OK(&r, token_set_mgmkey(r.token, cases[i].alg, key, false, &r.err));
		rig_restart(&r);
		OK(&r, token_mgm_state(r.token, &mgm, &r.err));
		assert_int_equal(mgm.alg, cases[i].alg);
		assert_false(mgm.factory);
		FAILS(&r, ERR_MGMKEY, token_authenticate(r.token, wrong, &r.err));
		OK(&r, token_authenticate(r.token, key, &r.err));
		rig_stop(&r);
	}
}

static void
a_management_key_that_wants_a_touch_says_so(void **state)
{
	SECRET(key) = secret_new();
	struct token_mgm_state mgm;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	rig_authenticate(&r);
	OK(&r, device_mgm_generate(MGM_AES192, key, &r.err));
	OK(&r, token_set_mgmkey(r.token, MGM_AES192, key, true, &r.err));
	rig_restart(&r);
	OK(&r, token_mgm_state(r.token, &mgm, &r.err));
	assert_true(mgm.touch && !mgm.factory);
	rig_stop(&r);
}

static void
a_management_key_that_does_not_fit_is_not_sent(void **state)
{
	static const uint8_t weak[24] = {1, 1, 1, 1, 1, 1, 1, 1, 0x5a, 1, 7, 3, 9, 5, 6, 2, 0xfe,
	    0x33, 0x7a, 0x10, 0x2b, 0x44, 0x95, 0xc6};
	SECRET(key) = rig_bytes(weak, sizeof(weak));
	struct rig r;
	unsigned n;

	(void)state;
	rig_start(&r, "5.2.4");
	rig_token(&r);
	rig_authenticate(&r);
	n = shim_apdus();
	FAILS(&r, ERR_USAGE, token_set_mgmkey(r.token, MGM_3DES, key, false, &r.err));
	assert_true(rig_says(&r, "DES"));
	FAILS(&r, ERR_USAGE, token_set_mgmkey(r.token, MGM_AES192, key, false, &r.err));
	key->len = 16;
	FAILS(&r, ERR_USAGE, token_set_mgmkey(r.token, MGM_3DES, key, false, &r.err));
	FAILS(&r, ERR_MGMKEY, token_authenticate(r.token, key, &r.err));
	assert_int_equal(shim_apdus(), n);
	rig_stop(&r);
}

static void
writing_without_the_management_key_says_so(void **state)
{
	CLEAN(blob_wipe) struct blob b = {0};
	SECRET(key) = secret_new();
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	OK(&r, blob_set(&b, "\x30\x00", 2, &r.err));
	OK(&r, device_mgm_generate(MGM_AES192, key, &r.err));
	FAILS(&r, ERR_MGMKEY, token_put_object(r.token, OBJ_ADMIN, &b, &r.err));
	FAILS(&r, ERR_MGMKEY, token_put_cert(r.token, 0x9a, &b, &r.err));
	FAILS(&r, ERR_MGMKEY, token_generate(r.token, 0x9a, KEY_P256, 0, 0, &b, &r.err));
	FAILS(&r, ERR_MGMKEY, token_set_mgmkey(r.token, MGM_AES192, key, false, &r.err));
	FAILS(&r, ERR_MGMKEY, token_set_retries(r.token, 3, 3, &r.err));
	rig_stop(&r);
}

/* ---- PIN and PUK ---- */

static void
pin_and_puk_are_changed_and_the_state_follows(void **state)
{
	SECRET(pin) = rig_secret("123456");
	SECRET(puk) = rig_secret("12345678");
	SECRET(pin2) = rig_secret("847261");
	SECRET(puk2) = rig_secret("48151623");
	struct token_pin_state s;
	struct rig r;
	unsigned n;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	OK(&r, token_change_puk(r.token, puk, puk2, 0, &r.err));
	OK(&r, token_change_pin(r.token, pin, pin2, 0, &r.err));
	n = shim_apdus();
	OK(&r, token_pin_state(r.token, &s, &r.err));
	assert_false(s.factory);
	assert_int_equal(shim_apdus(), n); /* known, not asked again */
	OK(&r, token_verify_pin(r.token, pin2, 0, &r.err));
	rig_restart(&r);
	OK(&r, token_puk_state(r.token, &s, &r.err));
	assert_false(s.factory);
	OK(&r, token_unblock_pin(r.token, puk2, pin, 0, &r.err));
	OK(&r, token_verify_pin(r.token, pin, 0, &r.err));
	rig_stop(&r);
}

static void
the_last_try_is_sent_only_when_told(void **state)
{
	const char *const firmwares[] = {"5.2.4", "5.7.1"};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		SECRET(wrong) = rig_secret("999999");
		SECRET(pin) = rig_secret("847261");

		rig_start(&r, firmwares[i]);
		rig_token(&r);
		FAILS(&r, ERR_PIN, rig_verify(&r, "999999", 0));
		assert_int_equal(r.err.tries, 2);
		FAILS(&r, ERR_PIN, rig_verify(&r, "999999", 0));
		assert_int_equal(r.err.tries, 1);
		assert_int_equal(vkey_witness(r.key)->refused_verify, 2);
		FAILS(&r, ERR_PIN, rig_verify(&r, "123456", 0));
		assert_true(rig_says(&r, "--last-try"));
		assert_int_equal(r.err.tries, 1);
		FAILS(&r, ERR_PIN, token_change_pin(r.token, wrong, pin, 0, &r.err));
		rig_restart(&r);
		FAILS(&r, ERR_PIN, rig_verify(&r, "999999", 0));
		assert_int_equal(vkey_witness(r.key)->refused_verify, 2);
		assert_int_equal(vkey_witness(r.key)->refused_change, 0);
		FAILS(&r, ERR_BLOCKED, rig_verify(&r, "999999", DEVICE_LAST_TRY));
		assert_int_equal(vkey_witness(r.key)->refused_verify, 3);
		FAILS(&r, ERR_BLOCKED, rig_verify(&r, "123456", 0));
		rig_stop(&r);
	}
}

static void
a_wrong_puk_costs_the_puk_and_the_last_one_is_kept(void **state)
{
	SECRET(wrong) = rig_secret("99999999");
	SECRET(pin) = rig_secret("847261");
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	FAILS(&r, ERR_PIN, token_unblock_pin(r.token, wrong, pin, 0, &r.err));
	assert_int_equal(r.err.tries, 2);
	FAILS(&r, ERR_PIN, token_change_puk(r.token, wrong, pin, 0, &r.err));
	assert_int_equal(r.err.tries, 1);
	FAILS(&r, ERR_PIN, token_unblock_pin(r.token, wrong, pin, 0, &r.err));
	assert_int_equal(vkey_witness(r.key)->refused_reset_retry, 1);
	assert_int_equal(vkey_witness(r.key)->refused_change, 1);
	rig_stop(&r);
}

static void
what_cannot_be_a_pin_costs_no_try(void **state)
{
	SECRET(pin) = rig_secret("123456");
	SECRET(odd) = rig_secret("1234\xc3\xa4");
	struct rig r;
	unsigned n;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	n = shim_apdus();
	FAILS(&r, ERR_USAGE, rig_verify(&r, "12345", 0));
	FAILS(&r, ERR_USAGE, rig_verify(&r, "123456789", 0));
	FAILS(&r, ERR_USAGE, token_change_pin(r.token, pin, odd, 0, &r.err));
	assert_int_equal(shim_apdus(), n);
	rig_stop(&r);
}

static void
setting_the_tries_needs_both_and_makes_pin_and_puk_the_factorys(void **state)
{
	SECRET(pin) = rig_secret("123456");
	SECRET(pin2) = rig_secret("847261");
	struct token_pin_state s;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	OK(&r, token_change_pin(r.token, pin, pin2, 0, &r.err));
	rig_authenticate(&r);
	FAILS(&r, ERR_PIN, token_set_retries(r.token, 8, 5, &r.err));
	OK(&r, rig_verify(&r, "847261", 0));
	FAILS(&r, ERR_USAGE, token_set_retries(r.token, 0, 5, &r.err));
	FAILS(&r, ERR_USAGE, token_set_retries(r.token, 8, 16, &r.err));
	OK(&r, token_set_retries(r.token, 8, 5, &r.err));
	OK(&r, token_pin_state(r.token, &s, &r.err));
	assert_true(s.factory && s.tries_left == 8 && s.tries_max == 8);
	OK(&r, token_puk_state(r.token, &s, &r.err));
	assert_true(s.factory && s.tries_left == 5);
	rig_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_token_says_that_all_is_the_factorys),
	    cmocka_unit_test(the_factorys_values_are_known_when_they_are_set_again),
	    cmocka_unit_test(before_5_3_the_tries_come_from_an_empty_verify),
	    cmocka_unit_test(the_management_key_works_in_every_algorithm),
	    cmocka_unit_test(a_management_key_that_wants_a_touch_says_so),
	    cmocka_unit_test(a_management_key_that_does_not_fit_is_not_sent),
	    cmocka_unit_test(writing_without_the_management_key_says_so),
	    cmocka_unit_test(pin_and_puk_are_changed_and_the_state_follows),
	    cmocka_unit_test(the_last_try_is_sent_only_when_told),
	    cmocka_unit_test(a_wrong_puk_costs_the_puk_and_the_last_one_is_kept),
	    cmocka_unit_test(what_cannot_be_a_pin_costs_no_try),
	    cmocka_unit_test(setting_the_tries_needs_both_and_makes_pin_and_puk_the_factorys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
