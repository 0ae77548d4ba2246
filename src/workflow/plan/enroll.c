/* SPDX-License-Identifier: BSD-2-Clause */
/* enroll, adopt: how a token gets its holder. */
#include <strings.h>

#include "workflow/run/run.h"

/* ---- enroll: from a token in any state to a proven login, or the rest of the way ---- */

/* Is the token active for this very holder? Then report->already: there is nothing to do. Errors:
 * ERR_OCCUPIED it is another one's. */
static int
enroll_already(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	const struct registry_row *row = &e->s.row;
	int rc;

	if (row->token.serial == 0)
		return 0;
	if (!row->work_open && !what->reset &&
	    (row->token.state == TOKEN_LOST || row->token.state == TOKEN_RETIRED))
		return err_set(err, ERR_OCCUPIED,
		    "token %u is %s; --reset resets it to factory defaults for the new holder",
		    row->token.serial, registry_token_state_name(row->token.state));
	if (row->token.state != TOKEN_ACTIVE)
		return 0;
	if (strcasecmp(row->holder.key, what->request.holder.key) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is active and belongs to %s (%s); see: ykenroll list",
		    row->token.serial, row->holder.name, row->holder.key);
	e->report->holder = row->holder;
	e->report->already = true;
	if ((rc = registry_token_cert(e->s.registry, row->token.serial, &e->cert, err)) != 0)
		return rc;
	enrolment_report_cert(e);
	return 0;
}

const struct request workflow_usual = {
    .profile = "client", .alg = KEY_P256, .pin_policy = PIN_ONCE, .touch_policy = TOUCH_NEVER};

/* Open work on the token: ours to continue, or somebody else's. */
static int
resume(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	const int rc = run_resume(e, err);

	if (rc != 0 || !e->resumed)
		return rc;
	if (e->plan->on || strcasecmp(e->work.asked.holder.key, what->request.holder.key) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has unfinished work (%s) for %s (%s); finish it with: ykenroll "
		    "recover --device %u",
		    e->work.asked.token, e->work.plan, e->work.asked.holder.name,
		    e->work.asked.holder.key, e->work.asked.token);
	return 0;
}

int
enroll_token(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	int rc;

	if ((rc = precheck_names(&what->request.holder, err)) != 0 ||
	    (e->s.token == NULL && (rc = enrolment_look(e, err)) != 0))
		return rc;
	if ((rc = enroll_already(e, what, err)) != 0 || e->report->already)
		return rc;
	if ((rc = resume(e, what, err)) != 0)
		return rc;
	if (!e->resumed) {
		if ((rc = run_begin(e, what->request.replaces != 0 ? &plan_reissue : &plan_enroll,
			 &what->request, err)) != 0)
			return rc;
		e->work.asked.flags |= what->reset ? WORK_RESET : 0;
	}
	e->additional = what->additional;
	e->pin_tries = what->pin_tries;
	e->puk_tries = what->puk_tries;
	return run_plan(e, err);
}

int
workflow_enroll(const struct desk *w, const struct workflow_enroll *what,
    struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;

	enrolment_init(&e, w, ret);
	return enroll_token(&e, what, err);
}

/* ---- adopt: a token that is in use and that other tools made ---- */

static int
check_row(const struct enrolment *e, struct err *err)
{
	const struct registry_row *row = &e->s.row;

	if (row->token.serial == 0 || row->token.state == TOKEN_NEW || e->resumed)
		return 0;
	return err_set(err, ERR_OCCUPIED, "token %u is already in the registry (%s, %s)",
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
		    "token %u has unfinished work (%s); finish it with: ykenroll recover --device "
		    "%u",
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
