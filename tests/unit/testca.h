/* SPDX-License-Identifier: BSD-2-Clause */
/* testca: a small CA in memory, certificates of any shape, and a key whose callback counts. A
 * failure in here fails the test. */
#ifndef TESTCA_H
#define TESTCA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/x509.h>

#include "ykenroll/key.h"
#include "ykenroll/x509.h"

#define TESTCA_DAY 86400

/* ---- any certificate ---- */

struct test_ext {
	const char *name;   /* with text: OpenSSL's short name; else a dotted OID */
	const char *text;   /* as in openssl.cnf, or NULL */
	const uint8_t *der; /* content of the OCTET STRING */
	size_t len;
	bool critical;
};

struct test_cert {
	const char *subject, *issuer; /* CN */
	EVP_PKEY *pub, *signer;
	const struct test_ext *ext;
	size_t n_ext;
	long serial;		       /* 0: 1 */
	int64_t not_before, not_after; /* 0, 0: yesterday to in ten days */
	bool sha1;		       /* signed as nobody does any more */
};

void testca_cert(const struct test_cert *spec, struct blob *ret_der);

/* ---- a CA ---- */

struct testca {
	const char *cn;
	EVP_PKEY *key;
	struct blob der; /* self-signed */
};

void testca_init(struct testca *ca, const char *cn);
void testca_wipe(struct testca *ca);
/* A certificate for TLS clients. */
void testca_issue(const struct testca *ca, EVP_PKEY *pub, long serial, struct blob *ret_der);
/* revoked 0: nothing is revoked. */
void testca_crl(const struct testca *ca, EVP_PKEY *signer, long revoked, int64_t this_update,
    int64_t next_update, struct blob *ret_der);

/* Does chain (issuer first) verify this client certificate, all CRLs checked? X509_STRICT, purpose
 * sslclient. Errors: ERR_PROOF with the reason. */
int testca_verify(const struct blob *cert, const struct blob *cas, size_t n_cas,
    const struct blob *crls, size_t n_crls, int64_t at, struct err *err);

/* ---- a key that is elsewhere ---- */

struct testkey {
	EVP_PKEY *evp;
	int calls; /* of the callback */
	int freed;
	size_t in_len; /* of the last call */
	int fail;      /* a code to fail with, or 0 */
	bool garbage;  /* succeed with nonsense */
};

/* *state must outlive the key. */
void testkey_new(enum key_alg alg, struct testkey *state, struct key **ret);
void testkey_wipe(struct testkey *state);

/* ---- files ---- */

/* A new private directory; its name is static and the same all through the process. */
const char *test_dir(void);
void test_remove_dir(void);
const char *test_path(char *buf, size_t size, const char *name);
void test_read_pem(const char *path, struct blob *ret_der);

#endif
