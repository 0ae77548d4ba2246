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
 * What the lines up to some point amount to is kept in a checkpoint beside the log (log_base.h), so
 * that a start reads the rest only; log_verify reads all of it. Only what changed since is in
 * memory.
 *
 * After a failed write or fsync nothing more is written until the log is opened again.
 */
#ifndef SIGNER_LOG_H
#define SIGNER_LOG_H

#include <limits.h>
#include <stdint.h>
#include <jansson.h>
#include <sys/types.h>

#include "signer/log_base.h"
#include "signer/log_index.h"
#include "ykenroll/blob.h"
#include "ykenroll/signer.h"

#define LOG_LINE_MAX 32768  /* bytes; a certificate needs about 4500 */
#define LOG_CLOCK_SLACK 300 /* seconds that the clock may be behind the last line */

struct log {
	int fd;
	bool failed, read_only;
	char path[PATH_MAX];
	struct log_sums sums;
	struct log_base base;	/* up to the checkpoint */
	struct log_cert *certs; /* new or changed since */
	size_t n, room;
	struct log_index index; /* of certs, by serial */
};

struct log_who {
	int64_t now;
	uint32_t peer;		/* uid */
	struct log_audit audit; /* told with the request; goes into the line */
};

/* Read, verify, cut a torn line off and abandon open intents. create: make a new, empty one. The
 * caller holds the signer's lock. Errors: ERR_CA damaged; ERR_INTERNAL. */
MUST_CHECK int log_open(
    const char *path, bool create, const struct log_who *who, struct log **ret, struct err *err);
/* Beside a signer at work: nothing is written, locked or cut. */
MUST_CHECK int log_open_view(const char *path, struct log **ret, struct err *err);
/* Read what was appended since (of a view). Errors: ERR_ABSENT it is another file now, open it
 * again; ERR_CA damaged; ERR_INTERNAL. */
MUST_CHECK int log_refresh(struct log *log, struct err *err);
/* Leaves a checkpoint when much was written since the last one. */
void log_closep(struct log **log);

/* Has all of it been written? Errors: ERR_CA. */
MUST_CHECK int log_sound(const struct log *log, struct err *err);
/* And is the clock not behind it? Errors: ERR_CA. */
MUST_CHECK int log_usable(const struct log *log, int64_t now, struct err *err);

/* A serial as the log keeps it: LOG_SERIAL_LEN octets. Returns 0, or -1 when it is empty or too
 * long. */
int log_serial(const uint8_t *serial, size_t len, uint8_t ret[static LOG_SERIAL_LEN]);

/* serial: len octets, with or without zeros in front. Errors: ERR_ABSENT the log has no such
 * serial; ERR_INTERNAL. */
MUST_CHECK int log_find(const struct log *log, const uint8_t *serial, size_t len,
    struct log_cert *ret, struct err *err);
/* The certificate of a signed entry. Errors: ERR_ABSENT imported without it; ERR_CA damaged;
 * ERR_INTERNAL. */
MUST_CHECK int log_certificate(
    const struct log *log, const struct log_cert *c, struct blob *ret, struct err *err);

/* All certificates by rising serial. The log must not change meanwhile. */
struct log_walk {
	const struct log *log;
	struct log_base_reader base;
	struct log_cert from_base;
	bool have_base;
	uint32_t *order; /* of log->certs */
	size_t next;
};
MUST_CHECK int log_walk_begin(const struct log *log, struct log_walk *w, struct err *err);
/* 1: *ret is the next; 0: that was all. Errors: ERR_INTERNAL. */
MUST_CHECK int log_walk_next(struct log_walk *w, struct log_cert *ret, struct err *err);
void log_walk_end(struct log_walk *w);

/* The profile of a signed entry, from its intent. ret: RULES_NAME_MAX + 1 bytes. Errors: ERR_CA it
 * has none, or damaged; ERR_INTERNAL. */
MUST_CHECK int log_profile(
    const struct log *log, const struct log_cert *c, char *ret, struct err *err);

/* What an intent says besides the bytes. */
struct log_intent {
	enum log_ca ca;
	const uint8_t *serial; /* SIGNER_SERIAL_LEN */
	int64_t not_after;
	const struct blob *tbs;
	const char *profile;		/* or NULL: a CA's own certificate */
	uint32_t token;			/* with profile */
	const struct blob *attestation; /* with profile: DER, its hash is logged; NULL: the key
					   is in no token */
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
    size_t len, enum signer_reason reason, struct err *err);
/* From hold only. */
MUST_CHECK int log_released(
    struct log *log, const struct log_who *who, const uint8_t *serial, size_t len, struct err *err);
/* hash: SHA-256 of the to-be-signed bytes; of the CRL. */
MUST_CHECK int log_crl_intent(struct log *log, const struct log_who *who, enum log_ca ca,
    uint64_t number, const uint8_t hash[static LOG_HASH_LEN], struct err *err);
MUST_CHECK int log_crl_signed(struct log *log, const struct log_who *who, enum log_ca ca,
    uint64_t number, const uint8_t hash[static LOG_HASH_LEN], struct err *err);

/* Read all of it, whatever the checkpoint says, and compare with what the signer works with.
 * Errors: ERR_CA damaged, or they differ; ERR_INTERNAL. */
MUST_CHECK int log_verify(const char *path, struct log_sums *ret, struct err *err);

/* ---- between log.c (file and chain), log_entry.c (what the lines mean), log_settle.c ---- */

/* Complete the entry (stolen) with n, time, peer, prev; write, sync, apply. */
MUST_CHECK int log_append(
    struct log *log, const struct log_who *who, json_t *entry, struct err *err);
/* The same without sync, for many at once: log_sync follows. */
MUST_CHECK int log_append_some(
    struct log *log, const struct log_who *who, json_t *entry, struct err *err);
MUST_CHECK int log_sync(struct log *log, struct err *err);
/* Move the states as this line says; at: its offset. Errors: ERR_CA. */
MUST_CHECK int log_apply(struct log *log, const json_t *entry, int64_t at, struct err *err);
/* Close the open intents. */
MUST_CHECK int log_abandon(struct log *log, const struct log_who *who, struct err *err);
MUST_CHECK int log_torn(struct log *log, const struct log_who *who, size_t bytes, struct err *err);

/* Write a checkpoint of what is now, and forget what it has. Errors: ERR_INTERNAL; the log is as it
 * was, and can be used. */
MUST_CHECK int log_settle(struct log *log, struct err *err);
/* The same when enough was written since the last one. */
void log_settle_some(struct log *log);

#endif
