/* SPDX-License-Identifier: BSD-2-Clause */
/* evp: the OpenSSL side of a struct key, for x509 and signer only. Not part of the contract in
 * include/. */
#ifndef KEY_EVP_H
#define KEY_EVP_H

#include <openssl/evp.h>

#include "ykenroll/key.h"

/* The EVP_PKEY that signs (private operation = the callback, or software). Borrowed: lives as long
 * as the key. */
EVP_PKEY *key_evp(const struct key *key);

/* The plain public key. Borrowed. This one goes into requests and certificates, so that
 * verification is never ours. */
EVP_PKEY *key_evp_public(const struct key *key);

/* The digest that signatures with this key use by default; NULL for Ed25519, which has none. Fits
 * X509_sign(). */
const EVP_MD *evp_md(enum key_alg alg);

bool evp_is_rsa(enum key_alg alg);

/* Which of our algorithms is this DER SubjectPublicKeyInfo? Named curve, uncompressed point,
 * nothing behind it. KEY_NONE when not one of them; whether the point is on its curve is
 * evp_public's question. */
enum key_alg evp_spki_alg(const uint8_t *spki, size_t len);

/* The DER SubjectPublicKeyInfo of a key: X and Y, the 32 bytes of RFC 8032, or a modulus whose
 * exponent is 65537. Errors: ERR_FIT not of that algorithm's length. */
MUST_CHECK int evp_spki(
    enum key_alg alg, const uint8_t *raw, size_t len, struct blob *ret, struct err *err);

/* The public key in a DER SubjectPublicKeyInfo of one of our algorithms. The caller frees it.
 * ret_alg may be NULL. Errors: ERR_FIT. */
MUST_CHECK int evp_public(
    const uint8_t *spki, size_t len, EVP_PKEY **ret, enum key_alg *ret_alg, struct err *err);

/* Is this SEQUENCE { r, s } in DER and nothing behind it (RFC 3279, 2.2.3), neither of them 0 nor
 * longer than the field, in bytes? */
bool evp_is_ecdsa(const uint8_t *sig, size_t len, size_t field);

/* An object of OpenSSL's as DER; NULL is an error too. what: for its text. Errors: ERR_INTERNAL. */
MUST_CHECK int evp_der(
    const void *object, const ASN1_ITEM *it, const char *what, struct blob *ret, struct err *err);

/* The one place where OpenSSL's error queue becomes a struct err: empties the queue and starts the
 * chain. Returns code. */
int evp_err(struct err *err, int code, const char *what);

/* The error of an OpenSSL call in which key was used: the callback's own error where there is one.
 */
int evp_key_err(struct err *err, int code, const struct key *key, const char *what);

#endif
