/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token that answers any command with anything: does the operation end, in time, with the error
 * that the table says, and without another secret sent? Run under ASan and UBSan by tests/all.sh.
 * QUICK=N cuts answers at every Nth byte only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/utc.h"
#include "device/apdu.h"
#include "device/wire.h"
#include "hostile.h"
#include "quick.h"

#define APDUS_MAX 50 /* of one operation */
/* Of one operation: less than the deadline of one APDU (30 s), which it must not wait for. */
#define TIME_MAX_NS INT64_C(25000000000)
static int64_t time_max_ns = TIME_MAX_NS;

/* ---- the liar ---- */

struct liar {
	const struct hostile_command *c;
	void (*spoil)(struct liar *liar, uint8_t *out, size_t *len);
	enum hostile_name how;
	size_t cut, passed;  /* of cut_at: bytes of data that remain, and that have gone by */
	const uint8_t *data; /* of instead */
	size_t data_len;
	unsigned seen, spoilt;
	unsigned log_at; /* APDUs in the log when the first lie was told */
	bool was_cut;	 /* by cut_at */
	bool active;	 /* GET RESPONSE is answered as the command was */
};

static unsigned
logged(void)
{
	unsigned n = 0, ins;

	for (ins = 0; ins < 256; ins++)
		n += shim_log_count((uint8_t)ins);
	return n;
}

static bool
is_command(struct liar *liar, const uint8_t *in, size_t in_len)
{
	const struct hostile_command *c = liar->c;

	if (in_len < 4 || (in[0] & 0x10) != 0)
		return false;
	if (in[1] == INS_GET_RESPONSE)
		return liar->active;
	liar->active = false;
	if (in[1] != c->ins || (c->p2 >= 0 && in[3] != c->p2))
		return false;
	liar->seen++;
	liar->active = c->once ? liar->seen == c->nth : liar->seen >= c->nth;
	return liar->active;
}

static void
lie(void *ctx, const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	struct liar *liar = ctx;

	if (!is_command(liar, in, in_len) || *out_len < 2)
		return;
	if (liar->spoilt++ == 0)
		liar->log_at = logged();
	liar->spoil(liar, out, out_len);
}

static void
from_table(struct liar *liar, uint8_t *out, size_t *len)
{
	hostile_spoil(liar->how, out, len);
}

static void
end_with_ok(uint8_t *out, size_t *len, size_t data)
{
	out[data] = 0x90;
	out[data + 1] = 0x00;
	*len = data + 2;
}

/* The answer as a whole ends after so many bytes, in whatever part of it that is. */
static void
cut_at(struct liar *liar, uint8_t *out, size_t *len)
{
	const size_t data = *len - 2;

	if (liar->cut >= liar->passed && liar->cut - liar->passed < data) {
		end_with_ok(out, len, liar->cut - liar->passed);
		liar->was_cut = true;
	}
	liar->passed += data;
}

static void
instead(struct liar *liar, uint8_t *out, size_t *len)
{
	memcpy(out, liar->data, liar->data_len);
	end_with_ok(out, len, liar->data_len);
}

/* ---- the judge ---- */

struct outcome {
	int rc;
	unsigned apdus, secrets; /* secrets: sent after the first lie */
	int64_t ns;
	unsigned alarm; /* seconds left of a deadline that nobody took back */
};

static bool
is_secret(uint8_t ins)
{
	return ins == INS_VERIFY || ins == INS_CHANGE_REFERENCE || ins == INS_RESET_RETRY ||
	       ins == INS_AUTHENTICATE || ins == INS_SET_MGMKEY;
}

static unsigned
secrets_since(unsigned at)
{
	const unsigned end = logged();
	unsigned n = 0;
	size_t len;

	for (; at < end; at++)
		n += is_secret(shim_log(at, &len)[1]);
	return n;
}

static void
run_case(struct rig *r, struct liar *liar, struct outcome *o)
{
	const int64_t since = utc_monotonic_ns();
	const unsigned before = shim_apdus();

	shim_log_clear();
	shim_set_hook(lie, liar);
	r->err = (struct err)ERR_INIT;
	o->rc = liar->c->call(r);
	shim_set_hook(NULL, NULL);
	o->ns = utc_monotonic_ns() - since;
	o->apdus = shim_apdus() - before;
	o->secrets = liar->spoilt > 0 ? secrets_since(liar->log_at) : 0;
	o->alarm = alarm(0);
}

/* NULL, or what is wrong. */
static const char *
judge(const struct liar *liar, const struct rig *r, const struct outcome *o, int code)
{
	const unsigned most = liar->c->apdus > 0 ? liar->c->apdus : APDUS_MAX;

	if (liar->spoilt == 0)
		return "was not lied to";
	if (o->rc == 0 && code != HARMLESS)
		return "believed it";
	if (o->rc != code)
		return "another error";
	if (o->rc != 0 && (r->err.code != o->rc || r->err.text[0] == '\0'))
		return "no text";
	if (o->rc != 0 && o->secrets > 0 && liar->c->apdus == 0)
		return "sent a secret all the same";
	if (o->apdus > most)
		return "too many APDUs";
	if (o->ns > time_max_ns)
		return "too slow";
	return o->alarm > 0 ? "left a deadline behind" : NULL;
}

/* A token that lied is done with, and so is one of which another application than PIV is selected.
 */
static const char *
judge_rest(const struct hostile_command *c, struct rig *r, const struct outcome *o)
{
	const unsigned before = shim_apdus();
	struct token_pin_state s;

	if ((o->rc != ERR_GONE && (o->rc == 0 || c->call != call_config)) || r->token == NULL)
		return NULL;
	if (token_pin_state(r->token, &s, NULL) != ERR_GONE || shim_apdus() != before)
		return "goes on with it afterwards";
	return NULL;
}

static const char *
try_lie(struct liar *liar, int code, struct rig *r, struct outcome *o)
{
	const char *wrong;

	run_case(r, liar, o);
	if ((wrong = judge(liar, r, o, code)) == NULL)
		wrong = judge_rest(liar->c, r, o);
	return wrong;
}

/* ---- every command, every answer ---- */

static unsigned
one(struct liar *liar, const char *what, int code)
{
	const char *wrong;
	struct outcome o;
	struct rig r;

	hostile_prepare(&r, liar->c);
	wrong = try_lie(liar, code, &r, &o);
	if (liar->spoil == cut_at && !liar->was_cut)
		wrong = NULL; /* signatures differ in length: this one is not that long */
	if (wrong != NULL)
		print_error("%s: %s: %s: %d instead of %d, %u secrets, %u APDUs: %s\n",
		    liar->c->name, what, wrong, o.rc, code, o.secrets, o.apdus,
		    o.rc == 0 ? "" : r.err.text);
	rig_stop(&r);
	return wrong != NULL;
}

static void
no_command_believes_any_answer_of_the_table(void **state)
{
	unsigned cases = 0, bad = 0, harmless = 0;
	size_t i;
	int how;

	(void)state;
	for (i = 0; i < hostile_commands_n; i++)
		for (how = 0; how < HOSTILE_ANSWERS; how++) {
			const struct hostile_command *c = &hostile_commands[i];
			const int code = hostile_code(c, (enum hostile_name)how);
			struct liar liar = {c, from_table, .how = (enum hostile_name)how};

			if (c->slow)
				continue;
			bad += one(&liar, hostile_answers[how].name, code);
			harmless += code == HARMLESS;
			cases++;
		}
	print_message("# %u cases: %zu commands, %d answers; %u harmless\n", cases,
	    hostile_commands_n, HOSTILE_ANSWERS, harmless);
	assert_true(HOSTILE_ANSWERS >= 40 && cases > harmless);
	assert_int_equal(bad, 0);
}

/* ---- answers made for a command ---- */

static const struct hostile_command *
command(const char *name)
{
	size_t i;

	for (i = 0; i < hostile_commands_n; i++)
		if (strcmp(hostile_commands[i].name, name) == 0)
			return &hostile_commands[i];
	fail_msg("%s: no such command", name);
	return NULL;
}

static void
no_command_believes_wrong_content_of_the_right_form(void **state)
{
	uint8_t data[VKEY_ANSWER_MAX];
	unsigned bad = 0;
	size_t i;

	(void)state;
	for (i = 0; i < hostile_specials_n; i++) {
		const struct hostile_special *s = &hostile_specials[i];
		struct liar liar = {command(s->command), instead, .data = data};

		if (s->make != NULL) {
			liar.data_len = s->make(data);
		} else {
			liar.data_len = strlen(s->hex) / 2;
			assert_int_equal(text_unhex(s->hex, data, liar.data_len), 0);
		}
		bad += one(&liar, s->name, s->code);
	}
	print_message("# %zu cases\n", hostile_specials_n);
	assert_int_equal(bad, 0);
}

/* ---- cut anywhere ---- */

/* How long the answer is when nobody cuts it. */
static size_t
whole(const struct hostile_command *c)
{
	struct liar liar = {c, cut_at, .cut = SIZE_MAX};
	struct outcome o;
	struct rig r;

	hostile_prepare(&r, c);
	run_case(&r, &liar, &o);
	if (o.rc != 0)
		fail_msg("%s: %d: %s", c->name, o.rc, r.err.text);
	rig_stop(&r);
	return liar.passed;
}

/* Without its last field the metadata of a slot tell no public key, which may be. */
static int
cut_code(const struct hostile_command *c, size_t cut)
{
	if (cut == 0)
		return hostile_code(c, A_BARE_OK);
	return c->call == call_slot && cut == 10 ? HARMLESS : hostile_code(c, A_CUT_LAST);
}

static void
no_command_believes_an_answer_cut_at_any_byte(void **state)
{
	const size_t step = quick();
	unsigned cases = 0, bad = 0, answers = 0;
	char what[60];
	size_t i, cut, len;

	(void)state;
	for (i = 0; i < hostile_commands_n; i++) {
		const struct hostile_command *c = &hostile_commands[i];

		if (c->slow)
			continue;
		len = whole(c);
		answers += len > 0;
		for (cut = 0; cut < len; cut += step) {
			struct liar liar = {c, cut_at, .cut = cut};

			snprintf(what, sizeof(what), "%zu of %zu bytes", cut, len);
			bad += one(&liar, what, cut_code(c, cut));
			cases += liar.was_cut;
		}
	}
	print_message("# %u cases: %u answers\n", cases, answers);
	assert_true(answers >= 12);
	assert_int_equal(bad, 0);
}

/* ---- does the judge judge? ---- */

#define PIN_APDU               \
	"\x00\x20\x00\x80\x08" \
	"123456\xff\xff"

static void
transmit(const char *apdu, size_t len)
{
	uint8_t answer[VKEY_ANSWER_MAX];
	DWORD n = sizeof(answer);

	(void)SCardTransmit(1, SCARD_PCI_T1, (const uint8_t *)apdu, len, NULL, answer, &n);
}

static int
believes(struct rig *r)
{
	(void)call_puk_state(r);
	return 0;
}

static int
sends_the_pin(struct rig *r)
{
	int rc = call_puk_state(r);

	transmit(PIN_APDU, sizeof(PIN_APDU) - 1);
	return rc;
}

static int
sends_for_long(struct rig *r)
{
	int rc = call_puk_state(r), i;

	for (i = 0; i < APDUS_MAX; i++) {
		wire_enter(0); /* one operation each */
		transmit("\x00\xfd\x00\x00", 4);
		wire_leave();
	}
	return rc;
}

static int
gives_another_code(struct rig *r)
{
	(void)call_puk_state(r);
	return err_set(&r->err, ERR_PIN, "wrong PUK");
}

static int
says_nothing(struct rig *r)
{
	int rc = call_puk_state(r);

	r->err.text[0] = '\0';
	return rc;
}

static int
keeps_the_deadline(struct rig *r)
{
	int rc = call_puk_state(r);

	(void)alarm(30);
	return rc;
}

static int
is_slow(struct rig *r)
{
	int rc = call_puk_state(r);

	time_max_ns = 1000000;
	(void)usleep(2000);
	return rc;
}

static int
never_asks(struct rig *r)
{
	return err_set(&r->err, ERR_GONE, "not asked");
}

static int
goes_on(struct rig *r)
{
	int rc = call_puk_state(r);

	token_closep(&r->token);
	rig_token(r);
	return rc;
}

static void
each_of_these_faults_is_found(void **state)
{
	static const struct {
		int (*call)(struct rig *r);
		const char *wrong;
	} faults[] = {
	    {call_puk_state, NULL},
	    {believes, "believed it"},
	    {sends_the_pin, "sent a secret all the same"},
	    {sends_for_long, "too many APDUs"},
	    {gives_another_code, "another error"},
	    {says_nothing, "no text"},
	    {keeps_the_deadline, "left a deadline behind"},
	    {is_slow, "too slow"},
	    {never_asks, "was not lied to"},
	    {goes_on, "goes on with it afterwards"},
	};
	struct outcome o;
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct hostile_command c = {
		    "planted", "5.7.1", INS_METADATA, 0x81, 1, .call = faults[i].call};
		struct liar liar = {&c, from_table, .how = A_HALF};
		const char *wrong;

		time_max_ns = TIME_MAX_NS;
		hostile_prepare(&r, &c);
		wrong = try_lie(&liar, ERR_GONE, &r, &o);
		if (faults[i].wrong == NULL)
			assert_null(wrong);
		else
			assert_string_equal(wrong == NULL ? "nothing" : wrong, faults[i].wrong);
		rig_stop(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_command_believes_any_answer_of_the_table),
	    cmocka_unit_test(no_command_believes_wrong_content_of_the_right_form),
	    cmocka_unit_test(no_command_believes_an_answer_cut_at_any_byte),
	    cmocka_unit_test(each_of_these_faults_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
