/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign: the one place where the CA's key signs. What it is given is signed as it is: the bytes that
 * were checked and logged are the bytes in the certificate.
 *
 * What is too long to be held in memory is read from its file piece by piece. Ed25519 hashes its
 * message twice, so it is given the mapped file as a whole: its pages are then in memory at once,
 * but they are the kernel's to take back.
 */
#ifndef SIGNER_SIGN_H
#define SIGNER_SIGN_H

#include <openssl/evp.h>

#include "signer/crl_file.h"
#include "signer/der.h"
#include "signer/log.h"
#include "ykenroll/key.h"

struct sign_algorithm {
	enum key_alg alg;
	const uint8_t *der; /* AlgorithmIdentifier, for our writer */
	size_t der_len;
	int nid;		   /* for OpenSSL's */
	size_t sig_max;		   /* bytes; ECDSA: of DER SEQUENCE { r, s } */
	const EVP_MD *(*md)(void); /* NULL: the bytes themselves are signed */
};

/* That of signatures with such a key. Errors: ERR_CA not a CA key's algorithm. */
MUST_CHECK int sign_algorithm(enum key_alg alg, const struct sign_algorithm **ret, struct err *err);

/* Bytes that tbs_len bytes have at most once they are signed. */
size_t sign_len_max(const struct sign_algorithm *a, size_t tbs_len);

/* SEQUENCE { tbs, algorithm, signature }, read back and verified with the public key. Errors:
 * ERR_CA the key's callback, or the signature does not verify; ERR_INTERNAL. */
MUST_CHECK int sign_tbs(
    const struct key *key, const struct blob *tbs, struct blob *ret_der, struct err *err);

/* That, between the two rows of the issuance log: its intent is on disk before the key is used.
 * intent: its row, whose data is the to-be-signed part. A key that failed: the serial is abandoned.
 */
MUST_CHECK int sign_cert(struct log *log, const struct log_who *who, const struct key *key,
    const struct log_row *intent, struct blob *ret_cert, struct err *err);

/* The parts of sign_tbs. f: the file that data is mapped from, or NULL. sig: KEY_SIG_MAX bytes, not
 * verified. Errors: ERR_CA. */
MUST_CHECK int sign_bytes(const struct key *key, const struct crl_file *f, const void *data,
    size_t data_len, uint8_t *ret_sig, size_t *ret_len, struct err *err);
/* Append algorithm and signature. */
void sign_put(struct der_out *o, const struct sign_algorithm *a, const uint8_t *sig, size_t len);

#endif
