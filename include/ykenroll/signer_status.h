/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signer_status: what the issuance log says about a serial, read without the CA's key, passphrase
 * or lock, beside a signer that is at work. For an OCSP responder, and for whoever looks.
 *
 *   signer_status_open -> signer_status_refresh / signer_status_find … -> signer_status_closep
 *
 * The log is read, never written: what is not committed yet is left for the next refresh, and an
 * intent that a crash left open stays "reserved" until the signer has closed it. The process must
 * be able to read ca/, so it runs as the signer's user. A home of a former release, whose log is
 * not a database yet, is converted first.
 */
#ifndef YKENROLL_SIGNER_STATUS_H
#define YKENROLL_SIGNER_STATUS_H

#include "ykenroll/signer.h"

#define SIGNER_STATUS_SERIAL_MAX 20 /* octets: RFC 5280, 4.1.2.2 */

/* not_after of an imported certificate whose end nothing proves */
#define SIGNER_STATUS_NEVER INT64_C(253402300799)

struct signer_status;

enum signer_status_what {
	STATUS_UNKNOWN,	 /* never issued by the issuing CA, as far as the log knows */
	STATUS_RESERVED, /* intended or given up: nobody should have such a certificate */
	STATUS_GOOD,
	STATUS_REVOKED, /* also on hold, and after a signature that was lost in a crash */
};

struct signer_status_cert {
	enum signer_status_what what;
	enum signer_reason reason; /* with STATUS_REVOKED */
	int64_t revoked_at;	   /* UTC seconds, with STATUS_REVOKED */
	int64_t not_after; /* UTC seconds, or SIGNER_STATUS_NEVER; not with STATUS_UNKNOWN */
};

/* Errors: ERR_CA there is no CA in this home, or its log is damaged; ERR_INTERNAL. */
MUST_CHECK int signer_status_open(const char *home, struct signer_status **ret, struct err *err);
void signer_status_closep(struct signer_status **s);

/* Read what was appended since: cheap when nothing was. A log that was replaced (restored) is read
 * anew. After an error the view is as old as it was. Errors: ERR_CA damaged; ERR_INTERNAL. */
MUST_CHECK int signer_status_refresh(struct signer_status *s, struct err *err);

#define SIGNER_LOG_HASH_LEN 32

struct signer_log {
	uint64_t lines, certs;
	uint64_t open; /* intents without an end: a signer is at work, or was killed */
	uint64_t crl_number;
	struct signer_audit audit;	   /* of the registry, as it was told last; rows 0: never */
	int64_t last_time;		   /* UTC seconds */
	uint8_t head[SIGNER_LOG_HASH_LEN]; /* SHA-256 of the last line */
};

/* What it amounts to. CRL number, time and audit must never go back; lines is another number after
 * each refresh that found something. */
struct signer_log signer_status_log(const struct signer_status *s);

/* serial: the INTEGER's octets, big-endian, with or without leading zeros. Errors: ERR_INTERNAL the
 * checkpoint cannot be read (answer "try later", not "unknown"). */
MUST_CHECK int signer_status_find(const struct signer_status *s, const uint8_t *serial, size_t len,
    struct signer_status_cert *ret, struct err *err);

/* The subject of a certificate that is not STATUS_UNKNOWN, escaped; "" when nothing is known of it.
 * Errors: ERR_INTERNAL. */
MUST_CHECK int signer_status_subject(const struct signer_status *s, const uint8_t *serial,
    size_t len, char ret[static X509_TEXT_MAX], struct err *err);

/* A copy of the log as it is now, in a new file. Errors: ERR_OCCUPIED; ERR_INTERNAL. */
MUST_CHECK int signer_status_copy(struct signer_status *s, const char *path, struct err *err);

/* ---- the whole log ---- */

/* A start of the signer checks only the newest rows. This checks all of them, and compares what
 * they amount to with what the signer works with: some seconds for 100,000 certificates. line,
 * unless NULL, is called with each row when all were found sound: a JSON object on one line, of
 * that same moment. Errors: ERR_CA with the row that is damaged; ERR_INTERNAL; what line returns.
 */
MUST_CHECK int signer_log_verify(const char *home,
    int (*line)(void *ctx, const char *json, struct err *err), void *ctx, struct signer_log *ret,
    struct err *err);

#endif
