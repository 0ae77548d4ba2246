/* SPDX-License-Identifier: BSD-2-Clause */
/* admin: moving and deleting keys, and making the PIV application as new. */
#include <string.h>

#include "device/apdu.h"
#include "device/status.h"

#define INS_MOVE_KEY 0xf6
#define INS_RESET 0xfb
#define MOVE_TO_NOWHERE 0xff
#define PIN_LEN 8
#define BLOCK_TRIES_MAX 256 /* more than any counter holds */

static int
move(struct token *token, uint8_t to, uint8_t from, struct err *err)
{
	const struct apdu cmd = {.ins = INS_MOVE_KEY,
	    .p1 = to,
	    .p2 = from,
	    .what = to == MOVE_TO_NOWHERE ? "DELETE KEY" : "MOVE KEY"};
	unsigned sw = 0;
	int rc;

	if (!token_firmware(token, 5, 7, 0))
		return err_set(err, ERR_USAGE,
		    "moving or deleting a key needs firmware 5.7 or later; this token has %d.%d.%d",
		    token->id.firmware[0], token->id.firmware[1], token->id.firmware[2]);
	if ((rc = apdu_send(token, &cmd, NULL, &sw, err)) != 0)
		return rc;
	if (sw == SW_NO_REFERENCE)
		return err_set(err, ERR_ABSENT, "slot %02x is empty", from);
	if (sw == SW_WRONG_DATA && to != MOVE_TO_NOWHERE)
		return err_set(err, ERR_OCCUPIED, "slot %02x is in use", to);
	return sw == SW_OK ? 0 : token_result(token, status_sw(err, sw, cmd.what));
}

int
token_move_key(struct token *token, uint8_t from, uint8_t to, struct err *err)
{
	if (from == DEVICE_SLOT_F9 || to == DEVICE_SLOT_F9 || from == to)
		return err_set(
		    err, ERR_USAGE, "a key cannot be moved from slot %02x to %02x", from, to);
	return move(token, to, from, err);
}

int
token_delete_key(struct token *token, uint8_t slot, struct err *err)
{
	if (slot == DEVICE_SLOT_F9) /* the factory's, and there is no other */
		return err_set(err, ERR_USAGE, "the attestation key (slot f9) cannot be deleted");
	return move(token, MOVE_TO_NOWHERE, slot, err);
}

/* A value that no PIN can have, its padding being all of it, until the counter is used up. */
static int
block(struct token *token, enum state_ref ref, struct err *err)
{
	uint8_t wrong[2 * PIN_LEN];
	const struct apdu cmd = {.ins = ref == REF_PIN ? INS_VERIFY : INS_RESET_RETRY,
	    .p2 = REF_PIN,
	    .data = wrong,
	    .len = ref == REF_PIN ? PIN_LEN : 2 * PIN_LEN,
	    .what = "RESET"};
	unsigned sw = 0;
	int rc, i;

	memset(wrong, 0xff, sizeof(wrong));
	for (i = 0; i < BLOCK_TRIES_MAX; i++) {
		if ((rc = apdu_send(token, &cmd, NULL, &sw, err)) != 0)
			return rc;
		if (sw == SW_BLOCKED)
			return 0;
		if (sw >> 4 != 0x63c)
			return token_result(token, status_sw(err, sw, cmd.what));
	}
	return token_result(token, status_malformed(err, cmd.what));
}

int
token_reset(struct token *token, struct err *err)
{
	const struct apdu cmd = {.ins = INS_RESET, .what = "RESET"};
	struct token_pin_state puk;
	int rc;

	rc = token_puk_state(token, &puk, err);
	if (rc == ERR_ABSENT || (rc == 0 && puk.known && puk.tries_max == 0))
		return err_set(err, ERR_USAGE,
		    "a YubiKey Bio has no PUK and is reset as a whole: `ykman config reset`");
	if (rc != 0)
		return rc;
	state_forget(token);
	token->authenticated = token->verified = false;
	if ((rc = block(token, REF_PIN, err)) != 0 || (rc = block(token, REF_PUK, err)) != 0)
		return rc;
	return apdu_run(token, &cmd, NULL, err);
}
