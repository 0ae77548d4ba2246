/* SPDX-License-Identifier: BSD-2-Clause */
/* QUICK=N: of what is many of a kind, a test takes every Nth, or an Nth; each says what. */
#ifndef YKENROLL_TESTS_QUICK_H
#define YKENROLL_TESTS_QUICK_H

#include <stdlib.h>

static inline unsigned
quick(void)
{
	const char *text = getenv("QUICK");
	const int n = text == NULL ? 1 : atoi(text);

	return n > 1 ? (unsigned)n : 1;
}

#endif
