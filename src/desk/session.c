/* SPDX-License-Identifier: BSD-2-Clause */
/* session: one visit to one token. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/tlv.h"
#include "base/utc.h"
#include "desk/session.h"

#define CHUID_YEARS 10

void
session_wipe(struct session *s)
{
	signer_closep(&s->signer);
	signer_closep(&s->look);
	registry_escrow_lockp(&s->escrow);
	registry_closep(&s->registry);
	token_closep(&s->token);
	device_closep(&s->dev);
}

/* ---- opening ---- */

int
session_open_registry(const struct desk *w, struct registry **ret, struct err *err)
{
	const int rc = registry_open(w->home, w->actor, ret, err);

	return rc == ERR_ABSENT ? ERR_INTERNAL : rc;
}

int
session_open_signer(const struct desk *w, struct signer **ret, struct err *err)
{
	const struct signer_open how = {.home = w->home, .ca_pass_spec = w->ca_pass_spec};

	return signer_open(&how, ret, err);
}

int
session_open_look(const struct desk *w, struct signer **ret, struct err *err)
{
	const struct signer_open how = {.home = w->home, .look = true};

	return signer_open(&how, ret, err);
}

int
session_registry(struct session *s, struct err *err)
{
	return s->registry != NULL ? 0 : session_open_registry(s->w, &s->registry, err);
}

int
session_signer(struct session *s, struct err *err)
{
	const struct signer_open how = {
	    .home = s->w->home, .ca_pass_spec = s->w->ca_pass_spec, .about = s->about};
	int rc;

	if (s->signer != NULL)
		return 0;
	if ((rc = signer_open(&how, &s->signer, err)) == ERR_PERSON && s->left[0] != '\0')
		err_hint(err, "%s", s->left);
	return rc;
}

int
session_look(struct session *s, struct err *err)
{
	return s->look != NULL ? 0 : session_open_look(s->w, &s->look, err);
}

int
session_token(struct session *s, struct err *err)
{
	int rc;

	if (s->token != NULL)
		return 0;
	if ((rc = device_open(s->w->device_ui, &s->dev, err)) != 0 ||
	    (rc = token_open(s->dev, &s->choice, &s->token, err)) != 0)
		return rc;
	s->serial = token_id(s->token)->serial;
	return 0;
}

int
session_known_token(struct session *s, struct err *err)
{
	const int rc = session_token(s, err);

	return rc != 0 || s->serial != 0
		   ? rc
		   : err_set(err, ERR_NO_TOKEN,
			 "this token does not report its serial number, which the registry needs");
}

/* ---- the registry's word ---- */

int
session_find(
    struct session *s, const char *what, uint32_t *ret_token, int64_t *ret_holder, struct err *err)
{
	struct registry_found found = {0};
	struct registry_cert cert = {.token.serial = 0};
	int rc = registry_find(s->registry, what, &found, err);

	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE,
		    "no holder, token or certificate matches %s; see: ykenroll list", what);
	if (rc != 0)
		return rc;
	if (found.has_cert && (rc = registry_cert(s->registry, found.cert_serial, &cert, err)) < 0)
		return rc;
	if (found.has_cert)
		found.token = cert.token.serial;
	*ret_token = found.token;
	*ret_holder = found.holder;
	return 0;
}

int
session_note(char *ret, size_t size, const char *reason, const char *ticket, struct err *err)
{
	const bool has = ticket != NULL && ticket[0] != '\0';
	int n;

	if (has && !text_is_plain(ticket))
		return err_set(err, ERR_USAGE, "the ticket must be printable text");
	n = snprintf(ret, size, "%s%s%s", reason, has ? ", ticket " : "", has ? ticket : "");
	return n >= 0 && (size_t)n < size
		   ? 0
		   : err_set(err, ERR_USAGE, "reason and ticket are too long");
}

/* ---- people ---- */

int
session_ask(const struct session *s, enum desk_secret which, struct secret *ret, struct err *err)
{
	bool given;

	return err_answer(s->w->ui.secret(s->w->ui.ctx, which, ret, err), ERR_ABSENT, &given, err);
}

void
session_about(struct session *s, const struct holder *holder, const char *left)
{
	const bool any = holder != NULL && holder->key[0] != '\0';

	snprintf(s->about, sizeof(s->about), any ? "token %u → %s (%s)" : "token %u", s->serial,
	    any ? holder->name : "", any ? holder->key : "");
	snprintf(s->left, sizeof(s->left), "%s", left);
	if (s->w->ui.about != NULL)
		s->w->ui.about(s->w->ui.ctx, s->about, s->left);
}

int
session_check(const struct session *s, enum desk_secret which, struct err *err)
{
	return s->w->ui.check == NULL ? 0 : s->w->ui.check(s->w->ui.ctx, which, err);
}

int
desk_pin_check(const struct secret *pin, struct err *err)
{
	int rc;

	if ((rc = device_pin_check(pin, "PIN", err)) != 0)
		return rc;
	/* FIPS 201-3, 4.3.1: not easily guessable; the factory's is the first that anybody tries.
	 */
	if (secret_is_trivial(pin))
		return err_set(err, ERR_USAGE,
		    "this PIN is too easy to guess (the factory PIN 123456, a sequence, or one "
		    "repeated character): choose another one");
	return 0;
}

int
session_new_pin(const struct session *s, struct secret *ret, struct err *err)
{
	const int rc = session_ask(s, DESK_NEW_PIN, ret, err);

	return rc != 0 ? rc : desk_pin_check(ret, err);
}

int
session_confirm(const struct session *s, const char *question, struct err *err)
{
	if (s->w->ui.confirm == NULL)
		return err_set(err, ERR_PERSON, "nobody can be asked");
	return s->w->ui.confirm(s->w->ui.ctx, question, err);
}

/* ---- PIN and PUK ---- */

unsigned
session_flags(const struct session *s)
{
	return s->w->last_try ? DEVICE_LAST_TRY : 0;
}

unsigned
session_puk_flags(const struct session *s, const struct token_pin_state *puk)
{
	return puk->tries_left < 0 ? DEVICE_LAST_TRY : session_flags(s);
}

int
session_tries(
    const struct session *s, const struct token_pin_state *state, const char *what, struct err *err)
{
	int rc;

	if (state->tries_left == 0)
		return err_set(
		    err, ERR_BLOCKED, "the %s of token %u is blocked", what, (unsigned)s->serial);
	if (state->tries_left != 1 || s->w->last_try)
		return 0;
	rc = err_set(err, ERR_PIN,
	    "the %s of token %u has only one try left; use --last-try to use it anyway", what,
	    (unsigned)s->serial);
	if (err != NULL)
		err->tries = 1;
	return rc;
}

int
session_puk(struct session *s, struct token_pin_state *ret, bool *ret_has, struct err *err)
{
	int rc = token_puk_state(s->token, ret, err);

	rc = err_answer(rc, ERR_ABSENT, ret_has, err);
	if (*ret_has && ret->known && ret->tries_max == 0)
		*ret_has = false;
	return rc;
}

int
session_pin(struct session *s, enum desk_secret which, struct secret *ret, struct err *err)
{
	int rc;

	if ((rc = s->w->ui.secret(s->w->ui.ctx, which, ret, err)) != 0)
		return rc;
	if ((rc = token_verify_pin(s->token, ret, session_flags(s), err)) == 0)
		s->pin_verified = true;
	return rc;
}

/* ---- card identity ---- */

int
session_guid(uint8_t ret[static DEVICE_GUID_LEN], struct err *err)
{
	CLEAN(secret_freep) struct secret *guid = secret_new();
	int rc;

	if ((rc = secret_random(guid, DEVICE_GUID_LEN, err)) != 0)
		return rc;
	memcpy(ret, guid->bytes, DEVICE_GUID_LEN);
	ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x40); /* RFC 4122, 4.4: version 4 */
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80);
	return 0;
}

int
session_put_chuid(struct session *s, const uint8_t guid[static DEVICE_GUID_LEN], struct err *err)
{
	return token_put_chuid(s->token, guid, utc_now() + (int64_t)CHUID_YEARS * 365 * 86400, err);
}

/* ---- the management key, and what ykman's flags say about it ---- */

#define FACTORY_LEN 24

int
session_authenticate(struct session *s, const struct secret *key, struct err *err)
{
	const int rc = token_authenticate(s->token, key, err);

	s->authenticated = rc == 0;
	return rc;
}

int
session_mgmkey(struct session *s, const struct secret *given, struct err *err)
{
	CLEAN(secret_freep) struct secret *factory = secret_new();
	const bool is_given = given->len > 0;
	int rc;

	if ((rc = secret_set(factory, device_factory_mgmkey, FACTORY_LEN, err)) != 0)
		return rc;
	rc = session_authenticate(s, is_given ? given : factory, err);
	return rc != ERR_MGMKEY
		   ? rc
		   : err_set(err, ERR_MGMKEY,
			 "the management key of token %u is not %s: give the right one with "
			 "--management-key",
			 (unsigned)s->serial, is_given ? "the one given" : "the factory's");
}

int
session_is_mgmkey(struct session *s, const struct secret *key, bool *ret, struct err *err)
{
	return err_answer(session_authenticate(s, key, err), ERR_MGMKEY, ret, err);
}

int
session_is_factory(
    struct session *s, const struct token_mgm_state *state, bool *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	int rc;

	*ret = false;
	if ((state->known && !state->factory) || device_mgm_len(state->alg) != FACTORY_LEN)
		return 0;
	if ((rc = secret_set(key, device_factory_mgmkey, FACTORY_LEN, err)) != 0)
		return rc;
	return session_is_mgmkey(s, key, ret, err);
}

/* ---- ykman's flags ---- */

enum {
	TAG_ADMIN = 0x80,
	TAG_FLAGS = 0x81,
	TAG_SALT = 0x82,
	FLAG_PUK_BLOCKED = 0x01,
	FLAG_PROTECTED = 0x02,
};

int
session_admin(struct session *s, struct session_admin *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob content = {0};
	struct session_admin admin = {0};
	struct tlv outer, flags, salt;
	int rc;

	rc = token_get_object(s->token, OBJ_ADMIN, &content, err);
	if ((rc = err_answer(rc, ERR_ABSENT, &admin.present, err)) != 0)
		return rc;
	if (admin.present && tlv_find(content.data, content.len, TAG_ADMIN, &outer) == 0) {
		if (tlv_find(outer.value, outer.len, TAG_FLAGS, &flags) == 0 && flags.len == 1) {
			admin.puk_disabled = (flags.value[0] & FLAG_PUK_BLOCKED) != 0;
			admin.protected_key = (flags.value[0] & FLAG_PROTECTED) != 0;
		}
		admin.derived_key = tlv_find(outer.value, outer.len, TAG_SALT, &salt) == 0;
	}
	*ret = admin;
	return 0;
}

/* The time of the last change of the PIN (83) is left out: ykman and libykpiv write it in different
 * byte orders. */
int
session_put_admin(struct session *s, const struct session_admin *admin, struct err *err)
{
	CLEAN(blob_wipe) struct blob content = {0};
	const uint8_t flags[] = {TAG_FLAGS, 1,
	    (uint8_t)((admin->puk_disabled ? FLAG_PUK_BLOCKED : 0) |
		      (admin->protected_key ? FLAG_PROTECTED : 0))};
	int rc;

	if (flags[2] != 0 && (rc = tlv_put(&content, TAG_ADMIN, flags, sizeof(flags), err)) != 0)
		return rc;
	if (flags[2] == 0 && !admin->present)
		return 0;
	return token_put_object(s->token, OBJ_ADMIN, &content, err);
}

/* ---- the key behind the PIN ---- */

enum { TAG_PROTECTED = 0x88, TAG_KEY = 0x89 };

int
session_get_protected(struct session *s, struct secret *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob content = {0};
	struct tlv outer, key;
	int rc;

	if ((rc = token_get_object(s->token, OBJ_PRINTED, &content, err)) != 0)
		return rc;
	if (tlv_find(content.data, content.len, TAG_PROTECTED, &outer) != 0 ||
	    tlv_find(outer.value, outer.len, TAG_KEY, &key) != 0)
		return err_set(err, ERR_ABSENT, "it contains no management key");
	return secret_set(ret, key.value, key.len, err);
}

int
session_put_protected(struct session *s, const struct secret *key, struct err *err)
{
	CLEAN(blob_wipe) struct blob inner = {0}, content = {0};
	int rc;

	if (key != NULL &&
	    ((rc = tlv_put(&inner, TAG_KEY, key->bytes, key->len, err)) != 0 ||
		(rc = tlv_put(&content, TAG_PROTECTED, inner.data, inner.len, err)) != 0))
		return rc;
	return token_put_object(s->token, OBJ_PRINTED, &content, err);
}
