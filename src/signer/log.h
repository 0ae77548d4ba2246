/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log: the issuance log, ca/issuance.db. Every signature of the CA has an intent in it that was on
 * disk before the key was used.
 *
 * Rows are appended, never changed: each is one of the words in log_entry.c, with its number, time,
 * and the uid that asked, and they form a chain (db/chain.h; the label is "ykenroll-issuance-1"):
 * an edited, lost or moved row shows. An intent is settled by a row of its own. What the rows
 * amount to, the state of each serial and the sums, is kept beside them in tables that every append
 * moves on in the same transaction, and that log_verify makes anew and compares.
 *
 * A transaction that a crash cut off is not there when the log is opened again, and an intent
 * without a signature is closed as abandoned: its serial counts as revoked, for nobody knows
 * whether the signature was made. After a failed write nothing more is written until the log is
 * opened again.
 *
 * Others may read beside the signer, which alone writes (ca/lock); a reader that stands still holds
 * up nobody. The columns of a row:
 *
 *	n, at, peer	number from 1; UTC seconds; uid
 *	what		see log_entry.c
 *	ca		"issuing" or "root": of a certificate, who signs; of a CRL, whose
 *	serial		of the certificate, big-endian, without zeros in front
 *	number		of a CRL; the reason of a revocation (RFC 5280, 5.3.1); the token's serial
 *			of an intent
 *	not_after	UTC seconds, of an intent and an import: LOG_NEVER, so that no CRL drops it,
 *			of what another CA had revoked, and where the certificate is not there
 *	revoked		UTC seconds, of an import
 *	text		the profile of an intent; the subject of an import
 *	digest		SHA-256: of the attestation (intent; none: the key is in no token), of the
 *			CRL's to-be-signed bytes (crl-intent), of the CRL (crl-signed)
 *	data		DER: the to-be-signed bytes of an intent; the certificate
 *	audit_rows, audit_head	how far the registry's audit chain was, as the desk told
 *
 * A number that a row does not have is 0.
 */
#ifndef SIGNER_LOG_H
#define SIGNER_LOG_H

#include <limits.h>
#include <sys/types.h>

#include "db/chain.h"
#include "ykenroll/signer_status.h"

#define LOG_HASH_LEN 32
#define LOG_SERIAL_LEN 20 /* octets, with zeros in front: the longest of RFC 5280, 4.1.2.2 */
#define LOG_NEVER SIGNER_STATUS_NEVER /* not_after: not known (99991231235959Z) */
#define LOG_CLOCK_SLACK 300	      /* seconds that the clock may be behind the last row */
#define LOG_REASON_MAX 10	      /* aACompromise: another CA may have used it */

enum log_ca { LOG_ISSUING, LOG_ROOT, LOG_CAS };
extern const char *const log_ca_names[LOG_CAS];

enum log_state {
	LOG_INTENT,
	LOG_SIGNED,
	LOG_ABANDONED,
	LOG_FORBIDDEN /* given up before it was signed: never will be */
};

struct log_cert {
	uint8_t serial[LOG_SERIAL_LEN];
	uint8_t ca; /* who signs: enum log_ca */
	uint8_t state;
	uint8_t reason;	    /* enum signer_reason, with revoked_at */
	bool released;	    /* from hold, and not revoked since */
	int64_t revoked_at; /* 0: not revoked */
	int64_t not_after;
	int64_t intent; /* number of that row; 0: imported, or forbidden */
	int64_t row;	/* of the certificate */
};

struct log_crl {
	uint64_t number;	      /* highest that was ever intended */
	uint64_t signed_number;	      /* of the last one that was signed */
	uint8_t sha256[LOG_HASH_LEN]; /* of its DER */
};

/* What the rows amount to, besides the certificates. */
struct log_sums {
	struct chain_at at; /* the last row */
	int64_t last_time;
	struct log_crl crls[LOG_CAS];
	struct signer_audit audit; /* the newest that a desk has told: the next CRL carries it */
	int64_t certs;
	int64_t open; /* intents without an end */
	bool stale;   /* something was revoked since the issuing CA's last CRL */
};

struct log {
	struct db *db;
	struct db_tx tx; /* rows that were not synced yet */
	bool failed;
	char path[PATH_MAX];
	ino_t inode;  /* of that file */
	int64_t seen; /* of a view: its state that was read */
	struct log_sums sums, synced;
};

struct log_who {
	int64_t now;
	uint32_t peer;		   /* uid */
	struct signer_audit audit; /* told with the request; goes into the row */
};

/* One row, as it is written and read; the pointers belong to the caller. */
struct log_row {
	int64_t n, at, peer;
	const char *what;
	int ca; /* enum log_ca, or -1 */
	const uint8_t *serial;
	size_t serial_len;
	int64_t number, not_after, revoked;
	const char *text;      /* or NULL */
	const uint8_t *digest; /* LOG_HASH_LEN, or NULL */
	const uint8_t *data;   /* or NULL */
	size_t data_len;
	struct signer_audit audit;
};

/* Open one that is there, and abandon open intents; or make an empty one. LOG_SCRATCH: a crash
 * would leave half of it, to be thrown away (several times faster). LOG_SCRATCH_ROWS: one that is
 * there and has rows alone; what they amount to is the caller's to make. The caller holds the
 * signer's lock. Errors: ERR_CA not there, damaged, or newer than this program; ERR_INTERNAL. */
enum log_how { LOG_THERE, LOG_NEW, LOG_SCRATCH, LOG_SCRATCH_ROWS };
MUST_CHECK int log_open(const char *path, enum log_how how, const struct log_who *who,
    struct log **ret, struct err *err);
/* Beside a signer at work: nothing is appended. */
MUST_CHECK int log_open_view(const char *path, struct log **ret, struct err *err);
/* Take in what was appended since (of a view). Errors: ERR_ABSENT it is another file now, open it
 * again; ERR_CA damaged; ERR_INTERNAL. */
MUST_CHECK int log_refresh(struct log *log, struct err *err);
void log_closep(struct log **log);
/* Between log.c and log_look.c: check the newest rows, read the sums. Errors: ERR_CA damaged. */
MUST_CHECK int log_load(struct log *log, struct err *err);

/* Has all of it been written? Errors: ERR_CA. */
MUST_CHECK int log_sound(const struct log *log, struct err *err);
/* And is the clock not behind it? Errors: ERR_CA. */
MUST_CHECK int log_usable(const struct log *log, int64_t now, struct err *err);

/* A serial as the log orders it: LOG_SERIAL_LEN octets. Returns 0, or -1 when it is empty or too
 * long. */
int log_serial(const uint8_t *serial, size_t len, uint8_t ret[static LOG_SERIAL_LEN]);

/* serial: len octets, with or without zeros in front. Errors: ERR_ABSENT the log has no such
 * serial; ERR_INTERNAL. */
MUST_CHECK int log_find(const struct log *log, const uint8_t *serial, size_t len,
    struct log_cert *ret, struct err *err);
/* The certificate of a signed entry. Errors: ERR_ABSENT imported without it; ERR_INTERNAL. */
MUST_CHECK int log_certificate(
    const struct log *log, const struct log_cert *c, struct blob *ret, struct err *err);
/* What it was issued as. ret: RULES_NAME_MAX + 1 bytes. Errors: ERR_CA by no profile;
 * ERR_INTERNAL. */
MUST_CHECK int log_profile(
    const struct log *log, const struct log_cert *c, char *ret, struct err *err);

/* Those of this CA that are revoked and end after this, by rising serial. Nothing may be appended
 * meanwhile. */
MUST_CHECK int log_walk(const struct log *log, enum log_ca ca, int64_t ended,
    struct db_stmt **ret_walk, struct err *err);
/* 1: *ret has the next one's serial, reason and revoked_at; 0: that was all. Errors: ERR_INTERNAL.
 */
MUST_CHECK int log_walk_next(struct db_stmt *walk, struct log_cert *ret, struct err *err);

/* Complete the row with n, at, peer and what was told; append it, without zeros in front of the
 * serial; synced. Errors: ERR_CA not a move
 * that the states allow, or the log failed before; ERR_INTERNAL the disk. */
MUST_CHECK int log_append(
    struct log *log, const struct log_who *who, struct log_row *row, struct err *err);
/* The same without sync, for many at once: log_sync follows. */
MUST_CHECK int log_append_some(
    struct log *log, const struct log_who *who, struct log_row *row, struct err *err);
MUST_CHECK int log_sync(struct log *log, struct err *err);
/* For what a former release has written, between log_begin and log_sync: the row as it is, with n,
 * at and peer; what it does is left to log_entry_apply. */
MUST_CHECK int log_begin(struct log *log, struct err *err);
MUST_CHECK int log_put(struct log *log, const struct log_row *row, struct err *err);

/* Close the open intents. */
MUST_CHECK int log_abandon(struct log *log, const struct log_who *who, struct err *err);
/* Append "revoked" (number: the reason), "released", or "forbidden": a serial that the log does not
 * have. */
MUST_CHECK int log_of_serial(struct log *log, const struct log_who *who, const char *what,
    const uint8_t *serial, size_t len, int64_t number, struct err *err);
/* Append "crl-intent" (hash: SHA-256 of the to-be-signed bytes), or "crl-signed" (of the CRL). */
MUST_CHECK int log_of_crl(struct log *log, const struct log_who *who, const char *what,
    enum log_ca ca, uint64_t number, const uint8_t hash[static LOG_HASH_LEN], struct err *err);

/* Check every row, and compare what they amount to with the tables that the signer works with.
 * line, unless NULL, is then called with each row, as a JSON object. Errors: ERR_CA damaged, or
 * they differ; ERR_INTERNAL; what line returns. */
MUST_CHECK int log_verify(const char *path,
    int (*line)(void *ctx, const char *json, struct err *err), void *ctx, struct log_sums *ret,
    struct err *err);

/* ---- log_entry.c: what the rows mean; for log.c, log_look.c and log_convert.c ---- */

/* "issuing", "root"; -1: neither. */
int log_entry_ca(const char *name);

/* Move states and sums as this row says. Errors: ERR_CA the states do not allow it. */
MUST_CHECK int log_entry_apply(struct log *log, const struct log_row *row, struct err *err);

/* The tables of what the rows amount to, and what finds in them (of a scratch: at the end). shadow:
 * one that hides that of the certificates, in this connection, and is moved in its place. */
extern const char log_entry_tables[], log_entry_indexes[], log_entry_shadow[];

/* Read the sums, and write them. */
MUST_CHECK int log_entry_load(struct log *log, struct err *err);
MUST_CHECK int log_entry_save(struct log *log, struct err *err);

/* Read the columns of a statement of log_rows. */
MUST_CHECK int log_entry_read(struct db_stmt *st, struct log_row *ret, struct err *err);
extern const struct chain log_rows;

/* ---- log_convert.c ---- */

/*
 * The issuance log of releases up to 0.1.0 was a file of JSON lines, ca/issuance.log,
 * each with the SHA-256 of the line before it. It becomes ca/issuance.db: a row for each line, with
 * its number, and one behind them that keeps the last line's hash. The lines are verified before,
 * the rows after; the old file stays beside it as issuance.log.converted, read-only. Killed
 * anywhere, the next call starts again.
 */

/* dir: that of the log, ca/. Is there an old log to be converted, or something left of that? */
bool log_convert_due(const char *dir);
/* The caller holds the signer's lock. Nothing is done where nothing is due. Errors: ERR_CA the
 * lines are damaged; ERR_INTERNAL. */
MUST_CHECK int log_convert(const char *dir, const struct log_who *who, struct err *err);

#endif
