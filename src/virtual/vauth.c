/* SPDX-License-Identifier: BSD-2-Clause */
/* GENERAL AUTHENTICATE: proofs of the management key, and private key operations. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "virtual/applet.h"
#include "virtual/vcrypt.h"

/* The dynamic authentication template's members, SP 800-73-4 part 2, table 7; without a val: not
 * there. */
struct template
{
	struct vtlv witness, challenge, response, exponentiation;
};

static bool
parse_template(const struct command *c, struct template *t)
{
	struct vtlv outer;
	const uint8_t *p = c->data;
	size_t left = c->len;

	memset(t, 0, sizeof(*t));
	if (!vtlv_next(&p, &left, &outer) || outer.tag != 0x7C || left != 0)
		return false;
	(void)vtlv_find(outer.val, outer.len, 0x80, &t->witness);
	(void)vtlv_find(outer.val, outer.len, 0x81, &t->challenge);
	(void)vtlv_find(outer.val, outer.len, 0x82, &t->response);
	(void)vtlv_find(outer.val, outer.len, 0x85, &t->exponentiation);
	return true;
}

static void
answer(struct vbuf *out, uint8_t tag, const uint8_t *val, size_t len)
{
	struct vbuf inner = {0};

	vtlv_put(&inner, tag, val, len);
	vtlv_put(out, 0x7C, inner.b, inner.len);
	OPENSSL_cleanse(inner.b, inner.len);
}

/* Step one: mutual sends the witness encrypted, external sends the challenge in the clear. */
static uint16_t
mgm_challenge(struct applet *a, enum auth_step step, struct vbuf *out)
{
	size_t block = vcrypt_mgm(a->st.mgm.alg)->block;
	uint8_t sent[16];

	if (RAND_bytes(a->ses.challenge, (int)block) != 1)
		return SW_FAILURE;
	memcpy(sent, a->ses.challenge, block);
	if (step == AUTH_MUTUAL && vcrypt_mgm_crypt(&a->st.mgm, true, a->ses.challenge, sent) != 0)
		return SW_FAILURE;
	answer(out, step == AUTH_MUTUAL ? 0x80 : 0x81, sent, block);
	a->ses.step = step;
	return SW_OK;
}

static bool
is_block(const struct applet *a, const struct vtlv *t)
{
	return t->len == vcrypt_mgm(a->st.mgm.alg)->block;
}

/* The host shows the decrypted witness and asks for its own challenge encrypted. */
static uint16_t
mgm_mutual(struct applet *a, const struct template *t, struct vbuf *out)
{
	uint8_t reply[16];

	if (!is_block(a, &t->witness) || t->challenge.val == NULL || !is_block(a, &t->challenge))
		return SW_DATA;
	if (a->ses.expect != AUTH_MUTUAL ||
	    CRYPTO_memcmp(t->witness.val, a->ses.challenge, t->witness.len) != 0)
		return SW_SECURITY;
	if (vcrypt_mgm_crypt(&a->st.mgm, true, t->challenge.val, reply) != 0)
		return SW_FAILURE;
	answer(out, 0x82, reply, t->challenge.len);
	a->ses.admin = true;
	return SW_OK;
}

static uint16_t
mgm_external(struct applet *a, const struct template *t)
{
	uint8_t want[16];

	if (!is_block(a, &t->response))
		return SW_DATA;
	if (a->ses.expect != AUTH_EXTERNAL ||
	    vcrypt_mgm_crypt(&a->st.mgm, true, a->ses.challenge, want) != 0 ||
	    CRYPTO_memcmp(t->response.val, want, t->response.len) != 0)
		return SW_SECURITY;
	a->ses.admin = true;
	return SW_OK;
}

/* Any attempt, also a failed one, ends an earlier authentication. */
static uint16_t
mgm_step(struct applet *a, const struct template *t, struct vbuf *out)
{
	if (t->witness.val != NULL && t->witness.len == 0)
		return mgm_challenge(a, AUTH_MUTUAL, out);
	if (t->witness.val == NULL && t->challenge.val != NULL && t->challenge.len == 0)
		return mgm_challenge(a, AUTH_EXTERNAL, out);
	a->ses.admin = false;
	if (!vwait_touch(a, SLOT_MGM, a->st.mgm.touch_policy))
		return SW_SECURITY;
	if (t->witness.val != NULL)
		return mgm_mutual(a, t, out);
	return t->response.val != NULL ? mgm_external(a, t) : SW_DATA;
}

static bool
pin_given(const struct session *s, uint8_t policy)
{
	switch (policy) {
	case POLICY_NEVER:
		return true;
	case PIN_ALWAYS:
		return s->verified && s->fresh;
	case PIN_MATCH_ALWAYS:
		return (s->verified && s->fresh) || (s->matched && s->match_fresh);
	case PIN_MATCH_ONCE:
		return s->verified || s->matched;
	default:
		return s->verified;
	}
}

/* A PIN or a touch that is missing look the same from outside: 6982. */
static bool
allowed(struct applet *a, const struct state_slot *slot)
{
	return pin_given(&a->ses, slot->pin_policy) &&
	       vwait_touch(a, slot->id, slot->touch_policy) && vwait_use(a, slot->alg);
}

static uint16_t
use_slot(struct applet *a, const struct command *c, const struct template *t, struct vbuf *out)
{
	struct vbuf result = {0};
	struct state_slot *slot = state_slot(&a->st, c->p2);
	const struct vcrypt_alg *alg;
	int rc = -1;

	if (slot == NULL)
		return SW_PARAMETERS;
	if (slot->id == SLOT_ATTESTATION || slot->alg == 0 || slot->alg != c->p1)
		return SW_DATA;
	if (!allowed(a, slot))
		return SW_SECURITY;
	alg = vcrypt_alg(NULL, slot->alg);
	if (t->exponentiation.val != NULL)
		rc = vcrypt_derive(
		    alg, slot->key, t->exponentiation.val, t->exponentiation.len, &result);
	else if (t->challenge.val != NULL)
		rc = vcrypt_sign(alg, slot->key, t->challenge.val, t->challenge.len, &result);
	if (rc != 0)
		return SW_DATA;
	answer(out, 0x82, result.b, result.len);
	OPENSSL_cleanse(result.b, result.len);
	return SW_OK;
}

uint16_t
vauth_general(struct applet *a, const struct command *c, struct vbuf *out)
{
	struct template t;

	if (!parse_template(c, &t))
		return SW_DATA;
	if (c->p2 == SLOT_MGM)
		return (c->p1 == 0x00 ? VCRYPT_3DES : c->p1) == a->st.mgm.alg ? mgm_step(a, &t, out)
									      : SW_DATA;
	return use_slot(a, c, &t, out);
}

uint16_t
vauth_set_mgm(struct applet *a, const struct command *c, struct vbuf *out)
{
	struct state_mgm *mgm = &a->st.mgm;

	(void)out;
	if (!a->ses.admin)
		return SW_SECURITY;
	if (c->p1 != 0xFF || c->p2 < 0xFD)
		return SW_P1P2;
	if (c->len < 3 || c->data[1] != SLOT_MGM || c->data[2] != c->len - 3 || c->data[2] == 0 ||
	    vcrypt_mgm(c->data[0]) == NULL || c->data[2] != vcrypt_mgm(c->data[0])->key_len)
		return SW_DATA;
	if (c->data[0] != VCRYPT_3DES && !state_fw(&a->st, 5, 4, 2))
		return SW_DATA;
	if (c->data[0] == VCRYPT_3DES && state_fips_enforced(&a->st))
		return SW_DATA;
	OPENSSL_cleanse(mgm->key, sizeof(mgm->key));
	mgm->alg = c->data[0];
	mgm->len = c->data[2];
	memcpy(mgm->key, c->data + 3, mgm->len);
	mgm->touch_policy = (uint8_t)(0x100 - c->p2);
	a->st.dirty = true;
	return SW_OK;
}
