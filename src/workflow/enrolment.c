/* SPDX-License-Identifier: BSD-2-Clause */
/* enrolment: one run of a plan: opening, the intent, and going on after an interruption. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "workflow/letter.h"
#include "workflow/steps.h"
#include "ykenroll/registry_escrow.h"

/* ---- life ---- */

void
enrolment_init(struct enrolment *e, const struct workflow *w, struct workflow_report *report)
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

/* Registry and signer are let go, and what they took is added up, once. */
static void
take_times(struct enrolment *e)
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

	take_times(e);
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
	blob_wipe(&e->f9);
	blob_wipe(&e->spki);
	blob_wipe(&e->leaf);
	blob_wipe(&e->csr);
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
	return session_row(s->registry, s->serial, &s->row, err);
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
	return workflow_pin_check(e->new_pin, err);
}

int
enrolment_copy(
    char ret[static REGISTRY_TEXT_MAX], const char *text, const char *what, struct err *err)
{
	if (text != NULL && strlen(text) >= REGISTRY_TEXT_MAX)
		return err_set(
		    err, ERR_USAGE, "the %s is longer than %d bytes", what, REGISTRY_TEXT_MAX - 1);
	snprintf(ret, REGISTRY_TEXT_MAX, "%s", text == NULL ? "" : text);
	return 0;
}

void
enrolment_report_cert(struct enrolment *e)
{
	if (e->cert.len > 0)
		e->report->has_cert =
		    cert_read(e->cert.data, e->cert.len, &e->report->cert, NULL) == 0;
}

/* ---- the intent ---- */

static bool
renews(const struct enrolment *e, enum registry_secret_kind kind)
{
	if (kind == SECRET_PUK && (e->work.flags & WORK_PUK) != 0)
		return true;
	return (e->plan->secrets & 1u << kind) != 0;
}

static int
seal_new(struct enrolment *e, struct registry_sealed sealed[static SECRET_KINDS], size_t *n,
    struct err *err)
{
	const uint32_t serial = e->s.serial;
	int rc;

	if (renews(e, SECRET_MGMKEY)) {
		if ((rc = device_mgm_generate(e->mgm_alg, e->mgmkey, err)) != 0 ||
		    (rc = registry_seal(e->s.registry, serial, SECRET_MGMKEY, (uint8_t)e->mgm_alg,
			 e->mgmkey, &sealed[*n], err)) != 0)
			return rc;
		++*n;
	}
	if (renews(e, SECRET_PUK)) {
		if ((rc = secret_digits(e->puk_new, 8, err)) != 0 ||
		    (rc = registry_seal(
			 e->s.registry, serial, SECRET_PUK, 0, e->puk_new, &sealed[*n], err)) != 0)
			return rc;
		++*n;
	}
	return 0;
}

/* Written down before it is done: holder, plan, identity and the secrets, sealed, in one
 * transaction. */
static int
write_intent(struct enrolment *e, struct err *err)
{
	struct registry_sealed sealed[SECRET_KINDS] = {0};
	size_t i, n = 0;
	int rc;

	if ((rc = session_guid(e->work.guid, err)) == 0 && (rc = seal_new(e, sealed, &n, err)) == 0)
		rc = e->plan->on ? registry_begin_on(e->s.registry, &e->work, sealed, n, err)
				 : registry_begin(e->s.registry, &e->work,
				       e->report->token.firmware, sealed, n, e->additional, err);
	for (i = 0; i < SECRET_KINDS; i++)
		registry_sealed_wipe(&sealed[i]);
	return rc;
}

static int
flight_secrets(struct enrolment *e, struct err *err)
{
	uint8_t alg = 0, none;
	int rc = 0;

	if (renews(e, SECRET_MGMKEY)) {
		rc = registry_flight_open(
		    e->s.registry, e->work.serial, SECRET_MGMKEY, e->mgmkey, &alg, err);
		e->mgm_alg = (enum device_mgm_alg)alg;
	}
	if (rc == 0 && renews(e, SECRET_PUK))
		rc = registry_flight_open(
		    e->s.registry, e->work.serial, SECRET_PUK, e->puk_new, &none, err);
	if (rc != 0)
		err_wrap(err, "secrets in flight of token %u", e->work.serial);
	return rc;
}

/* ---- the run ---- */

int
enrolment_resume(struct enrolment *e, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = registry_work_open(e->s.registry, e->s.serial, &e->work, &why);

	if ((rc = err_answer(rc, ERR_ABSENT, &e->resumed, &why, err)) != 0 || !e->resumed)
		return rc;
	e->report->holder = e->work.holder;
	if ((e->plan = plan_find(e->work.plan)) == NULL)
		return err_set(err, ERR_USAGE,
		    "the work on token %u is \"%s\", which this version does not know; upgrade "
		    "ykenroll",
		    e->work.serial, e->work.plan);
	return 0;
}

static int
before_the_intent(struct enrolment *e, struct err *err)
{
	int rc;

	if (e->plan->ca && (rc = precheck_ca(e, err)) != 0)
		return rc;
	if (e->plan->signer && (rc = session_signer(&e->s, err)) != 0)
		return rc;
	return e->plan->ask == NULL ? 0 : e->plan->ask(e, err);
}

int
enrolment_run(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = letter_check(e->s.w, err)) != 0 || (rc = e->plan->check(e, err)) != 0)
		return rc;
	if (e->s.w->dry_run) {
		e->report->holder = e->work.holder;
		plan_show(e);
		return 0;
	}
	if ((rc = before_the_intent(e, err)) != 0)
		return rc;
	rc = e->resumed ? flight_secrets(e, err) : write_intent(e, err);
	/* Later another PUK is ours. Where a crash left this out, it is asked for instead. */
	if (rc == 0 && renews(e, SECRET_PUK) && e->puk.known && e->puk.factory)
		rc = registry_step(e->s.registry, e->work.id, STEP_PUK_FACTORY, NULL, err);
	if (rc != 0 || (rc = letter_keep(e, err)) != 0)
		return rc;
	e->report->holder = e->work.holder;
	if ((rc = plan_run(e, err)) != 0)
		err_hint(err, "%snothing is lost: ykenroll recover --device %u goes on from here",
		    rc == ERR_GONE ? "plug the token in again; " : "", e->work.serial);
	enrolment_report_cert(e);
	if (rc != 0 || (rc = letter_finish(e, err)) != 0)
		return rc;
	/* neither card nor CA is kept waiting for a server */
	token_closep(&e->s.token);
	take_times(e);
	return steps_tell_servers(e, err);
}

/* ---- recover ---- */

static int
give_up(struct enrolment *e, struct err *err)
{
	int rc;

	if (e->work.has_cert && (rc = session_signer(&e->s, err)) != 0)
		return rc;
	if ((rc = steps_abandon_cert(e, err)) != 0)
		return rc;
	return registry_give_up(e->s.registry, e->work.id, "given up by the operator", err);
}

int
workflow_recover(const struct workflow *w, bool give, struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;
	int rc;

	enrolment_init(&e, w, ret);
	if ((rc = enrolment_look(&e, err)) != 0)
		return rc;
	rc = enrolment_resume(&e, err);
	if (e.resumed && give)
		return give_up(&e, err);
	if (rc != 0)
		return rc;
	if (!e.resumed) {
		ret->already = true;
		return 0;
	}
	return enrolment_run(&e, err);
}
