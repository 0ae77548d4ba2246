/* SPDX-License-Identifier: BSD-2-Clause */
/* request: the table of its fields, and what is done with them by it. */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "ykenroll/x509.h"
#include "ykenroll/x509_request.h"

/* ---- the table ---- */

static int
word_alg(const char *text)
{
	return (int)key_alg_parse(text);
}

static int
word_pin(const char *text)
{
	return strcasecmp(text, "once") == 0	 ? PIN_ONCE
	       : strcasecmp(text, "always") == 0 ? PIN_ALWAYS
						 : 0;
}

static int
word_touch(const char *text)
{
	return strcasecmp(text, "never") == 0	 ? TOUCH_NEVER
	       : strcasecmp(text, "always") == 0 ? TOUCH_ALWAYS
	       : strcasecmp(text, "cached") == 0 ? TOUCH_CACHED
						 : 0;
}

#define AT(member) \
	.at = offsetof(struct request, member), .size = sizeof(((struct request *)0)->member)
#define KEPT .kept = true
#define HOLDERS(c) .place = REQUEST_HOLDERS, .column = (c)
#define WORKS(c) .place = REQUEST_WORKS, .column = (c)
#define TAG(t, f) .tag = (t), .forms = (f)
#define TOKEN (REQUEST_PREPARE | REQUEST_PRECHECK)
#define NEW (TOKEN | REQUEST_SOFTWARE)

/* By rising tags; those of a released version stay what they are. */
static const struct request_field fields[] = {
    {"profile", "profile", NULL, REQUEST_TEXT, AT(profile), KEPT, WORKS("profile"), TAG(1, NEW)},
    {"name", "name", NULL, REQUEST_TEXT, AT(holder.name), KEPT, HOLDERS("name"), TAG(2, NEW)},
    {"email", "e-mail address", NULL, REQUEST_TEXT, AT(holder.email), KEPT, HOLDERS("email"),
	TAG(3, NEW)},
    {"upn", "UPN", NULL, REQUEST_TEXT, AT(holder.upn), KEPT, HOLDERS("upn"), TAG(4, NEW)},
    {"sid", "SID", NULL, REQUEST_TEXT, AT(holder.sid), KEPT, HOLDERS("sid"), TAG(5, NEW)},
    {"subject", "subject", "", REQUEST_LINES, AT(subject), KEPT, WORKS("subject"), TAG(6, NEW)},
    {"names", "names", "", REQUEST_LINES, AT(names), TAG(7, NEW)},
    {"days", "days", NULL, REQUEST_NUMBER, AT(days), .max = REQUEST_DAYS_MAX, KEPT, WORKS("days"),
	TAG(8, NEW | REQUEST_RENEW)},
    {"hours", "hours", NULL, REQUEST_NUMBER, AT(hours), .max = 24 * 31, WORKS("hours"),
	TAG(9, NEW)},
    {"serial", "token's serial", NULL, REQUEST_NUMBER, AT(token), .max = UINT32_MAX, WORKS("token"),
	TAG(10, TOKEN)},
    {NULL, "slot", NULL, REQUEST_NUMBER, AT(slot), .max = UINT8_MAX, TAG(11, TOKEN)},
    {NULL, "GUID", NULL, REQUEST_BYTES, AT(guid), WORKS("guid"), TAG(12, TOKEN)},
    {NULL, "firmware", NULL, REQUEST_BYTES, AT(firmware), TAG(13, REQUEST_PRECHECK)},
    {"algorithm", "algorithm", NULL, REQUEST_WORD, AT(alg), .max = KEY_RSA4096, KEPT,
	WORKS("key_alg"), TAG(14, REQUEST_PRECHECK), .word = word_alg,
	.choices = "one that --help lists"},
    {"pin-policy", "PIN policy", NULL, REQUEST_WORD, AT(pin_policy), .max = UINT8_MAX, KEPT,
	WORKS("pin_policy"), TAG(15, REQUEST_PRECHECK), .word = word_pin,
	.choices = "once or always"},
    {"touch-policy", "touch policy", NULL, REQUEST_WORD, AT(touch_policy), .max = UINT8_MAX, KEPT,
	WORKS("touch_policy"), TAG(16, REQUEST_PRECHECK), .word = word_touch,
	.choices = "never, always or cached"},
    {NULL, "request", NULL, REQUEST_DER, AT(csr),
	TAG(17, REQUEST_PREPARE | REQUEST_SOFTWARE | REQUEST_RENEW)},
    {NULL, "attestation", NULL, REQUEST_DER, AT(attestation), TAG(18, REQUEST_PREPARE)},
    {NULL, "f9 certificate", NULL, REQUEST_DER, AT(f9), TAG(19, TOKEN)},
    {NULL, "kept days", NULL, REQUEST_NUMBER, AT(days_kept), .max = 1, WORKS("days_kept"),
	TAG(20, TOKEN | REQUEST_RENEW)},

    {"id", "holder's key", NULL, REQUEST_TEXT, AT(holder.key), KEPT, HOLDERS("key")},
    {NULL, "holder's id", NULL, REQUEST_TEXT, AT(holder.external), KEPT, HOLDERS("external")},
    {NULL, "holder's DN", NULL, REQUEST_TEXT, AT(holder.directory), KEPT, HOLDERS("directory")},
    {"reason", "reason", NULL, REQUEST_TEXT, AT(why), WORKS("why")},
    {"ticket", "ticket", NULL, REQUEST_TEXT, AT(ticket), WORKS("ticket")},
    {NULL, "replaced token", NULL, REQUEST_NUMBER, AT(replaces), .max = UINT32_MAX,
	WORKS("replaces")},
    {NULL, "flags", NULL, REQUEST_NUMBER, AT(flags), .max = UINT32_MAX, WORKS("flags")},

    /* other names of the same */
    {"cn", "name", NULL, REQUEST_TEXT, AT(holder.name)},
    {"dns", "DNS name", "dns:", REQUEST_LINES, AT(names)},
    {"ip", "IP address", "ip:", REQUEST_LINES, AT(names)},
};

const struct request_field *
request_fields(size_t *ret_n)
{
	*ret_n = sizeof(fields) / sizeof(fields[0]);
	return fields;
}

const struct request_field *
request_field(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].name != NULL && strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

/* ---- one field ---- */

void
request_wipe(struct request *r)
{
	blob_wipe(&r->csr);
	blob_wipe(&r->attestation);
	blob_wipe(&r->f9);
	memset(r, 0, sizeof(*r));
}

struct request_value
request_get(const struct request *r, const struct request_field *f)
{
	const void *at = (const char *)r + f->at;

	switch (f->kind) {
	case REQUEST_TEXT:
	case REQUEST_LINES:
		return (struct request_value){.data = at, .len = strnlen(at, f->size)};
	case REQUEST_BYTES:
		return (struct request_value){.data = at, .len = f->size};
	case REQUEST_DER:
		return (struct request_value){
		    .data = ((const struct blob *)at)->data, .len = ((const struct blob *)at)->len};
	case REQUEST_WORD:
	case REQUEST_NUMBER:
		break;
	}
	return (struct request_value){
	    .number = f->size == 1 ? *(const uint8_t *)at : *(const uint32_t *)at};
}

bool
request_given(const struct request *r, const struct request_field *f)
{
	static const uint8_t zeros[REQUEST_GUID_LEN];
	const struct request_value v = request_get(r, f);

	if (f->kind == REQUEST_BYTES)
		return memcmp(v.data, zeros, v.len) != 0;
	return request_is_number(f) ? v.number != 0 : v.len > 0;
}

static int
put_number(void *at, const struct request_field *f, int64_t number, struct err *err)
{
	if (number < 0 || number > f->max)
		return err_set(err, ERR_USAGE, "the request's %s is out of range", f->what);
	if (f->size == 1)
		*(uint8_t *)at = (uint8_t)number;
	else
		*(uint32_t *)at = (uint32_t)number;
	return 0;
}

/* Refused, never cut: half of a name is somebody else's. */
static int
put_text(char *at, const struct request_field *f, const void *data, size_t len, struct err *err)
{
	if (len >= f->size)
		return err_set(err, ERR_USAGE,
		    "the %s is too long (%zu bytes, at most %zu): shorten it", f->what, len,
		    f->size - 1);
	if (len > 0 && memchr(data, 0, len) != NULL)
		return err_set(err, ERR_USAGE, "the %s has a NUL in it", f->what);
	if (len > 0)
		memcpy(at, data, len);
	at[len] = '\0';
	return 0;
}

int
request_put(struct request *r, const struct request_field *f, const struct request_value *value,
    struct err *err)
{
	void *at = (char *)r + f->at;

	if (request_is_number(f))
		return put_number(at, f, value->number, err);
	if (f->kind == REQUEST_TEXT || f->kind == REQUEST_LINES)
		return put_text(at, f, value->data, value->len, err);
	if (value->len > REQUEST_DER_MAX || (f->kind == REQUEST_BYTES && value->len != f->size))
		return err_set(err, ERR_USAGE, "the request's %s has a wrong length (%zu bytes)",
		    f->what, value->len);
	if (f->kind == REQUEST_DER)
		return blob_set(at, value->data, value->len, err);
	memcpy(at, value->data, value->len);
	return 0;
}

/* ---- as people write it ---- */

static int
set_line(char *at, const struct request_field *f, const char *text, struct err *err)
{
	const size_t had = strlen(at), front = strlen(f->lines);
	char *end = at + had + (had > 0);
	const struct request_field rest = {
	    .what = f->what, .size = f->size - (size_t)(end - at) - front};

	if (strchr(text, '\n') != NULL)
		return err_set(err, ERR_USAGE, "the %s has a line break in it", f->what);
	if (had + 1 + front >= f->size || strlen(text) >= rest.size)
		return err_set(err, ERR_USAGE, "too many values for %s", f->what);
	if (had > 0)
		at[had] = '\n';
	memcpy(end, f->lines, front);
	return put_text(end + front, &rest, text, strlen(text), err);
}

static int
set_number(void *at, const struct request_field *f, const char *text, struct err *err)
{
	unsigned long n;

	if (f->kind == REQUEST_WORD) {
		const int word = f->word(text);

		return word != 0 ? put_number(at, f, word, err)
				 : err_set(err, ERR_USAGE, "invalid --%s '%s'; use %s", f->name,
				       text, f->choices);
	}
	if (text_number(text, f->what, f->max, &n, NULL) != 0 || n < 1)
		return err_set(
		    err, ERR_USAGE, "--%s must be a number from 1 to %u", f->name, f->max);
	return put_number(at, f, (int64_t)n, err);
}

int
request_set(struct request *r, const char *name, const char *text, struct err *err)
{
	const struct request_field *f = request_field(name);
	void *at;

	if (f == NULL)
		return err_set(err, ERR_USAGE, "requests have no field '%s'", name);
	at = (char *)r + f->at;
	if (request_is_number(f))
		return set_number(at, f, text, err);
	if (text[0] == '\0')
		return err_set(err, ERR_USAGE, "the %s is empty", f->what);
	return f->kind == REQUEST_LINES ? set_line(at, f, text, err)
					: put_text(at, f, text, strlen(text), err);
}

/* ---- two records ---- */

void
request_merge(struct request *r, const struct request *from)
{
	const bool asked = r->days != 0;
	size_t i;

	if (r->holder.key[0] == '\0')
		r->holder.id = from->holder.id;
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].kept && !request_given(r, &fields[i]))
			memcpy((char *)r + fields[i].at, (const char *)from + fields[i].at,
			    fields[i].size);
	if (!asked && r->days != 0)
		r->days_kept = 1;
}
