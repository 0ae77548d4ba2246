/* SPDX-License-Identifier: BSD-2-Clause */
/* enroll and recover: the same steps, from the start or from where they stopped. */
#include <string.h>

#include "cli/cli.h"

static char *retries;
static int additional, give_up, reset, new_key;

struct poptOption enroll_secrets[] = {
    OPT_TEXT("pin", 0, &face.new_pin,
	"the holder's new PIN: prompt (twice, no echo), file:PATH or fd:N; generate: a random "
	"one, for a letter",
	"SPEC|generate"),
    OPT_TABLE(opt_letter),
    OPT_TEXT("current-pin", 0, &face.current_pin, "current PIN, if it is not the factory default",
	"SPEC"),
    OPT_TEXT("current-puk", 0, &face.current_puk, "current PUK, if it is not the factory default",
	"SPEC"),
    OPT_TEXT("management-key", 0, &face.current_mgmkey,
	"current management key in hexadecimal, if it is not the factory default", "SPEC"),
    POPT_TABLEEND,
};

static struct poptOption asked[] = {
    OPT_ASKED,
    OPT_FIELD("email", "the holder's e-mail address; also in the certificate", "ADDRESS"),
    OPT_FIELD("id", "identifies the holder instead of the e-mail address", "TEXT"),
    OPT_FIELD("upn", "user principal name; in the certificate if the profile allows it", "NAME"),
    OPT_FIELD(
	"sid", "SID of the Windows account; in the certificate if the profile allows it", "SID"),
    OPT_FIELD("ticket", "ticket or order number, for the audit log", "TEXT"),
    OPT_FLAG("additional", 0, &additional, "another token for this holder"),
    OPT_FIELD("profile", "client (default), smartcard-logon, piv, or one in ykenroll.conf", "NAME"),
    OPT_FIELD("algorithm", "ECCP256 (default) or ECCP384", "ALG"),
    OPT_FIELD("pin-policy", "once (default) or always", "POLICY"),
    OPT_FIELD("touch-policy", "never (default), always or cached", "POLICY"),
    OPT_FIELD("days", "validity in days; default: the profile's", "N"),
    POPT_TABLEEND,
};

#define COMMON                                                                      \
	OPT_FLAG("dry-run", 0, &opt.dry_run, "check, and show what would be done"), \
	    OPT_TABLE(opt_yes), OPT_TABLE(enroll_secrets), OPT_TABLE(opt_ca), OPT_TOKEN_END

static const struct poptOption enroll_table[] = {
    OPT_TABLE(asked),
    OPT_TEXT("retries", 0, &retries, "number of PIN and PUK tries (resets both first)", "PIN,PUK"),
    OPT_FLAG("force", 0, &opt.force, "overwrite the key and certificate in slot 9A"),
    OPT_FLAG(
	"reset", 0, &reset, "first reset a used token to factory defaults; shows what that erases"),
    COMMON,
};

static const struct poptOption adopt_table[] = {
    OPT_TABLE(asked),
    OPT_FLAG(
	"new-key", 0, &new_key, "generate a new key in slot 9A, which destroys the present one"),
    COMMON,
};

static const struct poptOption recover_table[] = {
    OPT_FLAG("give-up", 0, &give_up, "close the work instead, and revoke what was issued"),
    OPT_TABLE(enroll_secrets),
    OPT_TABLE(opt_escrow),
    OPT_TABLE(opt_ca),
    OPT_TOKEN_END,
};

static int
parse_retries(struct workflow_enroll *what, struct err *err)
{
	int used = 0;

	if (retries == NULL)
		return 0;
	if (sscanf(retries, "%2u,%2u%n", &what->pin_tries, &what->puk_tries, &used) == 2 &&
	    retries[used] == '\0' && what->pin_tries >= 1 && what->pin_tries <= 15 &&
	    what->puk_tries >= 1 && what->puk_tries <= 15)
		return 0;
	return err_set(
	    err, ERR_USAGE, "invalid --retries; use two numbers from 1 to 15, such as 5,3");
}

int
enroll_check_letter(struct err *err)
{
	const bool made = face.new_pin != NULL && strcmp(face.new_pin, "generate") == 0;

	if (made != (opt.letter != NULL))
		return err_set(
		    err, ERR_USAGE, "--pin generate and --letter FILE must be given together");
	if (opt.letter_to != NULL && opt.letter == NULL)
		return err_set(err, ERR_USAGE, "--letter-to can be used only with --letter FILE");
	if (made) /* for the letter, and not asked for */
		face.new_pin = NULL;
	return 0;
}

int
enroll_options(struct err *err)
{
	const struct request *r = &opt.asked;

	/* which there are is for the signer to say; what can be none, nobody need be asked about */
	if (r->profile[strspn(r->profile, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return err_set(err, ERR_USAGE,
		    "invalid --profile '%s'; use lower-case letters, digits and hyphens",
		    r->profile);
	if (r->alg != KEY_NONE && r->alg != KEY_P256 && r->alg != KEY_P384)
		return err_set(err, ERR_USAGE, "invalid --algorithm; use ECCP256 or ECCP384");
	return enroll_check_letter(err);
}

/* Who is named by the word, and what is asked for where nothing is said. */
static int
fill(struct workflow_enroll *what, const char *name, struct err *err)
{
	struct holder *h = &opt.asked.holder;
	int rc;

	if ((rc = request_set(&opt.asked, "name", name, err)) != 0)
		return rc;
	if (h->key[0] == '\0')
		memcpy(h->key, h->email, sizeof(h->key));
	request_merge(&opt.asked, &workflow_usual);
	what->request = opt.asked;
	what->additional = additional != 0;
	what->reset = reset != 0;
	return (rc = enroll_options(err)) != 0 ? rc : parse_retries(what, err);
}

/* The last lines: what will end this login. */
static void
report_after(const struct workflow_report *report, int rc)
{
	if (rc != 0 || opt.dry_run)
		return;
	if (report->has_cert)
		report_cut(report->cert.not_after);
	report_ends();
}

int
enroll_show(const struct workflow_report *report, int rc, struct err *err)
{
	if (!opt.json) {
		if (rc == 0 && !opt.dry_run) {
			report_text(report);
			fflush(stdout);
		}
		report_after(report, rc);
		return rc;
	}
	/* also after a failure: what was done is worth knowing */
	if (report->token.serial != 0 &&
	    render_json(report_json(report), rc == 0 ? err : NULL) != 0)
		return rc != 0 ? rc : ERR_INTERNAL;
	report_after(report, rc);
	return rc;
}

static int
run_enroll(struct called *c, struct err *err)
{
	struct workflow_report report = {0};
	struct workflow_enroll what = {0};
	int rc;

	if ((rc = fill(&what, c->args[0], err)) != 0)
		return rc;
	rc = workflow_enroll(&c->desk, &what, &report, err);
	return enroll_show(&report, rc, err);
}

const struct command cmd_enroll = {"enroll",
    "set up a factory-default YubiKey, up to a tested login", "NAME --email ADDRESS", 1, 1,
    enroll_table, .run = run_enroll,
    .missing = "no holder; try: ykenroll enroll \"Alice Adams\" --email alice@example.org"};

static int
run_adopt(struct called *c, struct err *err)
{
	struct workflow_report report = {0};
	struct workflow_adopt what = {0};
	int rc;

	what.new_key = new_key != 0;
	face.ask_current = true;
	if ((rc = fill(&what.enroll, c->args[0], err)) != 0)
		return rc;
	rc = workflow_adopt(&c->desk, &what, &report, err);
	return enroll_show(&report, rc, err);
}

const struct command cmd_adopt = {"adopt", "register a token that was set up with other tools",
    "NAME --email ADDRESS", 1, 1, adopt_table, .run = run_adopt,
    .missing = "no holder; try: ykenroll adopt \"Alice Adams\" --email alice@example.org"};

static int
run_recover(struct called *c, struct err *err)
{
	struct workflow_report report = {0};
	int rc;

	if ((rc = enroll_check_letter(err)) != 0)
		return rc;
	rc = workflow_recover(&c->desk, give_up != 0, &report, err);
	if (rc == 0 && report.already && !opt.json) {
		printf(
		    "token %u has no unfinished work: nothing to recover\n", report.token.serial);
		return 0;
	}
	if (rc == 0 && give_up && !opt.json) {
		printf("the work on token %u is closed; the token itself was not changed\n",
		    report.token.serial);
		return 0;
	}
	return enroll_show(&report, rc, err);
}

const struct command cmd_recover = {
    "recover", "finish interrupted work on a token", NULL, 0, 0, recover_table, .run = run_recover};
