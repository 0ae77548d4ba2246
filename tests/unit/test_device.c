/* SPDX-License-Identifier: BSD-2-Clause */
/* Is the right token opened, the right remedy named, and a token that went away given up? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <winscard.h>

#include "base/utc.h"
#include "device/wire.h"
#include "device_rig.h"

/* ---- opening ---- */

static void
the_only_token_is_opened_and_known(void **state)
{
	const char *const firmwares[] = {"5.2.4", "5.4.3", "5.7.1"};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		char text[16];
		const struct token_id *id;

		rig_start(&r, firmwares[i]);
		rig_token(&r);
		id = token_id(r.token);
		snprintf(text, sizeof(text), "%d.%d.%d", id->firmware[0], id->firmware[1],
		    id->firmware[2]);
		assert_string_equal(text, firmwares[i]);
		assert_int_equal(id->serial, RIG_SERIAL);
		assert_string_equal(id->reader, RIG_READER);
		assert_int_equal(shim_apdus(), 3);
		rig_stop(&r);
	}
}

static void
no_verified_pin_stays_behind(void **state)
{
	struct rig r;
	uint8_t out[VKEY_ANSWER_MAX];
	size_t n = 0;

	(void)state;
	rig_start(&r, "5.4.3");
	rig_token(&r);
	OK(&r, rig_verify(&r, "123456", 0));
	token_closep(&r.token);
	assert_int_equal(
	    vkey_apdu(r.key, (const uint8_t *)"\x00\xa4\x04\x00\x05\xa0\x00\x00\x03\x08", 10, out,
		sizeof(out), &n),
	    VKEY_OK);
	assert_int_equal(
	    vkey_apdu(r.key, (const uint8_t *)"\x00\x20\x00\x80", 4, out, sizeof(out), &n),
	    VKEY_OK);
	assert_memory_equal(out, "\x63\xc3", 2);
	rig_stop(&r);
}

static void
two_tokens_need_a_choice_and_the_error_lists_them(void **state)
{
	struct device_choice choice = {.serial = 0};
	struct vkey *other;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	other = rig_key("5.4.3", 777);
	(void)shim_add("Yubico YubiKey CCID 01 00", other);
	FAILS(&r, ERR_AMBIGUOUS, token_open(r.dev, NULL, &r.token, &r.err));
	assert_true(rig_says(&r, "11223344") && rig_says(&r, "777"));
	choice.serial = 777;
	OK(&r, token_open(r.dev, &choice, &r.token, &r.err));
	assert_int_equal(token_id(r.token)->serial, 777);
	token_closep(&r.token);
	choice = (struct device_choice){.reader = RIG_READER};
	OK(&r, token_open(r.dev, &choice, &r.token, &r.err));
	assert_int_equal(token_id(r.token)->serial, RIG_SERIAL);
	token_closep(&r.token);
	choice.serial = 777;
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, &choice, &r.token, &r.err));
	choice = (struct device_choice){.serial = 42};
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, &choice, &r.token, &r.err));
	choice = (struct device_choice){.reader = "Yubico"};
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, &choice, &r.token, &r.err));
	rig_stop(&r);
	vkey_free(other);
}

static void
another_card_never_gets_an_apdu(void **state)
{
	static const uint8_t atr[] = {0x3b, 0x02, 0x14, 0x50};
	struct device_entry *entries = NULL;
	struct rig r;
	size_t n = 0;

	(void)state;
	rig_start(&r, "5.7.1");
	shim_set_atr(0, atr, sizeof(atr));
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, NULL, &r.token, &r.err));
	assert_true(rig_says(&r, "not a YubiKey"));
	OK(&r, device_list(r.dev, &entries, &n, &r.err));
	assert_int_equal(n, 1);
	assert_false(entries[0].usable);
	assert_int_equal(entries[0].code, ERR_NO_TOKEN);
	free(entries);
	assert_int_equal(shim_apdus(), 0);
	rig_stop(&r);
}

static void
what_is_missing_is_named_with_its_remedy(void **state)
{
	static const struct {
		long rc;
		const char *text;
	} services[] = {
	    {SCARD_E_NO_SERVICE, "systemctl start pcscd"},
	    {SCARD_W_SECURITY_VIOLATION, "polkit"},
	    {SCARD_E_NO_ACCESS, "socket"},
	};
	struct device *dev = NULL;
	struct rig r;
	char msg[200];
	size_t i;

	(void)state;
	rig_start(&r, "5.7.1");
	vkey_remove(r.key);
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, NULL, &r.token, &r.err));
	assert_true(rig_says(&r, "plug one in"));
	vkey_insert(r.key);
	assert_int_equal(vkey_fault(r.key, "ins=A4;sw=6A82", msg, sizeof(msg)), 0);
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, NULL, &r.token, &r.err));
	assert_true(rig_says(&r, "ykman config usb --enable PIV"));
	for (i = 0; i < 3; i++) {
		shim_set_service(services[i].rc);
		FAILS(&r, ERR_NO_TOKEN, device_open(NULL, &dev, &r.err));
		assert_true(rig_says(&r, services[i].text));
	}
	rig_stop(&r);
}

static void
a_token_held_by_another_process_is_not_waited_for(void **state)
{
	const int64_t since = utc_monotonic_ns();
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	shim_hold(0, true);
	FAILS(&r, ERR_HELD, token_open(r.dev, NULL, &r.token, &r.err));
	assert_true(utc_monotonic_ns() - since < INT64_C(25000000000));
	assert_int_equal(shim_apdus(), 0);
	shim_hold(0, false);
	rig_token(&r);
	rig_stop(&r);
}

/* ---- going away ---- */

static void
after_a_reset_by_another_all_is_gone_and_nothing_is_sent_again(void **state)
{
	CLEAN(blob_wipe) struct blob b = {0};
	struct token_pin_state pin;
	struct rig r;
	unsigned n;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	OK(&r, rig_verify(&r, "123456", 0));
	shim_reset_card(0);
	n = shim_apdus();
	FAILS(&r, ERR_GONE, token_attest(r.token, 0x9a, &b, &r.err)); /* by libykpiv */
	FAILS(&r, ERR_GONE, token_pin_state(r.token, &pin, &r.err));
	FAILS(&r, ERR_GONE, rig_verify(&r, "123456", 0));
	assert_int_equal(shim_apdus(), n);
	rig_stop(&r);
}

static void
another_token_in_its_place_is_never_spoken_to(void **state)
{
	CLEAN(blob_wipe) struct blob b = {0};
	struct vkey *other;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	other = rig_key("5.7.1", 999);
	rig_token(&r);
	shim_swap(0, other);
	FAILS(&r, ERR_GONE, token_get_object(r.token, OBJ_CHUID, &b, &r.err));
	assert_int_equal(vkey_witness(other)->apdus, 0);
	rig_stop(&r);
	vkey_free(other);
}

_Noreturn static LONG
silent(SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci, const uint8_t *in, DWORD in_len,
    SCARD_IO_REQUEST *recv_pci, uint8_t *out, DWORD *out_len)
{
	(void)card;
	(void)send_pci;
	(void)in;
	(void)in_len;
	(void)recv_pci;
	(void)out;
	(void)out_len;
	for (;;)
		pause();
}

static void
say_deadline(void *ctx)
{
	(void)!write(*(int *)ctx, "late", 4);
}

static void
a_silent_token_ends_the_process_with_14(void **state)
{
	struct device_ui ui = {.deadline = say_deadline};
	char text[8] = "";
	int fds[2], status = 0;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	ui.ctx = &fds[1];
	if ((child = fork()) == 0) {
		if (wire_start(&ui, NULL) != 0)
			_exit(1);
		wire_enter(1);
		(void)wire_transmit(silent, 1, NULL, NULL, 0, NULL, NULL, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 14);
	assert_int_equal(read(fds[0], text, 4), 4);
	assert_string_equal(text, "late");
	close(fds[0]);
	close(fds[1]);
}

/* ---- the whole ---- */

static void
an_enrolment_takes_at_most_40_apdus_and_the_count_is_the_tokens(void **state)
{
	const uint8_t guid[DEVICE_GUID_LEN] = {7};
	SECRET(key) = secret_new();
	SECRET(pin) = rig_secret("123456");
	SECRET(puk) = rig_secret("12345678");
	SECRET(pin2) = rig_secret("847261");
	SECRET(puk2) = rig_secret("48151623");
	CLEAN(blob_wipe) struct blob spki = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(blob_wipe) struct blob got = {0};
	uint8_t in[32] = {1}, sig[KEY_SIG_MAX];
	size_t len = sizeof(sig);
	struct token_pin_state s;
	struct token_mgm_state m;
	struct token_slot slot;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	OK(&r, token_pin_state(r.token, &s, &r.err));
	OK(&r, token_puk_state(r.token, &s, &r.err));
	OK(&r, token_mgm_state(r.token, &m, &r.err));
	FAILS(&r, ERR_ABSENT, token_slot(r.token, 0x9a, &slot, &r.err));
	FAILS(&r, ERR_ABSENT, token_get_cert(r.token, 0x9a, &got, &r.err));
	OK(&r, token_get_cert(r.token, DEVICE_SLOT_F9, &got, &r.err));
	rig_authenticate(&r);
	OK(&r, device_mgm_generate(MGM_AES192, key, &r.err));
	OK(&r, token_set_mgmkey(r.token, MGM_AES192, key, false, &r.err));
	OK(&r, token_change_puk(r.token, puk, puk2, 0, &r.err));
	OK(&r, token_change_pin(r.token, pin, pin2, 0, &r.err));
	OK(&r, token_verify_pin(r.token, pin2, 0, &r.err));
	OK(&r, token_generate(r.token, 0x9a, KEY_P256, 2, 1, &spki, &r.err));
	OK(&r, token_put_chuid(r.token, guid, utc_now(), &r.err));
	OK(&r, token_put_ccc(r.token, &r.err));
	OK(&r, token_attest(r.token, 0x9a, &got, &r.err));
	OK(&r, token_sign(r.token, 0x9a, KEY_P256, false, in, sizeof(in), sig, &len, &r.err));
	rig_cert(&der, 800);
	OK(&r, token_put_cert(r.token, 0x9a, &der, &r.err));
	OK(&r, token_get_cert(r.token, 0x9a, &got, &r.err));
	len = sizeof(sig);
	OK(&r, token_sign(r.token, 0x9a, KEY_P256, false, in, sizeof(in), sig, &len, &r.err));
	token_closep(&r.token);
	print_message("an enrolment: %u APDUs\n", device_stats(r.dev).apdus);
	assert_true(device_stats(r.dev).apdus <= 40);
	assert_int_equal(device_stats(r.dev).apdus, vkey_witness(r.key)->apdus);
	assert_true(device_stats(r.dev).card_ns > 0);
	rig_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_only_token_is_opened_and_known),
	    cmocka_unit_test(no_verified_pin_stays_behind),
	    cmocka_unit_test(two_tokens_need_a_choice_and_the_error_lists_them),
	    cmocka_unit_test(another_card_never_gets_an_apdu),
	    cmocka_unit_test(what_is_missing_is_named_with_its_remedy),
	    cmocka_unit_test(a_token_held_by_another_process_is_not_waited_for),
	    cmocka_unit_test(after_a_reset_by_another_all_is_gone_and_nothing_is_sent_again),
	    cmocka_unit_test(another_token_in_its_place_is_never_spoken_to),
	    cmocka_unit_test(a_silent_token_ends_the_process_with_14),
	    cmocka_unit_test(an_enrolment_takes_at_most_40_apdus_and_the_count_is_the_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
