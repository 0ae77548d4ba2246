/* SPDX-License-Identifier: BSD-2-Clause */
/* steps: what the plans are made of. Each is one change, or one thing that is asked of token or CA.
 */
#ifndef WORKFLOW_STEPS_H
#define WORKFLOW_STEPS_H

#include "workflow/enrolment.h"
#include "ykenroll/workflow_life.h"

/* What is asked of the CA (steps_cert.c). Points into e. */
void enrolment_request(const struct enrolment *e, struct signer_request *ret);

/* Used by steps and recover (steps_cert.c). Revoke or drop the certificate that this work can no
 * longer use. */
MUST_CHECK int steps_abandon_cert(struct enrolment *e, struct err *err);

/* The steps, one function each, in the order of the plan. */
MUST_CHECK int step_retries(struct enrolment *e, struct err *err);
MUST_CHECK int step_mgmkey_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_mgmkey(struct enrolment *e, struct err *err);
MUST_CHECK int step_puk_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_puk(struct enrolment *e, struct err *err);
MUST_CHECK int step_pin(struct enrolment *e, struct err *err);
MUST_CHECK int step_key_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_key(struct enrolment *e, struct err *err);
MUST_CHECK int step_identity_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_identity(struct enrolment *e, struct err *err);
MUST_CHECK int step_attest(struct enrolment *e, struct err *err);
MUST_CHECK int step_request(struct enrolment *e, struct err *err);
MUST_CHECK int step_issue_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_issue(struct enrolment *e, struct err *err);
MUST_CHECK int step_import(struct enrolment *e, struct err *err);
MUST_CHECK int step_prove(struct enrolment *e, struct err *err);
MUST_CHECK int step_activate(struct enrolment *e, struct err *err);

/* steps_reset.c: as from the factory. check: may it be reset at all, and what is lost; ask: a
 * person's yes. */
MUST_CHECK int steps_reset_check(struct enrolment *e, struct err *err);
MUST_CHECK int steps_reset_ask(struct enrolment *e, struct err *err);
MUST_CHECK int step_reset_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_reset(struct enrolment *e, struct err *err);

/* steps_revoke.c: take back what other work made. What the CA would still accept of a token, but
 * this work's own, is revoked. With to not TOKEN_NEW the token goes there, too. */
MUST_CHECK int steps_end_certs(struct enrolment *e, uint32_t token, enum signer_reason reason,
    enum registry_token_state to, struct err *err);
MUST_CHECK int step_replaced(struct enrolment *e, struct err *err);

/* One line each for people (steps_what.c). */
void steps_what_reset(const struct enrolment *e, char *ret, size_t size);
void steps_what_mgmkey(const struct enrolment *e, char *ret, size_t size);
void steps_what_puk(const struct enrolment *e, char *ret, size_t size);
void steps_what_pin(const struct enrolment *e, char *ret, size_t size);
void steps_what_key(const struct enrolment *e, char *ret, size_t size);
void steps_what_identity(const struct enrolment *e, char *ret, size_t size);
void steps_what_attest(const struct enrolment *e, char *ret, size_t size);
void steps_what_request(const struct enrolment *e, char *ret, size_t size);
void steps_what_issue(const struct enrolment *e, char *ret, size_t size);
void steps_what_import(const struct enrolment *e, char *ret, size_t size);
void steps_what_prove(const struct enrolment *e, char *ret, size_t size);
void steps_what_replaced(const struct enrolment *e, char *ret, size_t size);
void steps_what_activate(const struct enrolment *e, char *ret, size_t size);

#endif
