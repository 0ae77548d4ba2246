/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a try of PIN or PUK ever spent that nobody meant to spend? A model of the two counters, made
 * from the contract in device.h alone, predicts for each number of tries left, command, value,
 * firmware and flag what may be sent and what is left afterwards; the virtual key and the log of
 * what reached it are the witnesses. Each command is called twice in one session, so that what is
 * remembered is judged too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "device/apdu.h"
#include "device_rig.h"

#define TRIES_MAX 15
#define CALLS 2
#define OWN_PIN "847261"
#define OWN_PUK "48151623"
#define NEW_VALUE "13579753"
#define WRONG_VALUE "999999"
#define SET_PIN 5 /* what set_retries sets */
#define SET_PUK 6
#define REF_LEN 8

enum op { OP_VERIFY, OP_CHANGE_PIN, OP_CHANGE_PUK, OP_UNBLOCK, OP_SET_RETRIES, OPS };
enum value { RIGHT, WRONG, FACTORY_WRONG, FACTORY_RIGHT, VALUES };

static const struct {
	const char *version;
	bool metadata;
} firmwares[] = {{"5.4.3", true}, {"5.7.1", true}, {"5.2.4", false}, {"4.3.7", false}};
#define FIRMWARES (sizeof(firmwares) / sizeof(firmwares[0]))

/* ---- the model ---- */

struct ref {
	char value[REF_LEN + 1];
	int left, max;
};

struct model {
	struct ref pin, puk;
	bool metadata;
};

struct outcome {
	int rc, tries;
	unsigned sent; /* commands with a PIN or PUK in them */
	unsigned refused;
	int pin_left, puk_left;
};

static struct ref *
ref_of(struct model *m, enum op op)
{
	return op == OP_CHANGE_PUK || op == OP_UNBLOCK ? &m->puk : &m->pin;
}

static void
right(struct model *m, enum op op)
{
	struct ref *r = ref_of(m, op);

	r->left = r->max;
	if (op == OP_CHANGE_PIN || op == OP_CHANGE_PUK)
		snprintf(r->value, sizeof(r->value), "%s", NEW_VALUE);
	if (op == OP_UNBLOCK) {
		snprintf(m->pin.value, sizeof(m->pin.value), "%s", NEW_VALUE);
		m->pin.left = m->pin.max;
	}
	if (op == OP_SET_RETRIES) {
		m->pin = (struct ref){.left = SET_PIN, .max = SET_PIN};
		m->puk = (struct ref){.left = SET_PUK, .max = SET_PUK};
		snprintf(m->pin.value, sizeof(m->pin.value), "%s", device_factory_pin);
		snprintf(m->puk.value, sizeof(m->puk.value), "%s", device_factory_puk);
	}
}

/* device.h: nothing is sent of which one try is left, or nobody knows how many, without the flag.
 */
static struct outcome
predict(struct model *m, enum op op, const char *value, bool last_try)
{
	struct ref *r = ref_of(m, op);
	const bool known = m->metadata || r == &m->pin;
	struct outcome o = {.tries = -1};

	if (!last_try && (!known || r->left <= 1)) {
		o.rc = known && r->left == 0 ? ERR_BLOCKED : ERR_PIN;
		o.tries = known && r->left == 1 ? 1 : -1;
	} else {
		o.sent = 1;
		if (r->left > 0 && strcmp(value, r->value) == 0) {
			right(m, op);
		} else {
			o.refused = 1;
			r->left -= r->left > 0;
			o.rc = r->left == 0 ? ERR_BLOCKED : ERR_PIN;
			o.tries = r->left == 0 ? -1 : r->left;
		}
	}
	o.pin_left = m->pin.left;
	o.puk_left = m->puk.left;
	return o;
}

/* ---- the token ---- */

static int
run(struct rig *r, enum op op, const char *text, unsigned flags)
{
	SECRET(value) = rig_secret(text);
	SECRET(fresh) = rig_secret(NEW_VALUE);
	int rc;

	switch (op) {
	case OP_VERIFY:
		return token_verify_pin(r->token, value, flags, &r->err);
	case OP_CHANGE_PIN:
		return token_change_pin(r->token, value, fresh, flags, &r->err);
	case OP_CHANGE_PUK:
		return token_change_puk(r->token, value, fresh, flags, &r->err);
	case OP_UNBLOCK:
		return token_unblock_pin(r->token, value, fresh, flags, &r->err);
	default:
		rc = token_verify_pin(r->token, value, flags, &r->err);
		return rc != 0 ? rc : token_set_retries(r->token, SET_PIN, SET_PUK, &r->err);
	}
}

static unsigned
sent(void)
{
	static const uint8_t commands[] = {INS_VERIFY, INS_CHANGE_REFERENCE, INS_RESET_RETRY};
	unsigned end = 0, n = 0, i;
	const uint8_t *apdu;
	size_t len;

	for (i = 0; i < 256; i++)
		end += shim_log_count((uint8_t)i);
	for (i = 0; i < end; i++) {
		apdu = shim_log(i, &len);
		if (len > 5 && memchr(commands, apdu[1], sizeof(commands)) != NULL)
			n++;
	}
	return n;
}

static unsigned
refused(const struct rig *r)
{
	const struct vkey_witness *w = vkey_witness(r->key);

	return (unsigned)(w->refused_verify + w->refused_change + w->refused_reset_retry);
}

static void
counters(const struct rig *r, int *ret_pin, int *ret_puk)
{
	char *text = vkey_inspect(r->key);
	json_t *j = json_loads(text, 0, NULL);
	json_int_t pin = -1, puk = -1;

	assert_int_equal(
	    json_unpack(j, "{s:{s:I},s:{s:I}}", "pin", "left", &pin, "puk", "left", &puk), 0);
	*ret_pin = (int)pin;
	*ret_puk = (int)puk;
	json_decref(j);
	free(text);
}

typedef int (*run_fn)(struct rig *r, enum op op, const char *text, unsigned flags);

static struct outcome
observe(struct rig *r, run_fn fn, enum op op, const char *value, bool last_try)
{
	const unsigned before = refused(r);
	struct outcome o = {0};

	shim_log_clear();
	r->err = (struct err)ERR_INIT;
	o.rc = fn(r, op, value, last_try ? DEVICE_LAST_TRY : 0);
	o.tries = r->err.tries;
	o.sent = sent();
	o.refused = refused(r) - before;
	counters(r, &o.pin_left, &o.puk_left);
	return o;
}

/* ---- the judge ---- */

/* What a person is told. */
static bool
says_tries(const struct rig *r, const struct outcome *o)
{
	char number[32];

	snprintf(number, sizeof(number), "%d tries left", o->tries);
	if (o->rc == ERR_BLOCKED)
		return strstr(r->err.text, "blocked") != NULL;
	if (o->rc != ERR_PIN || o->tries < 0)
		return true;
	return strstr(r->err.text, number) != NULL ||
	       (o->tries == 1 && strstr(r->err.text, "one try left") != NULL);
}

static const char *
judge(const struct rig *r, const struct outcome *want, const struct outcome *got)
{
	if (got->sent > 1)
		return "sent more than once";
	if (got->sent > want->sent)
		return "sent what may not be sent";
	if (got->sent < want->sent)
		return "did not send";
	if (got->refused != want->refused)
		return "cost other tries";
	if (got->rc != want->rc)
		return "another result";
	if (got->rc != 0 && got->tries != want->tries)
		return "told other tries";
	if (got->pin_left != want->pin_left || got->puk_left != want->puk_left)
		return "left other counters";
	return says_tries(r, got) ? NULL : "does not say the tries";
}

/* ---- a case ---- */

struct one {
	size_t firmware;
	int left;
	enum op op;
	enum value value;
	bool last_try;
};

static void
spend(struct rig *r, uint8_t ins, size_t len, int times)
{
	uint8_t apdu[5 + 2 * REF_LEN] = {0x00, ins, 0x00, 0x80, (uint8_t)len};
	uint8_t answer[VKEY_ANSWER_MAX];
	size_t n;

	memset(apdu + 5, 'x', len);
	while (times-- > 0)
		assert_int_equal(
		    vkey_apdu(r->key, apdu, 5 + len, answer, sizeof(answer), &n), VKEY_OK);
}

/* A token with 15 tries each and then left of PIN and PUK, the values its own or the factory's. */
static void
prepare(struct rig *r, const struct one *c, struct model *m)
{
	const bool factory = c->value == FACTORY_RIGHT;
	SECRET(pin) = rig_secret(device_factory_pin);
	SECRET(puk) = rig_secret(device_factory_puk);
	SECRET(own_pin) = rig_secret(factory ? device_factory_pin : OWN_PIN);
	SECRET(own_puk) = rig_secret(factory ? device_factory_puk : OWN_PUK);
	int pin_left, puk_left;

	rig_start(r, firmwares[c->firmware].version);
	rig_token(r);
	rig_authenticate(r);
	OK(r, token_verify_pin(r->token, pin, 0, &r->err));
	OK(r, token_set_retries(r->token, TRIES_MAX, TRIES_MAX, &r->err));
	OK(r, token_change_pin(r->token, pin, own_pin, 0, &r->err));
	OK(r, token_change_puk(r->token, puk, own_puk, DEVICE_LAST_TRY, &r->err));
	spend(r, INS_VERIFY, REF_LEN, TRIES_MAX - c->left);
	spend(r, INS_RESET_RETRY, 2 * REF_LEN, TRIES_MAX - c->left);
	rig_restart(r);
	rig_authenticate(r);
	counters(r, &pin_left, &puk_left);
	assert_int_equal(pin_left, c->left);
	assert_int_equal(puk_left, c->left);
	*m = (struct model){
	    {.left = c->left, .max = TRIES_MAX}, {.left = c->left, .max = TRIES_MAX}, false};
	m->metadata = firmwares[c->firmware].metadata;
	memcpy(m->pin.value, own_pin->bytes, own_pin->len);
	memcpy(m->puk.value, own_puk->bytes, own_puk->len);
}

static const char *
value_of(const struct one *c, bool puk)
{
	switch (c->value) {
	case RIGHT:
		return puk ? OWN_PUK : OWN_PIN;
	case WRONG:
		return WRONG_VALUE;
	default:
		return puk ? device_factory_puk : device_factory_pin;
	}
}

static void
explain(const struct rig *r, const struct one *c, int call, const char *wrong,
    const struct outcome *want, const struct outcome *got)
{
	print_error(
	    "firmware %s, %d left, op %d, value %d, %s, call %d: %s: rc %d/%d, tries %d/%d, "
	    "sent %u/%u, refused %u/%u, PIN %d/%d, PUK %d/%d: %s\n",
	    firmwares[c->firmware].version, c->left, c->op, c->value,
	    c->last_try ? "last try" : "no flag", call, wrong, got->rc, want->rc, got->tries,
	    want->tries, got->sent, want->sent, got->refused, want->refused, got->pin_left,
	    want->pin_left, got->puk_left, want->puk_left, r->err.text);
}

struct tally {
	unsigned cases, calls, sent, unsent, bad;
	const char *wrong; /* the first complaint */
};

static void
try_one(const struct one *c, run_fn fn, struct tally *t, bool loud)
{
	struct outcome want, got;
	const char *value, *wrong = NULL;
	struct model m;
	struct rig r;
	int call;

	prepare(&r, c, &m);
	value = value_of(c, ref_of(&m, c->op) == &m.puk);
	for (call = 1; call <= CALLS && wrong == NULL; call++) {
		want = predict(&m, c->op, value, c->last_try);
		got = observe(&r, fn, c->op, value, c->last_try);
		t->calls++;
		t->sent += want.sent;
		t->unsent += want.sent == 0;
		if ((wrong = judge(&r, &want, &got)) != NULL && loud)
			explain(&r, c, call, wrong, &want, &got);
	}
	t->bad += wrong != NULL;
	t->wrong = t->wrong == NULL ? wrong : t->wrong;
	t->cases++;
	rig_stop(&r);
}

/* ---- tests ---- */

static void
all_of(size_t firmware, struct tally *t)
{
	int left, op, value, flag;

	for (left = 0; left <= TRIES_MAX; left++)
		for (op = 0; op < OPS; op++)
			for (value = 0; value < VALUES; value++)
				for (flag = 0; flag < 2; flag++)
					try_one(&(const struct one){firmware, left, (enum op)op,
						    (enum value)value, flag == 1},
					    run, t, true);
}

static void
no_try_is_spent_that_nobody_meant_to_spend(void **state)
{
	struct tally t = {0};
	size_t i;

	(void)state;
	for (i = 0; i < FIRMWARES; i++)
		all_of(i, &t);
	print_message("# %u cases, %u calls: %u with a PIN or PUK sent, %u without\n", t.cases,
	    t.calls, t.sent, t.unsent);
	assert_int_equal(t.bad, 0);
	assert_int_equal(t.cases, (TRIES_MAX + 1) * OPS * VALUES * FIRMWARES * 2);
	assert_true(t.sent > 0 && t.unsent > 0);
}

/* ---- does the judge judge? ---- */

static int
ignores_the_flag(struct rig *r, enum op op, const char *text, unsigned flags)
{
	return run(r, op, text, flags | DEVICE_LAST_TRY);
}

static int
tries_again(struct rig *r, enum op op, const char *text, unsigned flags)
{
	int rc = run(r, op, text, flags);

	return rc == ERR_PIN ? run(r, op, text, flags) : rc;
}

static int
never_sends(struct rig *r, enum op op, const char *text, unsigned flags)
{
	(void)op;
	(void)text;
	(void)flags;
	return err_set(&r->err, ERR_PIN, "no");
}

static int
sends_another_value(struct rig *r, enum op op, const char *text, unsigned flags)
{
	(void)text;
	return run(r, op, "000000", flags);
}

static int
tells_one_more(struct rig *r, enum op op, const char *text, unsigned flags)
{
	int rc = run(r, op, text, flags);

	r->err.tries++;
	return rc;
}

static int
says_nothing(struct rig *r, enum op op, const char *text, unsigned flags)
{
	int rc = run(r, op, text, flags);

	r->err.text[0] = '\0';
	return rc;
}

static int
believes_in_success(struct rig *r, enum op op, const char *text, unsigned flags)
{
	(void)run(r, op, text, flags);
	return 0;
}

/* For the counters alone: the witness counts it as refused as well. */
static int
leaves_the_pin_full(struct rig *r, enum op op, const char *text, unsigned flags)
{
	uint8_t apdu[5 + REF_LEN] = {0x00, INS_VERIFY, 0x00, 0x80, REF_LEN},
			 answer[VKEY_ANSWER_MAX];
	int rc = run(r, op, text, flags);
	size_t n;

	memset(apdu + 5, 0xff, REF_LEN);
	memcpy(apdu + 5, OWN_PIN, sizeof(OWN_PIN) - 1);
	assert_int_equal(
	    vkey_apdu(r->key, apdu, sizeof(apdu), answer, sizeof(answer), &n), VKEY_OK);
	return rc;
}

static void
each_of_these_faults_is_found(void **state)
{
	static const struct {
		run_fn fn;
		int left;
		enum value value;
		const char *wrong;
	} faults[] = {
	    {run, 1, WRONG, NULL},
	    {ignores_the_flag, 1, RIGHT, "sent what may not be sent"},
	    {ignores_the_flag, 1, WRONG, "sent what may not be sent"},
	    {tries_again, 5, WRONG, "sent more than once"},
	    {never_sends, 5, RIGHT, "did not send"},
	    {sends_another_value, 5, RIGHT, "cost other tries"},
	    {tells_one_more, 5, WRONG, "told other tries"},
	    {says_nothing, 5, WRONG, "does not say the tries"},
	    {believes_in_success, 5, WRONG, "another result"},
	    {leaves_the_pin_full, 5, WRONG, "left other counters"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct one c = {1, faults[i].left, OP_VERIFY, faults[i].value, false};
		struct tally t = {0};

		try_one(&c, faults[i].fn, &t, false);
		if (faults[i].wrong == NULL)
			assert_null(t.wrong);
		else
			assert_string_equal(t.wrong == NULL ? "nothing" : t.wrong, faults[i].wrong);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_try_is_spent_that_nobody_meant_to_spend),
	    cmocka_unit_test(each_of_these_faults_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
