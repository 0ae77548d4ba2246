/* SPDX-License-Identifier: BSD-2-Clause */
/* adopt: a token that is in use and that other tools made. */
#include <strings.h>

#include "workflow/run/run.h"
#include "workflow/step/steps.h"

static int
check_row(const struct enrolment *e, struct err *err)
{
	const struct registry_row *row = &e->s.row;

	if (row->token.serial == 0 || row->token.state == TOKEN_NEW || e->resumed)
		return 0;
	return err_set(err, ERR_OCCUPIED, "token %u is in the registry already (%s, %s)",
	    row->token.serial, registry_token_state_name(row->token.state),
	    row->holder.id == 0 ? "no holder" : row->holder.key);
}

static int
adopt(struct enrolment *e, const struct workflow_adopt *what, struct err *err)
{
	int rc;

	if ((rc = precheck_names(&what->enroll.request.holder, err)) != 0 ||
	    (rc = enrolment_look(e, err)) != 0 ||
	    (rc = enroll_already(e, &what->enroll, err)) != 0 || e->report->already)
		return rc;
	if ((rc = run_resume(e, err)) != 0 || (rc = check_row(e, err)) != 0)
		return rc;
	if (e->resumed && (e->plan != &plan_adopt || strcasecmp(e->work.asked.holder.key,
							 what->enroll.request.holder.key) != 0))
		return err_set(err, ERR_OCCUPIED,
		    "work on token %u (%s) is not finished; finish it with: ykenroll recover --device %u",
		    e->work.asked.token, e->work.plan, e->work.asked.token);
	e->additional = what->enroll.additional;
	if (!e->resumed) {
		if ((rc = run_begin(e, &plan_adopt, &what->enroll.request, err)) != 0)
			return rc;
		e->work.asked.flags = what->new_key ? WORK_NEW_KEY : 0;
	}
	return run_plan(e, err);
}

int
workflow_adopt(const struct desk *w, const struct workflow_adopt *what, struct workflow_report *ret,
    struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;

	enrolment_init(&e, w, ret);
	return adopt(&e, what, err);
}
