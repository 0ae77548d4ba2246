/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the device room do to a token what its contract says, and tell the truth about it? */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <winscard.h>
#include <zlib.h>

#include "base/utc.h"
#include "device/wire.h"
#include "device_rig.h"

#define SECRET(name) CLEAN(secret_freep) struct secret *name

/* rc, with the error's text where it is not what was wanted */
#define OK(rig, call)                                            \
	do {                                                     \
		int rc_ = (call);                                \
		if (rc_ != 0)                                    \
			fail_msg(#call ": %s", (rig)->err.text); \
	} while (0)
#define FAILS(rig, code, call)                                            \
	do {                                                              \
		int rc_ = (call);                                         \
		if (rc_ != (code))                                        \
			fail_msg(#call ": %d, %s", rc_, (rig)->err.text); \
	} while (0)

static void
authenticate(struct rig *r)
{
	SECRET(key) = rig_bytes(device_factory_mgmkey, 24);

	OK(r, token_authenticate(r->token, key, &r->err));
}

static int
verify(struct rig *r, const char *pin, unsigned flags)
{
	SECRET(s) = rig_secret(pin);

	return token_verify_pin(r->token, s, flags, &r->err);
}

static bool
says(const struct rig *r, const char *what)
{
	if (strstr(r->err.text, what) != NULL)
		return true;
	print_error("no '%s' in: %s\n", what, r->err.text);
	return false;
}

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
	OK(&r, verify(&r, "123456", 0));
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
	assert_true(says(&r, "11223344") && says(&r, "777"));
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
	assert_true(says(&r, "not a YubiKey"));
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
	assert_true(says(&r, "plug one in"));
	vkey_insert(r.key);
	assert_int_equal(vkey_fault(r.key, "ins=A4;sw=6A82", msg, sizeof(msg)), 0);
	FAILS(&r, ERR_NO_TOKEN, token_open(r.dev, NULL, &r.token, &r.err));
	assert_true(says(&r, "ykman config usb --enable PIV"));
	for (i = 0; i < 3; i++) {
		shim_set_service(services[i].rc);
		FAILS(&r, ERR_NO_TOKEN, device_open(NULL, &dev, &r.err));
		assert_true(says(&r, services[i].text));
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
	assert_true(utc_monotonic_ns() - since < 4000000000);
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
	OK(&r, verify(&r, "123456", 0));
	shim_reset_card(0);
	n = shim_apdus();
	FAILS(&r, ERR_GONE, token_attest(r.token, 0x9a, &b, &r.err)); /* by libykpiv */
	FAILS(&r, ERR_GONE, token_pin_state(r.token, &pin, &r.err));
	FAILS(&r, ERR_GONE, verify(&r, "123456", 0));
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
	assert_true(says(&r, "5.3"));
	FAILS(&r, ERR_PIN, token_change_puk(r.token, old, new_puk, 0, &r.err));
	assert_int_equal(r.err.tries, -1);
	OK(&r, token_change_puk(r.token, old, new_puk, DEVICE_LAST_TRY, &r.err));
	OK(&r, verify(&r, "123456", 0));
	OK(&r, verify(&r, "123456", 0));
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
		authenticate(&r);
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
	authenticate(&r);
	n = shim_apdus();
	FAILS(&r, ERR_USAGE, token_set_mgmkey(r.token, MGM_3DES, key, false, &r.err));
	assert_true(says(&r, "weak"));
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
		FAILS(&r, ERR_PIN, verify(&r, "999999", 0));
		assert_int_equal(r.err.tries, 2);
		FAILS(&r, ERR_PIN, verify(&r, "999999", 0));
		assert_int_equal(r.err.tries, 1);
		assert_int_equal(vkey_witness(r.key)->refused_verify, 2);
		FAILS(&r, ERR_PIN, verify(&r, "123456", 0));
		assert_true(says(&r, "--last-try"));
		assert_int_equal(r.err.tries, 1);
		FAILS(&r, ERR_PIN, token_change_pin(r.token, wrong, pin, 0, &r.err));
		rig_restart(&r);
		FAILS(&r, ERR_PIN, verify(&r, "999999", 0));
		assert_int_equal(vkey_witness(r.key)->refused_verify, 2);
		assert_int_equal(vkey_witness(r.key)->refused_change, 0);
		FAILS(&r, ERR_BLOCKED, verify(&r, "999999", DEVICE_LAST_TRY));
		assert_int_equal(vkey_witness(r.key)->refused_verify, 3);
		FAILS(&r, ERR_BLOCKED, verify(&r, "123456", 0));
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
	FAILS(&r, ERR_USAGE, verify(&r, "12345", 0));
	FAILS(&r, ERR_USAGE, verify(&r, "123456789", 0));
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
	authenticate(&r);
	FAILS(&r, ERR_PIN, token_set_retries(r.token, 8, 5, &r.err));
	OK(&r, verify(&r, "847261", 0));
	FAILS(&r, ERR_USAGE, token_set_retries(r.token, 0, 5, &r.err));
	FAILS(&r, ERR_USAGE, token_set_retries(r.token, 8, 16, &r.err));
	OK(&r, token_set_retries(r.token, 8, 5, &r.err));
	OK(&r, token_pin_state(r.token, &s, &r.err));
	assert_true(s.factory && s.tries_left == 8 && s.tries_max == 8);
	OK(&r, token_puk_state(r.token, &s, &r.err));
	assert_true(s.factory && s.tries_left == 5);
	rig_stop(&r);
}

/* ---- keys ---- */

static EVP_PKEY *
public_key(const struct blob *spki)
{
	const uint8_t *p = spki->data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki->len);

	assert_non_null(key);
	return key;
}

static bool
digest_verifies(
    const struct blob *spki, const uint8_t *sig, size_t sig_len, const uint8_t *in, size_t in_len)
{
	EVP_PKEY *key = public_key(spki);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good;

	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	if (EVP_PKEY_is_a(key, "RSA")) {
		uint8_t out[512];
		size_t len = sizeof(out);

		assert_int_equal(EVP_PKEY_verify_recover_init(ctx), 1);
		assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0);
		good = EVP_PKEY_verify_recover(ctx, out, &len, sig, sig_len) == 1 &&
		       len == in_len && memcmp(out, in, len) == 0;
	} else {
		good = EVP_PKEY_verify(ctx, sig, sig_len, in, in_len) == 1;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

static bool
message_verifies(
    const struct blob *spki, const uint8_t *sig, size_t sig_len, const uint8_t *in, size_t in_len)
{
	EVP_PKEY *key = public_key(spki);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key), 1);
	good = EVP_DigestVerify(ctx, sig, sig_len, in, in_len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

static void
generated_keys_sign_what_openssl_verifies(void **state)
{
	static const struct {
		const char *firmware;
		enum key_alg alg;
		size_t in_len;
	} cases[] = {
	    {"5.4.3", KEY_P256, 32},
	    {"5.4.3", KEY_P384, 48},
	    {"5.7.1", KEY_P384, 32},
	    {"5.4.3", KEY_RSA2048, 256},
	    {"5.7.1", KEY_RSA3072, 384},
	    {"5.7.1", KEY_ED25519, 500},
	};
	uint8_t in[512], sig[KEY_SIG_MAX];
	struct token_slot slot;
	struct rig r;
	size_t i;

	(void)state;
	memset(in, 0x5a, sizeof(in));
	in[0] = 0;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEAN(blob_wipe) struct blob spki = {0};
		size_t len = sizeof(sig);

		rig_start(&r, cases[i].firmware);
		rig_token(&r);
		authenticate(&r);
		OK(&r, token_generate(r.token, 0x9a, cases[i].alg, 2, 1, &spki, &r.err));
		FAILS(&r, ERR_PIN,
		    token_sign(r.token, 0x9a, cases[i].alg, false, in, cases[i].in_len, sig, &len,
			&r.err));
		OK(&r, verify(&r, "123456", 0));
		len = sizeof(sig);
		OK(&r, token_sign(r.token, 0x9a, cases[i].alg, false, in, cases[i].in_len, sig,
			   &len, &r.err));
		assert_true(cases[i].alg == KEY_ED25519
				? message_verifies(&spki, sig, len, in, cases[i].in_len)
				: digest_verifies(&spki, sig, len, in, cases[i].in_len));
		OK(&r, token_slot(r.token, 0x9a, &slot, &r.err));
		assert_true(slot.alg == cases[i].alg && slot.generated);
		assert_true(slot.pin_policy == 2 && slot.touch_policy == 1);
		assert_true(blob_equal(&slot.spki, &spki));
		blob_wipe(&slot.spki);
		rig_stop(&r);
	}
}

static void
what_the_firmware_cannot_generate_is_not_asked_for(void **state)
{
	CLEAN(blob_wipe) struct blob spki = {0};
	struct rig r;
	unsigned n;

	(void)state;
	rig_start(&r, "5.4.3");
	rig_token(&r);
	n = shim_apdus();
	FAILS(&r, ERR_USAGE, token_generate(r.token, 0x9a, KEY_ED25519, 0, 0, &spki, &r.err));
	FAILS(&r, ERR_USAGE, token_generate(r.token, 0x9a, KEY_RSA4096, 0, 0, &spki, &r.err));
	FAILS(&r, ERR_USAGE, token_generate(r.token, 0x9a, KEY_NONE, 0, 0, &spki, &r.err));
	rig_stop(&r);
	rig_start(&r, "4.3.1");
	rig_token(&r);
	FAILS(&r, ERR_USAGE, token_generate(r.token, 0x9a, KEY_RSA2048, 0, 0, &spki, &r.err));
	assert_true(says(&r, "CVE-2017-15361"));
	assert_int_equal(shim_log_count(0x47), 0);
	assert_true(n > 0);
	rig_stop(&r);
}

static void
a_key_that_wants_a_touch_announces_it_and_says_when_none_came(void **state)
{
	const struct vkey_config config = {
	    .firmware = "5.7.1", .serial = RIG_SERIAL, .touch_never = true};
	CLEAN(blob_wipe) struct blob spki = {0};
	uint8_t in[32] = {1}, sig[KEY_SIG_MAX];
	size_t len = sizeof(sig);
	char msg[200];
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	vkey_free(r.key);
	assert_int_equal(vkey_open(&config, &r.key, msg, sizeof(msg)), VKEY_OK);
	shim_swap(0, r.key);
	rig_token(&r);
	authenticate(&r);
	OK(&r, token_generate(r.token, 0x9a, KEY_P256, 2, 2, &spki, &r.err));
	OK(&r, verify(&r, "123456", 0));
	FAILS(&r, ERR_TOUCH,
	    token_sign(r.token, 0x9a, KEY_P256, true, in, sizeof(in), sig, &len, &r.err));
	rig_stop(&r);
}

static unsigned touches[2];

static void
on_touch(void *ctx, bool begin)
{
	(void)ctx;
	touches[begin]++;
}

static void
touch_is_announced_and_its_end_too(void **state)
{
	const struct device_ui ui = {.touch = on_touch};
	CLEAN(blob_wipe) struct blob spki = {0};
	uint8_t in[32] = {1}, sig[KEY_SIG_MAX];
	size_t len = sizeof(sig);
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	device_closep(&r.dev);
	OK(&r, device_open(&ui, &r.dev, &r.err));
	rig_token(&r);
	authenticate(&r);
	OK(&r, token_generate(r.token, 0x9a, KEY_P256, 2, 3, &spki, &r.err));
	OK(&r, verify(&r, "123456", 0));
	assert_int_equal(touches[true], 0);
	OK(&r, token_sign(r.token, 0x9a, KEY_P256, true, in, sizeof(in), sig, &len, &r.err));
	assert_int_equal(touches[true], 1);
	assert_int_equal(touches[false], 1);
	rig_stop(&r);
}

static void
the_attestation_is_of_the_generated_key(void **state)
{
	CLEAN(blob_wipe) struct blob spki = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(blob_wipe) struct blob f9 = {0};
	const uint8_t *p;
	uint8_t *attested = NULL;
	struct rig r;
	X509 *cert;
	int n;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	FAILS(&r, ERR_ABSENT, token_attest(r.token, 0x9a, &der, &r.err));
	authenticate(&r);
	OK(&r, token_generate(r.token, 0x9a, KEY_P256, 0, 0, &spki, &r.err));
	OK(&r, token_attest(r.token, 0x9a, &der, &r.err));
	OK(&r, token_get_f9(r.token, &f9, &r.err));
	p = der.data;
	cert = d2i_X509(NULL, &p, (long)der.len);
	assert_non_null(cert);
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &attested);
	assert_int_equal(n, spki.len);
	assert_memory_equal(attested, spki.data, spki.len);
	OPENSSL_free(attested);
	X509_free(cert);
	rig_stop(&r);
}

/* ---- objects ---- */

/* SEQUENCE { OCTET STRING } of len bytes in all: enough of a certificate for a slot */
static void
fake_cert(struct blob *ret, size_t len)
{
	static uint8_t bytes[4096];

	memset(bytes, 0x41, sizeof(bytes));
	bytes[0] = 0x30;
	bytes[1] = 0x82;
	bytes[2] = (uint8_t)((len - 4) >> 8);
	bytes[3] = (uint8_t)(len - 4);
	assert_int_equal(blob_set(ret, bytes, len, NULL), 0);
}

static void
a_certificate_comes_back_as_it_was_stored(void **state)
{
	const size_t sizes[] = {130, 500, 850, 2000, DEVICE_CERT_MAX};
	const char *const firmwares[] = {"4.3.5", "5.4.3", "5.7.1"};
	struct rig r;
	size_t i, j;

	(void)state;
	for (j = 0; j < 3; j++) {
		rig_start(&r, firmwares[j]);
		rig_token(&r);
		authenticate(&r);
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			CLEAN(blob_wipe) struct blob der = {0};
			CLEAN(blob_wipe) struct blob got = {0};
			unsigned n = shim_apdus();

			fake_cert(&der, sizes[i]);
			OK(&r, token_put_cert(r.token, 0x9a, &der, &r.err));
			OK(&r, token_get_cert(r.token, 0x9a, &got, &r.err));
			assert_int_equal(shim_apdus() - n, 2); /* extended length */
			assert_true(blob_equal(&der, &got));
		}
		rig_stop(&r);
	}
}

static void
a_certificate_that_does_not_fit_is_not_sent(void **state)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct rig r;
	unsigned n;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	authenticate(&r);
	n = shim_apdus();
	fake_cert(&der, DEVICE_CERT_MAX + 1);
	FAILS(&r, ERR_FIT, token_put_cert(r.token, 0x9a, &der, &r.err));
	FAILS(&r, ERR_FIT,
	    token_put_object(r.token, OBJ_ADMIN, &(struct blob){der.data, 3064}, &r.err));
	assert_int_equal(shim_apdus(), n);
	FAILS(&r, ERR_ABSENT, token_get_cert(r.token, 0x9a, &der, &r.err));
	rig_stop(&r);
}

static size_t
gzipped(const struct blob *plain, uint8_t *out, size_t room)
{
	z_stream z = {0};
	size_t len;

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = plain->data;
	z.avail_in = (uInt)plain->len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	len = room - z.avail_out;
	deflateEnd(&z);
	return len;
}

static void
a_compressed_certificate_is_read_and_a_bomb_is_not(void **state)
{
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(blob_wipe) struct blob got = {0};
	CLEAN(blob_wipe) struct blob bomb = {0};
	uint8_t object[1024] = {0x70, 0x82};
	static uint8_t zeros[200000];
	struct rig r;
	size_t n;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	fake_cert(&der, 3900);
	n = gzipped(&der, object + 4, 900);
	object[2] = (uint8_t)(n >> 8);
	object[3] = (uint8_t)n;
	memcpy(object + 4 + n, "\x71\x01\x01\xfe\x00", 5);
	assert_int_equal(vkey_set_object(r.key, OBJ_CERT_9A, object, n + 9), 0);
	OK(&r, token_get_cert(r.token, 0x9a, &got, &r.err));
	assert_true(blob_equal(&der, &got));
	OK(&r, blob_set(&bomb, zeros, sizeof(zeros), &r.err));
	n = gzipped(&bomb, object + 4, 900);
	object[2] = (uint8_t)(n >> 8);
	object[3] = (uint8_t)n;
	memcpy(object + 4 + n, "\x71\x01\x01\xfe\x00", 5);
	assert_int_equal(vkey_set_object(r.key, OBJ_CERT_9A, object, n + 9), 0);
	FAILS(&r, ERR_FIT, token_get_cert(r.token, 0x9a, &got, &r.err));
	rig_stop(&r);
}

static void
chuid_and_ccc_are_as_every_client_expects_them(void **state)
{
	static const uint8_t chuid[] = {0x30, 0x19, 0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39,
	    0xce, 0x73, 0x9d, 0x83, 0x68, 0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xc8, 0x42,
	    0x10, 0xc3, 0xeb, 0x34, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	    0x35, 0x08, '2', '0', '3', '6', '1', '1', '2', '0', 0x3e, 0x00, 0xfe, 0x00};
	const uint8_t guid[DEVICE_GUID_LEN] = {
	    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	CLEAN(blob_wipe) struct blob got = {0};
	uint8_t back[DEVICE_GUID_LEN];
	int64_t expires = 0;
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	authenticate(&r);
	FAILS(&r, ERR_ABSENT, token_get_guid(r.token, back, &r.err));
	assert_int_equal(utc_parse("2036-11-20T21:00:00Z", &expires), 0);
	OK(&r, token_put_chuid(r.token, guid, expires, &r.err));
	OK(&r, token_get_object(r.token, OBJ_CHUID, &got, &r.err));
	assert_int_equal(got.len, sizeof(chuid));
	assert_memory_equal(got.data, chuid, sizeof(chuid));
	OK(&r, token_get_guid(r.token, back, &r.err));
	assert_memory_equal(back, guid, sizeof(guid));
	OK(&r, token_put_ccc(r.token, &r.err));
	blob_wipe(&got);
	OK(&r, token_get_object(r.token, OBJ_CCC, &got, &r.err));
	assert_int_equal(got.len, 51);
	assert_memory_equal(got.data, "\xf0\x15\xa0\x00\x00\x01\x16\xff\x02", 9);
	rig_stop(&r);
}

static void
an_empty_object_deletes_and_printed_needs_the_pin(void **state)
{
	CLEAN(blob_wipe) struct blob b = {0};
	CLEAN(blob_wipe) struct blob got = {0};
	const struct blob empty = {0};
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	authenticate(&r);
	OK(&r, blob_set(&b, "\x80\x03\x81\x01\x02", 5, &r.err));
	OK(&r, token_put_object(r.token, OBJ_ADMIN, &b, &r.err));
	OK(&r, token_put_object(r.token, OBJ_PRINTED, &b, &r.err));
	OK(&r, token_get_object(r.token, OBJ_ADMIN, &got, &r.err));
	assert_true(blob_equal(&b, &got));
	OK(&r, token_put_object(r.token, OBJ_ADMIN, &empty, &r.err));
	FAILS(&r, ERR_ABSENT, token_get_object(r.token, OBJ_ADMIN, &got, &r.err));
	FAILS(&r, ERR_PIN, token_get_object(r.token, OBJ_PRINTED, &got, &r.err));
	OK(&r, verify(&r, "123456", 0));
	OK(&r, token_get_object(r.token, OBJ_PRINTED, &got, &r.err));
	rig_stop(&r);
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
	OK(&r, token_get_f9(r.token, &got, &r.err));
	authenticate(&r);
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
	fake_cert(&der, 800);
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
	    cmocka_unit_test(a_new_token_says_that_all_is_the_factorys),
	    cmocka_unit_test(before_5_3_the_tries_come_from_an_empty_verify),
	    cmocka_unit_test(the_management_key_works_in_every_algorithm),
	    cmocka_unit_test(a_management_key_that_does_not_fit_is_not_sent),
	    cmocka_unit_test(writing_without_the_management_key_says_so),
	    cmocka_unit_test(pin_and_puk_are_changed_and_the_state_follows),
	    cmocka_unit_test(the_last_try_is_sent_only_when_told),
	    cmocka_unit_test(a_wrong_puk_costs_the_puk_and_the_last_one_is_kept),
	    cmocka_unit_test(what_cannot_be_a_pin_costs_no_try),
	    cmocka_unit_test(setting_the_tries_needs_both_and_makes_pin_and_puk_the_factorys),
	    cmocka_unit_test(generated_keys_sign_what_openssl_verifies),
	    cmocka_unit_test(what_the_firmware_cannot_generate_is_not_asked_for),
	    cmocka_unit_test(a_key_that_wants_a_touch_announces_it_and_says_when_none_came),
	    cmocka_unit_test(touch_is_announced_and_its_end_too),
	    cmocka_unit_test(the_attestation_is_of_the_generated_key),
	    cmocka_unit_test(a_certificate_comes_back_as_it_was_stored),
	    cmocka_unit_test(a_certificate_that_does_not_fit_is_not_sent),
	    cmocka_unit_test(a_compressed_certificate_is_read_and_a_bomb_is_not),
	    cmocka_unit_test(chuid_and_ccc_are_as_every_client_expects_them),
	    cmocka_unit_test(an_empty_object_deletes_and_printed_needs_the_pin),
	    cmocka_unit_test(an_enrolment_takes_at_most_40_apdus_and_the_count_is_the_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
