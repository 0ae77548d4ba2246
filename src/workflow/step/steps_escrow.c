/* SPDX-License-Identifier: BSD-2-Clause */
/* steps_escrow: the steps that use a secret of the token from the escrow, and replace it. */
#include <stdio.h>
#include <string.h>

#include "workflow/run/run.h"

#define VERSIONS_MAX 4

/* ---- opening ---- */

int
steps_escrow_unlock(struct enrolment *e, struct err *err)
{
	if (e->s.escrow != NULL)
		return 0;
	return workflow_escrow_unlock(e->s.w, e->s.registry, &e->s.escrow, err);
}

int
steps_escrow(struct enrolment *e, enum registry_secret_kind kind, unsigned version,
    struct secret *ret, struct err *err)
{
	char why[ENROL_PURPOSE_MAX];
	const struct registry_escrow_open what = {
	    .token = e->s.serial, .kind = kind, .version = version, .why = why};
	int rc;

	enrolment_purpose(e, why);
	if ((rc = steps_escrow_unlock(e, err)) != 0)
		return rc;
	rc = registry_escrow_open(e->s.registry, e->s.escrow, &what, ret, NULL, err);
	return rc != ERR_ABSENT ? rc
				: err_set(err, ERR_INTERNAL, "the escrow has no %s of token %u",
				      registry_secret_kind_name(kind), what.token);
}

/* ---- management key: asking costs nothing ---- */

struct versions {
	unsigned list[VERSIONS_MAX]; /* newest first */
	size_t n;
};

static int
take_version(void *ctx, const struct registry_secret *s)
{
	struct versions *v = ctx;

	if (s->kind != SECRET_MGMKEY || s->state != SECRET_OLD)
		return 0;
	memmove(&v->list[1], v->list, sizeof(v->list) - sizeof(v->list[0]));
	v->list[0] = s->version;
	v->n += v->n < VERSIONS_MAX;
	return 0;
}

/* Work that was given up may have set one that the registry does not call current. */
static int
try_older(struct enrolment *e, struct err *err)
{
	struct versions v = {.n = 0};
	size_t i;
	int rc;

	if ((rc = registry_secrets(e->s.registry, e->s.serial, take_version, &v, err)) < 0)
		return rc;
	for (i = 0; i < v.n; i++) {
		if ((rc = steps_escrow(e, SECRET_MGMKEY, v.list[i], e->current_mgmkey, err)) != 0)
			return rc;
		if ((rc = session_authenticate(&e->s, e->current_mgmkey, err)) != ERR_MGMKEY)
			return rc;
	}
	return err_set(err, ERR_MGMKEY,
	    "the management key of token %u is none of those in escrow: it was changed outside of "
	    "this program; reset the token: ykenroll retire %u, then ykenroll enroll NAME --reset",
	    e->s.serial, e->s.serial);
}

int
steps_mgmkey_open(struct enrolment *e, struct err *err)
{
	int rc;

	if (e->current_mgmkey->len == 0 &&
	    (rc = steps_escrow(e, SECRET_MGMKEY, 0, e->current_mgmkey, err)) != 0)
		return rc;
	if ((rc = session_authenticate(&e->s, e->current_mgmkey, err)) == ERR_MGMKEY)
		rc = try_older(e, err);
	return rc;
}

int
step_mgmkey_escrow(struct enrolment *e, struct err *err)
{
	int rc;

	if (!enrolment_recorded(e, "management-key") && !e->s.authenticated &&
	    (rc = steps_mgmkey_open(e, err)) != 0)
		return rc;
	return step_mgmkey(e, err);
}

/* ---- PUK: each wrong one costs a try ---- */

/* Send old, to be replaced by the one in flight. *ret: it was the right one. */
static int
send_puk(struct enrolment *e, const struct secret *old, bool *ret, struct err *err)
{
	int rc =
	    token_change_puk(e->s.token, old, e->puk_new, session_puk_flags(&e->s, &e->puk), err);

	if ((rc = err_answer(rc, ERR_PIN, ret, err)) != 0 || *ret)
		return rc;
	return token_puk_state(e->s.token, &e->puk, err);
}

static int
refused(const struct enrolment *e, struct err *err)
{
	const int rc = err_set(err, ERR_PIN,
	    "the PUK in escrow is not the one of token %u: it was changed outside of this "
	    "program, and is sent again only with --last-try; close this work with: ykenroll "
	    "recover --device %u --give-up",
	    e->work.asked.token, e->work.asked.token);

	if (err != NULL)
		err->tries = e->puk.tries_left;
	return rc;
}

/* The old one from escrow. Recorded before it is sent: where the answer gets lost, the next run
 * does not know which one the token has. */
static int
send_old(struct enrolment *e, bool *ret, struct err *err)
{
	int rc;

	if (enrolment_recorded(e, STEP_PUK_REFUSED) && !e->s.w->last_try)
		return refused(e, err);
	if (e->current_puk->len == 0 &&
	    (rc = steps_escrow(e, SECRET_PUK, 0, e->current_puk, err)) != 0)
		return rc;
	if ((rc = registry_step(e->s.registry, e->work.id, STEP_PUK_SENDING, NULL, err)) != 0)
		return rc;
	return send_puk(e, e->current_puk, ret, err);
}

/* Is the one in flight on the token already? One try, where three or more are left (or, the second
 * time, two). */
static int
send_new(struct enrolment *e, int least, bool *ret, struct err *err)
{
	*ret = false;
	if (e->puk.tries_left >= 0 ? e->puk.tries_left < least : !e->s.w->last_try)
		return 0;
	return send_puk(e, e->puk_new, ret, err);
}

int
step_puk_escrow(struct enrolment *e, struct err *err)
{
	const bool doubt = enrolment_recorded(e, STEP_PUK_SENDING);
	const bool was_old = enrolment_recorded(e, STEP_PUK_OLD);
	bool right = false;
	int rc;

	if (doubt && !was_old && ((rc = send_new(e, 3, &right, err)) != 0 || right))
		return rc;
	if (doubt && !was_old &&
	    (rc = registry_step(e->s.registry, e->work.id, STEP_PUK_OLD, NULL, err)) != 0)
		return rc;
	if ((rc = send_old(e, &right, err)) != 0 || right)
		return rc;
	if (doubt && was_old && ((rc = send_new(e, 2, &right, err)) != 0 || right))
		return rc;
	if ((rc = registry_step(e->s.registry, e->work.id, STEP_PUK_REFUSED, NULL, err)) != 0)
		return rc;
	return refused(e, err);
}

/* ---- the key that is there ---- */

int
step_same_key(struct enrolment *e, struct err *err)
{
	CLEAN(slot_wipe) struct slot slot = {0};
	int rc;

	if ((rc = slot_look(e->s.token, ENROL_SLOT, false, &slot, err)) != 0)
		return rc;
	if ((rc = slot_spki(&slot, ENROL_SLOT, &e->spki, err)) == ERR_ABSENT)
		return err_set(err, ERR_OCCUPIED,
		    "the key in slot 9A of token %u is gone; close this work with: ykenroll recover "
		    "--device %u --give-up",
		    e->work.asked.token, e->work.asked.token);
	return rc;
}
