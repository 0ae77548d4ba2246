/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ykenroll/err.h"

/* Behind the text; cut where it is full. */
static void
append(struct err *err, const char *between, const char *tail)
{
	const size_t n = strlen(err->text);

	snprintf(err->text + n, sizeof(err->text) - n, "%s%s", between, tail);
}

/* The position in the text is known from the format alone. */
static void
set_next(struct err *err, const char *fmt, va_list ap)
{
	static const char mark[] = ": ykenroll ";
	const char *at = strstr(fmt, mark);
	char front[ERR_TEXT_MAX], *text;
	va_list again;
	int n, skip;

	if (at == NULL || strpbrk(at + 1, ";,.(:") != NULL || (size_t)(at - fmt) >= sizeof(front))
		return;
	snprintf(front, sizeof(front), "%.*s", (int)(at - fmt), fmt);
	va_copy(again, ap);
	skip = vsnprintf(NULL, 0, front, again);
	va_end(again);
	va_copy(again, ap);
	n = vasprintf(&text, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	if (n - skip - 2 < ERR_NEXT_MAX)
		strcpy(err->next, text + skip + 2);
	free(text);
}

static void
set_v(struct err *err, int code, const char *fmt, va_list ap)
{
	if (err == NULL)
		return;
	err->code = code;
	err->tries = -1;
	err->why = 0;
	err->next[0] = '\0';
	set_next(err, fmt, ap);
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
	set_next(err, fmt, ap);
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

static const struct {
	int code;
	const char *name;
} names[] = {
    {ERR_INTERNAL, "internal"},
    {ERR_USAGE, "usage"},
    {ERR_NO_TOKEN, "no-token"},
    {ERR_PIN, "pin"},
    {ERR_BLOCKED, "blocked"},
    {ERR_AMBIGUOUS, "ambiguous"},
    {ERR_MGMKEY, "management-key"},
    {ERR_ATTEST, "attestation"},
    {ERR_OCCUPIED, "occupied"},
    {ERR_PERSON, "person"},
    {ERR_CA, "ca"},
    {ERR_FIT, "fit"},
    {ERR_PROOF, "proof"},
    {ERR_GONE, "gone"},
    {ERR_TOUCH, "touch"},
    {ERR_BATCH, "batch"},
    {ERR_HELD, "held"},
};

/* Of a code that no program ends with: that of ERR_INTERNAL. */
static size_t
name_index(int code)
{
	size_t i;

	for (i = sizeof(names) / sizeof(names[0]) - 1; i > 0 && names[i].code != code; i--)
		;
	return i;
}

const char *
err_name(int code)
{
	return code == 0 ? NULL : names[name_index(code)].name;
}

int
err_exit_status(int code)
{
	return code == 0 ? 0 : -names[name_index(code)].code;
}
