/* SPDX-License-Identifier: BSD-2-Clause */
/* revoke: revoke, suspend, resume. The CA goes first: what the registry calls revoked is on a
 * published CRL, and after a kill in between the same call does the rest. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "desk/ca.h"
#include "workflow/run/run.h"

struct taking {
	const struct desk *w;
	const struct workflow_revoke *what;
	struct workflow_revoke by_serial; /* what, where it names a file */
	struct blob cert;		  /* that was in it */
	char hex[2 * X509_SERIAL_MAX + 1];
	struct workflow_revoked *ret;
	struct registry *registry;
	struct signer *signer;
	struct registry_which which;
	uint8_t serial[REGISTRY_SERIAL_LEN]; /* of which */
	char note[REGISTRY_TEXT_MAX];
	bool changed;
};

static void
taking_wipe(struct taking *t)
{
	signer_closep(&t->signer);
	registry_closep(&t->registry);
	blob_wipe(&t->cert);
}

/* ---- what is meant ---- */

/* A file stands for the certificate in it, whose serial may be another one elsewhere. Errors:
 * ERR_ABSENT there is none. */
static int
take_file(struct taking *t, struct registry_found *ret, struct err *err)
{
	const char *path = t->what->what;
	CLEAN(blob_wipe) struct blob text = {0}, ca = {0};
	struct cert_info info;
	int rc;

	if (file_read(path, &text, NULL) != 0)
		return ERR_ABSENT;
	if (cert_from_file(&text, &t->cert, err) != 0 ||
	    cert_read(t->cert.data, t->cert.len, &info, err) != 0)
		return err_wrap(err, "%s", path), ERR_USAGE;
	if ((rc = home_pem(t->w->home, "pub/issuing.crt", cert_from_pem, &ca, err)) != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	if (cert_issued_by(&t->cert, &ca, NULL) != 0)
		return err_set(err, ERR_USAGE, "%s was not issued by this CA", path);
	text_hex(info.serial, info.serial_len, t->hex);
	t->by_serial = *t->what;
	t->by_serial.what = t->hex;
	t->what = &t->by_serial;
	/* short digits may name a token as well */
	return info.serial_len == REGISTRY_SERIAL_LEN ? registry_find(t->registry, t->hex, ret, err)
						      : ERR_ABSENT;
}

static int
resolve(struct taking *t, struct err *err)
{
	struct registry_found found = {0};
	int rc = registry_find(t->registry, t->what->what, &found, err);

	if (rc == ERR_ABSENT)
		rc = take_file(t, &found, err);
	t->which.after = utc_now();
	if (rc != 0)
		return rc;
	memcpy(t->serial, found.cert_serial, sizeof(t->serial));
	t->which.serial = found.has_cert ? t->serial : NULL;
	t->which.token = found.token;
	t->which.holder = found.holder;
	return 0;
}

static int
take_cert(void *ctx, const struct registry_cert *c)
{
	struct workflow_revoked *ret = ctx;

	if (ret->n == WORKFLOW_REVOKED_MAX)
		return 1;
	ret->certs[ret->n++] = *c;
	return 0;
}

/* More than one token must be wanted. */
static int
check_tokens(const struct taking *t, struct err *err)
{
	const struct workflow_revoked *ret = t->ret;
	uint32_t first = 0;
	size_t i;

	for (i = 0; i < ret->n; i++) {
		if (ret->certs[i].state == CERT_REVOKED)
			continue;
		if (first != 0 && ret->certs[i].token.serial != first && !t->what->all)
			return err_set(err, ERR_AMBIGUOUS,
			    "%s has tokens %u and %u; give a serial number, or use --all",
			    t->what->what, (unsigned)first, (unsigned)ret->certs[i].token.serial);
		first = ret->certs[i].token.serial;
	}
	return 0;
}

static int
gather(struct taking *t, struct err *err)
{
	int rc = resolve(t, err);

	if (rc != 0 || (rc = registry_certs(t->registry, &t->which, take_cert, t->ret, err)) < 0)
		return rc;
	if (rc == 1)
		return err_set(err, ERR_USAGE,
		    "%s has more than %d certificates; give the serial number of a token",
		    t->what->what, WORKFLOW_REVOKED_MAX);
	if (t->ret->n == 0 && t->which.token == 0)
		return err_set(err, ERR_USAGE, "%s has no unexpired certificate", t->what->what);
	return check_tokens(t, err);
}

/* ---- revoke ---- */

/* Where a token goes, when nothing else is said. */
static enum registry_token_state
state_after(enum signer_reason reason)
{
	return reason == REASON_KEY_COMPROMISE ? TOKEN_LOST : TOKEN_RETIRED;
}

static int
wanted_state(const struct taking *t, const struct registry_token *token,
    enum registry_token_state *ret, struct err *err)
{
	enum registry_token_state s;

	if (t->what->token_state == NULL) {
		*ret = token->state >= TOKEN_LOST ? token->state : state_after(t->what->reason);
		return 0;
	}
	for (s = TOKEN_LOST; s <= TOKEN_RETIRED; s++)
		if (strcmp(registry_token_state_name(s), t->what->token_state) == 0)
			break;
	if (s > TOKEN_RETIRED)
		return err_set(err, ERR_USAGE, "invalid --token '%s'; use lost, damaged or retired",
		    t->what->token_state);
	if (s != token->state && !registry_token_move_allowed(token->state, s))
		return err_set(err, ERR_OCCUPIED, "token %u is %s and cannot become %s",
		    (unsigned)token->serial, registry_token_state_name(token->state),
		    t->what->token_state);
	*ret = s;
	return 0;
}

/* A compromise replaces every other reason; the rest stays what it was. */
static bool
stays(const struct taking *t, const struct registry_cert *c)
{
	return c->state == CERT_REVOKED && c->reason != (int)t->what->reason &&
	       t->what->reason != REASON_KEY_COMPROMISE;
}

/* What was only prepared may have been signed all the same, or another desk is about to have it
 * signed. What is revoked for another reason stays so, and the CA looks whether its CRL says it. */
static int
take_back(const struct taking *t, const struct registry_cert *c, bool *ret_signed, struct err *err)
{
	if (c->state == CERT_PREPARED || stays(t, c))
		return signer_forbid(t->signer, c->serial, t->what->reason, ret_signed, err);
	*ret_signed = true;
	return signer_revoke(t->signer, c->serial, sizeof(c->serial), NULL, t->what->reason, err);
}

static int
revoke_certs(struct taking *t, uint32_t token, struct registry_revocation *v, struct err *err)
{
	const struct registry_cert *c;
	size_t i;
	int rc;

	for (i = 0; i < t->ret->n; i++) {
		c = &t->ret->certs[i];
		if (c->token.serial != token)
			continue;
		memcpy(v->certs[v->n].serial, c->serial, sizeof(c->serial));
		if ((rc = take_back(t, c, &v->certs[v->n].was_signed, err)) != 0)
			return rc;
		if (stays(t, c))
			continue;
		t->changed =
		    t->changed || c->state != CERT_REVOKED || c->reason != (int)t->what->reason;
		v->n++;
	}
	return 0;
}

/* Of one certificate: an older one leaves its token as it is. */
static bool
moves_token(const struct taking *t, uint32_t token)
{
	size_t i;

	if (t->which.serial == NULL)
		return true;
	for (i = 0; i < t->ret->n; i++)
		if (t->ret->certs[i].token.serial == token &&
		    (t->ret->certs[i].state == CERT_ACTIVE ||
			t->ret->certs[i].state == CERT_ISSUED))
			return true;
	return t->what->token_state != NULL;
}

static int
revoke_token(struct taking *t, const struct registry_token *token, struct err *err)
{
	struct registry_revoked certs[WORKFLOW_REVOKED_MAX];
	struct registry_revocation v = {.token = token->serial,
	    .certs = certs,
	    .reason = (int)t->what->reason,
	    .move = moves_token(t, token->serial),
	    .note = t->note};
	int rc;

	if ((v.move && (rc = wanted_state(t, token, &v.to, err)) != 0) ||
	    (rc = revoke_certs(t, token->serial, &v, err)) != 0)
		return rc;
	t->changed = t->changed || (v.move && v.to != token->state);
	return registry_revoke(t->registry, &v, err);
}

/* ---- suspend, resume ---- */

static int
suspend_token(struct taking *t, const struct registry_token *token, struct err *err)
{
	const bool suspend = t->what->how == TAKE_SUSPEND;
	const struct registry_cert *c;
	size_t i;
	int rc;

	for (i = 0; i < t->ret->n; i++) {
		c = &t->ret->certs[i];
		if (c->token.serial != token->serial ||
		    (c->state != CERT_ACTIVE && c->state != CERT_SUPERSEDED))
			continue;
		rc = signer_revoke(t->signer, c->serial, sizeof(c->serial), NULL,
		    suspend ? REASON_HOLD : REASON_RELEASE, err);
		if (rc != 0)
			return rc;
	}
	t->changed = t->changed || (token->state == TOKEN_SUSPENDED) != suspend;
	return registry_suspend(t->registry, token->serial, suspend, t->note, err);
}

/* ---- all of it ---- */

/* What would be refused, before anybody is asked and anything is changed. */
static int
check_token(struct taking *t, const struct registry_token *token, struct err *err)
{
	enum registry_token_state to;

	if (t->what->how == TAKE_REVOKE)
		return moves_token(t, token->serial) ? wanted_state(t, token, &to, err) : 0;
	return token->state == TOKEN_ACTIVE || token->state == TOKEN_SUSPENDED
		   ? 0
		   : err_set(err, ERR_OCCUPIED, "token %u is %s: neither active nor suspended",
			 (unsigned)token->serial, registry_token_state_name(token->state));
}

static int
do_token(struct taking *t, const struct registry_token *token, struct err *err)
{
	return t->what->how == TAKE_REVOKE ? revoke_token(t, token, err)
					   : suspend_token(t, token, err);
}

/* Each token once: its first certificate stands for it. */
static int
each_token(struct taking *t,
    int (*what)(struct taking *t, const struct registry_token *token, struct err *err),
    struct err *err)
{
	struct registry_token token;
	size_t i, j;
	int rc;

	for (i = 0; i < t->ret->n; i++) {
		for (j = 0; j < i; j++)
			if (t->ret->certs[j].token.serial == t->ret->certs[i].token.serial)
				break;
		if (j == i && (rc = what(t, &t->ret->certs[i].token, err)) != 0)
			return rc;
	}
	if (t->ret->n > 0)
		return 0;
	/* one that never had a certificate */
	rc = registry_token(t->registry, t->which.token, &token, err);
	return rc != 0 ? rc : what(t, &token, err);
}

static int
write_note(struct taking *t, struct err *err)
{
	const char *reason = t->what->how == TAKE_REVOKE
				 ? workflow_reason_name((int)t->what->reason)
			     : t->what->how == TAKE_SUSPEND ? workflow_reason_name(REASON_HOLD)
							    : "hold released";

	return session_note(t->note, sizeof(t->note), reason, t->what->ticket, err);
}

static int
open_all(struct taking *t, struct err *err)
{
	int rc;

	if ((rc = registry_open(t->w->home, t->w->actor, &t->registry, err)) != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	if ((rc = gather(t, err)) == 0)
		rc = each_token(t, check_token, err);
	if (rc != 0 || t->w->dry_run || (rc = session_open_signer(t->w, &t->signer, err)) != 0)
		return rc;
	return audit_tell(t->w->home, t->registry, t->signer, err);
}

/* The servers, too. What was done stays done when they cannot be told. */
static int
tell_servers(const struct desk *w, struct workflow_revoked *ret, struct err *err)
{
	int rc = w->tell_servers(w, false, &ret->published, err);

	if (rc == 0)
		return 0;
	(void)err_wrap(
	    err, "done, and in the CA's CRL number %llu, but", (unsigned long long)ret->crl.number);
	err_hint(err, "after fixing that, run: ykenroll ca publish");
	return rc;
}

/* In a dry run: what was found, as the one step that it would be. */
static void
show(const struct taking *t)
{
	struct desk_step step = {.name = "revoked", .irreversible = true, .state = STEP_WAITS};
	size_t i, n = 0;

	for (i = 0; i < t->ret->n; i++)
		n += t->ret->certs[i].state != CERT_REVOKED;
	snprintf(step.what, sizeof(step.what), "revoke %zu certificates (%s)", n,
	    workflow_reason_name((int)t->what->reason));
	if (t->w->ui.step != NULL)
		t->w->ui.step(t->w->ui.ctx, &step);
}

static int
take_all(struct taking *t, struct err *err)
{
	int rc;

	/* what is neither holder nor token here may be a server's certificate */
	if ((rc = open_all(t, err)) == ERR_ABSENT)
		return revoke_other(t->w, t->registry, t->what, t->cert.len > 0 ? &t->cert : NULL,
		    t->note, t->ret, err);
	if (rc != 0 || t->w->dry_run)
		return rc;
	if ((rc = each_token(t, do_token, err)) != 0 ||
	    (rc = signer_crl_state(t->signer, false, &t->ret->crl, err)) != 0)
		return rc;
	t->ret->already = !t->changed;
	return 0;
}

int
workflow_revoke(const struct desk *w, const struct workflow_revoke *what,
    struct workflow_revoked *ret, struct err *err)
{
	CLEAN(taking_wipe) struct taking t = {.w = w, .what = what, .ret = ret};
	int rc;

	ret->n = 0;
	ret->other = false;
	if ((rc = write_note(&t, err)) != 0 || (rc = take_all(&t, err)) != 0)
		return rc;
	if (w->dry_run) {
		show(&t);
		return 0;
	}
	/* neither card nor CA is kept waiting for a server */
	signer_closep(&t.signer);
	registry_closep(&t.registry);
	return tell_servers(w, ret, err);
}
