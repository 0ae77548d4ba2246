/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relying_client: what a user types on her own machine to log in with her token, as a shell script
 * with this token's names in it. Reads the token only; spends no PIN try.
 */
#ifndef YKENROLL_RELYING_CLIENT_H
#define YKENROLL_RELYING_CLIENT_H

#include "ykenroll/desk.h"

struct relying_client {
	const char *name;	/* "curl" */
	const char *url;	/* where she logs in; NULL: an example */
	const char *ca_file;	/* that vouches for the server; NULL: this home's root */
	const char *pin_source; /* absolute path of a file with the PIN; NULL: she is asked */
	unsigned debian;	/* 12 or 13; 0: what this machine is */
};

/* *ret: text without NUL. Errors: ERR_USAGE no such client, URL, path; ERR_FIT the token has no
 * certificate in slot 9A; those of token_open. */
MUST_CHECK int relying_client_script(
    const struct desk *w, const struct relying_client *what, struct blob *ret, struct err *err);

#endif
