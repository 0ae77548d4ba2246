/* SPDX-License-Identifier: BSD-2-Clause */
/* token_mgmkey: a new management key, and what ykman's flags say about it. */
#include "base/tlv.h"
#include "workflow/verb.h"

enum { TAG_PROTECTED = 0x88, TAG_KEY = 0x89 }; /* in PRINTED, ykman's convention */

static int
make_key(const struct verb *v, const struct workflow_token_mgmkey *how, enum device_mgm_alg alg,
    struct secret *ret, struct err *err)
{
	int rc;

	if (!how->new_key.generate)
		return v->w->ui.secret(v->w->ui.ctx, WORKFLOW_NEW_MGMKEY, ret, err);
	if ((rc = device_mgm_generate(alg, ret, err)) != 0)
		return rc;
	return how->new_key.keep == NULL ? 0 : how->new_key.keep(how->new_key.ctx, ret, err);
}

static int
put_protected(struct verb *v, const struct secret *key, struct err *err)
{
	CLEAN(blob_wipe) struct blob inner = {0}, content = {0};
	int rc;

	if ((rc = tlv_put(&inner, TAG_KEY, key->bytes, key->len, err)) != 0 ||
	    (rc = tlv_put(&content, TAG_PROTECTED, inner.data, inner.len, err)) != 0)
		return rc;
	return token_put_object(v->token, OBJ_PRINTED, &content, err);
}

static int
drop_protected(struct verb *v, struct err *err)
{
	const struct blob none = {0};

	return token_put_object(v->token, OBJ_PRINTED, &none, err);
}

/* The copy first: interrupted after it, the former key still opens the token. */
static int
set_protected(struct verb *v, const struct verb_admin *admin, enum device_mgm_alg alg, bool touch,
    const struct secret *key, struct err *err)
{
	struct verb_admin flags = *admin;
	int rc;

	/* Only the PIN leads to that copy: one that nobody knows would lose the key. */
	if (!v->asked_pin && (rc = verb_pin(v, err)) != 0)
		return rc;
	flags.protected_key = true;
	if ((rc = put_protected(v, key, err)) != 0 ||
	    (rc = token_set_mgmkey(v->token, alg, key, touch, err)) != 0)
		return rc;
	return verb_put_admin(v, &flags, err);
}

/* Others would go on to try the key that the flags announce, so they go, and the copy with them. */
static int
set_plain(struct verb *v, const struct verb_admin *admin, enum device_mgm_alg alg, bool touch,
    const struct secret *key, struct err *err)
{
	struct verb_admin flags = *admin;
	int rc;

	flags.protected_key = false;
	if ((rc = token_set_mgmkey(v->token, alg, key, touch, err)) != 0)
		return rc;
	if (admin->protected_key && (rc = drop_protected(v, err)) != 0)
		return rc;
	if (!admin->protected_key && !admin->derived_key)
		return 0;
	return verb_put_admin(v, &flags, err);
}

/* Refused before a secret is asked for. */
static int
check_alg(const struct verb *v, enum device_mgm_alg alg, struct err *err)
{
	const uint8_t *fw = token_id(v->token)->firmware;

	if (alg == MGM_3DES || device_mgm_best(fw) != MGM_3DES)
		return 0;
	return err_set(err, ERR_USAGE,
	    "a firmware before 5.4.2 takes a 3DES management key only, this token has %d.%d.%d",
	    fw[0], fw[1], fw[2]);
}

int
workflow_token_change_mgmkey(const struct workflow *w, const struct workflow_token_mgmkey *how,
    struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	struct verb_admin admin;
	enum device_mgm_alg alg;
	int rc;

	if ((rc = verb_open(&v, w, "change-management-key", VERB_CHANGE, err)) != 0)
		return rc;
	alg = how->alg == 0 ? device_mgm_best(token_id(v.token)->firmware) : how->alg;
	if ((rc = check_alg(&v, alg, err)) != 0 || (rc = verb_admin(&v, &admin, err)) != 0 ||
	    (rc = verb_authenticate(&v, err)) != 0 || (rc = make_key(&v, how, alg, key, err)) != 0)
		return rc;
	rc = how->protect ? set_protected(&v, &admin, alg, how->touch, key, err)
			  : set_plain(&v, &admin, alg, how->touch, key, err);
	if (rc != 0)
		return rc;
	*ret = *token_id(v.token);
	return verb_audit(&v, "the management key was changed", err);
}
