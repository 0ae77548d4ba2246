/* SPDX-License-Identifier: BSD-2-Clause */
/* ossl: OpenSSL's free functions in the form that CLEAN() wants. All of them accept NULL. */
#ifndef KEY_OSSL_H
#define KEY_OSSL_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define OSSL_FREEP(name, type, function)                          \
	__attribute__((unused)) static inline void name(type **p) \
	{                                                         \
		function(*p);                                     \
	}

OSSL_FREEP(pkey_freep, EVP_PKEY, EVP_PKEY_free)
OSSL_FREEP(pkey_ctx_freep, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
OSSL_FREEP(md_ctx_freep, EVP_MD_CTX, EVP_MD_CTX_free)
OSSL_FREEP(bio_freep, BIO, BIO_free_all)
OSSL_FREEP(bignum_freep, BIGNUM, BN_free)
OSSL_FREEP(algor_freep, X509_ALGOR, X509_ALGOR_free)
OSSL_FREEP(x509_sig_freep, X509_SIG, X509_SIG_free)
OSSL_FREEP(p8_freep, PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)
OSSL_FREEP(x509_freep, X509, X509_free)
OSSL_FREEP(crl_freep, X509_CRL, X509_CRL_free)
OSSL_FREEP(req_freep, X509_REQ, X509_REQ_free)
OSSL_FREEP(name_freep, X509_NAME, X509_NAME_free)
OSSL_FREEP(store_freep, X509_STORE, X509_STORE_free)
OSSL_FREEP(store_ctx_freep, X509_STORE_CTX, X509_STORE_CTX_free)
OSSL_FREEP(ext_freep, X509_EXTENSION, X509_EXTENSION_free)
OSSL_FREEP(object_freep, ASN1_OBJECT, ASN1_OBJECT_free)
OSSL_FREEP(octets_freep, ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
OSSL_FREEP(asn1_integer_freep, ASN1_INTEGER, ASN1_INTEGER_free)

/* What an i2d function or a PEM reader allocated. */
__attribute__((unused)) static inline void
ossl_bytes_freep(unsigned char **p)
{
	OPENSSL_free(*p);
}

__attribute__((unused)) static inline void
ossl_text_freep(char **p)
{
	OPENSSL_free(*p);
}

#endif
