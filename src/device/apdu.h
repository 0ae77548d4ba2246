/* SPDX-License-Identifier: BSD-2-Clause */
/* apdu: one command and its whole answer, over our own bounded SCardTransmit loop. */
#ifndef DEVICE_APDU_H
#define DEVICE_APDU_H

#include "device/token.h"

enum {
	INS_VERIFY = 0x20,
	INS_CHANGE_REFERENCE = 0x24,
	INS_RESET_RETRY = 0x2c,
	INS_GENERATE = 0x47,
	INS_AUTHENTICATE = 0x87,
	INS_SELECT = 0xa4,
	INS_GET_RESPONSE = 0xc0,
	INS_GET_DATA = 0xcb,
	INS_PUT_DATA = 0xdb,
	INS_METADATA = 0xf7,
	INS_SET_RETRIES = 0xfa,
	INS_SET_MGMKEY = 0xff,
};

enum apdu_answer {
	APDU_NO_ANSWER, /* a status word only; data is an error */
	APDU_SHORT,	/* fits 256 bytes as a rule; longer ones arrive in parts */
	APDU_LONG,	/* asked for by extended length where the token takes it */
};

struct apdu {
	uint8_t ins, p1, p2;
	enum apdu_answer answer;
	const uint8_t *data;
	size_t len;
	unsigned deadline_sec; /* 0: the usual */
	const char *what;      /* for the error text: "VERIFY" */
};

/*
 * Send and collect the answer; *ret_sw is the last status word, ret (may be NULL) the data, only
 * with SW_OK. Data goes as one extended APDU from firmware 4.0 on and in chained parts before. Our
 * own copies of the data are wiped. Errors: ERR_GONE, from then on for every call.
 */
MUST_CHECK int apdu_send(struct token *token, const struct apdu *cmd, struct blob *ret,
    unsigned *ret_sw, struct err *err);

/* As apdu_send, but any status word other than SW_OK is an error (status_sw). */
MUST_CHECK int apdu_run(
    struct token *token, const struct apdu *cmd, struct blob *ret, struct err *err);

#endif
