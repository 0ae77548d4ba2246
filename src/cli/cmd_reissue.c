/* SPDX-License-Identifier: BSD-2-Clause */
/* reissue: one command for each thing that happens to a token, or to who has it. */
#include <jansson.h>
#include <string.h>

#include "cli/cli.h"

#define HOURS_DEFAULT 24

static char *reason;
static int new_key, reset;

/* As the table of enroll, but what is not said stays as it was. */
static struct poptOption asked[] = {
    OPT_ASKED,
    OPT_FIELD("name", "with --reason renamed: the new name", "NAME"),
    OPT_FIELD("email", "with --reason renamed: the new address", "ADDRESS"),
    OPT_FIELD(
	"hours", "with --reason forgotten: hours for which the other token is valid (24)", "N"),
    OPT_FIELD("ticket", "ticket or order number, for the audit log", "TEXT"),
    OPT_FIELD("profile", "a different profile than before", "NAME"),
    OPT_FIELD("algorithm", "of a new key: ECCP256 or ECCP384; default: as before", "ALG"),
    OPT_FIELD("pin-policy", "of a new key: once or always", "POLICY"),
    OPT_FIELD("touch-policy", "of a new key: never, always or cached", "POLICY"),
    OPT_FIELD("days", "validity, instead of what was asked for", "N"),
    POPT_TABLEEND,
};

static const struct poptOption table[] = {
    OPT_TEXT("reason", 0, &reason,
	"lost, damaged, forgotten, expiring, renamed, left: see ykenroll(1)", "R"),
    OPT_FLAG("new-key", 0, &new_key, "with --reason expiring or renamed: also generate a new key"),
    OPT_FLAG("reset", 0, &reset, "first reset the new token to factory defaults"),
    OPT_FLAG("dry-run", 0, &opt.dry_run, "check, and show what would be done"),
    OPT_TABLE(asked),
    OPT_TABLE(opt_yes),
    OPT_TABLE(enroll_secrets),
    OPT_TABLE(opt_escrow),
    OPT_TABLE(opt_ca),
    OPT_TOKEN_END,
};

static int
unknown_reason(struct err *err)
{
	const struct workflow_why *whys;
	size_t n, i;

	if (reason == NULL)
		(void)err_set(err, ERR_USAGE, "no reason; --reason is one of:");
	else
		(void)err_set(err, ERR_USAGE, "invalid --reason '%s'; use one of:", reason);
	whys = workflow_whys(&n);
	for (i = 0; i < n; i++)
		err_hint(err, "%s: %s", whys[i].name, whys[i].what);
	return ERR_USAGE;
}

/* An option that would have no effect was meant for something. */
static int
check_options(const struct workflow_reissue *what, struct err *err)
{
	const struct holder *h = &opt.asked.holder;
	const bool renamed = strcmp(what->why->name, "renamed") == 0;

	if (renamed != (h->name[0] != '\0' || h->email[0] != '\0'))
		return err_set(err, ERR_USAGE,
		    renamed ? "no new name; use --name, --email or both"
			    : "--name and --email can be used only with --reason renamed");
	if (opt.asked.hours != 0 && !what->why->hold)
		return err_set(err, ERR_USAGE, "--hours can be used only with --reason forgotten");
	if (new_key && !what->why->same_token)
		return err_set(err, ERR_USAGE,
		    "--new-key can be used only with --reason expiring or renamed; another token "
		    "always gets a new key");
	if (reset && (what->why->same_token || what->why->none))
		return err_set(err, ERR_USAGE, "--reset can be used only with another token");
	return 0;
}

static int
fill(struct workflow_reissue *what, struct err *err)
{
	int rc;

	if (reason == NULL || (what->why = workflow_why(reason)) == NULL)
		return unknown_reason(err);
	if ((rc = check_options(what, err)) != 0 || (rc = enroll_options(err)) != 0)
		return rc;
	what->asked = opt.asked;
	if (what->why->hold && what->asked.hours == 0)
		what->asked.hours = HOURS_DEFAULT;
	what->new_key = new_key != 0;
	what->reset = reset != 0;
	return 0;
}

static void
show_former(const struct workflow_reissue *what, const struct workflow_reissued *r)
{
	if (!r->has_crl)
		return;
	printf("token %u: its certificates are %s (%s); CRL number %llu, %zu entries, is in "
	       "pub/issuing.crl\n",
	    (unsigned)r->former, what->why->hold ? "on hold" : "revoked",
	    workflow_reason_name((int)what->why->reason), (unsigned long long)r->crl.number,
	    r->crl.entries);
	if (what->why->hold)
		printf("when it is back: ykenroll resume %u\n", (unsigned)r->former);
	fflush(stdout);
}

/* The report, when there is one, with what became of the former token; also after a failure. */
static int
show_json(
    const struct workflow_reissue *what, const struct workflow_reissued *r, int rc, struct err *err)
{
	json_t *json =
	    r->has_new && r->report.token.serial != 0 ? report_json(&r->report) : json_object();

	if (r->former != 0)
		json_object_set_new(json, "former",
		    json_pack("{s:I, s:s, s:b}", "serial", (json_int_t)r->former, "reason",
			workflow_reason_name((int)what->why->reason), "done_before", r->has_crl));
	if (r->has_crl)
		json_object_set_new(json, "crl_number", json_integer((json_int_t)r->crl.number));
	if (render_json(json, rc == 0 ? err : NULL) != 0)
		return rc != 0 ? rc : ERR_INTERNAL;
	return rc;
}

static int
run(struct called *c, struct err *err)
{
	static struct workflow_reissued done;
	struct workflow_reissue what = {0};
	int rc;

	if ((rc = fill(&what, err)) != 0)
		return rc;
	what.what = c->args[0];
	rc = workflow_reissue(&c->desk, &what, &done, err);
	if (opt.json)
		return show_json(&what, &done, rc, err);
	show_former(&what, &done);
	if (rc == 0 && !done.has_new)
		return 0;
	return enroll_show(&done.report, rc, err);
}

const struct command cmd_reissue = {"reissue", "replace a lost, damaged or expiring token",
    "HOLDER|TOKEN --reason R", 1, 1, table, .run = run,
    .missing = "no holder; try: ykenroll reissue alice@example.org --reason lost"};
