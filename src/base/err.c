/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ykenroll/err.h"

/* Put between and tail behind the first n bytes of the text; cut where it is full. */
static void
append(struct err *err, size_t n, const char between[static 2], const char *tail)
{
	size_t room = sizeof(err->text) - n - 1, len = strlen(tail);

	if (n + 1 >= sizeof(err->text) || room < 2)
		return;
	memcpy(err->text + n, between, 2);
	if (len > room - 2)
		len = room - 2;
	memcpy(err->text + n + 2, tail, len);
	err->text[n + 2 + len] = '\0';
}

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
	if (tail != NULL)
		append(err, n, ": ", tail);
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
	append(err, n, ": ", old);
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
	append(err, strlen(err->text), "; ", hint);
}

int
err_answer(int rc, int no, bool *ret, const struct err *why, struct err *err)
{
	*ret = rc == 0;
	if (rc == 0 || rc == no)
		return 0;
	if (err != NULL)
		*err = *why;
	return rc;
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
