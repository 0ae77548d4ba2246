/* SPDX-License-Identifier: BSD-2-Clause */
/* renew: a new certificate on a token that stays with its holder: it ends soon, or the holder has
 * another name. The old one is good until the new one is proved. */
#include <stdio.h>
#include <string.h>

#include "workflow/run/run.h"
#include "workflow/step/steps.h"
#include "ykenroll/registry_escrow.h"

int
renew_request(
    struct registry *r, const struct registry_row *former, struct request *asked, struct err *err)
{
	struct request stored = {.holder = former->holder};
	struct err why = ERR_INIT;
	const int rc = registry_request(r, former->token.serial, &stored, &why);

	if (rc != 0 && rc != ERR_ABSENT) {
		*err = why;
		return rc;
	}
	request_merge(asked, &stored);
	request_merge(asked, &workflow_usual);
	return precheck_names(&asked->holder, err);
}

static int
fill(struct enrolment *e, const struct workflow_reissue *what, struct err *err)
{
	struct request asked = what->asked;
	const int rc = renew_request(e->s.registry, &e->s.row, &asked, err);

	if (rc != 0)
		return rc;
	asked.hours = 0;
	asked.flags = what->new_key ? WORK_NEW_KEY : 0;
	snprintf(asked.why, sizeof(asked.why), "%s", what->why->name);
	return run_begin(e, &plan_renew, &asked, err);
}

int
renew_token(struct enrolment *e, const struct workflow_reissue *what, struct err *err)
{
	int rc;

	if ((rc = run_on_held(e, what->what, &plan_renew, NULL, err)) != 0)
		return rc;
	if (e->resumed && strcmp(e->work.asked.why, what->why->name) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "a reissue of token %u (%s) is not finished; finish it with: ykenroll recover "
		    "--device %u",
		    e->work.asked.token, e->work.asked.why, e->work.asked.token);
	if (!e->resumed && (rc = fill(e, what, err)) != 0)
		return rc;
	return run_plan(e, err);
}
