/* SPDX-License-Identifier: BSD-2-Clause */
/* adopt: a token that is in use and that other tools made. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workflow/steps.h"

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
records(const struct enrolment *e)
{
	return (e->work.flags & WORK_RECORD) != 0;
}

static bool
issues(const struct enrolment *e)
{
	return !records(e);
}

/* The PIN is the holder's and stays, but the factory's is nobody's. */
static bool
wants_pin(const struct enrolment *e)
{
	return e->pin.known && e->pin.factory;
}

static void
what_record(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "record the certificate that is in slot 9A: this CA issued it");
}

/* The CA's own copy, not what the slot has now: that was compared at the start. */
static int
step_record(struct enrolment *e, struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	uint8_t spki[X509_SHA256_LEN];
	struct cert_info info;
	int rc;

	if ((rc = token_get_cert(e->s.token, ENROL_SLOT, &cert, err)) != 0 ||
	    (rc = cert_read(cert.data, cert.len, &info, err)) != 0 ||
	    (rc = x509_sha256(&e->spki, spki, err)) != 0)
		return rc == ERR_ABSENT
			   ? err_set(err, ERR_FIT, "slot 9A has no certificate any more")
			   : rc;
	if (info.serial_len != REGISTRY_SERIAL_LEN)
		return err_set(err, ERR_FIT, "the certificate is not one of this CA");
	if ((rc = registry_cert_prepared(e->s.registry, e->work.id, info.serial, spki,
		 info.not_before, info.not_after, err)) != 0 ||
	    (rc = registry_cert_issued(e->s.registry, e->work.id, &cert, err)) != 0)
		return rc;
	e->work.has_cert = true;
	memcpy(e->work.cert_serial, info.serial, sizeof(e->work.cert_serial));
	blob_move(&e->cert, &cert);
	return 0;
}

static const struct plan_step steps[] = {
    {"management-key", steps_what_mgmkey, step_mgmkey_done, step_mgmkey, true, true, NULL},
    {"puk", steps_what_puk, step_puk_done, step_puk, true, true, NULL},
    {"pin", steps_what_pin, NULL, step_pin, true, true, wants_pin},
    {"key", steps_what_key, step_key_done, step_key, true, true, new_key},
    {"same-key", steps_what_same_key, NULL, step_same_key, false, false, same_key},
    {"record", what_record, NULL, step_record, false, true, records},
    {"identity", steps_what_identity, step_identity_done, step_identity, false, true, issues},
    {"attestation", steps_what_attest, step_issue_done, step_attest, false, false, issues},
    {"request", steps_what_request, step_issue_done, step_request, false, false, issues},
    {"certificate", steps_what_issue, step_issue_done, step_issue, true, false, issues},
    {"import", steps_what_import, NULL, step_import, false, true, issues},
    {"proof", steps_what_prove, NULL, step_prove, false, false, NULL},
    {"active", steps_what_activate, NULL, step_activate, false, false, NULL},
};

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
	if (new_key(e))
		return 0;
	if (!slot->has_key && !slot->has_cert)
		return err_set(err, ERR_OCCUPIED,
		    "slot 9A of token %u is empty: nothing is to be adopted; use ykenroll enroll",
		    e->s.serial);
	if (!slot->attested)
		return err_set(err, ERR_ATTEST,
		    "the key in slot 9A was imported, so nothing shows that it is only in there: "
		    "--new-key puts one in its place that the token makes");
	e->work.key_alg = (uint8_t)slot->key.alg;
	e->work.pin_policy = slot->key.pin_policy;
	e->work.touch_policy = slot->key.touch_policy;
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
	if (new_key(e) || e->s.w->dry_run)
		return 0;
	if ((rc = session_signer(&e->s, err)) != 0 || (rc = look_cert(e, &slot, &ours, err)) != 0)
		return rc;
	if (ours)
		e->work.flags |= WORK_RECORD;
	return 0;
}

static int
check(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = precheck_states(e, err)) != 0 || (rc = precheck_contents(e, err)) != 0)
		return rc;
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
		rc = session_ask(&e->s, WORKFLOW_CURRENT_MGMKEY, e->current_mgmkey, err);
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
	return session_ask(&e->s, WORKFLOW_CURRENT_PUK, e->current_puk, err);
}

/* Has the token the new management key, whose answer got lost? */
static int
mgmkey_arrived(struct enrolment *e, bool *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	int rc = registry_flight_open(e->s.registry, e->work.serial, SECRET_MGMKEY, key, NULL, err);

	return rc != 0 ? rc : session_is_mgmkey(&e->s, key, ret, err);
}

static int
ask(struct enrolment *e, struct err *err)
{
	bool arrived = false;
	int rc;

	if (wants_pin(e)) {
		if ((rc = enrolment_new_pin(e, err)) != 0)
			return rc;
	} else if ((rc = held_pin(e, err)) != 0) {
		return rc;
	}
	if (e->resumed) {
		if (!held_recorded(e, "management-key") &&
		    (rc = mgmkey_arrived(e, &arrived, err)) == 0 && !arrived)
			rc = ask_mgmkey(e, err);
		if (rc != 0)
			return rc;
		return held_recorded(e, "puk") ? 0 : ask_puk(e, err);
	}
	if ((rc = ask_mgmkey(e, err)) != 0 ||
	    (rc = session_mgmkey(&e->s, e->current_mgmkey, err)) != 0)
		return rc;
	return ask_puk(e, err);
}

const struct plan plan_adopt = {.name = "adopt",
    .steps = steps,
    .n = sizeof(steps) / sizeof(steps[0]),
    .secrets = 1u << SECRET_MGMKEY | 1u << SECRET_PUK,
    .ca = true,
    .check = check,
    .ask = ask};

/* ---- the call ---- */

static int
check_row(const struct enrolment *e, struct err *err)
{
	const struct registry_row *row = &e->s.row;

	if (row->token.serial == 0 || row->token.state == TOKEN_NEW || e->resumed)
		return 0;
	return err_set(err, ERR_OCCUPIED, "token %u is in the registry already (%s, %s)",
	    row->token.serial, registry_token_state_name(row->token.state),
	    row->holder.id == 0 ? "no holder" : row->holder.key);
}

static int
adopt(struct enrolment *e, const struct workflow_adopt *what, struct err *err)
{
	int rc;

	if ((rc = precheck_names(&what->enroll, err)) != 0 || (rc = enrolment_look(e, err)) != 0 ||
	    (rc = enroll_already(e, &what->enroll, err)) != 0 || e->report->already)
		return rc;
	if ((rc = enrolment_resume(e, err)) != 0 || (rc = check_row(e, err)) != 0)
		return rc;
	if (e->resumed &&
	    (e->plan != &plan_adopt || strcasecmp(e->work.holder.key, what->enroll.key) != 0))
		return err_set(err, ERR_OCCUPIED,
		    "work on token %u (%s) is not finished; finish it with: ykenroll recover --device %u",
		    e->work.serial, e->work.plan, e->work.serial);
	e->plan = &plan_adopt;
	e->additional = what->enroll.additional;
	if (!e->resumed) {
		if ((rc = enroll_fill(&e->work, &what->enroll, e->s.serial, err)) != 0)
			return rc;
		snprintf(e->work.plan, sizeof(e->work.plan), "%s", plan_adopt.name);
		e->work.flags = what->new_key ? WORK_NEW_KEY : 0;
	}
	return enrolment_run(e, err);
}

int
workflow_adopt(const struct workflow *w, const struct workflow_adopt *what,
    struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;

	enrolment_init(&e, w, ret);
	return adopt(&e, what, err);
}
