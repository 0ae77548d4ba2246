/* SPDX-License-Identifier: BSD-2-Clause */

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "virtual/vcrypt.h"

static const struct vcrypt_alg algs[] = {
    {VCRYPT_RSA1024, "RSA1024", VCRYPT_RSA, 128, false, NULL},
    {VCRYPT_RSA2048, "RSA2048", VCRYPT_RSA, 256, false, NULL},
    {VCRYPT_RSA3072, "RSA3072", VCRYPT_RSA, 384, true, NULL},
    {VCRYPT_RSA4096, "RSA4096", VCRYPT_RSA, 512, true, NULL},
    {VCRYPT_P256, "ECCP256", VCRYPT_EC, 32, false, "P-256"},
    {VCRYPT_P384, "ECCP384", VCRYPT_EC, 48, false, "P-384"},
    {VCRYPT_ED25519, "ED25519", VCRYPT_ED, 32, true, "ED25519"},
    {VCRYPT_X25519, "X25519", VCRYPT_X, 32, true, "X25519"},
};

static const struct vcrypt_mgm mgm_algs[] = {
    {VCRYPT_3DES, "TDES", "DES-EDE3-ECB", 24, 8},
    {VCRYPT_AES128, "AES128", "AES-128-ECB", 16, 16},
    {VCRYPT_AES192, "AES192", "AES-192-ECB", 24, 16},
    {VCRYPT_AES256, "AES256", "AES-256-ECB", 32, 16},
};

const struct vcrypt_alg *
vcrypt_alg(const struct state *st, uint8_t id)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].id == id && (st == NULL || !algs[i].since57 || state_fw(st, 5, 7, 0)))
			return &algs[i];
	return NULL;
}

const struct vcrypt_mgm *
vcrypt_mgm(uint8_t alg)
{
	for (size_t i = 0; i < sizeof(mgm_algs) / sizeof(mgm_algs[0]); i++)
		if (mgm_algs[i].id == alg)
			return &mgm_algs[i];
	return NULL;
}

int
vcrypt_mgm_crypt(const struct state_mgm *mgm, bool encrypt, const uint8_t *in, uint8_t *out)
{
	const struct vcrypt_mgm *alg = vcrypt_mgm(mgm->alg);
	EVP_CIPHER *cipher = alg == NULL ? NULL : EVP_CIPHER_fetch(NULL, alg->cipher, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rc = -1;

	if (cipher != NULL && ctx != NULL &&
	    EVP_CipherInit_ex2(ctx, cipher, mgm->key, NULL, encrypt, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	    EVP_CipherUpdate(ctx, out, &n, in, (int)alg->block) == 1 && n == (int)alg->block)
		rc = 0;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return rc;
}

EVP_PKEY *
vcrypt_generate(const struct vcrypt_alg *alg)
{
	switch (alg->kind) {
	case VCRYPT_RSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", 8 * alg->bytes);
	case VCRYPT_EC:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", alg->group);
	default:
		return EVP_PKEY_Q_keygen(NULL, NULL, alg->group);
	}
}

static int
put_bn(EVP_PKEY *key, const char *name, size_t len, uint8_t tag, struct vbuf *out)
{
	uint8_t buf[512];
	BIGNUM *bn = NULL;
	int rc = -1;

	if (EVP_PKEY_get_bn_param(key, name, &bn) == 1) {
		size_t n = len != 0 ? len : (size_t)BN_num_bytes(bn);

		if (n <= sizeof(buf) && BN_bn2binpad(bn, buf, (int)n) == (int)n) {
			vtlv_put(out, tag, buf, n);
			rc = 0;
		}
	}
	BN_free(bn);
	return rc;
}

int
vcrypt_public(const struct vcrypt_alg *alg, EVP_PKEY *key, struct vbuf *out)
{
	uint8_t point[1 + 2 * 48];
	size_t len = 0;

	if (alg->kind == VCRYPT_RSA)
		return put_bn(key, OSSL_PKEY_PARAM_RSA_N, alg->bytes, 0x81, out) == 0 &&
			       put_bn(key, OSSL_PKEY_PARAM_RSA_E, 0, 0x82, out) == 0
			   ? 0
			   : -1;
	/* A key read from DER may prefer the compressed form: ask for what the card sends. */
	if (alg->kind == VCRYPT_EC &&
	    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
		OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) != 1)
		return -1;
	if (EVP_PKEY_get_octet_string_param(
		key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) != 1)
		return -1;
	vtlv_put(out, 0x86, point, len);
	return 0;
}

/* RSA's block is one modulus long: padding is the host's affair. */
static int
sign_block(
    const struct vcrypt_alg *alg, EVP_PKEY *key, const uint8_t *in, size_t len, struct vbuf *out)
{
	const bool rsa = alg->kind == VCRYPT_RSA;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t buf[512];
	size_t n = sizeof(buf);
	int rc = -1;

	if (len > 0 && (rsa ? len == alg->bytes : len <= alg->bytes) && ctx != NULL &&
	    EVP_PKEY_sign_init(ctx) == 1 &&
	    (!rsa || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1) &&
	    EVP_PKEY_sign(ctx, buf, &n, in, len) == 1) {
		vtlv_raw(out, buf, n);
		rc = 0;
	}
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

/* Ed25519 signs the message itself, not a digest. */
static int
eddsa(EVP_PKEY *key, const uint8_t *in, size_t len, struct vbuf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t buf[64];
	size_t n = sizeof(buf);
	int rc = -1;

	if (ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestSign(ctx, buf, &n, in, len) == 1) {
		vtlv_raw(out, buf, n);
		rc = 0;
	}
	EVP_MD_CTX_free(ctx);
	return rc;
}

int
vcrypt_sign(
    const struct vcrypt_alg *alg, EVP_PKEY *key, const uint8_t *in, size_t len, struct vbuf *out)
{
	switch (alg->kind) {
	case VCRYPT_RSA:
	case VCRYPT_EC:
		return sign_block(alg, key, in, len, out);
	case VCRYPT_ED:
		return eddsa(key, in, len, out);
	default:
		return -1;
	}
}

static EVP_PKEY *
peer_key(const struct vcrypt_alg *alg, EVP_PKEY *own, const uint8_t *point, size_t len)
{
	EVP_PKEY *peer;

	if (alg->kind == VCRYPT_X)
		return len == alg->bytes
			   ? EVP_PKEY_new_raw_public_key_ex(NULL, alg->group, NULL, point, len)
			   : NULL;
	if (alg->kind != VCRYPT_EC || len != 1 + 2 * alg->bytes || point[0] != 0x04)
		return NULL;
	peer = EVP_PKEY_new();
	/* Decoding the point refuses one that is not on the curve. */
	if (peer != NULL && (EVP_PKEY_copy_parameters(peer, own) != 1 ||
				EVP_PKEY_set1_encoded_public_key(peer, point, len) != 1)) {
		EVP_PKEY_free(peer);
		peer = NULL;
	}
	return peer;
}

int
vcrypt_derive(
    const struct vcrypt_alg *alg, EVP_PKEY *key, const uint8_t *peer, size_t len, struct vbuf *out)
{
	EVP_PKEY *other = peer_key(alg, key, peer, len);
	EVP_PKEY_CTX *ctx = other != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
	uint8_t buf[64];
	size_t n = sizeof(buf);
	int rc = -1;

	if (ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, other) == 1 && EVP_PKEY_derive(ctx, buf, &n) == 1) {
		vtlv_raw(out, buf, n);
		rc = 0;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	return rc;
}
