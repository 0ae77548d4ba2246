/* SPDX-License-Identifier: BSD-2-Clause */
/* remote_unblock: for a holder who is elsewhere. Three files that belong together: FILE, the
 * request, which is sent; FILE.key, which never is; FILE.answer, which comes back. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "workflow/run/run.h"
#include "ykenroll/x509_unblock.h"

#define HOUR 3600
#define CLOCK_SLACK 300 /* seconds that two machines' clocks may differ */

struct paths {
	char key[4096], answer[4096];
};

static int
make_paths(const struct workflow_remote_unblock *what, struct paths *p, struct err *err)
{
	const int n = snprintf(p->key, sizeof(p->key), "%s.key", what->request);
	const int m = what->answer != NULL
			  ? snprintf(p->answer, sizeof(p->answer), "%s", what->answer)
			  : snprintf(p->answer, sizeof(p->answer), "%s.answer", what->request);

	return n > 0 && m > 0 && (size_t)n < sizeof(p->key) && (size_t)m < sizeof(p->answer)
		   ? 0
		   : err_set(err, ERR_USAGE, "the file's name is too long");
}

static int
read_request(const char *path, struct unblock_request *t, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	const int64_t now = utc_now();
	char end[UTC_TEXT_LEN];
	int rc;

	if ((rc = file_read(path, &pem, err)) == 0)
		rc = unblock_read(&pem, t, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE, "%s does not exist", path);
	if (rc != 0)
		return err_wrap(err, "%s", path), rc;
	utc_text(t->until, end);
	if (now > t->until)
		return err_set(
		    err, ERR_FIT, "%s: the request has expired (%s); create a new one", path, end);
	if (now < t->from - CLOCK_SLACK)
		return err_set(err, ERR_FIT,
		    "%s: the request is dated in the future; check the clocks of both "
		    "machines",
		    path);
	return 0;
}

static void
report(const struct unblock_request *t, struct workflow_remote_result *ret)
{
	ret->token = t->token;
	ret->until = t->until;
	snprintf(ret->code, sizeof(ret->code), "%s", t->code);
}

/* ---- elsewhere: the request ---- */

/* The PUK, too: what would make an answer useless is said before one is asked for. */
static int
open_token(struct session *s, struct token_pin_state *ret_puk, struct err *err)
{
	bool has_puk;
	int rc;

	if ((rc = session_known_token(s, err)) != 0 ||
	    (rc = session_puk(s, ret_puk, &has_puk, err)) != 0)
		return rc;
	if (!has_puk)
		return err_set(err, ERR_USAGE, "this token has no PUK");
	if ((rc = session_tries(s, ret_puk, "PUK", err)) == ERR_BLOCKED)
		err_hint(err,
		    "the token has to go to the helpdesk, which resets it to factory defaults");
	return rc;
}

int
workflow_remote_request(const struct desk *w, const struct workflow_remote_unblock *what,
    struct workflow_remote_result *ret, struct err *err)
{
	CLEAN(session_wipe) struct session s = {.w = w, .choice = w->choice};
	struct token_pin_state puk_state;
	CLEAN(blob_wipe) struct blob request = {0}, key = {0};
	CLEAN(unblock_wipe) struct unblock_request t = {0};
	const int64_t now = utc_now();
	struct paths p;
	int rc;

	if ((rc = make_paths(what, &p, err)) != 0 || (rc = file_check_new(p.key, err)) != 0 ||
	    (rc = file_check_new(what->request, err)) != 0 ||
	    (rc = open_token(&s, &puk_state, err)) != 0 ||
	    (rc = unblock_make(
		 s.serial, now, now + (int64_t)what->hours * HOUR, &request, &key, err)) != 0 ||
	    (rc = unblock_read(&request, &t, err)) != 0)
		return rc;
	/* the key first: without it the request is worth nothing */
	if ((rc = file_create(p.key, key.data, key.len, 0600, err)) != 0 ||
	    (rc = file_create(what->request, request.data, request.len, 0644, err)) != 0)
		return rc;
	report(&t, ret);
	return 0;
}

/* ---- at the helpdesk: the answer ---- */

/* What a row of the audit begins with; a ticket may follow. */
#define ANSWERED "request "
struct answered {
	char text[sizeof(ANSWERED) + 2 * X509_SHA256_LEN];
	bool before;
};

static int
take_audit(void *ctx, const struct registry_audit_row *row)
{
	struct answered *a = ctx;
	const size_t n = strlen(a->text);

	if (strcmp(row->action, "unblock-answer") == 0 && strncmp(row->detail, a->text, n) == 0 &&
	    (row->detail[n] == '\0' || row->detail[n] == ','))
		a->before = true;
	return a->before;
}

static int
check_unanswered(struct enrolment *e, const struct unblock_request *t, struct err *err)
{
	const struct registry_audit_which which = {.token = t->token};
	struct answered a = {.text = ANSWERED};
	int rc;

	text_hex(t->sha256, sizeof(t->sha256), a.text + strlen(ANSWERED));
	if ((rc = registry_audit_rows(e->s.registry, &which, take_audit, &a, err)) < 0)
		return rc;
	return a.before ? err_set(err, ERR_OCCUPIED,
			      "this request was answered before and can be answered only once: "
			      "ask for a new one (ykenroll unblock --request)")
			: 0;
}

static int
check_token_row(struct enrolment *e, const struct unblock_request *t, struct err *err)
{
	int rc;

	if ((rc = registry_row(e->s.registry, t->token, &e->s.row, err)) != 0)
		return rc;
	if (e->s.row.token.serial == 0)
		return err_set(err, ERR_USAGE, "token %u is not in the registry", t->token);
	if (e->s.row.token.state != TOKEN_ACTIVE && e->s.row.token.state != TOKEN_SUSPENDED)
		return err_set(err, ERR_OCCUPIED, "token %u is %s", t->token,
		    registry_token_state_name(e->s.row.token.state));
	if (e->s.row.work_open)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has unfinished work, so it is not known which PUK it has: the token "
		    "has to come to the helpdesk",
		    t->token);
	return check_unanswered(e, t, err);
}

/* Who asks is for a person to find out. */
static int
confirm(const struct enrolment *e, const struct unblock_request *t, struct err *err)
{
	char question[2 * REGISTRY_TEXT_MAX + 256];

	snprintf(question, sizeof(question),
	    "Token %u belongs to %s (%s). Call them at a number that you know: do they read out "
	    "%s as the request's code?",
	    t->token, e->s.row.holder.name, e->s.row.holder.key, t->code);
	return session_confirm(&e->s, question, err);
}

static int
write_answer(struct enrolment *e, const struct workflow_remote_unblock *what,
    const struct unblock_request *t, const char *path, struct err *err)
{
	CLEAN(secret_freep) struct secret *puk = secret_new();
	CLEAN(blob_wipe) struct blob answer = {0};
	char hash[2 * X509_SHA256_LEN + 1], detail[REGISTRY_TEXT_MAX];
	int rc;

	text_hex(t->sha256, sizeof(t->sha256), hash);
	snprintf(detail, sizeof(detail), ANSWERED "%s%s%.300s", hash,
	    what->ticket == NULL ? "" : ", ticket ", e->work.asked.ticket);
	/* written down before there is an answer: a second one to this request is refused */
	if ((rc = steps_escrow(e, SECRET_PUK, 0, puk, err)) != 0 ||
	    (rc = registry_audit(e->s.registry, "unblock-answer", t->token, detail, err)) != 0 ||
	    (rc = unblock_seal(t, puk, &answer, err)) != 0)
		return rc;
	return file_create(path, answer.data, answer.len, 0644, err);
}

int
workflow_remote_answer(const struct desk *w, const struct workflow_remote_unblock *what,
    struct workflow_remote_result *ret, struct err *err)
{
	CLEAN(unblock_wipe) struct unblock_request t = {0};
	struct workflow_report none; /* outlives e, which writes to it at its end */
	CLEAN(enrolment_wipe) struct enrolment e;
	struct paths p;
	int rc;

	enrolment_init(&e, w, &none);
	if ((rc = make_paths(what, &p, err)) != 0 ||
	    (rc = read_request(what->request, &t, err)) != 0 ||
	    (rc = file_check_new(p.answer, err)) != 0 ||
	    (rc = workflow_escrow_check(w, NULL, err)) != 0)
		return rc;
	if ((rc = session_registry(&e.s, err)) != 0 || (rc = check_token_row(&e, &t, err)) != 0 ||
	    (what->ticket != NULL && what->ticket[0] != '\0' &&
		(rc = request_set(&e.work.asked, "ticket", what->ticket, err)) != 0) ||
	    (rc = confirm(&e, &t, err)) != 0)
		return rc;
	e.s.serial = t.token; /* steps_escrow opens the secrets of this one */
	snprintf(e.work.plan, sizeof(e.work.plan), "unblock-answer");
	if ((rc = write_answer(&e, what, &t, p.answer, err)) != 0)
		return rc;
	report(&t, ret);
	return 0;
}

/* ---- elsewhere again ---- */

static int
read_answer(
    const struct unblock_request *t, const struct paths *p, struct secret *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob key = {0}, answer = {0};
	int rc;

	rc = file_read_private(p->key, &key, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE,
		    "%s does not exist: the request was created elsewhere, or its answer has been "
		    "used",
		    p->key);
	if (rc != 0)
		return rc;
	rc = file_read(p->answer, &answer, err);
	if (rc == ERR_ABSENT)
		return err_set(
		    err, ERR_USAGE, "%s does not exist yet: there is no answer", p->answer);
	if (rc != 0)
		return rc;
	if ((rc = unblock_open(t, &key, &answer, ret, err)) != 0)
		err_wrap(err, "%s", p->answer);
	return rc;
}

static int
set_pin(const struct session *s, const struct token_pin_state *state, const struct secret *puk,
    struct err *err)
{
	CLEAN(secret_freep) struct secret *pin = secret_new();
	int rc;

	if ((rc = session_new_pin(s, pin, err)) != 0)
		return rc;
	return token_unblock_pin(s->token, puk, pin, session_puk_flags(s, state), err);
}

int
workflow_remote_apply(const struct desk *w, const struct workflow_remote_unblock *what,
    struct workflow_remote_result *ret, struct err *err)
{
	CLEAN(session_wipe) struct session s = {.w = w, .choice = w->choice};
	struct token_pin_state puk_state;
	CLEAN(secret_freep) struct secret *puk = secret_new();
	CLEAN(unblock_wipe) struct unblock_request t = {0};
	struct paths p;
	int rc;

	if ((rc = make_paths(what, &p, err)) != 0 ||
	    (rc = read_request(what->request, &t, err)) != 0 ||
	    (rc = read_answer(&t, &p, puk, err)) != 0 ||
	    (rc = open_token(&s, &puk_state, err)) != 0)
		return rc;
	if (s.serial != t.token)
		return err_set(err, ERR_AMBIGUOUS, "the request is for token %u, this is %u",
		    t.token, s.serial);
	rc = set_pin(&s, &puk_state, puk, err);
	/* used, or useless: in both cases never again */
	if ((rc == 0 || rc == ERR_PIN || rc == ERR_BLOCKED) && unlink(p.key) != 0 && rc == 0)
		return err_errno(
		    err, ERR_INTERNAL, "the PIN is set, but %s could not be deleted", p.key);
	if (rc == ERR_PIN)
		err_hint(err,
		    "the answer cannot be used; create a new request and ask for another answer");
	if (rc == 0)
		report(&t, ret);
	return rc;
}
