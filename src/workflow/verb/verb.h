/* SPDX-License-Identifier: BSD-2-Clause */
/* verb: one thing done to one token: what the token verbs add to a session. */
#ifndef WORKFLOW_VERB_H
#define WORKFLOW_VERB_H

#include "desk/session.h"
#include "desk/slot.h"
#include "ykenroll/workflow_token.h"

struct verb {
	struct session s;
	const char *name; /* "change-pin" */
};

/* LOOK: the registry is only asked what it knows, and need not be readable. */
enum verb_kind { VERB_LOOK, VERB_HOLDER, VERB_CHANGE };

/* Errors: ERR_OCCUPIED the registry's token is changed by another command. */
MUST_CHECK int verb_open(
    struct verb *v, const struct desk *w, const char *name, enum verb_kind kind, struct err *err);
void verb_wipe(struct verb *v);

/* Done: which token it was, and one audit row, "token NAME", where the registry knows it. ret may
 * be NULL. */
MUST_CHECK int verb_done(struct verb *v, struct token_id *ret, struct err *err, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* Ask for the PIN and send it. Errors: as token_verify_pin. */
MUST_CHECK int verb_pin(struct verb *v, struct err *err);

/* With the management key that was given; else the factory's, where it may be; else the one that
 * the token keeps behind the PIN. Errors: ERR_MGMKEY says what to give. */
MUST_CHECK int verb_authenticate(struct verb *v, struct err *err);

/* A new card identity, so that Windows reads the certificates again. */
MUST_CHECK int verb_new_chuid(struct verb *v, struct err *err);

#endif
