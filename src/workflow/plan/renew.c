/* SPDX-License-Identifier: BSD-2-Clause */
/* renew: a new certificate on a token that stays with its holder: it ends soon, or the holder has
 * another name. The old one is good until the new one is proved. */
#include <stdio.h>
#include <string.h>

#include "workflow/run/run.h"
#include "workflow/step/steps.h"
#include "ykenroll/registry_escrow.h"

static int
fill(struct enrolment *e, const struct workflow_reissue *what, struct err *err)
{
	struct registry_work *work = &e->work;
	int rc;

	snprintf(work->profile, sizeof(work->profile), "%s", what->profile);
	snprintf(work->why, sizeof(work->why), "%s", what->why->name);
	work->days = what->days;
	work->key_alg = (uint8_t)what->alg;
	work->pin_policy = what->pin_policy;
	work->touch_policy = what->touch_policy;
	work->flags = what->new_key ? WORK_NEW_KEY : 0;
	if ((rc = enrolment_copy(work->ticket, what->ticket, "ticket", err)) != 0)
		return rc;
	if (what->name != NULL &&
	    (rc = enrolment_copy(work->holder.name, what->name, "name", err)) != 0)
		return rc;
	return what->email == NULL
		   ? 0
		   : enrolment_copy(work->holder.email, what->email, "e-mail address", err);
}

static int
check_name(const struct enrolment *e, struct err *err)
{
	const struct holder *h = &e->work.holder;
	const struct workflow_enroll named = {
	    .name = h->name, .key = h->key, .email = h->email[0] != '\0' ? h->email : NULL};

	return precheck_names(&named, err);
}

int
renew_token(struct enrolment *e, const struct workflow_reissue *what, struct err *err)
{
	int rc;

	if ((rc = run_on_held(e, what->what, &plan_renew, err)) != 0)
		return rc;
	if (e->resumed && strcmp(e->work.why, what->why->name) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "a reissue of token %u (%s) is not finished; finish it with: ykenroll recover "
		    "--device %u",
		    e->work.serial, e->work.why, e->work.serial);
	if (!e->resumed && ((rc = fill(e, what, err)) != 0 || (rc = check_name(e, err)) != 0))
		return rc;
	return run_plan(e, err);
}
