/* SPDX-License-Identifier: BSD-2-Clause */
/* csv: rows as in RFC 4180 (but that a line ends as here) that no spreadsheet takes for formulas
 * (CWE-1236). */
#include <string.h>

#include "cli/cli.h"

/* What makes a cell a formula in some spreadsheet, also in full width. */
static const char *const starts[] = {
    "=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20"};

static bool
is_formula(const char *text)
{
	size_t i;

	text += strspn(text, " \u00a0");
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(text, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static void
cell(FILE *to, const char *text)
{
	const char *shown = render_escaped(text);

	fputc('"', to);
	/* what is looked at is what was given: escaping has changed a TAB already */
	if (is_formula(text) || is_formula(shown))
		fputc('\'', to);
	for (; *shown != '\0'; shown++) {
		if (*shown == '"')
			fputc('"', to);
		fputc(*shown, to);
	}
	fputc('"', to);
}

void
csv_row(FILE *to, const char *const *cells, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (i > 0)
			fputc(',', to);
		cell(to, cells[i]);
	}
	fputc('\n', to);
}
