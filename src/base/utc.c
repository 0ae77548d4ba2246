/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/utc.h"

int64_t
utc_now(void)
{
	return (int64_t)time(NULL);
}

int64_t
utc_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void
utc_text(int64_t t, char ret_text[static UTC_TEXT_LEN])
{
	time_t tt = (time_t)t;
	struct tm tm;

	if (gmtime_r(&tt, &tm) == NULL ||
	    strftime(ret_text, UTC_TEXT_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(ret_text, UTC_TEXT_LEN, "out of range");
}

int
utc_parse(const char *text, int64_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (end == NULL || *end != '\0')
		return -1;
	return utc_make(
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ret);
}

/* Without timegm, which looks at the time zone, and takes 30 February for 2 March. */
int
utc_make(int year, int month, int day, int hour, int minute, int second, int64_t *ret)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	const int last = year - 1; /* whole years before this one */
	int64_t days;

	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 ||
	    day > before[month] - before[month - 1] + (leap && month == 2) || hour < 0 ||
	    hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return -1;
	days = INT64_C(365) * (year - 1970) + (last / 4 - last / 100 + last / 400) -
	       (1969 / 4 - 1969 / 100 + 1969 / 400);
	days += before[month - 1] + (leap && month > 2) + day - 1;
	*ret = days * 86400 + hour * 3600 + minute * 60 + second;
	return 0;
}
