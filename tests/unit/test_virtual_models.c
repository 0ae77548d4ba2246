/* SPDX-License-Identifier: BSD-2-Clause */
/* Are the rarer models what they should be: FIPS, Bio, contactless, and those with an old flaw? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vdriver.h"

#define SIGN_9A \
	"0087119A267C24820081201111111111111111111111111111111111111111111111111111111111111111"
#define GENERATE_9A "0047009A05AC03800111"
#define SELECT_MANAGEMENT "00A4040008A000000527471117"
#define NEW_MGM_AES192 "00FFFFFF1B0A9B18111111111111111122222222222222223333333333333333"
#define MATCH "00200096020300"
#define MATCH_TEMPORARY "00200096020200"

static struct vkey *
open_piv(const struct vkey_config *config)
{
	struct vkey *v = vdriver_open(config);

	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	return v;
}

static bool
inspect_says(const struct vkey *v, const char *what)
{
	char *json = vkey_inspect(v);
	bool says = json != NULL && strstr(json, what) != NULL;

	free(json);
	return says;
}

/* Management tags 14 and 15: capable, approved. */
static void
assert_fips(struct vkey *v, const char *tags)
{
	struct vdriver_answer a;
	uint8_t want[8];
	bool found = false;

	vdriver_hex(tags, want, sizeof(want));
	assert_int_equal(vdriver_sw(v, SELECT_MANAGEMENT), 0x9000);
	a = vdriver_send(v, "001D0000");
	for (size_t i = 0; i + sizeof(want) <= a.len; i++)
		found = found || memcmp(a.data + i, want, sizeof(want)) == 0;
	assert_true(found);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
}

static void
a_fips_key_makes_no_key_before_its_secrets_are_changed(void **state)
{
	const struct vkey_config config = {.firmware = "5.7.4", .fips = true};
	struct vkey *v = open_piv(&config);

	(void)state;
	assert_fips(v, "1402000215020000");
	vdriver_admin(v, "5.7.4");
	assert_int_equal(vdriver_sw(v, GENERATE_9A), 0x6985);
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF353938323734FFFF"), 0x6985);
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF3539383237343638"), 0x9000);
	assert_int_equal(vdriver_sw(v, GENERATE_9A), 0x6985);
	assert_int_equal(vdriver_sw(v, "002400811031323334353637383539383237343638"), 0x9000);
	assert_int_equal(
	    vdriver_sw(v, "00FFFFFF1B039B18111111111111111122222222222222223333333333333333"),
	    0x6A80);
	assert_true(inspect_says(v, "\"not approved\""));
	assert_int_equal(vdriver_sw(v, NEW_MGM_AES192), 0x9000);
	assert_true(inspect_says(v, "\"approved\""));
	assert_int_equal(vdriver_sw(v, GENERATE_9A), 0x9000);
	assert_fips(v, "1402000215020002");
	vkey_free(v);
}

static void
approve(struct vkey *v)
{
	vdriver_admin(v, "5.7.1");
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF3539383237343638"), 0x9000);
	assert_int_equal(vdriver_sw(v, "002400811031323334353637383539383237343638"), 0x9000);
	assert_int_equal(vdriver_sw(v, NEW_MGM_AES192), 0x9000);
}

static void
a_fips_key_knows_no_weak_algorithm_and_no_key_without_a_pin(void **state)
{
	const struct vkey_config config = {.firmware = "5.7.1", .fips = true};
	struct vkey *v = open_piv(&config);
	struct vdriver_answer a;

	(void)state;
	approve(v);
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800106"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "0047009A05AC038001E1"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "0047009A08AC06800111AA0101"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "0047009E05AC03800111"), 0x9000);
	a = vdriver_send(v, "00F7009E");
	assert_memory_equal(a.data, "\x01\x01\x11\x02\x02\x02\x01", 7);
	vkey_free(v);
}

static void
fips_is_a_flag_alone_before_5_7_and_two_rules_in_4_4(void **state)
{
	const struct vkey_config five = {.firmware = "5.4.3", .fips = true};
	const struct vkey_config four = {.firmware = "4.4.5", .fips = true};
	struct vkey *v = open_piv(&five);

	(void)state;
	vdriver_admin(v, "5.4.3");
	assert_int_equal(vdriver_sw(v, "0047009A08AC06800111AA0101"), 0x9000);
	assert_true(inspect_says(v, "\"series\""));
	vkey_free(v);
	v = open_piv(&four);
	vdriver_admin(v, "4.4.5");
	assert_int_equal(vdriver_sw(v, "0047009A08AC06800111AA0101"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800106"), 0x6A80);
	assert_int_equal(vdriver_sw(v, GENERATE_9A), 0x9000);
	vkey_free(v);
}

static struct vkey *
bio(enum vkey_finger finger)
{
	const struct vkey_config config = {
	    .firmware = "5.7.2", .form_factor = 0x07, .finger = finger};

	return open_piv(&config);
}

static void
the_right_finger_serves_keys_that_take_a_match(void **state)
{
	struct vkey *v = bio(VKEY_FINGER_RIGHT);

	(void)state;
	vdriver_admin(v, "5.7.2");
	assert_int_equal(vdriver_sw(v, "0047009A08AC06800111AA0104"), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x6982);
	assert_int_equal(vdriver_sw(v, "00200096"), 0x63C3);
	assert_int_equal(vdriver_sw(v, MATCH), 0x9000);
	assert_int_equal(vdriver_sw(v, "00200096"), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	/* match-always: the command just before */
	assert_int_equal(vdriver_sw(v, "0047009A08AC06800111AA0105"), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x6982);
	assert_int_equal(vdriver_sw(v, MATCH), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x6982);
	/* once: the PIN itself */
	assert_int_equal(vdriver_sw(v, "0047009A08AC06800111AA0102"), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x6982);
	vkey_free(v);
}

static void
a_wrong_finger_has_three_tries_and_the_pin_gives_them_back(void **state)
{
	struct vkey *v = bio(VKEY_FINGER_WRONG);

	(void)state;
	assert_int_equal(vdriver_sw(v, MATCH), 0x63C2);
	assert_int_equal(vdriver_sw(v, MATCH), 0x63C1);
	vdriver_assert_answer(v, "00F70096", "070101060101080100");
	assert_int_equal(vdriver_sw(v, MATCH), 0x63C0);
	assert_int_equal(vdriver_sw(v, MATCH), 0x6983);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	vdriver_assert_answer(v, "00F70096", "070101060103080100");
	assert_int_equal(vkey_witness(v)->refused_verify, 0);
	vkey_free(v);
}

static void
a_temporary_pin_stands_for_the_finger_until_it_is_wrong_once(void **state)
{
	struct vkey *v = bio(VKEY_FINGER_RIGHT);
	uint8_t c[5 + 18] = {0, 0x20, 0, 0x96, 18, 0x01, 0x10};
	struct vdriver_answer a;

	(void)state;
	vdriver_admin(v, "5.7.2");
	assert_int_equal(vdriver_sw(v, "0047009A08AC06800111AA0105"), 0x9000);
	a = vdriver_send(v, MATCH_TEMPORARY);
	assert_int_equal(a.len, 16);
	memcpy(c + 7, a.data, 16);
	vdriver_assert_answer(v, "00F70096", "070101060103080101");
	assert_int_equal(vdriver_raw(v, c, sizeof(c)).sw, 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_int_equal(vdriver_raw(v, c, sizeof(c)).sw, 0x9000);
	c[7] ^= 1;
	assert_int_equal(vdriver_raw(v, c, sizeof(c)).sw, 0x63C0);
	c[7] ^= 1;
	assert_int_equal(vdriver_raw(v, c, sizeof(c)).sw, 0x63C0);
	/* A wrong PIN takes it along too. */
	a = vdriver_send(v, MATCH_TEMPORARY);
	memcpy(c + 7, a.data, 16);
	assert_int_equal(vdriver_sw(v, PIN_WRONG), 0x63C7);
	assert_int_equal(vdriver_raw(v, c, sizeof(c)).sw, 0x63C0);
	vkey_free(v);
}

static void
a_finger_needs_a_bio_key_and_to_be_enrolled(void **state)
{
	struct vkey *v = vdriver_fresh("5.7.1");

	(void)state;
	assert_int_equal(vdriver_sw(v, MATCH), 0x6A88);
	vkey_free(v);
	v = bio(VKEY_FINGER_NONE);
	assert_int_equal(vdriver_sw(v, MATCH), 0x6A88);
	vdriver_assert_answer(v, "00F70096", "070100060103080100");
	vkey_free(v);
	v = bio(VKEY_FINGER_RIGHT);
	assert_int_equal(vdriver_sw(v, "00200096020301"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "002000960201FF"), 0x6A80);
	vkey_free(v);
}

static void
a_bio_key_is_reset_by_the_management_application_and_no_other_is(void **state)
{
	struct vkey *v = bio(VKEY_FINGER_RIGHT);

	(void)state;
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF363534333231FFFF"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00FB0000"), 0x6985);
	assert_int_equal(vdriver_sw(v, SELECT_MANAGEMENT), 0x9000);
	assert_int_equal(vdriver_sw(v, "001F0000"), 0x9000);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	vkey_free(v);
	v = vdriver_fresh("5.7.1");
	assert_int_equal(vdriver_sw(v, SELECT_MANAGEMENT), 0x9000);
	assert_int_equal(vdriver_sw(v, "001F0000"), 0x6D00);
	vkey_free(v);
}

static void
a_bio_key_without_a_finger_is_reset_when_its_pin_is_blocked(void **state)
{
	enum vkey_finger fingers[] = {VKEY_FINGER_NONE, VKEY_FINGER_RIGHT};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct vkey *v = bio(fingers[i]);

		assert_int_equal(vdriver_sw(v, "00FB0000"), 0x6985);
		for (int tries = 8; tries > 0; tries--)
			vdriver_sw(v, PIN_WRONG);
		assert_int_equal(vdriver_sw(v, PIN_OK), 0x6983);
		assert_int_equal(vdriver_sw(v, "00FB0000"), i == 0 ? 0x9000 : 0x6985);
		assert_int_equal(vdriver_sw(v, PIN_OK), i == 0 ? 0x9000 : 0x6983);
		vdriver_assert_answer(v, "00F70081", "0101FF05010006020000");
		vkey_free(v);
	}
}

static void
a_bio_key_gets_no_puk_by_setting_the_retries(void **state)
{
	struct vkey *v = bio(VKEY_FINGER_RIGHT);

	(void)state;
	vdriver_admin(v, "5.7.2");
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_int_equal(vdriver_sw(v, "00FA0504"), 0x6D00);
	vdriver_assert_answer(v, "00F70080", "0101FF05010106020808");
	vdriver_assert_answer(v, "00F70081", "0101FF05010006020000");
	vkey_free(v);
}

static void
a_contactless_reader_has_another_atr(void **state)
{
	const struct vkey_config config = {.firmware = "5.7.1", .nfc = true};
	const struct vkey_config four = {.firmware = "4.3.7", .nfc = true};
	const struct vkey_config fips = {.firmware = "5.7.1", .fips = true, .nfc = true};
	struct vkey *v = open_piv(&config), *none = NULL;
	uint8_t atr[VKEY_ATR_MAX], want[VKEY_ATR_MAX];
	char msg[256];

	(void)state;
	vdriver_hex("3B8D80018073C021C057597562694B6579F9", want, sizeof(want));
	assert_int_equal(vkey_atr(v, atr), 18);
	assert_memory_equal(atr, want, 18);
	vkey_free(v);
	assert_int_equal(vkey_open(&four, &none, msg, sizeof(msg)), VKEY_FAILED);
	assert_int_equal(vkey_open(&fips, &none, msg, sizeof(msg)), VKEY_FAILED);
}

static void
rsa_made_by_firmware_with_roca_is_flagged_and_imported_is_not(void **state)
{
	struct vkey *v = vdriver_fresh("4.3.4");

	(void)state;
	assert_false(inspect_says(v, "ROCA"));
	vdriver_admin(v, "4.3.4");
	assert_int_equal(vdriver_sw(v, GENERATE_9A), 0x9000);
	assert_false(inspect_says(v, "ROCA"));
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800106"), 0x9000);
	assert_true(inspect_says(v, "ROCA"));
	vkey_free(v);
	v = vdriver_fresh("4.3.5");
	vdriver_admin(v, "4.3.5");
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800106"), 0x9000);
	assert_false(inspect_says(v, "ROCA"));
	vkey_free(v);
}

static void
pin_complexity_came_with_5_7(void **state)
{
	const struct vkey_config config = {.firmware = "5.4.3", .pin_complexity = true};
	struct vkey *v = NULL;
	char msg[256] = "";

	(void)state;
	assert_int_equal(vkey_open(&config, &v, msg, sizeof(msg)), VKEY_FAILED);
	assert_non_null(strstr(msg, "5.7"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_fips_key_makes_no_key_before_its_secrets_are_changed),
	    cmocka_unit_test(a_fips_key_knows_no_weak_algorithm_and_no_key_without_a_pin),
	    cmocka_unit_test(fips_is_a_flag_alone_before_5_7_and_two_rules_in_4_4),
	    cmocka_unit_test(the_right_finger_serves_keys_that_take_a_match),
	    cmocka_unit_test(a_wrong_finger_has_three_tries_and_the_pin_gives_them_back),
	    cmocka_unit_test(a_temporary_pin_stands_for_the_finger_until_it_is_wrong_once),
	    cmocka_unit_test(a_finger_needs_a_bio_key_and_to_be_enrolled),
	    cmocka_unit_test(a_bio_key_is_reset_by_the_management_application_and_no_other_is),
	    cmocka_unit_test(a_bio_key_without_a_finger_is_reset_when_its_pin_is_blocked),
	    cmocka_unit_test(a_bio_key_gets_no_puk_by_setting_the_retries),
	    cmocka_unit_test(a_contactless_reader_has_another_atr),
	    cmocka_unit_test(rsa_made_by_firmware_with_roca_is_flagged_and_imported_is_not),
	    cmocka_unit_test(pin_complexity_came_with_5_7),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
