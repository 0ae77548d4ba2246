/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile: the closed list of certificates that this CA makes, and OpenSSL's side of making them.
 * A plan has every value that decides a certificate; profile_build turns it into a TBSCertificate
 * with OpenSSL, check_tbs (check.h) says what the bytes must be without it.
 */
#ifndef SIGNER_PROFILE_H
#define SIGNER_PROFILE_H

#include <stdint.h>

#include <openssl/types.h>

#include "signer/names.h"
#include "ykenroll/key.h"
#include "ykenroll/signer.h"

#define PROFILE_BACKDATE 300 /* seconds that a clock at the server may be behind ours */
#define PROFILE_KEYID_LEN 20 /* the leftmost octets of a SHA-256 */

enum plan_kind { PLAN_ROOT, PLAN_ISSUING, PLAN_LEAF };

struct cert_plan {
	enum plan_kind kind;
	uint8_t serial[SIGNER_SERIAL_LEN];
	int64_t not_before, not_after;
	const struct profile *profile; /* of a leaf; else NULL */
	const struct names *names;     /* of a CA: the CN alone */
	const struct blob *spki;       /* DER SubjectPublicKeyInfo */
	const struct blob *issuer;     /* DER certificate; NULL: self-signed */
	enum key_alg issuer_alg;       /* of the key that will sign */
};

/* Errors: ERR_INTERNAL. */
MUST_CHECK int profile_build(const struct cert_plan *plan, struct blob *ret_tbs, struct err *err);

/* The subject. The caller frees it. Errors: ERR_INTERNAL. */
MUST_CHECK int profile_name(const struct names *names, X509_NAME **ret, struct err *err);

#endif
