/* SPDX-License-Identifier: BSD-2-Clause */
/* utc: time is int64_t seconds since 1970 in UTC everywhere; local time exists only where it is
 * shown to a person. */
#ifndef BASE_UTC_H
#define BASE_UTC_H

#include <stdint.h>

#define UTC_TEXT_LEN 21 /* "2026-11-20T21:00:00Z" and the NUL */

int64_t utc_now(void);					      /* seconds */
int64_t utc_monotonic_ns(void);				      /* for durations only */
void utc_text(int64_t t, char ret_text[static UTC_TEXT_LEN]); /* years 0..9999 */
int utc_parse(const char *text, int64_t *ret); /* that form only; -1 when it is not */
/* Returns 0, or -1: there is no such time (30 February, 24:00, a leap second). month, day: from 1.
 */
int utc_make(int year, int month, int day, int hour, int minute, int second, int64_t *ret);

#endif
