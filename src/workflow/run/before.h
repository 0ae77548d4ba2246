/* SPDX-License-Identifier: BSD-2-Clause */
/* before: what each plan finds out (check) and asks for (ask) before the first change to the token.
 * plan.h has what the two may do. */
#ifndef WORKFLOW_BEFORE_H
#define WORKFLOW_BEFORE_H

#include "workflow/run/enrolment.h"

MUST_CHECK int before_enroll_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_enroll_ask(struct enrolment *e, struct err *err);
MUST_CHECK int before_renew_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_renew_ask(struct enrolment *e, struct err *err);
MUST_CHECK int before_unblock_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_unblock_ask(struct enrolment *e, struct err *err);
MUST_CHECK int before_retire_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_retire_ask(struct enrolment *e, struct err *err);
/* before_adopt.c */
MUST_CHECK int before_adopt_check(struct enrolment *e, struct err *err);
MUST_CHECK int before_adopt_ask(struct enrolment *e, struct err *err);

/* e->new_pin is the holder's, who is here: asked for, and sent. */
MUST_CHECK int before_holder_pin(struct enrolment *e, struct err *err);

#endif
