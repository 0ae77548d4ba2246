/* SPDX-License-Identifier: BSD-2-Clause */
/* unblock: a new PIN, with the PUK that only the escrow has. */
#include "cli/cli.h"
#include "ykenroll/workflow_life.h"

static char *ticket;

static const struct poptOption table[] = {
    {"pin", 0, POPT_ARG_STRING, &face.new_pin, 0,
	"the holder's new PIN: prompt (twice, no echo), file:PATH or fd:N", "SPEC"},
    {"ticket", 0, POPT_ARG_STRING, &ticket, 0, "for the audit: by whose order", "TEXT"},
    {"dry-run", 0, POPT_ARG_NONE, &opt.dry_run, 0, "check, and print what would be done", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_escrow, 0, NULL, NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_token, 0, "Which token:", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_common, 0, "Common options:", NULL},
    POPT_AUTOHELP POPT_TABLEEND,
};

int
cmd_unblock(int argc, const char **argv, struct err *err)
{
	struct workflow_report report = {0};
	struct workflow_unblock what = {0};
	const char *args[1] = {NULL};
	struct workflow w;
	size_t n;
	int rc;

	if ((rc = opt_parse(argc, argv, "unblock", "[HOLDER|TOKEN] [OPTION...]", table, args, 1, &n,
		 err)) != 0 ||
	    (rc = enroll_check_specs(err)) != 0 || (rc = opt_workflow(&w, err)) != 0)
		return rc;
	what.what = args[0];
	what.ticket = ticket;
	rc = workflow_unblock(&w, &what, &report, err);
	if (opt.json || rc != 0 || opt.dry_run)
		return enroll_show(&report, rc, err);
	printf("token %u of %s: the PIN is set, and a new PUK is in escrow\n", report.token.serial,
	    render_escaped(report.holder.name));
	return 0;
}
