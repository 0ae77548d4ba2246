/* SPDX-License-Identifier: BSD-2-Clause */
/* steps_reset: a token that had another life is made as new, after it was said what that destroys.
 */
#include <stdio.h>

#include "base/utc.h"
#include "workflow/steps.h"

static bool
is_done(const struct enrolment *e)
{
	return e->resumed && registry_step_done(e->registry, e->work.id, "reset");
}

static int
take_live(void *ctx, const struct registry_cert *c)
{
	(void)ctx;
	return c->state == CERT_REVOKED && c->reason != REASON_HOLD ? 0 : 1;
}

/* What is reset can prove nothing any more, but its certificate stays good for whoever has a copy
 * of the key, and for the books. */
static int
check_certs(struct enrolment *e, struct err *err)
{
	const struct registry_which which = {.token = e->report->token.serial, .after = utc_now()};
	int rc;

	if (e->row.token.serial == 0)
		return 0;
	rc = registry_certs(e->registry, &which, take_live, NULL, err);
	if (rc != 1)
		return rc;
	return err_set(err, ERR_OCCUPIED,
	    "token %u has a certificate of %s that is not revoked; first: ykenroll retire %u",
	    which.token, e->row.holder.id != 0 ? e->row.holder.name : "somebody", which.token);
}

int
steps_reset_check(struct enrolment *e, struct err *err)
{
	struct verb v = {.w = e->w, .token = e->token};
	const enum registry_token_state state = e->row.token.state;
	int rc;

	if (is_done(e))
		return 0;
	if (e->resumed)
		return verb_lost(&v, e->lost, err);
	if (e->row.token.serial != 0 && state != TOKEN_NEW && state != TOKEN_LOST &&
	    state != TOKEN_RETIRED)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is %s for %s (%s); first: ykenroll retire %u", e->row.token.serial,
		    registry_token_state_name(state), e->row.holder.name, e->row.holder.key,
		    e->row.token.serial);
	if ((rc = check_certs(e, err)) != 0)
		return rc;
	return verb_lost(&v, e->lost, err);
}

int
steps_reset_ask(struct enrolment *e, struct err *err)
{
	char question[VERB_LOST_MAX + 256];
	int rc;

	if (e->resumed)
		return 0;
	if (e->w->ui.confirm == NULL)
		return err_set(err, ERR_PERSON, "nobody can be asked");
	snprintf(question, sizeof(question),
	    "The PIV application of token %u becomes as new. Lost for ever:%s. Do it?",
	    e->report->token.serial,
	    e->lost[0] != '\0' ? e->lost : " nothing but PIN, PUK and objects");
	if ((rc = e->w->ui.confirm(e->w->ui.ctx, question, err)) != 0)
		return rc;
	return e->row.token.serial == 0 || e->row.token.state == TOKEN_NEW
		   ? 0
		   : registry_recycle(e->registry, e->row.token.serial,
			 e->lost[0] != '\0' ? e->lost : " nothing", err);
}

int
step_reset_done(struct enrolment *e, bool *ret, struct err *err)
{
	(void)err;
	*ret = is_done(e);
	return 0;
}

int
step_reset(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = token_reset(e->token, err)) != 0)
		return rc;
	/* a step that went before the reset has to be done again */
	e->slot_used = e->cert_used = e->admin_used = false;
	e->authenticated = e->pin_verified = false;
	if ((rc = precheck_states(e, err)) != 0 || !e->puk.known || !e->puk.factory)
		return rc;
	return registry_step(e->registry, e->work.id, STEP_PUK_FACTORY, NULL, err);
}
