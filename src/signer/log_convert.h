/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_convert: the issuance log of releases up to 0.1.0 was a file of JSON lines, ca/issuance.log,
 * each with the SHA-256 of the line before it. It becomes ca/issuance.db: a row for each line, with
 * its number, and one behind them that keeps the last line's hash. The lines are verified before,
 * the rows after; the old file stays beside it as issuance.log.converted, read-only. Killed
 * anywhere, the next call starts again.
 */
#ifndef SIGNER_LOG_CONVERT_H
#define SIGNER_LOG_CONVERT_H

#include "signer/log.h"

/* dir: that of the log, ca/. Is there an old log to be converted, or something left of that? */
bool log_convert_due(const char *dir);
/* The caller holds the signer's lock. Nothing is done where nothing is due. Errors: ERR_CA the
 * lines are damaged; ERR_INTERNAL. */
MUST_CHECK int log_convert(const char *dir, const struct log_who *who, struct err *err);

#endif
