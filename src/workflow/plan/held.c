/* SPDX-License-Identifier: BSD-2-Clause */
/* held: work on a token that somebody holds, and what is left of any. */
#include <stdio.h>

#include "workflow/run/run.h"

/* ---- unblock: a new PIN by the PUK that the escrow has, and a new PUK in its place ---- */

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

/* ---- retire: the end of a token's life with its holder ---- */

static int
is_wiped(struct enrolment *e, bool *ret, struct err *err)
{
	char lost[SLOT_LOST_MAX];
	int rc;

	if ((rc = precheck_states(e, err)) != 0 || (rc = slot_lost(e->s.token, lost, err)) != 0)
		return rc;
	*ret =
	    lost[0] == '\0' && e->mgm.known && e->mgm.factory && e->pin.factory && e->puk.factory;
	return 0;
}

static int
retire(struct enrolment *e, const struct workflow_retire *what, struct err *err)
{
	bool wiped = false;
	int rc;

	if ((rc = run_on_held(e, what->what, &plan_retire, what->ticket, err)) != 0) {
		if (rc == ERR_NO_TOKEN)
			err_hint(err, "for a token that is not here, use --absent");
		return rc;
	}
	if (e->resumed)
		return run_plan(e, err);
	if (e->s.row.token.state == TOKEN_RETIRED && (rc = is_wiped(e, &wiped, err)) != 0)
		return rc;
	if (wiped) {
		e->report->already = true;
		return 0;
	}
	snprintf(e->work.asked.why, sizeof(e->work.asked.why), "%s",
	    workflow_reason_name((int)what->reason));
	return run_plan(e, err);
}

/* Nothing can be wiped; what it has in the escrow stays, for the day when it is found. */
static int
retire_absent(const struct desk *w, const struct workflow_retire *what, struct workflow_report *ret,
    struct err *err)
{
	const struct workflow_revoke how = {.how = TAKE_REVOKE,
	    .what = what->what,
	    .reason = what->reason,
	    .ticket = what->ticket,
	    .token_state = "retired"};
	struct workflow_revoked done = {0};
	const int rc = workflow_revoke(w, &how, &done, err);

	if (rc != 0)
		return rc;
	ret->already = done.already;
	if (done.n > 0) {
		ret->token.serial = done.certs[0].token.serial;
		ret->holder = done.certs[0].holder;
	}
	return 0;
}

int
workflow_retire(const struct desk *w, const struct workflow_retire *what,
    struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;
	int64_t holder;
	int rc;

	enrolment_init(&e, w, ret);
	if (!what->absent)
		return retire(&e, what, err);
	if (what->what == NULL)
		return err_set(err, ERR_USAGE, "which token? Name it, since it is not in a reader");
	if ((rc = session_registry(&e.s, err)) != 0 ||
	    (rc = session_find(&e.s, what->what, &ret->token.serial, &holder, err)) != 0)
		return rc;
	return retire_absent(w, what, ret, err);
}

/* ---- recover: the rest of what was interrupted, or its end ---- */

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
