/* SPDX-License-Identifier: BSD-2-Clause */
/* plan: work as a table of steps, run forward only. The registry knows a plan by its name, so that
 * `recover` can go on with it: names of plans and of recorded steps are never changed. The tables
 * are in plans.c. */
#ifndef WORKFLOW_PLAN_H
#define WORKFLOW_PLAN_H

#include "ykenroll/workflow.h"

struct enrolment; /* enrolment.h */

struct plan_step {
	const char *name;
	const char *text; /* one line for people; {words} are plan_text.c's */
	/* Is it done already? Asks token and registry, changes nothing. NULL: never. */
	int (*done)(struct enrolment *e, bool *ret, struct err *err);
	int (*run)(struct enrolment *e, struct err *err);
	bool irreversible; /* on the token */
	enum plan_record {
		RECORD_NONE,
		RECORD,	     /* registry_step when it has been run */
		RECORD_ONCE, /* and then it is done, whatever the token says */
	} record;
};

struct plan_row {
	const struct plan_step *step;
	unsigned when; /* one of plan_cases' bits; 0: always part of a run */
};

struct plan {
	const char *name;	     /* as the registry has it */
	const struct plan_row *rows; /* up to one without a step */
	unsigned secrets; /* bits 1 << enum registry_secret_kind: what gets a new value */
	bool on;	  /* on a token that somebody holds: BEGIN_HELD */
	bool ca;	  /* a certificate is made: what the CA can refuse is known before */
	bool signer;	  /* the CA is needed all the same */
	/* Before the first change, fresh and resumed: what can be known of the token. Spends no
	 * try. */
	int (*check)(struct enrolment *e, struct err *err);
	/* After that, and not for --dry-run: secrets from people and from escrow. */
	int (*ask)(struct enrolment *e, struct err *err);
};

extern const struct plan plan_enroll, plan_reissue, plan_renew, plan_unblock, plan_adopt,
    plan_retire;

/* NULL: there is none of that name. */
const struct plan *plan_find(const char *name);

/* What is the case in this run: the bits that a row may ask for. */
unsigned plan_cases(const struct enrolment *e);

/* A step's text, of this run. */
void plan_text(const struct enrolment *e, const char *text, char *ret, size_t size);

/* Fill the report with the steps as they would run, touching nothing. */
void plan_show(struct enrolment *e);

/* Run what is not done. Stops at the first error, wrapped with the step's name. */
MUST_CHECK int plan_run(struct enrolment *e, struct err *err);

#endif
