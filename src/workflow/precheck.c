/* SPDX-License-Identifier: BSD-2-Clause */
/* precheck: all that can be known before the first change to the token. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "workflow/steps.h"

static int
name_ok(const char *text, const char *what, size_t max_chars, struct err *err)
{
	const size_t n = strlen(text);

	if (n == 0)
		return err_set(err, ERR_USAGE, "the %s is empty", what);
	if (!text_is_plain(text))
		return err_set(err, ERR_USAGE,
		    "the %s has control or invisible characters, or is not UTF-8: retype it", what);
	if (text_chars(text) > max_chars)
		return err_set(err, ERR_USAGE,
		    "the %s has %zu characters, and a certificate takes %zu: shorten it", what,
		    text_chars(text), max_chars);
	if (text[0] == ' ' || text[n - 1] == ' ')
		return err_set(err, ERR_USAGE, "the %s begins or ends with a space", what);
	return 0;
}

int
precheck_names(const struct workflow_enroll *what, struct err *err)
{
	int rc;

	if ((rc = name_ok(what->name, "name", SIGNER_CN_MAX, err)) != 0)
		return rc;
	if (what->email != NULL &&
	    (rc = name_ok(what->email, "e-mail address", SIGNER_EMAIL_MAX, err)) != 0)
		return rc;
	if (what->key == NULL)
		return err_set(err, ERR_USAGE,
		    "who is %s? Give --email ADDRESS or --id NUMBER, by which the holder is known",
		    what->name);
	return name_ok(what->key, "holder's id", SIGNER_EMAIL_MAX, err);
}

/* ---- the token ---- */

int
precheck_states(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = token_mgm_state(e->token, &e->mgm, err)) != 0 ||
	    (rc = token_pin_state(e->token, &e->pin, err)) != 0)
		return rc;
	rc = token_puk_state(e->token, &e->puk, err);
	if (rc == ERR_ABSENT || (rc == 0 && e->puk.known && e->puk.tries_max == 0))
		return err_set(err, ERR_NO_TOKEN,
		    "token %u has no PUK (a YubiKey Bio): such tokens are not supported yet",
		    e->report->token.serial);
	return rc;
}

/* A read for which "not there" is an answer. */
static int
present(int rc, bool *ret, const struct err *why, struct err *err)
{
	*ret = rc == 0;
	if (rc == 0 || rc == ERR_ABSENT)
		return 0;
	*err = *why;
	return rc;
}

int
precheck_contents(struct enrolment *e, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0};
	struct token_slot slot = {0};
	struct err why = ERR_INIT;
	bool f9 = false;
	int rc;

	rc = token_get_object(e->token, OBJ_CERT_9A, &b, &why);
	if ((rc = present(rc, &e->cert_used, &why, err)) != 0)
		return rc;
	rc = token_slot(e->token, ENROL_SLOT, &slot, &why);
	blob_wipe(&slot.spki);
	if ((rc = present(rc, &e->slot_used, &why, err)) != 0)
		return rc;
	rc = token_get_object(e->token, OBJ_ADMIN, &b, &why);
	if ((rc = present(rc, &e->admin_used, &why, err)) != 0)
		return rc;
	rc = token_get_f9(e->token, &e->f9, &why);
	if ((rc = present(rc, &f9, &why, err)) != 0)
		return rc;
	if (!f9)
		return err_set(err, ERR_ATTEST,
		    "token %u has no factory attestation (slot F9 is empty), so its keys cannot be "
		    "shown to be in hardware: use another token",
		    e->report->token.serial);
	return 0;
}

static int
fresh_slot(const struct enrolment *e, struct err *err)
{
	if ((!e->slot_used && !e->cert_used) || e->w->force)
		return 0;
	return err_set(err, ERR_OCCUPIED,
	    "slot 9A of token %u has a %s already; --force destroys it", e->report->token.serial,
	    e->slot_used && e->cert_used ? "key and a certificate"
	    : e->slot_used		 ? "key"
					 : "certificate");
}

static int
tries_ok(
    const struct enrolment *e, const struct token_pin_state *s, const char *what, struct err *err)
{
	int rc;

	if (s->tries_left == 0)
		return err_set(err, ERR_BLOCKED,
		    "the %s of token %u is blocked; `ykenroll token reset` makes it as new, and "
		    "destroys its keys and certificates",
		    what, e->report->token.serial);
	if (s->tries_left != 1 || e->w->last_try)
		return 0;
	rc = err_set(err, ERR_PIN,
	    "the %s of token %u has one try left, which is not spent without --last-try", what,
	    e->report->token.serial);
	if (err != NULL)
		err->tries = 1;
	return rc;
}

/* The secrets that are changed must be the factory's or given, and be right, as far as asking costs
 * nothing or is what the operator wants. */
static int
fresh_secrets(struct enrolment *e, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	const unsigned serial = e->report->token.serial;
	int rc;

	if ((rc = tries_ok(e, &e->pin, "PIN", err)) != 0 ||
	    (rc = tries_ok(e, &e->puk, "PUK", err)) != 0)
		return rc;
	if (e->puk.tries_left < 0 && !e->w->last_try)
		return err_set(err, ERR_PIN,
		    "the firmware of token %u does not tell how many tries the PUK has, so that "
		    "%s is sent only with --last-try",
		    serial, e->current_puk->len > 0 ? "the one given" : "the factory's");
	if (e->pin.known && !e->pin.factory && e->current_pin->len == 0)
		return err_set(err, ERR_PIN,
		    "the PIN of token %u is not the factory's: give it with --current-pin, or make "
		    "the token as new with `ykenroll token reset`",
		    serial);
	if (e->puk.known && !e->puk.factory && e->current_puk->len == 0)
		return err_set(err, ERR_PIN,
		    "the PUK of token %u is not the factory's: give it with --current-puk, or make "
		    "the token as new with `ykenroll token reset`",
		    serial);
	rc = e->current_mgmkey->len > 0
		 ? secret_set(key, e->current_mgmkey->bytes, e->current_mgmkey->len, err)
		 : secret_set(key, device_factory_mgmkey, 24, err);
	if (rc != 0)
		return rc;
	if ((rc = token_authenticate(e->token, key, err)) == ERR_MGMKEY)
		return err_set(err, ERR_MGMKEY,
		    "the management key of token %u is not %s: give the right one with "
		    "--management-key",
		    serial, e->current_mgmkey->len > 0 ? "the one given" : "the factory's");
	if (rc != 0)
		return rc;
	e->authenticated = true;
	if (e->current_pin->len == 0)
		return 0;
	return token_verify_pin(
	    e->token, e->current_pin, e->w->last_try ? DEVICE_LAST_TRY : 0, err);
}

int
precheck_token(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = precheck_states(e, err)) != 0 || (rc = precheck_contents(e, err)) != 0)
		return rc;
	if ((e->work.flags & WORK_RESET) != 0)
		return steps_reset_check(e, err);
	if (e->resumed)
		return 0;
	if ((rc = fresh_slot(e, err)) != 0)
		return rc;
	return fresh_secrets(e, err);
}

/* ---- the CA ---- */

int
precheck_ca(struct enrolment *e, struct err *err)
{
	const struct signer_open how = {.home = e->w->home, .ca_pass_spec = e->w->ca_pass_spec};
	struct signer_planned planned = {.alg = (enum key_alg)e->work.key_alg,
	    .pin_policy = e->work.pin_policy,
	    .touch_policy = e->work.touch_policy};
	struct signer_request request;
	int rc;

	enrolment_request(e, &request);
	memcpy(planned.firmware, e->report->token.firmware, sizeof(planned.firmware));
	if ((e->signer == NULL && (rc = signer_open(&how, &e->signer, err)) != 0) ||
	    (rc = signer_ca(e->signer, &e->ca, err)) != 0)
		return rc;
	return signer_precheck(e->signer, &request, &planned, err);
}
