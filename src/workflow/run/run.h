/* SPDX-License-Identifier: BSD-2-Clause */
/* run: a plan from its start, or from where it was interrupted, to its end. */
#ifndef WORKFLOW_RUN_H
#define WORKFLOW_RUN_H

#include "workflow/run/enrolment.h"

/* Open work on the token, if there is any: then e->resumed, and e->plan is the work's. Errors:
 * ERR_USAGE of a plan that this version does not know. */
MUST_CHECK int run_resume(struct enrolment *e, struct err *err);

/* A fresh run's work: of this plan, on the token that was looked at, if any was. What the registry
 * knows of the holder, and asked does not say, is as it is known. */
MUST_CHECK int run_begin(
    struct enrolment *e, const struct plan *plan, const struct request *asked, struct err *err);

/* Work on a token that somebody holds: open all, look whether the token in the reader is the one
 * that was named (what: a holder, a token, a certificate; NULL: whatever is there), and prepare
 * e->work for the plan or go on with it. ticket: may be NULL. */
MUST_CHECK int run_on_held(struct enrolment *e, const char *what, const struct plan *plan,
    const char *ticket, struct err *err);

/* From here on both a fresh run (e->work filled, id 0) and a resumed one, of e->plan. */
MUST_CHECK int run_plan(struct enrolment *e, struct err *err);

#endif
