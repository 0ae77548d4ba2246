/* SPDX-License-Identifier: BSD-2-Clause */
/* init_make: a CA that is being made in ca.new, from nothing (init.c) or from another CA's files
 * (import.c). */
#ifndef SIGNER_INIT_MAKE_H
#define SIGNER_INIT_MAKE_H

#include "signer/log.h"
#include "ykenroll/key.h"
#include "ykenroll/signer.h"

struct importing;

struct making {
	const struct signer_init *init;
	struct key *keys[LOG_CAS];
	struct blob certs[LOG_CAS], crls[LOG_CAS];
	struct log *log;
	struct log_who who;
	int64_t now;
	bool single;		     /* certs[LOG_ROOT] is certs[LOG_ISSUING]; no root CRL */
	struct importing *importing; /* or NULL: keys and certificates are made */
};

/* Sign the first CRL of ours into m->crls. Errors: as crl_issue. */
MUST_CHECK int init_make_crl(struct making *m, enum log_ca ca, unsigned days, struct err *err);

/* signer_init, in this process. */
MUST_CHECK int init_ca(const struct signer_init *init, struct err *err);

/* All or nothing, as signer_init. importing: or NULL. */
MUST_CHECK int init_run(
    const struct signer_init *init, struct importing *importing, struct err *err);

/* import.c: keys, certificates, log and CRLs from what was read. */
MUST_CHECK int import_fill(struct making *m, unsigned crl_days, struct err *err);

#endif
