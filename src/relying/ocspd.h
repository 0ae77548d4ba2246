/* SPDX-License-Identifier: BSD-2-Clause */
/* ocspd: what the files of the OCSP responder share. */
#ifndef RELYING_OCSPD_H
#define RELYING_OCSPD_H

#include <stdint.h>

#include "ykenroll/relying_ocsp.h"
#include "ykenroll/x509_ocsp.h"

/* ---- ocspd_cert.c: certificate and key, and what replaces them while we run ---- */

struct ocspd_cert {
	const struct desk *w;
	const struct relying_ocsp *what;
	struct blob ca, cert;
	struct key *key;
	struct secret *pass; /* of the key file: it is read again when it was replaced */
	struct ocsp *ocsp;
	int64_t from; /* when this certificate was taken */
	int64_t looked_at, warned_at, wait_sec;
};

MUST_CHECK int ocspd_cert_open(struct ocspd_cert *c, struct err *err);
/* Take a new certificate where there is one; now and then. */
void ocspd_cert_tick(struct ocspd_cert *c, bool now);
void ocspd_cert_wipe(struct ocspd_cert *c);

/* ---- ocspd_http.c: the wire ---- */

struct ocspd_http;

struct ocspd_reply {
	const struct blob *der;
	bool cacheable; /* RFC 5019, 6.2 */
	int64_t this_update, next_update;
};

struct ocspd_ops {
	/* *ret is used before the next call. Never fails: what fails inside is tryLater. */
	void (*answer)(void *ctx, const uint8_t *der, size_t len, struct ocspd_reply *ret);
	void *ctx;
};

/* Errors: ERR_USAGE the address; ERR_OCCUPIED; ERR_INTERNAL. */
MUST_CHECK int ocspd_http_open(const char *address, uint16_t port, const struct ocspd_ops *ops,
    struct ocspd_http **ret, uint16_t *ret_port, struct err *err);
void ocspd_http_closep(struct ocspd_http **h);
/* Wait for requests or for another file to be read, at most so long, and answer. Returns 0 or -1.
 */
int ocspd_http_run(struct ocspd_http *h, int other, int most_ms);

#endif
