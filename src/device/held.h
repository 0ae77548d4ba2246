/* SPDX-License-Identifier: BSD-2-Clause */
/* held: is another process in a transaction with the card? */
#ifndef DEVICE_HELD_H
#define DEVICE_HELD_H

#include "device/token.h"

#define HELD_WAIT_MS 2000 /* the backoff: a browser's or scdaemon's transactions are shorter */

/*
 * true when the reader was not free within HELD_WAIT_MS. Costs one look at the reader's state where
 * nobody else is connected.
 */
bool held_by_other(struct device *dev, const char *reader);

#endif
