/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x509_ocsp: what an OCSP responder (RFC 6960) says: a request in, a signed response out, both DER.
 *
 * A struct ocsp answers for one CA, with a delegated certificate and its key (4.2.2.2), never with
 * the CA's own. What is known of a serial number comes from a callback: when that fails nothing is
 * signed, and the caller says "try later" (ocsp_refusal). Where the RFC wants a refusal
 * (a malformed request, certificates of other CAs only) the answer is one, and no error.
 */
#ifndef YKENROLL_X509_OCSP_H
#define YKENROLL_X509_OCSP_H

#include "ykenroll/x509.h"

#define OCSP_REQUEST_MAX 16384 /* bytes; 64 certificates with SHA-512 need 14000 */
#define OCSP_SINGLES_MAX 64    /* certificates asked for at once */
#define OCSP_NONCE_MAX 128     /* octets: RFC 9654, 2.1 */

enum ocsp_state { OCSP_IS_GOOD, OCSP_IS_REVOKED, OCSP_IS_UNKNOWN };

struct ocsp_status {
	enum ocsp_state state;
	int64_t revoked_at;
	int reason; /* RFC 5280, 5.3.1; 0: none is given */
};

struct ocsp_source {
	/* serial: big endian, without a leading zero octet, 1 to X509_SERIAL_MAX octets. */
	int (*status)(
	    void *ctx, const uint8_t *serial, size_t len, struct ocsp_status *ret, struct err *err);
	void *ctx;
};

struct ocsp;

/* cert: of the responder, DER: signed by ca, for OCSP signing, of this key and not of the CA's, and
 * valid at now. The key must outlive *ret. Errors: ERR_FIT with what is wrong with the certificate.
 */
MUST_CHECK int ocsp_new(const struct blob *ca, const struct blob *cert, struct key *key,
    int64_t now, struct ocsp **ret, struct err *err);
void ocsp_freep(struct ocsp **o);

/* Has the responder's certificate id-pkix-ocsp-nocheck (4.2.2.2.1)? Without it clients may ask
 * somebody about it. */
bool ocsp_nocheck(const struct ocsp *o);
int64_t ocsp_until(const struct ocsp *o); /* the end of the responder's certificate */

struct ocsp_answer {
	struct blob der;
	bool final; /* there was no nonce: who asks the same gets the same, until next_update */
	int64_t this_update, next_update; /* 0: a refusal */
};

/* now: UTC seconds; valid_sec: until next_update, cut at the end of the responder's certificate.
 * *ret is replaced. Errors: those of the callback; ERR_INTERNAL; the key's. */
MUST_CHECK int ocsp_answer(struct ocsp *o, const void *der, size_t len,
    const struct ocsp_source *source, int64_t now, unsigned valid_sec, struct ocsp_answer *ret,
    struct err *err);
void ocsp_answer_wipe(struct ocsp_answer *a);

enum ocsp_why { OCSP_MALFORMED, OCSP_TRY_LATER, OCSP_UNAUTHORIZED };

/* An unsigned response that says why there is none. Errors: ERR_INTERNAL. */
MUST_CHECK int ocsp_refusal(enum ocsp_why why, struct blob *ret, struct err *err);

#endif
