/* SPDX-License-Identifier: BSD-2-Clause */
/* enrolment: what one run of a plan knows: its life, and what can be known beforehand. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "workflow/run/run.h"
#include "ykenroll/registry_escrow.h"

/* enrolment: what one run of a plan knows: its life. */

/* ---- life ---- */

void
enrolment_init(struct enrolment *e, const struct desk *w, struct workflow_report *report)
{
	memset(e, 0, sizeof(*e));
	memset(report, 0, sizeof(*report));
	e->s.w = w;
	e->report = report;
	e->s.choice = w->choice;
	e->new_pin = secret_new();
	e->current_pin = secret_new();
	e->current_puk = secret_new();
	e->current_mgmkey = secret_new();
	e->mgmkey = secret_new();
	e->puk_new = secret_new();
}

void
enrolment_let_go(struct enrolment *e)
{
	struct workflow_report *r = e->report;
	struct signer_times t = {0};

	if (e->s.registry == NULL)
		return;
	if (e->s.signer != NULL)
		t = signer_times(e->s.signer);
	signer_closep(&e->s.signer);
	registry_escrow_lockp(&e->s.escrow);
	r->fsync_ns = registry_commit_ns(e->s.registry);
	registry_closep(&e->s.registry); /* its checkpoint counts, too */
	r->wait_ns = t.wait_ns;
	r->kdf_ns = key_kdf_ns + t.kdf_ns;
	r->fsync_ns += file_fsync_ns + t.fsync_ns;
}

void
enrolment_wipe(struct enrolment *e)
{
	struct workflow_report *r = e->report;

	enrolment_let_go(e);
	token_closep(&e->s.token);
	if (e->s.dev != NULL) {
		r->apdus = device_stats(e->s.dev).apdus;
		r->card_ns = device_stats(e->s.dev).card_ns;
	}
	session_wipe(&e->s);
	signer_ca_wipe(&e->ca);
	registry_work_wipe(&e->work);
	secret_freep(&e->new_pin);
	secret_freep(&e->current_pin);
	secret_freep(&e->current_puk);
	secret_freep(&e->current_mgmkey);
	secret_freep(&e->mgmkey);
	secret_freep(&e->puk_new);
	blob_wipe(&e->spki);
	blob_wipe(&e->cert);
}

int
enrolment_look(struct enrolment *e, struct err *err)
{
	struct session *s = &e->s;
	int rc;

	if ((rc = session_registry(s, err)) != 0 || (rc = session_known_token(s, err)) != 0)
		return rc;
	e->report->token = *token_id(s->token);
	e->mgm_alg = device_mgm_best(e->report->token.firmware);
	return registry_row(s->registry, s->serial, &s->row, err);
}

/* ---- small things ---- */

int
enrolment_new_pin(struct enrolment *e, struct err *err)
{
	int rc;

	if (e->s.w->letter == NULL)
		return session_new_pin(&e->s, e->new_pin, err);
	if ((rc = letter_pin(e, e->new_pin, err)) != 0)
		return rc;
	return desk_pin_check(e->new_pin, err);
}

void
enrolment_report_cert(struct enrolment *e)
{
	if (e->cert.len > 0)
		e->report->has_cert =
		    cert_read(e->cert.data, e->cert.len, &e->report->cert, NULL) == 0;
}

void
enrolment_purpose(const struct enrolment *e, char ret[static ENROL_PURPOSE_MAX])
{
	const struct request *r = &e->work.asked;

	snprintf(ret, ENROL_PURPOSE_MAX, "%s%s%s%s%s", e->work.plan, r->why[0] == '\0' ? "" : " ",
	    r->why, r->ticket[0] == '\0' ? "" : ", ticket ", r->ticket);
}

bool
enrolment_recorded(const struct enrolment *e, const char *step)
{
	return e->resumed && registry_step_done(e->s.registry, e->work.id, step);
}

/* precheck: all that can be known before the first change to the token. */

static int
name_ok(const char *text, const char *what, size_t max_chars, struct err *err)
{
	const size_t n = strlen(text);

	if (n == 0)
		return err_set(err, ERR_USAGE, "the %s is empty", what);
	if (!text_is_plain(text))
		return err_set(err, ERR_USAGE,
		    "the %s has control or invisible characters, or is not UTF-8: type it again",
		    what);
	if (text_chars(text) > max_chars)
		return err_set(err, ERR_USAGE,
		    "the %s has %zu characters; a certificate allows %zu: shorten it", what,
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
		    "who is %s? Use --email ADDRESS or --id TEXT to identify the holder", h->name);
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

static int
contents(struct enrolment *e, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0};
	struct token_slot slot = {0};
	bool f9 = false;
	int rc;

	rc = token_get_object(e->s.token, OBJ_CERT_9A, &b, err);
	if ((rc = err_answer(rc, ERR_ABSENT, &e->cert_used, err)) != 0)
		return rc;
	rc = token_slot(e->s.token, ENROL_SLOT, &slot, err);
	blob_wipe(&slot.spki);
	if ((rc = err_answer(rc, ERR_ABSENT, &e->slot_used, err)) != 0)
		return rc;
	rc = token_get_object(e->s.token, OBJ_ADMIN, &b, err);
	if ((rc = err_answer(rc, ERR_ABSENT, &e->admin_used, err)) != 0)
		return rc;
	rc = token_get_cert(e->s.token, DEVICE_SLOT_F9, &e->work.asked.f9, err);
	if ((rc = err_answer(rc, ERR_ABSENT, &f9, err)) != 0)
		return rc;
	if (!f9)
		return err_set(err, ERR_ATTEST,
		    "token %u has no factory attestation (slot F9 is empty), so it cannot prove "
		    "that its keys are in hardware: use another token",
		    e->s.serial);
	return 0;
}

int
precheck(struct enrolment *e, struct err *err)
{
	const int rc = precheck_states(e, err);

	return rc != 0 || !e->plan->ca ? rc : contents(e, err);
}
