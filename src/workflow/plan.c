/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/utc.h"
#include "workflow/enrolment.h"

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

static bool
wanted(const struct enrolment *e, const struct plan_step *s)
{
	return s->wanted == NULL || s->wanted(e);
}

/* The step's line in the report; its text lives there too, so that it outlives the enrolment. */
static struct workflow_step *
report_step(struct enrolment *e, const struct plan_step *s)
{
	struct workflow_report *r = e->report;
	struct workflow_step *line = &r->steps[r->n_steps++];

	line->name = s->name;
	s->what(e, line->what, sizeof(line->what));
	line->irreversible = s->irreversible;
	line->state = STEP_WAITS;
	line->ms = 0;
	return line;
}

void
plan_show(struct enrolment *e)
{
	const struct plan_step *steps = e->plan->steps;
	const size_t n = e->plan->n;
	struct workflow_step *line;
	size_t i;

	for (i = 0; i < n && e->report->n_steps < WORKFLOW_STEPS_MAX; i++) {
		if (!wanted(e, &steps[i]))
			continue;
		line = report_step(e, &steps[i]);
		if (e->s.w->ui.step != NULL)
			e->s.w->ui.step(e->s.w->ui.ctx, line);
	}
}

static int
run_one(struct enrolment *e, const struct plan_step *s, struct workflow_step *line, struct err *err)
{
	bool done = false;
	int rc;

	if (s->done != NULL && (rc = s->done(e, &done, err)) != 0)
		return rc;
	if (!done && (rc = s->run(e, err)) != 0)
		return rc;
	/* also when it was found done: its answer may have been lost, and other steps ask */
	if (s->recorded && (rc = registry_step(e->s.registry, e->work.id, s->name, NULL, err)) != 0)
		return rc;
	line->state = done ? STEP_ALREADY : STEP_DONE;
	return 0;
}

int
plan_run(struct enrolment *e, struct err *err)
{
	const struct plan_step *steps = e->plan->steps;
	const size_t n = e->plan->n;
	struct workflow_step *line;
	int64_t start;
	size_t i;
	int rc;

	for (i = 0; i < n && e->report->n_steps < WORKFLOW_STEPS_MAX; i++) {
		if (!wanted(e, &steps[i]))
			continue;
		line = report_step(e, &steps[i]);
		start = utc_monotonic_ns();
		rc = run_one(e, &steps[i], line, err);
		line->ms = (double)(utc_monotonic_ns() - start) / 1e6;
		if (rc != 0)
			line->state = STEP_FAILED;
		if (e->s.w->ui.step != NULL)
			e->s.w->ui.step(e->s.w->ui.ctx, line);
		if (rc != 0) {
			err_wrap(err, "step %s", steps[i].name);
			return rc;
		}
	}
	return 0;
}
