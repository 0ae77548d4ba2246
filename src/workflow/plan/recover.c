/* SPDX-License-Identifier: BSD-2-Clause */
/* recover: the rest of what was interrupted, or its end. */
#include "workflow/run/run.h"
#include "workflow/step/steps.h"

static int
give_up(struct enrolment *e, struct err *err)
{
	int rc;

	if (e->work.has_cert && (rc = session_signer(&e->s, err)) != 0)
		return rc;
	if ((rc = steps_abandon_cert(e, err)) != 0)
		return rc;
	return registry_give_up(e->s.registry, e->work.id, "given up by the operator", err);
}

int
workflow_recover(const struct desk *w, bool give, struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;
	int rc;

	enrolment_init(&e, w, ret);
	if ((rc = enrolment_look(&e, err)) != 0)
		return rc;
	rc = run_resume(&e, err);
	if (e.resumed && give)
		return give_up(&e, err);
	if (rc != 0)
		return rc;
	if (!e.resumed) {
		ret->already = true;
		return 0;
	}
	return run_plan(&e, err);
}
