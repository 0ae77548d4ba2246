/* SPDX-License-Identifier: BSD-2-Clause */
/* unblock: a new PIN by the PUK that the escrow has, and a new PUK in its place. */
#include <stdio.h>

#include "workflow/steps.h"

/* The PUK first: from then on it is one that is in flight, and a run that goes on after an
 * interruption needs nobody's key to set the PIN. */

static void
what_puk(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "set a new random PUK with the one from escrow, which is spent then");
}

static int
pin_done(struct enrolment *e, bool *ret, struct err *err)
{
	(void)err;
	*ret = held_recorded(e, "pin");
	return 0;
}

static void
what_pin(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(ret, size, "set the PIN that the holder chooses%s",
	    e->pin.tries_left == 0 ? " (it is blocked)" : "");
}

static int
step_set_pin(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = token_unblock_pin(e->s.token, e->puk_new, e->new_pin,
		 session_puk_flags(&e->s, &e->puk), err)) != 0 ||
	    (rc = token_verify_pin(e->s.token, e->new_pin, session_flags(&e->s), err)) != 0)
		return rc;
	e->s.pin_verified = true;
	return 0;
}

static void
what_close(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "record it, and retire the former PUK");
}

static int
step_close(struct enrolment *e, struct err *err)
{
	return registry_close(
	    e->s.registry, e->work.id, e->s.row.token.state, "new PIN and new PUK", err);
}

static const struct plan_step steps[] = {
    {"puk", what_puk, step_puk_escrow_done, step_puk_escrow, true, true, NULL},
    {"pin", what_pin, pin_done, step_set_pin, true, true, NULL},
    {"closed", what_close, NULL, step_close, false, false, NULL},
};

/* ---- before the first change ---- */

static int
puk_usable(const struct enrolment *e, struct err *err)
{
	const int rc = session_tries(&e->s, &e->puk, "PUK", err);

	if (rc == ERR_BLOCKED)
		err_hint(err,
		    "nothing sets its PIN any more. What is left is to make it as new: ykenroll retire "
		    "%u --reason superseded, then ykenroll enroll NAME --reset",
		    e->s.serial);
	if (rc == ERR_PIN)
		err_hint(err, "when it is wrong, all that is left is a reset");
	return rc;
}

static int
check(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = precheck_states(e, err)) != 0)
		return rc;
	if (!e->resumed && e->s.row.token.state != TOKEN_SUSPENDED &&
	    (rc = held_active(e, err)) != 0)
		return rc;
	return puk_usable(e, err);
}

static int
ask(struct enrolment *e, struct err *err)
{
	int rc;

	if (held_recorded(e, "pin"))
		return 0;
	if ((rc = enrolment_new_pin(e, err)) != 0)
		return rc;
	/* a work that is under way opens it when it is needed */
	return e->resumed ? 0 : steps_escrow(e, SECRET_PUK, e->current_puk, err);
}

const struct plan plan_unblock = {.name = "unblock",
    .steps = steps,
    .n = sizeof(steps) / sizeof(steps[0]),
    .secrets = 1u << SECRET_PUK,
    .on = true,
    .check = check,
    .ask = ask};

int
workflow_unblock(const struct workflow *w, const struct workflow_unblock *what,
    struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;
	int rc;

	enrolment_init(&e, w, ret);
	if ((rc = held_start(&e, what->what, &plan_unblock, err)) != 0)
		return rc;
	if (!e.resumed && (rc = enrolment_copy(e.work.ticket, what->ticket, "ticket", err)) != 0)
		return rc;
	return enrolment_run(&e, err);
}
