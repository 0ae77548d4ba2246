/* SPDX-License-Identifier: BSD-2-Clause */
/* publish: what its files share. */
#ifndef RELYING_PUBLISH_H
#define RELYING_PUBLISH_H

#include "ykenroll/relying_publish.h"

/* The files alone; the directory is locked meanwhile. */
MUST_CHECK int publish_files(const struct desk *w, const struct relying_publish *what,
    struct relying_published *ret, struct err *err);

struct leaves {
	struct registry *registry; /* NULL: there is none */
	const char *dir;	   /* that servers read; locked */
	const struct blob *crl, *issuing, *root;
	bool wanted; /* else only where there is a list already */
};
/* Can there be a list in this directory? Errors: ERR_USAGE. */
MUST_CHECK int leaves_check(const char *dir, struct err *err);
/* Adds to ret->written; sets ret->has_leaves, ret->leaves. Errors: ERR_ABSENT no registry;
 * ERR_USAGE the directory's path cannot be said in a Caddyfile; ERR_INTERNAL. */
MUST_CHECK int leaves_put(const struct leaves *l, struct relying_published *ret, struct err *err);

#endif
