/* SPDX-License-Identifier: BSD-2-Clause */
/* workflow_audit: is what the registry says what was written? And copies of it. */
#ifndef YKENROLL_WORKFLOW_AUDIT_H
#define YKENROLL_WORKFLOW_AUDIT_H

#include "ykenroll/registry_audit.h"
#include "ykenroll/workflow.h"

struct workflow_audit {
	int64_t rows;	      /* the number of the last one */
	uint8_t head[32];     /* its hash */
	uint64_t signed_rows; /* up to here a published CRL says so; 0: none does */
	uint64_t crl_number;
	uint64_t logged_rows; /* up to here the signer's log says so; 0: it does not */
	bool log_readable;    /* by this user */
};
/* The whole chain; against the CRL in pub/, whose signature is checked; against the signer's log,
 * where this user may read it. *ret is filled as far as it came. Errors: ERR_INTERNAL naming the
 * first row that does not fit, or what is lost; ERR_PROOF the CRL is not the CA's. */
MUST_CHECK int workflow_audit_verify(
    const struct desk *w, struct workflow_audit *ret, struct err *err);

/* A registry that is older than what is known is taken into use, for a reason: the CA is told, and
 * signs a CRL with the new head. Needs the CA's passphrase, or a running signer. Errors: ERR_USAGE
 * it is not older. */
MUST_CHECK int workflow_accept_rollback(
    const struct desk *w, const char *reason, struct workflow_audit *ret, struct err *err);

#endif
