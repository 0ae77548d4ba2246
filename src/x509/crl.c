/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "key/evp.h"
#include "ykenroll/x509.h"

static void
bio_freep(BIO **bio)
{
	BIO_free(*bio);
}

static void
crl_freep(X509_CRL **crl)
{
	X509_CRL_free(*crl);
}

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
