/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"
#include "ykenroll/x509.h"

int
crl_from_pem(const struct blob *pem, struct blob *ret_der, struct err *err)
{
	CLEAN(crl_freep) X509_CRL *crl = NULL;
	CLEAN(bio_freep) BIO *bio = NULL;
	unsigned char *der = NULL;
	int len, rc;

	if (pem->len == 0 || pem->len > INT_MAX ||
	    (bio = BIO_new_mem_buf(pem->data, (int)pem->len)) == NULL ||
	    (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) == NULL ||
	    (len = i2d_X509_CRL(crl, &der)) <= 0)
		return evp_err(err, ERR_FIT, "no CRL in PEM found");
	rc = blob_set(ret_der, der, (size_t)len, err);
	OPENSSL_free(der);
	return rc;
}

int
crl_verify(const struct blob *crl, const struct blob *ca, struct err *err)
{
	CLEAN(x509_freep) X509 *issuer = NULL;
	CLEAN(crl_freep) X509_CRL *list = NULL;
	EVP_PKEY *key;
	int rc;

	if ((rc = cert_parse(ca->data, ca->len, &issuer, err)) != 0 ||
	    (rc = crl_parse(crl->data, crl->len, &list, err)) != 0)
		return rc;
	if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0)
		return err_set(err, ERR_PROOF, "the CRL is of another CA");
	if ((key = X509_get0_pubkey(issuer)) == NULL || X509_CRL_verify(list, key) != 1)
		return evp_err(err, ERR_PROOF, "the CRL's signature is not this CA's");
	return 0;
}
