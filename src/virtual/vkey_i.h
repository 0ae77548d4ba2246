/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a virtual key, for the files that make it one. */
#ifndef VIRTUAL_VKEY_I_H
#define VIRTUAL_VKEY_I_H

#include <jansson.h>

#include "virtual/applet.h"
#include "virtual/vfault.h"

/*
 * frame - APDUs around commands: the four encodings of ISO 7816-3 12.1, command chaining
 * (ISO 7816-4 5.3.3), and answers longer than a short APDU may carry (61xx, GET RESPONSE).
 *
 * Le never decides anything: clients send data commands without it and expect data, so it is
 * read for the length's sake and ignored.
 */
#define FRAME_COMMAND_MAX 3072

struct frame {
	uint8_t chain[FRAME_COMMAND_MAX];
	size_t chain_len;
	uint8_t chain_head[3]; /* INS, P1, P2 */
	bool chaining;
	struct vbuf answer;
	size_t sent;
	bool pending;
};

/* Forgets a chain and an answer under way. */
void frame_reset(struct frame *f);

/* Reads the header and data of an APDU; false: the lengths do not fit (6700). */
bool frame_parse(const uint8_t *in, size_t len, struct command *ret, bool *ret_extended);

/* Executes one APDU; appends data and status word to out. */
void frame_exec(struct frame *f, struct applet *a, const uint8_t *in, size_t len, struct vbuf *out);

struct vkey {
	struct applet a;
	struct frame frame;
	struct vfault_list faults;
	struct vkey *other; /* for a swap, or swapped out */
	char *root_dir;
	bool present;
	bool powered;
	int back_ms;
	int lock_fd;
	int log_fd;
	bool log_failed; /* for good: no answer leaves this key any more */
};

/* The key that a swap brings: opened now, and made like v if there is none. */
int vkey_open_other(struct vkey *v, const char *path, char *msg, size_t msg_len);

/* By slot and by object, for state files and for people. */
json_t *state_slots_json(
    const struct state *st, json_t *(*one)(const struct state *st, const struct state_slot *s));
json_t *state_objects_json(const struct state *st, json_t *(*one)(const struct state_object *o));

#endif
