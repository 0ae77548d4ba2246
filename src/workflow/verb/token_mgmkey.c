/* SPDX-License-Identifier: BSD-2-Clause */
/* token_mgmkey: a new management key, and what ykman's flags say about it. */
#include "workflow/verb/verb.h"

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

/* The copy first: interrupted after it, the former key still opens the token. */
static int
set_protected(struct verb *v, const struct session_admin *admin, enum device_mgm_alg alg,
    bool touch, const struct secret *key, struct err *err)
{
	struct session_admin flags = *admin;
	int rc;

	/* Only the PIN leads to that copy: one that nobody knows would lose the key. */
	if (!v->s.pin_verified && (rc = verb_pin(v, err)) != 0)
		return rc;
	flags.protected_key = true;
	if ((rc = session_put_protected(&v->s, key, err)) != 0 ||
	    (rc = token_set_mgmkey(v->s.token, alg, key, touch, err)) != 0)
		return rc;
	return session_put_admin(&v->s, &flags, err);
}

/* Others would go on to try the key that the flags announce, so they go, and the copy with them. */
static int
set_plain(struct verb *v, const struct session_admin *admin, enum device_mgm_alg alg, bool touch,
    const struct secret *key, struct err *err)
{
	struct session_admin flags = *admin;
	int rc;

	flags.protected_key = false;
	if ((rc = token_set_mgmkey(v->s.token, alg, key, touch, err)) != 0)
		return rc;
	if (admin->protected_key && (rc = session_put_protected(&v->s, NULL, err)) != 0)
		return rc;
	if (!admin->protected_key && !admin->derived_key)
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
	    "a firmware before 5.4.2 takes a 3DES management key only, this token has %d.%d.%d",
	    fw[0], fw[1], fw[2]);
}

int
workflow_token_change_mgmkey(const struct desk *w, const struct workflow_token_mgmkey *how,
    struct token_id *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	CLEAN(verb_wipe) struct verb v = {0};
	struct session_admin admin;
	enum device_mgm_alg alg;
	int rc;

	if ((rc = verb_open(&v, w, "change-management-key", VERB_CHANGE, err)) != 0)
		return rc;
	alg = how->alg == 0 ? device_mgm_best(token_id(v.s.token)->firmware) : how->alg;
	if ((rc = check_alg(&v, alg, err)) != 0 || (rc = session_admin(&v.s, &admin, err)) != 0 ||
	    (rc = verb_authenticate(&v, err)) != 0 || (rc = make_key(&v, how, alg, key, err)) != 0)
		return rc;
	rc = how->protect ? set_protected(&v, &admin, alg, how->touch, key, err)
			  : set_plain(&v, &admin, alg, how->touch, key, err);
	if (rc != 0)
		return rc;
	return verb_done(&v, ret, err, "the management key was changed");
}
