/* SPDX-License-Identifier: BSD-2-Clause */
/* move: what a backup and its manifest are (doc/formats.md). */
#ifndef WORKFLOW_MOVE_H
#define WORKFLOW_MOVE_H

#include "ykenroll/workflow_move.h"

#define MANIFEST "MANIFEST"

/* A file's bytes where they are: a log of a million certificates has a gigabyte. *ret: zero before,
 * and for move_unmap afterwards. Errors: ERR_ABSENT; ERR_INTERNAL. */
MUST_CHECK int move_map(const char *path, struct blob *ret, struct err *err);
void move_unmap(struct blob *b);

/* Begin one, add files with their bytes, and write it into dir. Errors: ERR_USAGE a name that a
 * line cannot hold; ERR_INTERNAL. */
MUST_CHECK int manifest_begin(struct blob *text, const struct workflow_moved *m, struct err *err);
MUST_CHECK int manifest_add(
    struct blob *text, const char *name, const struct blob *data, struct err *err);

/* Read that of dir, and each file that it names, which must be as it was. each: what is done with a
 * file then, or NULL. Errors: ERR_USAGE there is none; ERR_FIT something was changed; what each
 * returns. */
MUST_CHECK int manifest_check(const char *dir,
    int (*each)(void *ctx, const char *name, const struct blob *data, struct err *err), void *ctx,
    struct workflow_moved *ret, struct err *err);

#endif
