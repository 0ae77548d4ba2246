/* SPDX-License-Identifier: BSD-2-Clause */
/* Is what others wrote shown escaped: every character there is, and what a reader calls itself? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "cli/cli.h"
#include "device_rig.h"

struct opt opt; /* of cli/opt.c, which is not linked */

/* ---- the judge: not the code that it judges ---- */

/* From Unicode's tables: Cc, Zl, Zp, Cs, the annotations, and Default_Ignorable_Code_Point, which
 * has all of Bidi_Control in it; Noncharacter_Code_Point. */
static const uint32_t dangerous[][2] = {{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x34f, 0x34f},
    {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xd800, 0xdfff}, {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff}, {0xfdd0, 0xfdef}};

static bool
is_dangerous(uint32_t c)
{
	size_t i;

	for (i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
		if (c >= dangerous[i][0] && c <= dangerous[i][1])
			return true;
	return (c & 0xfffe) == 0xfffe; /* non-characters */
}

static size_t
encode(uint32_t c, char *ret)
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 63));
		ret[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	ret[0] = (char)(0xf0 | c >> 18);
	ret[1] = (char)(0x80 | (c >> 12 & 63));
	ret[2] = (char)(0x80 | (c >> 6 & 63));
	ret[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* Well-formed UTF-8 without anything dangerous; newlines only where lines is true. */
static bool
is_safe(const char *s, bool lines)
{
	const uint8_t *p = (const uint8_t *)s;
	uint32_t c;
	size_t i, n;
	char again[4];

	for (; *p != 0; p += n) {
		n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
		c = n == 1 ? *p : *p & (0x7fu >> n);
		for (i = 1; i < n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (p[i] & 63u);
		}
		if (c > 0x10ffff || encode(c, again) != n || memcmp(again, p, n) != 0)
			return false;
		if (is_dangerous(c) && !(lines && c == '\n'))
			return false;
	}
	return true;
}

static const char *const hostile[] = {"Yubico \x1b[31mred", "Yubico \x1b]0;t\x07",
    "Yubico \x1b]52;c;QQ==\x07",
    "Yubico \xc2\x9b"
    "31m",
    "Yubico \xc2\x85",
    "Yubico \x9b"
    "31m",
    "Yubico \xe2\x80\xae"
    "gpj",
    "Yubico \xe2\x81\xa6x", "Yubico \xe2\x80\x8b", "Yubico \xe2\x80\xa8x", "Yubico \xef\xbb\xbf",
    "Yubico \xc0\x9b", "Yubico \xe2\x80", "Yubico \xf0\x9f", "Yubico \r\n\t\b\x7f",
    "Yubico \xed\xa0\x9b", "Yubico \xf4\x90\x80\x80", "Yubico \xf3\xa0\x81\x81"};

#define N_HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static void
the_judge_finds_what_is_planted(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_HOSTILE; i++)
		assert_false(is_safe(hostile[i], true));
	assert_true(is_safe("Zo\xc3\xab \xe6\x97\xa5 \xf0\x9f\x98\x80", false));
	assert_false(is_safe("a\nb", false));
}

/* ---- text ---- */

static void
every_character_is_kept_or_escaped(void **state)
{
	char in[16], out[64];
	uint32_t c;
	size_t n;

	(void)state;
	for (c = 1; c <= 0x10ffff; c++) {
		in[0] = 'a';
		n = encode(c, in + 1);
		in[1 + n] = 'b';
		in[2 + n] = '\0';
		text_escape(in, out, sizeof(out));
		if (!is_safe(out, false) || text_is_plain(in) == is_dangerous(c))
			fail_msg("U+%04X is shown as %s", c, out);
		if (!is_dangerous(c) && c != '\\')
			assert_string_equal(in, out);
	}
}

static void
every_pair_of_bytes_is_escaped(void **state)
{
	char in[8] = "x..y", out[64];
	unsigned a, b;

	(void)state;
	for (a = 1; a < 256; a++)
		for (b = 1; b < 256; b++) {
			in[1] = (char)a;
			in[2] = (char)b;
			text_escape(in, out, sizeof(out));
			if (!is_safe(out, false))
				fail_msg("%02x %02x", a, b);
		}
}

/* Cut anywhere, no half of a character and no half of an escape sequence that means another. */
static void
what_is_cut_is_safe(void **state)
{
	char in[256] = "", out[1024];
	size_t i, size;

	(void)state;
	for (i = 0; i < N_HOSTILE && strlen(in) + strlen(hostile[i]) < sizeof(in); i++)
		strcat(in, hostile[i]);
	for (size = 1; size < sizeof(out); size++) {
		memset(out, 'Z', sizeof(out));
		text_escape(in, out, size);
		assert_true(strlen(out) < size);
		assert_true(is_safe(out, false));
		assert_int_equal(out[size], 'Z');
	}
}

static void
an_escaped_backslash_cannot_be_forged(void **state)
{
	char forged[64], real[64];

	(void)state;
	text_escape("\\x1b[m", forged, sizeof(forged));
	text_escape("\x1b[m", real, sizeof(real));
	assert_string_not_equal(forged, real);
}

/* ---- what is printed of a reader ---- */

/* What render_error and render_line write, caught from standard error. */
static void
written(const struct err *err, const char *line, char *ret, size_t size)
{
	FILE *f = tmpfile();
	const int saved = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(f);
	fflush(stderr);
	dup2(fileno(f), STDERR_FILENO);
	if (err != NULL)
		render_error(err);
	if (line != NULL)
		render_line(stderr, line);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	n = fread(ret, 1, size - 1, f);
	ret[n] = '\0';
	fclose(f);
}

static void
shown_safely(const struct err *err, const char *line, const char *name)
{
	char out[8192], escaped[512];

	written(err, line, out, sizeof(out));
	text_escape(name, escaped, sizeof(escaped));
	if (!is_safe(out, true) || strstr(out, escaped) == NULL)
		fail_msg("not shown safely, or not at all: %s", escaped);
}

static void
a_readers_name_is_shown_escaped(void **state)
{
	const uint8_t atr[] = {0x3b, 0x00};
	struct device_choice choice = {0};
	struct device_entry *list;
	struct token *token = NULL;
	struct device *dev;
	struct err err;
	struct vkey *key[2];
	size_t i, k, n;

	(void)state;
	for (i = 0; i < N_HOSTILE; i++) {
		err = (struct err)ERR_INIT;
		key[0] = rig_key("5.4.3", 1);
		key[1] = rig_key("5.4.3", 2);
		shim_reset();
		shim_add(hostile[i], key[0]);
		shim_add("Yubico", key[1]);
		assert_int_equal(device_open(NULL, &dev, &err), 0);
		choice.reader = hostile[i];

		/* it is listed, used, held, and no YubiKey */
		assert_int_equal(device_list(dev, &list, &n, &err), 0);
		assert_int_equal(n, 2);
		for (k = 0; k < n && strcmp(list[k].id.reader, hostile[i]) != 0; k++)
			continue;
		assert_true(k < n);
		shown_safely(NULL, list[k].id.reader, hostile[i]);
		free(list);
		assert_int_equal(token_open(dev, &choice, &token, &err), 0);
		shown_safely(NULL, token_id(token)->reader, hostile[i]);
		token_closep(&token);
		shim_set_atr(0, atr, sizeof(atr));
		assert_int_equal(token_open(dev, &choice, &token, &err), ERR_NO_TOKEN);
		shown_safely(&err, NULL, hostile[i]);
		assert_int_equal(device_list(dev, &list, &n, &err), 0);
		for (k = 0; k < n && list[k].usable; k++)
			continue;
		assert_true(k < n);
		shown_safely(NULL, list[k].reason, hostile[i]);
		free(list);

		device_closep(&dev);
		vkey_free(key[0]);
		vkey_free(key[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_judge_finds_what_is_planted),
	    cmocka_unit_test(every_character_is_kept_or_escaped),
	    cmocka_unit_test(every_pair_of_bytes_is_escaped),
	    cmocka_unit_test(what_is_cut_is_safe),
	    cmocka_unit_test(an_escaped_backslash_cannot_be_forged),
	    cmocka_unit_test(a_readers_name_is_shown_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
