/* SPDX-License-Identifier: BSD-2-Clause */
/* ca p12: a software key with its certificate and chain in one file. */

#include <string.h>

#include "cli/cli.h"

#define PASS_LEAST 8 /* bytes; the file can be tried offline */

static const struct request usual = {.profile = "software", .alg = KEY_P256};

static char *pass_spec;
static int compat;

static const struct poptOption table[] = {
    OPT_ASKED,
    OPT_FIELD("profile", "software (default), or one in ykenroll.conf with key = software", "NAME"),
    OPT_FIELD("algorithm", "ECCP256 (default), ECCP384, RSA2048, RSA3072, RSA4096", "ALG"),
    OPT_TABLE(ca_opt_names),
    OPT_TEXT("out", 0, &ca_out_path, "write to this file", "FILE"),
    OPT_TEXT("p12-pass", 0, &pass_spec, "the file's passphrase: prompt (twice), file:PATH or fd:N",
	"SPEC"),
    OPT_FLAG("compat", 0, &compat, "3DES and SHA-1, for programs that do not support AES"),
    OPT_FLAG("force", 0, &opt.force, "overwrite FILE"),
    OPT_TABLE(opt_ca),
    OPT_END,
};

static int
long_enough(const struct secret *pass, struct err *err)
{
	return pass->len >= PASS_LEAST
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "the file's passphrase must have at least %d characters: whoever has the "
			 "file can try any number of times",
			 PASS_LEAST);
}

static int
options(struct request *r, struct err *err)
{
	request_merge(r, &usual);
	if (r->alg == KEY_X25519 || r->alg == KEY_ED25519)
		return err_set(err, ERR_USAGE,
		    "invalid --algorithm; use ECCP256, ECCP384, RSA2048, RSA3072 or RSA4096");
	if (r->holder.name[0] == '\0')
		return err_set(err, ERR_USAGE, "no common name; use --cn NAME");
	if (ca_out_path == NULL || strcmp(ca_out_path, "-") == 0)
		return err_set(err, ERR_USAGE, "no output file; use --out FILE");
	return opt_out_check(ca_out_path, err);
}

static int
run(struct called *c, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(workflow_issued_wipe) struct workflow_issued issued = {0};
	struct request *r = &opt.asked;
	struct workflow_p12 what = {.request = r, .pass = pass};
	int rc;

	if ((rc = options(r, err)) != 0)
		return rc;
	what.compat = compat != 0;
	what.path = ca_out_path;
	if ((rc = workflow_p12_check(&c->desk, r, err)) != 0 ||
	    (rc = prompt_secret(&(struct prompt){pass_spec, "passphrase for the file", "--p12-pass",
				    true, long_enough},
		 pass, err)) != 0 ||
	    (rc = workflow_p12(&c->desk, &what, &issued, err)) != 0)
		return rc;
	ca_issued_text(&issued, r->profile, what.path);
	return opt.json ? render_json(ca_issued_json(&issued, r->profile), err) : 0;
}

const struct command cmd_ca_p12 = {"ca p12",
    "create a key, and write it with certificate and chain to one file for a phone or a program",
    "--cn NAME --out FILE", 0, 0, table, .run = run};
