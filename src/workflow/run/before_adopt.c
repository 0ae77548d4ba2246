/* SPDX-License-Identifier: BSD-2-Clause */
/* before_adopt: what other tools left on a token, and the secrets that they left it with. */

#include "workflow/run/run.h"

/* The PIN is the holder's and stays, but the factory's is nobody's. */
static bool
wants_pin(const struct enrolment *e)
{
	return e->pin.known && e->pin.factory;
}

/* ---- what it has now ---- */

/* Is the certificate in the slot in this CA's log, byte for byte, and the slot's key's? */
static int
look_cert(struct enrolment *e, const struct slot *slot, bool *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob logged = {0}, spki = {0}, key = {0};
	struct err why = ERR_INIT;
	int rc;

	*ret = false;
	if (!slot->cert_readable || slot->cert.serial_len != SIGNER_SERIAL_LEN)
		return 0;
	rc = signer_find(e->s.signer, slot->cert.serial, &logged, &why);
	if ((rc = err_answer(rc, ERR_ABSENT, ret, &why, err)) != 0 || !*ret)
		return rc;
	*ret = false;
	if (!blob_equal(&logged, &slot->cert_der))
		return 0;
	if ((rc = cert_spki(logged.data, logged.len, &spki, err)) != 0 ||
	    (rc = slot_spki(slot, ENROL_SLOT, &key, err)) != 0)
		return rc;
	*ret = blob_equal(&spki, &key);
	return 0;
}

static int
check_key(struct enrolment *e, const struct slot *slot, struct err *err)
{
	if ((e->work.asked.flags & WORK_NEW_KEY) != 0)
		return 0;
	if (!slot->has_key && !slot->has_cert)
		return err_set(err, ERR_OCCUPIED,
		    "slot 9A of token %u is empty: nothing is to be adopted; use ykenroll enroll",
		    e->s.serial);
	if (!slot->attested)
		return err_set(err, ERR_ATTEST,
		    "the key in slot 9A was imported, so nothing shows that it is only in there: "
		    "--new-key puts one in its place that the token makes");
	e->work.asked.alg = (uint8_t)slot->key.alg;
	e->work.asked.pin_policy = slot->key.pin_policy;
	e->work.asked.touch_policy = slot->key.touch_policy;
	return 0;
}

/* The certificate stays: what it says of the holder is known of them from now on. */
static int
record(struct enrolment *e, const struct blob *cert, struct err *err)
{
	struct request said = {0};
	const int rc = cert_holder(cert, &said.holder, err);

	if (rc != 0)
		return rc;
	request_merge(&e->work.asked, &said);
	e->work.asked.flags |= WORK_RECORD;
	return 0;
}

static int
look(struct enrolment *e, struct err *err)
{
	CLEAN(slot_wipe) struct slot slot = {0};
	bool ours = false;
	int rc;

	if ((rc = slot_look(e->s.token, ENROL_SLOT, true, &slot, err)) != 0 ||
	    (rc = check_key(e, &slot, err)) != 0)
		return rc;
	if ((e->work.asked.flags & WORK_NEW_KEY) != 0 || e->s.w->dry_run)
		return 0;
	if ((rc = session_signer(&e->s, err)) != 0 || (rc = look_cert(e, &slot, &ours, err)) != 0)
		return rc;
	return ours ? record(e, &slot.cert_der, err) : 0;
}

int
before_adopt_check(struct enrolment *e, struct err *err)
{
	return e->resumed ? 0 : look(e, err);
}

/* ---- its secrets ---- */

/* The one that ykman keeps behind the PIN, as far as there is one. */
static int
protected_key(struct enrolment *e, struct err *err)
{
	struct session_admin admin;
	struct err why = ERR_INIT;
	bool there;
	int rc;

	if ((rc = session_admin(&e->s, &admin, err)) != 0 || !admin.protected_key || wants_pin(e))
		return rc;
	rc = session_get_protected(&e->s, e->current_mgmkey, &why);
	return err_answer(rc, ERR_ABSENT, &there, &why, err);
}

static int
ask_mgmkey(struct enrolment *e, struct err *err)
{
	bool factory = false;
	int rc;

	if (e->mgm.known && e->mgm.factory)
		return 0;
	/* before metadata only asking tells */
	if ((rc = session_is_factory(&e->s, &e->mgm, &factory, err)) != 0 || factory ||
	    (rc = protected_key(e, err)) != 0)
		return rc;
	if (e->current_mgmkey->len == 0)
		rc = session_ask(&e->s, DESK_CURRENT_MGMKEY, e->current_mgmkey, err);
	if (rc == 0 && e->current_mgmkey->len == 0)
		return err_set(err, ERR_MGMKEY,
		    "the management key of token %u is not the factory's: give it with --management-key",
		    e->s.serial);
	return rc;
}

static int
ask_puk(struct enrolment *e, struct err *err)
{
	if (e->puk.known && e->puk.factory)
		return 0;
	if (e->puk.tries_left == 0)
		return err_set(err, ERR_BLOCKED,
		    "the PUK of token %u is blocked (some tools do that): it cannot be taken over; "
		    "make the token as new with: ykenroll enroll NAME --reset",
		    e->s.serial);
	return session_ask(&e->s, DESK_CURRENT_PUK, e->current_puk, err);
}

/* Has the token the new management key, whose answer got lost? */
static int
mgmkey_arrived(struct enrolment *e, bool *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	int rc =
	    registry_flight_open(e->s.registry, e->work.asked.token, SECRET_MGMKEY, key, NULL, err);

	return rc != 0 ? rc : session_is_mgmkey(&e->s, key, ret, err);
}

int
before_adopt_ask(struct enrolment *e, struct err *err)
{
	bool arrived = false;
	int rc;

	if (wants_pin(e)) {
		if ((rc = enrolment_new_pin(e, err)) != 0)
			return rc;
	} else if ((rc = before_holder_pin(e, err)) != 0) {
		return rc;
	}
	if (e->resumed) {
		if (!enrolment_recorded(e, "management-key") &&
		    (rc = mgmkey_arrived(e, &arrived, err)) == 0 && !arrived)
			rc = ask_mgmkey(e, err);
		if (rc != 0)
			return rc;
		return enrolment_recorded(e, "puk") ? 0 : ask_puk(e, err);
	}
	if ((rc = ask_mgmkey(e, err)) != 0 ||
	    (rc = session_mgmkey(&e->s, e->current_mgmkey, err)) != 0)
		return rc;
	return ask_puk(e, err);
}
