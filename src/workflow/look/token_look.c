/* SPDX-License-Identifier: BSD-2-Clause */
/* token_look: which tokens there are, and what is on one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workflow/verb/verb.h"

/* ---- list ---- */

/* A card that goes away meanwhile stays in the list, as unusable. */
static void
look_closer(struct device *dev, struct workflow_token_entry *e)
{
	const struct device_choice choice = {.reader = e->device.id.reader};
	CLEAN(token_closep) struct token *token = NULL;
	struct err err = ERR_INIT;

	if (!e->device.usable)
		return;
	e->device.code = token_open(dev, &choice, &token, &err);
	if (e->device.code == 0)
		e->device.code = token_config(token, &e->config, &err);
	if (e->device.code == 0)
		return;
	e->device.usable = false;
	snprintf(e->device.reason, sizeof(e->device.reason), "%.*s",
	    (int)sizeof(e->device.reason) - 1, err.text);
}

static void
look_up(struct registry *r, struct workflow_token_entry *e)
{
	struct registry_row row;

	if (r == NULL || registry_row(r, e->device.id.serial, &row, NULL) != 0 ||
	    row.token.serial == 0)
		return;
	e->registered = true;
	e->state = row.token.state;
	snprintf(e->holder, sizeof(e->holder), "%s", row.holder.name);
}

int
workflow_token_list(
    const struct desk *w, struct workflow_token_entry **ret, size_t *ret_n, struct err *err)
{
	CLEAN(registry_closep) struct registry *registry = NULL;
	CLEAN(device_closep) struct device *dev = NULL;
	struct workflow_token_entry *list;
	struct device_entry *found = NULL;
	size_t n = 0, i;
	int rc;

	if ((rc = device_open(w->device_ui, &dev, err)) != 0 ||
	    (rc = device_list(dev, &found, &n, err)) != 0)
		return rc;
	if ((list = calloc(n + 1, sizeof(*list))) == NULL) {
		free(found);
		return err_set(err, ERR_INTERNAL, "out of memory");
	}
	if (registry_open(w->home, w->actor, &registry, NULL) != 0)
		registry = NULL;
	for (i = 0; i < n; i++) {
		list[i].device = found[i];
		look_closer(dev, &list[i]);
		look_up(registry, &list[i]);
	}
	free(found);
	*ret = list;
	*ret_n = n;
	return 0;
}

/* ---- info ---- */

void
workflow_token_info_wipe(struct workflow_token_info *info)
{
	size_t i;

	for (i = 0; i < info->n_slots; i++)
		blob_wipe(&info->slots[i].key.spki);
	info->n_slots = 0;
}

static void
judge(const struct slot *s, const struct blob *f9, const struct slot_trust *trust,
    struct workflow_token_slot *ret)
{
	struct attestation a = {0};
	struct err why = ERR_INIT;

	ret->attest_code = ERR_ABSENT;
	if (!s->attested) {
		snprintf(ret->attest, sizeof(ret->attest), "%s",
		    s->has_key ? "not generated on the token" : "no key");
		return;
	}
	if (f9->len == 0)
		ret->attest_code = err_set(&why, ERR_ATTEST, "the token has no f9 certificate");
	else
		ret->attest_code = attest_verify(&s->leaf, f9, &trust->trust, &a, &why);
	snprintf(ret->attest, sizeof(ret->attest), "%.*s", (int)sizeof(ret->attest) - 1,
	    ret->attest_code == 0 ? a.anchor : why.text);
	ret->attest_rehearsal = ret->attest_code == 0 && a.rehearsal;
	if (ret->attest_code == 0)
		attestation_wipe(&a);
}

static bool
cert_matches(const struct slot *s, uint8_t slot)
{
	CLEAN(blob_wipe) struct blob key = {0}, cert = {0};

	return s->has_key && s->cert_readable && slot_spki(s, slot, &key, NULL) == 0 &&
	       cert_spki(s->cert_der.data, s->cert_der.len, &cert, NULL) == 0 &&
	       blob_equal(&key, &cert);
}

static int
info_slot(struct verb *v, const struct device_slot *slot, const struct blob *f9,
    const struct slot_trust *trust, struct workflow_token_info *info, struct err *err)
{
	CLEAN(slot_wipe) struct slot s = {0};
	struct workflow_token_slot *to;
	int rc;

	if ((rc = slot_look(v->s.token, slot->slot, true, &s, err)) != 0)
		return rc;
	if ((!s.has_key && !s.has_cert) || info->n_slots == WORKFLOW_TOKEN_SLOTS)
		return 0;
	to = &info->slots[info->n_slots++];
	*to = (struct workflow_token_slot){.slot = slot,
	    .has_key = s.has_key,
	    .has_cert = s.has_cert,
	    .key_known = s.key_known,
	    .cert_readable = s.cert_readable,
	    .cert = s.cert,
	    .cert_matches = cert_matches(&s, slot->slot)};
	judge(&s, f9, trust, to);
	to->key = s.key;
	s.key.spki = (struct blob){0};
	return 0;
}

/* One slot that cannot be read hides no other. After an odd answer the connection is made anew;
 * where that fails, the token is gone. */
static int
slot_trouble(struct verb *v, const struct device_slot *slot, struct workflow_token_info *info,
    int rc, struct err *err)
{
	const uint32_t serial = v->s.serial;
	struct workflow_token_slot *to;
	struct err why = *err;

	token_closep(&v->s.token);
	if (session_token(&v->s, err) != 0 || v->s.serial != serial ||
	    info->n_slots == WORKFLOW_TOKEN_SLOTS) {
		*err = why;
		return rc;
	}
	to = &info->slots[info->n_slots++];
	*to = (struct workflow_token_slot){.slot = slot, .attest_code = ERR_ABSENT};
	snprintf(to->trouble, sizeof(to->trouble), "%.*s", (int)sizeof(to->trouble) - 1, why.text);
	info->n_trouble++;
	*err = (struct err)ERR_INIT;
	return 0;
}

static int
info_slots(struct verb *v, struct workflow_token_info *info, struct err *err)
{
	CLEAN(slot_trust_wipe) struct slot_trust trust = {0};
	CLEAN(blob_wipe) struct blob f9 = {0};
	const struct device_slot *slots;
	bool has_f9;
	size_t n, i;
	int rc;

	rc = token_get_cert(v->s.token, DEVICE_SLOT_F9, &f9, err);
	if ((rc = err_answer(rc == ERR_FIT ? ERR_ABSENT : rc, ERR_ABSENT, &has_f9, err)) != 0 ||
	    (rc = slot_trust(v->s.w, &trust, err)) != 0)
		return rc;
	slots = device_slots(&n);
	for (i = 0; i < n; i++)
		if ((rc = info_slot(v, &slots[i], &f9, &trust, info, err)) != 0 &&
		    (rc = slot_trouble(v, &slots[i], info, rc, err)) != 0)
			return rc;
	return 0;
}

static int
info_secrets(struct verb *v, struct workflow_token_info *info, struct err *err)
{
	bool has_puk;
	int rc;

	if ((rc = token_pin_state(v->s.token, &info->pin, err)) != 0 ||
	    (rc = session_puk(&v->s, &info->puk, &has_puk, err)) != 0)
		return rc;
	info->no_puk = !has_puk;
	return token_mgm_state(v->s.token, &info->mgm, err);
}

static int
info_objects(struct verb *v, struct workflow_token_info *info, struct err *err)
{
	CLEAN(blob_wipe) struct blob ccc = {0};
	struct session_admin admin;
	int rc;

	if ((rc = session_admin(&v->s, &admin, err)) != 0)
		return rc;
	info->mgm_protected = admin.protected_key;
	info->mgm_derived = admin.derived_key;
	info->puk_disabled = admin.puk_disabled;
	rc = token_get_guid(v->s.token, info->guid, err);
	if ((rc = err_answer(rc, ERR_ABSENT, &info->has_guid, err)) != 0)
		return rc;
	rc = token_get_object(v->s.token, OBJ_CCC, &ccc, err);
	return err_answer(rc, ERR_ABSENT, &info->has_ccc, err);
}

int
workflow_token_info(const struct desk *w, struct workflow_token_info *ret, struct err *err)
{
	CLEAN(workflow_token_info_wipe) struct workflow_token_info info = {.n_slots = 0};
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "info", VERB_LOOK, err)) != 0 ||
	    (rc = token_config(v.s.token, &info.config, err)) != 0 ||
	    (rc = info_secrets(&v, &info, err)) != 0 || (rc = info_objects(&v, &info, err)) != 0 ||
	    (rc = info_slots(&v, &info, err)) != 0)
		return rc;
	info.id = *token_id(v.s.token);
	info.registered = v.s.row.token.serial != 0;
	info.state = v.s.row.token.state;
	snprintf(info.holder, sizeof(info.holder), "%s", v.s.row.holder.name);
	*ret = info;
	info.n_slots = 0;
	return 0;
}

/* ---- attest ---- */

/* never < once < always; matching a finger stands for the PIN. */
static int
pin_strength(uint8_t policy)
{
	static const int strength[] = {[PIN_NEVER] = 1,
	    [PIN_ONCE] = 2,
	    [PIN_ALWAYS] = 3,
	    [PIN_MATCH_ONCE] = 2,
	    [PIN_MATCH_ALWAYS] = 3};

	return policy < sizeof(strength) / sizeof(strength[0]) ? strength[policy] : 0;
}

static int
touch_strength(uint8_t policy)
{
	static const int strength[] = {[TOUCH_NEVER] = 1, [TOUCH_CACHED] = 2, [TOUCH_ALWAYS] = 3};

	return policy < sizeof(strength) / sizeof(strength[0]) ? strength[policy] : 0;
}

static int
check_policy(const struct verb *v, const struct workflow_token_attest *what,
    const struct attestation *a, struct err *err)
{
	const struct token_id *id = token_id(v->s.token);

	if (a->slot != what->slot)
		return err_set(err, ERR_ATTEST, "the attestation is for slot %02x, not %02x",
		    a->slot, what->slot);
	if (a->serial != 0 && a->serial != id->serial)
		return err_set(err, ERR_ATTEST, "the attestation is from token %u, not %u",
		    a->serial, id->serial);
	if (memcmp(a->firmware, id->firmware, sizeof(a->firmware)) != 0)
		return err_set(err, ERR_ATTEST,
		    "the attestation has a different firmware version than the token");
	if (pin_strength(a->pin_policy) < pin_strength(what->pin_policy))
		return err_set(
		    err, ERR_ATTEST, "the key's PIN policy is weaker than --pin-policy asks for");
	if (touch_strength(a->touch_policy) < touch_strength(what->touch_policy))
		return err_set(err, ERR_ATTEST,
		    "the key's touch policy is weaker than --touch-policy asks for");
	return 0;
}

static int
verify(const struct verb *v, const struct workflow_token_attest *what, const struct blob *leaf,
    const struct blob *f9, struct attestation *ret, struct err *err)
{
	CLEAN(slot_trust_wipe) struct slot_trust trust = {0};
	CLEAN(attestation_wipe) struct attestation a = {0};
	int rc;

	if ((rc = slot_trust(v->s.w, &trust, err)) != 0 ||
	    (rc = attest_verify(leaf, f9, &trust.trust, &a, err)) != 0 ||
	    (rc = check_policy(v, what, &a, err)) != 0)
		return rc;
	*ret = a;
	a = (struct attestation){0};
	return 0;
}

int
workflow_token_attest(const struct desk *w, const struct workflow_token_attest *what,
    struct blob *ret_leaf, struct blob *ret_f9, struct attestation *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob leaf = {0}, f9 = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "attest", VERB_LOOK, err)) != 0 ||
	    (rc = token_attest(v.s.token, what->slot, &leaf, err)) != 0 ||
	    (rc = token_get_cert(v.s.token, DEVICE_SLOT_F9, &f9, err)) != 0)
		return rc;
	if (what->verify && (rc = verify(&v, what, &leaf, &f9, ret, err)) != 0)
		return rc;
	blob_move(ret_leaf, &leaf);
	blob_move(ret_f9, &f9);
	return 0;
}
