/* SPDX-License-Identifier: BSD-2-Clause */
/* publish: what its files share. */
#ifndef RELYING_PUBLISH_H
#define RELYING_PUBLISH_H

#include "signer/crl_file.h"
#include "ykenroll/relying_publish.h"

/* The files alone; the directory is locked meanwhile. */
MUST_CHECK int publish_files(const struct desk *w, const struct relying_publish *what,
    struct relying_published *ret, struct err *err);

/* CRLs on disk: one of a million entries is not held in memory. */
struct list {
	struct crl_file file;
	uint8_t hash[LOG_HASH_LEN];
	struct crl crl; /* when somebody has opened it */
};
#define LISTS_MAX 8 /* more in a bundle that somebody else left there are not looked at */
struct lists {
	struct list all[LISTS_MAX];
	size_t n;
	off_t size; /* of the file that was read last */
};
/* Append what is in a file, in PEM or as DER. What is no PEM is nothing. Errors: ERR_ABSENT there
 * is no such file; ERR_INTERNAL. */
MUST_CHECK int lists_read(const char *path, bool der, struct lists *ret, struct err *err);
void lists_wipe(struct lists *l);

struct leaves {
	struct registry *registry; /* NULL: there is none */
	const char *dir;	   /* that servers read; locked */
	struct crl *crl;
	const struct blob *issuing, *root;
	bool wanted; /* else only where there is a list already */
};
/* Can there be a list in this directory? Errors: ERR_USAGE. */
MUST_CHECK int leaves_check(const char *dir, struct err *err);
/* Adds to ret->written; sets ret->has_leaves, ret->leaves. Errors: ERR_ABSENT no registry;
 * ERR_USAGE the directory's path cannot be said in a Caddyfile; ERR_INTERNAL. */
MUST_CHECK int leaves_put(const struct leaves *l, struct relying_published *ret, struct err *err);

#endif
