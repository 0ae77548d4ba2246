/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the virtual YubiKey behave as the one in the drawer would: PIN, applications, framing,
 * objects? */
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

static void
the_last_wrong_pin_answers_blocked_and_not_no_tries_left(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, PIN_WRONG), 0x63C2);
	assert_int_equal(vdriver_sw(v, PIN_WRONG), 0x63C1);
	assert_int_equal(vdriver_sw(v, PIN_WRONG), 0x6983);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x6983);
	assert_int_equal(vkey_witness(v)->refused_verify, 4);
	vkey_free(v);
}

static void
a_wrong_pin_ends_verification_and_a_right_one_refills_the_tries(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_WRONG), 0x63C2);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x63C2);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_int_equal(vdriver_sw(v, "0020FF80"), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x63C3);
	vkey_free(v);
}

static void
a_query_is_understood_in_every_encoding_and_spends_nothing(void **state)
{
	struct vkey *v = vdriver_fresh("5.7.1");

	(void)state;
	assert_int_equal(vdriver_sw(v, "00200080"), 0x63C3);
	assert_int_equal(vdriver_sw(v, "0020008000"), 0x63C3);
	assert_int_equal(vdriver_sw(v, "00200080000000"), 0x63C3);
	assert_int_equal(vdriver_sw(v, "00200081"), 0x6A88);
	assert_int_equal(vdriver_sw(v, "002000800431323334"), 0x6A80);
	assert_int_equal(vkey_witness(v)->refused_verify, 0);
	vkey_free(v);
}

static void
a_pin_of_eight_ff_counts_as_wrong(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, "0020008008FFFFFFFFFFFFFFFF"), 0x63C2);
	vkey_free(v);
}

static void
change_and_unblock_keep_their_own_counters(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, "0024008010393939393939FFFF363534333231FFFF"), 0x63C2);
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF3635FFFFFFFFFFFF"), 0x6985);
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF363534333231FFFF"), 0x9000);
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FF"), 0x6700);
	assert_int_equal(vdriver_sw(v, "0024008210313233343536FFFF363534333231FFFF"), 0x6A88);
	assert_int_equal(vdriver_sw(v, "002C0080103939393939393939313131313131FFFF"), 0x63C2);
	assert_int_equal(vdriver_sw(v, "002C0080103132333435363738313131313131FFFF"), 0x9000);
	assert_int_equal(vdriver_sw(v, "0020008008313131313131FFFF"), 0x9000);
	vdriver_assert_answer(v, "00F70081", "0101FF05010106020303");
	assert_int_equal(vkey_witness(v)->refused_change, 1);
	assert_int_equal(vkey_witness(v)->refused_reset_retry, 1);
	vkey_free(v);
}

static void
complexity_refuses_simple_pins_where_it_is_on(void **state)
{
	const struct vkey_config config = {.firmware = "5.7.1", .pin_complexity = true};
	struct vkey *v = vdriver_open(&config);

	(void)state;
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF313131313131FFFF"), 0x6985);
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF393438323631FFFF"), 0x9000);
	vkey_free(v);
}

static void
setting_retries_needs_both_secrets_and_restores_the_factory_pin(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, "0024008010313233343536FFFF363534333231FFFF"), 0x9000);
	vdriver_admin(v, "5.4.3");
	assert_int_equal(vdriver_sw(v, "00FA0508"), 0x6982);
	assert_int_equal(vdriver_sw(v, "0020008008363534333231FFFF"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00FA0508"), 0x9000);
	vdriver_assert_answer(v, "00F70080", "0101FF05010106020505");
	vdriver_assert_answer(v, "00F70081", "0101FF05010106020808");
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	vkey_free(v);
}

static void
reset_needs_both_blocked_and_spares_the_attestation_key(void **state)
{
	struct vkey *v = vdriver_fresh("5.7.1");
	struct vdriver_answer before = vdriver_send(v, "00CB3FFF055C035FFF01"), after;

	(void)state;
	vdriver_admin(v, "5.7.1");
	assert_int_equal(vdriver_sw(v, "00DB3FFF075C035FC1025301AA"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "00DB3FFF085C035FC1025301AA"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00FB0000"), 0x6985);
	for (int i = 0; i < 3; i++)
		vdriver_sw(v, PIN_WRONG);
	assert_int_equal(vdriver_sw(v, "00FB0000"), 0x6985);
	for (int i = 0; i < 3; i++)
		vdriver_sw(v, "002C008010FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
	assert_int_equal(vdriver_sw(v, "00FB0000"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00CB3FFF055C035FC102"), 0x6A82);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	after = vdriver_send(v, "00CB3FFF055C035FFF01");
	assert_int_equal(before.sw, 0x6100 | (after.sw & 0xFF));
	assert_memory_equal(before.data, after.data, before.len);
	assert_int_equal(vdriver_sw(v, "00F700F9"), 0x9000);
	vkey_free(v);
}

static void
every_management_algorithm_authenticates_both_ways(void **state)
{
	static const struct {
		uint8_t alg;
		const char *set, *key;
	} algs[] = {
	    {0x08, "00FFFFFF13089B1000112233445566778899AABBCCDDEEFF",
		"00112233445566778899AABBCCDDEEFF"},
	    {0x0C,
		"00FFFFFF230C9B2000112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
		"00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"},
	    {0x03, "00FFFFFF1B039B1801020304050607081112131415161718212223242526272A",
		"01020304050607081112131415161718212223242526272A"},
	    {0x0A, "00FFFFFF1B0A9B1801020304050607081112131415161718212223242526272A",
		"01020304050607081112131415161718212223242526272A"},
	};
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, algs[0].set), 0x6982);
	vdriver_admin(v, "5.4.3");
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		assert_int_equal(vdriver_sw(v, algs[i].set), 0x9000);
		vkey_power(v, VKEY_POWER_RESET);
		assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
		assert_int_equal(vdriver_sw(v, algs[i].set), 0x6982);
		assert_int_equal(vdriver_authenticate(v, algs[i].alg, algs[i].key, false), 0x9000);
		assert_int_equal(vdriver_authenticate(v, algs[i].alg, algs[i].key, true), 0x9000);
	}
	/* The client that takes a 5.7 key for one with 3DES. */
	assert_int_equal(vdriver_authenticate(v, 0x03, FACTORY_MGM, false), 0x6A80);
	vkey_free(v);
}

static void
a_wrong_management_key_is_refused_and_costs_nothing(void **state)
{
	static const char wrong[] = "FF0203040506070801020304050607080102030405060708";
	struct vkey *v = vdriver_fresh("5.7.1");

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(vdriver_authenticate(v, 0x0A, wrong, false), 0x6982);
	vdriver_admin(v, "5.7.1");
	assert_int_equal(vdriver_authenticate(v, 0x0A, wrong, false), 0x6982);
	assert_int_equal(vdriver_sw(v, "00DB3FFF085C035FC1025301AA"), 0x6982);
	vkey_free(v);
}

static void
external_authentication_works_too_and_a_challenge_is_good_once(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");
	uint8_t key[24], c[17] = {0, 0x87, 0x03, 0x9B, 12, 0x7C, 10, 0x82, 8};
	struct vdriver_answer a = vdriver_send(v, "0087039B047C028100");

	(void)state;
	assert_int_equal(a.len, 12);
	vdriver_hex(FACTORY_MGM, key, sizeof(key));
	vdriver_ecb("DES-EDE3-ECB", key, true, a.data + 4, c + 9, 8);
	assert_int_equal(vdriver_raw(v, c, sizeof(c)).sw, 0x9000);
	assert_int_equal(vdriver_raw(v, c, sizeof(c)).sw, 0x6982);
	vkey_free(v);
}

static void
firmware_decides_what_exists(void **state)
{
	struct vkey *v = vdriver_fresh("5.2.4");

	(void)state;
	assert_int_equal(vdriver_sw(v, "00F70080"), 0x6D00);
	assert_int_equal(vdriver_sw(v, "00F6FF9A"), 0x6D00);
	vdriver_admin(v, "5.2.4");
	assert_int_equal(vdriver_sw(v, "0047009A05AC038001E0"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "00FFFFFF13089B1000112233445566778899AABBCCDDEEFF"), 0x6A80);
	vkey_free(v);
	v = vdriver_fresh("4.3.7");
	assert_int_equal(vdriver_sw(v, "00F80000"), 0x6D00);
	vkey_free(v);
	v = vdriver_fresh("5.7.1");
	vdriver_admin(v, "5.7.1");
	assert_int_equal(vdriver_sw(v, "0047009A05AC038001E0"), 0x9000);
	assert_int_equal(vdriver_sw(v, "0047009D05AC038001E1"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00F6829A"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00F6839A"), 0x6A88);
	assert_int_equal(vdriver_sw(v, "00F6829D"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "00F6FF82"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00F70082"), 0x6A88);
	vkey_free(v);
}

static void
only_the_two_applications_are_there_and_leaving_one_forgets(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_int_equal(vdriver_sw(v, "00A4040007A0000005272001"), 0x6A82);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x9000);
	vdriver_assert_answer(v, "00A4040008A000000527471117",
	    "5669727475616C206D6772202D2046572076657273696F6E20352E342E33");
	vdriver_assert_answer(v, "001D0000",
	    "2301020010020400BADA55030200100401010503050403060200000701"
	    "0F0801000A0100");
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x6D00);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x63C3);
	vkey_power(v, VKEY_POWER_RESET);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x6D00);
	assert_int_equal(vdriver_sw(v, "80200080"), 0x6E00);
	vkey_free(v);
}

static void
long_data_survives_chains_extended_lengths_and_get_response(void **state)
{
	static uint8_t ext[7 + 5 + 4 + 3000] = {0, 0xDB, 0x3F, 0xFF, 0};
	const size_t lc = sizeof(ext) - 7;
	struct vkey *v = vdriver_fresh("5.4.3");
	struct vdriver_answer a;
	size_t got;

	(void)state;
	vdriver_admin(v, "5.4.3");
	ext[5] = (uint8_t)(lc >> 8);
	ext[6] = (uint8_t)lc;
	memcpy(ext + 7, "\x5C\x03\x5F\xC1\x05\x53\x82\x0B\xB8", 9);
	memset(ext + 16, 0xA5, 3000);
	assert_int_equal(vdriver_raw(v, ext, sizeof(ext)).sw, 0x9000);
	/* Short: parts of 256; extended: all at once. */
	a = vdriver_send(v, "00CB3FFF055C035FC105");
	assert_int_equal(a.len, 256);
	assert_int_equal(a.sw, 0x6100);
	for (got = a.len; (a.sw & 0xFF00) == 0x6100; got += a.len)
		a = vdriver_send(v, "00C00000");
	assert_int_equal(got, 3004);
	assert_int_equal(vdriver_sw(v, "00C00000"), 0x6A80);
	assert_int_equal(vdriver_send(v, "00CB3FFF0000055C035FC105").len, 3004);
	/* The same through a chain. */
	for (size_t at = 7; at < sizeof(ext); at += 255) {
		uint8_t part[260] = {0, 0xDB, 0x3F, 0xFF};
		size_t n = sizeof(ext) - at < 255 ? sizeof(ext) - at : 255;

		part[0] = at + n < sizeof(ext) ? 0x10 : 0x00;
		part[4] = (uint8_t)n;
		memcpy(part + 5, ext + at, n);
		assert_int_equal(vdriver_raw(v, part, 5 + n).sw, 0x9000);
	}
	assert_int_equal(vdriver_send(v, "00CB3FFF0000055C035FC105").len, 3004);
	vkey_free(v);
}

static void
a_chain_that_another_command_interrupts_is_forgotten(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, "102000800431323334"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00FD0000"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00200080043536FFFF"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "102000800431323334"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00200080043536FFFF"), 0x9000);
	vkey_free(v);
}

static void
lengths_that_do_not_fit_are_refused(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, "00FD00"), 0x6700);
	assert_int_equal(vdriver_sw(v, "00CB3FFF095C035FC105"), 0x6700);
	assert_int_equal(vdriver_sw(v, "00CB3FFF0000095C035FC105"), 0x6700);
	assert_int_equal(vdriver_sw(v, "00CB3FFF0000"), 0x6700);
	assert_int_equal(vdriver_sw(v, "00CB3FFF055C095FC105"), 0x6A80);
	vkey_free(v);
}

static void
objects_have_their_readers_writers_and_limits(void **state)
{
	static uint8_t big[7 + 9 + 3064] = {0, 0xDB, 0x3F, 0xFF, 0};
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	assert_int_equal(vdriver_sw(v, "00DB3FFF085C035FC1025301AA"), 0x6982);
	assert_int_equal(vdriver_sw(v, "00CB3FFF055C035FC109"), 0x6982);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_int_equal(vdriver_sw(v, "00CB3FFF055C035FC109"), 0x6A82);
	vdriver_admin(v, "5.4.3");
	assert_int_equal(vdriver_sw(v, "00DB3FFF085C035FC1025301AA"), 0x9000);
	vdriver_assert_answer(v, "00CB3FFF055C035FC102", "5301AA");
	assert_int_equal(vdriver_sw(v, "00DB3FFF075C035FC1025300"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00CB3FFF055C035FC102"), 0x6A82);
	assert_int_equal(vdriver_sw(v, "00DB3FFF085C0311C1025301AA"), 0x6A80);
	vdriver_assert_answer(v, "00CB3FFF035C017E", "7E124F0BA0000003080000100001005F2F024000");
	big[5] = (uint8_t)((sizeof(big) - 7) >> 8);
	big[6] = (uint8_t)((sizeof(big) - 7) & 0xFF);
	memcpy(big + 7, "\x5C\x03\x5F\xC1\x05\x53\x82\x0B\xF8", 9);
	assert_int_equal(vdriver_raw(v, big, sizeof(big)).sw, 0x6A84);
	vkey_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_wrong_pin_answers_blocked_and_not_no_tries_left),
	    cmocka_unit_test(a_wrong_pin_ends_verification_and_a_right_one_refills_the_tries),
	    cmocka_unit_test(a_query_is_understood_in_every_encoding_and_spends_nothing),
	    cmocka_unit_test(a_pin_of_eight_ff_counts_as_wrong),
	    cmocka_unit_test(change_and_unblock_keep_their_own_counters),
	    cmocka_unit_test(complexity_refuses_simple_pins_where_it_is_on),
	    cmocka_unit_test(setting_retries_needs_both_secrets_and_restores_the_factory_pin),
	    cmocka_unit_test(reset_needs_both_blocked_and_spares_the_attestation_key),
	    cmocka_unit_test(every_management_algorithm_authenticates_both_ways),
	    cmocka_unit_test(a_wrong_management_key_is_refused_and_costs_nothing),
	    cmocka_unit_test(external_authentication_works_too_and_a_challenge_is_good_once),
	    cmocka_unit_test(firmware_decides_what_exists),
	    cmocka_unit_test(only_the_two_applications_are_there_and_leaving_one_forgets),
	    cmocka_unit_test(long_data_survives_chains_extended_lengths_and_get_response),
	    cmocka_unit_test(a_chain_that_another_command_interrupts_is_forgotten),
	    cmocka_unit_test(lengths_that_do_not_fit_are_refused),
	    cmocka_unit_test(objects_have_their_readers_writers_and_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
