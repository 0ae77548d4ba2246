/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "virtual/vcrypt.h"

#define RSA_E 65537

static const struct vcrypt_alg algs[] = {
    {VCRYPT_RSA1024, "RSA1024", VCRYPT_RSA, 128, false, NULL, 500, 3000, 50},
    {VCRYPT_RSA2048, "RSA2048", VCRYPT_RSA, 256, false, NULL, 2000, 15000, 160},
    {VCRYPT_RSA3072, "RSA3072", VCRYPT_RSA, 384, true, NULL, 8000, 60000, 400},
    {VCRYPT_RSA4096, "RSA4096", VCRYPT_RSA, 512, true, NULL, 20000, 180000, 800},
    {VCRYPT_P256, "ECCP256", VCRYPT_EC, 32, false, "P-256", 120, 120, 70},
    {VCRYPT_P384, "ECCP384", VCRYPT_EC, 48, false, "P-384", 220, 220, 130},
    {VCRYPT_ED25519, "ED25519", VCRYPT_ED, 32, true, "ED25519", 120, 120, 80},
    {VCRYPT_X25519, "X25519", VCRYPT_X, 32, true, "X25519", 120, 120, 80},
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

/* ---- the private keys that IMPORT KEY brings ---- */

/* What the five numbers of A.2 leave out: n, d, for the exponent every YubiKey uses. */
static bool
rsa_complete(BN_CTX *ctx, BIGNUM *const part[5], BIGNUM *n, BIGNUM *e, BIGNUM *d)
{
	BIGNUM *p1 = BN_CTX_get(ctx), *q1 = BN_CTX_get(ctx), *phi = BN_CTX_get(ctx);
	BIGNUM *check = BN_CTX_get(ctx);

	if (check == NULL || BN_is_zero(part[0]) || BN_is_zero(part[1]) || !BN_set_word(e, RSA_E) ||
	    !BN_mul(n, part[0], part[1], ctx) || !BN_sub(p1, part[0], BN_value_one()) ||
	    !BN_sub(q1, part[1], BN_value_one()) || !BN_mul(phi, p1, q1, ctx) ||
	    BN_mod_inverse(d, e, phi, ctx) == NULL || !BN_mod(check, d, p1, ctx))
		return false;
	/* Another exponent, or numbers that do not belong together. */
	return BN_cmp(check, part[2]) == 0;
}

static EVP_PKEY *
rsa_build(BIGNUM *const part[5], const BIGNUM *n, const BIGNUM *e, const BIGNUM *d)
{
	static const char *const names[5] = {OSSL_PKEY_PARAM_RSA_FACTOR1,
	    OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
	    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;
	bool ok = bld != NULL && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
		  OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) &&
		  OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_D, d);

	for (size_t i = 0; ok && i < 5; i++)
		ok = OSSL_PARAM_BLD_push_BN(bld, names[i], part[i]);
	if (!ok || (params = OSSL_PARAM_BLD_to_param(bld)) == NULL || ctx == NULL ||
	    EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
import_rsa(const struct vcrypt_alg *alg, const uint8_t *data, size_t len)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *part[5] = {0}, *n, *e, *d;
	EVP_PKEY *key = NULL;
	bool ok = ctx != NULL;

	if (!ok)
		return NULL;
	BN_CTX_start(ctx);
	for (uint8_t i = 0; i < 5; i++) {
		struct vtlv t;

		part[i] = BN_CTX_get(ctx);
		ok = ok && part[i] != NULL && vtlv_find(data, len, (uint8_t)(i + 1), &t) &&
		     t.len <= alg->bytes / 2 && BN_bin2bn(t.val, (int)t.len, part[i]) != NULL;
	}
	n = BN_CTX_get(ctx);
	e = BN_CTX_get(ctx);
	d = BN_CTX_get(ctx);
	if (ok && d != NULL && rsa_complete(ctx, part, n, e, d) &&
	    BN_num_bits(n) == (int)(8 * alg->bytes))
		key = rsa_build(part, n, e, d);
	BN_CTX_end(ctx);
	BN_CTX_free(ctx);
	return key;
}

/* As ECPrivateKey (RFC 5915) without the public point, which OpenSSL makes; NULL where the scalar
 * is not in [1, order). */
static EVP_PKEY *
import_ec(const struct vcrypt_alg *alg, const uint8_t *data, size_t len)
{
	struct vbuf body = {0}, der = {0};
	unsigned char curve[16], *end = curve;
	const int n = i2d_ASN1_OBJECT(OBJ_nid2obj(EC_curve_nist2nid(alg->group)), &end);
	const uint8_t version = 1, *p = der.b;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key;
	struct vtlv t;

	if (n < 0 || !vtlv_find(data, len, 0x06, &t) || t.len != alg->bytes)
		return NULL;
	vtlv_put(&body, 0x02, &version, 1);
	vtlv_put(&body, 0x04, t.val, t.len);
	vtlv_put(&body, 0xA0, curve, (size_t)n);
	vtlv_put(&der, 0x30, body.b, body.len);
	key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, (long)der.len);
	if (key == NULL || (ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL)) == NULL ||
	    EVP_PKEY_private_check(ctx) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

EVP_PKEY *
vcrypt_import(const struct vcrypt_alg *alg, const uint8_t *data, size_t len)
{
	struct vtlv t;

	if (alg->kind == VCRYPT_RSA)
		return import_rsa(alg, data, len);
	if (alg->kind == VCRYPT_EC)
		return import_ec(alg, data, len);
	if (!vtlv_find(data, len, alg->kind == VCRYPT_ED ? 0x07 : 0x08, &t) || t.len != alg->bytes)
		return NULL;
	return EVP_PKEY_new_raw_private_key_ex(NULL, alg->group, NULL, t.val, t.len);
}
