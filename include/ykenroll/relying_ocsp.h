/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relying_ocsp: an OCSP responder over HTTP (RFC 6960, RFC 5019) that answers from the issuance
 * log, so that a revocation counts for the next request after its commit.
 *
 * It holds no CA key, and takes none: it signs with a delegated certificate and that one's key.
 * Without one of its own it asks the signer for it: at the start as every command does (a
 * passphrase may be needed), later only where a signer listens. Such a certificate lives a week and
 * is renewed when half of that is gone. What it cannot know for sure (a log that is damaged, or
 * cannot be read) it does not say: such a request gets tryLater. One process, one thread, one loop.
 */
#ifndef YKENROLL_RELYING_OCSP_H
#define YKENROLL_RELYING_OCSP_H

#include "ykenroll/desk.h"

#define RELYING_OCSP_VALID_SEC 600 /* default of valid_sec */

struct relying_ocsp {
	const char *address; /* numeric; "127.0.0.1", "::1" */
	uint16_t port;	     /* 0: a free one */
	const char *cert;    /* PEM; of the responder. NULL: it makes a key that is never on a
				disk, and has it certified by the signer, again and again */
	const char *key;     /* with cert: its key file, key.h */
	/* Asked once, when the key file wants it. what: for the prompt. */
	int (*pass)(void *ctx, const char *what, struct secret *ret, struct err *err);
	unsigned valid_sec; /* from thisUpdate to nextUpdate; a client or a cache may keep an
			       answer for that long */
	/* It listens: the port is open. */
	void (*ready)(void *ctx, const char *address, uint16_t port);
	void *ctx;
};

/* Serve until SIGTERM or SIGINT. SIGHUP, or another certificate in the file, loads certificate and
 * key again; when that fails it says so and goes on with the old ones. Errors: ERR_USAGE the
 * address; ERR_FIT the certificate; ERR_CA no CA here, a damaged log, a wrong passphrase;
 * ERR_OCCUPIED the port; ERR_INTERNAL. */
MUST_CHECK int relying_ocsp(const struct desk *w, const struct relying_ocsp *what, struct err *err);

#endif
