/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "base/tlv.h"
#include "device/apdu.h"
#include "device/lib.h"
#include "device/readers.h"
#include "device/status.h"

/* SP 800-73-4 part 1, 2.2: PIV's AID without the version */
static const uint8_t piv_aid[] = {0xa0, 0x00, 0x00, 0x03, 0x08};

int
session_select(struct token *token, struct err *err)
{
	const struct apdu cmd = {.ins = INS_SELECT,
	    .p1 = 0x04,
	    .answer = APDU_SHORT,
	    .data = piv_aid,
	    .len = sizeof(piv_aid),
	    .what = "SELECT"};
	CLEAN(blob_wipe) struct blob got = {0};
	struct tlv property;
	unsigned sw = 0;
	int rc;

	if ((rc = apdu_send(token, &cmd, &got, &sw, err)) != 0)
		return rc;
	if (sw == SW_ABSENT)
		return status_why(err, DEVICE_PIV_OFF,
		    "PIV is disabled on this YubiKey; enable it with `ykman config usb --enable "
		    "PIV`");
	if (sw != SW_OK)
		return status_sw(err, sw, "SELECT");
	/* SP 800-73-4 part 2, 3.1.1: the application property template */
	if (tlv_find(got.data, got.len, 0x61, &property) != 0)
		return token_result(token, status_malformed(err, "SELECT"));
	return 0;
}

/* Where it cannot be had (OTP switched off on a YubiKey 4) the serial is unknown, 0. */
static int
read_serial(struct token *token, struct err *err)
{
	int rc = lib_serial(token, &token->id.serial, err);

	if (rc != ERR_ABSENT)
		return rc;
	return session_select(token, err); /* who knows what libykpiv had selected */
}

static int
introduce(struct token *token, struct err *err)
{
	int rc;

	if ((rc = session_select(token, err)) != 0 || (rc = lib_open(token, err)) != 0)
		return rc;
	if ((rc = lib_version(token, token->id.firmware, err)) != 0)
		return rc;
	token->extended = token_firmware(token, 4, 0, 0);
	return read_serial(token, err);
}

int
session_open(struct device *dev, const char *reader, struct token **ret, struct err *err)
{
	struct token *t;
	int rc;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	t->dev = dev;
	snprintf(t->id.reader, sizeof(t->id.reader), "%s", reader);
	if ((rc = reader_enter(dev, reader, &t->card, err)) != 0) {
		free(t);
		return rc;
	}
	t->transacted = true;
	if ((rc = introduce(t, err)) != 0) {
		(void)err_wrap(err, "%s", reader);
		session_close(&t, false);
		return rc;
	}
	*ret = t;
	return 0;
}

void
session_close(struct token **token, bool reset)
{
	struct token *t = *token;

	if (t == NULL)
		return;
	lib_close(t);
	if (t->transacted)
		reader_leave(t->card, reset);
	secret_wipe_bytes(t, sizeof(*t));
	free(t);
	*token = NULL;
}

void
token_closep(struct token **token)
{
	session_close(token, true);
}

const struct token_id *
token_id(const struct token *token)
{
	return &token->id;
}
