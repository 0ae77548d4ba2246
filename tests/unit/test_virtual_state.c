/* SPDX-License-Identifier: BSD-2-Clause */
/* What does a virtual YubiKey keep, log, and do wrong on request? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vdriver.h"

static char *
temp_path(const char *name)
{
	static char path[256];
	const char *tmp = getenv("TMPDIR");

	snprintf(
	    path, sizeof(path), "%s/ykvirt-%d-%s", tmp != NULL ? tmp : "/tmp", (int)getpid(), name);
	return path;
}

static void
remove_state(const char *path)
{
	static const char *const suffixes[] = {"", ".lock", ".log", ".tmp"};
	char name[300];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static void
what_a_token_keeps_survives_and_what_it_forgets_does_not(void **state)
{
	const char *path = temp_path("keep");
	const struct vkey_config config = {.state = path, .firmware = "5.7.1"};
	struct vkey *v = vdriver_open(&config), *other = NULL;
	struct vdriver_answer before, after;
	char msg[256] = "", *json;

	(void)state;
	vdriver_sw(v, SELECT_PIV);
	vdriver_admin(v, "5.7.1");
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800114"), 0x9000);
	assert_int_equal(vdriver_sw(v, "0047009D05AC038001E0"), 0x9000);
	assert_int_equal(vdriver_sw(v, "00DB3FFF085C035FC1025301AA"), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_WRONG), 0x63C2);
	before = vdriver_send(v, "00F7009A");
	assert_int_equal(vkey_open(&config, &other, msg, sizeof(msg)), VKEY_FAILED);
	assert_non_null(strstr(msg, "in use"));
	vkey_free(v);
	v = vdriver_open(&config);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	after = vdriver_send(v, "00F7009A");
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x63C2);
	assert_int_equal(vdriver_sw(v, "00DB3FFF085C035FC1025301AA"), 0x6982);
	assert_int_equal(vkey_witness(v)->refused_verify, 1);
	assert_int_equal(vkey_witness(v)->apdus, 12);
	vkey_free(v);
	json = vkey_inspect_file(path, msg, sizeof(msg));
	assert_non_null(json);
	assert_non_null(strstr(json, "\"apdus\": 12"));
	assert_null(strstr(json, "0102030405060708"));
	free(json);
	remove_state(path);
}

static void
the_log_names_commands_and_never_their_data(void **state)
{
	const char *path = temp_path("log");
	const struct vkey_config config = {.state = path};
	struct vkey *v = vdriver_open(&config);
	char name[300], text[512] = "";
	FILE *f;

	(void)state;
	vdriver_sw(v, SELECT_PIV);
	vdriver_sw(v, PIN_WRONG);
	vkey_free(v);
	snprintf(name, sizeof(name), "%s.log", path);
	f = fopen(name, "r");
	assert_non_null(f);
	(void)!fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	assert_string_equal(text, "1 00 A4 04 00 5 9000\n2 00 20 00 80 8 63C2\n");
	remove_state(path);
}

static int
apdu_rc(struct vkey *v, const char *hex)
{
	return vdriver_send(v, hex).rc;
}

static void
faults_happen_where_they_were_armed_and_once(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");
	char msg[256];

	(void)state;
	assert_int_equal(vkey_fault(v, "at=2;remove-before", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(apdu_rc(v, PIN_WRONG), VKEY_OK);
	assert_int_equal(apdu_rc(v, PIN_WRONG), VKEY_REMOVED);
	assert_false(vkey_present(v));
	assert_int_equal(vkey_back_ms(v), -1);
	assert_int_equal(apdu_rc(v, PIN_WRONG), VKEY_REMOVED);
	assert_int_equal(vkey_power(v, VKEY_POWER_ON), VKEY_REMOVED);
	vkey_insert(v);
	assert_int_equal(apdu_rc(v, SELECT_PIV), VKEY_OFF);
	vkey_power(v, VKEY_POWER_ON);
	vdriver_sw(v, SELECT_PIV);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x63C2);

	assert_int_equal(
	    vkey_fault(v, "ins=20,data,nth=1,remove-after,back=30", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(apdu_rc(v, PIN_QUERY), VKEY_OK);
	assert_int_equal(apdu_rc(v, PIN_WRONG), VKEY_REMOVED);
	assert_int_equal(vkey_back_ms(v), 30);
	vkey_insert(v);
	vkey_power(v, VKEY_POWER_ON);
	vdriver_sw(v, SELECT_PIV);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x63C1);

	assert_int_equal(vkey_fault(v, "at=1;remove-answered", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_false(vkey_present(v));
	assert_int_equal(vkey_witness(v)->faults, 3);
	vkey_free(v);
}

static void
answers_can_be_replaced_cut_and_spoiled(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");
	char msg[256];
	uint8_t out[VKEY_ANSWER_MAX];
	size_t n = 0;

	(void)state;
	assert_int_equal(vkey_fault(v, "ins=20;p2=80;sw=6F00", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(vdriver_sw(v, PIN_WRONG), 0x6F00);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x63C3);
	assert_int_equal(vkey_fault(v, "at=1;short", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(
	    vkey_apdu(v, (const uint8_t *)"\0\xFD\0\0", 4, out, sizeof(out), &n), VKEY_OK);
	assert_int_equal(n, 1);
	assert_int_equal(vkey_fault(v, "at=1;long", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(vdriver_send(v, "00FD0000").len, 3 + 16);
	assert_int_equal(vkey_fault(v, "at=1;garbage", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(vdriver_send(v, "00FD0000").len, 3);
	vkey_free(v);
}

static void
a_fault_that_makes_no_sense_is_refused(void **state)
{
	static const char *const wrong[] = {"", "at=1", "remove-after", "at=1;ins=20;remove-after",
	    "at=0;short", "at=1;nth=2;short", "at=1;short;long", "at=1;sw=10000", "ins=100;short",
	    "at=1;back=5;short", "at=1;frob", "at=;short", "at=1;data;short"};
	struct vkey *v = vdriver_fresh("5.4.3");
	char msg[256];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		msg[0] = '\0';
		assert_int_equal(vkey_fault(v, wrong[i], msg, sizeof(msg)), VKEY_FAILED);
		assert_true(msg[0] != '\0');
	}
	vkey_free(v);
}

static void
what_cannot_be_opened_says_why(void **state)
{
	static const char *const wrong[] = {"5.4", "5.4.3x", "3.1.0", "five", "5.10.1"};
	struct vkey *v = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct vkey_config config = {.firmware = wrong[i]};
		char msg[256] = "";

		assert_int_equal(vkey_open(&config, &v, msg, sizeof(msg)), VKEY_FAILED);
		assert_non_null(strstr(msg, wrong[i]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_token_keeps_survives_and_what_it_forgets_does_not),
	    cmocka_unit_test(the_log_names_commands_and_never_their_data),
	    cmocka_unit_test(faults_happen_where_they_were_armed_and_once),
	    cmocka_unit_test(answers_can_be_replaced_cut_and_spoiled),
	    cmocka_unit_test(a_fault_that_makes_no_sense_is_refused),
	    cmocka_unit_test(what_cannot_be_opened_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
