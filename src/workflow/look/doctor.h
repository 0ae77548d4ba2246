/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor: what the checks share. */
#ifndef WORKFLOW_DOCTOR_H
#define WORKFLOW_DOCTOR_H

#include "ykenroll/workflow.h"

struct doctor {
	const struct desk *w;
	struct workflow_diagnosis *list;
	size_t n;
	struct device_machine machine;
	bool held;	/* a card is */
	int code;	/* of the check that is running */
	int first_code; /* of the first one that found something not well */
	int64_t newest; /* the latest time that anything of ours was written with; 0: none known */
};

/* Add a finding. fix: the command that mends it, or NULL. */
void doctor_found(struct doctor *d, enum workflow_level level, const char *what, const char *fix,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* doctor_home.c; in this order, since the first two find the newest time for the third */
void doctor_home(struct doctor *d);
void doctor_crls(struct doctor *d);
void doctor_clock(struct doctor *d);

#endif
