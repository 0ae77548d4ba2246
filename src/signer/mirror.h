/* SPDX-License-Identifier: BSD-2-Clause */
/* mirror: pub/ of a desk's home whose CA is elsewhere: what the signer said last, for the commands
 * that look there. */
#ifndef SIGNER_MIRROR_H
#define SIGNER_MIRROR_H

#include "ykenroll/signer.h"

/* Is there no ca/ in this home? */
bool mirror_wanted(const char *home);

/* Nothing where there is one. Errors: ERR_CA a CRL is older than the one that is there, or
 * another CA speaks; ERR_INTERNAL. */
MUST_CHECK int mirror_pub(const char *home, const struct signer_ca *ca, struct err *err);

#endif
