/* SPDX-License-Identifier: BSD-2-Clause */
/* plans: all that is ever done to a token, as tables. */
#include <string.h>

#include "workflow/run/before.h"
#include "workflow/step/steps.h"

/* ---- the steps ---- */

static const struct plan_step
    /* name, text, done?, run, irreversible, recorded */
    ended = {"ended", "{takes} the certificates of token {former} ({reason})", NULL, step_replaced,
	true, true},
    replaced = {"replaced", "{takes} the certificates of token {former} ({reason})", NULL,
	step_replaced, true, true},
    superseded = {"superseded", "revoke the certificate that was there ({reason})", NULL,
	step_superseded, true, true},
    revoked = {"revoked", "revoke its certificates ({reason})", NULL, step_revoked, true, true},
    reset = {"reset", "reset the PIV application; lost for ever:{lost}", step_reset_done,
	step_reset, true, true},
    retries = {"retries",
	"allow {pin-tries} PIN and {puk-tries} PUK tries (resets both to the factory's)", NULL,
	step_retries, true, true},
    mgmkey = {"management-key",
	"set a random management key ({mgm-alg}), held in escrow{and-flags}", step_mgmkey_done,
	step_mgmkey, true, true},
    mgmkey_escrow = {"management-key",
	"set a random management key ({mgm-alg}), held in escrow{and-flags}", step_mgmkey_done,
	step_mgmkey_escrow, true, true},
    puk = {"puk", "set a random PUK, held in escrow", step_puk_done, step_puk, true, true},
    puk_used = {"puk", "set a new random PUK, since the one from escrow was used elsewhere",
	step_puk_escrow_done, step_puk_escrow, true, true},
    puk_spent = {"puk", "set a new random PUK with the one from escrow, which is spent then",
	step_puk_escrow_done, step_puk_escrow, true, true},
    pin = {"pin", "set the holder's PIN", NULL, step_pin, true, true},
    pin_by_puk = {"pin", "set the PIN that the holder chooses{blocked}", step_pin_by_puk_done,
	step_pin_by_puk, true, true},
    key = {"key", "generate an {alg} key in slot 9A{over-key}", step_key_done, step_key, true,
	true},
    same_key = {"same-key", "take the key that is in slot 9A", NULL, step_same_key, false, false},
    record = {"record", "record the certificate that is in slot 9A: this CA issued it", NULL,
	step_record, false, true},
    identity = {"identity", "write a new card identity (CHUID, CCC)", step_identity_done,
	step_identity, false, true},
    attestation = {"attestation", "have the token attest the key", step_issue_done, step_attest,
	false, false},
    request = {"request", "sign a request with the key", step_issue_done, step_request, false,
	false},
    certificate = {"certificate", "have the CA check it all and issue a certificate ({profile})",
	step_issue_done, step_issue, true, false},
    import = {"import", "write the certificate to slot 9A and read it back{over-cert}", NULL,
	step_import, false, true},
    proof = {"proof", "log in with the token (TLS 1.3, CRLs checked)", NULL, step_prove, false,
	false},
    active = {"active", "record the token as active", NULL, step_activate, false, false},
    closed = {"closed", "record it, and retire the former PUK", NULL, step_closed, false, false},
    retired = {"retired", "record the token as retired, and close its secrets", NULL, step_retired,
	false, false};

/* ---- which of them ---- */

static bool
first(const struct enrolment *e)
{
	const struct workflow_why *why = workflow_why(e->work.why);

	return e->work.replaces != 0 && why != NULL && why->first;
}

static bool
after(const struct enrolment *e)
{
	return e->work.replaces != 0 && !first(e);
}

static bool
made_new(const struct enrolment *e)
{
	return (e->work.flags & WORK_RESET) != 0;
}

static bool
with_retries(const struct enrolment *e)
{
	return e->pin_tries != 0 && !e->resumed;
}

static bool
shown_puk(const struct enrolment *e)
{
	return (e->work.flags & WORK_PUK) != 0;
}

/* The PIN is the holder's and stays, but the factory's is nobody's. */
static bool
factory_pin(const struct enrolment *e)
{
	return e->pin.known && e->pin.factory;
}

static bool
new_key(const struct enrolment *e)
{
	return (e->work.flags & WORK_NEW_KEY) != 0;
}

static bool
old_key(const struct enrolment *e)
{
	return !new_key(e);
}

static bool
recorded(const struct enrolment *e)
{
	return (e->work.flags & WORK_RECORD) != 0;
}

static bool
issued(const struct enrolment *e)
{
	return !recorded(e);
}

/* ---- the plans ---- */

/* Management key first, since probing it costs nothing; the PUK before the PIN, since it can set
 * the PIN again. */
static const struct plan_row enroll_rows[] = {
    {&ended, first},
    {&reset, made_new},
    {&retries, with_retries},
    {&mgmkey, NULL},
    {&puk, NULL},
    {&pin, NULL},
    {&key, NULL},
    {&identity, NULL},
    {&attestation, NULL},
    {&request, NULL},
    {&certificate, NULL},
    {&import, NULL},
    {&proof, NULL},
    {&replaced, after},
    {&active, NULL},
    {NULL, NULL},
};

static const struct plan_row renew_rows[] = {
    {&mgmkey_escrow, NULL},
    {&puk_used, shown_puk},
    {&key, new_key},
    {&same_key, old_key},
    {&identity, NULL},
    {&attestation, NULL},
    {&request, NULL},
    {&certificate, NULL},
    {&import, NULL},
    {&proof, NULL},
    {&superseded, NULL},
    {&active, NULL},
    {NULL, NULL},
};

static const struct plan_row adopt_rows[] = {
    {&mgmkey, NULL},
    {&puk, NULL},
    {&pin, factory_pin},
    {&key, new_key},
    {&same_key, old_key},
    {&record, recorded},
    {&identity, issued},
    {&attestation, issued},
    {&request, issued},
    {&certificate, issued},
    {&import, issued},
    {&proof, NULL},
    {&active, NULL},
    {NULL, NULL},
};

/* The PUK first: from then on it is one that is in flight, and a run that goes on after an
 * interruption needs nobody's key to set the PIN. */
static const struct plan_row unblock_rows[] = {
    {&puk_spent, NULL},
    {&pin_by_puk, NULL},
    {&closed, NULL},
    {NULL, NULL},
};

static const struct plan_row retire_rows[] = {
    {&revoked, NULL},
    {&reset, NULL},
    {&retired, NULL},
    {NULL, NULL},
};

#define BOTH (1u << SECRET_MGMKEY | 1u << SECRET_PUK)

const struct plan plan_enroll = {.name = "enroll",
    .rows = enroll_rows,
    .secrets = BOTH,
    .ca = true,
    .check = before_enroll_check,
    .ask = before_enroll_ask};

/* the same, in place of another token */
const struct plan plan_reissue = {.name = "reissue",
    .rows = enroll_rows,
    .secrets = BOTH,
    .ca = true,
    .check = before_enroll_check,
    .ask = before_enroll_ask};

const struct plan plan_renew = {.name = "renew",
    .rows = renew_rows,
    .secrets = 1u << SECRET_MGMKEY,
    .on = true,
    .ca = true,
    .check = before_renew_check,
    .ask = before_renew_ask};

const struct plan plan_adopt = {.name = "adopt",
    .rows = adopt_rows,
    .secrets = BOTH,
    .ca = true,
    .check = before_adopt_check,
    .ask = before_adopt_ask};

const struct plan plan_unblock = {.name = "unblock",
    .rows = unblock_rows,
    .secrets = 1u << SECRET_PUK,
    .on = true,
    .check = before_unblock_check,
    .ask = before_unblock_ask};

const struct plan plan_retire = {.name = "retire",
    .rows = retire_rows,
    .on = true,
    .signer = true,
    .check = before_retire_check,
    .ask = before_retire_ask};

const struct plan *
plan_find(const char *name)
{
	static const struct plan *const plans[] = {
	    &plan_enroll, &plan_reissue, &plan_renew, &plan_unblock, &plan_adopt, &plan_retire};
	size_t i;

	for (i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		if (strcmp(plans[i]->name, name) == 0)
			return plans[i];
	return NULL;
}
