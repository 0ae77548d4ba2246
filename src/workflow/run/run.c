/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "workflow/run/run.h"

/* ---- what is under way ---- */

int
run_resume(struct enrolment *e, struct err *err)
{
	int rc = registry_work_open(e->s.registry, e->s.serial, &e->work, err);

	if ((rc = err_answer(rc, ERR_ABSENT, &e->resumed, err)) != 0 || !e->resumed)
		return rc;
	e->report->holder = e->work.asked.holder;
	if ((e->plan = plan_find(e->work.plan)) == NULL)
		return err_set(err, ERR_USAGE,
		    "token %u has unfinished work \"%s\", which this version does not support; "
		    "upgrade ykenroll",
		    e->work.asked.token, e->work.plan);
	return 0;
}

int
run_begin(
    struct enrolment *e, const struct plan *plan, const struct request *asked, struct err *err)
{
	struct request known = {0};
	bool there;
	int rc;

	e->plan = plan;
	snprintf(e->work.plan, sizeof(e->work.plan), "%s", plan->name);
	e->work.asked = *asked;
	e->work.asked.token = e->s.serial;
	rc = registry_holder(e->s.registry, asked->holder.key, &known.holder, err);
	if ((rc = err_answer(rc, ERR_ABSENT, &there, err)) == 0)
		request_merge(&e->work.asked, &known);
	e->report->holder = e->work.asked.holder;
	return rc;
}

/* ---- on a token that somebody holds ---- */

static int
one_token_of(struct enrolment *e, int64_t holder, struct err *err)
{
	struct registry_token first;
	size_t n = 0;
	const int rc = registry_tokens_of(e->s.registry, holder, &first, &n, err);

	if (rc == 0 && n == 1 && e->s.choice.serial == 0 && e->s.choice.reader == NULL)
		e->s.choice.serial = first.serial;
	return rc;
}

/* What was said names a token or a holder; the reader must have that one. */
static int
choose(struct enrolment *e, const char *what, int64_t *ret_holder, struct err *err)
{
	uint32_t token = 0;
	int rc;

	*ret_holder = 0;
	if (what == NULL)
		return 0;
	if ((rc = session_find(&e->s, what, &token, ret_holder, err)) != 0)
		return rc;
	if (token == 0)
		return one_token_of(e, *ret_holder, err);
	if (e->s.choice.serial != 0 && e->s.choice.serial != token)
		return err_set(err, ERR_USAGE, "%s and --device %u are different tokens", what,
		    e->s.choice.serial);
	e->s.choice.serial = token;
	return 0;
}

static int
check_row(const struct enrolment *e, int64_t holder, struct err *err)
{
	const struct registry_row *row = &e->s.row;

	if (row->token.serial == 0)
		return err_set(err, ERR_USAGE,
		    "token %u is not in the registry; use ykenroll enroll, or ykenroll adopt if "
		    "it is already in use",
		    e->s.serial);
	if (row->holder.id == 0)
		return err_set(err, ERR_OCCUPIED, "token %u is %s and has no holder: nothing to do",
		    row->token.serial, registry_token_state_name(row->token.state));
	if (holder != 0 && holder != row->holder.id)
		return err_set(err, ERR_AMBIGUOUS,
		    "the token in the reader, %u, belongs to %s (%s), not to the holder you named",
		    row->token.serial, row->holder.name, row->holder.key);
	return 0;
}

int
run_on_held(struct enrolment *e, const char *what, const struct plan *plan, const char *ticket,
    struct err *err)
{
	struct request asked = {0};
	int64_t holder;
	int rc;

	if ((rc = session_registry(&e->s, err)) != 0 || (rc = choose(e, what, &holder, err)) != 0 ||
	    (rc = enrolment_look(e, err)) != 0 || (rc = check_row(e, holder, err)) != 0 ||
	    (rc = run_resume(e, err)) != 0)
		return rc;
	if (e->resumed && e->plan != plan)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has other unfinished work (%s); finish it with: ykenroll recover "
		    "--device %u",
		    e->work.asked.token, e->work.plan, e->work.asked.token);
	if (e->resumed)
		return 0;
	asked.holder = e->s.row.holder;
	if (ticket != NULL && ticket[0] != '\0' &&
	    (rc = request_set(&asked, "ticket", ticket, err)) != 0)
		return rc;
	return run_begin(e, plan, &asked, err);
}

/* ---- the intent ---- */

static bool
renews(const struct enrolment *e, enum registry_secret_kind kind)
{
	if (kind == SECRET_PUK && (e->work.asked.flags & WORK_PUK) != 0)
		return true;
	return (e->plan->secrets & 1u << kind) != 0;
}

static struct secret *
value_of(const struct enrolment *e, enum registry_secret_kind kind)
{
	return kind == SECRET_MGMKEY ? e->mgmkey : e->puk_new;
}

static int
seal_new(struct enrolment *e, enum registry_secret_kind kind, struct registry_sealed *ret,
    struct err *err)
{
	const bool mgm = kind == SECRET_MGMKEY;
	struct secret *value = value_of(e, kind);
	const int rc =
	    mgm ? device_mgm_generate(e->mgm_alg, value, err) : secret_digits(value, 8, err);

	return rc != 0 ? rc
		       : registry_seal(e->s.registry, e->s.serial, kind,
			     mgm ? (uint8_t)e->mgm_alg : 0, value, ret, err);
}

static enum registry_begin
begin_how(const struct enrolment *e)
{
	return e->plan->on ? BEGIN_HELD : e->additional ? BEGIN_MORE : BEGIN_FIRST;
}

/* Written down before it is done: holder, plan, identity and the secrets, sealed, in one
 * transaction. */
static int
write_intent(struct enrolment *e, struct err *err)
{
	struct registry_sealed sealed[SECRET_KINDS] = {0};
	enum registry_secret_kind kind;
	size_t i, n = 0;
	int rc = 0;

	for (kind = 0; rc == 0 && kind < SECRET_KINDS; kind++)
		if (renews(e, kind))
			rc = seal_new(e, kind, &sealed[n++], err);
	if (rc == 0)
		rc = registry_begin(e->s.registry, &e->work, sealed, n, begin_how(e), err);
	for (i = 0; i < SECRET_KINDS; i++)
		registry_sealed_wipe(&sealed[i]);
	return rc;
}

static int
flight_secrets(struct enrolment *e, struct err *err)
{
	enum registry_secret_kind kind;
	uint8_t alg = 0;
	int rc = 0;

	for (kind = 0; rc == 0 && kind < SECRET_KINDS; kind++) {
		if (!renews(e, kind))
			continue;
		rc = registry_flight_open(
		    e->s.registry, e->work.asked.token, kind, value_of(e, kind), &alg, err);
		if (kind == SECRET_MGMKEY)
			e->mgm_alg = (enum device_mgm_alg)alg;
	}
	if (rc != 0)
		err_wrap(err, "secrets in flight of token %u", e->work.asked.token);
	return rc;
}

/* ---- the run ---- */

/* What CA, registry and escrow would refuse, asked before anybody is asked for anything. */
static int
would_be_refused(struct enrolment *e, struct err *err)
{
	int rc;

	if (e->plan->ca && ((rc = session_look(&e->s, err)) != 0 ||
			       (rc = signer_precheck(e->s.look, &e->work.asked, err)) != 0))
		return rc;
	if (e->resumed)
		return 0;
	if ((rc = registry_begin_check(
		 e->s.registry, &e->work, begin_how(e), steps_reset_recycles(e), err)) != 0)
		return rc;
	return e->plan->escrow ? workflow_escrow_check(e->s.w, NULL, err) : 0;
}

/* All that can be known before anybody is asked for anything, also for --dry-run. */
static int
check(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = letter_check(e->s.w, err)) != 0 || (rc = precheck(e, err)) != 0 ||
	    (rc = e->plan->check(e, err)) != 0)
		return rc;
	/* the card's name to be is among what the CA is asked for */
	if (!e->resumed && (rc = session_guid(e->work.asked.guid, err)) != 0)
		return rc;
	rc = would_be_refused(e, err);
	signer_closep(&e->s.look);
	return rc;
}

/* What is left of it when it is interrupted before anything was changed in this run. */
static void
about(struct enrolment *e)
{
	char left[128];

	if (e->resumed)
		snprintf(left, sizeof(left),
		    "its work stays open; continue with: ykenroll recover --device %u",
		    e->work.asked.token);
	else
		snprintf(left, sizeof(left), "token %u is as it was: run this again", e->s.serial);
	session_about(&e->s, &e->work.asked.holder, left);
}

static int
before_the_intent(struct enrolment *e, struct err *err)
{
	int rc;

	about(e);
	if ((e->plan->ca || e->plan->signer) && (rc = session_signer(&e->s, err)) != 0)
		return rc;
	if (e->plan->ca && (rc = signer_ca(e->s.signer, &e->ca, err)) != 0)
		return rc;
	return e->plan->ask(e, err);
}

int
run_plan(struct enrolment *e, struct err *err)
{
	int rc;

	e->work.asked.slot = ENROL_SLOT;
	memcpy(e->work.asked.firmware, e->report->token.firmware, sizeof(e->work.asked.firmware));
	if ((rc = check(e, err)) != 0)
		return rc;
	if (e->s.w->dry_run) {
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
	session_about(&e->s, &e->work.asked.holder, ""); /* what follows has its own word */
	if ((rc = plan_run(e, err)) != 0)
		err_hint(err, "%snothing is lost: continue with ykenroll recover --device %u",
		    rc == ERR_GONE ? "plug the token in again; " : "", e->work.asked.token);
	enrolment_report_cert(e);
	if (rc != 0 || (rc = letter_finish(e, err)) != 0)
		return rc;
	/* neither card nor CA is kept waiting for a server */
	token_closep(&e->s.token);
	enrolment_let_go(e);
	return steps_tell_servers(e, err);
}
