/* SPDX-License-Identifier: BSD-2-Clause */
/* backup, restore: a home as a whole. */
#include <jansson.h>

#include "cli/cli.h"
#include "ykenroll/workflow_move.h"

static int
show(const char *done, const char *dir, const struct workflow_moved *m, struct err *err)
{
	if (opt.json)
		return render_json(json_pack("{s:s, s:s, s:I, s:s, s:I, s:b, s:I}", "directory",
				       dir, "home", opt.home_path, "files", (json_int_t)m->files,
				       "made", m->made, "audit_rows", (json_int_t)m->rows, "ca",
				       (int)m->has_ca, "crl_number", (json_int_t)m->number),
		    err);
	printf("%s: %zu files of %s, %llu audit rows%s\n", done, m->files, m->made,
	    (unsigned long long)m->rows, m->has_ca ? ", with the CA" : ", without a CA");
	return 0;
}

/* ---- backup ---- */

static int no_ca;

static const struct poptOption table_backup[] = {
    {"no-ca", 0, POPT_ARG_NONE, &no_ca, 0, "without ca/: its keys are backed up elsewhere", NULL},
    OPT_END,
};

static int
run_backup(struct called *c, struct err *err)
{
	struct workflow_moved m;
	int rc;

	if ((rc = workflow_backup(&c->desk, c->args[0], no_ca != 0, &m, err)) != 0 ||
	    (rc = show("backed up and read back", c->args[0], &m, err)) != 0 || opt.json)
		return rc;
	printf("keep %s as the home itself: names are in it, and keys that only a passphrase "
	       "protects\n",
	    render_escaped(c->args[0]));
	return 0;
}

const struct command cmd_backup = {"backup", "a copy of the home, while it is in use", "DIR", 1, 1,
    table_backup, .run = run_backup};

/* ---- restore ---- */

static char *crl;
static int accept_older;

static const struct poptOption table_restore[] = {
    {"crl", 0, POPT_ARG_STRING, &crl, 0, "the newest CRL that servers have, in PEM", "FILE"},
    {"accept-older", 0, POPT_ARG_NONE, &accept_older, 0,
	"go on with a backup that is older than that, or that nobody can compare", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_ca, 0, NULL, NULL},
    OPT_END,
};

static int
run_restore(struct called *c, struct err *err)
{
	const struct workflow_restore what = {c->args[0], crl, accept_older != 0};
	struct signer_restored shown;
	struct workflow_moved m;
	int rc;

	if ((rc = make_home(err)) != 0 ||
	    (rc = workflow_restore(&c->desk, &what, &m, &shown, err)) != 0 ||
	    (rc = show("restored", c->args[0], &m, err)) != 0 || opt.json)
		return rc;
	if (shown.issuing.shown)
		printf("the next CRL has number %llu or more, and all that number %llu lists\n",
		    (unsigned long long)shown.issuing.number + 1,
		    (unsigned long long)shown.issuing.number);
	printf("the home that it was made of must not sign any more; next: ykenroll doctor\n");
	return 0;
}

const struct command cmd_restore = {
    "restore", "a home from a backup", "DIR", 1, 1, table_restore, .run = run_restore};
