/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state - what a virtual YubiKey keeps without power, and its JSON file.
 *
 * state_init makes a factory-new token, state_load reads one, state_save writes it atomically
 * (temporary file, fsync, rename) and does nothing for a token without a path. state_wipe frees
 * what the state owns. The values in the file are the token's own secrets, in the clear.
 */
#ifndef VIRTUAL_STATE_H
#define VIRTUAL_STATE_H

#include <openssl/evp.h>

#include "virtual/vkey.h"

#define STATE_SLOTS 25
#define STATE_REF_LEN 8
#define STATE_FINGER_TRIES 3
#define STATE_OBJECT_MAX 3063 /* a 3072-byte buffer less 5C 03 .. 53 82 .. .. */
#define STATE_STORE_MAX 51200

enum { STATE_GENERATED = 1, STATE_IMPORTED = 2 };
enum { POLICY_NEVER = 1, PIN_ONCE = 2, PIN_ALWAYS = 3, PIN_MATCH_ONCE = 4, PIN_MATCH_ALWAYS = 5 };

struct state_slot {
	uint8_t id;
	uint8_t alg; /* 0: empty */
	uint8_t pin_policy;
	uint8_t touch_policy;
	uint8_t origin;
	EVP_PKEY *key;
};

struct state_object {
	uint32_t id;
	size_t len;
	uint8_t *data;
};

/* PIN or PUK. */
struct state_ref {
	uint8_t value[STATE_REF_LEN];
	uint8_t max;
	uint8_t left;
};

struct state_mgm {
	uint8_t alg;
	uint8_t touch_policy;
	uint8_t key[32];
	size_t len;
};

struct state {
	char *path;
	uint8_t firmware[3];
	uint8_t form_factor;
	uint32_t serial;
	enum vkey_touch touch;
	unsigned touch_ms;
	bool pin_complexity;
	uint8_t finger_left; /* tries of a Bio key */
	struct state_ref pin, puk;
	struct state_mgm mgm;
	struct state_slot slots[STATE_SLOTS];
	struct state_object *objects;
	size_t nobjects;
	struct vkey_witness witness;
	bool dirty;
};

void state_init(struct state *st);
void state_wipe(struct state *st);

/* Whether the firmware is at least a.b.c. */
bool state_fw(const struct state *st, int a, int b, int c);
bool state_is_bio(const struct state *st);

/*
 * FIPS: the series is a flag of the form factor. From 5.7 on the key itself keeps to FIPS 140-3,
 * and is in approved mode when PIN, PUK and management key (AES) were changed.
 */
bool state_is_fips(const struct state *st);
bool state_fips_enforced(const struct state *st);
bool state_fips_approved(const struct state *st);

/* PIN, PUK and management key as they left the factory, which depends on the firmware. */
void state_factory_refs(struct state *st);
void state_factory_mgm(struct state *st);
bool state_pin_is_factory(const struct state *st);
bool state_puk_is_factory(const struct state *st);
bool state_mgm_is_factory(const struct state *st);

/* NULL: no such slot. */
struct state_slot *state_slot(struct state *st, uint8_t id);
void state_slot_clear(struct state_slot *slot);
uint8_t state_slot_pin(uint8_t id); /* the slot's default PIN policy */
/* Takes key; policies of 0 become the slot's defaults. */
void state_slot_fill(struct state_slot *slot, uint8_t alg, EVP_PKEY *key, uint8_t pin_policy,
    uint8_t touch_policy, uint8_t origin);

const struct state_object *state_object(const struct state *st, uint32_t id);

/* len 0 deletes. -1: the store is full. */
int state_object_set(struct state *st, uint32_t id, const uint8_t *data, size_t len);

/* What is wrong, for whoever asked; -1. */
int state_say(char *msg, size_t msg_len, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* 0; 1: there is no such file; -1: msg says why. */
int state_load(struct state *st, const char *path, char *msg, size_t msg_len);
int state_save(struct state *st);

#endif
