/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ykenroll/err.h"

/* Behind the text; cut where it is full. */
static void
append(struct err *err, const char *between, const char *tail)
{
	const size_t n = strlen(err->text);

	snprintf(err->text + n, sizeof(err->text) - n, "%s%s", between, tail);
}

static void
set_v(struct err *err, int code, const char *fmt, va_list ap)
{
	if (err == NULL)
		return;
	err->code = code;
	err->tries = -1;
	err->why = 0;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
}

int
err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_v(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int
err_errno(struct err *err, int code, const char *fmt, ...)
{
	const char *why = strerror(errno);
	va_list ap;

	va_start(ap, fmt);
	set_v(err, code, fmt, ap);
	va_end(ap);
	if (err != NULL)
		append(err, ": ", why);
	return code;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;

	if (err == NULL)
		return ERR_INTERNAL;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	append(err, ": ", old);
	return err->code == 0 ? ERR_INTERNAL : err->code;
}

void
err_hint(struct err *err, const char *fmt, ...)
{
	char hint[ERR_TEXT_MAX];
	va_list ap;

	if (err == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	append(err, "; ", hint);
}

int
err_answer(int rc, int no, bool *ret, struct err *err)
{
	*ret = rc == 0;
	if (rc == no && err != NULL)
		*err = (struct err)ERR_INIT;
	return rc == no ? 0 : rc;
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
