/* SPDX-License-Identifier: BSD-2-Clause */
/* plans: all that is ever done to a token, as tables, and how a table is run. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "workflow/run/run.h"

/* ---- the steps ---- */

static const struct plan_step
    /* name, text, done?, run, irreversible, record */
    ended = {"ended", "{takes} the certificates of token {former} ({reason})", NULL, step_replaced,
	true, RECORD},
    replaced = {"replaced", "{takes} the certificates of token {former} ({reason})", NULL,
	step_replaced, true, RECORD},
    superseded = {"superseded", "revoke the certificate that was there ({reason})", NULL,
	step_superseded, true, RECORD},
    revoked = {"revoked", "revoke its certificates ({reason})", NULL, step_revoked, true, RECORD},
    reset = {"reset", "reset the PIV application to factory defaults; erased for good:{lost}", NULL,
	step_reset, true, RECORD_ONCE},
    retries = {"retries",
	"allow {pin-tries} PIN and {puk-tries} PUK tries (resets both to factory defaults)", NULL,
	step_retries, true, RECORD},
    mgmkey = {"management-key",
	"set a random management key ({mgm-alg}), kept in escrow{and-flags}", step_mgmkey_done,
	step_mgmkey, true, RECORD},
    mgmkey_escrow = {"management-key",
	"set a random management key ({mgm-alg}), kept in escrow{and-flags}", step_mgmkey_done,
	step_mgmkey_escrow, true, RECORD},
    puk = {"puk", "set a random PUK, kept in escrow", step_puk_done, step_puk, true, RECORD},
    puk_used = {"puk", "set a new random PUK, since the one in escrow was used elsewhere", NULL,
	step_puk_escrow, true, RECORD_ONCE},
    puk_spent = {"puk", "set a new random PUK with the one from escrow, which is then used up",
	NULL, step_puk_escrow, true, RECORD_ONCE},
    pin = {"pin", "set the holder's PIN", NULL, step_pin, true, RECORD},
    pin_by_puk = {"pin", "set the PIN that the holder chooses{blocked}", NULL, step_pin_by_puk,
	true, RECORD_ONCE},
    key = {"key", "generate an {alg} key in slot 9A{over-key}", step_key_done, step_key, true,
	RECORD},
    same_key = {"same-key", "use the key that is in slot 9A", NULL, step_same_key, false,
	RECORD_NONE},
    record = {"record", "record the certificate in slot 9A, which this CA issued", NULL,
	step_record, false, RECORD},
    identity = {"identity", "write a new card identity (CHUID, CCC)", step_identity_done,
	step_identity, false, RECORD},
    attestation = {"attestation", "have the token attest the key", step_issue_done, step_attest,
	false, RECORD_NONE},
    request = {"request", "sign a request with the key", step_issue_done, step_request, false,
	RECORD_NONE},
    certificate = {"certificate",
	"have the CA check everything and issue a certificate ({profile})", step_issue_done,
	step_issue, true, RECORD_NONE},
    import = {"import", "write the certificate to slot 9A and read it back{over-cert}", NULL,
	step_import, false, RECORD},
    proof = {"proof", "log in with the token (TLS 1.3, CRLs checked)", NULL, step_prove, false,
	RECORD_NONE},
    active = {"active", "record the token as active", NULL, step_activate, false, RECORD_NONE},
    closed = {"closed", "record it, and retire the old PUK", NULL, step_closed, false, RECORD_NONE},
    retired = {"retired", "record the token as retired, and mark its secrets as old", NULL,
	step_retired, false, RECORD_NONE};

/* ---- which of them ---- */

enum {
	FIRST = 1,	  /* the token that this one replaces cannot wait */
	AFTER = 2,	  /* it can */
	MADE_NEW = 4,	  /* of a former life */
	WITH_RETRIES = 8, /* other tries than the factory's were asked for */
	SHOWN_PUK = 16,	  /* somebody was shown the PUK */
	FACTORY_PIN = 32, /* nobody's; any other is the holder's, and stays */
	NEW_KEY = 64,	  /* another key than the one that is there */
	OLD_KEY = 128,	  /* the one that is there */
	RECORDED = 256,	  /* the certificate that is there is this CA's */
	ISSUED = 512,	  /* one is made */
};

/* What is the case in this run: the bits that a row may ask for. */
static unsigned
plan_cases(const struct enrolment *e)
{
	const unsigned flags = e->work.asked.flags;
	const struct workflow_why *why = workflow_why(e->work.asked.why);
	const bool first = why != NULL && why->first;
	unsigned is = 0;

	if (e->work.asked.replaces != 0)
		is |= first ? FIRST : AFTER;
	if (e->pin_tries != 0 && !e->resumed)
		is |= WITH_RETRIES;
	if (e->pin.known && e->pin.factory)
		is |= FACTORY_PIN;
	is |= (flags & WORK_RESET) != 0 ? MADE_NEW : 0;
	is |= (flags & WORK_PUK) != 0 ? SHOWN_PUK : 0;
	is |= (flags & WORK_NEW_KEY) != 0 ? NEW_KEY : OLD_KEY;
	return is | ((flags & WORK_RECORD) != 0 ? RECORDED : ISSUED);
}

/* ---- the plans ---- */

/* Management key first, since probing it costs nothing; the PUK before the PIN, since it can set
 * the PIN again. */
static const struct plan_row enroll_rows[] = {
    {&ended, FIRST},
    {&reset, MADE_NEW},
    {&retries, WITH_RETRIES},
    {&mgmkey, 0},
    {&puk, 0},
    {&pin, 0},
    {&key, 0},
    {&identity, 0},
    {&attestation, 0},
    {&request, 0},
    {&certificate, 0},
    {&import, 0},
    {&proof, 0},
    {&replaced, AFTER},
    {&active, 0},
    {NULL, 0},
};

static const struct plan_row renew_rows[] = {
    {&mgmkey_escrow, 0},
    {&puk_used, SHOWN_PUK},
    {&key, NEW_KEY},
    {&same_key, OLD_KEY},
    {&identity, 0},
    {&attestation, 0},
    {&request, 0},
    {&certificate, 0},
    {&import, 0},
    {&proof, 0},
    {&superseded, 0},
    {&active, 0},
    {NULL, 0},
};

static const struct plan_row adopt_rows[] = {
    {&mgmkey, 0},
    {&puk, 0},
    {&pin, FACTORY_PIN},
    {&key, NEW_KEY},
    {&same_key, OLD_KEY},
    {&record, RECORDED},
    {&identity, ISSUED},
    {&attestation, ISSUED},
    {&request, ISSUED},
    {&certificate, ISSUED},
    {&import, ISSUED},
    {&proof, 0},
    {&active, 0},
    {NULL, 0},
};

/* The PUK first: from then on it is one that is in flight, and a run that goes on after an
 * interruption needs nobody's key to set the PIN. */
static const struct plan_row unblock_rows[] = {
    {&puk_spent, 0},
    {&pin_by_puk, 0},
    {&closed, 0},
    {NULL, 0},
};

static const struct plan_row retire_rows[] = {
    {&revoked, 0},
    {&reset, 0},
    {&retired, 0},
    {NULL, 0},
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
    .escrow = true,
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
    .escrow = true,
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

/* ---- a run ---- */

/* ---- in words, as a plan shows it ---- */

/* Of a reissue by its table; of retire as it was said. */
static const char *
reason(const struct enrolment *e, const struct workflow_why *why)
{
	if (why != NULL)
		return workflow_reason_name((int)why->reason);
	return e->work.asked.why[0] != '\0' ? e->work.asked.why : "superseded";
}

static size_t
put(char *ret, size_t size, size_t at, const char *text, size_t len)
{
	const int n = snprintf(ret + at, size - at, "%.*s", (int)len, text);

	return n < 0 ? at : at + (size_t)n < size ? at + (size_t)n : size - 1;
}

static void
plan_text(const struct enrolment *e, const char *text, char *ret, size_t size)
{
	const struct workflow_why *why = workflow_why(e->work.asked.why);
	char pin_tries[12], puk_tries[12], former[12];
	const struct {
		const char *word, *is;
	} words[] = {
	    {"{lost}", e->lost[0] != '\0' ? e->lost : " nothing but PIN and PUK"},
	    {"{mgm-alg}", device_mgm_name(e->mgm_alg)},
	    {"{and-flags}", e->admin_used ? ", and clear the flags of the old one" : ""},
	    {"{alg}", key_alg_name(e->work.asked.alg)},
	    {"{over-key}", e->slot_used && !e->resumed ? ", which destroys the present key" : ""},
	    {"{over-cert}", e->cert_used && !e->resumed ? ", which replaces the present one" : ""},
	    {"{profile}", e->work.asked.profile},
	    {"{blocked}", e->pin.tries_left == 0 ? " (it is blocked)" : ""},
	    {"{pin-tries}", pin_tries},
	    {"{puk-tries}", puk_tries},
	    {"{takes}", why != NULL && why->hold ? "hold" : "revoke"},
	    {"{former}", former},
	    {"{reason}", reason(e, why)},
	};
	size_t i, len, at = 0;

	snprintf(pin_tries, sizeof(pin_tries), "%u", e->pin_tries);
	snprintf(puk_tries, sizeof(puk_tries), "%u", e->puk_tries);
	snprintf(former, sizeof(former), "%u", (unsigned)e->work.asked.replaces);
	for (ret[0] = '\0'; *text != '\0'; text += len) {
		len = strcspn(text, "{");
		if (len > 0) {
			at = put(ret, size, at, text, len);
			continue;
		}
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strncmp(text, words[i].word, strlen(words[i].word)) == 0)
				break;
		assert(i < sizeof(words) / sizeof(words[0]));
		len = strlen(words[i].word);
		at = put(ret, size, at, words[i].is, strlen(words[i].is));
	}
}

/* ---- one after the other ---- */

/* The first step from row on that is part of this run; NULL: none is left. */
static const struct plan_row *
next(const struct enrolment *e, const struct plan_row *row)
{
	while (row->step != NULL && row->when != 0 && (row->when & plan_cases(e)) == 0)
		row++;
	return row->step == NULL || e->report->n_steps == WORKFLOW_STEPS_MAX ? NULL : row;
}

/* The step's line in the report; its text lives there too, so that it outlives the enrolment. */
static struct desk_step *
report_step(struct enrolment *e, const struct plan_step *s)
{
	struct workflow_report *r = e->report;
	struct desk_step *line = &r->steps[r->n_steps++];

	line->name = s->name;
	plan_text(e, s->text, line->what, sizeof(line->what));
	line->irreversible = s->irreversible;
	line->state = STEP_WAITS;
	line->ms = 0;
	return line;
}

static void
show(const struct enrolment *e, const struct desk_step *line)
{
	const struct desk_ui *ui = &e->s.w->ui;

	if (ui->step != NULL)
		ui->step(ui->ctx, line);
}

void
plan_show(struct enrolment *e)
{
	const struct plan_row *row = e->plan->rows;

	for (; (row = next(e, row)) != NULL; row++)
		show(e, report_step(e, row->step));
}

static int
run_one(struct enrolment *e, const struct plan_step *s, struct desk_step *line, struct err *err)
{
	bool done = s->record == RECORD_ONCE && enrolment_recorded(e, s->name);
	int rc;

	if (s->done != NULL && (rc = s->done(e, &done, err)) != 0)
		return rc;
	if (!done && (rc = s->run(e, err)) != 0)
		return rc;
	/* also when it was found done: its answer may have been lost, and other steps ask */
	if (s->record != RECORD_NONE &&
	    (rc = registry_step(e->s.registry, e->work.id, s->name, NULL, err)) != 0)
		return rc;
	line->state = done ? STEP_ALREADY : STEP_DONE;
	return 0;
}

int
plan_run(struct enrolment *e, struct err *err)
{
	const struct plan_row *row = e->plan->rows;
	struct desk_step *line;
	int64_t start;
	int rc;

	for (; (row = next(e, row)) != NULL; row++) {
		line = report_step(e, row->step);
		start = utc_monotonic_ns();
		rc = run_one(e, row->step, line, err);
		line->ms = (double)(utc_monotonic_ns() - start) / 1e6;
		if (rc != 0)
			line->state = STEP_FAILED;
		show(e, line);
		if (rc != 0)
			return err_wrap(err, "step %s", row->step->name), rc;
	}
	return 0;
}
