/* SPDX-License-Identifier: BSD-2-Clause */
/* alg: PIV's algorithm numbers, and public keys as the token writes them. */
#ifndef DEVICE_ALG_H
#define DEVICE_ALG_H

#include "ykenroll/device.h"

struct alg {
	enum key_alg key;
	uint8_t piv;	       /* SP 800-78-4, table 6-2, and Yubico's own */
	uint8_t firmware[3];   /* the first that has it */
	size_t bytes;	       /* field or modulus */
	unsigned generate_sec; /* deadline; the primes of RSA take a token minutes at worst */
};

const struct alg *alg_find(enum key_alg key); /* NULL: not one of PIV's */
enum key_alg alg_from_piv(uint8_t piv);	      /* KEY_NONE: not one of ours */

struct alg_mgm { /* of a management key */
	enum device_mgm_alg alg;
	size_t len, block;
	const char *name, *cipher;
};
const struct alg_mgm *alg_mgm(enum device_mgm_alg alg); /* NULL: no such algorithm */

/* The templates 81 n 82 e, or 86 point, as DER SubjectPublicKeyInfo; nothing else may be there, and
 * the key must be one: point on the curve, modulus of the right size with the exponent 65537.
 * Errors: ERR_GONE. */
MUST_CHECK int alg_spki(
    enum key_alg key, const uint8_t *data, size_t len, struct blob *ret, struct err *err);

/* Has the signature the form of its algorithm? Errors: ERR_GONE. */
MUST_CHECK int alg_check_signature(
    enum key_alg key, const uint8_t *sig, size_t len, struct err *err);

#endif
