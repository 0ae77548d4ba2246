/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys in slots: making, importing, moving, and what the token says about them. */
#include "virtual/applet.h"
#include "virtual/vattest.h"
#include "virtual/vcrypt.h"

struct policies {
	uint8_t pin, touch;
};

/* The FIPS series that keep away from weak algorithms and keys without a PIN: 4.4, and from 5.7. */
static bool
fips_rules(const struct state *st)
{
	return state_fips_enforced(st) ||
	       (state_is_fips(st) && state_fw(st, 4, 4, 0) && !state_fw(st, 4, 5, 0));
}

/* Whether a key of this kind may be made or brought in. */
static uint16_t
check_fips(const struct state *st, uint8_t slot, uint8_t alg, struct policies *pol)
{
	if (!fips_rules(st))
		return SW_OK;
	if (alg == VCRYPT_RSA1024 || (alg == VCRYPT_X25519 && state_fips_enforced(st)) ||
	    pol->pin == POLICY_NEVER)
		return SW_DATA;
	if (state_fips_enforced(st) && !state_fips_approved(st))
		return SW_CONDITIONS;
	if (pol->pin == 0 && state_slot_pin(slot) == POLICY_NEVER)
		pol->pin = PIN_ONCE;
	return SW_OK;
}

/* AA and AB, each of one byte, optional; 0 asks for the default. */
static bool
parse_policies(const struct applet *a, const uint8_t *data, size_t len, struct policies *ret)
{
	uint8_t most = state_is_bio(&a->st) ? PIN_MATCH_ALWAYS : PIN_ALWAYS;
	struct vtlv t;

	*ret = (struct policies){0};
	if (vtlv_find(data, len, 0xAA, &t)) {
		if (t.len != 1 || t.val[0] > most)
			return false;
		ret->pin = t.val[0];
	}
	if (vtlv_find(data, len, 0xAB, &t)) {
		if (t.len != 1 || t.val[0] > 3 || (t.val[0] == 3 && !state_fw(&a->st, 4, 3, 0)))
			return false;
		ret->touch = t.val[0];
	}
	return true;
}

/* AC: 80 algorithm, AA and AB policies. */
static bool
parse_generate(const struct applet *a, const struct command *c, const struct vcrypt_alg **ret_alg,
    struct policies *ret)
{
	const uint8_t *p = c->data;
	size_t left = c->len;
	struct vtlv outer, t;

	if (!vtlv_next(&p, &left, &outer) || outer.tag != 0xAC ||
	    !vtlv_find(outer.val, outer.len, 0x80, &t) || t.len != 1)
		return false;
	*ret_alg = vcrypt_alg(&a->st, t.val[0]);
	return *ret_alg != NULL && parse_policies(a, outer.val, outer.len, ret);
}

uint16_t
vslot_generate(struct applet *a, const struct command *c, struct vbuf *out)
{
	struct vbuf point = {0};
	struct state_slot *slot = state_slot(&a->st, c->p2);
	const struct vcrypt_alg *alg;
	struct policies pol;
	EVP_PKEY *key;
	uint16_t sw;

	if (!a->ses.admin)
		return SW_SECURITY;
	if (slot == NULL || c->p1 != 0x00)
		return SW_PARAMETERS;
	if (!parse_generate(a, c, &alg, &pol))
		return SW_DATA;
	sw = check_fips(&a->st, slot->id, alg->id, &pol);
	if (sw != SW_OK)
		return sw;
	key = vcrypt_generate(alg);
	if (key == NULL || !vwait_generate(a, alg)) {
		EVP_PKEY_free(key);
		return SW_FAILURE;
	}
	state_slot_fill(slot, alg->id, key, pol.pin, pol.touch, STATE_GENERATED);
	a->st.dirty = true;
	if (vcrypt_public(alg, key, &point) != 0)
		return SW_FAILURE;
	vtlv_put(out, 0x7F49, point.b, point.len);
	return SW_OK;
}

uint16_t
vslot_import(struct applet *a, const struct command *c, struct vbuf *out)
{
	struct state_slot *slot = state_slot(&a->st, c->p2);
	const struct vcrypt_alg *alg = vcrypt_alg(&a->st, c->p1);
	struct policies pol;
	EVP_PKEY *key;
	uint16_t sw;

	(void)out;
	if (!a->ses.admin)
		return SW_SECURITY;
	if (slot == NULL)
		return SW_PARAMETERS;
	if (alg == NULL || !parse_policies(a, c->data, c->len, &pol))
		return SW_DATA;
	sw = check_fips(&a->st, slot->id, alg->id, &pol);
	if (sw != SW_OK)
		return sw;
	key = vcrypt_import(alg, c->data, c->len);
	if (key == NULL)
		return SW_DATA;
	state_slot_fill(slot, alg->id, key, pol.pin, pol.touch, STATE_IMPORTED);
	a->st.dirty = true;
	return SW_OK;
}

/* Bare DER, without a wrapper; an empty slot and an imported key are refused alike. */
uint16_t
vslot_attest(struct applet *a, const struct command *c, struct vbuf *out)
{
	const struct state_slot *slot = state_slot(&a->st, c->p1);

	if (c->p2 != 0x00)
		return SW_P1P2;
	if (slot == NULL || slot->alg == 0 || slot->origin != STATE_GENERATED ||
	    slot->id == SLOT_ATTESTATION)
		return SW_DATA;
	if (!vwait_use(a, state_slot(&a->st, SLOT_ATTESTATION)->alg))
		return SW_FAILURE;
	return vattest_leaf(&a->st, slot, out) == 0 ? SW_OK : SW_DATA;
}

static void
put_byte(struct vbuf *out, uint8_t tag, uint8_t value)
{
	vtlv_put(out, tag, &value, 1);
}

static void
ref_metadata(const struct state_ref *r, bool factory, struct vbuf *out)
{
	uint8_t tries[2] = {r->max, r->left};

	put_byte(out, 0x01, 0xFF);
	put_byte(out, 0x05, factory);
	vtlv_put(out, 0x06, tries, sizeof(tries));
}

static void
mgm_metadata(const struct state *st, struct vbuf *out)
{
	uint8_t policy[2] = {0x00, st->mgm.touch_policy};

	put_byte(out, 0x01, st->mgm.alg);
	vtlv_put(out, 0x02, policy, sizeof(policy));
	put_byte(out, 0x05, state_mgm_is_factory(st));
}

static uint16_t
slot_metadata(const struct state_slot *slot, struct vbuf *out)
{
	struct vbuf key = {0};
	uint8_t policy[2] = {slot->pin_policy, slot->touch_policy};

	put_byte(out, 0x01, slot->alg);
	vtlv_put(out, 0x02, policy, sizeof(policy));
	put_byte(out, 0x03, slot->origin);
	if (vcrypt_public(vcrypt_alg(NULL, slot->alg), slot->key, &key) != 0)
		return SW_FAILURE;
	vtlv_put(out, 0x04, key.b, key.len);
	return SW_OK;
}

uint16_t
vslot_metadata(struct applet *a, const struct command *c, struct vbuf *out)
{
	struct state *st = &a->st;
	const struct state_slot *slot = state_slot(st, c->p2);

	if (c->p1 != 0x00)
		return SW_P1P2;
	switch (c->p2) {
	case REF_PIN:
		ref_metadata(&st->pin, state_pin_is_factory(st), out);
		return SW_OK;
	case REF_PUK:
		ref_metadata(&st->puk, state_puk_is_factory(st), out);
		return SW_OK;
	case SLOT_MGM:
		mgm_metadata(st, out);
		return SW_OK;
	case REF_FINGER:
		return vbio_metadata(a, out);
	default:
		return slot == NULL || slot->alg == 0 ? SW_NO_REFERENCE : slot_metadata(slot, out);
	}
}

/* P1 = FF deletes. Origin and policies move with the key; certificates stay where they are. */
uint16_t
vslot_move(struct applet *a, const struct command *c, struct vbuf *out)
{
	struct state_slot *src = state_slot(&a->st, c->p2);
	struct state_slot *dest = state_slot(&a->st, c->p1);
	uint8_t id;

	(void)out;
	if (!a->ses.admin)
		return SW_SECURITY;
	if (src == NULL || src->alg == 0)
		return SW_NO_REFERENCE;
	if (c->p1 == 0xFF) {
		state_slot_clear(src);
		a->st.dirty = true;
		return SW_OK;
	}
	if (dest == NULL || dest->alg != 0 || dest->id == SLOT_ATTESTATION ||
	    src->id == SLOT_ATTESTATION)
		return SW_DATA;
	id = dest->id;
	*dest = *src;
	dest->id = id;
	src->key = NULL;
	state_slot_clear(src);
	a->st.dirty = true;
	return SW_OK;
}
