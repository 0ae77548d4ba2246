/* SPDX-License-Identifier: BSD-2-Clause */
/* init_note: which keys init has begun to make in an HSM. Where there is no transaction over HSM
 * and disk, this is what tells a key that an interrupted init left there from one that is somebody
 * else's. */
#ifndef SIGNER_INIT_NOTE_H
#define SIGNER_INIT_NOTE_H

#include "ykenroll/signer.h"

struct init_note {
	const char *home, *uri;
};

/* Write it down, before the key is made. */
MUST_CHECK int init_note_put(const struct init_note *n, struct err *err);
MUST_CHECK int init_note_has(const struct init_note *n, bool *ret, struct err *err);

/* Errors: ERR_OCCUPIED one is noted that this call does not name; says what to remove. */
MUST_CHECK int init_note_check(const struct signer_init *init, struct err *err);
/* All is made. */
MUST_CHECK int init_note_clear(const char *home, struct err *err);

#endif
