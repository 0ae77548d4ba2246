/* SPDX-License-Identifier: BSD-2-Clause */
/* log_read: between the parts of the log. */
#ifndef SIGNER_LOG_READ_H
#define SIGNER_LOG_READ_H

#include "signer/log.h"

#define LOG_STATE "issuance.state" /* the checkpoint, beside the log */

/* Errors: ERR_INTERNAL. */
MUST_CHECK int log_hash(
    const void *data, size_t len, uint8_t ret[static LOG_HASH_LEN], struct err *err);
MUST_CHECK int log_state_path(const struct log *log, char ret[static PATH_MAX], struct err *err);

/* The next line cannot be; says so. Returns ERR_CA. */
int log_damaged(const struct log *log, const char *how, struct err *err);

/* From the checkpoint, or from the start, up to the end, or to a line that a crash cut off:
 * *ret_torn is how many bytes of it there are. */
MUST_CHECK int log_read_all(struct log *log, size_t *ret_torn, struct err *err);

/* A view that was read from the first line up to this offset. */
MUST_CHECK int log_open_whole(const char *path, int64_t end, struct log **ret, struct err *err);
/* Only up to this offset; 0: to the end. */
MUST_CHECK int log_read_lines(struct log *log, int64_t end, size_t *ret_torn, struct err *err);

#endif
