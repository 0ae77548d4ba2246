/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"

#define NEST_DEPTH 64
#define DATA_MAX (VKEY_ANSWER_MAX - 2)

#define OTHER(text)                           \
	{                                     \
		text, FORM_OTHER, 0, ERR_GONE \
	}
#define LEN(byte)                                                  \
	{                                                          \
		"length byte " #byte, FORM_LEN, 0x##byte, ERR_GONE \
	}
#define SW(word, code)                         \
	{                                      \
#word, FORM_SW, 0x##word, code \
	}

/* The codes of status words are those of src/device/status.h's contract: what stands for nothing
 * that a command can mean is an answer of the wrong form. */
const struct hostile_answer hostile_answers[HOSTILE_ANSWERS] = {
    [A_NOTHING] = {"no byte", FORM_LENGTH, 0, ERR_GONE},
    [A_ONE_BYTE] = {"one byte", FORM_LENGTH, 1, ERR_GONE},
    [A_BARE_OK] = SW(9000, ERR_GONE),
    [A_258] = {"258 bytes", FORM_LENGTH, 258, ERR_GONE},
    [A_261] = {"261 bytes", FORM_LENGTH, 261, ERR_GONE},
    [A_3072] = {"3072 bytes", FORM_LENGTH, 3072, ERR_GONE},
    [A_65535] = {"65535 bytes", FORM_LENGTH, 65535, ERR_GONE},
    [A_LEN_80] = LEN(80),
    [A_LEN_81] = LEN(81),
    [A_LEN_82] = LEN(82),
    [A_LEN_83] = LEN(83),
    [A_LEN_84] = LEN(84),
    [A_LEN_FF] = LEN(FF),
    [A_LEN_HUGE] = OTHER("length 84 FFFFFFFF"),
    [A_LEN_PLUS] = OTHER("length one more"),
    [A_LEN_MINUS] = OTHER("length one less"),
    [A_INDEFINITE] = OTHER("indefinite length"),
    [A_NESTED] = OTHER("nested 64 deep"),
    [A_WRONG_TAG] = OTHER("wrong tag"),
    [A_LONG_TAG] = OTHER("a tag without end"),
    [A_TRAILING_BYTE] = OTHER("a byte too many"),
    [A_TRAILING_TLV] = OTHER("a field too many"),
    [A_TWICE] = OTHER("all twice"),
    [A_CUT_LAST] = OTHER("without the last byte"),
    [A_HALF] = OTHER("half"),
    [A_ZEROS] = OTHER("all 00"),
    [A_ONES] = OTHER("all FF"),
    [A_NO_CONTENT] = OTHER("an empty template"),
    [A_MORE] = {"61FF with data, for ever", FORM_DATA_SW, 0x61ff, ERR_GONE},
    [A_MORE_BARE] = {"61FF without data, for ever", FORM_SW, 0x61ff, ERR_GONE},
    [A_MORE_00] = {"6100 without data, for ever", FORM_SW, 0x6100, ERR_GONE},
    [A_LE] = {"6C05, for ever", FORM_SW, 0x6c05, ERR_GONE},
    [A_LE_00] = {"6C00, for ever", FORM_SW, 0x6c00, ERR_GONE},
    [A_SW_6283] = SW(6283, ERR_GONE),
    [A_SW_6300] = SW(6300, ERR_GONE),
    [A_SW_63C0] = SW(63C0, ERR_GONE),
    [A_SW_63C1] = SW(63C1, ERR_GONE),
    [A_SW_63C5] = SW(63C5, ERR_GONE),
    [A_SW_63CF] = SW(63CF, ERR_GONE),
    [A_SW_63FF] = SW(63FF, ERR_GONE),
    [A_SW_6400] = SW(6400, ERR_GONE),
    [A_SW_6581] = SW(6581, ERR_INTERNAL),
    [A_SW_6700] = SW(6700, ERR_USAGE),
    [A_SW_6882] = SW(6882, ERR_GONE),
    [A_SW_6982] = SW(6982, ERR_MGMKEY),
    [A_SW_6983] = SW(6983, ERR_BLOCKED),
    [A_SW_6985] = SW(6985, ERR_USAGE),
    [A_SW_6A80] = SW(6A80, ERR_USAGE),
    [A_SW_6A81] = SW(6A81, ERR_USAGE),
    [A_SW_6A82] = SW(6A82, ERR_GONE),
    [A_SW_6A84] = SW(6A84, ERR_FIT),
    [A_SW_6A86] = SW(6A86, ERR_USAGE),
    [A_SW_6A88] = SW(6A88, ERR_GONE),
    [A_SW_6B00] = SW(6B00, ERR_USAGE),
    [A_SW_6D00] = SW(6D00, ERR_USAGE),
    [A_SW_6E00] = SW(6E00, ERR_GONE),
    [A_SW_6F00] = SW(6F00, ERR_GONE),
    [A_SW_8F00] = SW(8F00, ERR_GONE),
    [A_SW_9001] = SW(9001, ERR_GONE),
    [A_SW_9100] = SW(9100, ERR_GONE),
    [A_SW_0000] = SW(0000, ERR_GONE),
    [A_SW_FFFF] = SW(FFFF, ERR_GONE),
    [A_DATA_6F00] = {"the data with 6F00", FORM_DATA_SW, 0x6f00, ERR_GONE},
};

int
hostile_code(const struct hostile_command *c, enum hostile_name how)
{
	size_t i;

	for (i = 0; i < c->n_except; i++)
		if (c->except[i].answer == how)
			return c->except[i].code;
	return hostile_answers[how].code;
}

/* ---- spoiling ---- */

struct data {
	uint8_t *bytes;
	size_t len;
};

static size_t
tag_len(const struct data *d)
{
	return d->len > 1 && (d->bytes[0] & 0x1f) == 0x1f ? 2 : 1;
}

/* The innermost is empty. */
static void
nest(struct data *d)
{
	const size_t tag = tag_len(d), level = tag + 1;
	uint8_t head[2] = {0};
	size_t i;

	memcpy(head, d->bytes, tag);
	for (i = 0; i < NEST_DEPTH; i++) {
		memcpy(d->bytes + i * level, head, tag);
		d->bytes[i * level + tag] =
		    (uint8_t)((NEST_DEPTH - 1 - i) * level > 0x7f ? 0x7f
								  : (NEST_DEPTH - 1 - i) * level);
	}
	d->len = NEST_DEPTH * level;
}

static void
append(struct data *d, const void *bytes, size_t len)
{
	assert_true(d->len + len <= DATA_MAX);
	memcpy(d->bytes + d->len, bytes, len);
	d->len += len;
}

static void
put_len(struct data *d, const void *bytes, size_t len)
{
	const size_t at = tag_len(d);

	if (d->len < at + len)
		d->len = at + len;
	memcpy(d->bytes + at, bytes, len);
}

static void
spoil_data(enum hostile_name how, struct data *d)
{
	const size_t tag = tag_len(d), len = d->len;
	size_t i;

	switch (how) {
	case A_LEN_HUGE:
		put_len(d, "\x84\xff\xff\xff\xff", 5);
		break;
	case A_LEN_PLUS:
		d->bytes[tag]++;
		break;
	case A_LEN_MINUS:
		d->bytes[tag]--;
		break;
	case A_INDEFINITE:
		d->bytes[tag] = 0x80;
		append(d, "\0\0", 2);
		break;
	case A_NESTED:
		nest(d);
		break;
	case A_WRONG_TAG:
		d->bytes[0] ^= 0x15;
		break;
	case A_LONG_TAG:
		d->bytes[0] = 0x1f;
		memset(d->bytes + 1, 0xff, len - 1);
		break;
	case A_TRAILING_BYTE:
		append(d, "\x41", 1);
		break;
	case A_TRAILING_TLV:
		append(d, "\xdf\x01\x01\x41", 4);
		break;
	case A_TWICE:
		append(d, d->bytes, len);
		break;
	case A_CUT_LAST:
		d->len--;
		break;
	case A_HALF:
		d->len /= 2;
		break;
	case A_NO_CONTENT:
		d->bytes[tag] = 0;
		d->len = tag + 1;
		break;
	default:
		for (i = 0; i < len; i++)
			d->bytes[i] = how == A_ZEROS ? 0x00 : 0xff;
		break;
	}
}

static void
end(uint8_t *out, size_t *len, size_t data, unsigned sw)
{
	out[data] = (uint8_t)(sw >> 8);
	out[data + 1] = (uint8_t)sw;
	*len = data + 2;
}

/* Where the true answer has no data, there is a template that does not belong there. */
void
hostile_spoil(enum hostile_name how, uint8_t *out, size_t *len)
{
	static const uint8_t strange[] = {0x30, 0x03, 0x02, 0x01, 0x07};
	const struct hostile_answer *a = &hostile_answers[how];
	struct data d = {out, *len - 2};

	if (a->form == FORM_LENGTH) {
		if (a->arg <= VKEY_ANSWER_MAX)
			memset(out, 0x41, a->arg);
		*len = a->arg; /* what is longer does not fit into anybody's buffer */
		if (a->arg > 1 && a->arg <= VKEY_ANSWER_MAX)
			end(out, len, a->arg - 2, 0x9000);
		return;
	}
	if (a->form == FORM_SW) {
		end(out, len, 0, a->arg);
		return;
	}
	if (d.len == 0) {
		memcpy(out, strange, sizeof(strange));
		d.len = sizeof(strange);
	}
	if (a->form == FORM_DATA_SW) {
		end(out, len, d.len, a->arg);
		return;
	}
	if (a->form == FORM_LEN)
		put_len(&d, &(const uint8_t){(uint8_t)a->arg}, 1);
	else
		spoil_data(how, &d);
	end(out, len, d.len, 0x9000);
}
