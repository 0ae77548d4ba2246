/* SPDX-License-Identifier: BSD-2-Clause */
/* session_mgmkey: the management key, and what ykman's flags say about it. */
#include "base/tlv.h"
#include "desk/session.h"

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
	struct err why = ERR_INIT;

	return err_answer(session_authenticate(s, key, &why), ERR_MGMKEY, ret, &why, err);
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
	struct err why = ERR_INIT;
	int rc;

	rc = token_get_object(s->token, OBJ_ADMIN, &content, &why);
	if ((rc = err_answer(rc, ERR_ABSENT, &admin.present, &why, err)) != 0)
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
		return err_set(err, ERR_ABSENT, "no management key in there");
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
