/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"
#include "term/term.h"

const char *render_program = "ykenroll";

const char *
render_escaped(const char *text)
{
	static char buf[4][4 * ERR_TEXT_MAX];
	static unsigned next;
	char *b = buf[next++ % 4];

	text_escape(text, b, sizeof(buf[0]));
	return b;
}

void
render_line(FILE *to, const char *text)
{
	fprintf(to, "%s\n", render_escaped(text));
}

void
render_error(const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s", render_program, render_escaped(err->text));
	if (err->tries >= 0)
		fprintf(stderr, " (tries left: %d)", err->tries);
	fputc('\n', stderr);
}
