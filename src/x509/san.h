/* SPDX-License-Identifier: BSD-2-Clause */
/* san: the subjectAltName extension of a request. */
#ifndef X509_SAN_H
#define X509_SAN_H

#include <openssl/x509.h>

#include "ykenroll/x509.h"

/* Appends the extension. Errors: ERR_USAGE a value that is not of its kind. */
MUST_CHECK int san_put(STACK_OF(X509_EXTENSION) * *exts, const struct csr_san *san, size_t n,
    bool critical, struct err *err);

#endif
