/* SPDX-License-Identifier: BSD-2-Clause */
/* plan: work as a table of steps, run forward only. */
#ifndef WORKFLOW_PLAN_H
#define WORKFLOW_PLAN_H

#include "ykenroll/workflow.h"

struct enrolment; /* enrolment.h */

struct plan_step {
	const char *name;
	/* One line for people; uses e's options. */
	void (*what)(const struct enrolment *e, char *ret, size_t size);
	/* Is it done already? Asks token and registry, changes nothing. NULL: never. */
	int (*done)(struct enrolment *e, bool *ret, struct err *err);
	int (*run)(struct enrolment *e, struct err *err);
	bool irreversible; /* on the token */
	bool recorded;	   /* registry_step when it has been run */
	/* Is the step part of this run at all? NULL: yes. */
	bool (*wanted)(const struct enrolment *e);
};

extern const struct plan_step plan_enroll[];
extern const size_t plan_enroll_n;

/* Fill the report with the steps as they would run, touching nothing. */
void plan_show(struct enrolment *e, const struct plan_step *steps, size_t n);

/* Run what is not done. Stops at the first error, wrapped with the step's name. */
MUST_CHECK int plan_run(
    struct enrolment *e, const struct plan_step *steps, size_t n, struct err *err);

#endif
