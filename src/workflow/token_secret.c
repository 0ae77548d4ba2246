/* SPDX-License-Identifier: BSD-2-Clause */
/* token_secret: PIN, PUK and their tries. */
#include <stdio.h>
#include <string.h>

#include "workflow/verb.h"

#define PUK_DIGITS 8

static int
ask(const struct verb *v, enum workflow_secret which, struct secret *ret, struct err *err)
{
	return v->w->ui.secret(v->w->ui.ctx, which, ret, err);
}

static void
say(const struct verb *v, const char *text)
{
	if (v->w->ui.say != NULL)
		v->w->ui.say(v->w->ui.ctx, text);
}

/* Said before anything is asked: a value that will not be sent need not be typed. */
static int
spendable(const struct verb *v, const struct token_pin_state *s, const char *what, struct err *err)
{
	int rc;

	if (s->tries_left == 0)
		return err_set(err, ERR_BLOCKED, "the %s of token %u is blocked", what,
		    token_id(v->token)->serial);
	if (s->tries_left != 1 || v->w->last_try)
		return 0;
	rc = err_set(err, ERR_PIN,
	    "the %s of token %u has one try left, which is not spent without --last-try", what,
	    token_id(v->token)->serial);
	if (err != NULL)
		err->tries = 1;
	return rc;
}

static int
pin_spendable(struct verb *v, struct err *err)
{
	struct token_pin_state s;
	int rc;

	if ((rc = token_pin_state(v->token, &s, err)) != 0)
		return rc;
	return spendable(v, &s, "PIN", err);
}

static int
puk_spendable(struct verb *v, struct err *err)
{
	struct token_pin_state s;
	int rc;

	rc = token_puk_state(v->token, &s, err);
	if (rc == ERR_ABSENT || (rc == 0 && s.known && s.tries_max == 0))
		return err_set(err, ERR_USAGE, "this token has no PUK");
	if (rc != 0)
		return rc;
	return spendable(v, &s, "PUK", err);
}

int
workflow_token_change_pin(const struct workflow *w, struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *old = secret_new(), *new_pin = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "change-pin", VERB_HOLDER, err)) != 0 ||
	    (rc = pin_spendable(&v, err)) != 0 ||
	    (rc = ask(&v, WORKFLOW_CURRENT_PIN, old, err)) != 0 ||
	    (rc = ask(&v, WORKFLOW_NEW_PIN, new_pin, err)) != 0 ||
	    (rc = token_change_pin(v.token, old, new_pin, verb_flags(&v), err)) != 0)
		return rc;
	*ret = *token_id(v.token);
	return verb_audit(&v, "the PIN was changed by who knows it", err);
}

/* A new PUK: given, or made here and written down before it is set. */
static int
new_puk(
    const struct verb *v, const struct workflow_token_new *how, struct secret *ret, struct err *err)
{
	int rc;

	if (!how->generate)
		return ask(v, WORKFLOW_NEW_PUK, ret, err);
	if ((rc = secret_digits(ret, PUK_DIGITS, err)) != 0)
		return rc;
	return how->keep(how->ctx, ret, err);
}

int
workflow_token_change_puk(const struct workflow *w, const struct workflow_token_new *how,
    struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *old = secret_new(), *puk = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "change-puk", VERB_CHANGE, err)) != 0 ||
	    (rc = puk_spendable(&v, err)) != 0 ||
	    (rc = ask(&v, WORKFLOW_CURRENT_PUK, old, err)) != 0 ||
	    (rc = new_puk(&v, how, puk, err)) != 0 ||
	    (rc = token_change_puk(v.token, old, puk, verb_flags(&v), err)) != 0)
		return rc;
	*ret = *token_id(v.token);
	return verb_audit(&v, "the PUK was changed", err);
}

int
workflow_token_unblock_pin(const struct workflow *w, struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *puk = secret_new(), *new_pin = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "unblock-pin", VERB_CHANGE, err)) != 0 ||
	    (rc = puk_spendable(&v, err)) != 0 ||
	    (rc = ask(&v, WORKFLOW_CURRENT_PUK, puk, err)) != 0 ||
	    (rc = ask(&v, WORKFLOW_NEW_PIN, new_pin, err)) != 0 ||
	    (rc = token_unblock_pin(v.token, puk, new_pin, verb_flags(&v), err)) != 0)
		return rc;
	*ret = *token_id(v.token);
	return verb_audit(&v, "the PIN was set with the PUK", err);
}

/* Both would be the factory's afterwards, which is a surprise to whom they belong. */
static int
refuse_personalised(struct verb *v, struct err *err)
{
	struct token_pin_state pin, puk;
	struct err why = ERR_INIT;
	bool has_puk;
	int rc;

	if ((rc = token_pin_state(v->token, &pin, err)) != 0)
		return rc;
	rc = token_puk_state(v->token, &puk, &why);
	if ((rc = verb_present(rc, &has_puk, &why, err)) != 0)
		return rc;
	if (v->w->force || (pin.known && pin.factory && (!has_puk || puk.factory)))
		return 0;
	if (!pin.known)
		return err_set(err, ERR_OCCUPIED,
		    "setting the tries resets PIN and PUK to 123456 and 12345678, and this firmware "
		    "does not tell whether they still are; --force does it");
	return err_set(err, ERR_OCCUPIED,
	    "setting the tries resets PIN and PUK to 123456 and 12345678, and the %s of token %u is "
	    "not the factory's any more; --force does it",
	    pin.factory ? "PUK" : "PIN", token_id(v->token)->serial);
}

int
workflow_token_set_retries(const struct workflow *w, unsigned pin_tries, unsigned puk_tries,
    struct token_id *ret, struct err *err)
{
	CLEAN(verb_wipe) struct verb v = {0};
	char text[64];
	int rc;

	if ((rc = verb_open(&v, w, "set-retries", VERB_CHANGE, err)) != 0 ||
	    (rc = refuse_personalised(&v, err)) != 0 || (rc = pin_spendable(&v, err)) != 0)
		return rc;
	say(&v,
	    "this resets PIN and PUK to the factory's, 123456 and 12345678: change both after it");
	if ((rc = verb_pin(&v, err)) != 0 || (rc = verb_authenticate(&v, err)) != 0 ||
	    (rc = token_set_retries(v.token, pin_tries, puk_tries, err)) != 0)
		return rc;
	*ret = *token_id(v.token);
	snprintf(text, sizeof(text), "PIN tries %u, PUK tries %u", pin_tries, puk_tries);
	return verb_audit(&v, text, err);
}
