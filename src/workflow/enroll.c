/* SPDX-License-Identifier: BSD-2-Clause */
/* enroll: from a token in any state to a proven login, or the rest of the way after an
 * interruption. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workflow/steps.h"

/* ---- the table ---- */

static void
what_retries(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(ret, size, "allow %u PIN and %u PUK tries (resets both to the factory's)",
	    e->pin_tries, e->puk_tries);
}

static bool
wants_first(const struct enrolment *e)
{
	const struct workflow_why *why = workflow_why(e->work.why);

	return e->work.replaces != 0 && why != NULL && why->first;
}

static bool
wants_after(const struct enrolment *e)
{
	return e->work.replaces != 0 && !wants_first(e);
}

static bool
wants_reset(const struct enrolment *e)
{
	return (e->work.flags & WORK_RESET) != 0;
}

static bool
wants_retries(const struct enrolment *e)
{
	return e->pin_tries != 0 && !e->resumed;
}

/* Management key first, since probing it costs nothing; the PUK before the PIN, since it can set
 * the PIN again. */
static const struct plan_step steps[] = {
    {"ended", steps_what_replaced, NULL, step_replaced, true, true, wants_first},
    {"reset", steps_what_reset, step_reset_done, step_reset, true, true, wants_reset},
    {"retries", what_retries, NULL, step_retries, true, true, wants_retries},
    {"management-key", steps_what_mgmkey, step_mgmkey_done, step_mgmkey, true, true, NULL},
    {"puk", steps_what_puk, step_puk_done, step_puk, true, true, NULL},
    {"pin", steps_what_pin, NULL, step_pin, true, true, NULL},
    {"key", steps_what_key, step_key_done, step_key, true, true, NULL},
    {"identity", steps_what_identity, step_identity_done, step_identity, false, true, NULL},
    {"attestation", steps_what_attest, step_issue_done, step_attest, false, false, NULL},
    {"request", steps_what_request, step_issue_done, step_request, false, false, NULL},
    {"certificate", steps_what_issue, step_issue_done, step_issue, true, false, NULL},
    {"import", steps_what_import, NULL, step_import, false, true, NULL},
    {"proof", steps_what_prove, NULL, step_prove, false, false, NULL},
    {"replaced", steps_what_replaced, NULL, step_replaced, true, true, wants_after},
    {"active", steps_what_activate, NULL, step_activate, false, false, NULL},
};

/* ---- one run ---- */

static int
former_secrets(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = session_ask(&e->s, WORKFLOW_CURRENT_MGMKEY, e->current_mgmkey, err)) != 0 ||
	    (rc = session_ask(&e->s, WORKFLOW_CURRENT_PUK, e->current_puk, err)) != 0)
		return rc;
	return session_ask(&e->s, WORKFLOW_CURRENT_PIN, e->current_pin, err);
}

static int
check(struct enrolment *e, struct err *err)
{
	const int rc = former_secrets(e, err);

	return rc != 0 ? rc : precheck_token(e, err);
}

static int
ask(struct enrolment *e, struct err *err)
{
	int rc;

	if ((e->work.flags & WORK_RESET) != 0 && (rc = steps_reset_ask(e, err)) != 0)
		return rc;
	return enrolment_new_pin(e, err);
}

#define ENROLS                                                 \
	.steps = steps, .n = sizeof(steps) / sizeof(steps[0]), \
	.secrets = 1u << SECRET_MGMKEY | 1u << SECRET_PUK, .ca = true, .check = check, .ask = ask

const struct plan plan_enroll = {.name = "enroll", ENROLS};
/* the same, in place of another token */
const struct plan plan_reissue = {.name = "reissue", ENROLS};

int
enroll_already(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	const struct registry_row *row = &e->s.row;
	int rc;

	if (row->token.serial == 0)
		return 0;
	if (!row->work_open && !what->reset &&
	    (row->token.state == TOKEN_LOST || row->token.state == TOKEN_RETIRED))
		return err_set(err, ERR_OCCUPIED,
		    "token %u is %s; --reset makes it as new, for whomever you name",
		    row->token.serial, registry_token_state_name(row->token.state));
	if (row->token.state != TOKEN_ACTIVE)
		return 0;
	if (strcasecmp(row->holder.key, what->key) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is active and belongs to %s (%s); look with: ykenroll list",
		    row->token.serial, row->holder.name, row->holder.key);
	e->report->holder = row->holder;
	e->report->already = true;
	if ((rc = registry_token_cert(e->s.registry, row->token.serial, &e->cert, err)) != 0)
		return rc;
	enrolment_report_cert(e);
	return 0;
}

int
enroll_fill(struct registry_work *work, const struct workflow_enroll *what, uint32_t serial,
    struct err *err)
{
	struct registry_holder *h = &work->holder;
	int rc;

	snprintf(work->plan, sizeof(work->plan), "%s", what->replaces != 0 ? "reissue" : "enroll");
	snprintf(work->why, sizeof(work->why), "%s", what->why == NULL ? "" : what->why);
	work->replaces = what->replaces;
	work->hours = what->hours;
	work->flags = what->reset ? WORK_RESET : 0;
	snprintf(work->profile, sizeof(work->profile), "%s", what->profile);
	work->serial = serial;
	work->key_alg = (uint8_t)what->alg;
	work->pin_policy = what->pin_policy;
	work->touch_policy = what->touch_policy;
	work->days = what->days;
	if ((rc = enrolment_copy(h->key, what->key, "holder's key", err)) != 0 ||
	    (rc = enrolment_copy(h->name, what->name, "name", err)) != 0 ||
	    (rc = enrolment_copy(h->email, what->email, "e-mail address", err)) != 0)
		return rc;
	if ((rc = enrolment_copy(work->ticket, what->ticket, "ticket", err)) != 0)
		return rc;
	if ((rc = enrolment_copy(h->sid, what->sid, "SID", err)) != 0)
		return rc;
	return enrolment_copy(h->upn, what->upn, "UPN", err);
}

/* Open work on the token: ours to continue, or somebody else's. */
static int
resume(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	const int rc = enrolment_resume(e, err);

	if (rc != 0 || !e->resumed)
		return rc;
	if (e->plan->on || strcasecmp(e->work.holder.key, what->key) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "work on token %u (%s) for %s (%s) is not finished; finish it with: "
		    "ykenroll recover --device %u",
		    e->work.serial, e->work.plan, e->work.holder.name, e->work.holder.key,
		    e->work.serial);
	return 0;
}

int
enroll_token(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	int rc;

	if ((rc = precheck_names(what, err)) != 0 ||
	    (e->s.token == NULL && (rc = enrolment_look(e, err)) != 0))
		return rc;
	if ((rc = enroll_already(e, what, err)) != 0 || e->report->already)
		return rc;
	if ((rc = resume(e, what, err)) != 0)
		return rc;
	if (!e->resumed && (rc = enroll_fill(&e->work, what, e->s.serial, err)) != 0)
		return rc;
	if (!e->resumed)
		e->plan = plan_find(e->work.plan);
	e->additional = what->additional;
	e->pin_tries = what->pin_tries;
	e->puk_tries = what->puk_tries;
	return enrolment_run(e, err);
}

int
workflow_enroll(const struct workflow *w, const struct workflow_enroll *what,
    struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;

	enrolment_init(&e, w, ret);
	return enroll_token(&e, what, err);
}
