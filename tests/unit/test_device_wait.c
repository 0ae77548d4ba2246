/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a token that is not there yet, or not free, waited for as long as was asked, and no longer? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utc.h"
#include "device_rig.h"

#define OTHER_SERIAL 55667788
#define NS_PER_SEC INT64_C(1000000000)

/* What happens while it is waited, and what was said. */
static struct {
	struct vkey *comes; /* in a new reader */
	bool let_go;
	int begun, ended;
	char why[200];
} scene;

static void
waiting(void *ctx, const char *why)
{
	(void)ctx;
	if (why == NULL) {
		scene.ended++;
		return;
	}
	scene.begun++;
	snprintf(scene.why, sizeof(scene.why), "%.199s", why);
	if (scene.comes != NULL)
		(void)shim_add("Yubico YubiKey CCID 01 00", scene.comes);
	if (scene.let_go)
		shim_hold(0, false);
}

static void
begin(struct rig *r)
{
	static const struct device_ui ui = {.waiting = waiting};

	memset(&scene, 0, sizeof(scene));
	rig_start(r, "5.7.1");
	device_closep(&r->dev);
	OK(r, device_open(&ui, &r->dev, &r->err));
}

static void
a_reader_that_comes_is_seen(void **state)
{
	const struct device_choice choice = {.serial = OTHER_SERIAL, .wait_sec = 1800};
	const int64_t since = utc_monotonic_ns();
	struct rig r;

	(void)state;
	begin(&r);
	scene.comes = rig_key("5.4.3", OTHER_SERIAL);
	OK(&r, token_open(r.dev, &choice, &r.token, &r.err));
	assert_int_equal(token_id(r.token)->serial, OTHER_SERIAL);
	assert_string_equal(token_id(r.token)->reader, "Yubico YubiKey CCID 01 00");
	assert_true(utc_monotonic_ns() - since < 1700 * NS_PER_SEC);
	assert_non_null(strstr(scene.why, "not in any reader"));
	assert_int_equal(scene.begun, 1);
	assert_int_equal(scene.ended, 1);
	rig_stop(&r);
	vkey_free(scene.comes);
}

static void
a_token_that_is_let_go_is_taken(void **state)
{
	const struct device_choice choice = {.wait_sec = 1800};
	struct rig r;

	(void)state;
	begin(&r);
	shim_hold(0, true);
	scene.let_go = true;
	OK(&r, token_open(r.dev, &choice, &r.token, &r.err));
	assert_non_null(strstr(scene.why, "held by another program"));
	assert_int_equal(scene.ended, 1);
	rig_stop(&r);
}

static void
what_does_not_come_is_given_up(void **state)
{
	const struct device_choice choice = {.serial = OTHER_SERIAL, .wait_sec = 1};
	const int64_t since = utc_monotonic_ns();
	int64_t took;
	struct rig r;

	(void)state;
	begin(&r);
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, &choice, &r.token, &r.err));
	took = utc_monotonic_ns() - since;
	assert_true(took >= NS_PER_SEC);
	assert_true(rig_says(&r, "55667788"));
	assert_int_equal(scene.ended, 1);
	/* the wait is not the card's time */
	assert_true((int64_t)device_stats(r.dev).card_ns <= took - NS_PER_SEC / 2);
	rig_stop(&r);
}

static void
nobody_waits_who_was_not_asked_to(void **state)
{
	const struct device_choice choice = {.serial = OTHER_SERIAL};
	struct rig r;

	(void)state;
	begin(&r);
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, &choice, &r.token, &r.err));
	assert_int_equal(scene.begun, 0);
	rig_stop(&r);
}

static void
what_waiting_does_not_cure_is_said_at_once(void **state)
{
	const struct device_choice choice = {.wait_sec = 1800};
	struct vkey *other;
	struct rig r;

	(void)state;
	begin(&r);
	other = rig_key("5.4.3", OTHER_SERIAL);
	(void)shim_add("Yubico YubiKey CCID 01 00", other);
	FAILS(&r, ERR_AMBIGUOUS, token_open(r.dev, &choice, &r.token, &r.err));
	assert_int_equal(scene.begun, 0);
	rig_stop(&r);
	vkey_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reader_that_comes_is_seen),
	    cmocka_unit_test(a_token_that_is_let_go_is_taken),
	    cmocka_unit_test(what_does_not_come_is_given_up),
	    cmocka_unit_test(nobody_waits_who_was_not_asked_to),
	    cmocka_unit_test(what_waiting_does_not_cure_is_said_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
