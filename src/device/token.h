/* SPDX-License-Identifier: BSD-2-Clause */
/* token: what the files of this room share. */
#ifndef DEVICE_TOKEN_H
#define DEVICE_TOKEN_H

#include <winscard.h>
#include <ykpiv/ykpiv.h>

#include "ykenroll/device.h"

#define TOKEN_ANSWER_MAX 3200 /* bytes of data: the token's 3072-byte buffer and its templates */

struct device {
	SCARDCONTEXT context;
	struct device_ui ui;
	struct device_stats base; /* the wire's, when the device was opened */
};

/* What was read is remembered as long as nobody else can change it, that is for the transaction,
 * and until we send what changes it. */
struct token_cache {
	struct ref_cache {
		bool have;
		struct token_pin_state state;
	} pin, puk;
	bool have_mgm;
	struct token_mgm_state mgm;
};

struct token {
	struct device *dev;
	SCARDHANDLE card;
	bool transacted;
	ykpiv_state *lib;
	struct token_id id;
	bool gone;	    /* every further call gives ERR_GONE */
	bool extended;	    /* takes extended length */
	bool authenticated; /* management key, in this transaction */
	bool verified;	    /* PIN, in this transaction */
	struct token_cache cache;
};

/* Does the firmware have what came with a.b.c? */
bool firmware_has(const uint8_t v[static 3], int a, int b, int c);
bool token_firmware(const struct token *token, int a, int b, int c);

/* Remember that the token is gone where rc says so; gives rc back. */
int token_result(struct token *token, int rc);

/* ERR_GONE where the token is gone already. */
MUST_CHECK int token_usable(const struct token *token, struct err *err);

/* Announce that a touch is awaited, and that it is over. */
void token_touch(const struct token *token, bool wanted, bool begin);

/* ---- session.c: one token, from the transaction's begin to its end ---- */

/* Enter the reader, select PIV, read version and serial. Errors: as token_open. */
MUST_CHECK int session_open(
    struct device *dev, const char *reader, struct token **ret, struct err *err);
/* Select PIV: after another application was. Nothing is authenticated then. Errors: ERR_NO_TOKEN
 * PIV is disabled. */
MUST_CHECK int session_select(struct token *token, struct err *err);
/* reset false: nothing was authenticated, and others need not notice that we looked. */
void session_close(struct token **token, bool reset);

/* ---- state.c: what the token tells of its PIN, PUK and management key, and what we know since
 * ---- */

enum state_ref { REF_PIN = 0x80, REF_PUK = 0x81, REF_MGM = 0x9b };

/* token_pin_state or token_puk_state. */
MUST_CHECK int state_ref(
    struct token *token, enum state_ref ref, struct token_pin_state *ret, struct err *err);
/* A PIN or PUK was right, or newly set to value (NULL: it is as before): its counter is full. */
void state_ref_good(struct token *token, enum state_ref ref, const struct secret *value);
/* Refused with this many tries left. */
void state_ref_bad(struct token *token, enum state_ref ref, int tries);
void state_forget(struct token *token); /* read all anew */

#endif
