/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vkey - a virtual YubiKey: the PIV and Management applets as an object that takes APDUs.
 *
 * It stands where the hardware would stand, so it shares no code with the program it tests.
 * The vpcd client (run.c) puts one behind pcscd; a unit test may answer SCard* calls from one.
 *
 * Life cycle: vkey_open, vkey_power(ON), vkey_apdu..., vkey_free. An opened key is inserted and
 * without power, as a token just plugged in. Removal (vkey_remove, or a fault) takes the power
 * and everything that is not persistent; vkey_insert brings the key back, unpowered.
 *
 * State lives in a JSON file (PIN, PUK and keys in the clear: nothing here is meant to protect
 * a secret) or in memory only. One process per file: the key holds a lock on STATE.lock.
 * Not thread-safe.
 */
#ifndef VIRTUAL_VKEY_H
#define VIRTUAL_VKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VKEY_ATR_MAX 33
/* Longest answer: a 3072-byte buffer, its templates, and the status word. */
#define VKEY_ANSWER_MAX 3200

enum {
	VKEY_OK = 0,
	VKEY_REMOVED = -1, /* no token in the reader, or it went away during this call */
	VKEY_OFF = -2,	   /* in the reader, without power */
	VKEY_FAILED = -3,  /* see the message */
};

enum vkey_power { /* as vpcd has it */
	VKEY_POWER_OFF,
	VKEY_POWER_ON,
	VKEY_POWER_RESET,
};

struct vkey;

/* When somebody touches a key that asks for it. */
enum vkey_touch {
	VKEY_TOUCH_KEPT, /* as the state says; at once for a new key */
	VKEY_TOUCH_AT_ONCE,
	VKEY_TOUCH_NEVER, /* what needs a touch is refused after 15 seconds */
	VKEY_TOUCH_AFTER, /* some time */
};

/* Whose finger a Bio key feels when it is asked to match one. */
enum vkey_finger {
	VKEY_FINGER_RIGHT,
	VKEY_FINGER_WRONG,
	VKEY_FINGER_NONE, /* nobody's is enrolled */
};

/*
 * What the key waits by: for touches, in delays, with the timing of a real key. sleep_ms returns
 * false when it was cut short; it may serve other things meanwhile, and remove the key.
 */
struct vkey_clock {
	int64_t (*now_ms)(void *ctx);
	bool (*sleep_ms)(void *ctx, unsigned ms);
	void *ctx;
};

struct vkey_config {
	const char *state;    /* path of the state file; NULL: in memory only */
	const char *root_dir; /* attestation root (root.pem, root.key); NULL: a root of its own */
	const char *firmware; /* "5.4.3"; NULL: the state's, or 5.7.1 for a new one */
	uint32_t serial;      /* 0: the state's, or one made up for a new one; below 2^31 */
	uint8_t form_factor;  /* Management tag 04; 0: the state's, or 01 (USB-A keychain) */
	bool fips;	      /* FIPS series: bit 80 of the form factor */
	bool pin_complexity;  /* new state only: the 5.7 option */
	bool f9_rsa;	      /* new state only: an attestation key as real ones, not P-256 */

	enum vkey_touch touch; /* kept in the state */
	unsigned touch_ms;     /* of VKEY_TOUCH_AFTER */

	/* These last as long as the key is open. */
	bool real_timing; /* as slow as a real key */
	bool nfc;	  /* the ATR of a reader without contacts */
	enum vkey_finger finger;
	const struct vkey_clock *clock; /* NULL: the system's; must outlive the key */
};

/* What happened to the key since its state was made: the tests' witness. */
struct vkey_witness {
	uint64_t apdus; /* received, GET RESPONSE and parts of chains counted one by one */
	uint64_t refused_verify;
	uint64_t refused_change;
	uint64_t refused_reset_retry;
	uint64_t faults; /* that really happened */
};

/*
 * Open the key of config->state, or make a new one. firmware, serial and form_factor, where
 * given, must be those of an existing state. On VKEY_FAILED msg (of msg_len bytes) says why.
 */
int vkey_open(const struct vkey_config *config, struct vkey **ret, char *msg, size_t msg_len);
void vkey_free(struct vkey *v);

/* NULL: the system's. */
void vkey_set_clock(struct vkey *v, const struct vkey_clock *clock);

/* VKEY_REMOVED when there is no key to power. */
int vkey_power(struct vkey *v, enum vkey_power what);

/* Copies the ATR and returns its length. */
size_t vkey_atr(const struct vkey *v, uint8_t out[static VKEY_ATR_MAX]);

/*
 * One command APDU in, one answer with its status word out. cap should be VKEY_ANSWER_MAX; a
 * longer answer than cap is VKEY_FAILED, and so is a log that could not be written.
 */
int vkey_apdu(
    struct vkey *v, const uint8_t *in, size_t len, uint8_t *out, size_t cap, size_t *ret_len);

bool vkey_present(const struct vkey *v);
void vkey_insert(struct vkey *v);
void vkey_remove(struct vkey *v);

/* Milliseconds after which the fault that removed the key wants it back; -1: stays out. */
int vkey_back_ms(const struct vkey *v);

/*
 * Arm a fault, which happens once. Words separated by ';' or ',':
 *   at=N                            the Nth APDU from now
 *   ins=XX[;p2=XX][;data][;nth=N]   the Nth with that INS (and P2, and a data field)
 *   remove-before                   removed; the APDU does not arrive
 *   remove-after                    the APDU is executed, removed; the answer is lost
 *   remove-answered                 answered, then removed
 *   sw=XXXX                         not executed, answered with this status word
 *   short | long | garbage          executed; answer of one byte | 16 bytes too many | random
 *   delay=MS                        executed, answered late
 *   swap=FILE                       from this APDU on, the key of another state answers
 *   back=MS                         with a removal: inserted again after that time; with a swap:
 *                                   removed, the APDU does not arrive, the other key is inserted
 * The swap's FILE is opened when the fault is armed, and made like this key if missing. One swap
 * may be armed at a time; one back to the key that was swapped out names that key's state.
 */
int vkey_fault(struct vkey *v, const char *spec, char *msg, size_t msg_len);

const struct vkey_witness *vkey_witness(const struct vkey *v);

/* What the key is and holds, as JSON, never a secret; the caller frees. */
char *vkey_inspect(const struct vkey *v);

/* The same from a state file that nobody needs to hold. */
char *vkey_inspect_file(const char *state, char *msg, size_t msg_len);

#endif
