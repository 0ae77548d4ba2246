/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ykenroll/err.h"

static int
set_v(struct err *err, int code, const char *tail, const char *fmt, va_list ap)
{
	size_t n;
	int r;

	if (err == NULL)
		return code;
	err->code = code;
	err->tries = -1;
	r = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	n = r < 0 ? 0 : (size_t)r;
	if (tail != NULL && n < sizeof(err->text))
		snprintf(err->text + n, sizeof(err->text) - n, ": %s", tail);
	return code;
}

int
err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_v(err, code, NULL, fmt, ap);
	va_end(ap);
	return code;
}

int
err_errno(struct err *err, int code, const char *fmt, ...)
{
	const char *why = strerror(errno);
	va_list ap;

	va_start(ap, fmt);
	set_v(err, code, why, fmt, ap);
	va_end(ap);
	return code;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;
	size_t n;
	int r;

	if (err == NULL)
		return ERR_INTERNAL;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	r = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	n = r < 0 ? 0 : (size_t)r;
	if (n < sizeof(err->text))
		snprintf(err->text + n, sizeof(err->text) - n, ": %s", old);
	return err->code == 0 ? ERR_INTERNAL : err->code;
}

int
err_exit_status(int code)
{
	if (code == 0)
		return 0;
	if (code <= ERR_USAGE && code >= ERR_BATCH)
		return -code;
	return code == ERR_HELD ? 20 : 1;
}
