/* SPDX-License-Identifier: BSD-2-Clause */
/* renew: a new certificate on a token that stays with its holder: it ends soon, or the holder has
 * another name. The old one is good until the new one is proved. */
#include <stdio.h>
#include <string.h>

#include "workflow/steps.h"
#include "ykenroll/registry_escrow.h"

static bool
new_key(const struct enrolment *e)
{
	return (e->work.flags & WORK_NEW_KEY) != 0;
}

static bool
same_key(const struct enrolment *e)
{
	return !new_key(e);
}

static bool
wants_puk(const struct enrolment *e)
{
	return (e->work.flags & WORK_PUK) != 0;
}

static void
what_puk(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "set a new random PUK, since the one from escrow was used elsewhere");
}

static void
what_superseded(const struct enrolment *e, char *ret, size_t size)
{
	const struct workflow_why *why = workflow_why(e->work.why);

	snprintf(ret, size, "revoke the certificate that was there (%s)",
	    workflow_reason_name(why == NULL ? REASON_SUPERSEDED : (int)why->reason));
}

static int
step_superseded(struct enrolment *e, struct err *err)
{
	const struct workflow_why *why = workflow_why(e->work.why);

	return steps_end_certs(
	    e, e->work.serial, why == NULL ? REASON_SUPERSEDED : why->reason, TOKEN_NEW, err);
}

static const struct plan_step steps[] = {
    {"management-key", steps_what_mgmkey, step_mgmkey_done, step_mgmkey_escrow, true, true, NULL},
    {"puk", what_puk, step_puk_escrow_done, step_puk_escrow, true, true, wants_puk},
    {"key", steps_what_key, step_key_done, step_key, true, true, new_key},
    {"same-key", steps_what_same_key, NULL, step_same_key, false, false, same_key},
    {"identity", steps_what_identity, step_identity_done, step_identity, false, true, NULL},
    {"attestation", steps_what_attest, step_issue_done, step_attest, false, false, NULL},
    {"request", steps_what_request, step_issue_done, step_request, false, false, NULL},
    {"certificate", steps_what_issue, step_issue_done, step_issue, true, false, NULL},
    {"import", steps_what_import, NULL, step_import, false, true, NULL},
    {"proof", steps_what_prove, NULL, step_prove, false, false, NULL},
    {"superseded", what_superseded, NULL, step_superseded, true, true, NULL},
    {"active", steps_what_activate, NULL, step_activate, false, false, NULL},
};

/* ---- before the first change ---- */

/* The new certificate is for a key of the same kind and policy, unless another one is wanted. */
static int
fill_key(struct enrolment *e, struct err *err)
{
	CLEAN(slot_wipe) struct slot slot = {0};
	int rc;

	if ((rc = slot_look(e->s.token, ENROL_SLOT, true, &slot, err)) != 0)
		return rc;
	if (!slot.key_known || !slot.attested)
		return err_set(err, ERR_ATTEST,
		    "slot 9A of token %u has no key that the token would attest: it was changed "
		    "outside of this program; compare with: ykenroll check",
		    e->s.serial);
	e->slot_used = true;
	if (new_key(e) && e->work.key_alg != KEY_NONE)
		return 0;
	e->work.key_alg = (uint8_t)slot.key.alg;
	e->work.pin_policy = slot.key.pin_policy;
	e->work.touch_policy = slot.key.touch_policy;
	return 0;
}

static int
check(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = precheck_states(e, err)) != 0 || (rc = precheck_contents(e, err)) != 0)
		return rc;
	if (e->resumed)
		return 0;
	if ((rc = held_active(e, err)) != 0)
		return rc;
	/* a contact is when that can be done; it is not what the holder came for, so no try is
	 * risked */
	if (registry_secret_spent(e->s.registry, e->work.serial, SECRET_PUK) &&
	    (e->puk.tries_left < 0 || e->puk.tries_left >= 3))
		e->work.flags |= WORK_PUK;
	return fill_key(e, err);
}

static int
ask(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = held_pin(e, err)) != 0 || e->resumed)
		return rc;
	/* known to be right before anything is written down; it has no counter */
	return steps_mgmkey_open(e, err);
}

const struct plan plan_renew = {.name = "renew",
    .steps = steps,
    .n = sizeof(steps) / sizeof(steps[0]),
    .secrets = 1u << SECRET_MGMKEY,
    .on = true,
    .ca = true,
    .check = check,
    .ask = ask};

static int
fill(struct enrolment *e, const struct workflow_reissue *what, struct err *err)
{
	struct registry_work *work = &e->work;
	int rc;

	snprintf(work->profile, sizeof(work->profile), "%s", what->profile);
	snprintf(work->why, sizeof(work->why), "%s", what->why->name);
	work->days = what->days;
	work->key_alg = (uint8_t)what->alg;
	work->pin_policy = what->pin_policy;
	work->touch_policy = what->touch_policy;
	work->flags = what->new_key ? WORK_NEW_KEY : 0;
	if ((rc = enrolment_copy(work->ticket, what->ticket, "ticket", err)) != 0)
		return rc;
	if (what->name != NULL &&
	    (rc = enrolment_copy(work->holder.name, what->name, "name", err)) != 0)
		return rc;
	return what->email == NULL
		   ? 0
		   : enrolment_copy(work->holder.email, what->email, "e-mail address", err);
}

static int
check_name(const struct enrolment *e, struct err *err)
{
	const struct registry_holder *h = &e->work.holder;
	const struct workflow_enroll named = {
	    .name = h->name, .key = h->key, .email = h->email[0] != '\0' ? h->email : NULL};

	return precheck_names(&named, err);
}

int
renew_token(struct enrolment *e, const struct workflow_reissue *what, struct err *err)
{
	int rc;

	if ((rc = held_start(e, what->what, &plan_renew, err)) != 0)
		return rc;
	if (e->resumed && strcmp(e->work.why, what->why->name) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "a reissue of token %u (%s) is not finished; finish it with: ykenroll recover "
		    "--device %u",
		    e->work.serial, e->work.why, e->work.serial);
	if (!e->resumed && ((rc = fill(e, what, err)) != 0 || (rc = check_name(e, err)) != 0))
		return rc;
	return enrolment_run(e, err);
}
