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

/* ---- ocspd_own.c: a key that lives as long as the process, certified by the signer ---- */

/* ca_pass_spec: as in struct signer_open; NULL: only by a signer that listens. Errors: those of
 * signer_open and ca_issue. */
MUST_CHECK int ocspd_own(const struct desk *w, const char *ca_pass_spec, struct key **ret_key,
    struct blob *ret_cert, struct err *err);

/* ---- ocspd_cache.c: answers that may be given again ---- */

#define OCSPD_CACHE 1024 /* answers; about 1 kB each */

struct ocspd_cached {
	uint8_t question[X509_SHA256_LEN];
	uint64_t version; /* of the log */
	struct ocsp_answer answer;
};
struct ocspd_cache {
	struct ocspd_cached *slots;
};
/* NULL when there is none that is still true at now: the log is the same, and half of the answer's
 * time is left. */
const struct ocsp_answer *ocspd_cache_get(const struct ocspd_cache *c,
    const uint8_t question[static X509_SHA256_LEN], uint64_t version, int64_t now);
/* Takes the answer over; returns where it is now. */
const struct ocsp_answer *ocspd_cache_put(struct ocspd_cache *c,
    const uint8_t question[static X509_SHA256_LEN], uint64_t version, struct ocsp_answer *answer);
void ocspd_cache_clear(struct ocspd_cache *c);

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
/* Poll this for reading, at most so long, and then run. */
int ocspd_http_fd(const struct ocspd_http *h);
int ocspd_http_wait_ms(const struct ocspd_http *h, int most);
void ocspd_http_run(struct ocspd_http *h);

/* The request in the path of a GET: RFC 6960, A.1. Errors: ERR_FIT. */
MUST_CHECK int ocspd_get(const char *path, struct blob *ret, struct err *err);

#endif
