/* SPDX-License-Identifier: BSD-2-Clause */
/* steps_reset: a token that had another life is made as new, after it was said what that destroys.
 */
#include <stdio.h>

#include "base/utc.h"
#include "workflow/step/steps.h"

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
	const struct registry_which which = {.token = e->s.serial, .after = utc_now()};
	int rc;

	if (e->s.row.token.serial == 0)
		return 0;
	rc = registry_certs(e->s.registry, &which, take_live, NULL, err);
	if (rc != 1)
		return rc;
	return err_set(err, ERR_OCCUPIED,
	    "token %u has a certificate of %s that is not revoked; first: ykenroll retire %u",
	    which.token, e->s.row.holder.id != 0 ? e->s.row.holder.name : "somebody", which.token);
}

int
steps_reset_check(struct enrolment *e, struct err *err)
{
	const enum registry_token_state state = e->s.row.token.state;
	int rc;

	if (enrolment_recorded(e, "reset"))
		return 0;
	if (e->resumed)
		return slot_lost(e->s.token, e->lost, err);
	if (e->s.row.token.serial != 0 && state != TOKEN_NEW && state != TOKEN_LOST &&
	    state != TOKEN_RETIRED)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is %s for %s (%s); first: ykenroll retire %u", e->s.row.token.serial,
		    registry_token_state_name(state), e->s.row.holder.name, e->s.row.holder.key,
		    e->s.row.token.serial);
	if ((rc = check_certs(e, err)) != 0)
		return rc;
	return slot_lost(e->s.token, e->lost, err);
}

int
steps_reset_ask(struct enrolment *e, struct err *err)
{
	char question[SLOT_LOST_MAX + 256];
	int rc;

	if (e->resumed)
		return 0;
	snprintf(question, sizeof(question),
	    "The PIV application of token %u becomes as new. Lost for ever:%s. Do it?", e->s.serial,
	    e->lost[0] != '\0' ? e->lost : " nothing but PIN, PUK and objects");
	if ((rc = session_confirm(&e->s, question, err)) != 0)
		return rc;
	return e->s.row.token.serial == 0 || e->s.row.token.state == TOKEN_NEW
		   ? 0
		   : registry_recycle(e->s.registry, e->s.row.token.serial,
			 e->lost[0] != '\0' ? e->lost : " nothing", err);
}

int
step_reset(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = token_reset(e->s.token, err)) != 0)
		return rc;
	/* a step that went before the reset has to be done again */
	e->slot_used = e->cert_used = e->admin_used = false;
	e->s.authenticated = e->s.pin_verified = false;
	if ((rc = precheck_states(e, err)) != 0 || !e->puk.known || !e->puk.factory)
		return rc;
	return registry_step(e->s.registry, e->work.id, STEP_PUK_FACTORY, NULL, err);
}
