/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secret: PINs, PUKs, management keys and passphrases.
 *
 * They live in one arena of locked memory that is left out of core dumps and empty in a forked
 * child. secret_new takes a slot, secret_freep wipes it and gives it back: declare
 * `CLEAN(secret_freep) struct secret *pin = secret_new();`. The arena holds SECRET_SLOTS at once;
 * asking for more is a broken contract (abort). Secrets are handed on by pointer and never copied
 * into a plain buffer that outlives the call.
 */
#ifndef YKENROLL_SECRET_H
#define YKENROLL_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ykenroll/err.h"

#define SECRET_MAX 248 /* bytes */
#define SECRET_SLOTS 64

struct secret {
	size_t len; /* bytes in use */
	uint8_t bytes[SECRET_MAX];
};

/* Make this process's memory private: not dumpable, no core, not traceable by the same uid. Call
 * first in main(). Errors: ERR_INTERNAL. */
MUST_CHECK int secret_harden(struct err *err);

struct secret *secret_new(void);      /* empty */
void secret_freep(struct secret **s); /* wipes; accepts NULL inside; fits CLEAN() */

/* Errors: ERR_USAGE when longer than SECRET_MAX. */
MUST_CHECK int secret_set(struct secret *s, const void *bytes, size_t len, struct err *err);

/* len random bytes from the kernel. Errors: ERR_INTERNAL. */
MUST_CHECK int secret_random(struct secret *s, size_t len, struct err *err);

/* n uniform decimal digits, never one of the trivial values (all equal, a run up or down, the
 * factory's). Errors: ERR_INTERNAL. */
MUST_CHECK int secret_digits(struct secret *s, size_t n, struct err *err);

/* All characters equal, or a run up or down such as 123456 and 87654321: what is guessed first. */
bool secret_is_trivial(const struct secret *s);

void secret_wipe_bytes(void *p, size_t len); /* memset that the compiler may not drop */

#endif
