/* SPDX-License-Identifier: BSD-2-Clause */
/* ocspd_get: a request in a URL: base64, of which "/", "+" and "=" are escaped (RFC 6960, A.1), or
 * are not: clients differ. */
#include <string.h>

#include "base/text.h"
#include "relying/ocspd.h"

static int
bad(struct err *err)
{
	return err_set(err, ERR_FIT, "no OCSP request in this path");
}

/* The next character, unescaped; 0 at the end, -1 when it is malformed. */
static int
next(const char **p)
{
	char hex[3] = "";
	uint8_t c = 0;

	if (**p == '\0')
		return 0;
	if (**p != '%')
		return (unsigned char)*(*p)++;
	strncat(hex, *p + 1, 2);
	if (text_unhex(hex, &c, 1) != 0)
		return -1;
	*p += 3;
	return c == 0 ? -1 : c;
}

static int
value(int c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c <= 0 ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* Padding may be left out, but not be more than it is, and bits that do not count are zero: one
 * text for each request. */
static bool
ends_well(const char *p, int c, size_t n, uint32_t bits)
{
	const size_t want = (4 - n % 4) % 4;
	size_t pad = 0;

	for (; c == '='; c = next(&p))
		pad++;
	if (c != 0 || n % 4 == 1 || (pad != 0 && pad != want))
		return false;
	return n % 4 == 0 || (bits & ((1U << (n % 4 == 2 ? 4 : 2)) - 1)) == 0;
}

int
ocspd_get(const char *path, struct blob *ret, struct err *err)
{
	uint8_t out[OCSP_REQUEST_MAX];
	uint32_t bits = 0;
	size_t n, len = 0;
	int c, v;

	path += strspn(path, "/");
	for (n = 0; (v = value(c = next(&path))) >= 0; n++) {
		bits = bits << 6 | (uint32_t)v;
		if (n % 4 == 0)
			continue;
		if (len == sizeof(out))
			return bad(err);
		out[len++] = (uint8_t)(bits >> (2 * (3 - n % 4)));
	}
	if (n == 0 || !ends_well(path, c, n, bits))
		return bad(err);
	return blob_set(ret, out, len, err);
}
