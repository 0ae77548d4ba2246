/* SPDX-License-Identifier: BSD-2-Clause */
/* import: between import.c (the home) and import_read.c (the records). */
#ifndef SIGNER_IMPORT_H
#define SIGNER_IMPORT_H

#include "signer/init_make.h"
#include "ykenroll/signer_import.h"

struct importing {
	const struct signer_init *init;
	const struct signer_import *what;
	struct signer_imported *ret;
	struct key *keys[LOG_CAS]; /* NULL: not here */
	struct blob certs[LOG_CAS];
	bool single;
};

/* Index, CRL and its number into the log, not synced. Errors: ERR_USAGE with file and line. */
MUST_CHECK int import_records(
    struct importing *im, struct log *log, const struct log_who *who, struct err *err);

/* signer_import, in this process. */
MUST_CHECK int import_ca(const struct signer_init *init, const struct signer_import *what,
    struct signer_imported *ret, struct err *err);

#endif
