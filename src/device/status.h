/* SPDX-License-Identifier: BSD-2-Clause */
/* status: PC/SC's, the card's and libykpiv's ways to say no, as struct err. */
#ifndef DEVICE_STATUS_H
#define DEVICE_STATUS_H

#include <winscard.h>
#include <ykpiv/ykpiv.h>

#include "ykenroll/device.h"

enum {
	SW_OK = 0x9000,
	SW_DENIED = 0x6982,
	SW_BLOCKED = 0x6983,
	SW_CONDITIONS = 0x6985,
	SW_WRONG_DATA = 0x6a80,
	SW_ABSENT = 0x6a82,
	SW_FULL = 0x6a84,
	SW_NO_REFERENCE = 0x6a88,
	SW_NO_INS = 0x6d00,
};

/* When the SCARD code came: while a reader was looked for, or with a token open (where all that
 * breaks the connection is ERR_GONE). */
enum status_when { STATUS_OPENING, STATUS_OPEN };

/* ERR_NO_TOKEN, of which somebody wants to know why. */
int status_why(struct err *err, enum device_why why, const char *text);
int status_scard(struct err *err, LONG rc, enum status_when when, const char *what);

/* A status word to which the caller gives no meaning of its own. */
int status_sw(struct err *err, unsigned sw, const char *what);

/* A libykpiv code for which neither SCARD code nor status word is to blame. */
int status_ykpiv(struct err *err, ykpiv_rc rc, const char *what);

/* An answer that is not of the right form: ERR_GONE. */
int status_malformed(struct err *err, const char *what);

#endif
