/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_audit: the audit chain and what must never go back.
 *
 * A mark says how far the chain is: so many rows, and the hash of the last of them, which stands
 * for all before it. Marks are kept where whoever edits the registry cannot put them back: in the
 * CA's CRLs (under its signature) and in the signer's log. A registry that has not the row of a
 * mark, or another one, is older than the mark, or was edited.
 *
 * registry_open compares the registry with pub/issuing.crl of its home, where that tells a mark.
 *
 * See registry.h for the life cycle and the common errors; registry_audit_verify is there.
 */
#ifndef YKENROLL_REGISTRY_AUDIT_H
#define YKENROLL_REGISTRY_AUDIT_H

#include "ykenroll/registry.h"

struct registry_mark {
	uint64_t rows; /* 0: none */
	uint8_t head[32];
};
/* Where the chain is now. */
MUST_CHECK int registry_mark(struct registry *r, struct registry_mark *ret, struct err *err);
/* Does the registry have the mark's row? whose: "CRL number 7" for the error. Errors: ERR_INTERNAL
 * it has not, with what is lost; a rollback that covers the row was accepted: 0. */
MUST_CHECK int registry_mark_check(
    struct registry *r, const struct registry_mark *mark, const char *whose, struct err *err);

/* The mark in a CRL file (PEM, or DER), found at its end without reading the rest; the signature is
 * not looked at. rows 0: it has none. Errors: ERR_ABSENT no such file; ERR_INTERNAL. */
MUST_CHECK int registry_mark_of_crl(const char *path, struct registry_mark *ret, struct err *err);

/* Live with a registry that is older than the mark: a row in the chain says so and takes the number
 * behind the mark's, so that what was lost stays a gap for ever. Only for a registry that
 * registry_open_old has opened. Errors: ERR_USAGE it is not older; no reason. */
MUST_CHECK int registry_accept_rollback(
    struct registry *r, const struct registry_mark *mark, const char *why, struct err *err);
/* As registry_open, without the comparison with marks. */
MUST_CHECK int registry_open_old(
    const char *home, const char *actor, struct registry **ret, struct err *err);

/* ---- receipts ---- */

/* What a certificate was issued for, kept beside it. Once it is prepared; idempotent. */
MUST_CHECK int registry_cert_evidence(struct registry *r, int64_t work, const struct blob *csr,
    const struct blob *attestation, const struct blob *f9, struct err *err);

struct registry_receipt {
	struct registry_token token;
	struct holder holder;
	struct blob cert, csr, attestation, f9; /* DER; the last three may be empty */
	char operator_[REGISTRY_TEXT_MAX];	/* who finished the work */
	char proof[REGISTRY_TEXT_MAX];		/* of the login */
	int64_t at;				/* and when */
	struct registry_mark audit;		/* the row that says so, and its hash */
};
/* Of the token's active certificate. Errors: ERR_ABSENT it has none. */
MUST_CHECK int registry_receipt(
    struct registry *r, uint32_t token, struct registry_receipt *ret, struct err *err);
void registry_receipt_wipe(struct registry_receipt *receipt);

/* Sign a text (CMS, DER) with the home's receipt key, which is made when it is first needed and
 * is in the chain; it certifies nothing. Errors: ERR_USAGE receipt.crt was exchanged. */
MUST_CHECK int registry_receipt_sign(
    struct registry *r, const struct blob *text, struct blob *ret_cms, struct err *err);

/* A consistent copy while others write, by SQLite's backup; for the owner only, never over a file
 * that exists. With an audit row before it. Secrets in it are sealed as in the registry; names are
 * not. Errors: ERR_OCCUPIED; ERR_INTERNAL. */
MUST_CHECK int registry_backup(struct registry *r, const char *path, struct err *err);

#endif
