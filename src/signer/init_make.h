/* SPDX-License-Identifier: BSD-2-Clause */
/* init_make: a CA that is being made in ca.new, from nothing (init.c) or from another CA's files
 * (import.c). */
#ifndef SIGNER_INIT_MAKE_H
#define SIGNER_INIT_MAKE_H

#include "signer/log.h"
#include "ykenroll/key.h"
#include "ykenroll/signer.h"

struct making {
	const struct signer_init *init;
	struct key *keys[LOG_CAS];
	struct blob certs[LOG_CAS], crls[LOG_CAS];
	struct log *log;
	struct log_who who;
	int64_t now;
	bool single; /* certs[LOG_ROOT] is certs[LOG_ISSUING]; no root CRL */
};

/* Sign the first CRL of ours into m->crls. Errors: as crl_issue. */
MUST_CHECK int init_make_crl(struct making *m, enum log_ca ca, unsigned days, struct err *err);

/* signer_init and signer_init_check, in this process. */
MUST_CHECK int init_ca(const struct signer_init *init, struct err *err);
MUST_CHECK int init_check(const struct signer_init *init, struct err *err);

/* What keys, certificates, log and CRLs come from; doing: for messages. */
struct init_source {
	const char *doing;
	int (*fill)(struct making *m, void *ctx, unsigned crl_days, struct err *err);
	void *ctx;
};
/* All or nothing, as signer_init. */
MUST_CHECK int init_run(
    const struct signer_init *init, const struct init_source *from, struct err *err);

/* ---- init_key.c: the two keys of a new CA, each in a file or in an HSM ---- */

/* May these words make keys, and then these passphrases? Nothing is opened. Errors: ERR_USAGE. */
MUST_CHECK int init_key_words(const struct signer_init *init, struct err *err);
MUST_CHECK int init_key_pass(const struct signer_init *init, struct err *err);

/* Make or adopt both and put their files into ca.new. ret: LOG_CAS of them; those that are there on
 * failure are the caller's too. Errors: of key.h. */
MUST_CHECK int init_key_make(const struct signer_init *init, struct key **ret, struct err *err);

/* ---- init_note.c: which keys init has begun to make in an HSM. Where there is no transaction over
 * HSM and disk, this is what tells a key that an interrupted init left there from one that is
 * somebody else's ---- */

struct init_note {
	const char *home, *uri;
};

/* Write it down, before the key is made. */
MUST_CHECK int init_note_put(const struct init_note *n, struct err *err);
MUST_CHECK int init_note_has(const struct init_note *n, bool *ret, struct err *err);

/* Errors: ERR_OCCUPIED one is noted that this call does not name; says what to remove. */
MUST_CHECK int init_note_check(const struct signer_init *init, struct err *err);

#endif
