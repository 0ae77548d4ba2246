/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x509_unblock: a secret for a token that is elsewhere, without a word being spoken.
 *
 *	elsewhere:  unblock_make -> the request goes out, the key stays
 *	here:       unblock_read, unblock_seal -> the answer goes back
 *	elsewhere:  unblock_open, once
 *
 * A request is a self-signed certificate of a key that was made for it (P-256): subject
 *"CN=ykenroll request, serialNumber=<token>", serial number a nonce, validity the time in which it
 *may be answered. An answer is a CMS AuthEnvelopedData (AES-256-GCM) to that certificate; token and
 *the request's hash are inside. So openssl(1) reads both. Neither says who the holder is: that is
 *for whoever answers to find out, with the request's code, which both sides see.
 */
#ifndef YKENROLL_X509_UNBLOCK_H
#define YKENROLL_X509_UNBLOCK_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"
#include "ykenroll/secret.h"
#include "ykenroll/x509.h"

#define UNBLOCK_CODE_LEN 10 /* "A1B2-C3D4" and the NUL */

struct unblock_request {
	uint32_t token;
	int64_t from, until; /* UTC seconds, the last one included */
	uint8_t sha256[X509_SHA256_LEN];
	char code[UNBLOCK_CODE_LEN]; /* of the hash, to be read over a telephone */
	struct blob der;
};
void unblock_wipe(struct unblock_request *t);

/* ret_request: PEM. ret_key: the private key in PEM, for a private file; the caller wipes it.
 * Errors: ERR_INTERNAL. */
MUST_CHECK int unblock_make(uint32_t token, int64_t from, int64_t until, struct blob *ret_request,
    struct blob *ret_key, struct err *err);
/* Errors: ERR_FIT it is not a request, or was changed on its way. */
MUST_CHECK int unblock_read(
    const struct blob *request, struct unblock_request *ret, struct err *err);
/* secret: printable, without spaces. ret_answer: PEM. Errors: ERR_INTERNAL. */
MUST_CHECK int unblock_seal(const struct unblock_request *t, const struct secret *secret,
    struct blob *ret_answer, struct err *err);
/* Errors: ERR_FIT the answer is not for this request, or was changed on its way. */
MUST_CHECK int unblock_open(const struct unblock_request *t, const struct blob *key,
    const struct blob *answer, struct secret *ret, struct err *err);

#endif
