/* SPDX-License-Identifier: BSD-2-Clause */
/* before: what each plan finds out and asks for before the first change to the token. */
#include <stdio.h>

#include <string.h>

#include "workflow/run/run.h"

/* ---- the holder, who is here ---- */

static int
is_active(const struct enrolment *e, struct err *err)
{
	const struct registry_token *t = &e->s.row.token;

	if (t->state == TOKEN_ACTIVE)
		return 0;
	return err_set(err, ERR_OCCUPIED, "token %u is %s%s", t->serial,
	    registry_token_state_name(t->state),
	    t->state == TOKEN_SUSPENDED ? "; first run: ykenroll resume"
					: ", not active: nothing to renew or unblock");
}

/* e->new_pin is the holder's, who is here: asked for, and sent. */
static int
holder_pin(struct enrolment *e, struct err *err)
{
	if (e->pin.tries_left == 0)
		return err_set(err, ERR_BLOCKED,
		    "the PIN of token %u is blocked; first run: ykenroll unblock", e->s.serial);
	return session_pin(&e->s, DESK_HOLDER_PIN, e->new_pin, err);
}

/* ---- enroll ---- */

static int
fresh_slot(const struct enrolment *e, struct err *err)
{
	if ((!e->slot_used && !e->cert_used) || e->s.w->force)
		return 0;
	return err_set(err, ERR_OCCUPIED,
	    "slot 9A of token %u already has a %s; --force overwrites it", e->s.serial,
	    e->slot_used && e->cert_used ? "key and a certificate"
	    : e->slot_used		 ? "key"
					 : "certificate");
}

static int
tries_ok(
    const struct enrolment *e, const struct token_pin_state *s, const char *what, struct err *err)
{
	const int rc = session_tries(&e->s, s, what, err);

	if (rc == ERR_BLOCKED)
		err_hint(err,
		    "`ykenroll token reset` resets it to factory defaults and destroys its keys "
		    "and certificates");
	return rc;
}

/* The secrets that are changed must be the factory's or given, and be right, as far as asking costs
 * nothing or is what the operator wants. */
static int
fresh_secrets(struct enrolment *e, struct err *err)
{
	const unsigned serial = e->s.serial;
	int rc;

	if ((rc = tries_ok(e, &e->pin, "PIN", err)) != 0 ||
	    (rc = tries_ok(e, &e->puk, "PUK", err)) != 0)
		return rc;
	if (e->puk.tries_left < 0 && !e->s.w->last_try)
		return err_set(err, ERR_PIN,
		    "the firmware of token %u does not report how many PUK tries are left, so %s "
		    "is sent only with --last-try",
		    serial, e->current_puk->len > 0 ? "the one given" : "the factory default");
	if (e->pin.known && !e->pin.factory && e->current_pin->len == 0)
		return err_set(err, ERR_PIN,
		    "the PIN of token %u is not the factory default: use --current-pin, or reset "
		    "the token to factory defaults with `ykenroll token reset`",
		    serial);
	if (e->puk.known && !e->puk.factory && e->current_puk->len == 0)
		return err_set(err, ERR_PIN,
		    "the PUK of token %u is not the factory default: use --current-puk, or reset "
		    "the token to factory defaults with `ykenroll token reset`",
		    serial);
	if ((rc = session_mgmkey(&e->s, e->current_mgmkey, err)) != 0)
		return rc;
	if (e->current_pin->len == 0)
		return 0;
	return token_verify_pin(e->s.token, e->current_pin, session_flags(&e->s), err);
}

int
before_enroll_check(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = session_check(&e->s, DESK_NEW_PIN, err)) != 0 ||
	    (rc = session_ask(&e->s, DESK_CURRENT_MGMKEY, e->current_mgmkey, err)) != 0 ||
	    (rc = session_ask(&e->s, DESK_CURRENT_PUK, e->current_puk, err)) != 0 ||
	    (rc = session_ask(&e->s, DESK_CURRENT_PIN, e->current_pin, err)) != 0)
		return rc;
	if ((e->work.asked.flags & WORK_RESET) != 0)
		return steps_reset_check(e, err);
	if (e->resumed)
		return 0;
	if ((rc = fresh_slot(e, err)) != 0)
		return rc;
	return fresh_secrets(e, err);
}

int
before_enroll_ask(struct enrolment *e, struct err *err)
{
	int rc;

	if ((e->work.asked.flags & WORK_RESET) != 0 && (rc = steps_reset_ask(e, err)) != 0)
		return rc;
	return enrolment_new_pin(e, err);
}

/* ---- renew ---- */

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
		    "slot 9A of token %u has no key that the token attests: it was changed "
		    "outside of this program; see: ykenroll check",
		    e->s.serial);
	e->slot_used = true;
	if ((e->work.asked.flags & WORK_NEW_KEY) != 0 && e->work.asked.alg != KEY_NONE)
		return 0;
	e->work.asked.alg = (uint8_t)slot.key.alg;
	e->work.asked.pin_policy = slot.key.pin_policy;
	e->work.asked.touch_policy = slot.key.touch_policy;
	return 0;
}

int
before_renew_check(struct enrolment *e, struct err *err)
{
	int rc;

	if (e->resumed)
		return 0;
	if ((rc = is_active(e, err)) != 0)
		return rc;
	/* a contact is when that can be done; it is not what the holder came for, so no try is
	 * risked */
	if (registry_secret_spent(e->s.registry, e->work.asked.token, SECRET_PUK) &&
	    (e->puk.tries_left < 0 || e->puk.tries_left >= 3))
		e->work.asked.flags |= WORK_PUK;
	return fill_key(e, err);
}

int
before_renew_ask(struct enrolment *e, struct err *err)
{
	int rc;

	if (!e->resumed && (rc = steps_escrow_unlock(e, err)) != 0)
		return rc;
	if ((rc = holder_pin(e, err)) != 0 || e->resumed)
		return rc;
	/* known to be right before anything is written down; it has no counter */
	return steps_mgmkey_open(e, err);
}

/* ---- unblock ---- */

static int
puk_usable(const struct enrolment *e, struct err *err)
{
	const int rc = session_tries(&e->s, &e->puk, "PUK", err);

	if (rc == ERR_BLOCKED)
		err_hint(err,
		    "its PIN can no longer be set. Reset it to factory defaults: ykenroll retire "
		    "%u --reason superseded, then ykenroll enroll NAME --reset",
		    e->s.serial);
	if (rc == ERR_PIN)
		err_hint(err, "if it is wrong, only a reset is left");
	return rc;
}

int
before_unblock_check(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = session_check(&e->s, DESK_NEW_PIN, err)) != 0 ||
	    (!e->resumed && e->s.row.token.state != TOKEN_SUSPENDED &&
		(rc = is_active(e, err)) != 0))
		return rc;
	return puk_usable(e, err);
}

int
before_unblock_ask(struct enrolment *e, struct err *err)
{
	int rc;

	if (enrolment_recorded(e, "pin"))
		return 0;
	if (!e->resumed && (rc = steps_escrow_unlock(e, err)) != 0)
		return rc;
	if ((rc = enrolment_new_pin(e, err)) != 0)
		return rc;
	/* a work that is under way opens it when it is needed */
	return e->resumed ? 0 : steps_escrow(e, SECRET_PUK, 0, e->current_puk, err);
}

/* ---- retire ---- */

int
before_retire_check(struct enrolment *e, struct err *err)
{
	return slot_lost(e->s.token, e->lost, err);
}

int
before_retire_ask(struct enrolment *e, struct err *err)
{
	char question[SLOT_LOST_MAX + 2 * REGISTRY_TEXT_MAX + 256];

	if (e->resumed)
		return 0;
	snprintf(question, sizeof(question),
	    "Retire token %u of %s (%s)? Its certificates are revoked and it is reset to factory "
	    "defaults. Erased for good:%s. Continue?",
	    e->s.serial, e->s.row.holder.name, e->s.row.holder.key,
	    e->lost[0] != '\0' ? e->lost : " nothing but PIN, PUK and objects");
	return session_confirm(&e->s, question, err);
}

/* ---- adopt: what other tools left on a token, and the secrets that they left it with ---- */

/* The PIN is the holder's and stays, but the factory's is nobody's. */
static bool
wants_pin(const struct enrolment *e)
{
	return e->pin.known && e->pin.factory;
}

/* ---- what it has now ---- */

/* Is the certificate in the slot in this CA's log, byte for byte, and the slot's key's? */
static int
look_cert(struct enrolment *e, const struct slot *slot, bool *ret, struct request *ret_said,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob logged = {0}, spki = {0}, key = {0};
	int rc;

	*ret = false;
	if (!slot->cert_readable || slot->cert.serial_len != SIGNER_SERIAL_LEN)
		return 0;
	rc = signer_find(e->s.look, slot->cert.serial, &logged, ret_said, err);
	if ((rc = err_answer(rc, ERR_ABSENT, ret, err)) != 0 || !*ret)
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
		    "slot 9A of token %u is empty: nothing to adopt; use ykenroll enroll",
		    e->s.serial);
	if (!slot->attested)
		return err_set(err, ERR_ATTEST,
		    "the key in slot 9A was imported, so there may be copies of it: use "
		    "--new-key to replace it by a key generated on the token");
	e->work.asked.alg = (uint8_t)slot->key.alg;
	e->work.asked.pin_policy = slot->key.pin_policy;
	e->work.asked.touch_policy = slot->key.touch_policy;
	return 0;
}

/* The certificate stays: what it says of the holder is known of them from now on, and a reissue
 * goes by its profile. said: by the CA. */
static int
record(struct enrolment *e, const struct blob *cert, struct request *said, struct err *err)
{
	const int rc = cert_holder(cert, &said->holder, err);

	if (rc != 0)
		return rc;
	if (said->profile[0] != '\0')
		memcpy(e->work.asked.profile, said->profile, sizeof(said->profile));
	request_merge(&e->work.asked, said);
	e->work.asked.flags |= WORK_RECORD;
	return 0;
}

static int
look(struct enrolment *e, struct err *err)
{
	CLEAN(slot_wipe) struct slot slot = {0};
	struct request said = {0};
	bool ours = false;
	int rc;

	if ((rc = slot_look(e->s.token, ENROL_SLOT, true, &slot, err)) != 0 ||
	    (rc = check_key(e, &slot, err)) != 0)
		return rc;
	if ((e->work.asked.flags & WORK_NEW_KEY) != 0)
		return 0;
	if ((rc = session_look(&e->s, err)) != 0 ||
	    (rc = look_cert(e, &slot, &ours, &said, err)) != 0)
		return rc;
	return ours ? record(e, &slot.cert_der, &said, err) : 0;
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
	bool there;
	int rc;

	if ((rc = session_admin(&e->s, &admin, err)) != 0 || !admin.protected_key || wants_pin(e))
		return rc;
	rc = session_get_protected(&e->s, e->current_mgmkey, err);
	return err_answer(rc, ERR_ABSENT, &there, err);
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
		    "the management key of token %u is not the factory default: use "
		    "--management-key",
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
		    "the PUK of token %u is blocked (some tools do that), so the token cannot be "
		    "adopted; reset it to factory defaults with: ykenroll enroll NAME --reset",
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
	} else if ((rc = holder_pin(e, err)) != 0) {
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
