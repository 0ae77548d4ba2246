/* SPDX-License-Identifier: BSD-2-Clause */
/* unblock: a new PIN, with the PUK that only the escrow has. */
#include <jansson.h>

#include "cli/cli.h"

#define HOURS_DEFAULT 24
#define HOURS_MAX (24 * 7)

static char *ticket, *request, *answer, *apply, *answer_file;
static int hours = HOURS_DEFAULT;

static const struct poptOption table[] = {
    OPT_TEXT("pin", 0, &face.new_pin,
	"the holder's new PIN: prompt (twice, no echo), file:PATH or fd:N; generate: a random "
	"one, for a letter",
	"SPEC|generate"),
    OPT_TABLE(opt_letter),
    OPT_TEXT("ticket", 0, &ticket, "ticket or order number, for the audit log", "TEXT"),
    OPT_FLAG("dry-run", 0, &opt.dry_run, "check, and show what would be done"),
    OPT_TEXT("request", 0, &request, "where the token is: write a request to send to the helpdesk",
	"FILE"),
    OPT_TEXT("answer", 0, &answer,
	"at the helpdesk: answer that request; writes FILE.answer to send back", "FILE"),
    OPT_TEXT("apply", 0, &apply, "where the token is: use FILE.answer, and set a PIN", "FILE"),
    OPT_TEXT("answer-file", 0, &answer_file, "use this file instead of FILE.answer", "FILE"),
    {"hours", 0, POPT_ARG_INT, &hours, 0, "with --request: hours for which it is valid (24)", "N"},
    OPT_TABLE(opt_yes),
    OPT_TABLE(opt_escrow),
    OPT_TOKEN_END,
};

/* ---- for a holder who is elsewhere ---- */

static int
show_remote(const struct workflow_remote_result *t, struct err *err)
{
	if (opt.json)
		return render_json(json_pack("{s:I, s:s, s:s}", "token", (json_int_t)t->token,
				       "code", t->code, "until", render_time(t->until)),
		    err);
	if (request != NULL)
		printf(
		    "token %u: send %s to the helpdesk and keep %s.key. The request's code is %s, "
		    "valid until %s. When you have the answer in %s.answer: ykenroll unblock "
		    "--apply %s\n",
		    (unsigned)t->token, render_escaped(request), render_escaped(request), t->code,
		    render_when(t->until), render_escaped(request), render_escaped(request));
	else if (answer != NULL)
		printf(
		    "token %u: send the answer to %s back; it can be used once, until %s. Replace "
		    "the PUK when the token is here: ykenroll unblock\n",
		    (unsigned)t->token, t->code, render_when(t->until));
	else
		printf("token %u: the PIN is set\n", (unsigned)t->token);
	return 0;
}

static int
run_remote(const struct desk *w, struct err *err)
{
	const struct workflow_remote_unblock what = {.request = request != NULL	 ? request
								: answer != NULL ? answer
										 : apply,
	    .answer = answer_file,
	    .hours = (unsigned)hours,
	    .ticket = ticket};
	struct workflow_remote_result done;
	int rc;

	if ((request != NULL) + (answer != NULL) + (apply != NULL) != 1)
		return err_set(err, ERR_USAGE, "use only one of --request, --answer and --apply");
	if (opt.dry_run)
		return err_set(
		    err, ERR_USAGE, "--dry-run cannot be used with --request, --answer or --apply");
	if (hours < 1 || hours > HOURS_MAX)
		return err_set(err, ERR_USAGE, "--hours must be from 1 to %d", HOURS_MAX);
	rc = request != NULL  ? workflow_remote_request(w, &what, &done, err)
	     : answer != NULL ? workflow_remote_answer(w, &what, &done, err)
			      : workflow_remote_apply(w, &what, &done, err);
	return rc != 0 ? rc : show_remote(&done, err);
}

/* ---- for one who is here ---- */

static int
run_here(const struct desk *w, const char *who, struct err *err)
{
	const struct workflow_unblock what = {.what = who, .ticket = ticket};
	struct workflow_report report = {0};
	const int rc = workflow_unblock(w, &what, &report, err);

	if (opt.json || rc != 0 || opt.dry_run)
		return enroll_show(&report, rc, err);
	printf("token %u of %s: the PIN is set, and a new PUK is in escrow\n", report.token.serial,
	    render_escaped(report.holder.name));
	return 0;
}

static int
run(struct called *c, struct err *err)
{
	int rc;

	if ((rc = enroll_check_letter(err)) != 0)
		return rc;
	if (request == NULL && answer == NULL && apply == NULL)
		return run_here(&c->desk, c->args[0], err);
	if (c->n != 0)
		return err_set(
		    err, ERR_USAGE, "the request says which token; do not give another one");
	return run_remote(&c->desk, err);
}

const struct command cmd_unblock = {"unblock",
    "give the holder a new PIN, with the PUK from escrow", "[HOLDER|TOKEN]", 0, 1, table,
    .run = run};
