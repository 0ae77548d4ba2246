/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "key/evp.h"
#include "key/key_priv.h"
#include "key/ossl.h"

void
key_freep(struct key **keyp)
{
	struct key *key = *keyp;

	if (key == NULL)
		return;
	EVP_PKEY_free(key->evp);
	EVP_PKEY_free(key->pub);
	if (key->ops != NULL && key->ops->free != NULL)
		key->ops->free(key->ctx);
	free(key);
	*keyp = NULL;
}

static struct key *
key_new(void)
{
	struct key *key = calloc(1, sizeof(*key));

	if (key != NULL)
		key->err.tries = -1;
	return key;
}

int
key_extern(const uint8_t *spki, size_t spki_len, const struct key_ops *ops, void *ctx,
    struct key **ret, struct err *err)
{
	CLEAN(key_freep) struct key *key = key_new();
	int rc;

	assert(ops->sign != NULL);
	if (key == NULL) {
		if (ops->free != NULL)
			ops->free(ctx);
		return err_set(err, ERR_INTERNAL, "out of memory");
	}
	key->ops = ops;
	key->ctx = ctx;
	if ((rc = evp_public(spki, spki_len, &key->pub, &key->alg, err)) != 0)
		return rc;
	if ((rc = extkey_new(key, &key->evp, err)) != 0)
		return rc;
	*ret = TAKE(key);
	return 0;
}

/* The public half alone, so that what is made from it can never sign. */
static int
public_half(EVP_PKEY *evp, EVP_PKEY **ret, enum key_alg *ret_alg, struct err *err)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const int len = i2d_PUBKEY(evp, &der);

	if (len <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot encode the public key");
	return evp_public(der, (size_t)len, ret, ret_alg, err);
}

int
key_software(EVP_PKEY *evp, struct key **ret, struct err *err)
{
	CLEAN(key_freep) struct key *key = key_new();
	int rc;

	if (key == NULL) {
		EVP_PKEY_free(evp);
		return err_set(err, ERR_INTERNAL, "out of memory");
	}
	key->evp = evp;
	if ((rc = public_half(evp, &key->pub, &key->alg, err)) != 0)
		return rc;
	*ret = TAKE(key);
	return 0;
}

int
key_generate(enum key_alg alg, struct key **ret, struct err *err)
{
	EVP_PKEY *evp = NULL;

	switch (alg) {
	case KEY_P256:
		evp = EVP_EC_gen("P-256");
		break;
	case KEY_P384:
		evp = EVP_EC_gen("P-384");
		break;
	case KEY_ED25519:
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	case KEY_RSA2048:
		evp = EVP_RSA_gen(2048);
		break;
	case KEY_RSA3072:
		evp = EVP_RSA_gen(3072);
		break;
	case KEY_RSA4096:
		evp = EVP_RSA_gen(4096);
		break;
	case KEY_X25519: /* cannot sign */
	case KEY_NONE:
		return err_set(
		    err, ERR_INTERNAL, "no key of kind %s can be made here", key_alg_name(alg));
	}
	if (evp == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot make a key");
	return key_software(evp, ret, err);
}

enum key_alg
key_algorithm(const struct key *key)
{
	return key->alg;
}

int
key_spki(const struct key *key, struct blob *ret_der, struct err *err)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const int len = i2d_PUBKEY(key->pub, &der);

	if (len <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot encode the public key");
	return blob_set(ret_der, der, (size_t)len, err);
}

const struct err *
key_error(const struct key *key)
{
	return key->err.code == 0 ? NULL : &key->err;
}

void
key_forget_error(struct key *key)
{
	key->err = (struct err)ERR_INIT;
}

EVP_PKEY *
key_evp(const struct key *key)
{
	return key->evp;
}

EVP_PKEY *
key_evp_public(const struct key *key)
{
	return key->pub;
}
