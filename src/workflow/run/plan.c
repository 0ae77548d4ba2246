/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/utc.h"
#include "workflow/run/enrolment.h"

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
