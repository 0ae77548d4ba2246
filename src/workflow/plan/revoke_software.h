/* SPDX-License-Identifier: BSD-2-Clause */
/* revoke_software: what workflow_revoke does with a certificate of a key that is in no token. */
#ifndef WORKFLOW_REVOKE_SOFTWARE_H
#define WORKFLOW_REVOKE_SOFTWARE_H

#include "ykenroll/workflow_ca.h"

/* note: for the audit. Errors: ERR_ABSENT the CA has no such certificate. */
MUST_CHECK int revoke_software(const struct desk *w, struct registry *r,
    const struct workflow_revoke *what, const uint8_t serial[static REGISTRY_SERIAL_LEN],
    const char *note, struct workflow_revoked *ret, struct err *err);

#endif
