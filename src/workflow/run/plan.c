/* SPDX-License-Identifier: BSD-2-Clause */
/* plan: the steps of a run, one after the other, and in words. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "workflow/run/run.h"

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
	    {"{and-flags}", e->admin_used ? ", and clear the flags of the former one" : ""},
	    {"{alg}", key_alg_name(e->work.asked.alg)},
	    {"{over-key}",
		e->slot_used && !e->resumed ? ", which destroys the key that is there" : ""},
	    {"{over-cert}",
		e->cert_used && !e->resumed ? ", which replaces the one that is there" : ""},
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
