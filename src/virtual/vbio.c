/* SPDX-License-Identifier: BSD-2-Clause */
/* The finger of a Bio key: VERIFY with P2 96, as the .NET SDK's manual has it. */

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "virtual/applet.h"

#define TOUCH_ALWAYS 2

enum { TAG_TEMPORARY_PIN = 0x01, TAG_GET_TEMPORARY_PIN = 0x02, TAG_MATCH = 0x03 };

static void
forget_temporary(struct session *s)
{
	OPENSSL_cleanse(s->temporary, sizeof(s->temporary));
	s->has_temporary = false;
}

static uint16_t
finger_state(const struct applet *a)
{
	if (a->ses.matched)
		return SW_OK;
	return a->st.finger_left == 0 ? SW_BLOCKED : (uint16_t)(SW_TRIES | a->st.finger_left);
}

static uint16_t
mismatch(struct applet *a)
{
	a->ses.matched = false;
	forget_temporary(&a->ses);
	a->st.finger_left--;
	a->st.dirty = true;
	return (uint16_t)(SW_TRIES | a->st.finger_left);
}

static uint16_t
match(struct applet *a, bool temporary, struct vbuf *out)
{
	struct session *s = &a->ses;

	if (a->st.finger_left == 0)
		return SW_BLOCKED;
	if (!vwait_touch(a, REF_FINGER, TOUCH_ALWAYS))
		return SW_SECURITY;
	if (a->env.finger == VKEY_FINGER_WRONG)
		return mismatch(a);
	if (a->st.finger_left != STATE_FINGER_TRIES)
		a->st.dirty = true;
	a->st.finger_left = STATE_FINGER_TRIES;
	if (temporary) {
		if (RAND_bytes(s->temporary, sizeof(s->temporary)) != 1)
			return SW_FAILURE;
		s->has_temporary = true;
		vtlv_raw(out, s->temporary, sizeof(s->temporary));
	}
	s->matched = s->match_fresh = true;
	return SW_OK;
}

/* A wrong one is gone. */
static uint16_t
verify_temporary(struct session *s, const struct vtlv *t)
{
	if (!s->has_temporary || CRYPTO_memcmp(t->val, s->temporary, sizeof(s->temporary)) != 0) {
		forget_temporary(s);
		s->matched = false;
		return SW_TRIES;
	}
	s->matched = s->match_fresh = true;
	return SW_OK;
}

uint16_t
vbio_verify(struct applet *a, const struct command *c, struct vbuf *out)
{
	const uint8_t *p = c->data;
	size_t left = c->len;
	struct vtlv t;

	a->ses.fresh = a->ses.match_fresh = false;
	if (!state_is_bio(&a->st) || a->env.finger == VKEY_FINGER_NONE)
		return SW_NO_REFERENCE;
	if (c->p1 != 0x00)
		return SW_P1P2;
	if (c->len == 0)
		return finger_state(a);
	if (!vtlv_next(&p, &left, &t) || left != 0)
		return SW_DATA;
	if (t.tag == TAG_TEMPORARY_PIN && t.len == sizeof(a->ses.temporary))
		return verify_temporary(&a->ses, &t);
	if ((t.tag != TAG_GET_TEMPORARY_PIN && t.tag != TAG_MATCH) || t.len != 0)
		return SW_DATA;
	return match(a, t.tag == TAG_GET_TEMPORARY_PIN, out);
}

uint16_t
vbio_metadata(const struct applet *a, struct vbuf *out)
{
	const uint8_t enrolled = a->env.finger != VKEY_FINGER_NONE;
	const uint8_t temporary = a->ses.has_temporary;

	if (!state_is_bio(&a->st))
		return SW_NO_REFERENCE;
	vtlv_put(out, 0x07, &enrolled, 1);
	vtlv_put(out, 0x06, &a->st.finger_left, 1);
	vtlv_put(out, 0x08, &temporary, 1);
	return SW_OK;
}

void
vbio_pin_verified(struct applet *a, bool right)
{
	a->ses.match_fresh = false;
	if (!right)
		forget_temporary(&a->ses);
	else
		a->st.finger_left = STATE_FINGER_TRIES;
}
