/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_base: the checkpoint of the issuance log, ca/issuance.state: what the lines up to an offset
 * amount to, as sums and a table of certificates sorted by serial. It is only a shortcut: it names
 * offset, number and hash of the last line that it has, and its own SHA-256; one that does not fit
 * the log, or is damaged, is not used, and the log is read from its first line.
 *
 * The table stays on disk: a look-up reads it some twenty times, and a walk reads it in order, so a
 * million certificates need no memory.
 */
#ifndef SIGNER_LOG_BASE_H
#define SIGNER_LOG_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signer/log_index.h"
#include "ykenroll/err.h"

#define LOG_HASH_LEN 32

enum log_ca { LOG_ISSUING, LOG_ROOT, LOG_CAS };

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
	int64_t line_at; /* offset of the line with the certificate */
};

struct log_crl {
	uint64_t number;	      /* highest that was ever intended */
	uint64_t signed_number;	      /* of the last one that was signed */
	uint8_t sha256[LOG_HASH_LEN]; /* of its DER */
};

/* The newest head of the registry's audit chain that a desk has told: the next CRL carries it. */
struct log_audit {
	uint64_t rows; /* 0: none was told */
	uint8_t head[LOG_HASH_LEN];
};

/* What the lines read so far amount to, besides the certificates. */
struct log_sums {
	uint64_t lines;
	int64_t end; /* bytes */
	int64_t last_time;
	uint8_t head[LOG_HASH_LEN]; /* hash of the last line */
	struct log_crl crls[LOG_CAS];
	struct log_audit audit;
	uint64_t certs;
	uint64_t open; /* intents without an end */
	bool stale;    /* something was revoked since the issuing CA's last CRL */
};

struct log_base {
	int fd; /* -1: there is none */
	uint64_t n;
	uint64_t lines; /* that it has */
};

/* Open it when it is there and in order: then *ret_sums is what it says, and the caller sees
 * whether the log fits. Otherwise ret->fd is -1. */
void log_base_open(const char *path, struct log_base *ret, struct log_sums *ret_sums);
void log_base_close(struct log_base *b);

/* serial: LOG_SERIAL_LEN octets. Errors: ERR_ABSENT; ERR_INTERNAL. */
MUST_CHECK int log_base_find(
    const struct log_base *b, const uint8_t *serial, struct log_cert *ret, struct err *err);

/* In the order of the serials. */
struct log_base_reader {
	const struct log_base *base;
	uint64_t next; /* record */
	uint8_t *buffer;
	size_t have, used; /* records in it */
};
MUST_CHECK int log_base_read_begin(
    const struct log_base *b, struct log_base_reader *r, struct err *err);
/* 1: *ret is the next; 0: that was all. Errors: ERR_INTERNAL. */
MUST_CHECK int log_base_read(struct log_base_reader *r, struct log_cert *ret, struct err *err);
void log_base_read_end(struct log_base_reader *r);

/* Make a new one: begin, put all certificates by rising serial, end. It is there when end returns
 * 0; wipe removes what was begun. */
struct log_base_writer;
MUST_CHECK int log_base_write_begin(
    const char *path, const struct log_sums *sums, struct log_base_writer **ret, struct err *err);
MUST_CHECK int log_base_write(struct log_base_writer *w, const struct log_cert *c, struct err *err);
MUST_CHECK int log_base_write_end(struct log_base_writer *w, struct err *err);
void log_base_writer_freep(struct log_base_writer **w);

#endif
