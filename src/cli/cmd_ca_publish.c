/* SPDX-License-Identifier: BSD-2-Clause */
/* ca publish: what servers read, into a directory of theirs. */
#include <jansson.h>

#include "base/utc.h"
#include "cli/cli.h"
#include "ykenroll/workflow_ca.h"

static char *reload;

static const struct poptOption table[] = {
    {"reload", 0, POPT_ARG_STRING, &reload, 0,
	"run this when all is in place (no shell): \"systemctl reload nginx\"", "COMMAND"},
    {"force", 0, POPT_ARG_NONE, &opt.force, 0, "also over a newer CRL, or one with more entries",
	NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_common, 0, "Common options:", NULL},
    POPT_AUTOHELP POPT_TABLEEND,
};

static int
show(const char *dir, const struct workflow_published *p, struct err *err)
{
	char ends[2][UTC_TEXT_LEN];

	utc_text(p->crls[0].next_update, ends[0]);
	utc_text(p->crls[1].next_update, ends[1]);
	if (opt.json)
		return render_json(
		    json_pack("{s:s, s:I, s:{s:I, s:s}, s:{s:I, s:s}, s:b}", "directory", dir,
			"written", (json_int_t)p->written, "issuing", "crl_number",
			(json_int_t)p->crls[0].number, "crl_next_update", ends[0], "root",
			"crl_number", (json_int_t)p->crls[1].number, "crl_next_update", ends[1],
			"reloaded", reload != NULL),
		    err);
	printf(
	    "%s: %zu file%s written; issuing CRL number %llu until %s, root CRL number %llu until "
	    "%s\n",
	    render_escaped(dir), p->written, p->written == 1 ? "" : "s",
	    (unsigned long long)p->crls[0].number, ends[0], (unsigned long long)p->crls[1].number,
	    ends[1]);
	return 0;
}

int
cmd_ca_publish(int argc, const char **argv, struct err *err)
{
	struct workflow_published done;
	const char *args[1] = {NULL};
	struct workflow w;
	size_t n;
	int rc;

	if ((rc = opt_parse(
		 argc, argv, "ca publish", "DIR [OPTION...]", table, args, 1, &n, err)) != 0 ||
	    (rc = opt_workflow(&w, err)) != 0)
		return rc;
	if (n != 1)
		return err_set(err, ERR_USAGE, "ykenroll ca publish DIR");
	rc = workflow_publish(&w, &(struct workflow_publish){args[0], reload}, &done, err);
	return rc != 0 ? rc : show(args[0], &done, err);
}
