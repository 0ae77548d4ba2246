/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow_receipt: evidence of one enrolment for whoever was not there: attestation, request,
 * certificate, who did it and when, and its place in the audit chain, signed with a key that is not
 * the CA's. A receipt is checked with nothing but itself: Yubico's roots are built in.
 */
#ifndef YKENROLL_WORKFLOW_RECEIPT_H
#define YKENROLL_WORKFLOW_RECEIPT_H

#include "ykenroll/registry_audit.h"
#include "ykenroll/workflow.h"
#include "ykenroll/x509.h"

/* token: of which the active certificate is told. *ret: DER of a CMS SignedData. Errors: ERR_USAGE
 * the token has no active certificate. */
MUST_CHECK int workflow_receipt(
    const struct desk *w, uint32_t token, struct blob *ret, struct err *err);

struct workflow_receipt_claims {
	uint32_t token;
	char holder[X509_TEXT_MAX], id[X509_TEXT_MAX], operator_[X509_TEXT_MAX], at[32];
	char subject[X509_TEXT_MAX], serial[64];
	uint64_t audit_row;
	char audit_hash[80];
	uint8_t signer_sha256[32]; /* of the receipt key's certificate */
	bool attested;		   /* the key is in that token, by anchor */
	bool rehearsal;
	char anchor[X509_TEXT_MAX];
};
struct workflow_receipt_trust {
	const struct blob *root;      /* the CA's root that must be in it, DER; or NULL */
	const struct blob *rehearsal; /* attestation root of a rehearsal, DER; or NULL */
};
/* Signature, chain, and that request, attestation and certificate are of one key and one token.
 * Errors: ERR_PROOF; ERR_ATTEST; ERR_FIT. */
MUST_CHECK int workflow_receipt_verify(const struct blob *receipt,
    const struct workflow_receipt_trust *trust, struct workflow_receipt_claims *ret,
    struct err *err);

#endif
