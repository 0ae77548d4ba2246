/* SPDX-License-Identifier: BSD-2-Clause */
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/seal.h"
#include "signer/seal_file.h"

#define CHUNK 1048576 /* bytes */

static int
feed(EVP_MD_CTX *ctx, int (*to)(EVP_MD_CTX *ctx, const void *data, size_t len),
    const struct crl_file *f, const uint8_t *data, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < CHUNK ? len - at : CHUNK;
		if (to(ctx, data + at, n) != 1)
			return -1;
		if (f != NULL)
			crl_file_forget(f, (size_t)(data - f->der) + at + n);
	}
	return 0;
}

bool
seal_raw_verifies(EVP_PKEY *pub, enum key_alg alg, const struct crl_file *f, const uint8_t *data,
    size_t len, const uint8_t *sig, size_t sig_len)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = seal_digest(alg);

	if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, md, NULL, pub) != 1)
		return false;
	if (md == NULL)
		return EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;
	return feed(ctx, EVP_DigestVerifyUpdate, f, data, len) == 0 &&
	       EVP_DigestVerifyFinal(ctx, sig, sig_len) == 1;
}

int
seal_raw_sign(const struct key *key, const struct crl_file *f, const uint8_t *data, size_t data_len,
    uint8_t *ret_sig, size_t *ret_len, struct err *err)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = seal_digest(key_algorithm(key));
	size_t len = KEY_SIG_MAX;

	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, md, NULL, key_evp(key)) != 1 ||
	    (md == NULL ? EVP_DigestSign(ctx, ret_sig, &len, data, data_len) != 1
			: feed(ctx, EVP_DigestSignUpdate, f, data, data_len) != 0 ||
			      EVP_DigestSignFinal(ctx, ret_sig, &len) != 1))
		return evp_key_err(err, ERR_CA, key, "the CA's key did not sign");
	if (!seal_raw_verifies(
		key_evp_public(key), key_algorithm(key), f, data, data_len, ret_sig, len))
		return evp_err(err, ERR_CA, "the CA's signature does not verify");
	*ret_len = len;
	return 0;
}

int
seal_file_sign(const struct key *key, const struct crl_file *tbs, uint8_t *ret_sig, size_t *ret_len,
    struct err *err)
{
	const int rc = seal_raw_sign(key, tbs, tbs->der, tbs->len, ret_sig, ret_len, err);

	crl_file_forget(tbs, tbs->len);
	return rc;
}

int
seal_file_verify(const struct blob *spki, const struct crl_file *f, const uint8_t *data, size_t len,
    const uint8_t *sig, size_t sig_len, struct err *err)
{
	CLEAN(pkey_freep) EVP_PKEY *pub = NULL;
	enum key_alg alg;
	bool good;
	int rc;

	if ((rc = evp_public(spki->data, spki->len, &pub, &alg, err)) != 0)
		return rc;
	good = seal_raw_verifies(pub, alg, f, data, len, sig, sig_len);
	crl_file_forget(f, f->len);
	return good ? 0 : evp_err(err, ERR_FIT, "the CRL's signature is not this CA's");
}
