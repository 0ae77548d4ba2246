/* SPDX-License-Identifier: BSD-2-Clause */
/* unblock: a new PIN by the PUK that the escrow has, and a new PUK in its place. */

#include "workflow/run/run.h"
#include "workflow/step/steps.h"

int
workflow_unblock(const struct desk *w, const struct workflow_unblock *what,
    struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;
	int rc;

	enrolment_init(&e, w, ret);
	if ((rc = run_on_held(&e, what->what, &plan_unblock, what->ticket, err)) != 0)
		return rc;
	return run_plan(&e, err);
}
