/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper: a program of ours that is started for one record and gives one result, so that what it is
 * linked with stays out of the one that asks.
 *
 * It reads the record from its standard input to the end and writes the result to its standard
 * output. Ends it with another status than 0, the status is that of err_exit_status and what it
 * wrote is the reason, plain text.
 */
#ifndef BASE_HELPER_H
#define BASE_HELPER_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"

/* path: of env_program. The record may be secret, and the result: neither is in a file, an argument
 * or the environment. Errors: the helper's; ERR_INTERNAL it cannot be started, was killed, or has
 * no result in half a minute. */
MUST_CHECK int helper_run(
    const char *path, const void *record, size_t len, struct blob *ret, struct err *err);

#endif
