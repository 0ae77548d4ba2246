/* SPDX-License-Identifier: BSD-2-Clause */
/* extkey_sig: the provider's signature methods. Digest in the default context, then one call to the
 * callback. Nothing but a real signature reaches the callback: sizes are answered, and digests
 * refused, before it. */
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "key/evp.h"
#include "key/extkey.h"
#include "key/ossl.h"

#define DIGEST_INFO_LEN 19

struct sig_ctx {
	struct key *key;  /* borrowed: the EVP_PKEY_CTX holds the EVP_PKEY */
	EVP_MD *md;	  /* NULL with Ed25519 */
	EVP_MD_CTX *hash; /* of Update and Final */
	bool pss;	  /* RSA: PSS with a salt of the digest's size, not PKCS #1 v1.5 */
};

static const char *const digests[] = {"SHA2-256", "SHA2-384", "SHA2-512"};

static void *
sig_newctx(void *provctx, const char *propq)
{
	(void)provctx;
	(void)propq;
	return OPENSSL_zalloc(sizeof(struct sig_ctx));
}

static void
sig_freectx(void *vctx)
{
	struct sig_ctx *c = vctx;

	EVP_MD_CTX_free(c->hash);
	EVP_MD_free(c->md);
	OPENSSL_free(c);
}

/* 3.0 duplicates the context in every EVP_DigestSignFinal(). */
static void *
sig_dupctx(void *vctx)
{
	const struct sig_ctx *from = vctx;
	struct sig_ctx *c = sig_newctx(NULL, NULL);

	if (c == NULL)
		return NULL;
	c->key = from->key;
	c->pss = from->pss;
	if (from->md != NULL && EVP_MD_up_ref(from->md))
		c->md = from->md;
	if ((from->md != NULL && c->md == NULL) ||
	    (from->hash != NULL && ((c->hash = EVP_MD_CTX_new()) == NULL ||
				       !EVP_MD_CTX_copy_ex(c->hash, from->hash)))) {
		sig_freectx(c);
		return NULL;
	}
	return c;
}

/* Ask the callback, once; remember its error in the key. Returns 1 or 0 as OpenSSL wants it. */
static int
extkey_call(struct key *key, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *sig_len)
{
	const size_t room = *sig_len;
	int rc;

	key->err = (struct err)ERR_INIT;
	rc = key->ops->sign(key->ctx, in, in_len, sig, sig_len, &key->err);
	if (rc == 0 && *sig_len > 0 && *sig_len <= room)
		return 1;
	if (rc == 0)
		err_set(&key->err, ERR_INTERNAL,
		    "the key returned a signature of unexpected length (%zu bytes)", *sig_len);
	if (key->err.code == 0) /* a callback that only returned its code */
		err_set(&key->err, rc, "the key failed to sign");
	ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "%s", key->err.text);
	return 0;
}

static bool
is_digest_taken(const EVP_MD *md)
{
	size_t i;

	for (i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		if (EVP_MD_is_a(md, digests[i]))
			return true;
	return false;
}

/* libssl probes with this which signature algorithms a key can do: a refusal is no error. */
static int
sig_init(void *vctx, const char *mdname, void *keydata, const OSSL_PARAM params[])
{
	const struct extkey *k = keydata;
	struct sig_ctx *c = vctx;

	(void)params;
	if (k != NULL)
		c->key = k->key;
	if (c->key == NULL)
		return 0;
	EVP_MD_free(c->md);
	EVP_MD_CTX_free(c->hash);
	c->md = NULL;
	c->hash = NULL;
	c->pss = false;
	if (c->key->alg == KEY_ED25519)
		return mdname == NULL || *mdname == '\0';
	if (mdname == NULL || *mdname == '\0')
		mdname = EVP_MD_get0_name(evp_md(c->key->alg));
	c->md = EVP_MD_fetch(NULL, mdname, NULL);
	return c->md != NULL && is_digest_taken(c->md);
}

/* ---- ECDSA ---- */

/* The digest as an integer of the field's size (FIPS 186-5, 6.4.1, step 2): the left part of a
 * longer one, zeros in front of a shorter one. TLS 1.2 asks for both: P-256 with SHA-384 and P-384
 * with SHA-256. */
static int
ecdsa_sign(struct sig_ctx *c, const uint8_t *digest, size_t len, uint8_t *sig, size_t *sig_len)
{
	const size_t n = c->key->alg == KEY_P384 ? 48 : 32;
	uint8_t in[48] = {0};

	if (len > n)
		len = n;
	memcpy(in + n - len, digest, len);
	if (!extkey_call(c->key, in, n, sig, sig_len))
		return 0;
	if (evp_is_ecdsa(sig, *sig_len, n))
		return 1;
	err_set(&c->key->err, ERR_INTERNAL, "the key did not return an ECDSA signature");
	return 0;
}

/* ---- RSA: padding, for keys that only raise a block to their private exponent. OpenSSL's own
 * functions for it are deprecated. ---- */

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

static int
rsa_pkcs1(const EVP_MD *md, const uint8_t *digest, size_t len, uint8_t *em, size_t em_len)
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
static int
rsa_pss(const EVP_MD *md, const uint8_t *digest, size_t len, uint8_t *em, size_t em_len)
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

static int
rsa_sign(struct sig_ctx *c, const uint8_t *digest, size_t len, uint8_t *sig, size_t *sig_len)
{
	const int size = EVP_PKEY_get_size(c->key->pub);
	uint8_t em[KEY_SIG_MAX];
	const size_t n = size > 0 ? (size_t)size : 0;

	if (n < 256 || n > sizeof(em) ||
	    !(c->pss ? rsa_pss : rsa_pkcs1)(c->md, digest, len, em, n) ||
	    !extkey_call(c->key, em, n, sig, sig_len))
		return 0;
	if (*sig_len == n)
		return 1;
	err_set(&c->key->err, ERR_INTERNAL, "the key did not return an RSA signature");
	return 0;
}

/* Arrives as a number or as text, depending on who asks. */
static int
set_padding(struct sig_ctx *c, const OSSL_PARAM *p)
{
	const char *text = NULL;
	int mode = 0;

	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		if (!OSSL_PARAM_get_utf8_string_ptr(p, &text))
			return 0;
		mode = strcmp(text, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0	   ? RSA_PKCS1_PSS_PADDING
		       : strcmp(text, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0 ? RSA_PKCS1_PADDING
									   : 0;
	} else if (!OSSL_PARAM_get_int(p, &mode)) {
		return 0;
	}
	c->pss = mode == RSA_PKCS1_PSS_PADDING;
	return c->pss || mode == RSA_PKCS1_PADDING;
}

/* Only the salt length that TLS and everybody asks for. */
static int
check_salt(const struct sig_ctx *c, const OSSL_PARAM *p)
{
	const char *text = NULL;
	int n = 0;

	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_utf8_string_ptr(p, &text) &&
		       strcmp(text, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
	return OSSL_PARAM_get_int(p, &n) &&
	       (n == RSA_PSS_SALTLEN_DIGEST || (c->md != NULL && n == EVP_MD_get_size(c->md)));
}

static int
rsa_set_params(void *vctx, const OSSL_PARAM params[])
{
	struct sig_ctx *c = vctx;
	const OSSL_PARAM *p;
	const char *text = NULL;

	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p != NULL && !set_padding(c, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	if (p != NULL && !check_salt(c, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
	return p == NULL || (c->md != NULL && OSSL_PARAM_get_utf8_string_ptr(p, &text) &&
				EVP_MD_is_a(c->md, text));
}

static const OSSL_PARAM *
rsa_settable_params(void *vctx, void *provctx)
{
	static const OSSL_PARAM list[] = {
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)vctx;
	(void)provctx;
	return list;
}

/* ---- Ed25519 ---- */

static int
ed25519_sign(struct sig_ctx *c, const uint8_t *in, size_t len, uint8_t *sig, size_t *sig_len)
{
	if (!extkey_call(c->key, in, len, sig, sig_len))
		return 0;
	if (*sig_len == 64) /* RFC 8032, 5.1.6 */
		return 1;
	err_set(&c->key->err, ERR_INTERNAL, "the key did not return an Ed25519 signature");
	return 0;
}

/* ---- digest, then sign ---- */

static int
sign_digest(struct sig_ctx *c, const uint8_t *digest, size_t len, uint8_t *sig, size_t *sig_len)
{
	if (c->key->alg == KEY_P256 || c->key->alg == KEY_P384)
		return ecdsa_sign(c, digest, len, sig, sig_len);
	return rsa_sign(c, digest, len, sig, sig_len);
}

static int
sig_room(const struct sig_ctx *c, size_t *ret)
{
	const int n = EVP_PKEY_get_size(c->key->pub);

	*ret = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static int
sig_digest_sign(void *vctx, unsigned char *sig, size_t *sig_len, size_t room,
    const unsigned char *tbs, size_t tbs_len)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct sig_ctx *c = vctx;
	unsigned len = 0;

	if (sig == NULL)
		return sig_room(c, sig_len);
	*sig_len = room;
	if (c->key->alg == KEY_ED25519)
		return ed25519_sign(c, tbs, tbs_len, sig, sig_len);
	return c->md != NULL && EVP_Digest(tbs, tbs_len, digest, &len, c->md, NULL) == 1 &&
	       sign_digest(c, digest, len, sig, sig_len);
}

/* Ed25519 cannot be done in pieces; without these two, EVP_DigestSignFinal() of 3.0 jumps through
 * NULL. */
static int
sig_update(void *vctx, const unsigned char *data, size_t len)
{
	struct sig_ctx *c = vctx;

	if (c->md == NULL)
		return 0;
	if (c->hash == NULL &&
	    ((c->hash = EVP_MD_CTX_new()) == NULL || EVP_DigestInit_ex(c->hash, c->md, NULL) != 1))
		return 0;
	return EVP_DigestUpdate(c->hash, data, len);
}

static int
sig_final(void *vctx, unsigned char *sig, size_t *sig_len, size_t room)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct sig_ctx *c = vctx;
	unsigned len = 0;

	if (sig == NULL)
		return c->md != NULL && sig_room(c, sig_len);
	*sig_len = room;
	return sig_update(c, NULL, 0) && EVP_DigestFinal_ex(c->hash, digest, &len) == 1 &&
	       sign_digest(c, digest, len, sig, sig_len);
}

/* ---- parameters ---- */

/* The AlgorithmIdentifier for certificates: no parameters with ECDSA and Ed25519, NULL with RSA
 * (RFC 5758, 3.2; RFC 8410, 3; RFC 4055, 5). PSS is for TLS only, which does not ask. */
static int
put_algorithm(const struct sig_ctx *c, OSSL_PARAM *p)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	CLEAN(algor_freep) X509_ALGOR *algor = X509_ALGOR_new();
	const int kind = EVP_PKEY_get_base_id(c->key->pub);
	int nid = kind, len; /* Ed25519: one name for key and signature */

	if (c->pss)
		return 0;
	if (c->md != NULL && !OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(c->md), kind))
		return 0;
	if (algor == NULL ||
	    !X509_ALGOR_set0(
		algor, OBJ_nid2obj(nid), kind == EVP_PKEY_RSA ? V_ASN1_NULL : V_ASN1_UNDEF, NULL) ||
	    (len = i2d_X509_ALGOR(algor, &der)) <= 0)
		return 0;
	return OSSL_PARAM_set_octet_string(p, der, (size_t)len);
}

static int
sig_get_params(void *vctx, OSSL_PARAM params[])
{
	const struct sig_ctx *c = vctx;
	OSSL_PARAM *p;

	if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID)) != NULL &&
	    !put_algorithm(c, p))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST)) != NULL &&
	    !OSSL_PARAM_set_utf8_string(p, c->md == NULL ? "" : EVP_MD_get0_name(c->md)))
		return 0;
	return 1;
}

static const OSSL_PARAM *
sig_gettable_params(void *vctx, void *provctx)
{
	static const OSSL_PARAM list[] = {
	    OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)vctx;
	(void)provctx;
	return list;
}

#define SIG_COMMON                                                                                \
	FN(OSSL_FUNC_SIGNATURE_NEWCTX, sig_newctx), FN(OSSL_FUNC_SIGNATURE_FREECTX, sig_freectx), \
	    FN(OSSL_FUNC_SIGNATURE_DUPCTX, sig_dupctx),                                           \
	    FN(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, sig_get_params),                               \
	    FN(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, sig_gettable_params),                     \
	    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sig_init),                                   \
	    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sig_digest_sign),                                 \
	    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, sig_update),                               \
	    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, sig_final)

static const OSSL_DISPATCH plain[] = {SIG_COMMON, {0, NULL}};

static const OSSL_DISPATCH rsa[] = {SIG_COMMON,
    FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, rsa_set_params),
    FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, rsa_settable_params), {0, NULL}};

const OSSL_ALGORITHM extkey_signatures[] = {
    {"ECDSA", EXTKEY_PROPERTY, plain, NULL},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", EXTKEY_PROPERTY, rsa, NULL},
    {"ED25519:1.3.101.112", EXTKEY_PROPERTY, plain, NULL},
    {NULL, NULL, NULL, NULL},
};
