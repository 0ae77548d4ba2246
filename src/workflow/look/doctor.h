/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor: what the checks share. */
#ifndef WORKFLOW_DOCTOR_H
#define WORKFLOW_DOCTOR_H

#include "workflow/look/findings.h"

struct doctor {
	const struct desk *w;
	struct findings found;
	struct device_machine machine;
	bool held;	/* a card is */
	int64_t newest; /* the latest time that anything of ours was written with; 0: none known */
};

/* doctor_home.c; in this order, since the first two find the newest time for the third */
void doctor_home(struct doctor *d);
void doctor_crls(struct doctor *d);
void doctor_clock(struct doctor *d);

#endif
