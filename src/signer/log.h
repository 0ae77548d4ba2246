/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log: the issuance log, ca/issuance.log. Every signature of the CA has an intent in it that was
 * on disk before the key was used.
 *
 * One JSON object per line. Each has "n" (line number), "time", "peer" (uid), "what", and "prev",
 * the SHA-256 of the line before it without its newline: an edited, lost or moved line shows. The
 * lines move a certificate's serial through the states below, and reading the log is the same code
 * as writing it. A line that a crash cut off is dropped when the log is opened, and an intent
 * without a signature is closed as abandoned: its serial counts as revoked, for nobody knows
 * whether the signature was made.
 *
 * After a failed write or fsync nothing more is written until the log is opened again.
 */
#ifndef SIGNER_LOG_H
#define SIGNER_LOG_H

#include <stdint.h>
#include <jansson.h>

#include "signer/log_index.h"
#include "ykenroll/blob.h"
#include "ykenroll/signer.h"

#define LOG_HASH_LEN 32
#define LOG_LINE_MAX 32768  /* bytes; a certificate needs about 4500 */
#define LOG_CLOCK_SLACK 300 /* seconds that the clock may be behind the last line */

enum log_ca { LOG_ISSUING, LOG_ROOT, LOG_CAS };

enum log_state {
	LOG_INTENT,
	LOG_SIGNED,
	LOG_ABANDONED,
	LOG_FORBIDDEN /* given up before it was signed: never will be */
};

struct log_cert {
	uint8_t serial[SIGNER_SERIAL_LEN];
	uint8_t ca; /* who signs: enum log_ca */
	uint8_t state;
	uint8_t reason;	    /* enum signer_reason, with revoked_at */
	int64_t revoked_at; /* 0: not revoked */
	int64_t not_after;
	int64_t line_at; /* offset of the line with the certificate */
};

struct log_crl {
	uint64_t number;	      /* highest that was ever intended */
	uint64_t signed_number;	      /* of the last one that was signed */
	uint8_t sha256[LOG_HASH_LEN]; /* of its DER */
};

struct log {
	int fd;
	bool failed;
	uint64_t lines;
	int64_t end; /* bytes */
	int64_t last_time;
	uint8_t head[LOG_HASH_LEN]; /* hash of the last line */
	struct log_crl crls[LOG_CAS];
	struct log_cert *certs;
	size_t n, room;
	struct log_index index; /* of certs, by serial */
	size_t open;		/* intents without an end */
	bool stale;		/* something was revoked since the issuing CA's last CRL */
};

struct log_who {
	int64_t now;
	uint32_t peer; /* uid */
};

/* Read, verify, cut a torn line off and abandon open intents. create: make a new, empty one. The
 * caller holds the signer's lock. Errors: ERR_CA damaged; ERR_INTERNAL. */
MUST_CHECK int log_open(
    const char *path, bool create, const struct log_who *who, struct log **ret, struct err *err);
void log_closep(struct log **log);

/* Is the log in order and the clock not behind it? Errors: ERR_CA. */
MUST_CHECK int log_usable(const struct log *log, int64_t now, struct err *err);

const struct log_cert *log_find(
    const struct log *log, const uint8_t serial[static SIGNER_SERIAL_LEN]);
/* The certificate of a signed entry. Errors: ERR_CA damaged; ERR_INTERNAL. */
MUST_CHECK int log_certificate(
    const struct log *log, const struct log_cert *c, struct blob *ret, struct err *err);

/* What an intent says besides the bytes. */
struct log_intent {
	enum log_ca ca;
	const uint8_t *serial; /* SIGNER_SERIAL_LEN */
	int64_t not_after;
	const struct blob *tbs;
	const char *profile;		/* or NULL: a CA's own certificate */
	uint32_t token;			/* with profile */
	const struct blob *attestation; /* with profile: DER, its hash is logged */
};

/* Append, synced. Errors: ERR_CA not a move that the states allow, or the log failed before;
 * ERR_INTERNAL the disk. */
MUST_CHECK int log_cert_intent(
    struct log *log, const struct log_who *who, const struct log_intent *intent, struct err *err);
MUST_CHECK int log_cert_signed(struct log *log, const struct log_who *who, const uint8_t *serial,
    const struct blob *cert, struct err *err);
/* Of a serial that the log does not have. */
MUST_CHECK int log_forbidden(
    struct log *log, const struct log_who *who, const uint8_t *serial, struct err *err);
MUST_CHECK int log_revoked(struct log *log, const struct log_who *who, const uint8_t *serial,
    enum signer_reason reason, struct err *err);
/* From hold only. */
MUST_CHECK int log_released(
    struct log *log, const struct log_who *who, const uint8_t *serial, struct err *err);
MUST_CHECK int log_crl_intent(struct log *log, const struct log_who *who, enum log_ca ca,
    uint64_t number, const struct blob *tbs, struct err *err);
MUST_CHECK int log_crl_signed(struct log *log, const struct log_who *who, enum log_ca ca,
    uint64_t number, const struct blob *crl, struct err *err);

/* ---- between log.c (file and chain) and log_entry.c (what the lines mean) ---- */

/* Complete the entry (stolen) with n, time, peer, prev; write, sync, apply. */
MUST_CHECK int log_append(
    struct log *log, const struct log_who *who, json_t *entry, struct err *err);
/* Move the states as this line says; at: its offset. Errors: ERR_CA. */
MUST_CHECK int log_apply(struct log *log, const json_t *entry, int64_t at, struct err *err);
/* Close the open intents. */
MUST_CHECK int log_abandon(struct log *log, const struct log_who *who, struct err *err);
MUST_CHECK int log_torn(struct log *log, const struct log_who *who, size_t bytes, struct err *err);

#endif
