/* SPDX-License-Identifier: BSD-2-Clause */
/* Do keys sign, attest and refuse as they should, and do objects come back as they went in? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <zlib.h>

#include "base/utc.h"
#include "device_rig.h"
#include "key/evp.h"
#include "vhooks.h"

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
		rig_authenticate(&r);
		OK(&r, token_generate(r.token, 0x9a, cases[i].alg, 2, 1, &spki, &r.err));
		FAILS(&r, ERR_PIN,
		    token_sign(r.token, 0x9a, cases[i].alg, false, in, cases[i].in_len, sig, &len,
			&r.err));
		OK(&r, rig_verify(&r, "123456", 0));
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
	assert_true(rig_says(&r, "CVE-2017-15361"));
	assert_int_equal(shim_log_count(0x47), 0);
	assert_true(n > 0);
	rig_stop(&r);
}

/* A real key waits for fifteen seconds. */
static int64_t
no_time(void *ctx)
{
	(void)ctx;
	return 0;
}

static bool
no_sleep(void *ctx, unsigned ms)
{
	(void)ctx;
	(void)ms;
	return true;
}

static const struct vkey_clock hurried = {no_time, no_sleep, NULL};

static void
a_key_that_wants_a_touch_announces_it_and_says_when_none_came(void **state)
{
	const struct vkey_config config = {.firmware = "5.7.1",
	    .serial = RIG_SERIAL,
	    .touch = VKEY_TOUCH_NEVER,
	    .clock = &hurried};
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
	rig_authenticate(&r);
	OK(&r, token_generate(r.token, 0x9a, KEY_P256, 2, 2, &spki, &r.err));
	OK(&r, rig_verify(&r, "123456", 0));
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
	rig_authenticate(&r);
	OK(&r, token_generate(r.token, 0x9a, KEY_P256, 2, 3, &spki, &r.err));
	OK(&r, rig_verify(&r, "123456", 0));
	assert_int_equal(touches[true], 0);
	OK(&r, token_sign(r.token, 0x9a, KEY_P256, true, in, sizeof(in), sig, &len, &r.err));
	assert_int_equal(touches[true], 1);
	assert_int_equal(touches[false], 1);
	rig_stop(&r);
}

static void
a_slots_key_signs_for_openssl_and_gives_the_tokens_own_error(void **state)
{
	CLEAN(blob_wipe) struct blob spki = {0};
	CLEAN(key_freep) struct key *key = NULL;
	uint8_t sig[KEY_SIG_MAX];
	size_t len = sizeof(sig);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	rig_authenticate(&r);
	OK(&r, token_generate(r.token, 0x9a, KEY_P256, 2, 1, &spki, &r.err));
	OK(&r, token_key(r.token, 0x9a, &spki, false, &key, &r.err));
	assert_int_equal(
	    EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key_evp(key), NULL), 1);
	assert_int_not_equal(EVP_DigestSign(ctx, sig, &len, (const uint8_t *)"abc", 3), 1);
	assert_non_null(key_error(key));
	assert_int_equal(key_error(key)->code, ERR_PIN);
	OK(&r, rig_verify(&r, "123456", 0));
	shim_log_clear();
	len = sizeof(sig);
	assert_int_equal(
	    EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key_evp(key), NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, (const uint8_t *)"abc", 3), 1);
	assert_int_equal(shim_log_count(0x87), 1);
	assert_true(message_verifies(&spki, sig, len, (const uint8_t *)"abc", 3));
	EVP_MD_CTX_free(ctx);
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
	rig_authenticate(&r);
	OK(&r, token_generate(r.token, 0x9a, KEY_P256, 0, 0, &spki, &r.err));
	OK(&r, token_attest(r.token, 0x9a, &der, &r.err));
	OK(&r, token_get_cert(r.token, DEVICE_SLOT_F9, &f9, &r.err));
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
		rig_authenticate(&r);
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			CLEAN(blob_wipe) struct blob der = {0};
			CLEAN(blob_wipe) struct blob got = {0};
			unsigned n = shim_apdus();

			rig_cert(&der, sizes[i]);
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
	rig_authenticate(&r);
	n = shim_apdus();
	rig_cert(&der, DEVICE_CERT_MAX + 1);
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

/* In slot 9A, with some zeros behind what is compressed. */
static void
put_gzipped(struct rig *r, const struct blob *plain, size_t behind)
{
	uint8_t object[1024] = {0x70, 0x82};
	const size_t n = gzipped(plain, object + 4, 900) + behind;

	object[2] = (uint8_t)(n >> 8);
	object[3] = (uint8_t)n;
	memcpy(object + 4 + n, "\x71\x01\x01\xfe\x00", 5);
	assert_int_equal(vhook_object(r->key, OBJ_CERT_9A, object, n + 9), 0);
}

static void
a_compressed_certificate_is_read_and_a_bomb_is_not(void **state)
{
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(blob_wipe) struct blob got = {0};
	CLEAN(blob_wipe) struct blob bomb = {0};
	static uint8_t zeros[200000];
	struct rig r;

	(void)state;
	rig_start(&r, "5.7.1");
	rig_token(&r);
	rig_cert(&der, 3900);
	put_gzipped(&r, &der, 0);
	OK(&r, token_get_cert(r.token, 0x9a, &got, &r.err));
	assert_true(blob_equal(&der, &got));
	put_gzipped(&r, &der, 1);
	FAILS(&r, ERR_FIT, token_get_cert(r.token, 0x9a, &got, &r.err));
	OK(&r, blob_set(&bomb, zeros, sizeof(zeros), &r.err));
	put_gzipped(&r, &bomb, 0);
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
	rig_authenticate(&r);
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
	rig_authenticate(&r);
	OK(&r, blob_set(&b, "\x80\x03\x81\x01\x02", 5, &r.err));
	OK(&r, token_put_object(r.token, OBJ_ADMIN, &b, &r.err));
	OK(&r, token_put_object(r.token, OBJ_PRINTED, &b, &r.err));
	OK(&r, token_get_object(r.token, OBJ_ADMIN, &got, &r.err));
	assert_true(blob_equal(&b, &got));
	OK(&r, token_put_object(r.token, OBJ_ADMIN, &empty, &r.err));
	FAILS(&r, ERR_ABSENT, token_get_object(r.token, OBJ_ADMIN, &got, &r.err));
	FAILS(&r, ERR_PIN, token_get_object(r.token, OBJ_PRINTED, &got, &r.err));
	OK(&r, rig_verify(&r, "123456", 0));
	OK(&r, token_get_object(r.token, OBJ_PRINTED, &got, &r.err));
	rig_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(generated_keys_sign_what_openssl_verifies),
	    cmocka_unit_test(what_the_firmware_cannot_generate_is_not_asked_for),
	    cmocka_unit_test(a_key_that_wants_a_touch_announces_it_and_says_when_none_came),
	    cmocka_unit_test(touch_is_announced_and_its_end_too),
	    cmocka_unit_test(a_slots_key_signs_for_openssl_and_gives_the_tokens_own_error),
	    cmocka_unit_test(the_attestation_is_of_the_generated_key),
	    cmocka_unit_test(a_certificate_comes_back_as_it_was_stored),
	    cmocka_unit_test(a_certificate_that_does_not_fit_is_not_sent),
	    cmocka_unit_test(a_compressed_certificate_is_read_and_a_bomb_is_not),
	    cmocka_unit_test(chuid_and_ccc_are_as_every_client_expects_them),
	    cmocka_unit_test(an_empty_object_deletes_and_printed_needs_the_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
