/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "device/apdu.h"
#include "device/status.h"

#define PIN_MIN 6
#define PIN_MAX 8
#define RETRIES_MAX 15 /* what 63Cx can tell */
#define PAD 0xff       /* SP 800-73-4 part 1, 2.4.3 */

static const char *
ref_name(enum state_ref ref)
{
	return ref == REF_PIN ? "PIN" : "PUK";
}

int
device_pin_check(const struct secret *pin, const char *what, struct err *err)
{
	size_t i;

	if (pin->len < PIN_MIN || pin->len > PIN_MAX)
		return err_set(err, ERR_USAGE, "%s: must have %d to %d characters, not %zu", what,
		    PIN_MIN, PIN_MAX, pin->len);
	/* Bytes from 80 on are refused by firmware 5.7, and a keyboard decides what they are. */
	for (i = 0; i < pin->len; i++)
		if (pin->bytes[i] < 0x20 || pin->bytes[i] > 0x7e)
			return err_set(
			    err, ERR_USAGE, "%s: must have printable ASCII characters only", what);
	return 0;
}

/* What cannot be a PIN costs no try. */
static int
check_old(const struct secret *pin, enum state_ref ref, struct err *err)
{
	if (pin->len >= PIN_MIN && pin->len <= PIN_MAX)
		return 0;
	return err_set(err, ERR_USAGE, "a %s must have %d to %d bytes; this one has %zu",
	    ref_name(ref), PIN_MIN, PIN_MAX, pin->len);
}

static int
tries_left(struct token *token, enum state_ref ref, int *ret, struct err *err)
{
	struct token_pin_state state;
	int rc;

	rc = state_ref(token, ref, &state, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE, "this token has no %s", ref_name(ref));
	if (rc == 0)
		*ret = state.tries_left;
	return rc;
}

/* The tries are looked at before each try. */
static int
guard(struct token *token, enum state_ref ref, unsigned flags, struct err *err)
{
	const char *name = ref_name(ref);
	int left = -1, rc;

	if ((flags & DEVICE_LAST_TRY) != 0)
		return 0;
	if ((rc = tries_left(token, ref, &left, err)) != 0)
		return rc;
	if (left > 1)
		return 0;
	if (left == 0)
		return err_set(err, ERR_BLOCKED, "the %s is blocked", name);
	if (left == 1)
		rc = err_set(
		    err, ERR_PIN, "%s: only one try left; use --last-try to send it anyway", name);
	else
		rc = err_set(err, ERR_PIN,
		    "%s: the token does not report the tries left; use --last-try to send it "
		    "anyway",
		    name);
	if (err != NULL)
		err->tries = left;
	return rc;
}

/* What VERIFY, CHANGE and RESET RETRY answer about the old value. The try that uses up the last one
 * is answered by 6983, not 63C0. */
static int
judge(struct token *token, enum state_ref ref, unsigned sw, const char *what, struct err *err)
{
	const char *name = ref_name(ref);
	int rc;

	if (sw == SW_BLOCKED || sw == 0x63c0) {
		state_ref_bad(token, ref, 0);
		return err_set(err, ERR_BLOCKED, "the %s is blocked", name);
	}
	if (sw >> 4 == 0x63c) {
		state_ref_bad(token, ref, (int)(sw & 0xf));
		rc = err_set(err, ERR_PIN, "wrong %s, %u tries left", name, sw & 0xf);
		if (err != NULL)
			err->tries = (int)(sw & 0xf);
		return rc;
	}
	state_forget(token);
	return token_result(token, status_sw(err, sw, what));
}

static void
put_padded(struct secret *to, const struct secret *pin)
{
	memset(to->bytes + to->len, PAD, PIN_MAX);
	memcpy(to->bytes + to->len, pin->bytes, pin->len);
	to->len += PIN_MAX;
}

/* Try old for ref, and set the new value (VERIFY: there is none) of what cmd is about. Any way that
 * this ends without an answer, the count is not known any more. */
static int
spend(struct token *token, struct apdu cmd, enum state_ref ref, const struct secret *old,
    const struct secret *new_value, unsigned flags, struct err *err)
{
	CLEAN(secret_freep) struct secret *data = secret_new();
	char what[] = "new PIN";
	unsigned sw = 0;
	int rc;

	memcpy(what + 4, ref_name((enum state_ref)cmd.p2), 3);
	if ((rc = token_usable(token, err)) != 0 || (rc = check_old(old, ref, err)) != 0 ||
	    (cmd.ins != INS_VERIFY && (rc = device_pin_check(new_value, what, err)) != 0) ||
	    (rc = guard(token, ref, flags, err)) != 0)
		return rc;
	put_padded(data, old);
	if (cmd.ins != INS_VERIFY)
		put_padded(data, new_value);
	else
		token->verified = false;
	cmd.data = data->bytes;
	cmd.len = data->len;
	if ((rc = apdu_send(token, &cmd, NULL, &sw, err)) != 0) {
		state_forget(token);
		return rc;
	}
	if (sw == SW_OK)
		return 0;
	/* 6985 of firmware 5.7, 6A80 of others: it is the new value that they speak of */
	if (cmd.ins != INS_VERIFY && (sw == SW_CONDITIONS || sw == SW_WRONG_DATA)) {
		state_forget(token);
		return err_set(err, ERR_USAGE,
		    "the token rejected the new value (its length, characters or complexity)");
	}
	return judge(token, ref, sw, cmd.what, err);
}

int
token_verify_pin(struct token *token, const struct secret *pin, unsigned flags, struct err *err)
{
	const struct apdu cmd = {.ins = INS_VERIFY, .p2 = REF_PIN, .what = "VERIFY"};
	const int rc = spend(token, cmd, REF_PIN, pin, NULL, flags, err);

	if (rc != 0)
		return rc;
	token->verified = true;
	state_ref_good(token, REF_PIN, NULL);
	return 0;
}

static int
change(struct token *token, enum state_ref ref, const struct secret *old,
    const struct secret *new_value, unsigned flags, struct err *err)
{
	const struct apdu cmd = {
	    .ins = INS_CHANGE_REFERENCE, .p2 = (uint8_t)ref, .what = "CHANGE REFERENCE DATA"};
	const int rc = spend(token, cmd, ref, old, new_value, flags, err);

	if (rc == 0)
		state_ref_good(token, ref, new_value);
	return rc;
}

int
token_change_pin(struct token *token, const struct secret *old, const struct secret *new_pin,
    unsigned flags, struct err *err)
{
	return change(token, REF_PIN, old, new_pin, flags, err);
}

int
token_change_puk(struct token *token, const struct secret *old, const struct secret *new_puk,
    unsigned flags, struct err *err)
{
	return change(token, REF_PUK, old, new_puk, flags, err);
}

int
token_unblock_pin(struct token *token, const struct secret *puk, const struct secret *new_pin,
    unsigned flags, struct err *err)
{
	const struct apdu cmd = {
	    .ins = INS_RESET_RETRY, .p2 = REF_PIN, .what = "RESET RETRY COUNTER"};
	const int rc = spend(token, cmd, REF_PUK, puk, new_pin, flags, err);

	if (rc != 0)
		return rc;
	token->verified = false;
	state_ref_good(token, REF_PUK, NULL);
	token->cache.pin.have = false; /* before 5.3 its count was another one */
	return 0;
}

int
token_set_retries(struct token *token, unsigned pin_tries, unsigned puk_tries, struct err *err)
{
	const struct apdu cmd = {.ins = INS_SET_RETRIES,
	    .p1 = (uint8_t)pin_tries,
	    .p2 = (uint8_t)puk_tries,
	    .what = "SET PIN RETRIES"};
	unsigned sw = 0;
	int rc;

	if (pin_tries < 1 || pin_tries > RETRIES_MAX || puk_tries < 1 || puk_tries > RETRIES_MAX)
		return err_set(
		    err, ERR_USAGE, "the number of tries must be from 1 to %d", RETRIES_MAX);
	state_forget(token);
	if ((rc = apdu_send(token, &cmd, NULL, &sw, err)) != 0)
		return rc;
	if (sw == SW_OK) {
		token->verified = false;
		return 0;
	}
	if (sw != SW_DENIED)
		return token_result(token, status_sw(err, sw, cmd.what));
	if (!token->authenticated)
		return err_set(err, ERR_MGMKEY, "setting the tries needs the management key");
	return err_set(err, ERR_PIN, "setting the tries needs the PIN");
}
