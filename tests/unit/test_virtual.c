/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the virtual YubiKey behave as the one in the drawer would? */
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
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "virtual/vkey.h"

#define SELECT_PIV "00A4040005A000000308"
#define PIN_OK "0020008008313233343536FFFF"
#define PIN_WRONG "0020008008393939393939FFFF"
#define PIN_QUERY "00200080"
#define FACTORY_MGM "010203040506070801020304050607080102030405060708"

struct answer {
	uint8_t data[VKEY_ANSWER_MAX];
	size_t len; /* without the status word */
	unsigned sw;
	int rc;
};

static struct answer
raw(struct vkey *v, const uint8_t *apdu, size_t len)
{
	struct answer a = {.sw = 0};
	size_t n = 0;

	a.rc = vkey_apdu(v, apdu, len, a.data, sizeof(a.data), &n);
	if (a.rc == VKEY_OK && n >= 2) {
		a.len = n - 2;
		a.sw = (unsigned)a.data[n - 2] << 8 | a.data[n - 1];
	}
	return a;
}

static struct answer
send(struct vkey *v, const char *hex)
{
	uint8_t apdu[4096];
	size_t len = 0;

	assert_int_equal(OPENSSL_hexstr2buf_ex(apdu, sizeof(apdu), &len, hex, '\0'), 1);
	return raw(v, apdu, len);
}

static unsigned
sw(struct vkey *v, const char *hex)
{
	return send(v, hex).sw;
}

static void
assert_answer(struct vkey *v, const char *hex, const char *want)
{
	uint8_t bytes[4096];
	size_t len = 0;
	struct answer a = send(v, hex);

	assert_int_equal(a.sw, 0x9000);
	if (*want != '\0')
		assert_int_equal(OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes), &len, want, '\0'), 1);
	assert_int_equal(a.len, len);
	assert_memory_equal(a.data, bytes, len);
}

static struct vkey *
open_key(const struct vkey_config *config)
{
	struct vkey *v = NULL;
	char msg[256] = "";

	if (vkey_open(config, &v, msg, sizeof(msg)) != VKEY_OK)
		fail_msg("%s", msg);
	assert_int_equal(vkey_power(v, VKEY_POWER_ON), VKEY_OK);
	return v;
}

static struct vkey *
fresh(const char *firmware)
{
	const struct vkey_config config = {.firmware = firmware, .serial = 0x00BADA55};
	struct vkey *v = open_key(&config);

	assert_int_equal(sw(v, SELECT_PIV), 0x9000);
	return v;
}

static void
ecb(const char *cipher, const uint8_t *key, bool enc, const uint8_t *in, uint8_t *out, int len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, cipher, NULL);
	int n = 0;

	assert_int_equal(EVP_CipherInit_ex2(ctx, c, key, NULL, enc, NULL), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(EVP_CipherUpdate(ctx, out, &n, in, len), 1);
	EVP_CIPHER_free(c);
	EVP_CIPHER_CTX_free(ctx);
}

static void
hex_bytes(const char *hex, uint8_t *out, size_t cap)
{
	size_t n;

	assert_int_equal(OPENSSL_hexstr2buf_ex(out, cap, &n, hex, '\0'), 1);
}

/* Mutual authentication as clients do it; with or without the trailing 82 00. */
static unsigned
authenticate(struct vkey *v, uint8_t alg, const char *key_hex, bool trailing)
{
	const uint8_t block = alg == 0x03 ? 8 : 16;
	const char *cipher = alg == 0x03   ? "DES-EDE3-ECB"
			     : alg == 0x08 ? "AES-128-ECB"
			     : alg == 0x0A ? "AES-192-ECB"
					   : "AES-256-ECB";
	uint8_t key[32], want[16], c[64] = {0, 0x87, alg, 0x9B, 4, 0x7C, 2, 0x80, 0};
	struct answer a = raw(v, c, 9);
	size_t n = 5;

	if (a.sw != 0x9000)
		return a.sw;
	assert_int_equal(a.len, (size_t)block + 4);
	hex_bytes(key_hex, key, sizeof(key));
	c[n++] = 0x7C;
	c[n++] = (uint8_t)(2 * block + (trailing ? 6 : 4));
	c[n++] = 0x80;
	c[n++] = block;
	ecb(cipher, key, false, a.data + 4, c + n, block);
	n += block;
	c[n++] = 0x81;
	c[n++] = block;
	memset(c + n, 0x5A, block);
	ecb(cipher, key, true, c + n, want, block);
	n += block;
	if (trailing) {
		c[n++] = 0x82;
		c[n++] = 0;
	}
	c[4] = (uint8_t)(n - 5);
	a = raw(v, c, n);
	if (a.sw == 0x9000)
		assert_memory_equal(a.data + 4, want, block);
	return a.sw;
}

static void
admin(struct vkey *v, const char *firmware)
{
	uint8_t alg = strcmp(firmware, "5.7.0") >= 0 ? 0x0A : 0x03;

	assert_int_equal(authenticate(v, alg, FACTORY_MGM, false), 0x9000);
}

static void
the_last_wrong_pin_answers_blocked_and_not_no_tries_left(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, PIN_WRONG), 0x63C2);
	assert_int_equal(sw(v, PIN_WRONG), 0x63C1);
	assert_int_equal(sw(v, PIN_WRONG), 0x6983);
	assert_int_equal(sw(v, PIN_OK), 0x6983);
	assert_int_equal(vkey_witness(v)->refused_verify, 4);
	vkey_free(v);
}

static void
a_wrong_pin_ends_verification_and_a_right_one_refills_the_tries(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	assert_int_equal(sw(v, PIN_QUERY), 0x9000);
	assert_int_equal(sw(v, PIN_WRONG), 0x63C2);
	assert_int_equal(sw(v, PIN_QUERY), 0x63C2);
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	assert_int_equal(sw(v, "0020FF80"), 0x9000);
	assert_int_equal(sw(v, PIN_QUERY), 0x63C3);
	vkey_free(v);
}

static void
a_query_is_understood_in_every_encoding_and_spends_nothing(void **state)
{
	struct vkey *v = fresh("5.7.1");

	(void)state;
	assert_int_equal(sw(v, "00200080"), 0x63C3);
	assert_int_equal(sw(v, "0020008000"), 0x63C3);
	assert_int_equal(sw(v, "00200080000000"), 0x63C3);
	assert_int_equal(sw(v, "00200081"), 0x6A88);
	assert_int_equal(sw(v, "002000800431323334"), 0x6A80);
	assert_int_equal(vkey_witness(v)->refused_verify, 0);
	vkey_free(v);
}

static void
a_pin_of_eight_ff_counts_as_wrong(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, "0020008008FFFFFFFFFFFFFFFF"), 0x63C2);
	vkey_free(v);
}

static void
change_and_unblock_keep_their_own_counters(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, "0024008010393939393939FFFF363534333231FFFF"), 0x63C2);
	assert_int_equal(sw(v, "0024008010313233343536FFFF3635FFFFFFFFFFFF"), 0x6985);
	assert_int_equal(sw(v, "0024008010313233343536FFFF363534333231FFFF"), 0x9000);
	assert_int_equal(sw(v, "0024008010313233343536FF"), 0x6700);
	assert_int_equal(sw(v, "0024008210313233343536FFFF363534333231FFFF"), 0x6A88);
	assert_int_equal(sw(v, "002C0080103939393939393939313131313131FFFF"), 0x63C2);
	assert_int_equal(sw(v, "002C0080103132333435363738313131313131FFFF"), 0x9000);
	assert_int_equal(sw(v, "0020008008313131313131FFFF"), 0x9000);
	assert_answer(v, "00F70081", "0101FF05010106020303");
	assert_int_equal(vkey_witness(v)->refused_change, 1);
	assert_int_equal(vkey_witness(v)->refused_reset_retry, 1);
	vkey_free(v);
}

static void
complexity_refuses_simple_pins_where_it_is_on(void **state)
{
	const struct vkey_config config = {.firmware = "5.7.1", .pin_complexity = true};
	struct vkey *v = open_key(&config);

	(void)state;
	assert_int_equal(sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(sw(v, "0024008010313233343536FFFF313131313131FFFF"), 0x6985);
	assert_int_equal(sw(v, "0024008010313233343536FFFF393438323631FFFF"), 0x9000);
	vkey_free(v);
}

static void
setting_retries_needs_both_secrets_and_restores_the_factory_pin(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, "0024008010313233343536FFFF363534333231FFFF"), 0x9000);
	admin(v, "5.4.3");
	assert_int_equal(sw(v, "00FA0508"), 0x6982);
	assert_int_equal(sw(v, "0020008008363534333231FFFF"), 0x9000);
	assert_int_equal(sw(v, "00FA0508"), 0x9000);
	assert_answer(v, "00F70080", "0101FF05010106020505");
	assert_answer(v, "00F70081", "0101FF05010106020808");
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	vkey_free(v);
}

static void
reset_needs_both_blocked_and_spares_the_attestation_key(void **state)
{
	struct vkey *v = fresh("5.7.1");
	struct answer before = send(v, "00CB3FFF055C035FFF01"), after;

	(void)state;
	admin(v, "5.7.1");
	assert_int_equal(sw(v, "00DB3FFF075C035FC1025301AA"), 0x6A80);
	assert_int_equal(sw(v, "00DB3FFF085C035FC1025301AA"), 0x9000);
	assert_int_equal(sw(v, "00FB0000"), 0x6985);
	for (int i = 0; i < 3; i++) {
		sw(v, PIN_WRONG);
		sw(v, "002C008010FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
	}
	assert_int_equal(sw(v, "00FB0000"), 0x9000);
	assert_int_equal(sw(v, "00CB3FFF055C035FC102"), 0x6A82);
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	after = send(v, "00CB3FFF055C035FFF01");
	assert_int_equal(before.sw, 0x6100 | (after.sw & 0xFF));
	assert_memory_equal(before.data, after.data, before.len);
	assert_int_equal(sw(v, "00F700F9"), 0x9000);
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
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, algs[0].set), 0x6982);
	admin(v, "5.4.3");
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		assert_int_equal(sw(v, algs[i].set), 0x9000);
		vkey_power(v, VKEY_POWER_RESET);
		assert_int_equal(sw(v, SELECT_PIV), 0x9000);
		assert_int_equal(sw(v, algs[i].set), 0x6982);
		assert_int_equal(authenticate(v, algs[i].alg, algs[i].key, false), 0x9000);
		assert_int_equal(authenticate(v, algs[i].alg, algs[i].key, true), 0x9000);
	}
	/* The client that takes a 5.7 key for one with 3DES. */
	assert_int_equal(authenticate(v, 0x03, FACTORY_MGM, false), 0x6A80);
	vkey_free(v);
}

static void
a_wrong_management_key_is_refused_and_costs_nothing(void **state)
{
	static const char wrong[] = "FF0203040506070801020304050607080102030405060708";
	struct vkey *v = fresh("5.7.1");

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(authenticate(v, 0x0A, wrong, false), 0x6982);
	admin(v, "5.7.1");
	assert_int_equal(authenticate(v, 0x0A, wrong, false), 0x6982);
	assert_int_equal(sw(v, "00DB3FFF085C035FC1025301AA"), 0x6982);
	vkey_free(v);
}

static void
external_authentication_works_too_and_a_challenge_is_good_once(void **state)
{
	struct vkey *v = fresh("5.4.3");
	uint8_t key[24], c[17] = {0, 0x87, 0x03, 0x9B, 12, 0x7C, 10, 0x82, 8};
	struct answer a = send(v, "0087039B047C028100");

	(void)state;
	assert_int_equal(a.len, 12);
	hex_bytes(FACTORY_MGM, key, sizeof(key));
	ecb("DES-EDE3-ECB", key, true, a.data + 4, c + 9, 8);
	assert_int_equal(raw(v, c, sizeof(c)).sw, 0x9000);
	assert_int_equal(raw(v, c, sizeof(c)).sw, 0x6982);
	vkey_free(v);
}

static EVP_PKEY *
p256_from(const struct answer *a)
{
	EVP_PKEY *key = NULL, *params = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	assert_int_equal(a->sw, 0x9000);
	assert_int_equal(a->len, 3 + 2 + 65);
	key = EVP_PKEY_new();
	assert_int_equal(EVP_PKEY_copy_parameters(key, params), 1);
	assert_int_equal(EVP_PKEY_set1_encoded_public_key(key, a->data + 5, 65), 1);
	EVP_PKEY_free(params);
	return key;
}

#define SIGN_9A \
	"0087119A267C24820081201111111111111111111111111111111111111111111111111111111111111111"
#define SIGN_9C \
	"0087119C267C24820081201111111111111111111111111111111111111111111111111111111111111111"

static void
does_a_generated_key_sign_what_its_public_key_verifies(void **state)
{
	struct vkey *v = fresh("5.4.3");
	uint8_t digest[32];
	struct answer a;
	EVP_PKEY *key;
	EVP_PKEY_CTX *ctx;

	(void)state;
	assert_int_equal(sw(v, "0047009A05AC03800111"), 0x6982);
	admin(v, "5.4.3");
	a = send(v, "0047009A05AC03800111");
	key = p256_from(&a);
	assert_int_equal(sw(v, SIGN_9A), 0x6982);
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	a = send(v, SIGN_9A);
	assert_int_equal(a.sw, 0x9000);
	memset(digest, 0x11, sizeof(digest));
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	EVP_PKEY_verify_init(ctx);
	assert_int_equal(EVP_PKEY_verify(ctx, a.data + 4, a.len - 4, digest, 32), 1);
	assert_int_equal(sw(v, "0087079A067C0482008100"), 0x6A80);
	assert_int_equal(sw(v, "0087119D067C0482008100"), 0x6A80);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	vkey_free(v);
}

static void
pin_always_means_the_command_just_before_and_only_once(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	admin(v, "5.4.3");
	assert_int_equal(sw(v, "0047009C05AC03800111"), 0x9000);
	assert_int_equal(sw(v, "0047009A05AC03800111"), 0x9000);
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	assert_int_equal(sw(v, SIGN_9C), 0x9000);
	assert_int_equal(sw(v, SIGN_9C), 0x6982);
	assert_int_equal(sw(v, SIGN_9A), 0x9000);
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	assert_int_equal(sw(v, "00F7009C"), 0x9000);
	assert_int_equal(sw(v, SIGN_9C), 0x6982);
	/* Parts of the same command do not come between. */
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	assert_int_equal(sw(v, "1087119C067C2482008120"), 0x9000);
	assert_int_equal(
	    sw(v, "0087119C201111111111111111111111111111111111111111111111111111111111111111"),
	    0x9000);
	vkey_free(v);
}

static void
a_key_that_nobody_touches_refuses_what_needs_a_touch(void **state)
{
	const struct vkey_config config = {.firmware = "5.7.1", .touch_never = true};
	struct vkey *v = open_key(&config);

	(void)state;
	sw(v, SELECT_PIV);
	admin(v, "5.7.1");
	assert_int_equal(sw(v, "0047009A0BAC09800111AA0101AB0102"), 0x9000);
	assert_int_equal(sw(v, SIGN_9A), 0x6982);
	vkey_free(v);
}

static void
firmware_decides_what_exists(void **state)
{
	struct vkey *v = fresh("5.2.4");

	(void)state;
	assert_int_equal(sw(v, "00F70080"), 0x6D00);
	assert_int_equal(sw(v, "00F6FF9A"), 0x6D00);
	admin(v, "5.2.4");
	assert_int_equal(sw(v, "0047009A05AC038001E0"), 0x6A80);
	assert_int_equal(sw(v, "00FFFFFF13089B1000112233445566778899AABBCCDDEEFF"), 0x6A80);
	vkey_free(v);
	v = fresh("4.3.7");
	assert_int_equal(sw(v, "00F80000"), 0x6D00);
	vkey_free(v);
	v = fresh("5.7.1");
	admin(v, "5.7.1");
	assert_int_equal(sw(v, "0047009A05AC038001E0"), 0x9000);
	assert_int_equal(sw(v, "0047009D05AC038001E1"), 0x9000);
	assert_int_equal(sw(v, "00F6829A"), 0x9000);
	assert_int_equal(sw(v, "00F6839A"), 0x6A88);
	assert_int_equal(sw(v, "00F6829D"), 0x6A80);
	assert_int_equal(sw(v, "00F6FF82"), 0x9000);
	assert_int_equal(sw(v, "00F70082"), 0x6A88);
	vkey_free(v);
}

static void
only_the_two_applications_are_there_and_leaving_one_forgets(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	assert_int_equal(sw(v, "00A4040007A0000005272001"), 0x6A82);
	assert_int_equal(sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(sw(v, PIN_QUERY), 0x9000);
	assert_answer(v, "00A4040008A000000527471117",
	    "5669727475616C206D6772202D2046572076657273696F6E20352E342E33");
	assert_answer(v, "001D0000",
	    "2301020010020400BADA55030200100401010503050403060200000701"
	    "0F0801000A0100");
	assert_int_equal(sw(v, PIN_QUERY), 0x6D00);
	assert_int_equal(sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(sw(v, PIN_QUERY), 0x63C3);
	vkey_power(v, VKEY_POWER_RESET);
	assert_int_equal(sw(v, PIN_QUERY), 0x6D00);
	assert_int_equal(sw(v, "80200080"), 0x6E00);
	vkey_free(v);
}

static void
long_data_survives_chains_extended_lengths_and_get_response(void **state)
{
	static uint8_t ext[7 + 5 + 4 + 3000] = {0, 0xDB, 0x3F, 0xFF, 0};
	const size_t lc = sizeof(ext) - 7;
	struct vkey *v = fresh("5.4.3");
	struct answer a;
	size_t got;

	(void)state;
	admin(v, "5.4.3");
	ext[5] = (uint8_t)(lc >> 8);
	ext[6] = (uint8_t)lc;
	memcpy(ext + 7, "\x5C\x03\x5F\xC1\x05\x53\x82\x0B\xB8", 9);
	memset(ext + 16, 0xA5, 3000);
	assert_int_equal(raw(v, ext, sizeof(ext)).sw, 0x9000);
	/* Short: parts of 256; extended: all at once. */
	a = send(v, "00CB3FFF055C035FC105");
	assert_int_equal(a.len, 256);
	assert_int_equal(a.sw, 0x6100);
	for (got = a.len; (a.sw & 0xFF00) == 0x6100; got += a.len)
		a = send(v, "00C00000");
	assert_int_equal(got, 3004);
	assert_int_equal(sw(v, "00C00000"), 0x6A80);
	assert_int_equal(send(v, "00CB3FFF0000055C035FC105").len, 3004);
	/* The same through a chain. */
	for (size_t at = 7; at < sizeof(ext); at += 255) {
		uint8_t part[260] = {0, 0xDB, 0x3F, 0xFF};
		size_t n = sizeof(ext) - at < 255 ? sizeof(ext) - at : 255;

		part[0] = at + n < sizeof(ext) ? 0x10 : 0x00;
		part[4] = (uint8_t)n;
		memcpy(part + 5, ext + at, n);
		assert_int_equal(raw(v, part, 5 + n).sw, 0x9000);
	}
	assert_int_equal(send(v, "00CB3FFF0000055C035FC105").len, 3004);
	vkey_free(v);
}

static void
a_chain_that_another_command_interrupts_is_forgotten(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, "102000800431323334"), 0x9000);
	assert_int_equal(sw(v, "00FD0000"), 0x9000);
	assert_int_equal(sw(v, "00200080043536FFFF"), 0x6A80);
	assert_int_equal(sw(v, "102000800431323334"), 0x9000);
	assert_int_equal(sw(v, "00200080043536FFFF"), 0x9000);
	vkey_free(v);
}

static void
lengths_that_do_not_fit_are_refused(void **state)
{
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, "00FD00"), 0x6700);
	assert_int_equal(sw(v, "00CB3FFF095C035FC105"), 0x6700);
	assert_int_equal(sw(v, "00CB3FFF0000095C035FC105"), 0x6700);
	assert_int_equal(sw(v, "00CB3FFF0000"), 0x6700);
	assert_int_equal(sw(v, "00CB3FFF055C095FC105"), 0x6A80);
	vkey_free(v);
}

static void
objects_have_their_readers_writers_and_limits(void **state)
{
	static uint8_t big[7 + 9 + 3064] = {0, 0xDB, 0x3F, 0xFF, 0};
	struct vkey *v = fresh("5.4.3");

	(void)state;
	assert_int_equal(sw(v, "00DB3FFF085C035FC1025301AA"), 0x6982);
	assert_int_equal(sw(v, "00CB3FFF055C035FC109"), 0x6982);
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	assert_int_equal(sw(v, "00CB3FFF055C035FC109"), 0x6A82);
	admin(v, "5.4.3");
	assert_int_equal(sw(v, "00DB3FFF085C035FC1025301AA"), 0x9000);
	assert_answer(v, "00CB3FFF055C035FC102", "5301AA");
	assert_int_equal(sw(v, "00DB3FFF075C035FC1025300"), 0x9000);
	assert_int_equal(sw(v, "00CB3FFF055C035FC102"), 0x6A82);
	assert_int_equal(sw(v, "00DB3FFF085C0311C1025301AA"), 0x6A80);
	assert_answer(v, "00CB3FFF035C017E", "7E124F0BA0000003080000100001005F2F024000");
	big[5] = (uint8_t)((sizeof(big) - 7) >> 8);
	big[6] = (uint8_t)((sizeof(big) - 7) & 0xFF);
	memcpy(big + 7, "\x5C\x03\x5F\xC1\x05\x53\x82\x0B\xF8", 9);
	assert_int_equal(raw(v, big, sizeof(big)).sw, 0x6A84);
	vkey_free(v);
}

static X509 *
certificate(const uint8_t *der, size_t len)
{
	X509 *x = d2i_X509(NULL, &der, (long)len);

	assert_non_null(x);
	return x;
}

static X509 *
root_of(const struct vkey *v)
{
	char *pem = vkey_root_pem(v);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	assert_non_null(x);
	BIO_free(bio);
	free(pem);
	return x;
}

static void
assert_extension(X509 *x, const char *oid, const char *want)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	int i = X509_get_ext_by_OBJ(x, obj, -1);
	const ASN1_OCTET_STRING *val;
	uint8_t bytes[32];
	size_t len;

	ASN1_OBJECT_free(obj);
	assert_true(i >= 0);
	val = X509_EXTENSION_get_data(X509_get_ext(x, i));
	assert_int_equal(OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes), &len, want, '\0'), 1);
	assert_int_equal(ASN1_STRING_length(val), len);
	assert_memory_equal(ASN1_STRING_get0_data(val), bytes, len);
}

static void
does_an_attestation_chain_to_the_test_root_with_the_genuine_encodings(void **state)
{
	struct vkey *v = fresh("5.4.3");
	X509 *root = root_of(v), *f9, *leaf;
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct answer a;
	char name[128];

	(void)state;
	assert_int_equal(sw(v, "00F99A00"), 0x6A80);
	admin(v, "5.4.3");
	assert_int_equal(sw(v, "0047009A0BAC09800111AA0103AB0102"), 0x9000);
	a = send(v, "00F99A00000000");
	assert_int_equal(a.sw, 0x9000);
	leaf = certificate(a.data, a.len);
	assert_extension(leaf, "1.3.6.1.4.1.41482.3.3", "050403");
	assert_extension(leaf, "1.3.6.1.4.1.41482.3.7", "020400BADA55");
	assert_extension(leaf, "1.3.6.1.4.1.41482.3.8", "0302");
	assert_extension(leaf, "1.3.6.1.4.1.41482.3.9", "01");
	a = send(v, "00CB3FFF0000055C035FFF01");
	f9 = certificate(a.data + 4 + 4, a.len - 8);
	assert_extension(f9, "1.3.6.1.4.1.41482.3.3", "050403");
	X509_STORE_add_cert(store, root);
	sk_X509_push(chain, f9);
	X509_STORE_CTX_init(ctx, store, leaf, chain);
	assert_int_equal(X509_verify_cert(ctx), 1);
	X509_NAME_oneline(X509_get_subject_name(root), name, sizeof(name));
	assert_null(strstr(name, "Yubi"));
	assert_non_null(strstr(name, "TEST"));
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(chain);
	X509_free(leaf);
	X509_free(f9);
	X509_free(root);
	vkey_free(v);
}

static void
imported_keys_work_and_cannot_be_attested(void **state)
{
	/* RFC 6979, A.2.5 */
	static const char p256[] =
	    "00FE119A250620"
	    "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
	    "AA0101";
	/* As long as the group's order: no scalar. */
	static const char order[] =
	    "00FE119A220620"
	    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
	struct vkey *v = fresh("5.7.1");

	(void)state;
	admin(v, "5.7.1");
	assert_int_equal(sw(v, p256), 0x9000);
	assert_answer(v, "00F7009A",
	    "010111020201010301020443864104"
	    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
	    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
	assert_int_equal(sw(v, "00F99A00"), 0x6A80);
	assert_int_equal(sw(v, SIGN_9A), 0x9000);
	assert_int_equal(sw(v, order), 0x6A80);
	vkey_free(v);
}

/* Agreement of the slot's key with one of ours, the same from both ends. */
static void
assert_agrees(struct vkey *v, uint8_t slot, uint8_t alg, EVP_PKEY *ours, EVP_PKEY *theirs)
{
	uint8_t c[128] = {0, 0x87, alg, slot}, secret[32], *point = NULL;
	size_t n = EVP_PKEY_get1_encoded_public_key(ours, &point), len = sizeof(secret);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
	struct answer a;

	memcpy(c + 5, "\x7C\x00\x82\x00\x85", 5);
	c[6] = (uint8_t)(n + 4);
	c[10] = (uint8_t)n;
	memcpy(c + 11, point, n);
	c[4] = (uint8_t)(n + 6);
	a = raw(v, c, n + 11);
	assert_int_equal(a.sw, 0x9000);
	EVP_PKEY_derive_init(ctx);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, theirs), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, secret, &len), 1);
	assert_int_equal(a.len, len + 4);
	assert_memory_equal(a.data + 4, secret, len);
	c[12] ^= 1; /* off the curve */
	if (alg == 0x11)
		assert_int_equal(raw(v, c, n + 11).sw, 0x6A80);
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_free(point);
}

static void
do_both_ends_agree_on_a_secret(void **state)
{
	struct vkey *v = fresh("5.7.1");
	EVP_PKEY *ours, *theirs;
	struct answer a;

	(void)state;
	admin(v, "5.7.1");
	a = send(v, "0047009E05AC03800111");
	theirs = p256_from(&a);
	ours = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	assert_agrees(v, 0x9E, 0x11, ours, theirs);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	a = send(v, "0047009E05AC038001E1");
	assert_int_equal(a.len, 3 + 2 + 32);
	theirs = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, a.data + 5, 32);
	ours = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	assert_agrees(v, 0x9E, 0xE1, ours, theirs);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	vkey_free(v);
}

static void
an_rsa_key_takes_exactly_one_block(void **state)
{
	uint8_t c[5 + 8 + 2 + 256] = {0, 0x87, 0x07, 0x9E, 0};
	uint8_t chain[5 + 255] = {0x10, 0x87, 0x07, 0x9E, 0xFF};
	struct vkey *v = fresh("5.4.3");
	struct answer a;

	(void)state;
	admin(v, "5.4.3");
	a = send(v, "0047009E05AC03800107");
	assert_int_equal(a.len, 256);
	assert_int_equal(a.sw, 0x610E);
	memcpy(c + 5, "\x7C\x82\x01\x06\x82\x00\x81\x82\x01\x00", 10);
	memcpy(chain + 5, c + 5, 255);
	assert_int_equal(raw(v, chain, sizeof(chain)).sw, 0x9000);
	memmove(c + 5, c + 5 + 255, 11);
	c[4] = 11;
	a = raw(v, c, 16);
	assert_int_equal(a.sw, 0x6108);
	assert_memory_equal(a.data, "\x7C\x82\x01\x04\x82\x82\x01\x00\x00", 9);
	assert_int_equal(sw(v, "0087079E097C06820081020102"), 0x6700);
	assert_int_equal(sw(v, "0087079E087C06820081020102"), 0x6A80);
	vkey_free(v);
}

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
	struct vkey *v = open_key(&config), *other = NULL;
	struct answer before, after;
	char msg[256] = "", *json;

	(void)state;
	sw(v, SELECT_PIV);
	admin(v, "5.7.1");
	assert_int_equal(sw(v, "0047009A05AC03800114"), 0x9000);
	assert_int_equal(sw(v, "0047009D05AC038001E0"), 0x9000);
	assert_int_equal(sw(v, "00DB3FFF085C035FC1025301AA"), 0x9000);
	assert_int_equal(sw(v, PIN_WRONG), 0x63C2);
	before = send(v, "00F7009A");
	assert_int_equal(vkey_open(&config, &other, msg, sizeof(msg)), VKEY_FAILED);
	assert_non_null(strstr(msg, "in use"));
	vkey_free(v);
	v = open_key(&config);
	assert_int_equal(sw(v, SELECT_PIV), 0x9000);
	after = send(v, "00F7009A");
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	assert_int_equal(sw(v, PIN_QUERY), 0x63C2);
	assert_int_equal(sw(v, "00DB3FFF085C035FC1025301AA"), 0x6982);
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
	struct vkey *v = open_key(&config);
	char name[300], text[512] = "";
	FILE *f;

	(void)state;
	sw(v, SELECT_PIV);
	sw(v, PIN_WRONG);
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
	return send(v, hex).rc;
}

static void
faults_happen_where_they_were_armed_and_once(void **state)
{
	struct vkey *v = fresh("5.4.3");
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
	sw(v, SELECT_PIV);
	assert_int_equal(sw(v, PIN_QUERY), 0x63C2);

	assert_int_equal(
	    vkey_fault(v, "ins=20,data,nth=1,remove-after,back=30", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(apdu_rc(v, PIN_QUERY), VKEY_OK);
	assert_int_equal(apdu_rc(v, PIN_WRONG), VKEY_REMOVED);
	assert_int_equal(vkey_back_ms(v), 30);
	vkey_insert(v);
	vkey_power(v, VKEY_POWER_ON);
	sw(v, SELECT_PIV);
	assert_int_equal(sw(v, PIN_QUERY), 0x63C1);

	assert_int_equal(vkey_fault(v, "at=1;remove-answered", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(sw(v, PIN_OK), 0x9000);
	assert_false(vkey_present(v));
	assert_int_equal(vkey_witness(v)->faults, 3);
	vkey_free(v);
}

static void
answers_can_be_replaced_cut_and_spoiled(void **state)
{
	struct vkey *v = fresh("5.4.3");
	char msg[256];
	uint8_t out[VKEY_ANSWER_MAX];
	size_t n = 0;

	(void)state;
	assert_int_equal(vkey_fault(v, "ins=20;p2=80;sw=6F00", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(sw(v, PIN_WRONG), 0x6F00);
	assert_int_equal(sw(v, PIN_QUERY), 0x63C3);
	assert_int_equal(vkey_fault(v, "at=1;short", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(
	    vkey_apdu(v, (const uint8_t *)"\0\xFD\0\0", 4, out, sizeof(out), &n), VKEY_OK);
	assert_int_equal(n, 1);
	assert_int_equal(vkey_fault(v, "at=1;long", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(send(v, "00FD0000").len, 3 + 16);
	assert_int_equal(vkey_fault(v, "at=1;garbage", msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(send(v, "00FD0000").len, 3);
	vkey_free(v);
}

static void
a_fault_that_makes_no_sense_is_refused(void **state)
{
	static const char *const wrong[] = {"", "at=1", "remove-after", "at=1;ins=20;remove-after",
	    "at=0;short", "at=1;nth=2;short", "at=1;short;long", "at=1;sw=10000", "ins=100;short",
	    "at=1;back=5;short", "at=1;frob", "at=;short", "at=1;data;short"};
	struct vkey *v = fresh("5.4.3");
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
	    cmocka_unit_test(does_a_generated_key_sign_what_its_public_key_verifies),
	    cmocka_unit_test(pin_always_means_the_command_just_before_and_only_once),
	    cmocka_unit_test(a_key_that_nobody_touches_refuses_what_needs_a_touch),
	    cmocka_unit_test(firmware_decides_what_exists),
	    cmocka_unit_test(only_the_two_applications_are_there_and_leaving_one_forgets),
	    cmocka_unit_test(long_data_survives_chains_extended_lengths_and_get_response),
	    cmocka_unit_test(a_chain_that_another_command_interrupts_is_forgotten),
	    cmocka_unit_test(lengths_that_do_not_fit_are_refused),
	    cmocka_unit_test(objects_have_their_readers_writers_and_limits),
	    cmocka_unit_test(does_an_attestation_chain_to_the_test_root_with_the_genuine_encodings),
	    cmocka_unit_test(imported_keys_work_and_cannot_be_attested),
	    cmocka_unit_test(do_both_ends_agree_on_a_secret),
	    cmocka_unit_test(an_rsa_key_takes_exactly_one_block),
	    cmocka_unit_test(what_a_token_keeps_survives_and_what_it_forgets_does_not),
	    cmocka_unit_test(the_log_names_commands_and_never_their_data),
	    cmocka_unit_test(faults_happen_where_they_were_armed_and_once),
	    cmocka_unit_test(answers_can_be_replaced_cut_and_spoiled),
	    cmocka_unit_test(a_fault_that_makes_no_sense_is_refused),
	    cmocka_unit_test(what_cannot_be_opened_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
