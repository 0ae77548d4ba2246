/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "workflow/verb/verb.h"

/* ---- the registry's word ---- */

/* What will change a registered token with escrow and audit. */
static const struct {
	const char *verb, *command;
} instead[] = {
    {"change-puk", "unblock %u"},
    {"unblock-pin", "unblock %u"},
    {"set-retries", "retire %u, then ykenroll enroll NAME --reset --retries PIN,PUK"},
    {"change-management-key", "reissue %u --reason expiring"},
    {"generate", "reissue %u --reason expiring --new-key"},
    {"import", "reissue %u --reason expiring"},
    {"move", "retire %u"},
    {"delete", "retire %u"},
    {"reset", "retire %u"},
};

/* Tokens that the registry does not look after. */
static bool
is_free(enum registry_token_state state)
{
	return state == TOKEN_NEW || state == TOKEN_RETIRED;
}

static int
look_up(struct verb *v, enum verb_kind kind, struct err *err)
{
	const struct desk *w = v->s.w;
	bool there;
	int rc;

	if (v->s.serial == 0)
		return 0;
	rc = registry_open(w->home, w->actor, &v->s.registry, err);
	if (rc != 0 && kind == VERB_LOOK)
		return 0;
	if ((rc = err_answer(rc, ERR_ABSENT, &there, err)) != 0 || !there)
		return rc;
	return registry_row(v->s.registry, v->s.serial, &v->s.row, err);
}

static int
refuse_registered(const struct verb *v, struct err *err)
{
	const uint32_t serial = v->s.row.token.serial;
	const char *command = "recover --device %u";
	char use[96];
	size_t i;

	if (serial == 0 || (is_free(v->s.row.token.state) && !v->s.row.work_open))
		return 0;
	for (i = 0; i < sizeof(instead) / sizeof(instead[0]) && !v->s.row.work_open; i++)
		if (strcmp(instead[i].verb, v->name) == 0)
			command = instead[i].command;
	/* with the serial in the place of its %u */
	snprintf(use, sizeof(use), "%.*s%u%s", (int)(strstr(command, "%u") - command), command,
	    serial, strstr(command, "%u") + 2);
	(void)err_set(err, ERR_OCCUPIED,
	    "token %u is in the registry (%s, %s), so `token %s` would bypass escrow and audit",
	    serial, registry_token_state_name(v->s.row.token.state),
	    v->s.row.holder.id == 0 ? "no holder" : v->s.row.holder.name, v->name);
	err_hint(err, "use ykenroll %s", use);
	return ERR_OCCUPIED;
}

int
verb_open(
    struct verb *v, const struct desk *w, const char *name, enum verb_kind kind, struct err *err)
{
	int rc;

	*v = (struct verb){.s = {.w = w, .choice = w->choice}, .name = name};
	if ((rc = session_token(&v->s, err)) != 0 || (rc = look_up(v, kind, err)) != 0)
		return rc;
	return kind == VERB_CHANGE ? refuse_registered(v, err) : 0;
}

void
verb_wipe(struct verb *v)
{
	session_wipe(&v->s);
}

int
verb_done(struct verb *v, struct token_id *ret, struct err *err, const char *fmt, ...)
{
	char action[64], detail[SLOT_TEXT_MAX];
	va_list ap;
	int rc;

	if (ret != NULL)
		*ret = *token_id(v->s.token);
	if (v->s.row.token.serial == 0)
		return 0;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	snprintf(action, sizeof(action), "token %s", v->name);
	rc = registry_audit(v->s.registry, action, v->s.serial, detail, err);
	if (rc != 0)
		err_wrap(err, "the token was changed, but the audit row was not written");
	return rc;
}

/* ---- authentication ---- */

int
verb_pin(struct verb *v, struct err *err)
{
	CLEAN(secret_freep) struct secret *pin = secret_new();

	return session_pin(&v->s, DESK_CURRENT_PIN, pin, err);
}

static int
authenticate_protected(struct verb *v, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	int rc;

	if (!v->s.pin_verified && (rc = verb_pin(v, err)) != 0)
		return rc;
	rc = session_get_protected(&v->s, key, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_MGMKEY,
		    "the token claims to keep its management key behind the PIN but does not: "
		    "use --management-key");
	if (rc != 0)
		return rc;
	if ((rc = session_authenticate(&v->s, key, err)) == ERR_MGMKEY)
		return err_set(err, ERR_MGMKEY,
		    "the management key that the token keeps behind the PIN is outdated: give "
		    "the right one with --management-key");
	return rc;
}

static int
authenticate_unasked(struct verb *v, struct err *err)
{
	struct token_mgm_state state;
	struct session_admin admin;
	bool factory;
	int rc;

	if ((rc = token_mgm_state(v->s.token, &state, err)) != 0 ||
	    (rc = session_is_factory(&v->s, &state, &factory, err)) != 0 || factory)
		return rc;
	if ((rc = session_admin(&v->s, &admin, err)) != 0)
		return rc;
	if (admin.protected_key)
		return authenticate_protected(v, err);
	return err_set(err, ERR_MGMKEY,
	    "the management key of token %u is not the factory default%s: use --management-key",
	    v->s.serial, admin.derived_key ? " but derived from a PIN, as old tools did" : "");
}

int
verb_authenticate(struct verb *v, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	int rc;

	if (v->s.authenticated)
		return 0;
	if ((rc = session_ask(&v->s, DESK_CURRENT_MGMKEY, key, err)) != 0)
		return rc;
	return key->len > 0 ? session_authenticate(&v->s, key, err) : authenticate_unasked(v, err);
}

int
verb_new_chuid(struct verb *v, struct err *err)
{
	uint8_t guid[DEVICE_GUID_LEN];
	const int rc = session_guid(guid, err);

	return rc != 0 ? rc : session_put_chuid(&v->s, guid, err);
}
