/* SPDX-License-Identifier: BSD-2-Clause */
/* state: what the token tells of its PIN, PUK and management key, and what we know of it since. */
#ifndef DEVICE_STATE_H
#define DEVICE_STATE_H

#include "device/token.h"

enum state_ref { REF_PIN = 0x80, REF_PUK = 0x81, REF_MGM = 0x9b };

/* A PIN or PUK was right, or newly set to value (NULL: it is as before): its counter is full. */
void state_ref_good(struct token *token, enum state_ref ref, const struct secret *value);
/* Refused with this many tries left. */
void state_ref_bad(struct token *token, enum state_ref ref, int tries);
void state_forget(struct token *token); /* read all anew */

#endif
