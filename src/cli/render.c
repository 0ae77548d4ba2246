/* SPDX-License-Identifier: BSD-2-Clause */
#include <jansson.h>

#include "base/text.h"
#include "cli/cli.h"

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
