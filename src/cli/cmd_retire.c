/* SPDX-License-Identifier: BSD-2-Clause */
/* retire: the end of a token's life with its holder. */
#include "cli/cli.h"

static char *ticket, *reason;
static int absent;

static const struct poptOption table[] = {
    OPT_TEXT("reason", 0, &reason, "as for revoke (default: cessationOfOperation)", "R"),
    OPT_TEXT("ticket", 0, &ticket, "ticket or order number, for the audit log", "TEXT"),
    OPT_FLAG("absent", 0, &absent, "the token is not here, so it is not reset"),
    OPT_FLAG("dry-run", 0, &opt.dry_run, "check, and show what would be done"),
    OPT_TABLE(opt_yes),
    OPT_TABLE(opt_ca),
    OPT_TOKEN_END,
};

static void
show(const struct workflow_report *r)
{
	if (r->already)
		printf("token %u is already retired: nothing to do\n", r->token.serial);
	else if (absent)
		printf("token %u is retired; when it is found, reset it with: ykenroll retire %u\n",
		    r->token.serial, r->token.serial);
	else
		printf(
		    "token %u is retired and reset to factory defaults; give it to another holder "
		    "with: ykenroll enroll --reset\n",
		    r->token.serial);
}

static int
run(struct called *c, struct err *err)
{
	struct workflow_report report = {0};
	struct workflow_retire what = {.reason = REASON_CESSATION};
	int rc;

	if ((reason != NULL && (rc = workflow_reason(reason, &what.reason, err)) != 0))
		return rc;
	what.what = c->args[0];
	what.ticket = ticket;
	what.absent = absent != 0;
	rc = workflow_retire(&c->desk, &what, &report, err);
	if (opt.json || rc != 0 || opt.dry_run)
		return enroll_show(&report, rc, err);
	show(&report);
	return 0;
}

const struct command cmd_retire = {"retire",
    "decommission a token: revoke its certificates and reset it", "[HOLDER|TOKEN]", 0, 1, table,
    .run = run};
