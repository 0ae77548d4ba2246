/* SPDX-License-Identifier: BSD-2-Clause */
/* make: what certificates have in common that are made outside the CA. */
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "key/ossl.h"
#include "x509/parse.h"

#define SERIAL_LEN 16

int
cert_begin(X509 *cert, EVP_PKEY *pub, const X509_NAME *subject, const X509_NAME *issuer,
    int64_t from, int64_t until)
{
	CLEAN(bignum_freep) BIGNUM *n = NULL;
	unsigned char serial[SERIAL_LEN];

	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return 0;
	/* positive, and never shorter than 16 octets */
	serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
	n = BN_bin2bn(serial, sizeof(serial), NULL);
	return n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL &&
	       X509_set_version(cert, X509_VERSION_3) && X509_set_pubkey(cert, pub) &&
	       X509_set_subject_name(cert, subject) && X509_set_issuer_name(cert, issuer) &&
	       ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)from) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)until) != NULL;
}

int
cert_add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
	CLEAN(ext_freep) X509_EXTENSION *ext = NULL;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	return (ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)) != NULL &&
	       X509_add_ext(cert, ext, -1);
}
