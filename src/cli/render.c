/* SPDX-License-Identifier: BSD-2-Clause */
#include <jansson.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"

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
	fprintf(stderr, "ykenroll: %s", render_escaped(err->text));
	if (err->tries >= 0)
		fprintf(stderr, " (tries left: %d)", err->tries);
	fputc('\n', stderr);
}

int
render_json(json_t *json, struct err *err)
{
	int r = json == NULL ? -1 : json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);

	json_decref(json);
	if (r != 0 || putchar('\n') == EOF)
		return err_set(err, ERR_INTERNAL, "cannot write the JSON object");
	return 0;
}

void
render_serial(const uint8_t *serial, size_t len, char *ret)
{
	text_hex(serial, len, ret);
}
