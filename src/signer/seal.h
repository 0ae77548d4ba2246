/* SPDX-License-Identifier: BSD-2-Clause */
/* seal: the one place where the CA's key signs. What it is given is signed as it is: the bytes that
 * were checked and logged are the bytes in the certificate. */
#ifndef SIGNER_SEAL_H
#define SIGNER_SEAL_H

#include <openssl/evp.h>

#include "ykenroll/key.h"

/* The AlgorithmIdentifier of signatures with such a key: DER for our writer, NID for OpenSSL's.
 * Errors: ERR_CA not a CA key's algorithm. */
MUST_CHECK int seal_algorithm(
    enum key_alg alg, const uint8_t **ret_der, size_t *ret_len, int *ret_nid, struct err *err);

/* NULL: the bytes themselves are signed (Ed25519). */
const EVP_MD *seal_digest(enum key_alg alg);

/* Bytes that tbs_len bytes have at most once they are signed. */
size_t seal_len_max(enum key_alg alg, size_t tbs_len);

/* SEQUENCE { tbs, algorithm, signature }, verified with the public key. Errors: ERR_CA the key's
 * callback, or the signature does not verify; ERR_INTERNAL. */
MUST_CHECK int seal_sign(
    const struct key *key, const struct blob *tbs, struct blob *ret_der, struct err *err);

/* Is der such a sequence with exactly this tbs, by this key? Errors: ERR_CA. */
MUST_CHECK int seal_verify(
    const struct key *key, const struct blob *der, const struct blob *tbs, struct err *err);

#endif
