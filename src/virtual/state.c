/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "virtual/state.h"

#define FORM_FIPS 0x80
#define MGM_3DES 0x03
#define MGM_AES192 0x0A

static const uint8_t factory_pin[STATE_REF_LEN] = {'1', '2', '3', '4', '5', '6', 0xFF, 0xFF};
static const uint8_t factory_puk[STATE_REF_LEN] = {'1', '2', '3', '4', '5', '6', '7', '8'};

/* 0102030405060708 three times; since 5.7 the same bytes are an AES-192 key. */
static const uint8_t factory_mgm[24] = {
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

void
state_init(struct state *st)
{
	static const uint8_t first[] = {0x9A, 0x9C, 0x9D, 0x9E};
	size_t n = 0;

	memset(st, 0, sizeof(*st));
	for (size_t i = 0; i < sizeof(first); i++)
		st->slots[n++].id = first[i];
	for (uint8_t id = 0x82; id <= 0x95; id++)
		st->slots[n++].id = id;
	st->slots[n].id = 0xF9;
	st->touch = VKEY_TOUCH_AT_ONCE;
}

int
state_say(char *msg, size_t msg_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, msg_len, fmt, ap);
	va_end(ap);
	return -1;
}

void
state_wipe(struct state *st)
{
	for (size_t i = 0; i < STATE_SLOTS; i++)
		state_slot_clear(&st->slots[i]);
	for (size_t i = 0; i < st->nobjects; i++)
		free(st->objects[i].data);
	free(st->objects);
	free(st->path);
	OPENSSL_cleanse(st, sizeof(*st));
}

bool
state_fw(const struct state *st, int a, int b, int c)
{
	int have = st->firmware[0] << 16 | st->firmware[1] << 8 | st->firmware[2];

	return have >= (a << 16 | b << 8 | c);
}

bool
state_is_bio(const struct state *st)
{
	uint8_t form = st->form_factor & 0x3F;

	return form == 6 || form == 7;
}

bool
state_is_fips(const struct state *st)
{
	return (st->form_factor & FORM_FIPS) != 0;
}

bool
state_fips_enforced(const struct state *st)
{
	return state_is_fips(st) && state_fw(st, 5, 7, 0);
}

bool
state_fips_approved(const struct state *st)
{
	return state_fips_enforced(st) && !state_pin_is_factory(st) && !state_puk_is_factory(st) &&
	       !state_mgm_is_factory(st) && st->mgm.alg != MGM_3DES;
}

void
state_factory_refs(struct state *st)
{
	bool bio = state_is_bio(st);

	memcpy(st->pin.value, factory_pin, sizeof(factory_pin));
	memcpy(st->puk.value, factory_puk, sizeof(factory_puk));
	st->pin.max = st->pin.left = bio ? 8 : 3;
	st->puk.max = st->puk.left = bio ? 0 : 3;
	st->finger_left = STATE_FINGER_TRIES;
	st->dirty = true;
}

void
state_factory_mgm(struct state *st)
{
	OPENSSL_cleanse(st->mgm.key, sizeof(st->mgm.key));
	memcpy(st->mgm.key, factory_mgm, sizeof(factory_mgm));
	st->mgm.len = sizeof(factory_mgm);
	st->mgm.alg = state_fw(st, 5, 7, 0) ? MGM_AES192 : MGM_3DES;
	st->mgm.touch_policy = 1;
	st->dirty = true;
}

bool
state_pin_is_factory(const struct state *st)
{
	return memcmp(st->pin.value, factory_pin, sizeof(factory_pin)) == 0;
}

bool
state_puk_is_factory(const struct state *st)
{
	return st->puk.max > 0 && memcmp(st->puk.value, factory_puk, sizeof(factory_puk)) == 0;
}

bool
state_mgm_is_factory(const struct state *st)
{
	return st->mgm.alg == (state_fw(st, 5, 7, 0) ? MGM_AES192 : MGM_3DES) &&
	       st->mgm.len == sizeof(factory_mgm) &&
	       memcmp(st->mgm.key, factory_mgm, sizeof(factory_mgm)) == 0;
}

struct state_slot *
state_slot(struct state *st, uint8_t id)
{
	for (size_t i = 0; i < STATE_SLOTS; i++)
		if (st->slots[i].id == id)
			return &st->slots[i];
	return NULL;
}

void
state_slot_clear(struct state_slot *slot)
{
	uint8_t id = slot->id;

	EVP_PKEY_free(slot->key);
	memset(slot, 0, sizeof(*slot));
	slot->id = id;
}

uint8_t
state_slot_pin(uint8_t id)
{
	if (id == 0x9C)
		return PIN_ALWAYS;
	return id == 0x9E ? POLICY_NEVER : PIN_ONCE;
}

void
state_slot_fill(struct state_slot *slot, uint8_t alg, EVP_PKEY *key, uint8_t pin_policy,
    uint8_t touch_policy, uint8_t origin)
{
	state_slot_clear(slot);
	slot->alg = alg;
	slot->key = key;
	slot->pin_policy = pin_policy != 0 ? pin_policy : state_slot_pin(slot->id);
	slot->touch_policy = touch_policy != 0 ? touch_policy : POLICY_NEVER;
	slot->origin = origin;
}

const struct state_object *
state_object(const struct state *st, uint32_t id)
{
	for (size_t i = 0; i < st->nobjects; i++)
		if (st->objects[i].id == id)
			return &st->objects[i];
	return NULL;
}

static size_t
stored_bytes(const struct state *st)
{
	size_t sum = 0;

	for (size_t i = 0; i < st->nobjects; i++)
		sum += st->objects[i].len;
	return sum;
}

static void
object_delete(struct state *st, uint32_t id)
{
	for (size_t i = 0; i < st->nobjects; i++) {
		if (st->objects[i].id != id)
			continue;
		free(st->objects[i].data);
		st->objects[i] = st->objects[--st->nobjects];
		st->dirty = true;
		return;
	}
}

int
state_object_set(struct state *st, uint32_t id, const uint8_t *data, size_t len)
{
	const struct state_object *old = state_object(st, id);
	size_t used = stored_bytes(st) - (old != NULL ? old->len : 0);
	struct state_object *grown;
	uint8_t *copy;

	if (len == 0) {
		object_delete(st, id);
		return 0;
	}
	if (len > STATE_OBJECT_MAX || len > STATE_STORE_MAX - used)
		return -1;
	grown = realloc(st->objects, (st->nobjects + 1) * sizeof(*grown));
	if (grown == NULL)
		return -1;
	st->objects = grown;
	copy = malloc(len);
	if (copy == NULL)
		return -1;
	memcpy(copy, data, len);
	object_delete(st, id);
	st->objects[st->nobjects++] = (struct state_object){.id = id, .len = len, .data = copy};
	st->dirty = true;
	return 0;
}
