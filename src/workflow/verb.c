/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/tlv.h"
#include "base/utc.h"
#include "workflow/verb.h"

#define CHUID_YEARS 10

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
take_row(void *ctx, const struct registry_row *row)
{
	*(struct registry_row *)ctx = *row;
	return 1;
}

static int
look_up(struct verb *v, enum verb_kind kind, struct err *err)
{
	struct err why = ERR_INIT;
	int rc;

	if (token_id(v->token)->serial == 0) /* which no row has, and which asks for all */
		return 0;
	rc = registry_open(v->w->home, v->w->actor, &v->registry, &why);
	if (rc == ERR_ABSENT || (rc != 0 && kind == VERB_LOOK))
		return 0;
	if (rc != 0) {
		*err = why;
		return rc;
	}
	rc = registry_list(v->registry, token_id(v->token)->serial, take_row, &v->row, err);
	return rc < 0 ? rc : 0;
}

static int
refuse_registered(const struct verb *v, struct err *err)
{
	const uint32_t serial = v->row.token.serial;
	const char *command = "recover --device %u";
	char use[96];
	size_t i;

	if (serial == 0 || (is_free(v->row.token.state) && !v->row.work_open))
		return 0;
	for (i = 0; i < sizeof(instead) / sizeof(instead[0]) && !v->row.work_open; i++)
		if (strcmp(instead[i].verb, v->name) == 0)
			command = instead[i].command;
	/* with the serial in the place of its %u */
	snprintf(use, sizeof(use), "%.*s%u%s", (int)(strstr(command, "%u") - command), command,
	    serial, strstr(command, "%u") + 2);
	(void)err_set(err, ERR_OCCUPIED,
	    "token %u is in the registry (%s, %s), so that token %s would bypass escrow and audit",
	    serial, registry_token_state_name(v->row.token.state),
	    v->row.holder.id == 0 ? "no holder" : v->row.holder.name, v->name);
	err_hint(err, "use: ykenroll %s", use);
	return ERR_OCCUPIED;
}

int
verb_open(struct verb *v, const struct workflow *w, const char *name, enum verb_kind kind,
    struct err *err)
{
	int rc;

	*v = (struct verb){.w = w, .name = name};
	if ((rc = device_open(w->device_ui, &v->dev, err)) != 0 ||
	    (rc = token_open(v->dev, &w->choice, &v->token, err)) != 0 ||
	    (rc = look_up(v, kind, err)) != 0)
		return rc;
	return kind == VERB_CHANGE ? refuse_registered(v, err) : 0;
}

void
verb_wipe(struct verb *v)
{
	registry_closep(&v->registry);
	token_closep(&v->token);
	device_closep(&v->dev);
}

unsigned
verb_flags(const struct verb *v)
{
	return v->w->last_try ? DEVICE_LAST_TRY : 0;
}

int
verb_audit(struct verb *v, const char *detail, struct err *err)
{
	char action[64] = "token ";
	int rc;

	if (v->registry == NULL || v->row.token.serial == 0)
		return 0;
	strncat(action, v->name, sizeof(action) - strlen(action) - 1);
	rc = registry_audit(v->registry, action, v->row.token.serial, detail, err);
	if (rc != 0)
		err_wrap(err, "the token has it, but the audit has not");
	return rc;
}

/* ---- authentication ---- */

int
verb_pin(struct verb *v, struct err *err)
{
	CLEAN(secret_freep) struct secret *pin = secret_new();
	int rc;

	if ((rc = v->w->ui.secret(v->w->ui.ctx, WORKFLOW_CURRENT_PIN, pin, err)) != 0)
		return rc;
	if ((rc = token_verify_pin(v->token, pin, verb_flags(v), err)) == 0)
		v->asked_pin = true;
	return rc;
}

/* PRINTED: 88 { 89 { key } } */
static int
protected_key(struct verb *v, struct secret *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob content = {0};
	struct tlv outer, key;
	int rc;

	if (!v->asked_pin && (rc = verb_pin(v, err)) != 0)
		return rc;
	if ((rc = token_get_object(v->token, OBJ_PRINTED, &content, err)) != 0)
		return rc;
	if (tlv_find(content.data, content.len, 0x88, &outer) != 0 ||
	    tlv_find(outer.value, outer.len, 0x89, &key) != 0)
		return err_set(err, ERR_ABSENT, "no management key in there");
	return secret_set(ret, key.value, key.len, err);
}

static int
authenticate_protected(struct verb *v, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	int rc;

	rc = protected_key(v, key, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_MGMKEY,
		    "the token claims to keep its management key behind the PIN and does not: give it "
		    "with --management-key");
	if (rc != 0)
		return rc;
	if ((rc = token_authenticate(v->token, key, err)) == ERR_MGMKEY)
		return err_set(err, ERR_MGMKEY,
		    "the management key that the token keeps behind the PIN is not its own any more: "
		    "give the right one with --management-key");
	return rc;
}

static int
authenticate_unasked(struct verb *v, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	struct token_mgm_state state;
	struct verb_admin admin;
	struct err why = ERR_INIT;
	int rc;

	if ((rc = token_mgm_state(v->token, &state, err)) != 0)
		return rc;
	/* No counter: where the firmware does not tell, asking costs nothing. */
	if ((!state.known || state.factory) && device_mgm_len(state.alg) == 24) {
		if ((rc = secret_set(key, device_factory_mgmkey, 24, err)) != 0)
			return rc;
		rc = token_authenticate(v->token, key, &why);
		if (rc != ERR_MGMKEY) {
			if (rc != 0)
				*err = why;
			return rc;
		}
	}
	if ((rc = verb_admin(v, &admin, err)) != 0)
		return rc;
	if (admin.protected_key)
		return authenticate_protected(v, err);
	return err_set(err, ERR_MGMKEY,
	    "the management key of token %u is not the factory's%s: give it with --management-key",
	    token_id(v->token)->serial,
	    admin.derived_key ? " but derived from a PIN, as old tools did" : "");
}

int
verb_authenticate(struct verb *v, struct err *err)
{
	CLEAN(secret_freep) struct secret *key = secret_new();
	struct err why = ERR_INIT;
	int rc;

	if (v->authenticated)
		return 0;
	rc = v->w->ui.secret(v->w->ui.ctx, WORKFLOW_CURRENT_MGMKEY, key, &why);
	if (rc == 0)
		rc = token_authenticate(v->token, key, err);
	else if (rc == ERR_ABSENT)
		rc = authenticate_unasked(v, err);
	else
		*err = why;
	v->authenticated = rc == 0;
	return rc;
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
verb_admin(struct verb *v, struct verb_admin *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob content = {0};
	struct verb_admin admin = {0};
	struct tlv outer, flags, salt;
	struct err why = ERR_INIT;
	int rc;

	rc = token_get_object(v->token, OBJ_ADMIN, &content, &why);
	if ((rc = verb_present(rc, &admin.present, &why, err)) != 0)
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
verb_put_admin(struct verb *v, const struct verb_admin *admin, struct err *err)
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
	return token_put_object(v->token, OBJ_ADMIN, &content, err);
}

int
verb_new_chuid(struct verb *v, struct err *err)
{
	CLEAN(secret_freep) struct secret *guid = secret_new();
	int rc;

	if ((rc = secret_random(guid, DEVICE_GUID_LEN, err)) != 0)
		return rc;
	guid->bytes[6] = (uint8_t)((guid->bytes[6] & 0x0f) | 0x40); /* RFC 4122, 4.4 */
	guid->bytes[8] = (uint8_t)((guid->bytes[8] & 0x3f) | 0x80);
	return token_put_chuid(
	    v->token, guid->bytes, utc_now() + (int64_t)CHUID_YEARS * 365 * 86400, err);
}
