/* SPDX-License-Identifier: BSD-2-Clause */
/* issue: the two phases, and revocation. */
#ifndef SIGNER_ISSUE_H
#define SIGNER_ISSUE_H

#include "signer/ca.h"

#define ISSUE_CERT_MAX \
	3052 /* bytes that a PIV certificate object has room for: 3072 less its TLVs */
#define ISSUE_PREPARED_SEC 600 /* what was prepared longer ago must be prepared again */
#define ISSUE_PREPARED_MAX 32  /* of one connection; the oldest is forgotten */

/* What one connection has prepared. Zeroed is empty. */
struct issue_peer {
	struct issue_prepared {
		uint8_t serial[SIGNER_SERIAL_LEN];
		int64_t at, not_after;
		struct blob tbs;
		uint8_t attestation[LOG_HASH_LEN]; /* SHA-256; of a key in a token */
		bool attested;
		char profile[RULES_NAME_MAX + 1];
		uint32_t token;
	} prepared[ISSUE_PREPARED_MAX];
	size_t next;
	struct signer_audit audit; /* what this desk has told */
};

void issue_peer_wipe(struct issue_peer *own);

struct issue_ask {
	/* PREPARE: a key that is attested. PRECHECK: all that can be refused before there is one;
	 * nothing is prepared. SOFTWARE: a key that nothing attests. RENEW: the same names and
	 * profile once more; of the request count days, and the csr of a new key. */
	enum request_form form;
	uint32_t peer;
	const uint8_t *serial; /* of RENEW */
	const struct request *request;
};
MUST_CHECK int issue_prepare(const struct ca *ca, struct issue_peer *own,
    const struct issue_ask *ask, struct signer_prepared *ret, struct err *err);
MUST_CHECK int issue_sign(struct ca *ca, struct issue_peer *own, uint32_t peer,
    const uint8_t *serial, struct blob *ret_cert, struct err *err);
MUST_CHECK int issue_find(const struct ca *ca, const uint8_t *serial, struct blob *ret_cert,
    char *ret_profile, struct err *err);

/* The issuing CA's certificate: the same name and key, a later end, signed by the root's key, which
 * is in the process for that moment (crl.h) and forgotten; put in ca/ and pub/. Errors: ERR_CA no
 * root key. */
MUST_CHECK int issue_issuing(struct ca *ca, uint32_t peer, struct err *err);

/* Errors: ERR_FIT. */
MUST_CHECK int issue_fits(size_t cert_len, struct err *err);

/* ---- issue_revoke.c ---- */

/* A holder's certificate; the CAs' own are in the log too, but not of this CA. Errors: ERR_ABSENT.
 */
MUST_CHECK int issue_signed(
    const struct ca *ca, const uint8_t *serial, size_t len, struct log_cert *ret, struct err *err);
/* A certificate of this CA, known or not, is in the log then, with its own end. Errors: ERR_CA. */
MUST_CHECK int issue_take(
    struct ca *ca, uint32_t peer, const uint8_t *der, size_t len, struct err *err);
/* REASON_RELEASE: off hold. */
MUST_CHECK int issue_revoke(struct ca *ca, uint32_t peer, const uint8_t *serial, size_t len,
    int64_t reason, struct err *err);

/* *ret_signed: it was, and is revoked now. Else its signature is refused from now on. */
MUST_CHECK int issue_forbid(struct ca *ca, uint32_t peer, const uint8_t *serial, int64_t reason,
    bool *ret_signed, struct err *err);

#endif
