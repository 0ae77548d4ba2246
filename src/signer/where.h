/* SPDX-License-Identifier: BSD-2-Clause */
/* where: at which socket a desk finds its signer, and whether whoever listens there is to be
 * believed. */
#ifndef SIGNER_WHERE_H
#define SIGNER_WHERE_H

#include <limits.h>

#include "ykenroll/signer.h"

struct where {
	char path[PATH_MAX];
	bool elsewhere; /* it was named: none is started instead */
};

/* open->socket, else what [desk] signer of ykenroll.conf names, else home/signer.sock. Errors:
 * ERR_USAGE the file cannot be understood, or names no absolute path. */
MUST_CHECK int where_find(const struct signer_open *open, struct where *ret, struct err *err);

/* Is it our own, root's, of whom the CA belongs to, or, elsewhere, of whom the socket's directory
 * belongs to? Anybody could listen at a path of theirs. Errors: ERR_CA; ERR_INTERNAL. */
MUST_CHECK int where_trusted(int fd, const char *home, const struct where *where, struct err *err);

#endif
