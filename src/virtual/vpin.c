/* SPDX-License-Identifier: BSD-2-Clause */
/* PIN, PUK, their counters, and the reset that needs both spent. */
#include <string.h>

#include <openssl/crypto.h>

#include "virtual/applet.h"

#define REF_MIN_LEN 6

/* With more than fifteen left the nibble stays at F. */
static uint16_t
tries_left(const struct state_ref *r)
{
	if (r->left == 0)
		return SW_BLOCKED;
	return (uint16_t)(SW_TRIES | (r->left > 15 ? 15 : r->left));
}

/*
 * The try is taken off and on disk before the comparison, so that pulling the key during it
 * gains nothing. The wrong value that uses up the last try is answered 6983 at once.
 */
static uint16_t
compare(struct applet *a, struct state_ref *r, const uint8_t value[static STATE_REF_LEN])
{
	if (r->left == 0)
		return SW_BLOCKED;
	r->left--;
	a->st.dirty = true;
	if (state_save(&a->st) != 0)
		return SW_MEMORY;
	if (CRYPTO_memcmp(r->value, value, STATE_REF_LEN) != 0)
		return tries_left(r);
	r->left = r->max;
	a->st.dirty = true;
	return SW_OK;
}

static size_t
unpadded_len(const uint8_t value[static STATE_REF_LEN])
{
	size_t n = STATE_REF_LEN;

	while (n > 0 && value[n - 1] == 0xFF)
		n--;
	return n;
}

/* The 5.7 option: a single repeated character, or one of the well-known ones. */
static bool
too_simple(const uint8_t *value, size_t len)
{
	static const char *const known[] = {"123123", "123456", "1234567", "12345678", "654321",
	    "112233", "121212", "abc123", "password"};
	bool same = true;

	for (size_t i = 1; i < len; i++)
		same = same && value[i] == value[0];
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == len && memcmp(known[i], value, len) == 0)
			return true;
	return same;
}

static bool
acceptable(const struct state *st, const uint8_t value[static STATE_REF_LEN])
{
	size_t n = unpadded_len(value);

	/* FIPS 140-3: eight characters. */
	if (n < (state_fips_enforced(st) ? STATE_REF_LEN : REF_MIN_LEN))
		return false;
	for (size_t i = 0; i < n && state_fw(st, 5, 7, 0); i++)
		if (value[i] > 0x7F)
			return false;
	return !st->pin_complexity || !too_simple(value, n);
}

uint16_t
vpin_verify(struct applet *a, const struct command *c, struct vbuf *out)
{
	uint16_t sw;

	if (c->p2 == REF_FINGER)
		return vbio_verify(a, c, out);
	if (c->p2 != REF_PIN)
		return SW_NO_REFERENCE;
	if (c->p1 == 0xFF && c->len == 0) {
		a->ses.verified = a->ses.matched = false;
		return SW_OK;
	}
	if (c->p1 != 0x00)
		return SW_P1P2;
	if (c->len == 0)
		return a->ses.verified ? SW_OK : tries_left(&a->st.pin);
	if (c->len != STATE_REF_LEN)
		return SW_DATA;
	sw = compare(a, &a->st.pin, c->data);
	a->ses.verified = a->ses.fresh = sw == SW_OK;
	vbio_pin_verified(a, sw == SW_OK);
	return sw;
}

/* A new value for to, by whoever knows that of by. */
static uint16_t
set_ref(struct applet *a, const struct command *c, struct state_ref *by, struct state_ref *to)
{
	uint16_t sw;

	if (c->len != 2 * STATE_REF_LEN)
		return SW_DATA;
	sw = compare(a, by, c->data);
	if (sw != SW_OK) {
		if (by == &a->st.pin)
			a->ses.verified = false;
		return sw;
	}
	if (!acceptable(&a->st, c->data + STATE_REF_LEN))
		return SW_CONDITIONS;
	memcpy(to->value, c->data + STATE_REF_LEN, STATE_REF_LEN);
	return SW_OK;
}

uint16_t
vpin_change(struct applet *a, const struct command *c, struct vbuf *out)
{
	struct state_ref *r = c->p2 == REF_PUK ? &a->st.puk : &a->st.pin;

	(void)out;
	if (c->p1 != 0x00 || (c->p2 != REF_PIN && c->p2 != REF_PUK))
		return SW_NO_REFERENCE;
	return set_ref(a, c, r, r);
}

uint16_t
vpin_reset_retry(struct applet *a, const struct command *c, struct vbuf *out)
{
	uint16_t sw;

	(void)out;
	if (c->p1 != 0x00 || c->p2 != REF_PIN)
		return SW_NO_REFERENCE;
	sw = set_ref(a, c, &a->st.puk, &a->st.pin);
	if (sw != SW_OK)
		return sw;
	a->st.pin.left = a->st.pin.max;
	a->ses.verified = false;
	return SW_OK;
}

/* Both values go back to the factory's: whoever sets retries must do it first. Not on Bio keys. */
uint16_t
vpin_set_retries(struct applet *a, const struct command *c, struct vbuf *out)
{
	(void)out;
	if (state_is_bio(&a->st))
		return SW_INS;
	if (!a->ses.admin || !a->ses.verified)
		return SW_SECURITY;
	if (c->p1 == 0 || c->p2 == 0)
		return SW_DATA;
	state_factory_refs(&a->st);
	a->st.pin.max = a->st.pin.left = c->p1;
	a->st.puk.max = a->st.puk.left = c->p2;
	a->ses.verified = false;
	return SW_OK;
}

/* No reset brings the attestation key and its certificate back. */
void
vpin_zeroize(struct state *st)
{
	for (size_t i = 0; i < STATE_SLOTS; i++)
		if (st->slots[i].id != SLOT_ATTESTATION)
			state_slot_clear(&st->slots[i]);
	for (size_t i = st->nobjects; i-- > 0;)
		if (st->objects[i].id != 0x5FFF01)
			state_object_set(st, st->objects[i].id, NULL, 0);
	state_factory_refs(st);
	state_factory_mgm(st);
}

/* An enrolled finger belongs to the Management application's reset, the key's whole. */
uint16_t
vpin_reset(struct applet *a, const struct command *c, struct vbuf *out)
{
	bool finger = state_is_bio(&a->st) && a->env.finger != VKEY_FINGER_NONE;

	(void)out;
	(void)c;
	if (a->st.pin.left > 0 || a->st.puk.left > 0 || finger)
		return SW_CONDITIONS;
	vpin_zeroize(&a->st);
	a->ses.verified = a->ses.admin = false;
	return SW_OK;
}
