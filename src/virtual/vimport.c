/* SPDX-License-Identifier: BSD-2-Clause */
/* The private keys that IMPORT KEY brings: see vcrypt.h. */

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include "virtual/vcrypt.h"

#define RSA_E 65537

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

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
	EVP_PKEY *key = NULL;
	bool ok = bld != NULL && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
		  OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) &&
		  OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_D, d);

	for (size_t i = 0; ok && i < 5; i++)
		ok = OSSL_PARAM_BLD_push_BN(bld, names[i], part[i]);
	if (ok)
		key = from_params("RSA", bld);
	OSSL_PARAM_BLD_free(bld);
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

/* The public point of a scalar, uncompressed; 0 where the scalar is not in [1, order). */
static size_t
ec_point(const EC_GROUP *group, const BIGNUM *scalar, uint8_t *out, size_t cap)
{
	EC_POINT *point = EC_POINT_new(group);
	size_t n = 0;

	if (point != NULL && !BN_is_zero(scalar) &&
	    BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
	    EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1)
		n = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, cap, NULL);
	EC_POINT_free(point);
	return n;
}

static EVP_PKEY *
import_ec(const struct vcrypt_alg *alg, const uint8_t *data, size_t len)
{
	int nid = alg->id == VCRYPT_P256 ? NID_X9_62_prime256v1 : NID_secp384r1;
	EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *scalar = NULL;
	uint8_t point[1 + 2 * 48];
	EVP_PKEY *key = NULL;
	struct vtlv t;
	size_t n;

	if (group != NULL && bld != NULL && vtlv_find(data, len, 0x06, &t) && t.len == alg->bytes &&
	    (scalar = BN_bin2bn(t.val, (int)t.len, NULL)) != NULL &&
	    (n = ec_point(group, scalar, point, sizeof(point))) > 0 &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, alg->group, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, n) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, scalar))
		key = from_params("EC", bld);
	BN_clear_free(scalar);
	OSSL_PARAM_BLD_free(bld);
	EC_GROUP_free(group);
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
