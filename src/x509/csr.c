/* SPDX-License-Identifier: BSD-2-Clause */
/* csr: certification requests (RFC 2986). */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "ykenroll/x509.h"

int
csr_make(struct key *key, const char *cn, struct blob *ret_der, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	int len;

	key_forget_error(key);
	/* Without the version OpenSSL 3.5 does not verify the request. */
	if (req == NULL || name == NULL || !X509_REQ_set_version(req, X509_REQ_VERSION_1) ||
	    !X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) ||
	    !X509_REQ_set_subject_name(req, name) || !X509_REQ_set_pubkey(req, key_evp_public(key)))
		return evp_err(err, ERR_INTERNAL, "cannot make a request");
	if (X509_REQ_sign(req, key_evp(key), evp_md(key_algorithm(key))) <= 0 ||
	    (len = i2d_X509_REQ(req, &der)) <= 0)
		return evp_key_err(err, ERR_INTERNAL, key, "cannot sign the request");
	return blob_set(ret_der, der, (size_t)len, err);
}

int
csr_read(
    const uint8_t *der, size_t len, struct blob *ret_spki, enum key_alg *ret_alg, struct err *err)
{
	const unsigned char *p = der;
	CLEAN(req_freep) X509_REQ *req = len > INT32_MAX ? NULL : d2i_X509_REQ(NULL, &p, (long)len);
	CLEAN(ossl_bytes_freep) unsigned char *spki = NULL;
	CLEAN(pkey_freep) EVP_PKEY *pub = NULL;
	enum key_alg alg;
	int n, rc;

	if (req == NULL)
		return evp_err(err, ERR_FIT, "not a certification request");
	if (p != der + len)
		return err_set(err, ERR_FIT, "%zu bytes follow the certification request",
		    (size_t)(der + len - p));
	if (X509_REQ_get_version(req) != X509_REQ_VERSION_1)
		return err_set(err, ERR_FIT, "the certification request is not of version 1");
	if ((n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &spki)) <= 0)
		return evp_err(err, ERR_FIT, "the certification request has no key");
	if ((rc = evp_public(spki, (size_t)n, &pub, &alg, err)) != 0) {
		err_wrap(err, "certification request");
		return rc;
	}
	if (X509_REQ_verify(req, pub) != 1) {
		ERR_clear_error();
		return err_set(
		    err, ERR_FIT, "the certification request is not signed by the key in it");
	}
	if ((rc = blob_set(ret_spki, spki, (size_t)n, err)) != 0)
		return rc;
	*ret_alg = alg;
	return 0;
}
