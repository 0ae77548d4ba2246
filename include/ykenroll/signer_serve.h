/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signer_serve: the CA's side of signer.h, for ykenroll-signer, which alone is linked with it:
 * nothing else has code that uses the CA key.
 */
#ifndef YKENROLL_SIGNER_SERVE_H
#define YKENROLL_SIGNER_SERVE_H

#include "ykenroll/signer.h"

/* Gives a passphrase. what: for the prompt ("CA passphrase"). */
struct signer_pass {
	int (*get)(void *ctx, const char *what, struct secret *ret, struct err *err);
	/* It was wrong, and may be given again: says so. NULL: it would be the same again. */
	void (*again)(void *ctx, const struct err *why);
	void *ctx;
};

struct signer_serve {
	const char *home;
	const struct signer_pass *pass;
	int fd; /* >= 0: serve this connected socket and return when it closes; -1: listen */
	const char *socket; /* with fd -1: path to listen at; NULL: home/signer.sock. Ends on
			       SIGTERM/SIGINT */
	bool root;	    /* with fd: unlock the root's key too, for one signer_crl of the root */
	bool look;	    /* with fd: without any key. What needs one is refused */
	const struct signer_pass *root_pass; /* with root; NULL: what pass gave opens it too */
	/* What a signer that listens does by itself, and what somebody has to do: one line of plain
	 * text each, to be escaped where it is shown. May be NULL. */
	void (*say)(void *ctx, const char *line);
	void *say_ctx;
};
MUST_CHECK int signer_serve(const struct signer_serve *serve, struct err *err);

/* Read from fd, a connected socket, what signer_init or signer_import of this release asks, do it,
 * and answer. Errors: ERR_INTERNAL the answer cannot be sent. */
MUST_CHECK int signer_make(int fd, struct err *err);

#endif
