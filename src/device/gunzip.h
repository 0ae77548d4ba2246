/* SPDX-License-Identifier: BSD-2-Clause */
/* gunzip: certificates that are stored compressed. */
#ifndef DEVICE_GUNZIP_H
#define DEVICE_GUNZIP_H

#include "ykenroll/blob.h"

/* RFC 1952, or RFC 1950 as old minidrivers wrote it; at most 16 KiB come out. Errors: ERR_FIT. */
MUST_CHECK int gunzip(const struct blob *in, struct blob *ret, struct err *err);

/* RFC 1952. Errors: ERR_FIT far too long. */
MUST_CHECK int gzip(const struct blob *in, struct blob *ret, struct err *err);

#endif
