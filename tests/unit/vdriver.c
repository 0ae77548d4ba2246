/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "vdriver.h"

struct vdriver_answer
vdriver_raw(struct vkey *v, const uint8_t *apdu, size_t len)
{
	struct vdriver_answer a = {.sw = 0};
	size_t n = 0;

	a.rc = vkey_apdu(v, apdu, len, a.data, sizeof(a.data), &n);
	if (a.rc == VKEY_OK && n >= 2) {
		a.len = n - 2;
		a.sw = (unsigned)a.data[n - 2] << 8 | a.data[n - 1];
	}
	return a;
}

struct vdriver_answer
vdriver_send(struct vkey *v, const char *hex)
{
	uint8_t apdu[4096];
	size_t len = 0;

	assert_int_equal(OPENSSL_hexstr2buf_ex(apdu, sizeof(apdu), &len, hex, '\0'), 1);
	return vdriver_raw(v, apdu, len);
}

unsigned
vdriver_sw(struct vkey *v, const char *hex)
{
	return vdriver_send(v, hex).sw;
}

void
vdriver_assert_answer(struct vkey *v, const char *hex, const char *want)
{
	uint8_t bytes[4096];
	size_t len = 0;
	struct vdriver_answer a = vdriver_send(v, hex);

	assert_int_equal(a.sw, 0x9000);
	if (*want != '\0')
		assert_int_equal(OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes), &len, want, '\0'), 1);
	assert_int_equal(a.len, len);
	assert_memory_equal(a.data, bytes, len);
}

static int64_t
clock_now(void *ctx)
{
	return ((struct vdriver_clock *)ctx)->now_ms;
}

static bool
clock_sleep(void *ctx, unsigned ms)
{
	struct vdriver_clock *c = ctx;

	c->now_ms += ms;
	c->slept_ms += ms;
	if (c->remove == NULL || c->remove_at-- > 0)
		return true;
	vkey_remove(c->remove);
	c->remove = NULL;
	return false;
}

void
vdriver_clock_init(struct vdriver_clock *c)
{
	*c = (struct vdriver_clock){.clock = {clock_now, clock_sleep, c}, .now_ms = 1000};
}

struct vkey *
vdriver_open(const struct vkey_config *config)
{
	struct vkey *v = NULL;
	char msg[256] = "";

	if (vkey_open(config, &v, msg, sizeof(msg)) != VKEY_OK)
		fail_msg("%s", msg);
	assert_int_equal(vkey_power(v, VKEY_POWER_ON), VKEY_OK);
	return v;
}

struct vkey *
vdriver_fresh(const char *firmware)
{
	const struct vkey_config config = {.firmware = firmware, .serial = 0x00BADA55};
	struct vkey *v = vdriver_open(&config);

	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	return v;
}

void
vdriver_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n;

	assert_int_equal(OPENSSL_hexstr2buf_ex(out, cap, &n, hex, '\0'), 1);
}

void
vdriver_ecb(
    const char *cipher, const uint8_t *key, bool enc, const uint8_t *in, uint8_t *out, int len)
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

unsigned
vdriver_authenticate(struct vkey *v, uint8_t alg, const char *key_hex, bool trailing)
{
	const uint8_t block = alg == 0x03 ? 8 : 16;
	const char *cipher = alg == 0x03   ? "DES-EDE3-ECB"
			     : alg == 0x08 ? "AES-128-ECB"
			     : alg == 0x0A ? "AES-192-ECB"
					   : "AES-256-ECB";
	uint8_t key[32], want[16], c[64] = {0, 0x87, alg, 0x9B, 4, 0x7C, 2, 0x80, 0};
	struct vdriver_answer a = vdriver_raw(v, c, 9);
	size_t n = 5;

	if (a.sw != 0x9000)
		return a.sw;
	assert_int_equal(a.len, (size_t)block + 4);
	vdriver_hex(key_hex, key, sizeof(key));
	c[n++] = 0x7C;
	c[n++] = (uint8_t)(2 * block + (trailing ? 6 : 4));
	c[n++] = 0x80;
	c[n++] = block;
	vdriver_ecb(cipher, key, false, a.data + 4, c + n, block);
	n += block;
	c[n++] = 0x81;
	c[n++] = block;
	memset(c + n, 0x5A, block);
	vdriver_ecb(cipher, key, true, c + n, want, block);
	n += block;
	if (trailing) {
		c[n++] = 0x82;
		c[n++] = 0;
	}
	c[4] = (uint8_t)(n - 5);
	a = vdriver_raw(v, c, n);
	if (a.sw == 0x9000)
		assert_memory_equal(a.data + 4, want, block);
	return a.sw;
}

void
vdriver_admin(struct vkey *v, const char *firmware)
{
	uint8_t alg = strcmp(firmware, "5.7.0") >= 0 ? 0x0A : 0x03;

	assert_int_equal(vdriver_authenticate(v, alg, FACTORY_MGM, false), 0x9000);
}
