/* SPDX-License-Identifier: BSD-2-Clause */
/* extkey_rsa: padding for keys that only raise a block to their private exponent. OpenSSL's own
 * functions for it are deprecated. */
#include <string.h>

#include <openssl/rand.h>

#include "key/extkey.h"
#include "key/ossl.h"

#define DIGEST_INFO_LEN 19

/* DigestInfo up to the digest (RFC 8017, 9.2, note 1); three octets differ. */
static int
digest_info(const EVP_MD *md, size_t len, uint8_t ret[static DIGEST_INFO_LEN])
{
	static const uint8_t head[DIGEST_INFO_LEN] = {0x30, 0x11, 0x30, 0x0d, 0x06, 0x09, 0x60,
	    0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x00, 0x05, 0x00, 0x04, 0x00};

	memcpy(ret, head, sizeof(head));
	ret[1] = (uint8_t)(ret[1] + len);
	ret[18] = (uint8_t)len;
	ret[14] = EVP_MD_is_a(md, "SHA2-256") ? 1 : EVP_MD_is_a(md, "SHA2-384") ? 2 : 3;
	return EVP_MD_get_size(md) == (int)len;
}

int
extkey_rsa_pkcs1(const EVP_MD *md, const uint8_t *digest, size_t len, uint8_t *em, size_t em_len)
{
	const size_t t = DIGEST_INFO_LEN + len;

	if (em_len < t + 11)
		return 0;
	em[0] = 0;
	em[1] = 1;
	memset(em + 2, 0xff, em_len - t - 3);
	em[em_len - t - 1] = 0;
	memcpy(em + em_len - len, digest, len);
	return digest_info(md, len, em + em_len - t);
}

/* XOR MGF1(seed) onto data (RFC 8017, B.2.1). */
static int
mgf1_xor(const EVP_MD *md, const uint8_t *seed, size_t seed_len, uint8_t *data, size_t len)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t block[EVP_MAX_MD_SIZE], count[4] = {0};
	unsigned n = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (n == 0 || i % n == 0) {
			count[3] = (uint8_t)(n == 0 ? 0 : i / n); /* 512 octets: below 256 blocks */
			if (ctx == NULL || !EVP_DigestInit_ex(ctx, md, NULL) ||
			    !EVP_DigestUpdate(ctx, seed, seed_len) ||
			    !EVP_DigestUpdate(ctx, count, sizeof(count)) ||
			    !EVP_DigestFinal_ex(ctx, block, &n))
				return 0;
		}
		data[i] ^= block[i % n];
	}
	return 1;
}

/* H = Hash(eight zeros || digest || salt) */
static int
pss_hash(const EVP_MD *md, const uint8_t *digest, const uint8_t *salt, size_t len, uint8_t *ret)
{
	static const uint8_t zeros[8];
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) &&
	       EVP_DigestUpdate(ctx, zeros, sizeof(zeros)) && EVP_DigestUpdate(ctx, digest, len) &&
	       EVP_DigestUpdate(ctx, salt, len) && EVP_DigestFinal_ex(ctx, ret, NULL);
}

/* EMSA-PSS (RFC 8017, 9.1.1) with a salt as long as the digest, for a modulus of whole octets:
 * DB = zeros || 01 || salt, masked, then H, then bc. */
int
extkey_rsa_pss(const EVP_MD *md, const uint8_t *digest, size_t len, uint8_t *em, size_t em_len)
{
	uint8_t salt[EVP_MAX_MD_SIZE];
	const size_t db_len = em_len - len - 1;

	if (em_len < 2 * len + 2 || len > sizeof(salt) || RAND_bytes(salt, (int)len) != 1)
		return 0;
	memset(em, 0, em_len);
	em[db_len - len - 1] = 1;
	memcpy(em + db_len - len, salt, len);
	if (!pss_hash(md, digest, salt, len, em + db_len) ||
	    !mgf1_xor(md, em + db_len, len, em, db_len))
		return 0;
	em[0] &= 0x7f;
	em[em_len - 1] = 0xbc;
	return 1;
}
