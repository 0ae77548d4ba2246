/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
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

static int
spki(const EVP_PKEY *evp, struct blob *ret, struct err *err)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const int len = i2d_PUBKEY(evp, &der);

	if (len <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot encode the public key");
	return blob_set(ret, der, (size_t)len, err);
}

int
key_software(EVP_PKEY *evp, struct key **ret, struct err *err)
{
	CLEAN(key_freep) struct key *key = key_new();
	CLEAN(blob_wipe) struct blob der = {0};
	int rc;

	if (key == NULL) {
		EVP_PKEY_free(evp);
		return err_set(err, ERR_INTERNAL, "out of memory");
	}
	key->evp = evp;
	/* The public half alone, so that what is made from it can never sign. */
	if ((rc = spki(evp, &der, err)) != 0 ||
	    (rc = evp_public(der.data, der.len, &key->pub, &key->alg, err)) != 0)
		return rc;
	*ret = TAKE(key);
	return 0;
}

int
key_generate(enum key_alg alg, struct key **ret, struct err *err)
{
	const struct evp_alg *a = evp_alg(alg);
	EVP_PKEY *evp;

	if (a == NULL || a->type == NULL)
		return err_set(
		    err, ERR_INTERNAL, "a %s key cannot be generated here", key_alg_name(alg));
	if (strcmp(a->type, "RSA") == 0)
		evp = EVP_RSA_gen(8 * (a->raw / 128 * 128) /* without its exponent */);
	else
		evp = EVP_PKEY_Q_keygen(NULL, NULL, a->type, a->alias);
	if (evp == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a key");
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
	return spki(key->pub, ret_der, err);
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

int
evp_key_err(struct err *err, int code, const struct key *key, const char *what)
{
	if (key_error(key) == NULL)
		return evp_err(err, code, what);
	ERR_clear_error();
	if (err != NULL)
		*err = *key_error(key);
	return key_error(key)->code;
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
