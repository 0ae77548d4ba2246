/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extkey: a provider inside the process, whose keys ask a callback for the private operation.
 *
 * It lives alone in a library context of its own. Next to the default provider the order of method
 * fetches, and their history, would decide which one serves an unqualified "EC". Keys cross
 * contexts freely: libcrypto lets the provider of an unexportable key do the operation itself
 * (since 3.0.1), and all public work is done by the default provider on key->pub.
 */
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "key/evp.h"
#include "key/extkey.h"
#include "key/ossl.h"

#define PARAM_KEY "ykenroll-key" /* octet string: a struct key * */

/* ---- key management ---- */

static void *
mgmt_new(void *provctx)
{
	(void)provctx;
	return OPENSSL_zalloc(sizeof(struct extkey));
}

static void
mgmt_free(void *keydata)
{
	OPENSSL_free(keydata);
}

static int
mgmt_has(const void *keydata, int selection)
{
	const struct extkey *k = keydata;

	/* The private half is there as far as OpenSSL is concerned. */
	return k->key != NULL && (selection & ~OSSL_KEYMGMT_SELECT_ALL) == 0;
}

static int
mgmt_match(const void *a, const void *b, int selection)
{
	const struct extkey *x = a, *y = b;

	(void)selection;
	return x->key != NULL && y->key != NULL && EVP_PKEY_eq(x->key->pub, y->key->pub) == 1;
}

static int
mgmt_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_KEY);
	struct extkey *k = keydata;

	/* Without our handle this is a software key on its way into the wrong provider. */
	(void)selection;
	if (p == NULL || p->data_type != OSSL_PARAM_OCTET_STRING ||
	    p->data_size != sizeof(struct key *))
		return 0;
	memcpy(&k->key, p->data, sizeof(k->key));
	return 1;
}

static const OSSL_PARAM *
mgmt_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_octet_string(PARAM_KEY, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static int
mgmt_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *arg)
{
	const struct extkey *k = keydata;

	/* Giving the public half here would make the default provider sign with half a key. */
	if (k->key == NULL || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return 0;
	return EVP_PKEY_export(k->key->pub, selection, cb, arg);
}

static const OSSL_PARAM public_params[] = {
    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *
mgmt_export_types(int selection)
{
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : public_params;
}

static int
mgmt_get_params(void *keydata, OSSL_PARAM params[])
{
	const struct extkey *k = keydata;

	return k->key != NULL && EVP_PKEY_get_params(k->key->pub, params);
}

static const OSSL_PARAM *
mgmt_gettable_params(void *provctx)
{
	(void)provctx;
	return public_params;
}

static const char *
mgmt_ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define MGMT_COMMON                                                                       \
	FN(OSSL_FUNC_KEYMGMT_NEW, mgmt_new), FN(OSSL_FUNC_KEYMGMT_FREE, mgmt_free),       \
	    FN(OSSL_FUNC_KEYMGMT_HAS, mgmt_has), FN(OSSL_FUNC_KEYMGMT_MATCH, mgmt_match), \
	    FN(OSSL_FUNC_KEYMGMT_IMPORT, mgmt_import),                                    \
	    FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, mgmt_import_types),                        \
	    FN(OSSL_FUNC_KEYMGMT_EXPORT, mgmt_export),                                    \
	    FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, mgmt_export_types),                        \
	    FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, mgmt_get_params),                            \
	    FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, mgmt_gettable_params)

static const OSSL_DISPATCH mgmt[] = {MGMT_COMMON, {0, NULL}};
static const OSSL_DISPATCH mgmt_ec[] = {
    MGMT_COMMON, FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, mgmt_ec_operation), {0, NULL}};

static const OSSL_ALGORITHM managements[] = {
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", EXTKEY_PROPERTY, mgmt_ec, NULL},
    {"ED25519:1.3.101.112", EXTKEY_PROPERTY, mgmt, NULL},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", EXTKEY_PROPERTY, mgmt, NULL},
    {NULL, NULL, NULL, NULL},
};

/* ---- the provider ---- */

static const OSSL_ALGORITHM *
provider_query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return managements;
	return operation == OSSL_OP_SIGNATURE ? extkey_signatures : NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provctx)
{
	static const OSSL_DISPATCH functions[] = {
	    FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query), {0, NULL}};
	static char nothing;

	(void)handle;
	(void)in;
	*out = functions;
	*provctx = &nothing;
	return 1;
}

/* Made at the first key and kept: signing with a key whose context is gone crashes in 3.0. */
static OSSL_LIB_CTX *
provider_context(void)
{
	static OSSL_LIB_CTX *context;
	OSSL_LIB_CTX *c;

	if (context != NULL)
		return context;
	if ((c = OSSL_LIB_CTX_new()) == NULL)
		return NULL;
	if (!OSSL_PROVIDER_add_builtin(c, EXTKEY_PROVIDER, provider_init) ||
	    OSSL_PROVIDER_load(c, EXTKEY_PROVIDER) == NULL) {
		OSSL_LIB_CTX_free(c);
		return NULL;
	}
	return context = c;
}

int
extkey_new(struct key *key, EVP_PKEY **ret, struct err *err)
{
	CLEAN(pkey_ctx_freep) EVP_PKEY_CTX *ctx = NULL;
	const struct evp_alg *alg = evp_alg(key->alg);
	OSSL_PARAM params[2];
	OSSL_LIB_CTX *c;

	if (alg == NULL || alg->type == NULL)
		return err_set(
		    err, ERR_FIT, "a key of type %s cannot sign", key_alg_name(key->alg));
	if ((c = provider_context()) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot start the key provider");
	params[0] = OSSL_PARAM_construct_octet_string(PARAM_KEY, &key, sizeof(key));
	params[1] = OSSL_PARAM_construct_end();
	/* By name, never from key->pub: that would take the default provider's key management. */
	ctx = EVP_PKEY_CTX_new_from_name(c, alg->type, EXTKEY_PROPERTY);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_KEYPAIR, params) != 1)
		return evp_err(err, ERR_INTERNAL, "cannot create the key object");
	return 0;
}
