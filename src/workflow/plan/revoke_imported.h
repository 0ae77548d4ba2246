/* SPDX-License-Identifier: BSD-2-Clause */
/* revoke_imported: a certificate that another CA issued whose key and records are this home's now:
 * the registry does not know it, the issuance log does. */
#ifndef WORKFLOW_REVOKE_IMPORTED_H
#define WORKFLOW_REVOKE_IMPORTED_H

#include "ykenroll/registry.h"
#include "ykenroll/workflow_ca.h"

/* what->what is its serial in hex. Errors: ERR_ABSENT it is none, or the log does not have it;
 * those of signer_revoke. */
MUST_CHECK int revoke_imported(const struct desk *w, struct registry *r,
    const struct workflow_revoke *what, const char *note, struct workflow_revoked *ret,
    struct err *err);

#endif
