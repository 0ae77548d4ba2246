/* SPDX-License-Identifier: BSD-2-Clause */
/* reissue: another certificate, or another token, for somebody who has or had one. */
#include <stdio.h>
#include <string.h>

#include "workflow/run/run.h"

/* ---- which token is replaced ---- */

struct tokens { /* of one holder */
	int64_t holder;
	uint32_t here; /* in the reader: it is what replaces, never what is replaced */
	enum registry_token_state ended_state;
	uint32_t live, ended;
	unsigned n_live;
	int64_t ended_at;
	bool here_is_theirs;
};

static int
sort_token(void *ctx, const struct registry_row *row)
{
	struct tokens *t = ctx;
	const struct registry_token *one = &row->token;

	if (row->holder.id != t->holder)
		return 0;
	if (one->serial == t->here) {
		t->here_is_theirs = one->state == TOKEN_ACTIVE || row->work_open;
	} else if (one->state < TOKEN_LOST) {
		t->live = one->serial;
		t->n_live++;
	} else if (one->state == t->ended_state && one->changed >= t->ended_at) {
		t->ended = one->serial;
		t->ended_at = one->changed;
	}
	return 0;
}

/* By the holder's name: their one token that is not in the reader, or the one for which this was
 * begun before. */
static int
former_of(struct enrolment *e, const struct workflow_reissue *what, int64_t holder, uint32_t *ret,
    struct err *err)
{
	struct tokens t = {.holder = holder,
	    .here = e->s.token == NULL ? 0 : e->s.serial,
	    .ended_state = what->why->to};
	int rc;

	if ((rc = registry_list(e->s.registry, 0, sort_token, &t, err)) != 0)
		return rc;
	if (t.n_live > 1)
		return err_set(err, ERR_AMBIGUOUS,
		    "%s has more than one token; give the serial number of the %s one", what->what,
		    what->why->name);
	*ret = t.n_live == 1 ? t.live : t.ended;
	if (*ret != 0)
		return 0;
	return t.here_is_theirs
		   ? err_set(err, ERR_OCCUPIED,
			 "the only token of %s is the one in the reader; plug in its replacement, "
			 "or give the serial number of the %s one",
			 what->what, what->why->name)
		   : err_set(err, ERR_USAGE, "%s has no token; use ykenroll enroll", what->what);
}

static int
find_former(
    struct enrolment *e, const struct workflow_reissue *what, uint32_t *ret, struct err *err)
{
	int64_t holder = 0;
	int rc;

	if ((rc = session_find(&e->s, what->what, ret, &holder, err)) != 0)
		return rc;
	if (*ret == 0)
		return former_of(e, what, holder, ret, err);
	if (e->s.token != NULL && *ret == e->s.serial)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is the one in the reader; plug in its replacement", (unsigned)*ret);
	return 0;
}

/* ---- the former one ---- */

/* May it become what the reason says? */
static int
check_former(const struct workflow_reissue *what, const struct registry_row *row, struct err *err)
{
	const enum registry_token_state state = row->token.state;

	if (row->holder.id == 0)
		return err_set(err, ERR_OCCUPIED, "token %u has no holder", row->token.serial);
	if (what->why->hold
		? state == TOKEN_ACTIVE || state == TOKEN_SUSPENDED
		: state == what->why->to || registry_token_move_allowed(state, what->why->to))
		return 0;
	return err_set(err, ERR_OCCUPIED, "token %u is %s", row->token.serial,
	    registry_token_state_name(state));
}

static int
end_former(struct enrolment *e, struct workflow_reissued *ret, struct err *err)
{
	struct err why = ERR_INIT;
	int rc;

	if ((rc = session_signer(&e->s, err)) != 0 || (rc = step_replaced(e, err)) != 0 ||
	    (rc = signer_crl_state(e->s.signer, false, &ret->crl, err)) != 0)
		return rc;
	ret->has_crl = e->ended;
	/* that cannot wait for the new token; when it fails, it is tried again at the end */
	if (steps_tell_servers(e, &why) != 0 && e->s.w->ui.say != NULL)
		e->s.w->ui.say(e->s.w->ui.ctx, why.text);
	return 0;
}

/* ---- with the same token ---- */

/* What a certificate in place of the former token's is asked for: what is given, else as it was
 * stored, else what is usual. */
static int
renew_request(
    struct registry *r, const struct registry_row *former, struct request *asked, struct err *err)
{
	struct request stored = {.holder = former->holder};
	bool there;
	int rc = registry_request(r, former->token.serial, &stored, err);

	if ((rc = err_answer(rc, ERR_ABSENT, &there, err)) != 0)
		return rc;
	request_merge(asked, &stored);
	request_merge(asked, &workflow_usual);
	return precheck_names(&asked->holder, err);
}

static int
fill(struct enrolment *e, const struct workflow_reissue *what, struct err *err)
{
	struct request asked = what->asked;
	const int rc = renew_request(e->s.registry, &e->s.row, &asked, err);

	if (rc != 0)
		return rc;
	asked.hours = 0;
	asked.flags = what->new_key ? WORK_NEW_KEY : 0;
	snprintf(asked.why, sizeof(asked.why), "%s", what->why->name);
	return run_begin(e, &plan_renew, &asked, err);
}

/* It ends soon, or the holder has another name. The old certificate is good until the new one is
 * proved. */
static int
renew_token(struct enrolment *e, const struct workflow_reissue *what, struct err *err)
{
	int rc;

	if ((rc = run_on_held(e, what->what, &plan_renew, NULL, err)) != 0)
		return rc;
	if (e->resumed && strcmp(e->work.asked.why, what->why->name) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "token %u has an unfinished reissue (%s); finish it with: ykenroll recover "
		    "--device %u",
		    e->work.asked.token, e->work.asked.why, e->work.asked.token);
	if (!e->resumed && (rc = fill(e, what, err)) != 0)
		return rc;
	return run_plan(e, err);
}

/* ---- with another token ---- */

static int
fill_enroll(struct registry *r, const struct workflow_reissue *what,
    const struct registry_row *former, struct workflow_enroll *ret, struct err *err)
{
	struct request *asked = &ret->request;

	/* it takes the place of one that may still count */
	*ret = (struct workflow_enroll){
	    .request = what->asked, .additional = true, .reset = what->reset};
	asked->replaces = former->token.serial;
	asked->hours = what->why->hold ? asked->hours : 0;
	snprintf(asked->why, sizeof(asked->why), "%s", what->why->name);
	return renew_request(r, former, asked, err);
}

/* What cannot wait comes before anything that can fail: no token has to be here for it. */
static int
other_token(struct enrolment *e, const struct workflow_reissue *what, struct workflow_reissued *ret,
    struct err *err)
{
	struct workflow_enroll enroll;
	struct registry_row former = {0};
	struct err why = ERR_INIT;
	int look, rc;

	if ((rc = session_registry(&e->s, err)) != 0)
		return rc;
	look = enrolment_look(e, &why);
	if (look != 0 && !what->why->first)
		return *err = why, look;
	if ((rc = find_former(e, what, &ret->former, err)) != 0 ||
	    (rc = registry_row(e->s.registry, ret->former, &former, err)) != 0 ||
	    (rc = check_former(what, &former, err)) != 0 ||
	    (rc = fill_enroll(e->s.registry, what, &former, &enroll, err)) != 0 ||
	    (rc = run_begin(e, &plan_reissue, &enroll.request, err)) != 0)
		return rc;
	if (what->why->first && !e->s.w->dry_run && (rc = end_former(e, ret, err)) != 0)
		return rc;
	if (look != 0) {
		*err = why;
		err_hint(err, "token %u is dealt with; plug in the new one and run this again",
		    (unsigned)ret->former);
		return look;
	}
	ret->has_new = true;
	return enroll_token(e, &enroll, err);
}

static int
nothing_new(const struct desk *w, const struct workflow_reissue *what,
    struct workflow_reissued *ret, struct err *err)
{
	const struct workflow_revoke how = {.how = TAKE_REVOKE,
	    .what = what->what,
	    .reason = what->why->reason,
	    .ticket = what->asked.ticket[0] != '\0' ? what->asked.ticket : NULL,
	    .all = true};
	struct workflow_revoked done = {0};
	const int rc = workflow_revoke(w, &how, &done, err);

	if (rc != 0)
		return rc;
	ret->crl = done.crl;
	ret->has_crl = !w->dry_run && done.n > 0;
	ret->former = done.n > 0 ? done.certs[0].token.serial : 0;
	return 0;
}

int
workflow_reissue(const struct desk *w, const struct workflow_reissue *what,
    struct workflow_reissued *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;

	ret->has_new = ret->has_crl = false;
	ret->former = 0;
	enrolment_init(&e, w, &ret->report);
	if (what->why->none)
		return nothing_new(w, what, ret, err);
	if (!what->why->same_token)
		return other_token(&e, what, ret, err);
	ret->has_new = true;
	return renew_token(&e, what, err);
}
