/* SPDX-License-Identifier: BSD-2-Clause */
/* crl: the list of what the issuance log says is revoked or abandoned (RFC 5280, 5). */
#ifndef SIGNER_CRL_H
#define SIGNER_CRL_H

#include "signer/ca.h"

struct crl_plan {
	enum log_ca ca;
	const struct blob *issuer; /* DER certificate */
	const struct key *key;
	uint64_t number;
	int64_t this_update, next_update;
};

/* Intent, signature, check; the DER. Errors: ERR_CA; ERR_INTERNAL. */
MUST_CHECK int crl_sign(struct log *log, const struct log_who *who, const struct crl_plan *plan,
    struct blob *ret_der, struct err *err);

/* That, and "signed" in the log. */
MUST_CHECK int crl_issue(struct log *log, const struct log_who *who, const struct crl_plan *plan,
    struct blob *ret_der, struct err *err);

/* Take pub/'s CRLs over if they are the last that the log knows. Errors: ERR_CA they are newer than
 * the log. */
MUST_CHECK int crl_load(struct ca *ca, struct err *err);

/* A CRL in PEM; *ret is its DER. Errors: ERR_ABSENT there is none; ERR_INTERNAL. */
MUST_CHECK int crl_file_read(const char *home, const char *name, struct blob *ret, struct err *err);
MUST_CHECK int crl_file_write(
    const char *home, const char *name, const struct blob *der, mode_t mode, struct err *err);

/* Is this the CRL that the log knows as the last signed one? */
bool crl_is_last(const struct log *log, enum log_ca ca, const struct blob *der);

/* Is what is published of the issuing CA the log's last word, with half its life left? */
bool crl_fresh(const struct ca *ca);

/* Make and publish the issuing CA's CRL: always, or when half its life is gone or it is not the
 * log's last word. */
MUST_CHECK int crl_renew(struct ca *ca, uint32_t peer, bool always, struct err *err);

#endif
