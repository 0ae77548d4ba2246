/* SPDX-License-Identifier: BSD-2-Clause */
/* home: what everybody may read of a home. */
#ifndef DESK_HOME_H
#define DESK_HOME_H

#include "ykenroll/x509.h"

/* One of its PEM files, "pub/issuing.crl", as DER: from_pem is cert_from_pem or crl_from_pem.
 * Errors: ERR_ABSENT; those of from_pem. */
MUST_CHECK int home_pem(const char *home, const char *name,
    int (*from_pem)(const struct blob *pem, struct blob *ret, struct err *err), struct blob *ret,
    struct err *err);

#endif
