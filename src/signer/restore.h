/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SIGNER_RESTORE_H
#define SIGNER_RESTORE_H

#include "ykenroll/signer_restore.h"

/* signer_restore, in this process. */
MUST_CHECK int restore_ca(
    const struct signer_restore *what, struct signer_restored *ret, struct err *err);

#endif
