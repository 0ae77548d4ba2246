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

/* signer_init, in this process. */
MUST_CHECK int init_ca(const struct signer_init *init, struct err *err);

/* What keys, certificates, log and CRLs come from; doing: for messages. */
struct init_source {
	const char *doing;
	int (*fill)(struct making *m, void *ctx, unsigned crl_days, struct err *err);
	void *ctx;
};
/* All or nothing, as signer_init. */
MUST_CHECK int init_run(
    const struct signer_init *init, const struct init_source *from, struct err *err);

#endif
