/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_who: all that take part, and why somebody is missing. */
#include <stdio.h>

#include "base/utc.h"
#include "desk/slot.h"
#include "relying/verify_server.h"

#define SLOT 0x9a

void
cast_wipe(struct cast *c)
{
	size_t i;

	for (i = 0; i < WHO_N; i++)
		probe_key_wipe(&c->keys[i]);
	secret_freep(&c->pin);
	blob_wipe(&c->spki);
	session_wipe(&c->session);
}

static void
take_absent(struct cast *c, enum who who, const char *why)
{
	snprintf(c->absent[who], sizeof(c->absent[who]), "%.199s", why);
}

/* ---- software keys ---- */

static int
make_foreign(struct cast *c, enum who who, const struct blob *like, struct err *err)
{
	struct probe_key *k = &c->keys[who];
	int rc;

	if ((rc = key_generate(KEY_P256, &k->key, err)) != 0)
		return rc;
	k->n_certs = 2;
	return cert_of_other_ca(k->key, like, k->certs, err);
}

#define PREPARE "ykenroll verify-server --prepare"

static const struct {
	enum who who;
	enum probe_id id;
	bool revoked;
	const char *none; /* why there may be none */
} kept[] = {
    {WHO_LIVE, PROBE_LIVE, false, "none exists; create one with: " PREPARE},
    {WHO_GONE, PROBE_GONE, true, "none exists; create one with: " PREPARE " URL"},
    {WHO_FIRST, PROBE_FIRST, true, "only one was revoked yet"},
    {WHO_SERVER, PROBE_SERVER, false, "none exists; create one with: " PREPARE},
    {WHO_LISTED, PROBE_LISTED, false, "none exists; create one with: " PREPARE " --path PATH"},
    {WHO_OLD, PROBE_OLD, false, "none exists yet"},
};

/* What cannot be read is told as a reason, not as the end. */
static void
load_kept(struct cast *c, size_t i)
{
	const enum who who = kept[i].who;
	struct probe_key *k = &c->keys[who];
	bool revoked = false, last = false;
	struct err why = ERR_INIT;
	const int rc = probe_load(c->w, kept[i].id, k, &why);
	const bool ended = rc == 0 && k->info.not_after <= utc_now();

	if (rc != 0)
		take_absent(c, who, rc == ERR_ABSENT ? kept[i].none : why.text);
	else if (ended != (who == WHO_OLD))
		take_absent(c, who,
		    ended ? "it has expired; create a new one with: " PREPARE
			  : "it has not expired");
	else if (who != WHO_OLD && probe_is_revoked(c->w, k, &revoked, &last, &why) != 0)
		take_absent(c, who, why.text);
	else if (who != WHO_OLD && revoked != kept[i].revoked)
		take_absent(c, who,
		    revoked ? "it is revoked; create a new one with: " PREPARE
			    : "it is not revoked yet; do that with: " PREPARE " URL");
	else if (who == WHO_GONE)
		c->gone_is_last = last;
}

/* ---- the token ---- */

/* Is it there, and what has it? It is let go again: nobody else could use it while a person looks
 * for her PIN, and while servers are slow. */
static int
look_at_token(struct cast *c, const struct blob *issuing, struct err *err)
{
	CLEAN(session_wipe) struct session s = {.w = c->w, .choice = c->w->choice};
	CLEAN(slot_wipe) struct slot slot = {0};
	struct probe_key *k = &c->keys[WHO_TOKEN];
	int rc;

	if ((rc = session_token(&s, err)) != 0 ||
	    (rc = slot_look(s.token, SLOT, false, &slot, err)) != 0)
		return rc;
	if (!slot.cert_readable)
		return err_set(err, ERR_FIT, "the token has no certificate in slot 9a");
	if ((rc = slot_spki(&slot, SLOT, &c->spki, err)) != 0 ||
	    (rc = blob_set(&k->certs[1], issuing->data, issuing->len, err)) != 0)
		return rc;
	c->touch = slot.key_known &&
		   (slot.key.touch_policy == TOUCH_ALWAYS || slot.key.touch_policy == TOUCH_CACHED);
	c->pin_always = slot.key_known && slot.key.pin_policy == PIN_ALWAYS;
	c->again = *c->w;
	c->again.choice = (struct device_choice){.serial = s.serial};
	if (c->again.choice.serial == 0)
		c->again.choice = c->w->choice;
	blob_move(&k->certs[0], &slot.cert_der);
	k->n_certs = 2;
	return 0;
}

static int
open_token(struct cast *c, struct err *err)
{
	int rc;

	c->session = (struct session){.w = &c->again, .choice = c->again.choice};
	if ((rc = session_token(&c->session, err)) != 0 ||
	    (rc = token_verify_pin(c->session.token, c->pin, session_flags(&c->session), err)) != 0)
		return rc;
	return token_key(c->session.token, SLOT, &c->spki, c->touch, &c->keys[WHO_TOKEN].key, err);
}

void
cast_release(struct cast *c)
{
	key_freep(&c->keys[WHO_TOKEN].key);
	session_wipe(&c->session);
	c->session = (struct session){.w = c->w};
}

/* PIN policy "always" wants a VERIFY right before each use. */
int
cast_ready(struct cast *c, enum who who, struct err *err)
{
	if (who != WHO_TOKEN)
		return 0;
	if (c->keys[WHO_TOKEN].key == NULL)
		return open_token(c, err);
	if (!c->pin_always)
		return 0;
	return token_verify_pin(c->session.token, c->pin, session_flags(&c->session), err);
}

int
cast_gather(struct cast *c, const struct desk *w, const struct blob ours[static 2], bool token,
    struct err *err)
{
	size_t i;
	int rc;

	*c = (struct cast){.w = w};
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		load_kept(c, i);
	if ((rc = make_foreign(c, WHO_OTHER, NULL, err)) != 0 ||
	    (rc = make_foreign(c, WHO_SAME_NAME, &ours[0], err)) != 0)
		return rc;
	if (!token) {
		take_absent(c, WHO_TOKEN, "not asked (--token)");
		return 0;
	}
	if ((rc = look_at_token(c, &ours[0], err)) != 0)
		return rc;
	c->pin = secret_new();
	return w->ui.secret(w->ui.ctx, DESK_CURRENT_PIN, c->pin, err);
}
