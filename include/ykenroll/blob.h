/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blob: an owned range of bytes (usually DER), and the two idioms for clean-up.
 *
 * CLEAN(f) at a declaration runs f(&variable) when the scope ends; TAKE(p) hands a pointer out of
 * such a scope. A zeroed struct blob is empty and may be wiped. Wiping is the default: blob_wipe
 * overwrites before it frees.
 */
#ifndef YKENROLL_BLOB_H
#define YKENROLL_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ykenroll/err.h"

#define CLEAN(f) __attribute__((cleanup(f)))
#define TAKE(p)                            \
	({                                 \
		__typeof__(p) take_ = (p); \
		(p) = NULL;                \
		take_;                     \
	})

struct blob {
	uint8_t *data; /* NULL when len is 0 */
	size_t len;    /* bytes */
};

/* Overwrite, free, and leave an empty blob. Accepts an empty one. Fits CLEAN(). */
void blob_wipe(struct blob *b);

/* Replace the content of *b by a copy of data[0..len). data must not lie inside *b. Errors:
 * ERR_INTERNAL (memory). */
MUST_CHECK int blob_set(struct blob *b, const void *data, size_t len, struct err *err);

/* Append a copy. Errors: ERR_INTERNAL (memory). */
MUST_CHECK int blob_append(struct blob *b, const void *data, size_t len, struct err *err);

/* Move: *to is wiped, takes what *from holds, and *from is empty afterwards. */
void blob_move(struct blob *to, struct blob *from);

bool blob_equal(
    const struct blob *a, const struct blob *b); /* not constant time: for public bytes */

#endif
