/* SPDX-License-Identifier: BSD-2-Clause */
/* client: what its files share. */
#ifndef RELYING_CLIENT_H
#define RELYING_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A script for one client. Lines that begin with letters and "|" are for some only: 2 and 3 for
 * Debian 12 and 13, P with a file that has the PIN, A where she is asked for it, M where the module
 * was not found here. @NAME@ is a word of this token:
 *
 *   URL CA HOST PINFILE   as a shell's word, quoted
 *   SERIAL WHO DEBIAN MODULE PORT PATTERN   plain
 *   URI                   of the token, then id=%01
 *   PIN                   ";pin-source=…", or nothing
 *   PEM                   the certificate
 *   ISSUER                the issuing CA's common name, inside a string inside a JSON string
 */
struct client_text {
	const char *name, *text;
};
extern const struct client_text client_texts[];
extern const size_t client_texts_n;

#endif
