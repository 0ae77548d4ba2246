/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/tlv.h"
#include "device/alg.h"
#include "device/status.h"

enum { PIVTAG_MODULUS = 0x81, PIVTAG_EXPONENT = 0x82, PIVTAG_POINT = 0x86 };

#define EXPONENT_MAX 4 /* bytes; tokens always make 65537 */

static const struct alg algs[] = {
    {KEY_P256, 0x11, {0, 0, 0}, 32, true, 0},
    {KEY_P384, 0x14, {4, 0, 0}, 48, true, 0},
    {KEY_ED25519, 0xe0, {5, 7, 0}, 32, false, 0},
    {KEY_X25519, 0xe1, {5, 7, 0}, 32, false, 0},
    {KEY_RSA2048, 0x07, {0, 0, 0}, 256, true, 120},
    {KEY_RSA3072, 0x05, {5, 7, 0}, 384, false, 300},
    {KEY_RSA4096, 0x16, {5, 7, 0}, 512, false, 600},
};

const struct alg *
alg_find(enum key_alg key)
{
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].key == key)
			return &algs[i];
	return NULL;
}

enum key_alg
alg_from_piv(uint8_t piv)
{
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].piv == piv)
			return algs[i].key;
	return KEY_NONE;
}

bool
alg_is_rsa(enum key_alg key)
{
	return key == KEY_RSA2048 || key == KEY_RSA3072 || key == KEY_RSA4096;
}

static bool
is_ec(enum key_alg key)
{
	return key == KEY_P256 || key == KEY_P384;
}

static void
pkey_freep(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void
pkey_ctx_freep(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

static void
params_freep(OSSL_PARAM **p)
{
	OSSL_PARAM_free(*p);
}

static void
bld_freep(OSSL_PARAM_BLD **p)
{
	OSSL_PARAM_BLD_free(*p);
}

static void
bn_freep(BIGNUM **p)
{
	BN_free(*p);
}

static void
ecdsa_freep(ECDSA_SIG **p)
{
	ECDSA_SIG_free(*p);
}

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM *params)
{
	CLEAN(pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return pkey;
}

static EVP_PKEY *
ec_key(const struct alg *alg, const struct tlv *point)
{
	CLEAN(bld_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	CLEAN(params_freep) OSSL_PARAM *params = NULL;
	const char *group = alg->key == KEY_P256 ? "P-256" : "P-384";

	/* SEC 1, 2.3.4: uncompressed only */
	if (point->len != 1 + 2 * alg->bytes || point->value[0] != 0x04 || bld == NULL)
		return NULL;
	if (OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(
		bld, OSSL_PKEY_PARAM_PUB_KEY, point->value, point->len) != 1)
		return NULL;
	params = OSSL_PARAM_BLD_to_param(bld);
	return from_params("EC", params);
}

static EVP_PKEY *
rsa_key(const struct alg *alg, const struct tlv *n, const struct tlv *e)
{
	CLEAN(bld_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	CLEAN(params_freep) OSSL_PARAM *params = NULL;
	CLEAN(bn_freep) BIGNUM *bn_n = NULL;
	CLEAN(bn_freep) BIGNUM *bn_e = NULL;

	if (n->len != alg->bytes || e->len == 0 || e->len > EXPONENT_MAX || bld == NULL)
		return NULL;
	bn_n = BN_bin2bn(n->value, (int)n->len, NULL);
	bn_e = BN_bin2bn(e->value, (int)e->len, NULL);
	if (bn_n == NULL || bn_e == NULL || BN_num_bits(bn_n) != (int)alg->bytes * 8 ||
	    !BN_is_odd(bn_n) || !BN_is_odd(bn_e) || BN_is_one(bn_e))
		return NULL;
	if (OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) != 1)
		return NULL;
	params = OSSL_PARAM_BLD_to_param(bld);
	return from_params("RSA", params);
}

static EVP_PKEY *
raw_key(const struct alg *alg, const struct tlv *point)
{
	const char *type = alg->key == KEY_ED25519 ? "ED25519" : "X25519";

	if (point->len != alg->bytes)
		return NULL;
	return EVP_PKEY_new_raw_public_key_ex(NULL, type, NULL, point->value, point->len);
}

static EVP_PKEY *
parse_key(const struct alg *alg, const uint8_t *data, size_t len)
{
	struct tlv a = {0}, b = {0};
	size_t pos = 0;

	if (tlv_next(data, len, &pos, &a) != 1)
		return NULL;
	if (!alg_is_rsa(alg->key)) {
		if (a.tag != PIVTAG_POINT || pos != len)
			return NULL;
		return is_ec(alg->key) ? ec_key(alg, &a) : raw_key(alg, &a);
	}
	if (tlv_next(data, len, &pos, &b) != 1 || pos != len || a.tag != PIVTAG_MODULUS ||
	    b.tag != PIVTAG_EXPONENT)
		return NULL;
	return rsa_key(alg, &a, &b);
}

/* EVP_PKEY_fromdata refuses a point that is not on the curve already; asked once more, since all
 * else rests on it. */
static bool
is_valid(const struct alg *alg, EVP_PKEY *pkey)
{
	CLEAN(pkey_ctx_freep) EVP_PKEY_CTX *ctx = NULL;

	if (!is_ec(alg->key))
		return true;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	return ctx != NULL && EVP_PKEY_public_check(ctx) == 1;
}

int
alg_spki(enum key_alg key, const uint8_t *data, size_t len, struct blob *ret, struct err *err)
{
	const struct alg *alg = alg_find(key);
	CLEAN(pkey_freep) EVP_PKEY *pkey = NULL;
	uint8_t *der = NULL;
	int n, rc;

	if (alg == NULL || (pkey = parse_key(alg, data, len)) == NULL || !is_valid(alg, pkey)) {
		ERR_clear_error();
		return status_malformed(err, "public key");
	}
	if ((n = i2d_PUBKEY(pkey, &der)) <= 0) {
		ERR_clear_error();
		return err_set(err, ERR_INTERNAL, "cannot encode the public key");
	}
	rc = blob_set(ret, der, (size_t)n, err);
	OPENSSL_free(der);
	return rc;
}

/* RFC 3279, 2.2.3: SEQUENCE { r, s }, in DER, neither 0 nor longer than the field */
static bool
is_ecdsa(const struct alg *alg, const uint8_t *sig, size_t len)
{
	CLEAN(ecdsa_freep) ECDSA_SIG *parsed = NULL;
	const uint8_t *p = sig;
	const BIGNUM *r, *s;
	const int bits = (int)alg->bytes * 8;

	parsed = d2i_ECDSA_SIG(NULL, &p, (long)len);
	if (parsed == NULL || p != sig + len || i2d_ECDSA_SIG(parsed, NULL) != (int)len)
		return false;
	ECDSA_SIG_get0(parsed, &r, &s);
	return !BN_is_zero(r) && !BN_is_negative(r) && BN_num_bits(r) <= bits && !BN_is_zero(s) &&
	       !BN_is_negative(s) && BN_num_bits(s) <= bits;
}

int
alg_check_signature(enum key_alg key, const uint8_t *sig, size_t len, struct err *err)
{
	const struct alg *alg = alg_find(key);
	bool good;

	if (alg == NULL)
		return err_set(err, ERR_INTERNAL, "no such algorithm");
	if (is_ec(key))
		good = is_ecdsa(alg, sig, len);
	else
		good = len == (key == KEY_ED25519 ? 2 * alg->bytes : alg->bytes);
	ERR_clear_error();
	return good ? 0 : status_malformed(err, "signature");
}
