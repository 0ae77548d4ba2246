/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame - APDUs around commands: the four encodings of ISO 7816-3 12.1, command chaining
 * (ISO 7816-4 5.3.3), and answers longer than a short APDU may carry (61xx, GET RESPONSE).
 *
 * Le never decides anything: clients send data commands without it and expect data, so it is
 * read for the length's sake and ignored.
 */
#ifndef VIRTUAL_FRAME_H
#define VIRTUAL_FRAME_H

#include "virtual/applet.h"

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

#endif
