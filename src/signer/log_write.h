/* SPDX-License-Identifier: BSD-2-Clause */
/* log_write: between the parts of the log, and what an import writes. */
#ifndef SIGNER_LOG_WRITE_H
#define SIGNER_LOG_WRITE_H

#include "signer/log.h"

#define LOG_REASON_MAX 10 /* aACompromise: another CA may have used it */

extern const char *const log_ca_names[LOG_CAS];

/* A certificate of another CA's records; cert.line_at is not looked at. */
struct log_imported {
	struct log_cert cert;
	const char *subject;	/* as the records spell it */
	const struct blob *der; /* or NULL: the records have it not */
};
/* Append without sync: log_sync follows. Errors: ERR_CA the serial is there already; ERR_INTERNAL.
 */
MUST_CHECK int log_import(
    struct log *log, const struct log_who *who, const struct log_imported *in, struct err *err);
MUST_CHECK int log_import_ca(struct log *log, const struct log_who *who, enum log_ca ca,
    const struct blob *cert, struct err *err);
MUST_CHECK int log_import_crl(
    struct log *log, const struct log_who *who, enum log_ca ca, uint64_t number, struct err *err);

#endif
