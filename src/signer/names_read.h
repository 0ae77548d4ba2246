/* SPDX-License-Identifier: BSD-2-Clause */
/* names_read: names out of a request's lines, and out of certificates, with the signer's own DER
 * reader. */
#ifndef SIGNER_NAMES_READ_H
#define SIGNER_NAMES_READ_H

#include "signer/der.h"
#include "signer/names.h"

/* Keep a copy with a NUL behind it; *ret points to it. Errors: ERR_USAGE there is a NUL in it, or
 * too many are kept; ERR_INTERNAL. */
MUST_CHECK int names_keep(
    struct names *n, const void *data, size_t len, const char **ret, struct err *err);

/* CN and fields of a DER Name; others are passed over. */
MUST_CHECK int names_read_subject(const struct der *name, struct names *ret, struct err *err);

#endif
