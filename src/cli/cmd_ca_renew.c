/* SPDX-License-Identifier: BSD-2-Clause */
/* ca renew: certificates of servers and programs once more, or the issuing CA's own. */
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"

#define DAYS_MAX 3650

static char *due, *key, *reload, *root_pass;
static int issuing;

static const struct poptOption table[] = {
    OPT_ASKED,
    OPT_TEXT("due", 0, &due,
	"only those that expire within this time, such as 30d; without FILE, all in the registry",
	"30d"),
    OPT_FLAG("dry-run", 0, &opt.dry_run, "show which, change nothing"),
    OPT_TEXT("key", 0, &key, "same (default), or a certificate request for a new key", "same|CSR"),
    OPT_FIELD("days", "validity in days; default: as first requested", "N"),
    OPT_TEXT("reload", 0, &reload, "run this if something was renewed", "COMMAND"),
    OPT_FLAG("issuing", 0, &issuing,
	"the issuing CA's own certificate; needs ca/root.key while this runs"),
    OPT_TEXT("root-pass", 0, &root_pass,
	"passphrase of the root's key, if different: prompt, file:PATH or fd:N", "SPEC"),
    OPT_TABLE(opt_ca),
    OPT_END,
};

/* ---- showing ---- */

static void
row(void *ctx, const char *path, const struct cert_info *from, const struct cert_info *to)
{
	const char *was = render_when(from->not_after);
	const char *is = to == NULL ? was : render_when(to->not_after);

	if (opt.json)
		json_array_append_new(
		    ctx, json_pack("{s:s, s:s, s:s, s:s*}", "file", path, "subject", from->subject,
			     "not_after", is, "was", to == NULL ? NULL : was));
	else if (to == NULL)
		printf("%s: %s, until %s: due\n", render_escaped(path),
		    render_escaped(from->subject), was);
	else
		printf("%s: %s, until %s: renewed until %s\n", render_escaped(path),
		    render_escaped(from->subject), was, is);
}

/* ---- options ---- */

static int
parse_due(int64_t *ret, struct err *err)
{
	unsigned long n;
	char number[16];
	size_t len;

	if (due == NULL)
		return 0;
	len = strspn(due, "0123456789");
	if (len == 0 || len > 4 || (strcmp(due + len, "d") != 0 && due[len] != '\0'))
		return err_set(err, ERR_USAGE, "invalid --due; use days, such as 30d");
	memcpy(number, due, len);
	number[len] = '\0';
	*ret = -1;
	if (text_number(number, "--due", DAYS_MAX, &n, err) != 0)
		return ERR_USAGE;
	/* 0d: those that have ended */
	*ret = n == 0 ? 1 : (int64_t)n * 86400;
	return 0;
}

static int
parse_key(struct blob *csr, size_t files, struct err *err)
{
	if (key == NULL || strcmp(key, "same") == 0)
		return 0;
	return files == 1 ? ca_read_csr(key, csr, err)
			  : err_set(err, ERR_USAGE, "--key CSR can be used with one FILE only");
}

static int
renew_issuing(const struct desk *w, size_t n, struct err *err)
{
	struct cert_info info;
	int rc;

	if (n != 0 || due != NULL || key != NULL || opt.asked.days != 0 || reload != NULL ||
	    opt.dry_run)
		return err_set(err, ERR_USAGE, "--issuing can be combined only with --root-pass");
	if ((rc = workflow_renew_issuing(w, root_pass, &info, err)) != 0)
		return rc;
	if (opt.json)
		return render_json(json_pack("{s:s, s:s}", "subject", info.subject, "not_after",
				       render_time(info.not_after)),
		    err);
	printf("%s until %s, in %s/pub/issuing.crt; servers need it, next: ykenroll ca publish\n",
	    render_escaped(info.subject), render_when(info.not_after),
	    render_escaped(opt.home_path));
	return 0;
}

static int
renew(const struct desk *w, char **files, size_t n_files, struct err *err)
{
	struct workflow_renew what = {.files = n_files == 0 ? NULL : files,
	    .request = &opt.asked,
	    .reload = reload,
	    .row = row,
	    .ctx = opt.json ? json_array() : NULL};
	size_t n = 0;
	int rc, shown;

	if ((rc = parse_due(&what.due_sec, err)) != 0 ||
	    (rc = parse_key(&opt.asked.csr, n_files, err)) != 0)
		return rc;
	if (n_files == 0 && due == NULL)
		return err_set(
		    err, ERR_USAGE, "nothing to renew given; name files, or use --due 30d");
	rc = workflow_renew(w, &what, &n, err);
	if (opt.json) {
		shown = render_json(
		    json_pack("{s:b, s:o}", "dry_run", opt.dry_run, "renewed", what.ctx),
		    rc == 0 ? err : NULL);
		return rc != 0 ? rc : shown;
	}
	if (rc == 0 && n == 0)
		printf("nothing is due\n");
	return rc;
}

static int
run(struct called *c, struct err *err)
{
	if (issuing)
		return renew_issuing(&c->desk, c->n, err);
	if (root_pass != NULL)
		return err_set(err, ERR_USAGE, "--root-pass can be used only with --issuing");
	return renew(&c->desk, (char **)(uintptr_t)c->args, c->n, err);
}

const struct command cmd_ca_renew = {"ca renew", "renew such certificates, or the issuing CA's own",
    "[FILE...]", 0, COMMAND_WORDS_MAX, table, .run = run};
