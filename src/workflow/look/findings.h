/* SPDX-License-Identifier: BSD-2-Clause */
/* findings: what check and doctor found. */
#ifndef WORKFLOW_FINDINGS_H
#define WORKFLOW_FINDINGS_H

#include <stdarg.h>

#include "ykenroll/workflow.h"

struct findings {
	struct workflow_finding *list; /* WORKFLOW_FINDINGS_MAX */
	size_t n;
	int code;	/* of what is being looked at */
	int first_code; /* of the first that was found not well; 0: none was */
};

/* One more. fix: what mends it, or NULL. */
void findings_add(struct findings *f, enum workflow_level level, const char *what, const char *fix,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* One of the mismatches between token and registry, by its id. */
void findings_mismatch(struct findings *f, uint32_t token, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
