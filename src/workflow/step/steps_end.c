/* SPDX-License-Identifier: BSD-2-Clause */
/* steps_end: what is taken back or made as new, and how work is closed. */
#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "desk/ca.h"
#include "workflow/run/run.h"

/* ---- a work is done, and recorded as such ---- */

int
step_activate(struct enrolment *e, struct err *err)
{
	const struct handshake_result *p = &e->report->proof;
	char proof[200];

	snprintf(proof, sizeof(proof), "%s %s %s", p->protocol, p->cipher, p->signature);
	return registry_finish(e->s.registry, e->work.id, proof, err);
}

int
step_closed(struct enrolment *e, struct err *err)
{
	return registry_close(
	    e->s.registry, e->work.id, e->s.row.token.state, "new PIN and new PUK", err);
}

int
step_retired(struct enrolment *e, struct err *err)
{
	char note[64];

	snprintf(note, sizeof(note), "wiped, %s", e->work.asked.why);
	return registry_close(e->s.registry, e->work.id, TOKEN_RETIRED, note, err);
}

/* ---- take back what other work made; the CA goes first, as in `revoke` ---- */

#define CERTS_MAX 64
#define NOTE_MAX (ENROL_PURPOSE_MAX + 32)

struct live {
	const struct enrolment *e;
	bool revoked; /* those that are revoked already, too */
	struct registry_cert certs[CERTS_MAX];
	size_t n;
};

static bool
is_revoked(const struct registry_cert *c)
{
	return c->state == CERT_REVOKED && c->reason != REASON_HOLD;
}

static int
take_live(void *ctx, const struct registry_cert *c)
{
	struct live *l = ctx;

	if (is_revoked(c) && !l->revoked)
		return 0;
	if (l->e->work.has_cert &&
	    memcmp(c->serial, l->e->work.cert_serial, sizeof(c->serial)) == 0)
		return 0;
	if (l->n == CERTS_MAX)
		return 1;
	l->certs[l->n++] = *c;
	return 0;
}

static int
live_certs(struct enrolment *e, uint32_t token, struct live *l, struct err *err)
{
	const struct registry_which which = {.token = token, .after = utc_now()};
	const int rc = registry_certs(e->s.registry, &which, take_live, l, err);

	return rc <= 0 ? rc
		       : err_set(err, ERR_INTERNAL, "token %u has more than %d certificates",
			     (unsigned)token, CERTS_MAX);
}

static void
note_of(const struct enrolment *e, enum signer_reason reason, char ret[static NOTE_MAX])
{
	char purpose[ENROL_PURPOSE_MAX];

	enrolment_purpose(e, purpose);
	snprintf(ret, NOTE_MAX, "%s, %s", workflow_reason_name((int)reason), purpose);
}

/* What the CA would still accept of a token, but this work's own, is revoked. Of what was revoked
 * before the CA looks whether its CRL lists it. With to not TOKEN_NEW the token goes there, too. */
static int
end_certs(struct enrolment *e, uint32_t token, enum signer_reason reason,
    enum registry_token_state to, struct err *err)
{
	struct registry_revoked certs[CERTS_MAX];
	char note[NOTE_MAX];
	struct registry_revocation v = {.token = token,
	    .certs = certs,
	    .reason = (int)reason,
	    .move = to != TOKEN_NEW,
	    .to = to,
	    .note = note};
	struct live live = {.e = e, .revoked = true};
	const struct registry_cert *c;
	int rc;

	note_of(e, reason, note);
	if ((rc = live_certs(e, token, &live, err)) != 0 ||
	    (rc = audit_tell(e->s.w->home, e->s.registry, e->s.signer, err)) != 0)
		return rc;
	for (c = live.certs; c < live.certs + live.n; c++) {
		memcpy(certs[v.n].serial, c->serial, sizeof(c->serial));
		if ((rc = signer_forbid(
			 e->s.signer, c->serial, reason, &certs[v.n].was_signed, err)) != 0)
			return rc;
		v.n += !is_revoked(c);
	}
	e->ended = live.n > 0; /* also when a run before this one did it */
	return registry_revoke(e->s.registry, &v, err);
}

static int
hold_certs(struct enrolment *e, uint32_t token, struct err *err)
{
	struct live live = {.e = e};
	char note[NOTE_MAX];
	size_t i;
	int rc;

	note_of(e, REASON_HOLD, note);
	if ((rc = live_certs(e, token, &live, err)) != 0 ||
	    (rc = audit_tell(e->s.w->home, e->s.registry, e->s.signer, err)) != 0)
		return rc;
	for (i = 0; i < live.n; i++)
		if (live.certs[i].state == CERT_ACTIVE &&
		    (rc = signer_revoke(e->s.signer, live.certs[i].serial,
			 sizeof(live.certs[i].serial), NULL, REASON_HOLD, err)) != 0)
			return rc;
	e->ended = live.n > 0; /* also when a run before this one did it */
	return registry_suspend(e->s.registry, token, true, note, err);
}

int
steps_tell_servers(struct enrolment *e, struct err *err)
{
	size_t n;
	int rc;

	if (!e->ended)
		return 0;
	if ((rc = e->s.w->tell_servers(e->s.w, e->told, &n, err)) == 0) {
		e->ended = false;
		e->told = true;
		return 0;
	}
	(void)err_wrap(err, "done, and in the CA's CRL, but");
	err_hint(err, "after fixing that, run: ykenroll ca publish");
	return rc;
}

int
step_replaced(struct enrolment *e, struct err *err)
{
	const struct workflow_why *why = workflow_why(e->work.asked.why);
	struct registry_token t;
	int rc;

	if (why == NULL)
		return err_set(err, ERR_USAGE, "unknown reissue reason \"%s\"", e->work.asked.why);
	if (why->hold)
		return hold_certs(e, e->work.asked.replaces, err);
	if ((rc = registry_token(e->s.registry, e->work.asked.replaces, &t, err)) != 0)
		return rc;
	return end_certs(e, e->work.asked.replaces, why->reason,
	    t.state >= TOKEN_LOST ? TOKEN_NEW : why->to, err);
}

int
step_superseded(struct enrolment *e, struct err *err)
{
	const struct workflow_why *why = workflow_why(e->work.asked.why);

	return end_certs(
	    e, e->work.asked.token, why == NULL ? REASON_SUPERSEDED : why->reason, TOKEN_NEW, err);
}

static enum signer_reason
reason_of(const struct enrolment *e)
{
	enum signer_reason reason = REASON_UNSPECIFIED;

	return workflow_reason(e->work.asked.why, &reason, NULL) == 0 ? reason : REASON_UNSPECIFIED;
}

int
step_revoked(struct enrolment *e, struct err *err)
{
	return end_certs(e, e->work.asked.token, reason_of(e), TOKEN_NEW, err);
}

/* ---- a token that had another life is made as new, after it was said what that destroys ---- */

/* What is reset can prove nothing any more, but its certificate stays good for whoever has a copy
 * of the key, and for the books. */
static int
check_certs(struct enrolment *e, struct err *err)
{
	struct live live = {.e = e};
	const int rc = e->s.row.token.serial == 0 ? 0 : live_certs(e, e->s.serial, &live, err);

	if (rc != 0 || live.n == 0)
		return rc;
	return err_set(err, ERR_OCCUPIED,
	    "token %u still has a valid certificate of %s; first run: ykenroll retire %u",
	    e->s.serial, e->s.row.holder.id != 0 ? e->s.row.holder.name : "somebody", e->s.serial);
}

int
steps_reset_check(struct enrolment *e, struct err *err)
{
	const enum registry_token_state state = e->s.row.token.state;
	int rc;

	if (enrolment_recorded(e, "reset"))
		return 0;
	if (e->resumed)
		return slot_lost(e->s.token, e->lost, err);
	if (e->s.row.token.serial != 0 && state != TOKEN_NEW && state != TOKEN_LOST &&
	    state != TOKEN_RETIRED)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is %s for %s (%s); first run: ykenroll retire %u",
		    e->s.row.token.serial, registry_token_state_name(state), e->s.row.holder.name,
		    e->s.row.holder.key, e->s.row.token.serial);
	if ((rc = check_certs(e, err)) != 0)
		return rc;
	return slot_lost(e->s.token, e->lost, err);
}

bool
steps_reset_recycles(const struct enrolment *e)
{
	return (e->work.asked.flags & WORK_RESET) != 0 && e->s.row.token.serial != 0 &&
	       e->s.row.token.state != TOKEN_NEW;
}

int
steps_reset_ask(struct enrolment *e, struct err *err)
{
	char question[SLOT_LOST_MAX + 256];
	int rc;

	if (e->resumed)
		return 0;
	snprintf(question, sizeof(question),
	    "Reset the PIV application of token %u to factory defaults? Erased for good:%s. "
	    "Continue?",
	    e->s.serial, e->lost[0] != '\0' ? e->lost : " nothing but PIN, PUK and objects");
	if ((rc = session_confirm(&e->s, question, err)) != 0)
		return rc;
	return !steps_reset_recycles(e) ? 0
					: registry_recycle(e->s.registry, e->s.row.token.serial,
					      e->lost[0] != '\0' ? e->lost : " nothing", err);
}

int
step_reset(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = token_reset(e->s.token, err)) != 0)
		return rc;
	/* a step that went before the reset has to be done again */
	e->slot_used = e->cert_used = e->admin_used = false;
	e->s.authenticated = e->s.pin_verified = false;
	if ((rc = precheck_states(e, err)) != 0 || !e->puk.known || !e->puk.factory)
		return rc;
	return registry_step(e->s.registry, e->work.id, STEP_PUK_FACTORY, NULL, err);
}
