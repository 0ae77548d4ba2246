/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/objects.h>

#include "key/evp.h"
#include "signer/der.h"
#include "signer/seal.h"
#include "signer/seal_file.h"

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

static const struct alg {
	enum key_alg alg;
	const uint8_t *der;
	size_t der_len;
	int nid;
	size_t sig_max;		   /* bytes; ECDSA: of DER SEQUENCE { r, s } */
	const EVP_MD *(*md)(void); /* NULL: the bytes themselves are signed */
} algs[] = {
    {KEY_P256, ecdsa_sha256, sizeof(ecdsa_sha256), NID_ecdsa_with_SHA256, 72, EVP_sha256},
    {KEY_P384, ecdsa_sha384, sizeof(ecdsa_sha384), NID_ecdsa_with_SHA384, 104, EVP_sha384},
    {KEY_RSA2048, rsa_sha256, sizeof(rsa_sha256), NID_sha256WithRSAEncryption, 256, EVP_sha256},
    {KEY_RSA3072, rsa_sha256, sizeof(rsa_sha256), NID_sha256WithRSAEncryption, 384, EVP_sha256},
    {KEY_RSA4096, rsa_sha256, sizeof(rsa_sha256), NID_sha256WithRSAEncryption, 512, EVP_sha256},
    {KEY_ED25519, ed25519, sizeof(ed25519), NID_ED25519, 64, NULL},
};

static const struct alg *
find(enum key_alg alg)
{
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].alg == alg)
			return &algs[i];
	return NULL;
}

int
seal_algorithm(
    enum key_alg alg, const uint8_t **ret_der, size_t *ret_len, int *ret_nid, struct err *err)
{
	const struct alg *a = find(alg);

	if (a == NULL)
		return err_set(err, ERR_CA,
		    "a CA key of %s is not supported; ECCP256, ECCP384, RSA3072, RSA4096 and "
		    "ED25519 are",
		    key_alg_name(alg));
	*ret_der = a->der;
	*ret_len = a->der_len;
	*ret_nid = a->nid;
	return 0;
}

const EVP_MD *
seal_digest(enum key_alg alg)
{
	const struct alg *a = find(alg);

	return a == NULL || a->md == NULL ? NULL : a->md();
}

size_t
seal_len_max(enum key_alg alg, size_t tbs_len)
{
	const struct alg *a = find(alg);

	/* outer head 4, BIT STRING head 4 at most and its unused-bits octet */
	return a == NULL ? 0 : 4 + tbs_len + a->der_len + (a->sig_max < 127 ? 3 : 5) + a->sig_max;
}

static int
assemble(const struct alg *a, const struct blob *tbs, const uint8_t *sig, size_t len,
    struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob inner = {0}, bits = {0}, outer = {0};
	int rc;

	if ((rc = blob_append(&bits, "", 1, err)) != 0 || /* no unused bits */
	    (rc = blob_append(&bits, sig, len, err)) != 0 ||
	    (rc = blob_append(&inner, tbs->data, tbs->len, err)) != 0 ||
	    (rc = blob_append(&inner, a->der, a->der_len, err)) != 0 ||
	    (rc = der_put(&inner, DER_BIT_STRING, bits.data, bits.len, err)) != 0 ||
	    (rc = der_put(&outer, DER_SEQUENCE, inner.data, inner.len, err)) != 0)
		return rc;
	blob_move(ret, &outer);
	return 0;
}

int
seal_sign(const struct key *key, const struct blob *tbs, struct blob *ret_der, struct err *err)
{
	const struct alg *a = find(key_algorithm(key));
	uint8_t sig[KEY_SIG_MAX];
	size_t len = 0;
	int rc;

	if (a == NULL)
		return err_set(err, ERR_CA, "not a CA key");
	if ((rc = seal_raw_sign(key, NULL, tbs->data, tbs->len, sig, &len, err)) != 0)
		return rc;
	return assemble(a, tbs, sig, len, ret_der, err);
}

int
seal_verify(const struct key *key, const struct blob *der, const struct blob *tbs, struct err *err)
{
	const struct alg *a = find(key_algorithm(key));
	struct der outer, inner, alg, bits;
	size_t pos = 0, at = 0;

	if (a == NULL || der_expect(der->data, der->len, &pos, DER_SEQUENCE, &outer) != 0 ||
	    pos != der->len || der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &inner) != 0 ||
	    der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &alg) != 0 ||
	    der_expect(outer.value, outer.len, &at, DER_BIT_STRING, &bits) != 0 ||
	    at != outer.len || bits.len < 2 || bits.value[0] != 0)
		return err_set(err, ERR_CA, "what was signed has not the form of a certificate");
	if (inner.raw_len != tbs->len || memcmp(inner.raw, tbs->data, tbs->len) != 0)
		return err_set(err, ERR_CA, "what was signed is not what was prepared");
	if (alg.raw_len != a->der_len || memcmp(alg.raw, a->der, a->der_len) != 0)
		return err_set(err, ERR_CA, "what was signed names another algorithm");
	return seal_raw_verifies(key_evp_public(key), a->alg, NULL, tbs->data, tbs->len,
		   bits.value + 1, bits.len - 1)
		   ? 0
		   : evp_err(err, ERR_CA, "the CA's signature does not verify");
}
