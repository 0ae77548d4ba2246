/* SPDX-License-Identifier: BSD-2-Clause */
/* readers: the PC/SC context, and what is in the readers, without an APDU. */
#ifndef DEVICE_READERS_H
#define DEVICE_READERS_H

#include "device/token.h"

#define READER_COUNT_MAX 16 /* pcsclite.h: PCSCLITE_MAX_READERS_CONTEXTS */

#define READER_NAMES_MAX (READER_COUNT_MAX * DEVICE_READER_MAX + 1)

struct reader {
	char name[DEVICE_READER_MAX];
	bool yubikey; /* by its ATR: no other card ever gets an APDU from us */
};

/* All readers as SCardListReaders' multi-string, zeros behind it. Errors: ERR_NO_TOKEN pcscd. */
MUST_CHECK int reader_names(struct device *dev, char *names, size_t size, struct err *err);

/* The readers that hold a card. Errors: ERR_NO_TOKEN pcscd. */
MUST_CHECK int reader_scan(
    struct device *dev, struct reader ret[static READER_COUNT_MAX], size_t *ret_n, struct err *err);

/*
 * Connect (shared, T=1) and begin the transaction. *card is valid from success on, and in a
 * transaction; reader_leave ends both. Errors: ERR_HELD; ERR_NO_TOKEN.
 */
MUST_CHECK int reader_enter(
    struct device *dev, const char *name, SCARDHANDLE *ret_card, struct err *err);
void reader_leave(SCARDHANDLE card, bool reset);

#endif
