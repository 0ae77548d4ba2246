/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_letter: first PINs that the program made, until the holder has them.
 *
 * A PIN that nobody typed must outlive a crash and a lost letter, so it is kept, sealed to this
 * home's in-flight key, from before the token gets it until somebody says that the letter was
 * handed over. It is never sealed to the recovery certificates: a PIN is the holder's alone.
 *
 * See registry.h for the life cycle and the common errors.
 */
#ifndef YKENROLL_REGISTRY_LETTER_H
#define YKENROLL_REGISTRY_LETTER_H

#include "ykenroll/registry.h"

/* Keep the PIN of this token, in place of one that was kept before. */
MUST_CHECK int registry_letter_keep(
    struct registry *r, uint32_t serial, const struct secret *pin, struct err *err);

/* Errors: ERR_ABSENT none is kept. */
MUST_CHECK int registry_letter_pin(
    struct registry *r, uint32_t serial, struct secret *ret, struct err *err);

/* The holder has it, or it is of no use any more: gone from the registry, with an audit row that
 * says why. Errors: ERR_ABSENT. */
MUST_CHECK int registry_letter_end(
    struct registry *r, uint32_t serial, const char *why, struct err *err);

struct registry_letter {
	struct registry_token token;
	struct holder holder;
	int64_t made; /* UTC seconds */
};
/* Those that wait, by serial; 0: all. A non-zero return of row stops and is returned. */
MUST_CHECK int registry_letters(struct registry *r, uint32_t serial,
    int (*row)(void *ctx, const struct registry_letter *letter), void *ctx, struct err *err);

/* A letter for whoever has the key of this certificate (PEM file): CMS AuthEnvelopedData, DER.
 * Errors: ERR_ABSENT no such file; ERR_USAGE nothing can be sealed to it. */
MUST_CHECK int registry_letter_seal(
    const char *cert_path, const struct blob *text, struct blob *ret, struct err *err);

#endif
