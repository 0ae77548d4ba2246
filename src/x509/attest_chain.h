/* SPDX-License-Identifier: BSD-2-Clause */
/* attest_chain: by whom an f9 certificate is signed. */
#ifndef X509_ATTEST_CHAIN_H
#define X509_ATTEST_CHAIN_H

#include <openssl/x509.h>

#include "ykenroll/x509.h"

struct attest_anchor {
	const char *cn;	      /* all of its name */
	bool root, issues_f9; /* issues_f9: signs f9 certificates itself */
	const char *modulus;  /* of its RSA-2048 key, hexadecimal; the exponent is 65537 */
};
const struct attest_anchor *attest_anchors(size_t *ret_n);

/* Find the trust anchor that signed f9. Errors: ERR_ATTEST. */
MUST_CHECK int attest_chain_anchor(X509 *f9, const struct attest_trust *trust,
    char ret_name[static X509_TEXT_MAX], bool *ret_rehearsal, struct err *err);

/* Is cert issued under this name, and signed by this key with a digest that still counts? */
bool attest_chain_signed(X509 *cert, const X509_NAME *issuer, EVP_PKEY *key);

/* May cert sign others, with depth more CAs below it? basicConstraints and keyUsage are asked where
 * they are; must says that basicConstraints have to be. */
bool attest_chain_is_ca(const X509 *cert, long depth, bool must);

/* The text of a name that consists of one CN, or NULL. Borrowed; *ret_len bytes, no NUL. */
const uint8_t *attest_chain_cn(const X509_NAME *name, size_t *ret_len);

/* Wrap the chain of an inner failure and make it ERR_ATTEST, which is returned. */
int attest_chain_refuse(struct err *err, const char *what);

#endif
