/* SPDX-License-Identifier: BSD-2-Clause */
/* Are slots known by all their names, and do moving, deleting, reset and compression do what they
 * say? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_rig.h"

static void
slots_are_known_by_all_their_names(void **state)
{
	static const struct {
		const char *text;
		int slot; /* 0: none */
	} cases[] = {{"9a", 0x9a}, {"9A", 0x9a}, {"0x9c", 0x9c}, {"AUTHENTICATION", 0x9a},
	    {"authentication", 0x9a}, {"Signature", 0x9c}, {"KEY_MANAGEMENT", 0x9d},
	    {"key-management", 0x9d}, {"CARD_AUTH", 0x9e}, {"RETIRED1", 0x82}, {"retired20", 0x95},
	    {"82", 0x82}, {"95", 0x95}, {"f9", 0xf9}, {"ATTESTATION", 0xf9}, {"9b", 0}, {"81", 0},
	    {"96", 0}, {"9", 0}, {"9aa", 0}, {"", 0}, {"0x", 0}, {"RETIRED0", 0}, {"RETIRED21", 0},
	    {"RETIRED", 0}, {"KEY MANAGEMENT", 0}, {" 9a", 0}, {"+9", 0}};
	const struct device_slot *slot;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		slot = device_slot_parse(cases[i].text);
		if ((slot == NULL ? 0 : slot->slot) != cases[i].slot)
			fail_msg("%s", cases[i].text);
	}
	(void)device_slots(&n);
	assert_int_equal(n, 25);
}

/* SP 800-73-4 part 1, table 3 */
static void
each_slot_has_its_certificate_object(void **state)
{
	static const struct {
		uint8_t slot;
		uint32_t object;
	} cases[] = {{0x9a, 0x5fc105}, {0x9c, 0x5fc10a}, {0x9d, 0x5fc10b}, {0x9e, 0x5fc101},
	    {0x82, 0x5fc10d}, {0x8c, 0x5fc117}, {0x95, 0x5fc120}, {0xf9, 0x5fff01}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(device_slot(cases[i].slot)->cert_object, cases[i].object);
	assert_null(device_slot(0x9b));
}

static int
generate(struct rig *r, uint8_t slot)
{
	CLEAN(blob_wipe) struct blob spki = {0};

	return token_generate(r->token, slot, KEY_P256, 0, 0, &spki, &r->err);
}

static bool
has_key(struct rig *r, uint8_t slot)
{
	struct token_slot s = {0};
	const int rc = token_slot(r->token, slot, &s, &r->err);

	blob_wipe(&s.spki);
	assert_true(rc == 0 || rc == ERR_ABSENT);
	return rc == 0;
}

static void
keys_move_and_go_from_firmware_5_7_on(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	rig_authenticate(&r);
	OK(&r, generate(&r, 0x9a));
	OK(&r, generate(&r, 0x9c));
	FAILS(&r, ERR_OCCUPIED, token_move_key(r.token, 0x9a, 0x9c, &r.err));
	FAILS(&r, ERR_ABSENT, token_move_key(r.token, 0x83, 0x84, &r.err));
	FAILS(&r, ERR_USAGE, token_move_key(r.token, 0xf9, 0x84, &r.err));
	FAILS(&r, ERR_USAGE, token_move_key(r.token, 0x9a, 0x9a, &r.err));
	OK(&r, token_move_key(r.token, 0x9a, 0x82, &r.err));
	assert_true(has_key(&r, 0x82) && !has_key(&r, 0x9a));
	OK(&r, token_delete_key(r.token, 0x82, &r.err));
	assert_false(has_key(&r, 0x82));
	FAILS(&r, ERR_ABSENT, token_delete_key(r.token, 0x82, &r.err));
	FAILS(&r, ERR_USAGE, token_delete_key(r.token, 0xf9, &r.err));
	rig_stop(&r);
}

static void
before_5_7_nothing_is_sent(void **state)
{
	unsigned before;
	struct rig r;

	(void)state;
	rig_start(&r, "5.4.3");
	rig_token(&r);
	rig_authenticate(&r);
	before = shim_apdus();
	FAILS(&r, ERR_USAGE, token_move_key(r.token, 0x9a, 0x82, &r.err));
	FAILS(&r, ERR_USAGE, token_delete_key(r.token, 0x9a, &r.err));
	FAILS(&r, ERR_USAGE, device_alg_check(KEY_ED25519, token_id(r.token)->firmware, &r.err));
	assert_int_equal(shim_apdus(), before);
	rig_stop(&r);
}

static void
a_reset_leaves_the_factorys_secrets_and_no_key(void **state)
{
	const char *const firmwares[] = {"5.2.4", "5.4.3", "5.7.1"};
	CLEAN(blob_wipe) struct blob f9 = {0};
	struct token_pin_state pin;
	struct token_mgm_state mgm;
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		SECRET(old) = rig_secret("123456");
		SECRET(fresh) = rig_secret("482913");

		rig_start(&r, firmwares[i]);
		rig_token(&r);
		rig_authenticate(&r);
		OK(&r, generate(&r, 0x9a));
		OK(&r, token_change_pin(r.token, old, fresh, 0, &r.err));
		OK(&r, token_reset(r.token, &r.err));
		OK(&r, token_pin_state(r.token, &pin, &r.err));
		OK(&r, token_mgm_state(r.token, &mgm, &r.err));
		assert_int_equal(pin.tries_left, 3);
		assert_true(pin.factory || !pin.known);
		assert_true(mgm.factory || !mgm.known);
		FAILS(&r, ERR_MGMKEY, generate(&r, 0x9a));
		OK(&r, rig_verify(&r, "123456", 0));
		OK(&r, token_get_cert(r.token, DEVICE_SLOT_F9, &f9, &r.err));
		rig_stop(&r);
	}
}

static void
the_configuration_costs_the_authentication_and_nothing_else(void **state)
{
	struct token_config config;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	rig_authenticate(&r);
	OK(&r, token_config(r.token, &config, &r.err));
	assert_true(config.known && config.form_factor == 1 && !config.fips_series);
	assert_string_equal(device_form_name(config.form_factor), "USB-A keychain");
	FAILS(&r, ERR_MGMKEY, generate(&r, 0x9a));
	rig_authenticate(&r);
	OK(&r, generate(&r, 0x9a));
	rig_stop(&r);
}

/* ---- certificates that are long ---- */

static void
fill(struct blob *der, bool random)
{
	unsigned x = 1;
	size_t i;

	for (i = 4; i < der->len; i++) {
		x = x * 1103515245u + 12345u;
		der->data[i] = random ? (uint8_t)(x >> 16) : 'x';
	}
}

static void
only_what_must_be_is_compressed(void **state)
{
	CLEAN(blob_wipe) struct blob der = {0}, packed = {0}, got = {0};
	bool gzip = true;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	rig_authenticate(&r);
	rig_cert(&der, DEVICE_CERT_MAX);
	OK(&r, device_pack_cert(&der, &packed, &gzip, &r.err));
	assert_true(!gzip && blob_equal(&der, &packed));
	blob_wipe(&der);
	rig_cert(&der, DEVICE_CERT_MAX + 1);
	fill(&der, false);
	OK(&r, device_pack_cert(&der, &packed, &gzip, &r.err));
	assert_true(gzip && packed.len < 200);
	OK(&r, token_put_packed(r.token, 0x82, &packed, gzip, &r.err));
	OK(&r, token_get_cert(r.token, 0x82, &got, &r.err));
	assert_true(blob_equal(&der, &got));
	OK(&r, token_delete_cert(r.token, 0x82, &r.err));
	FAILS(&r, ERR_ABSENT, token_get_cert(r.token, 0x82, &got, &r.err));
	fill(&der, true);
	FAILS(&r, ERR_FIT, device_pack_cert(&der, &packed, &gzip, &r.err));
	assert_true(rig_says(&r, "3052") && rig_says(&r, "3053"));
	FAILS(&r, ERR_USAGE, token_put_packed(r.token, 0xf9, &packed, false, &r.err));
	FAILS(&r, ERR_USAGE, token_delete_cert(r.token, 0xf9, &r.err));
	rig_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slots_are_known_by_all_their_names),
	    cmocka_unit_test(each_slot_has_its_certificate_object),
	    cmocka_unit_test(keys_move_and_go_from_firmware_5_7_on),
	    cmocka_unit_test(before_5_7_nothing_is_sent),
	    cmocka_unit_test(a_reset_leaves_the_factorys_secrets_and_no_key),
	    cmocka_unit_test(the_configuration_costs_the_authentication_and_nothing_else),
	    cmocka_unit_test(only_what_must_be_is_compressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
