/* SPDX-License-Identifier: BSD-2-Clause */
/* held: how work on a token that somebody holds begins, and what it takes from the escrow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workflow/steps.h"
#include "ykenroll/registry_look.h"
#include "ykenroll/workflow_escrow.h"

/* ---- which token ---- */

static int
one_token_of(struct enrolment *e, int64_t holder, struct err *err)
{
	struct registry_token *list = NULL;
	size_t n = 0;
	const int rc = registry_tokens_of(e->s.registry, holder, &list, &n, err);

	if (rc == 0 && n == 1 && e->s.choice.serial == 0 && e->s.choice.reader == NULL)
		e->s.choice.serial = list[0].serial;
	free(list);
	return rc;
}

/* What was said names a token or a holder; the reader must have that one. */
static int
choose(struct enrolment *e, const char *what, int64_t *ret_holder, struct err *err)
{
	uint32_t token = 0;
	int rc;

	*ret_holder = 0;
	if (what == NULL)
		return 0;
	if ((rc = session_find(&e->s, what, &token, ret_holder, err)) != 0)
		return rc;
	if (token == 0)
		return one_token_of(e, *ret_holder, err);
	if (e->s.choice.serial != 0 && e->s.choice.serial != token)
		return err_set(err, ERR_USAGE, "%s and --device %u are not the same token", what,
		    e->s.choice.serial);
	e->s.choice.serial = token;
	return 0;
}

/* ---- the start ---- */

static int
check_row(const struct enrolment *e, int64_t holder, struct err *err)
{
	const struct registry_row *row = &e->s.row;

	if (row->token.serial == 0)
		return err_set(err, ERR_USAGE,
		    "token %u is not in the registry; take it in with ykenroll enroll, or with "
		    "ykenroll adopt when it is in use",
		    e->s.serial);
	if (row->holder.id == 0)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is %s and nobody holds it: there is nothing to do", row->token.serial,
		    registry_token_state_name(row->token.state));
	if (holder != 0 && holder != row->holder.id)
		return err_set(err, ERR_AMBIGUOUS,
		    "the token in the reader, %u, is of %s (%s), not of whom you named",
		    row->token.serial, row->holder.name, row->holder.key);
	return 0;
}

int
held_start(struct enrolment *e, const char *what, const struct plan *plan, struct err *err)
{
	int64_t holder;
	int rc;

	if ((rc = session_registry(&e->s, err)) != 0 || (rc = choose(e, what, &holder, err)) != 0 ||
	    (rc = enrolment_look(e, err)) != 0 || (rc = check_row(e, holder, err)) != 0 ||
	    (rc = enrolment_resume(e, err)) != 0)
		return rc;
	if (e->resumed && e->plan != plan)
		return err_set(err, ERR_OCCUPIED,
		    "other work on token %u (%s) is not finished; finish it with: ykenroll recover "
		    "--device %u",
		    e->work.serial, e->work.plan, e->work.serial);
	e->plan = plan;
	if (e->resumed)
		return 0;
	snprintf(e->work.plan, sizeof(e->work.plan), "%s", plan->name);
	e->work.serial = e->s.row.token.serial;
	e->work.holder = e->s.row.holder;
	return 0;
}

int
held_active(const struct enrolment *e, struct err *err)
{
	const struct registry_token *t = &e->s.row.token;

	if (t->state == TOKEN_ACTIVE)
		return 0;
	return err_set(err, ERR_OCCUPIED, "token %u is %s%s", t->serial,
	    registry_token_state_name(t->state),
	    t->state == TOKEN_SUSPENDED ? "; first: ykenroll resume"
					: ", not active: there is nothing to renew or unblock");
}

bool
held_recorded(const struct enrolment *e, const char *step)
{
	return e->resumed && registry_step_done(e->s.registry, e->work.id, step);
}

/* ---- the holder's PIN ---- */

int
held_pin(struct enrolment *e, struct err *err)
{
	if (e->pin.tries_left == 0)
		return err_set(err, ERR_BLOCKED,
		    "the PIN of token %u is blocked; first: ykenroll unblock", e->s.serial);
	return session_pin(&e->s, WORKFLOW_HOLDER_PIN, e->new_pin, err);
}

/* ---- the escrow ---- */

int
steps_escrow(
    struct enrolment *e, enum registry_secret_kind kind, struct secret *ret, struct err *err)
{
	return steps_escrow_version(e, kind, 0, ret, err);
}

int
steps_escrow_version(struct enrolment *e, enum registry_secret_kind kind, unsigned version,
    struct secret *ret, struct err *err)
{
	char why[REGISTRY_TEXT_MAX + 96];
	const struct registry_escrow_open what = {
	    .token = e->s.serial, .kind = kind, .version = version, .why = why};
	int rc;

	snprintf(why, sizeof(why), "%s%s%s%s%s", e->work.plan, e->work.why[0] == '\0' ? "" : " ",
	    e->work.why, e->work.ticket[0] == '\0' ? "" : ", ticket ", e->work.ticket);
	/* its passphrase is asked for once in a run */
	if (e->s.escrow == NULL &&
	    (rc = workflow_escrow_unlock(e->s.w, e->s.registry, &e->s.escrow, err)) != 0)
		return rc;
	rc = registry_escrow_open(e->s.registry, e->s.escrow, &what, ret, NULL, err);
	return rc != ERR_ABSENT ? rc
				: err_set(err, ERR_INTERNAL, "the escrow has no %s of token %u",
				      registry_secret_kind_name(kind), what.token);
}
