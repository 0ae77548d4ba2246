/* SPDX-License-Identifier: BSD-2-Clause */
/* precheck: all that can be known before the first change to the token. */
#include <string.h>

#include "base/text.h"
#include "workflow/step/steps.h"

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
precheck_names(const struct holder *h, struct err *err)
{
	int rc;

	if ((rc = name_ok(h->name, "name", SIGNER_CN_MAX, err)) != 0)
		return rc;
	if (h->email[0] != '\0' &&
	    (rc = name_ok(h->email, "e-mail address", SIGNER_EMAIL_MAX, err)) != 0)
		return rc;
	if (h->key[0] == '\0')
		return err_set(err, ERR_USAGE,
		    "who is %s? Give --email ADDRESS or --id NUMBER, by which the holder is known",
		    h->name);
	return name_ok(h->key, "holder's id", SIGNER_EMAIL_MAX, err);
}

/* ---- the token ---- */

int
precheck_states(struct enrolment *e, struct err *err)
{
	bool has_puk;
	int rc;

	if ((rc = token_mgm_state(e->s.token, &e->mgm, err)) != 0 ||
	    (rc = token_pin_state(e->s.token, &e->pin, err)) != 0 ||
	    (rc = session_puk(&e->s, &e->puk, &has_puk, err)) != 0)
		return rc;
	return has_puk
		   ? 0
		   : err_set(err, ERR_NO_TOKEN,
			 "token %u has no PUK (a YubiKey Bio): such tokens are not supported yet",
			 e->s.serial);
}

int
precheck_contents(struct enrolment *e, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0};
	struct token_slot slot = {0};
	struct err why = ERR_INIT;
	bool f9 = false;
	int rc;

	rc = token_get_object(e->s.token, OBJ_CERT_9A, &b, &why);
	if ((rc = err_answer(rc, ERR_ABSENT, &e->cert_used, &why, err)) != 0)
		return rc;
	rc = token_slot(e->s.token, ENROL_SLOT, &slot, &why);
	blob_wipe(&slot.spki);
	if ((rc = err_answer(rc, ERR_ABSENT, &e->slot_used, &why, err)) != 0)
		return rc;
	rc = token_get_object(e->s.token, OBJ_ADMIN, &b, &why);
	if ((rc = err_answer(rc, ERR_ABSENT, &e->admin_used, &why, err)) != 0)
		return rc;
	rc = token_get_cert(e->s.token, DEVICE_SLOT_F9, &e->work.asked.f9, &why);
	if ((rc = err_answer(rc, ERR_ABSENT, &f9, &why, err)) != 0)
		return rc;
	if (!f9)
		return err_set(err, ERR_ATTEST,
		    "token %u has no factory attestation (slot F9 is empty), so its keys cannot be "
		    "shown to be in hardware: use another token",
		    e->s.serial);
	return 0;
}
