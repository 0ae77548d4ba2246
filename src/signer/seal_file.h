/* SPDX-License-Identifier: BSD-2-Clause */
/* seal_file: as seal, for what is too long to be held in memory: read from the file piece by piece.
 * Ed25519 hashes its message twice, so it is given the mapped file as a whole: its pages are then
 * in memory at once, but they are the kernel's to take back. */
#ifndef SIGNER_SEAL_FILE_H
#define SIGNER_SEAL_FILE_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "signer/crl_file.h"
#include "ykenroll/key.h"

/* sig: KEY_SIG_MAX bytes. Signed and verified with the public key. Errors: ERR_CA; ERR_INTERNAL. */
MUST_CHECK int seal_file_sign(const struct key *key, const struct crl_file *tbs, uint8_t *ret_sig,
    size_t *ret_len, struct err *err);

/* data[0..len) of the file, signed by the owner of spki. Errors: ERR_FIT it is not. */
MUST_CHECK int seal_file_verify(const struct blob *spki, const struct crl_file *f,
    const uint8_t *data, size_t len, const uint8_t *sig, size_t sig_len, struct err *err);

/* Both, of bytes: f is the file that they are mapped from, or NULL. */
MUST_CHECK int seal_raw_sign(const struct key *key, const struct crl_file *f, const uint8_t *data,
    size_t data_len, uint8_t *ret_sig, size_t *ret_len, struct err *err);
bool seal_raw_verifies(EVP_PKEY *pub, enum key_alg alg, const struct crl_file *f,
    const uint8_t *data, size_t len, const uint8_t *sig, size_t sig_len);

#endif
