/* SPDX-License-Identifier: BSD-2-Clause */
/* steps_close: a work is done, and recorded as such. */
#include <stdio.h>

#include "workflow/step/steps.h"

int
step_activate(struct enrolment *e, struct err *err)
{
	const struct handshake_result *p = &e->report->proof;
	char proof[200];

	snprintf(proof, sizeof(proof), "%s %s %s", p->protocol, p->cipher, p->signature);
	return registry_finish(e->s.registry, e->work.id, proof, err);
}

int
step_closed(struct enrolment *e, struct err *err)
{
	return registry_close(
	    e->s.registry, e->work.id, e->s.row.token.state, "new PIN and new PUK", err);
}

int
step_retired(struct enrolment *e, struct err *err)
{
	char note[64];

	snprintf(note, sizeof(note), "wiped, %s", e->work.asked.why);
	return registry_close(e->s.registry, e->work.id, TOKEN_RETIRED, note, err);
}
