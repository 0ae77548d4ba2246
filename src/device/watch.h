/* SPDX-License-Identifier: BSD-2-Clause */
/* watch: wait until something changes in the readers, or among them. */
#ifndef DEVICE_WATCH_H
#define DEVICE_WATCH_H

#include "device/readers.h"

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
