/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the virtual YubiKey take its time: for a finger, and for work? */
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
#define SIGN_9D \
	"0087119D267C24820081201111111111111111111111111111111111111111111111111111111111111111"

/* PIN never; touch always in 9A, cached in 9D. */
static struct vkey *
touchy(struct vdriver_clock *c, struct vkey_config config)
{
	struct vkey *v;

	vdriver_clock_init(c);
	config.clock = &c->clock;
	config.firmware = "5.7.1";
	v = vdriver_open(&config);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	vdriver_admin(v, "5.7.1");
	assert_int_equal(vdriver_sw(v, "0047009A0BAC09800111AA0101AB0102"), 0x9000);
	assert_int_equal(vdriver_sw(v, "0047009D0BAC09800111AA0101AB0103"), 0x9000);
	c->slept_ms = 0;
	return v;
}

static void
a_touch_at_once_waits_for_nothing(void **state)
{
	struct vdriver_clock c;
	struct vkey *v = touchy(&c, (struct vkey_config){0});

	(void)state;
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_int_equal(c.slept_ms, 0);
	vkey_free(v);
}

static void
a_touch_that_never_comes_is_waited_for_15_seconds(void **state)
{
	struct vdriver_clock c;
	struct vkey *v = touchy(&c, (struct vkey_config){.touch = VKEY_TOUCH_NEVER});

	(void)state;
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x6982);
	assert_int_equal(c.slept_ms, 15000);
	assert_int_equal(vdriver_sw(v, SIGN_9D), 0x6982);
	assert_int_equal(c.slept_ms, 30000);
	vkey_free(v);
}

static void
a_touch_is_waited_for_as_long_as_it_takes_and_asked_for_each_time(void **state)
{
	struct vdriver_clock c;
	struct vkey *v =
	    touchy(&c, (struct vkey_config){.touch = VKEY_TOUCH_AFTER, .touch_ms = 2500});

	(void)state;
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_int_equal(c.slept_ms, 5000);
	vkey_free(v);
}

static void
a_touch_that_comes_too_late_is_none(void **state)
{
	struct vdriver_clock c;
	struct vkey *v =
	    touchy(&c, (struct vkey_config){.touch = VKEY_TOUCH_AFTER, .touch_ms = 16000});

	(void)state;
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x6982);
	assert_int_equal(c.slept_ms, 15000);
	vkey_free(v);
}

static void
a_cached_touch_is_good_for_15_seconds_and_for_its_own_key(void **state)
{
	struct vdriver_clock c;
	struct vkey *v =
	    touchy(&c, (struct vkey_config){.touch = VKEY_TOUCH_AFTER, .touch_ms = 1000});

	(void)state;
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9D), 0x9000);
	assert_int_equal(c.slept_ms, 2000);
	c.now_ms += 14999;
	assert_int_equal(vdriver_sw(v, SIGN_9D), 0x9000);
	assert_int_equal(c.slept_ms, 2000);
	c.now_ms += 1;
	assert_int_equal(vdriver_sw(v, SIGN_9D), 0x9000);
	assert_int_equal(c.slept_ms, 3000);
	vkey_power(v, VKEY_POWER_RESET);
	vdriver_sw(v, SELECT_PIV);
	assert_int_equal(vdriver_sw(v, SIGN_9D), 0x9000);
	assert_int_equal(c.slept_ms, 4000);
	vkey_free(v);
}

static void
no_pin_no_wait_for_a_touch(void **state)
{
	struct vdriver_clock c;
	struct vkey *v =
	    touchy(&c, (struct vkey_config){.touch = VKEY_TOUCH_AFTER, .touch_ms = 1000});

	(void)state;
	assert_int_equal(vdriver_sw(v, "0047009A0BAC09800111AA0102AB0102"), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x6982);
	assert_int_equal(c.slept_ms, 0);
	vkey_free(v);
}

static void
a_management_key_with_touch_asks_once_for_each_proof(void **state)
{
	struct vdriver_clock c;
	struct vkey *v =
	    touchy(&c, (struct vkey_config){.touch = VKEY_TOUCH_AFTER, .touch_ms = 1000});

	(void)state;
	assert_int_equal(vdriver_sw(v, "00FFFFFE1B0A9B18" FACTORY_MGM), 0x9000);
	assert_int_equal(vdriver_authenticate(v, 0x0A, FACTORY_MGM, false), 0x9000);
	assert_int_equal(c.slept_ms, 1000);
	vkey_free(v);
}

static void
back_in(struct vkey *v)
{
	vkey_insert(v);
	vkey_power(v, VKEY_POWER_ON);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
}

static void
a_key_taken_out_while_it_waits_for_a_touch_has_forgotten_all(void **state)
{
	struct vdriver_clock c;
	struct vkey *v =
	    touchy(&c, (struct vkey_config){.touch = VKEY_TOUCH_AFTER, .touch_ms = 500});

	(void)state;
	c.remove = v;
	assert_int_equal(vdriver_send(v, SIGN_9A).rc, VKEY_REMOVED);
	assert_false(vkey_present(v));
	back_in(v);
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800111"), 0x6982);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	vkey_free(v);
}

/* The first sleep of a command is the APDU's own: the second is the work. */
static void
a_key_taken_out_while_it_makes_a_key_has_made_none(void **state)
{
	struct vdriver_clock c;
	struct vkey *v = touchy(&c, (struct vkey_config){.real_timing = true});
	struct vdriver_answer before = vdriver_send(v, "00F7009A"), after;

	(void)state;
	c.remove = v;
	c.remove_at = 1;
	assert_int_equal(vdriver_send(v, "0047009A05AC03800114").rc, VKEY_REMOVED);
	back_in(v);
	after = vdriver_send(v, "00F7009A");
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	vkey_free(v);
}

static void
with_real_timing_rsa_takes_seconds_and_the_rest_takes_moments(void **state)
{
	struct vdriver_clock c;
	struct vkey *v = touchy(&c, (struct vkey_config){.real_timing = true});

	(void)state;
	assert_int_equal(vdriver_sw(v, "00FD0000"), 0x9000);
	assert_in_range(c.slept_ms, 1, 50);
	c.slept_ms = 0;
	assert_int_equal(vdriver_send(v, "0047009E05AC03800107").len, 256);
	assert_in_range(c.slept_ms, 1000, 30000);
	c.slept_ms = 0;
	assert_int_equal(vdriver_sw(v, "0047009E05AC03800111"), 0x9000);
	assert_in_range(c.slept_ms, 50, 1000);
	c.slept_ms = 0;
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_in_range(c.slept_ms, 20, 1000);
	vkey_free(v);
}

static void
a_delay_is_waited_by_the_same_clock(void **state)
{
	struct vdriver_clock c;
	struct vkey *v = touchy(&c, (struct vkey_config){0});
	char msg[256];

	(void)state;
	assert_int_equal(vkey_fault(v, "ins=FD;delay=7000", msg, sizeof(msg)), VKEY_OK);
	vdriver_assert_answer(v, "00FD0000", "050701");
	assert_int_equal(c.slept_ms, 7000);
	vkey_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_touch_at_once_waits_for_nothing),
	    cmocka_unit_test(a_touch_that_never_comes_is_waited_for_15_seconds),
	    cmocka_unit_test(a_touch_is_waited_for_as_long_as_it_takes_and_asked_for_each_time),
	    cmocka_unit_test(a_touch_that_comes_too_late_is_none),
	    cmocka_unit_test(a_cached_touch_is_good_for_15_seconds_and_for_its_own_key),
	    cmocka_unit_test(no_pin_no_wait_for_a_touch),
	    cmocka_unit_test(a_management_key_with_touch_asks_once_for_each_proof),
	    cmocka_unit_test(a_key_taken_out_while_it_waits_for_a_touch_has_forgotten_all),
	    cmocka_unit_test(a_key_taken_out_while_it_makes_a_key_has_made_none),
	    cmocka_unit_test(with_real_timing_rsa_takes_seconds_and_the_rest_takes_moments),
	    cmocka_unit_test(a_delay_is_waited_by_the_same_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
