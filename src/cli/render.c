/* SPDX-License-Identifier: BSD-2-Clause */
#include <jansson.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/utc.h"
#include "cli/cli.h"

static json_t *kept; /* what the command has to say, to the end */

int
render_json(json_t *json, struct err *err)
{
	if (json == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	json_decref(kept);
	kept = json;
	return 0;
}

static json_t *
error_json(int rc, const struct err *err)
{
	json_t *o = json_pack("{s:i, s:s, s:s, s:s*}", "code", err_exit_status(rc), "name",
	    err_name(rc), "text", render_escaped(err->text), "next",
	    err->next[0] == '\0' ? NULL : render_escaped(err->next));

	if (err->tries >= 0)
		json_object_set_new(o, "tries", json_integer(err->tries));
	return o;
}

int
render_end(int rc, struct err *err)
{
	if (rc != 0 && kept == NULL)
		kept = json_object();
	if (rc != 0)
		json_object_set_new(kept, "error", error_json(rc, err));
	if (kept != NULL &&
	    (json_dumpf(kept, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0 ||
		putchar('\n') == EOF) &&
	    rc == 0)
		rc = err_set(err, ERR_INTERNAL, "cannot write the JSON object");
	json_decref(kept);
	kept = NULL;
	return rc;
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
render_when(int64_t utc)
{
	const time_t t = (time_t)utc;
	struct tm tm;
	char *text;

	if (opt.json || !isatty(STDOUT_FILENO) || localtime_r(&t, &tm) == NULL)
		return render_time(utc);
	text = ring();
	strftime(text, 2 * RENDER_HEX_MAX, "%Y-%m-%d %H:%M:%S %z", &tm);
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

json_t *
render_software(const struct registry_software *one)
{
	const bool revoked = one->revoked != 0;

	return json_pack("{s:s, s:s, s:s*, s:s*, s:s, s:s, s:s, s:s, s:s*}", "serial",
	    render_hex(one->serial, sizeof(one->serial)), "state", workflow_software_state(one),
	    "reason", revoked ? workflow_reason_name(one->reason) : NULL, "revoked",
	    revoked ? render_when(one->revoked) : NULL, "not_before", render_when(one->not_before),
	    "not_after", render_when(one->not_after), "subject", one->subject, "profile",
	    one->profile, "file", one->path[0] == '\0' ? NULL : one->path);
}
