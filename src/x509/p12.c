/* SPDX-License-Identifier: BSD-2-Clause */
/* p12: PKCS #12 (RFC 7292). */
#include <string.h>

#include <openssl/pkcs12.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"

#define ITERATIONS 200000
#define ITERATIONS_COMPAT 2048 /* what they were when such importers were written */

typedef STACK_OF(X509) certificates;

static void
certificates_freep(certificates **all)
{
	sk_X509_pop_free(*all, X509_free);
}

OSSL_FREEP(p12_freep, PKCS12, PKCS12_free)

static int
push(certificates *all, const struct blob *der)
{
	X509 *x = NULL;

	if (cert_parse(der->data, der->len, &x, NULL) == 0 && sk_X509_push(all, x) > 0)
		return 0;
	X509_free(x);
	return -1;
}

/* A C string in locked memory. */
static int
pass_text(const struct secret *pass, struct secret *ret, struct err *err)
{
	if (pass->len == 0 || pass->len >= SECRET_MAX || memchr(pass->bytes, 0, pass->len) != NULL)
		return err_set(err, ERR_USAGE,
		    "a PKCS #12 passphrase must have 1 to %d bytes and no NUL", SECRET_MAX - 1);
	memcpy(ret->bytes, pass->bytes, pass->len);
	ret->bytes[pass->len] = 0;
	ret->len = pass->len;
	return 0;
}

int
p12_make(const struct p12 *what, struct blob *ret_der, struct err *err)
{
	const int pbe = what->compat ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
	const int rounds = what->compat ? ITERATIONS_COMPAT : ITERATIONS;
	CLEAN(secret_freep) struct secret *text = secret_new();
	CLEAN(certificates_freep) certificates *chain = sk_X509_new_null();
	CLEAN(x509_freep) X509 *cert = NULL;
	CLEAN(p12_freep) PKCS12 *p12 = NULL;
	const char *pass = (const char *)text->bytes;
	size_t i;
	int rc;

	if ((rc = pass_text(what->pass, text, err)) != 0 ||
	    (rc = cert_parse(what->cert->data, what->cert->len, &cert, err)) != 0)
		return rc;
	for (i = 0; chain != NULL && i < what->n_chain; i++)
		if (push(chain, &what->chain[i]) != 0)
			return evp_err(err, ERR_INTERNAL, "cannot read the chain");
	/* without its own MAC, whose digest could not be chosen */
	if (chain == NULL ||
	    (p12 = PKCS12_create(pass, what->name, key_evp(what->key), cert, chain, pbe, pbe,
		 rounds, -1, 0)) == NULL ||
	    PKCS12_set_mac(
		p12, pass, -1, NULL, 0, rounds, what->compat ? EVP_sha1() : EVP_sha256()) != 1)
		return evp_err(err, ERR_INTERNAL, "cannot create PKCS #12");
	return evp_der(p12, ASN1_ITEM_rptr(PKCS12), "cannot create PKCS #12", ret_der, err);
}
