/* SPDX-License-Identifier: BSD-2-Clause */
/* ca crl: a new CRL now. */
#include <jansson.h>

#include "cli/cli.h"

static int root;
static char *root_pass;

static const struct poptOption table[] = {
    OPT_FLAG("root", 0, &root, "the root's CRL; needs ca/root.key while this runs"),
    OPT_TEXT("root-pass", 0, &root_pass,
	"passphrase of the root's key, if different: prompt, file:PATH or fd:N", "SPEC"),
    OPT_TABLE(opt_ca),
    OPT_END,
};

static int
show(const struct crl_info *crl, struct err *err)
{
	const char *which = root ? "root" : "issuing";

	if (opt.json)
		return render_json(
		    json_pack("{s:s, s:I, s:I, s:s}", "ca", which, "crl_number",
			(json_int_t)crl->number, "crl_entries", (json_int_t)crl->entries,
			"crl_next_update", render_time(crl->next_update)),
		    err);
	printf("%s CRL number %llu, %zu entries, until %s, in %s/pub/%s.crl\n", which,
	    (unsigned long long)crl->number, crl->entries, render_when(crl->next_update),
	    render_escaped(opt.home_path), which);
	return 0;
}

static int
run(struct called *c, struct err *err)
{
	struct crl_info crl;
	int rc;

	if (root_pass != NULL && !root)
		return err_set(err, ERR_USAGE, "--root-pass can be used only with --root");
	if ((rc = workflow_crl(&c->desk, root != 0, root_pass, &crl, err)) != 0)
		return rc;
	return show(&crl, err);
}

const struct command cmd_ca_crl = {
    "ca crl", "sign and publish a new CRL now", NULL, 0, 0, table, .run = run};
