/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/objects.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "signer/der.h"
#include "signer/sign.h"

#define CHUNK 1048576 /* bytes */

/* RFC 5758, 3.2: no parameters */
static const uint8_t ecdsa_sha256[] = {
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t ecdsa_sha384[] = {
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};

/* RFC 4055, 5: NULL */
static const uint8_t rsa_sha256[] = {
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
/* RFC 8410, 3: no parameters */
static const uint8_t ed25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

static const struct sign_algorithm algs[] = {
    {KEY_P256, ecdsa_sha256, sizeof(ecdsa_sha256), NID_ecdsa_with_SHA256, 72, EVP_sha256},
    {KEY_P384, ecdsa_sha384, sizeof(ecdsa_sha384), NID_ecdsa_with_SHA384, 104, EVP_sha384},
    {KEY_RSA2048, rsa_sha256, sizeof(rsa_sha256), NID_sha256WithRSAEncryption, 256, EVP_sha256},
    {KEY_RSA3072, rsa_sha256, sizeof(rsa_sha256), NID_sha256WithRSAEncryption, 384, EVP_sha256},
    {KEY_RSA4096, rsa_sha256, sizeof(rsa_sha256), NID_sha256WithRSAEncryption, 512, EVP_sha256},
    {KEY_ED25519, ed25519, sizeof(ed25519), NID_ED25519, 64, NULL},
};

int
sign_algorithm(enum key_alg alg, const struct sign_algorithm **ret, struct err *err)
{
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].alg == alg) {
			*ret = &algs[i];
			return 0;
		}
	return err_set(err, ERR_CA,
	    "a CA key of %s is not supported; ECCP256, ECCP384, RSA3072, RSA4096 and ED25519 are",
	    key_alg_name(alg));
}

size_t
sign_len_max(const struct sign_algorithm *a, size_t tbs_len)
{
	/* outer head 4, BIT STRING head 4 at most and its unused-bits octet */
	return 4 + tbs_len + a->der_len + (a->sig_max < 127 ? 3 : 5) + a->sig_max;
}

/* ---- bytes ---- */

/* Piece by piece, so that what was read need not stay. */
static int
feed(EVP_MD_CTX *ctx, const struct crl_file *f, const uint8_t *data, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < CHUNK ? len - at : CHUNK;
		if (EVP_DigestSignUpdate(ctx, data + at, n) != 1)
			return -1;
		if (f != NULL)
			crl_file_forget(f, (size_t)(data - f->der) + at + n);
	}
	return 0;
}

int
sign_bytes(const struct key *key, const struct crl_file *f, const void *data, size_t data_len,
    uint8_t *ret_sig, size_t *ret_len, struct err *err)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const struct sign_algorithm *a = NULL;
	const EVP_MD *md;
	size_t len = KEY_SIG_MAX;
	int rc;

	if ((rc = sign_algorithm(key_algorithm(key), &a, err)) != 0)
		return rc;
	md = a->md == NULL ? NULL : a->md();
	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, md, NULL, key_evp(key)) != 1 ||
	    (md == NULL ? EVP_DigestSign(ctx, ret_sig, &len, data, data_len) != 1
			: feed(ctx, f, data, data_len) != 0 ||
			      EVP_DigestSignFinal(ctx, ret_sig, &len) != 1))
		return evp_key_err(err, ERR_CA, key, "the CA's key failed to sign");
	*ret_len = len;
	return 0;
}

/* ---- certificates ---- */

void
sign_put(struct der_out *o, const struct sign_algorithm *a, const uint8_t *sig, size_t len)
{
	size_t begin;

	der_raw(o, a->der, a->der_len);
	begin = o->b.len;
	der_raw(o, "", 1); /* no unused bits */
	der_raw(o, sig, len);
	der_wrap(o, begin, DER_BIT_STRING);
}

static bool
verifies(EVP_PKEY *pub, const struct sign_algorithm *a, const struct blob *tbs, const uint8_t *sig,
    size_t sig_len)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = a->md == NULL ? NULL : a->md();

	return ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, pub) == 1 &&
	       EVP_DigestVerify(ctx, sig, sig_len, tbs->data, tbs->len) == 1;
}

/* Is der such a sequence with exactly this tbs, by this key? */
static int
verify(const struct key *key, const struct sign_algorithm *a, const struct blob *der,
    const struct blob *tbs, struct err *err)
{
	struct der outer, inner, alg, bits;
	size_t pos = 0, at = 0;

	if (der_expect(der->data, der->len, &pos, DER_SEQUENCE, &outer) != 0 || pos != der->len ||
	    der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &inner) != 0 ||
	    der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &alg) != 0 ||
	    der_expect(outer.value, outer.len, &at, DER_BIT_STRING, &bits) != 0 ||
	    at != outer.len || bits.len < 2 || bits.value[0] != 0)
		return err_set(err, ERR_CA, "the signed data is not a certificate");
	if (inner.raw_len != tbs->len || memcmp(inner.raw, tbs->data, tbs->len) != 0)
		return err_set(err, ERR_CA, "the signed data is not what was prepared");
	if (alg.raw_len != a->der_len || memcmp(alg.raw, a->der, a->der_len) != 0)
		return err_set(err, ERR_CA, "the signed data names another algorithm");
	return verifies(key_evp_public(key), a, tbs, bits.value + 1, bits.len - 1)
		   ? 0
		   : evp_err(err, ERR_CA, "the CA's signature does not verify");
}

int
sign_tbs(const struct key *key, const struct blob *tbs, struct blob *ret_der, struct err *err)
{
	CLEAN(der_out_wipe) struct der_out o = {.err = err};
	const struct sign_algorithm *a = NULL;
	uint8_t sig[KEY_SIG_MAX];
	size_t len = 0;
	int rc;

	if ((rc = sign_algorithm(key_algorithm(key), &a, err)) != 0 ||
	    (rc = sign_bytes(key, NULL, tbs->data, tbs->len, sig, &len, err)) != 0)
		return rc;
	der_raw(&o, tbs->data, tbs->len);
	sign_put(&o, a, sig, len);
	der_wrap(&o, 0, DER_SEQUENCE);
	if (o.rc != 0 || (rc = verify(key, a, &o.b, tbs, err)) != 0)
		return o.rc != 0 ? o.rc : rc;
	blob_move(ret_der, &o.b);
	return 0;
}

int
sign_cert(struct log *log, const struct log_who *who, const struct key *key,
    const struct log_row *intent, struct blob *ret_cert, struct err *err)
{
	CLEAN(blob_wipe) struct blob tbs = {0}, cert = {0};
	struct log_row row = *intent, end = {.what = "signed",
					  .ca = -1,
					  .serial = intent->serial,
					  .serial_len = intent->serial_len};
	int rc;

	row.what = "intent";
	if ((rc = blob_set(&tbs, row.data, row.data_len, err)) != 0 ||
	    (rc = log_append(log, who, &row, err)) != 0)
		return rc;
	/* From here on the serial is used. When the key fails it is not known what it did: the
	 * serial goes onto the next CRL. */
	if ((rc = sign_tbs(key, &tbs, &cert, err)) != 0) {
		if (log_abandon(log, who, NULL) != 0)
			log->failed = true; /* then the next start abandons it */
		return rc;
	}
	end.data = cert.data;
	end.data_len = cert.len;
	if ((rc = log_append(log, who, &end, err)) != 0)
		return rc;
	blob_move(ret_cert, &cert);
	return 0;
}
