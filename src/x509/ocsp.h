/* SPDX-License-Identifier: BSD-2-Clause */
/* ocsp: what the files of the responder share. */
#ifndef X509_OCSP_H
#define X509_OCSP_H

#include <openssl/ocsp.h>

#include "key/ossl.h"
#include "ykenroll/x509_ocsp.h"

#define OCSP_DIGESTS 4

OSSL_FREEP(ocsp_request_freep, OCSP_REQUEST, OCSP_REQUEST_free)
OSSL_FREEP(ocsp_response_freep, OCSP_RESPONSE, OCSP_RESPONSE_free)
OSSL_FREEP(asn1_time_freep, ASN1_TIME, ASN1_TIME_free)

struct ocsp_issuer { /* how requests name a CA with one of the digests: RFC 6960, 4.1.1 */
	int nid;
	unsigned len;
	uint8_t name[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE];
};

struct ocsp {
	struct ocsp_issuer issuer[OCSP_DIGESTS];
	X509 *cert;
	struct key *key; /* borrowed */
	int64_t until;
};

/* A request that may be answered, or NULL: then it is malformed. */
OCSP_REQUEST *ocsp_request_parse(const uint8_t *der, size_t len);
/* The nonce extension to be repeated, or NULL. Belongs to the request. */
X509_EXTENSION *ocsp_request_nonce(OCSP_REQUEST *request);
/* Is this about a certificate of the CA? */
bool ocsp_is_ours(const struct ocsp *o, OCSP_CERTID *id);

#endif
