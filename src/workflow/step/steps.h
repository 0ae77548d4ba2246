/* SPDX-License-Identifier: BSD-2-Clause */
/* steps: what the plans are made of. Each is one change, or one thing that is asked of token or CA.
 */
#ifndef WORKFLOW_STEPS_H
#define WORKFLOW_STEPS_H

#include "workflow/run/enrolment.h"
#include "ykenroll/workflow_life.h"
#include "ykenroll/workflow_ca.h"

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
MUST_CHECK int step_pin_by_puk(struct enrolment *e, struct err *err);
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
MUST_CHECK int step_record(struct enrolment *e, struct err *err);
/* steps_close.c */
MUST_CHECK int step_activate(struct enrolment *e, struct err *err);
MUST_CHECK int step_closed(struct enrolment *e, struct err *err);
MUST_CHECK int step_retired(struct enrolment *e, struct err *err);

/* enroll.c: the enrolment itself, of a token that was looked at. */
/* Is the token active for this very holder? Then report->already: there is nothing to do. Errors:
 * ERR_OCCUPIED it is another one's. */
MUST_CHECK int enroll_already(
    struct enrolment *e, const struct workflow_enroll *what, struct err *err);
/* What a certificate in place of the former token's is asked for: what is given, else as it was
 * stored, else what is usual. */
MUST_CHECK int renew_request(
    struct registry *r, const struct registry_row *former, struct request *asked, struct err *err);
MUST_CHECK int enroll_token(
    struct enrolment *e, const struct workflow_enroll *what, struct err *err);

/* renew.c */
MUST_CHECK int renew_token(
    struct enrolment *e, const struct workflow_reissue *what, struct err *err);

/* steps_escrow.c: with a secret from the escrow, which is replaced. escrow: this version
 * (0: the current one), by the key that the operator named. */
MUST_CHECK int steps_escrow(struct enrolment *e, enum registry_secret_kind kind, unsigned version,
    struct secret *ret, struct err *err);
MUST_CHECK int steps_mgmkey_open(struct enrolment *e, struct err *err);
MUST_CHECK int step_mgmkey_escrow(struct enrolment *e, struct err *err);
MUST_CHECK int step_puk_escrow(struct enrolment *e, struct err *err);
MUST_CHECK int step_same_key(struct enrolment *e, struct err *err);

/* steps_reset.c: as from the factory. check: may it be reset at all, and what is lost; ask: a
 * person's yes. */
MUST_CHECK int steps_reset_check(struct enrolment *e, struct err *err);
MUST_CHECK int steps_reset_ask(struct enrolment *e, struct err *err);
MUST_CHECK int step_reset(struct enrolment *e, struct err *err);

/* steps_revoke.c: take back what other work made. */

/* Where something was ended: publish to the servers of ykenroll.conf, the card and the CA let go.
 */
MUST_CHECK int steps_tell_servers(struct enrolment *e, struct err *err);
MUST_CHECK int step_replaced(struct enrolment *e, struct err *err);
MUST_CHECK int step_superseded(struct enrolment *e, struct err *err);
MUST_CHECK int step_revoked(struct enrolment *e, struct err *err);

/* before.c, before_adopt.c: what each plan finds out (check) and asks for (ask) before the first
 * change to the token. plan.h has what the two may do. */
MUST_CHECK int before_enroll_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_enroll_ask(struct enrolment *e, struct err *err);
MUST_CHECK int before_renew_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_renew_ask(struct enrolment *e, struct err *err);
MUST_CHECK int before_unblock_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_unblock_ask(struct enrolment *e, struct err *err);
MUST_CHECK int before_retire_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_retire_ask(struct enrolment *e, struct err *err);
MUST_CHECK int before_adopt_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_adopt_ask(struct enrolment *e, struct err *err);

/* e->new_pin is the holder's, who is here: asked for, and sent. */
MUST_CHECK int before_holder_pin(struct enrolment *e, struct err *err);

#endif
