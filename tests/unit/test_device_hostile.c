/* SPDX-License-Identifier: BSD-2-Clause */
/* A token that is pulled out anywhere, or that answers what it likes: does the room stay upright,
 * and say that the token is gone rather than believe it? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utc.h"
#include "device_rig.h"

#define ROUND_APDUS_MAX 60

/* ---- pulled out ---- */

/* All that an enrolment does, up to the first error. */
static int
whole_round(struct rig *r)
{
	const uint8_t guid[DEVICE_GUID_LEN] = {7};
	SECRET(factory) = rig_bytes(device_factory_mgmkey, 24);
	SECRET(pin) = rig_secret("123456");
	SECRET(pin2) = rig_secret("847261");
	SECRET(puk) = rig_secret("12345678");
	SECRET(puk2) = rig_secret("48151623");
	CLEAN(blob_wipe) struct blob spki = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	uint8_t in[32] = {1}, sig[KEY_SIG_MAX];
	size_t len = sizeof(sig);
	struct token_mgm_state mgm;
	int rc;

	if ((rc = token_open(r->dev, NULL, &r->token, &r->err)) != 0 ||
	    (rc = token_mgm_state(r->token, &mgm, &r->err)) != 0 ||
	    (rc = token_authenticate(r->token, factory, &r->err)) != 0 ||
	    (rc = token_set_mgmkey(r->token, MGM_AES192, factory, false, &r->err)) != 0 ||
	    (rc = token_change_puk(r->token, puk, puk2, 0, &r->err)) != 0 ||
	    (rc = token_change_pin(r->token, pin, pin2, 0, &r->err)) != 0 ||
	    (rc = token_verify_pin(r->token, pin2, 0, &r->err)) != 0 ||
	    (rc = token_generate(r->token, 0x9a, KEY_P256, 2, 1, &spki, &r->err)) != 0 ||
	    (rc = token_put_chuid(r->token, guid, utc_now(), &r->err)) != 0 ||
	    (rc = token_put_ccc(r->token, &r->err)) != 0 ||
	    (rc = token_attest(r->token, 0x9a, &der, &r->err)) != 0 ||
	    (rc = token_sign(r->token, 0x9a, KEY_P256, false, in, 32, sig, &len, &r->err)) != 0 ||
	    (rc = token_put_cert(r->token, 0x9a, &der, &r->err)) != 0 ||
	    (rc = token_get_cert(r->token, 0x9a, &der, &r->err)) != 0 ||
	    (rc = token_get_cert(r->token, DEVICE_SLOT_F9, &der, &r->err)) != 0)
		return rc;
	return 0;
}

static void
pulled_out_everywhere(const char *how)
{
	struct rig r;
	char spec[64], msg[200];
	unsigned n, gone = 0;
	int rc;

	for (n = 1; n < ROUND_APDUS_MAX; n++) {
		rig_start(&r, "5.7.1");
		snprintf(spec, sizeof(spec), "at=%u;%s", n, how);
		assert_int_equal(vkey_fault(r.key, spec, msg, sizeof(msg)), 0);
		rc = whole_round(&r);
		if (vkey_witness(r.key)->faults == 0) {
			assert_int_equal(rc, 0);
			rig_stop(&r);
			break;
		}
		if (rc != 0 && rc != ERR_GONE && !(rc == ERR_NO_TOKEN && r.token == NULL))
			fail_msg("%s: %d, %s", spec, rc, r.err.text);
		gone += rc == ERR_GONE;
		if (rc == ERR_GONE && r.token != NULL) {
			struct token_pin_state s;

			vkey_insert(r.key); /* back again: still another session's token */
			assert_int_equal(token_pin_state(r.token, &s, NULL), ERR_GONE);
		}
		rig_stop(&r);
	}
	assert_true(n < ROUND_APDUS_MAX && n > 20);
	assert_true(gone >= n - 2);
}

static void
pulled_out_before_any_apdu_it_is_gone(void **state)
{
	(void)state;
	pulled_out_everywhere("remove-before");
}

static void
pulled_out_before_any_answer_it_is_gone(void **state)
{
	(void)state;
	pulled_out_everywhere("remove-after");
}

/* ---- lying ---- */

/* How an answer is spoilt. The status word is the last two bytes. */
enum spoil {
	NOTHING,   /* not even a status word */
	ONE_BYTE,  /* half of one */
	NO_DATA,   /* 9000 alone */
	SHORTENED, /* the last byte of data is missing */
	HALVED,
	TRAILING,      /* one byte of data too many */
	WRONG_TAG,     /* first byte changed */
	LONGER_LENGTH, /* second byte one more */
	SHORTER_LENGTH,
	INDEFINITE,  /* second byte 80 */
	HUGE_LENGTH, /* 84 FF FF FF FF */
	ZEROS,
	ONES,
	ENDLESS,    /* 61 FF, and to GET RESPONSE again */
	WRONG_LE,   /* 6C 05, and again */
	OVERLONG,   /* 3000 bytes more */
	UNKNOWN_SW, /* 1234 */
	SPOILS
};

struct liar {
	uint8_t ins;
	enum spoil how;
	bool active; /* GET RESPONSE is spoilt once the command was */
	unsigned spoilt;
};

static void
set_sw(uint8_t *out, size_t *len, uint8_t sw1, uint8_t sw2)
{
	if (*len < 2)
		*len = 2;
	out[*len - 2] = sw1;
	out[*len - 1] = sw2;
}

static void
resize(uint8_t *out, size_t *len, size_t data)
{
	memset(out + *len - 2, 0x41, data + 2 > *len ? data + 2 - *len : 0);
	*len = data + 2;
	set_sw(out, len, 0x90, 0x00);
}

static void
spoil(enum spoil how, uint8_t *out, size_t *len)
{
	const size_t data = *len - 2;

	switch (how) {
	case NOTHING:
		*len = 0;
		break;
	case ONE_BYTE:
		*len = 1;
		break;
	case NO_DATA:
		resize(out, len, 0);
		break;
	case SHORTENED:
		resize(out, len, data > 0 ? data - 1 : 0);
		break;
	case HALVED:
		resize(out, len, data / 2);
		break;
	case TRAILING:
		resize(out, len, data + 1);
		break;
	case WRONG_TAG:
		out[0] ^= 0x15;
		break;
	case LONGER_LENGTH:
		out[1]++;
		break;
	case SHORTER_LENGTH:
		out[1]--;
		break;
	case INDEFINITE:
		out[1] = 0x80;
		break;
	case HUGE_LENGTH:
		if (data >= 6)
			memcpy(out + 1, "\x84\xff\xff\xff\xff", 5);
		else
			out[1] = 0xff;
		break;
	case ZEROS:
		memset(out, 0, data);
		break;
	case ONES:
		memset(out, 0xff, data);
		break;
	case ENDLESS:
		set_sw(out, len, 0x61, 0xff);
		break;
	case WRONG_LE:
		*len = 2;
		set_sw(out, len, 0x6c, 0x05);
		break;
	case OVERLONG:
		resize(out, len, 3190);
		break;
	default:
		*len = 2;
		set_sw(out, len, 0x12, 0x34);
		break;
	}
}

static void
lie(void *ctx, const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	struct liar *liar = ctx;
	const bool more = in_len >= 2 && in[1] == 0xc0;

	if (in_len < 2 || (in[0] & 0x10) != 0)
		return;
	liar->active = more ? liar->active : in[1] == liar->ins;
	if (!liar->active || *out_len < 2)
		return;
	liar->spoilt++;
	spoil(liar->how, out, out_len);
}

/* A key is in the slot, PIN and management key are in. */
static void
prepare(struct rig *r)
{
	SECRET(factory) = rig_bytes(device_factory_mgmkey, 24);
	SECRET(pin) = rig_secret("123456");
	CLEAN(blob_wipe) struct blob spki = {0};

	rig_token(r);
	assert_int_equal(token_authenticate(r->token, factory, &r->err), 0);
	assert_int_equal(token_verify_pin(r->token, pin, 0, &r->err), 0);
	assert_int_equal(token_generate(r->token, 0x9a, KEY_P256, 2, 1, &spki, &r->err), 0);
	assert_int_equal(token_put_chuid(r->token, (const uint8_t[16]){9}, utc_now(), &r->err), 0);
}

static int
do_open(struct rig *r)
{
	token_closep(&r->token);
	return token_open(r->dev, NULL, &r->token, &r->err);
}

static int
do_state(struct rig *r)
{
	struct token_pin_state s;

	return token_puk_state(r->token, &s, &r->err);
}

static int
do_slot(struct rig *r)
{
	struct token_slot s = {0};
	int rc = token_slot(r->token, 0x9a, &s, &r->err);

	blob_wipe(&s.spki);
	return rc;
}

static int
do_authenticate(struct rig *r)
{
	SECRET(factory) = rig_bytes(device_factory_mgmkey, 24);

	return token_authenticate(r->token, factory, &r->err);
}

static int
do_generate(struct rig *r)
{
	CLEAN(blob_wipe) struct blob spki = {0};

	return token_generate(r->token, 0x9a, KEY_P256, 2, 1, &spki, &r->err);
}

static int
do_sign(struct rig *r)
{
	uint8_t in[32] = {1}, sig[KEY_SIG_MAX];
	size_t len = sizeof(sig);

	return token_sign(r->token, 0x9a, KEY_P256, false, in, sizeof(in), sig, &len, &r->err);
}

static int
do_attest(struct rig *r)
{
	CLEAN(blob_wipe) struct blob der = {0};

	return token_attest(r->token, 0x9a, &der, &r->err);
}

static int
do_f9(struct rig *r)
{
	CLEAN(blob_wipe) struct blob der = {0};

	return token_get_cert(r->token, DEVICE_SLOT_F9, &der, &r->err);
}

static int
do_guid(struct rig *r)
{
	uint8_t guid[DEVICE_GUID_LEN];

	return token_get_guid(r->token, guid, &r->err);
}

static int
do_verify(struct rig *r)
{
	SECRET(pin) = rig_secret("123456");

	return token_verify_pin(r->token, pin, 0, &r->err);
}

static int
do_put(struct rig *r)
{
	return token_put_ccc(r->token, &r->err);
}

static int
do_config(struct rig *r)
{
	struct token_config config;

	return token_config(r->token, &config, &r->err);
}

static int
do_move(struct rig *r)
{
	return token_move_key(r->token, 0x9a, 0x82, &r->err);
}

static int
do_delete(struct rig *r)
{
	return token_delete_key(r->token, 0x9a, &r->err);
}

static int
do_reset(struct rig *r)
{
	return token_reset(r->token, &r->err);
}

#define BIT(x) (1u << (x))
/* What is no lie where there is nothing, or only three or four bytes without a template. */
#define NO_TEMPLATE                                                                    \
	(BIT(WRONG_TAG) | BIT(LONGER_LENGTH) | BIT(SHORTER_LENGTH) | BIT(INDEFINITE) | \
	    BIT(HUGE_LENGTH) | BIT(ZEROS) | BIT(ONES))
#define NO_ANSWER (NO_TEMPLATE | BIT(NO_DATA) | BIT(SHORTENED) | BIT(HALVED))

static const struct {
	const char *name;
	uint8_t ins;
	int (*call)(struct rig *r);
	unsigned harmless; /* spoils after which success is right */
} calls[] = {
    {"SELECT", 0xa4, do_open, 0},
    {"GET VERSION", 0xfd, do_open, NO_TEMPLATE},
    {"GET SERIAL", 0xf8, do_open, NO_TEMPLATE},
    {"GET METADATA of the PUK", 0xf7, do_state, 0},
    {"GET METADATA of a slot", 0xf7, do_slot, 0},
    {"management key", 0x87, do_authenticate, 0},
    {"GENERATE", 0x47, do_generate, 0},
    {"signature", 0x87, do_sign, 0},
    {"ATTEST", 0xf9, do_attest, 0},
    {"GET DATA of F9", 0xcb, do_f9, 0},
    {"GET DATA of the CHUID", 0xcb, do_guid, 0},
    {"VERIFY", 0x20, do_verify, NO_ANSWER},
    /* one byte of length before the fields: what is second there is a tag that we skip */
    {"READ CONFIG", 0x1d, do_config, BIT(LONGER_LENGTH) | BIT(SHORTER_LENGTH) | BIT(INDEFINITE)},
    {"MOVE KEY", 0xf6, do_move, NO_ANSWER},
    {"DELETE KEY", 0xf6, do_delete, NO_ANSWER},
    {"RESET", 0xfb, do_reset, NO_ANSWER},
    {"PUT DATA", 0xdb, do_put, NO_ANSWER},
};

static void
no_lie_is_believed(void **state)
{
	struct liar liar;
	struct rig r;
	unsigned before;
	size_t i;
	int how, rc;

	(void)state;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (how = 0; how < SPOILS; how++) {
			liar = (struct liar){.ins = calls[i].ins, .how = (enum spoil)how};
			rig_start(&r, "5.7.1");
			prepare(&r);
			shim_set_hook(lie, &liar);
			before = shim_apdus();
			rc = calls[i].call(&r);
			shim_set_hook(NULL, NULL);
			assert_true(liar.spoilt > 0);
			assert_true(shim_apdus() - before <= 50);
			if ((calls[i].harmless & BIT(how)) == 0 && rc == 0)
				fail_msg("%s, spoil %d: believed", calls[i].name, how);
			if (rc != 0 && r.err.text[0] == '\0')
				fail_msg("%s, spoil %d: no text", calls[i].name, how);
			if (rc == ERR_PIN || rc == ERR_BLOCKED)
				fail_msg("%s, spoil %d: %s", calls[i].name, how, r.err.text);
			rig_stop(&r);
		}
}

/* ---- noise ---- */

struct noise {
	uint32_t seed;
};

static uint32_t
next(struct noise *n)
{
	n->seed = n->seed * 1664525u + 1013904223u; /* repeatable */
	return n->seed >> 8;
}

static void
disturb(void *ctx, const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	struct noise *n = ctx;
	uint32_t flips = next(n) % 4;

	(void)in;
	(void)in_len;
	while (flips-- > 0 && *out_len > 2)
		out[next(n) % (*out_len - 2)] ^= (uint8_t)(1u << next(n) % 8);
	if (next(n) % 8 == 0 && *out_len > 2) {
		const size_t cut = next(n) % (*out_len - 2);

		out[cut] = out[*out_len - 2];
		out[cut + 1] = out[*out_len - 1];
		*out_len = cut + 2;
	}
	if (next(n) % 16 == 0)
		set_sw(out, out_len, (uint8_t)next(n), (uint8_t)next(n));
}

static void
noise_neither_breaks_nor_hangs_it(void **state)
{
	struct noise noise;
	struct rig r;
	unsigned seed;

	(void)state;
	for (seed = 1; seed <= 300; seed++) {
		noise.seed = seed;
		rig_start(&r, "5.7.1");
		shim_set_hook(disturb, &noise);
		(void)whole_round(&r);
		assert_true(shim_apdus() < 200);
		rig_stop(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pulled_out_before_any_apdu_it_is_gone),
	    cmocka_unit_test(pulled_out_before_any_answer_it_is_gone),
	    cmocka_unit_test(no_lie_is_believed),
	    cmocka_unit_test(noise_neither_breaks_nor_hangs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
