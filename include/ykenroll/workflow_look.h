/* SPDX-License-Identifier: BSD-2-Clause */
/* workflow_look: which tokens, of all that are registered. */
#ifndef YKENROLL_WORKFLOW_LOOK_H
#define YKENROLL_WORKFLOW_LOOK_H

#include "ykenroll/registry_look.h"
#include "ykenroll/workflow.h"

/* Known weaknesses of keys by the firmware that made them. */
enum workflow_advisory {
	ADVISORY_ROCA = 1,    /* YSA-2017-01: RSA made on 4.2.6 to 4.3.4 */
	ADVISORY_FIPS = 2,    /* YSA-2019-02: little randomness on the FIPS 4.4.2 and 4.4.4 */
	ADVISORY_EUCLEAK = 4, /* YSA-2024-03: ECDSA before 5.7.0, given the key and the PIN */
};
#define WORKFLOW_ADVISORIES 3
const char *workflow_advisory_name(enum workflow_advisory one); /* "EUCLEAK" */

struct workflow_list {	      /* NULL: any */
	const char *expiring; /* "30d", "12h", "2w": an active certificate ends by then */
	const char *holder;   /* as registry_find has it */
	const char *state;    /* "active", or several with commas */
	const char *firmware; /* "5.7", "<5.7", ">=5.4.3" */
	const char *advisory; /* "ROCA", "EUCLEAK", "YSA-2019-02", "any" */
};
struct workflow_listed {
	struct registry_row row;
	unsigned advisories; /* of the newest certificate's key */
};
/* Calls row for each token that fits all that is given, ordered by serial; a non-zero return of row
 * stops and is returned. Errors: ERR_USAGE a filter that cannot be read, no such holder;
 * ERR_AMBIGUOUS. */
MUST_CHECK int workflow_list(struct registry *r, const struct workflow_list *what,
    int (*row)(void *ctx, const struct workflow_listed *one), void *ctx, struct err *err);

#endif
