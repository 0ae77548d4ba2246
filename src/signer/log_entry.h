/* SPDX-License-Identifier: BSD-2-Clause */
/* log_entry: what the rows of the issuance log mean. */
#ifndef SIGNER_LOG_ENTRY_H
#define SIGNER_LOG_ENTRY_H

#include "signer/log.h"

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

#endif
