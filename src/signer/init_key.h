/* SPDX-License-Identifier: BSD-2-Clause */
/* init_key: the two keys of a new CA, each in a file or in an HSM. */
#ifndef SIGNER_INIT_KEY_H
#define SIGNER_INIT_KEY_H

#include "signer/log.h"
#include "ykenroll/key.h"
#include "ykenroll/signer.h"

/* May these words make keys? Nothing is opened. Errors: ERR_USAGE. */
MUST_CHECK int init_key_words(const struct signer_init *init, struct err *err);

/* Make or adopt both and put their files into ca.new. ret: LOG_CAS of them; those that are there on
 * failure are the caller's too. Errors: of key.h. */
MUST_CHECK int init_key_make(const struct signer_init *init, struct key **ret, struct err *err);

#endif
