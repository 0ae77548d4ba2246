/* SPDX-License-Identifier: BSD-2-Clause */
/* audit: the registry's chain and the CA, which knows how far it was. */
#ifndef DESK_AUDIT_H
#define DESK_AUDIT_H

#include "ykenroll/registry.h"
#include "ykenroll/signer.h"

/* Tell the signer how far the registry beside it is: what it signs next is logged with that, and
 * the next CRL carries it. Call before each signature; cheap. r may be NULL: nothing is told.
 * Nothing is told from a home without a CA in it (a desk whose socket is forwarded): its registry
 * is another one. Errors: ERR_INTERNAL the registry is older than what the signer was told before.
 */
MUST_CHECK int audit_tell(const char *home, struct registry *r, struct signer *s, struct err *err);
/* The same wherever the registry is, and whatever was told before: that is *ret_known. */
MUST_CHECK int audit_told(
    struct registry *r, struct signer *s, struct signer_audit *ret_known, struct err *err);

#endif
