/* SPDX-License-Identifier: BSD-2-Clause */
/* retire: the end of a token's life with its holder. */
#include "cli/cli.h"

static char *ticket, *reason;
static int absent;

static const struct poptOption table[] = {
    {"reason", 0, POPT_ARG_STRING, &reason, 0,
	"as in revoke; cessationOfOperation when none is said", "R"},
    {"ticket", 0, POPT_ARG_STRING, &ticket, 0, "for the audit: by whose order", "TEXT"},
    {"absent", 0, POPT_ARG_NONE, &absent, 0, "the token is not here: it is not wiped", NULL},
    {"dry-run", 0, POPT_ARG_NONE, &opt.dry_run, 0, "check, and print what would be done", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_yes, 0, NULL, NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_ca, 0, NULL, NULL},
    OPT_TOKEN_END,
};

static void
show(const struct workflow_report *r)
{
	if (r->already)
		printf("token %u is retired already: nothing was to be done\n", r->token.serial);
	else if (absent)
		printf("token %u is retired; wipe it when it is found: ykenroll retire %u\n",
		    r->token.serial, r->token.serial);
	else
		printf("token %u is retired and as from the factory; enroll --reset gives it to "
		       "somebody else\n",
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

const struct command cmd_retire = {"retire", "the end: revoked, wiped, its secrets closed",
    "[HOLDER|TOKEN]", 0, 1, table, .run = run};
