/* SPDX-License-Identifier: BSD-2-Clause */
/* look: what check and doctor share, and what the two files of doctor do. */
#ifndef WORKFLOW_LOOK_H
#define WORKFLOW_LOOK_H

#include <stdarg.h>

#include "desk/session.h"
#include "ykenroll/workflow.h"

/* ---- findings: what was found ---- */

struct findings {
	struct workflow_finding *list; /* WORKFLOW_FINDINGS_MAX */
	size_t n;
	uint32_t token; /* of a mismatch */
	int code;	/* of what is being looked at */
	int first_code; /* of the first that was found not well; 0: none was */
};

/* One more. id: for programs, in doc/formats.md; NULL where all is well. fix: what mends it, or
 * NULL. */
void findings_add(struct findings *f, enum workflow_level level, const char *id, const char *what,
    const char *fix, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* One of the mismatches between token and registry, by its id. */
void findings_mismatch(struct findings *f, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- doctor ---- */

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
