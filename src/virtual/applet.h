/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * applet - the PIV and Management applications: whole commands in, data and status word out.
 *
 * Framing (APDU encodings, chaining, GET RESPONSE) is frame.c's; what is kept without power is
 * state.c's. What lives here is the session, which ends with power or another SELECT.
 * References A.x in comments: the command set of the YubiKey as doc/ykvirt.1 lists it.
 */
#ifndef VIRTUAL_APPLET_H
#define VIRTUAL_APPLET_H

#include "virtual/state.h"
#include "virtual/vtlv.h"

enum {
	SW_OK = 0x9000,
	SW_MORE = 0x6100,
	SW_TRIES = 0x63C0,
	SW_MEMORY = 0x6581,
	SW_LENGTH = 0x6700,
	SW_SECURITY = 0x6982,
	SW_BLOCKED = 0x6983,
	SW_CONDITIONS = 0x6985,
	SW_DATA = 0x6A80,
	SW_NOT_FOUND = 0x6A82,
	SW_NO_SPACE = 0x6A84,
	SW_P1P2 = 0x6A86,
	SW_NO_REFERENCE = 0x6A88,
	SW_PARAMETERS = 0x6B00,
	SW_INS = 0x6D00,
	SW_CLA = 0x6E00,
	SW_FAILURE = 0x6F00,
};

enum {
	INS_VERIFY = 0x20,
	INS_CHANGE = 0x24,
	INS_RESET_RETRY = 0x2C,
	INS_GENERATE = 0x47,
	INS_AUTHENTICATE = 0x87,
	INS_SELECT = 0xA4,
	INS_GET_RESPONSE = 0xC0,
	INS_GET_DATA = 0xCB,
	INS_PUT_DATA = 0xDB,
	INS_MOVE = 0xF6,
	INS_METADATA = 0xF7,
	INS_SERIAL = 0xF8,
	INS_ATTEST = 0xF9,
	INS_SET_RETRIES = 0xFA,
	INS_RESET = 0xFB,
	INS_VERSION = 0xFD,
	INS_IMPORT = 0xFE,
	INS_SET_MGM = 0xFF,
	INS_READ_CONFIG = 0x1D,
	INS_DEVICE_RESET = 0x1F,
};

enum {
	REF_PIN = 0x80,
	REF_PUK = 0x81,
	REF_FINGER = 0x96,
	SLOT_MGM = 0x9B,
	SLOT_ATTESTATION = 0xF9
};

enum applet_id { APPLET_NONE, APPLET_PIV, APPLET_MANAGEMENT };

enum auth_step { AUTH_IDLE, AUTH_MUTUAL, AUTH_EXTERNAL };

/* Gone with power, reset, or another application. */
struct session {
	enum applet_id selected;
	bool verified;	  /* the PIN */
	bool fresh;	  /* ... by the command just before this one: policy ALWAYS */
	bool matched;	  /* a finger, or the temporary PIN that it gave */
	bool match_fresh; /* ... by the command just before */
	bool has_temporary;
	uint8_t temporary[16];
	int64_t touched_ms[STATE_SLOTS + 1]; /* each key's last touch, +1; the management key's */
	bool admin;			     /* management key */
	enum auth_step step;		     /* the challenge this command leaves open */
	enum auth_step expect;		     /* ... and the one the command before it left */
	uint8_t challenge[16];
};

struct command {
	uint8_t cla, ins, p1, p2;
	const uint8_t *data;
	size_t len;
};

/* What surrounds the key while it is open. */
struct surroundings {
	bool real_timing;
	bool nfc;
	enum vkey_finger finger;
	const struct vkey_clock *clock;
};

struct applet {
	struct state st;
	struct session ses;
	struct surroundings env;
	unsigned resets; /* of the session: a wait that saw one is over */
};

/* A command's handler: appends to out, returns the status word. */
typedef uint16_t applet_fn(struct applet *a, const struct command *c, struct vbuf *out);

/* Executes one whole command and saves what it changed. */
uint16_t applet_exec(struct applet *a, const struct command *c, struct vbuf *out);

/* A command came between a VERIFY and the use of a key. */
void applet_stale(struct applet *a);

/* Power loss, reset, removal. */
void applet_reset(struct applet *a);

/* vpin.c */
applet_fn vpin_verify, vpin_change, vpin_reset_retry, vpin_set_retries, vpin_reset;

/* Everything but the attestation key and its certificate goes back to the factory's. */
void vpin_zeroize(struct state *st);

/* vbio.c: VERIFY with P2 96, and the metadata of 96 */
applet_fn vbio_verify;
uint16_t vbio_metadata(const struct applet *a, struct vbuf *out);
/* A wrong PIN takes the temporary one along; the right one restores the finger's tries. */
void vbio_pin_verified(struct applet *a, bool right);

/* vauth.c: GENERAL AUTHENTICATE, for the management key and for slots */
applet_fn vauth_general, vauth_set_mgm;

/* vslot.c */
applet_fn vslot_generate, vslot_import, vslot_attest, vslot_metadata, vslot_move;

/* vdata.c */
applet_fn vdata_get, vdata_put;

/*
 * vwait.c: what takes time: a finger on the contact, and, with the timing of a real key, making
 * and using keys. Everything waits by the key's clock; what ends a wait early is a removal, a
 * reset, or the end of the program. Such a command must leave no trace.
 */

/* The system's clock. */
extern const struct vkey_clock vwait_system;

/* False: cut short. */
bool vwait_ms(struct applet *a, unsigned ms);

/* The touch that the key in slot (9B: the management key) asks for by its policy; false: none. */
bool vwait_touch(struct applet *a, uint8_t slot, uint8_t policy);

/* With the timing of a real key only; false: cut short. */
struct vcrypt_alg;
bool vwait_generate(struct applet *a, const struct vcrypt_alg *alg);
bool vwait_use(struct applet *a, uint8_t alg);

#endif
