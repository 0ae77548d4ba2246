/* SPDX-License-Identifier: BSD-2-Clause */
/* revoke_other: certificates for keys in no token, and those of the CA that this home was imported
 * from. */
#ifndef WORKFLOW_REVOKE_OTHER_H
#define WORKFLOW_REVOKE_OTHER_H

#include "ykenroll/workflow_ca.h"

/* The one with this serial number; a dry run looks only. Errors: ERR_USAGE there is none; ERR_CA.
 */
MUST_CHECK int revoke_other(const struct desk *w, struct registry *r,
    const struct workflow_revoke *what, const char *note, struct workflow_revoked *ret,
    struct err *err);

#endif
