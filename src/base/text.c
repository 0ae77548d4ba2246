/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void
text_hex(const uint8_t *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		ret[2 * i] = digits[data[i] >> 4];
		ret[2 * i + 1] = digits[data[i] & 15];
	}
	ret[2 * len] = '\0';
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
text_unhex(const char *hex, uint8_t *ret, size_t len)
{
	size_t i;
	int hi, lo;

	if (strlen(hex) != 2 * len)
		return -1;
	for (i = 0; i < len; i++) {
		hi = nibble(hex[2 * i]);
		lo = nibble(hex[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return -1;
		ret[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

/* Bytes of the well-formed UTF-8 character at s (RFC 3629, section 4), 0 when there is none. */
static size_t
utf8_char(const uint8_t *s, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t i, n;
	uint32_t c;

	if (s[0] < 0x80) {
		*ret = s[0];
		return s[0] != 0;
	}
	n = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] >= 0xf5)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

static bool
plain(uint32_t c)
{
	static const struct {
		uint32_t from, to;
	} bad[] = {
	    /* C0, DEL, C1, line and paragraph separators, interlinear annotation */
	    {0x00, 0x1f},
	    {0x7f, 0x9f},
	    {0x2028, 0x2029},
	    {0xfff9, 0xfffb},
	    /* Unicode's Default_Ignorable_Code_Point: what is not seen, or turns the direction */
	    {0xad, 0xad},
	    {0x34f, 0x34f},
	    {0x61c, 0x61c},
	    {0x115f, 0x1160},
	    {0x17b4, 0x17b5},
	    {0x180b, 0x180f},
	    {0x200b, 0x200f},
	    {0x202a, 0x202e},
	    {0x2060, 0x206f},
	    {0x3164, 0x3164},
	    {0xfe00, 0xfe0f},
	    {0xfeff, 0xfeff},
	    {0xffa0, 0xffa0},
	    {0xfff0, 0xfff8},
	    /* non-characters, beside the last two of each plane */
	    {0xfdd0, 0xfdef},
	    {0x1bca0, 0x1bca3},
	    {0x1d173, 0x1d17a},
	    {0xe0000, 0xe0fff},
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (c >= bad[i].from && c <= bad[i].to)
			return false;
	return (c & 0xfffe) != 0xfffe;
}

bool
text_is_plain(const char *s)
{
	const uint8_t *p = (const uint8_t *)s;
	uint32_t c;
	size_t n;

	for (; *p != 0; p += n)
		if ((n = utf8_char(p, &c)) == 0 || !plain(c))
			return false;
	return true;
}

size_t
text_chars(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* byte: how one of a character that is not plain is written. */
static void
escape(const char *s, char *ret, size_t size, const char *byte, bool backslash)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t n, used = 0;
	uint32_t c;

	while (*p != 0 && used + 5 < size) {
		n = utf8_char(p, &c);
		if (n == 0 || !plain(c)) {
			used += (size_t)snprintf(ret + used, size - used, byte, *p);
			p++;
			continue;
		}
		if (c == '\\' && backslash)
			ret[used++] = '\\';
		memcpy(ret + used, p, n);
		used += n;
		p += n;
	}
	ret[used] = '\0';
}

void
text_escape(const char *s, char *ret, size_t size)
{
	escape(s, ret, size, "\\x%02x", true);
}

void
text_escape_name(const char *s, char *ret, size_t size)
{
	escape(s, ret, size, "\\%02X", false);
}

int
text_number(
    const char *text, const char *what, unsigned long max, unsigned long *ret, struct err *err)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || v > max)
		return err_set(
		    err, ERR_USAGE, "%s must be a number from 0 to %lu, not %s", what, max, text);
	*ret = v;
	return 0;
}
