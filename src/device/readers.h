/* SPDX-License-Identifier: BSD-2-Clause */
/* readers: the PC/SC context, and what is in the readers and among them, without an APDU. */
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

/* ---- held.c ---- */

#define HELD_WAIT_MS 2000 /* the backoff: a browser's or scdaemon's transactions are shorter */

/* Is another process in a transaction with the card, and was not free within HELD_WAIT_MS? Costs
 * one look at the reader's state where nobody else is connected. */
bool held_by_other(struct device *dev, const char *reader);

/* ---- holders.c: device_holders (device.h), and what an error says of it ---- */

#define HOLDERS_TEXT_MAX 300

/* "scdaemon (pid 812); release it with: gpgconf --kill scdaemon", or why there is no name. */
void holders_text(char *ret, size_t size);

/* ---- wait until something changes in the readers, or among them ---- */

struct watch {
	SCARD_READERSTATE states[READER_COUNT_MAX + 1]; /* the last one: readers that come and go */
	char names[READER_NAMES_MAX];
	DWORD n;
};

/* Remember how things are; what happens from here on is a change. */
MUST_CHECK int watch_begin(struct device *dev, struct watch *w, struct err *err);

/* Wait for a change, until utc_monotonic_ns() is until_ns. *ret: there was one. */
MUST_CHECK int watch_wait(
    struct device *dev, struct watch *w, int64_t until_ns, bool *ret, struct err *err);

#endif
