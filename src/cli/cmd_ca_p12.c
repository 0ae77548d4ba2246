/* SPDX-License-Identifier: BSD-2-Clause */
/* ca p12: a software key with its certificate and chain in one file. */
#include <jansson.h>
#include <string.h>

#include "cli/cmd_ca_issue.h"

#define PASS_LEAST 8 /* bytes; the file can be tried offline */

static char *pass_spec, *algorithm;
static int compat;

static const struct poptOption table[] = {
    {"profile", 0, POPT_ARG_STRING, &ca_opt.profile, 0,
	"software (default), or one of ykenroll.conf with key = software", "NAME"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, ca_opt_names, 0, NULL, NULL},
    {"out", 0, POPT_ARG_STRING, &ca_opt.out, 0, "the file to write", "FILE"},
    {"p12-pass", 0, POPT_ARG_STRING, &pass_spec, 0,
	"its passphrase: prompt (twice), file:PATH or fd:N", "SPEC"},
    {"compat", 0, POPT_ARG_NONE, &compat, 0, "3DES and SHA-1, for importers that do not know AES",
	NULL},
    {"algorithm", 0, POPT_ARG_STRING, &algorithm, 0,
	"ECCP256 (default), ECCP384, RSA2048, RSA3072, RSA4096", "ALG"},
    {"force", 0, POPT_ARG_NONE, &opt.force, 0, "replace FILE", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_ca, 0, NULL, NULL},
    OPT_END,
};

static int
long_enough(const struct secret *pass, struct err *err)
{
	return pass->len >= PASS_LEAST
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "the file's passphrase needs at least %d characters: whoever has the file "
			 "may try as often as they like",
			 PASS_LEAST);
}

static int
options(struct workflow_p12 *what, struct blob *subject, struct err *err)
{
	int rc;

	if ((rc = ca_opt_take(&what->issue, subject, err)) != 0 ||
	    (rc = prompt_check_spec(pass_spec, "--p12-pass", err)) != 0)
		return rc;
	what->issue.profile = ca_opt.profile == NULL ? "software" : ca_opt.profile;
	what->alg = algorithm == NULL ? KEY_P256 : key_alg_parse(algorithm);
	what->compat = compat != 0;
	what->path = ca_opt.out;
	if (what->alg == KEY_NONE || what->alg == KEY_X25519 || what->alg == KEY_ED25519)
		return err_set(err, ERR_USAGE,
		    "--algorithm takes ECCP256, ECCP384, RSA2048, RSA3072 or RSA4096");
	if (what->issue.cn == NULL)
		return err_set(err, ERR_USAGE, "whose is it? Give --cn NAME");
	if (what->path == NULL)
		return err_set(err, ERR_USAGE, "where to? Give --out FILE");
	return ca_out_check(what->path, err);
}

int
cmd_ca_p12(int argc, const char **argv, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(workflow_issued_wipe) struct workflow_issued issued = {0};
	CLEAN(blob_wipe) struct blob subject = {0};
	struct workflow_p12 what = {.pass = pass};
	const char *args[1];
	struct workflow w;
	size_t n;
	int rc;

	if ((rc = opt_parse(argc, argv, "ca p12", "--cn NAME --out FILE [OPTION...]", table, args,
		 0, &n, err)) != 0 ||
	    (rc = options(&what, &subject, err)) != 0 || (rc = opt_workflow(&w, err)) != 0)
		return rc;
	if ((rc = prompt_secret(&(struct prompt){pass_spec, "passphrase for the file", "--p12-pass",
				    true, long_enough},
		 pass, err)) != 0 ||
	    (rc = workflow_p12(&w, &what, &issued, err)) != 0)
		return rc;
	ca_issued_text(&issued, what.issue.profile, what.path);
	return opt.json ? render_json(ca_issued_json(&issued, what.issue.profile), err) : 0;
}
