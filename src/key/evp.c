/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <strings.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "key/evp.h"
#include "key/key_priv.h"
#include "key/ossl.h"
#include "key/weak.h"

OSSL_FREEP(ecdsa_freep, ECDSA_SIG, ECDSA_SIG_free)

/* The elliptic keys have one encoding that we accept: these bytes and the key's own behind them
 * (RFC 5480, 2.1.1 and 2.2; RFC 8410, 3 and 4). */
static const uint8_t p256_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    0x04};
static const uint8_t p384_head[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};
static const uint8_t ed25519_head[] = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t x25519_head[] = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00};

/* RSA has room for other exponents; only 65537 is made by the tokens and taken here, which fixes
 * the encoding up to the modulus (RFC 8017, A.1.1). */
static const uint8_t rsa2048_head[] = {0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86,
    0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82,
    0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00};
static const uint8_t rsa3072_head[] = {0x30, 0x82, 0x01, 0xa2, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86,
    0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x8f, 0x00, 0x30, 0x82,
    0x01, 0x8a, 0x02, 0x82, 0x01, 0x81, 0x00};
static const uint8_t rsa4096_head[] = {0x30, 0x82, 0x02, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86,
    0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x02, 0x0f, 0x00, 0x30, 0x82,
    0x02, 0x0a, 0x02, 0x82, 0x02, 0x01, 0x00};
static const uint8_t rsa_tail[] = {0x02, 0x03, 0x01, 0x00, 0x01};

#define BYTES(a) a, sizeof(a)

static const struct evp_alg algs[] = {
    {KEY_P256, "ECCP256", "P-256", "EC", BYTES(p256_head), 64, EVP_sha256},
    {KEY_P384, "ECCP384", "P-384", "EC", BYTES(p384_head), 96, EVP_sha384},
    {KEY_ED25519, "ED25519", "ED25519", "ED25519", BYTES(ed25519_head), 32, NULL},
    {KEY_X25519, "X25519", "X25519", NULL, BYTES(x25519_head), 32, NULL},
    {KEY_RSA2048, "RSA2048", "RSA-2048", "RSA", BYTES(rsa2048_head), 256 + 5, EVP_sha256},
    {KEY_RSA3072, "RSA3072", "RSA-3072", "RSA", BYTES(rsa3072_head), 384 + 5, EVP_sha256},
    {KEY_RSA4096, "RSA4096", "RSA-4096", "RSA", BYTES(rsa4096_head), 512 + 5, EVP_sha256},
};

#define N_ALGS (sizeof(algs) / sizeof(algs[0]))

const struct evp_alg *
evp_alg(enum key_alg alg)
{
	size_t i;

	for (i = 0; i < N_ALGS; i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

const char *
key_alg_name(enum key_alg alg)
{
	return evp_alg(alg) == NULL ? "unknown" : evp_alg(alg)->name;
}

enum key_alg
key_alg_parse(const char *text)
{
	size_t i;

	for (i = 0; i < N_ALGS; i++)
		if (strcasecmp(text, algs[i].name) == 0 || strcasecmp(text, algs[i].alias) == 0)
			return algs[i].alg;
	return KEY_NONE;
}

const EVP_MD *
evp_md(enum key_alg alg)
{
	const struct evp_alg *a = evp_alg(alg);

	return a == NULL || a->md == NULL ? NULL : a->md();
}

bool
evp_is_rsa(enum key_alg alg)
{
	return alg == KEY_RSA2048 || alg == KEY_RSA3072 || alg == KEY_RSA4096;
}

enum key_alg
evp_spki_alg(const uint8_t *spki, size_t len)
{
	size_t i;

	for (i = 0; i < N_ALGS; i++) {
		if (len != algs[i].head_len + algs[i].raw ||
		    memcmp(spki, algs[i].head, algs[i].head_len) != 0)
			continue;
		if (!evp_is_rsa(algs[i].alg))
			return algs[i].alg;
		if ((spki[algs[i].head_len] & 0x80) != 0 &&
		    memcmp(spki + len - sizeof(rsa_tail), rsa_tail, sizeof(rsa_tail)) == 0)
			return algs[i].alg;
	}
	return KEY_NONE;
}

int
evp_spki(enum key_alg alg, const uint8_t *raw, size_t len, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0};
	const size_t tail = evp_is_rsa(alg) ? sizeof(rsa_tail) : 0;
	const struct evp_alg *a = evp_alg(alg);
	int rc;

	if (a == NULL || len + tail != a->raw)
		return err_set(err, ERR_FIT, "unsupported type of public key");
	if ((rc = blob_append(&b, a->head, a->head_len, err)) != 0 ||
	    (rc = blob_append(&b, raw, len, err)) != 0 ||
	    (tail != 0 && (rc = blob_append(&b, rsa_tail, tail, err)) != 0))
		return rc;
	blob_move(ret, &b);
	return 0;
}

int
evp_public(const uint8_t *spki, size_t len, EVP_PKEY **ret, enum key_alg *ret_alg, struct err *err)
{
	const enum key_alg alg = evp_spki_alg(spki, len);
	const unsigned char *p = spki;
	EVP_PKEY *pkey;

	if (alg == KEY_NONE)
		return weak_kind(spki, len, err);
	/* Decoding checks that the point is on its curve. */
	if ((pkey = d2i_PUBKEY(NULL, &p, (long)len)) == NULL)
		return evp_err(err, ERR_FIT, "the public key is not valid");
	*ret = pkey;
	if (ret_alg != NULL)
		*ret_alg = alg;
	return 0;
}

bool
evp_is_ecdsa(const uint8_t *sig, size_t len, size_t field)
{
	const uint8_t *p = sig;
	CLEAN(ecdsa_freep) ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &p, (long)len);
	const int bits = (int)field * 8;
	const BIGNUM *r, *s;

	if (parsed == NULL || p != sig + len || i2d_ECDSA_SIG(parsed, NULL) != (int)len)
		return false;
	ECDSA_SIG_get0(parsed, &r, &s);
	return !BN_is_zero(r) && !BN_is_negative(r) && BN_num_bits(r) <= bits && !BN_is_zero(s) &&
	       !BN_is_negative(s) && BN_num_bits(s) <= bits;
}

int
evp_der(
    const void *object, const ASN1_ITEM *it, const char *what, struct blob *ret, struct err *err)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const int len = object == NULL ? 0 : ASN1_item_i2d(object, &der, it);

	return len > 0 ? blob_set(ret, der, (size_t)len, err) : evp_err(err, ERR_INTERNAL, what);
}

int
evp_err(struct err *err, int code, const char *what)
{
	const char *data = NULL, *reason;
	unsigned long e;
	int flags = 0;

	/* The oldest entry is the innermost one: where it happened. */
	e = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
	reason = e == 0 ? "OpenSSL gave no reason" : ERR_reason_error_string(e);
	if ((flags & ERR_TXT_STRING) == 0 || data == NULL)
		data = "";
	if (reason == NULL)
		err_set(err, code, "%s: OpenSSL error %lx", what, e);
	else
		err_set(err, code, "%s: %s%s%s%s", what, reason, *data == '\0' ? "" : " (", data,
		    *data == '\0' ? "" : ")");
	ERR_clear_error();
	return code;
}
