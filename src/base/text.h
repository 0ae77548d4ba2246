/* SPDX-License-Identifier: BSD-2-Clause */
/* text: hexadecimal, UTF-8, and the escaping of what others wrote. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "ykenroll/blob.h"

/* Lower case, 2 * len + 1 bytes into ret. */
void text_hex(const uint8_t *data, size_t len, char *ret);

/* Exactly len bytes from 2 * len digits of either case. Returns 0 or -1. */
int text_unhex(const char *hex, uint8_t *ret, size_t len);

/* Well-formed UTF-8 (no overlong forms, surrogates, or beyond U+10FFFF) without control characters
 * (C0, DEL, C1), line separators, non-characters, or the bidirectional and zero-width characters
 * that make a text look like another one. */
bool text_is_plain(const char *s);

/* Characters of a string that text_is_plain accepts. */
size_t text_chars(const char *s);

/* Make s safe for a terminal: what text_is_plain would refuse becomes \xNN; the backslash becomes
 * \\ . Cut at size. */
void text_escape(const char *s, char *ret, size_t size);

/* The same for a distinguished name, which has its backslashes already (RFC 4514, 2.4): \NN. */
void text_escape_name(const char *s, char *ret, size_t size);

/* A decimal number from 0 to max. what: its name, for the refusal. Errors: ERR_USAGE. */
MUST_CHECK int text_number(
    const char *text, const char *what, unsigned long max, unsigned long *ret, struct err *err);

#endif
