/* SPDX-License-Identifier: BSD-2-Clause */
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/seal.h"
#include "signer/seal_file.h"

#define CHUNK 1048576 /* bytes */

typedef int update(EVP_MD_CTX *ctx, const void *data, size_t len);

static int
feed(EVP_MD_CTX *ctx, update *to, const struct crl_file *f, const uint8_t *data, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < CHUNK ? len - at : CHUNK;
		if (to(ctx, data + at, n) != 1)
			return -1;
		crl_file_forget(f, (size_t)(data - f->der) + at + n);
	}
	return 0;
}

static bool
verifies(EVP_PKEY *pub, enum key_alg alg, const struct crl_file *f, const uint8_t *data, size_t len,
    const uint8_t *sig, size_t sig_len)
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
seal_file_sign(const struct key *key, const struct crl_file *tbs, uint8_t *ret_sig, size_t *ret_len,
    struct err *err)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = seal_digest(key_algorithm(key));
	size_t len = KEY_SIG_MAX;
	bool good;

	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, md, NULL, key_evp(key)) != 1)
		return evp_key_err(err, ERR_CA, key, "the CA's key did not sign");
	good = md == NULL ? EVP_DigestSign(ctx, ret_sig, &len, tbs->der, tbs->len) == 1
			  : feed(ctx, EVP_DigestSignUpdate, tbs, tbs->der, tbs->len) == 0 &&
				EVP_DigestSignFinal(ctx, ret_sig, &len) == 1;
	if (!good)
		return evp_key_err(err, ERR_CA, key, "the CA's key did not sign");
	if (!verifies(
		key_evp_public(key), key_algorithm(key), tbs, tbs->der, tbs->len, ret_sig, len))
		return evp_err(err, ERR_CA, "the CA's signature does not verify");
	crl_file_forget(tbs, tbs->len);
	*ret_len = len;
	return 0;
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
	good = verifies(pub, alg, f, data, len, sig, sig_len);
	crl_file_forget(f, f->len);
	return good ? 0 : evp_err(err, ERR_FIT, "the CRL's signature is not this CA's");
}
