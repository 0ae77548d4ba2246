/* SPDX-License-Identifier: BSD-2-Clause */
/* token_secret: PIN, PUK and their tries; the management key. */
#include "workflow/verb/verb.h"

#define PUK_DIGITS 8

static int
ask(const struct verb *v, enum desk_secret which, struct secret *ret, struct err *err)
{
	return v->s.w->ui.secret(v->s.w->ui.ctx, which, ret, err);
}

static void
say(const struct verb *v, const char *text)
{
	if (v->s.w->ui.say != NULL)
		v->s.w->ui.say(v->s.w->ui.ctx, text);
}

static int
pin_spendable(struct verb *v, struct err *err)
{
	struct token_pin_state pin;
	const int rc = token_pin_state(v->s.token, &pin, err);

	return rc != 0 ? rc : session_tries(&v->s, &pin, "PIN", err);
}

static int
puk_spendable(struct verb *v, struct err *err)
{
	struct token_pin_state puk;
	bool has_puk;
	const int rc = session_puk(&v->s, &puk, &has_puk, err);

	if (rc != 0)
		return rc;
	return has_puk ? session_tries(&v->s, &puk, "PUK", err)
		       : err_set(err, ERR_USAGE, "this token has no PUK");
}

int
workflow_token_change_pin(const struct desk *w, struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *old = secret_new(), *new_pin = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "change-pin", VERB_HOLDER, err)) != 0 ||
	    (rc = pin_spendable(&v, err)) != 0 || (rc = ask(&v, DESK_CURRENT_PIN, old, err)) != 0 ||
	    (rc = ask(&v, DESK_NEW_PIN, new_pin, err)) != 0 ||
	    (rc = token_change_pin(v.s.token, old, new_pin, session_flags(&v.s), err)) != 0)
		return rc;
	return verb_done(&v, ret, err, "the PIN was changed by who knows it");
}

/* A new PUK: given, or made here and written down before it is set. */
static int
new_puk(
    const struct verb *v, const struct workflow_token_new *how, struct secret *ret, struct err *err)
{
	int rc;

	if (!how->generate)
		return ask(v, DESK_NEW_PUK, ret, err);
	if ((rc = secret_digits(ret, PUK_DIGITS, err)) != 0)
		return rc;
	return how->keep(how->ctx, ret, err);
}

int
workflow_token_change_puk(const struct desk *w, const struct workflow_token_new *how,
    struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *old = secret_new(), *puk = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "change-puk", VERB_CHANGE, err)) != 0 ||
	    (rc = puk_spendable(&v, err)) != 0 || (rc = ask(&v, DESK_CURRENT_PUK, old, err)) != 0 ||
	    (rc = new_puk(&v, how, puk, err)) != 0 ||
	    (rc = token_change_puk(v.s.token, old, puk, session_flags(&v.s), err)) != 0)
		return rc;
	return verb_done(&v, ret, err, "the PUK was changed");
}

int
workflow_token_unblock_pin(const struct desk *w, struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *puk = secret_new(), *new_pin = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "unblock-pin", VERB_CHANGE, err)) != 0 ||
	    (rc = puk_spendable(&v, err)) != 0 || (rc = ask(&v, DESK_CURRENT_PUK, puk, err)) != 0 ||
	    (rc = ask(&v, DESK_NEW_PIN, new_pin, err)) != 0 ||
	    (rc = token_unblock_pin(v.s.token, puk, new_pin, session_flags(&v.s), err)) != 0)
		return rc;
	return verb_done(&v, ret, err, "the PIN was set with the PUK");
}

/* Both would be the factory's afterwards, which is a surprise to whom they belong. */
static int
refuse_personalised(struct verb *v, struct err *err)
{
	struct token_pin_state pin, puk;
	bool has_puk;
	int rc;

	if ((rc = token_pin_state(v->s.token, &pin, err)) != 0 ||
	    (rc = session_puk(&v->s, &puk, &has_puk, err)) != 0)
		return rc;
	if (v->s.w->force || (pin.known && pin.factory && (!has_puk || puk.factory)))
		return 0;
	if (!pin.known)
		return err_set(err, ERR_OCCUPIED,
		    "setting the tries resets PIN and PUK to 123456 and 12345678, and this "
		    "firmware does not report whether they still have these values; use --force "
		    "to do it anyway");
	return err_set(err, ERR_OCCUPIED,
	    "setting the tries resets PIN and PUK to 123456 and 12345678, and the %s of token %u "
	    "is no longer the factory default; use --force to do it anyway",
	    pin.factory ? "PUK" : "PIN", v->s.serial);
}

int
workflow_token_set_retries(const struct desk *w, unsigned pin_tries, unsigned puk_tries,
    struct token_id *ret, struct err *err)
{
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "set-retries", VERB_CHANGE, err)) != 0 ||
	    (rc = refuse_personalised(&v, err)) != 0 || (rc = pin_spendable(&v, err)) != 0)
		return rc;
	say(&v, "this resets PIN and PUK to the factory defaults 123456 and 12345678: change both "
		"afterwards");
	if ((rc = verb_pin(&v, err)) != 0 || (rc = verb_authenticate(&v, err)) != 0 ||
	    (rc = token_set_retries(v.s.token, pin_tries, puk_tries, err)) != 0)
		return rc;
	return verb_done(&v, ret, err, "PIN tries %u, PUK tries %u", pin_tries, puk_tries);
}

/* ---- a new management key, and what ykman's flags say about it ---- */

static int
make_key(const struct verb *v, const struct workflow_token_mgmkey *how, enum device_mgm_alg alg,
    struct secret *ret, struct err *err)
{
	int rc;

	if (!how->new_key.generate)
		return v->s.w->ui.secret(v->s.w->ui.ctx, DESK_NEW_MGMKEY, ret, err);
	if ((rc = device_mgm_generate(alg, ret, err)) != 0)
		return rc;
	return how->new_key.keep == NULL ? 0 : how->new_key.keep(how->new_key.ctx, ret, err);
}

struct change { /* of the key */
	const struct session_admin *was;
	enum device_mgm_alg alg;
	bool touch;
	bool done; /* the token has the new one */
};

static int
set_key(struct verb *v, struct change *c, const struct secret *key, struct err *err)
{
	const int rc = token_set_mgmkey(v->s.token, c->alg, key, c->touch, err);

	c->done = rc == 0;
	return rc;
}

/* The copy and what announces it first: interrupted after them, the former key still opens the
 * token; and nothing is left to fail when the new one does. */
static int
set_protected(struct verb *v, struct change *c, const struct secret *key, struct err *err)
{
	struct session_admin flags = *c->was;
	int rc;

	/* Only the PIN leads to that copy: one that nobody knows would lose the key. */
	if (!v->s.pin_verified && (rc = verb_pin(v, err)) != 0)
		return rc;
	flags.protected_key = true;
	if ((rc = session_put_protected(&v->s, key, err)) != 0 ||
	    (rc = session_put_admin(&v->s, &flags, err)) != 0)
		return rc;
	if ((rc = set_key(v, c, key, err)) == 0)
		return 0;
	flags.present = true;
	flags.protected_key = c->was->protected_key;
	(void)!session_put_admin(&v->s, &flags, NULL);
	err_hint(err, "the management key is the former one");
	return rc;
}

/* Others would go on to try the key that the flags announce, so they go, and the copy with them. */
static int
set_plain(struct verb *v, struct change *c, const struct secret *key, struct err *err)
{
	struct session_admin flags = *c->was;
	int rc;

	flags.protected_key = false;
	if ((rc = set_key(v, c, key, err)) != 0)
		return rc;
	if (c->was->protected_key && (rc = session_put_protected(&v->s, NULL, err)) != 0)
		return rc;
	if (!c->was->protected_key && !c->was->derived_key)
		return 0;
	return session_put_admin(&v->s, &flags, err);
}

/* Refused before a secret is asked for. */
static int
check_alg(const struct verb *v, enum device_mgm_alg alg, struct err *err)
{
	const uint8_t *fw = token_id(v->s.token)->firmware;

	if (alg == MGM_3DES || device_mgm_best(fw) != MGM_3DES)
		return 0;
	return err_set(err, ERR_USAGE,
	    "firmware before 5.4.2 supports only 3DES management keys; this token has %d.%d.%d",
	    fw[0], fw[1], fw[2]);
}

/* There is a row of it either way. */
static int
changed(struct verb *v, struct token_id *ret, int rc, struct err *err)
{
	struct err own = ERR_INIT;
	const int row = verb_done(v, ret, rc == 0 ? err : &own, "the management key was changed%s",
	    rc == 0 ? "" : "; what the token says of the former one is still there");

	if (rc == 0)
		return row;
	(void)err_wrap(err, "the management key is changed, but what the token says of the former "
			    "one is still there");
	if (row != 0)
		err_hint(err, "%s", own.text);
	return rc;
}

int
workflow_token_change_mgmkey(const struct desk *w, const struct workflow_token_mgmkey *how,
    bool *ret_changed, struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	struct session_admin admin;
	struct change c = {.was = &admin, .touch = how->touch};
	int rc;

	*ret_changed = false;
	if ((rc = verb_open(&v, w, "change-management-key", VERB_CHANGE, err)) != 0)
		return rc;
	c.alg = how->alg == 0 ? device_mgm_best(token_id(v.s.token)->firmware) : how->alg;
	if ((rc = check_alg(&v, c.alg, err)) != 0 || (rc = session_admin(&v.s, &admin, err)) != 0 ||
	    (rc = verb_authenticate(&v, err)) != 0 ||
	    (rc = make_key(&v, how, c.alg, key, err)) != 0)
		return rc;
	rc = how->protect ? set_protected(&v, &c, key, err) : set_plain(&v, &c, key, err);
	*ret_changed = c.done;
	return c.done ? changed(&v, ret, rc, err) : rc;
}
