/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ca: an unlocked CA in this process: key, certificates, log, CRLs, rules. Only one process per
 * home has one at a time (flock on ca/lock). The root's key is here only in a process that was
 * started for a root CRL, and until it has signed it.
 */
#ifndef SIGNER_CA_H
#define SIGNER_CA_H

#include <stdint.h>

#include "signer/ca_home.h"
#include "signer/rules.h"
#include "signer/log.h"
#include "ykenroll/signer.h"

#define CA_CRL_ROOT_DAYS 395 /* 13 months */
#define CA_CRL_SHORT 262144  /* bytes: goes to a desk in a message */

struct ca {
	char home[PATH_MAX / 2];
	int lock;
	struct key *key;	   /* the issuing CA's; NULL: of one that only looks */
	enum key_alg alg;	   /* of it */
	struct key *root_key;	   /* NULL but for a moment: crl.h */
	struct blob cert[LOG_CAS]; /* DER */
	bool single;  /* one level: the issuing CA is the root, and both are the same */
	bool listens; /* it is at work until somebody ends it, and renews its CRL */
	struct ca_crl {
		bool there; /* else it has to be made, or this CA has none */
		uint64_t number;
		size_t entries;
		int64_t from, until;
	} crls[LOG_CAS];
	struct blob crl[LOG_CAS];   /* DER, of those up to CA_CRL_SHORT; the others are in pub/ */
	struct blob rehearsal_root; /* DER, or empty */
	int64_t not_before, not_after; /* of the issuing CA */
	struct rules *rules;
	struct log *log;
	struct signer_audit audit; /* what who is served now has told; rows 0: nothing */
	int64_t (*now)(void);
	int (*random)(void *to, size_t len); /* 0, or -1 */
};

/* Unlock and open it (pass NULL: look at it, without key, lock or any change); waits up to wait_ms
 * for another signer's end. Abandons what a crash left open and publishes the CRL that says so.
 * Errors: ERR_CA. */
MUST_CHECK int ca_open(
    const char *home, const struct secret *pass, int wait_ms, struct ca **ret, struct err *err);
void ca_closep(struct ca **ca);

/* For the log: the time (never before its last line), and who asks. */
struct log_who ca_who(const struct ca *ca, uint32_t peer);

/* Is the key that of the certificate? Errors: code, with both names. */
MUST_CHECK int ca_key_of(const struct key *key, const struct blob *cert, int code,
    const char *key_name, const char *cert_name, struct err *err);

/* len random bytes; 0, or -1. */
int ca_random(void *to, size_t len); /* the real one */

/* A fresh serial that the log has not. Errors: ERR_INTERNAL. */
MUST_CHECK int ca_serial(const struct log *log, int (*random)(void *to, size_t len),
    uint8_t ret[static SIGNER_SERIAL_LEN], struct err *err);

#endif
