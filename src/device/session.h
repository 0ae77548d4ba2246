/* SPDX-License-Identifier: BSD-2-Clause */
/* session: one token, from the transaction's begin to its end. */
#ifndef DEVICE_SESSION_H
#define DEVICE_SESSION_H

#include "device/token.h"

/* Enter the reader, select PIV, read version and serial. Errors: as token_open. */
MUST_CHECK int session_open(
    struct device *dev, const char *reader, struct token **ret, struct err *err);

/* Select PIV: after another application was. Nothing is authenticated then. Errors: ERR_NO_TOKEN
 * PIV is disabled. */
MUST_CHECK int session_select(struct token *token, struct err *err);

/* reset false: nothing was authenticated, and others need not notice that we looked. */
void session_close(struct token **token, bool reset);

#endif
