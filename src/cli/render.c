/* SPDX-License-Identifier: BSD-2-Clause */
#include <jansson.h>

#include "base/text.h"
#include "base/utc.h"
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

/* Used up after eight more of them. */
static char *
ring(void)
{
	static char buf[8][2 * RENDER_HEX_MAX + 1];
	static unsigned next;

	return buf[next++ % 8];
}

const char *
render_hex(const uint8_t *data, size_t len)
{
	char *text = ring();

	text_hex(data, len < RENDER_HEX_MAX ? len : RENDER_HEX_MAX, text);
	return text;
}

const char *
render_time(int64_t utc)
{
	char *text = ring();

	utc_text(utc, text);
	return text;
}

const char *
render_firmware(const uint8_t *v)
{
	char *text = ring();

	snprintf(text, 2 * RENDER_HEX_MAX, "%u.%u.%u", v[0], v[1], v[2]);
	return text;
}

json_t *
render_cert(const struct cert_info *c)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "serial",
	    render_hex(c->serial, c->serial_len), "subject", c->subject, "issuer", c->issuer,
	    "not_before", render_time(c->not_before), "not_after", render_time(c->not_after),
	    "sha256", render_hex(c->sha256, sizeof(c->sha256)));
}
