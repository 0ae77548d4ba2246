/* SPDX-License-Identifier: BSD-2-Clause */
/* steps_secret: the steps that change a secret of the token. Every new value is in flight
 * (registry) before. */
#include "workflow/run/run.h"

/* A secret of the factory's or the one that the operator gave for this token. */
static int
former(const struct secret *given, const void *factory, size_t len, struct secret *ret,
    struct err *err)
{
	if (given->len > 0)
		return secret_set(ret, given->bytes, given->len, err);
	return secret_set(ret, factory, len, err);
}

int
step_retries(struct enrolment *e, struct err *err)
{
	CLEAN(secret_freep) struct secret *pin = secret_new(), *none = secret_new();
	int rc;

	/* Resets PIN and PUK to the factory's: only before they are set, and only on a token that
	 * is as it was made. */
	if ((rc = secret_set(pin, device_factory_pin, 6, err)) != 0 ||
	    (rc = session_mgmkey(&e->s, none, err)) != 0 ||
	    (rc = token_verify_pin(e->s.token, pin, session_flags(&e->s), err)) != 0)
		return rc;
	return token_set_retries(e->s.token, e->pin_tries, e->puk_tries, err);
}

int
step_mgmkey_done(struct enrolment *e, bool *ret, struct err *err)
{
	if (!e->resumed || (e->mgm.known && e->mgm.factory))
		return 0;
	return session_is_mgmkey(&e->s, e->mgmkey, ret, err);
}

/* ykman and libykpiv would try the stale key that these flags announce. */
static int
clear_flags(struct enrolment *e, struct err *err)
{
	const struct blob none = {0};
	struct session_admin admin;
	int rc;

	if ((rc = session_admin(&e->s, &admin, err)) != 0)
		return rc;
	if (admin.protected_key && (rc = session_put_protected(&e->s, NULL, err)) != 0)
		return rc;
	return token_put_object(e->s.token, OBJ_ADMIN, &none, err);
}

int
step_mgmkey(struct enrolment *e, struct err *err)
{
	int rc;

	if (enrolment_recorded(e, "management-key"))
		return err_set(err, ERR_OCCUPIED,
		    "token %u was reset or changed elsewhere since this work began, so it is left "
		    "as it is; close the work with: ykenroll recover --device %u --give-up",
		    e->work.asked.token, e->work.asked.token);
	if (!e->s.authenticated && (rc = session_mgmkey(&e->s, e->current_mgmkey, err)) != 0)
		return rc;
	if ((rc = token_set_mgmkey(e->s.token, e->mgm_alg, e->mgmkey, false, err)) != 0)
		return rc;
	/* Two APDUs that prove that the token and the escrow agree, while the former key is still
	 * known. */
	if ((rc = session_authenticate(&e->s, e->mgmkey, err)) != 0)
		return err_wrap(err, "the token rejected the new management key"), rc;
	return e->admin_used ? clear_flags(e, err) : 0;
}

/* Is the PUK on the token the one in flight? It is when this work found the factory's there, which
 * is recorded before anything is changed. */
int
step_puk_done(struct enrolment *e, bool *ret, struct err *err)
{
	(void)err;
	if (!e->resumed || (e->puk.known && e->puk.factory))
		return 0;
	*ret = enrolment_recorded(e, "puk") ||
	       (e->puk.known && enrolment_recorded(e, STEP_PUK_FACTORY));
	return 0;
}

/* The PUK was not the factory's and it is not known whether the change arrived: asking costs a try
 * if it did not. */
static int
puk_arrived(struct enrolment *e, bool *ret, struct err *err)
{
	int rc;

	if (!enrolment_recorded(e, STEP_PUK_SENDING) || e->puk.tries_left < 3)
		return 0;
	rc = token_change_puk(e->s.token, e->puk_new, e->puk_new, 0, err);
	return err_answer(rc, ERR_PIN, ret, err);
}

int
step_puk(struct enrolment *e, struct err *err)
{
	CLEAN(secret_freep) struct secret *old = secret_new();
	bool arrived = false;
	int rc;

	if (e->puk.known && !e->puk.factory && e->current_puk->len == 0)
		return err_set(err, ERR_PIN,
		    "the PUK of token %u was not the factory default: use --current-puk, as when "
		    "this work began",
		    e->work.asked.token);
	if (e->current_puk->len > 0 && (rc = puk_arrived(e, &arrived, err)) != 0)
		return rc;
	if (arrived)
		return 0;
	if ((rc = former(e->current_puk, device_factory_puk, 8, old, err)) != 0)
		return rc;
	/* a run that was stopped before this need not ask the token, which would cost a try */
	if (e->current_puk->len > 0 &&
	    (rc = registry_step(e->s.registry, e->work.id, STEP_PUK_SENDING, NULL, err)) != 0)
		return rc;
	return token_change_puk(e->s.token, old, e->puk_new, session_flags(&e->s), err);
}

/* In a run that continues, what PIN is on the token is not known unless metadata says the
 * factory's. It is never tried: the PUK, which is ours by now, sets it again. */
int
step_pin(struct enrolment *e, struct err *err)
{
	CLEAN(secret_freep) struct secret *old = secret_new();
	int rc;

	if (e->resumed && !(e->pin.known && e->pin.factory)) {
		rc = token_unblock_pin(
		    e->s.token, e->puk_new, e->new_pin, session_flags(&e->s), err);
	} else {
		if ((rc = former(e->current_pin, device_factory_pin, 6, old, err)) != 0)
			return rc;
		rc = token_change_pin(e->s.token, old, e->new_pin, session_flags(&e->s), err);
	}
	return rc != 0 ? rc : steps_verify_pin(e, err);
}

int
step_pin_by_puk(struct enrolment *e, struct err *err)
{
	const int rc = token_unblock_pin(
	    e->s.token, e->puk_new, e->new_pin, session_puk_flags(&e->s, &e->puk), err);

	return rc != 0 ? rc : steps_verify_pin(e, err);
}
