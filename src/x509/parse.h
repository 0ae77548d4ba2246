/* SPDX-License-Identifier: BSD-2-Clause */
/* parse: DER to OpenSSL's objects and back, for the files of this room and for signer. */
#ifndef X509_PARSE_H
#define X509_PARSE_H

#include <openssl/x509.h>

#include "ykenroll/x509.h"

/* Exactly one object, nothing behind it. The caller frees. Errors: ERR_FIT. */
MUST_CHECK int cert_parse(const uint8_t *der, size_t len, X509 **ret, struct err *err);
MUST_CHECK int crl_parse(const uint8_t *der, size_t len, X509_CRL **ret, struct err *err);

/* Returns 0, or -1: absent or malformed. */
int cert_time(const ASN1_TIME *t, int64_t *ret);

/* RFC 2253, printable ASCII, cut at X509_TEXT_MAX. */
void cert_name_text(const X509_NAME *name, char ret[static X509_TEXT_MAX]);

/* RFC 4514, "/CN=…/O=…", or a bare common name; "" is an empty name. The caller frees. Errors:
 * ERR_USAGE with what is wrong. */
MUST_CHECK int name_parse(const char *text, X509_NAME **ret, struct err *err);

/* The DER SubjectPublicKeyInfo as it stands in the certificate. Errors: ERR_INTERNAL. */
MUST_CHECK int cert_spki_of(const X509 *cert, struct blob *ret, struct err *err);

/* Version 3, a random serial number of 16 octets, the key, names and times. 1; 0: OpenSSL's queue
 * has why. */
MUST_CHECK int cert_begin(X509 *cert, EVP_PKEY *pub, const X509_NAME *subject,
    const X509_NAME *issuer, int64_t from, int64_t until);
/* An extension as openssl.cnf has it. 1; 0: as above. */
MUST_CHECK int cert_add_ext(X509 *cert, X509 *issuer, int nid, const char *value);

/* The next block of this name in a PEM text. Returns 1, 0 when there is none, or a negative code.
 */
MUST_CHECK int pem_next(BIO *bio, const char *name, struct blob *ret_der, struct err *err);

/* Append subject alternative names to the extensions of a request. Errors: ERR_USAGE a value that
 * is not of its kind. */
MUST_CHECK int san_put(STACK_OF(X509_EXTENSION) * *exts, const struct csr_san *san, size_t n,
    bool critical, struct err *err);

/* Trust these. Errors: ERR_FIT. */
MUST_CHECK int cert_store_cas(X509_STORE *store, const struct blob *cas, size_t n, struct err *err);

/* A store that trusts cas and has crls, checks the CRLs of the whole chain, for TLS clients.
 * Errors: ERR_FIT. */
MUST_CHECK int cert_store(const struct blob *cas, size_t n_cas, const struct blob *crls,
    size_t n_crls, X509_STORE **ret, struct err *err);

#endif
