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

/* The one place where OpenSSL's error queue becomes a struct err: empties the queue and starts the
 * chain. Returns code. */
int evp_err(struct err *err, int code, const char *what);

/* The error of an OpenSSL call in which key was used: the callback's own error where there is one.
 */
int evp_key_err(struct err *err, int code, const struct key *key, const char *what);

#endif
