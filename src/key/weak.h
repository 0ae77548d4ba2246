/* SPDX-License-Identifier: BSD-2-Clause */
/* weak: public keys of others that are not taken, and why. */
#ifndef KEY_WEAK_H
#define KEY_WEAK_H

#include <openssl/evp.h>

#include "ykenroll/err.h"

/* Could anybody find the private key of this one by what is known of bad generators: two factors
 * close together (Fermat), or the fingerprint of ROCA (CVE-2017-15361)? Errors: ERR_FIT yes. */
MUST_CHECK int weak_check(const EVP_PKEY *pub, struct err *err);

/* Says what kind of a key this DER SubjectPublicKeyInfo is of, and which are taken. Returns
 * ERR_FIT. */
int weak_kind(const uint8_t *spki, size_t len, struct err *err);

#endif
