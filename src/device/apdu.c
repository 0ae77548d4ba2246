/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "device/apdu.h"
#include "device/status.h"
#include "device/wire.h"

#define SHORT_MAX 255
#define DATA_MAX 3200 /* bytes in one command */
#define FRAME_MAX (4 + 3 + DATA_MAX + 2)

enum { CLA_LAST = 0x00, CLA_CHAINED = 0x10 }; /* ISO 7816-4, 5.1.1.1 */

struct frame {
	size_t len;
	uint8_t bytes[FRAME_MAX];
};

/* May hold a PIN or a key. */
static void
frame_wipe(struct frame *f)
{
	secret_wipe_bytes(f->bytes, f->len);
}

/* ISO 7816-4, 5.1: Lc and Le in short form. */
static void
frame_short(struct frame *f, uint8_t cla, const struct apdu *cmd, const uint8_t *data, size_t len)
{
	const uint8_t head[] = {cla, cmd->ins, cmd->p1, cmd->p2, (uint8_t)len};

	memcpy(f->bytes, head, sizeof(head));
	f->len = len > 0 ? sizeof(head) : sizeof(head) - 1;
	if (len > 0)
		memcpy(f->bytes + f->len, data, len);
	f->len += len;
	if (cmd->answer != APDU_NO_ANSWER && cla == CLA_LAST)
		f->bytes[f->len++] = 0; /* Le: up to 256 */
}

static void
frame_extended(struct frame *f, const struct apdu *cmd)
{
	const uint8_t head[] = {
	    CLA_LAST, cmd->ins, cmd->p1, cmd->p2, 0, (uint8_t)(cmd->len >> 8), (uint8_t)cmd->len};

	memcpy(f->bytes, head, sizeof(head));
	f->len = cmd->len > 0 ? sizeof(head) : sizeof(head) - 2;
	if (cmd->len > 0)
		memcpy(f->bytes + f->len, cmd->data, cmd->len);
	f->len += cmd->len;
	if (cmd->answer != APDU_NO_ANSWER) {
		f->bytes[f->len++] = 0; /* Le: up to 65536 */
		f->bytes[f->len++] = 0;
	}
}

/* One APDU; what precedes its status word is appended to got. */
static int
exchange(struct token *token, const struct frame *f, const char *what, struct blob *got,
    unsigned *ret_sw, struct err *err)
{
	uint8_t answer[TOKEN_ANSWER_MAX + 2];
	DWORD len = sizeof(answer);
	LONG rc;
	int r;

	rc = SCardTransmit(token->card, SCARD_PCI_T1, f->bytes, f->len, NULL, answer, &len);
	if (rc != SCARD_S_SUCCESS && wire_last()->endless)
		return status_malformed(err, "the answer does not end");
	if (rc != SCARD_S_SUCCESS)
		return status_scard(err, rc, STATUS_OPEN, what);
	if (len == 0) /* what some drivers make of a token that is pulled out */
		return status_scard(err, SCARD_E_NOT_TRANSACTED, STATUS_OPEN, what);
	if (len < 2 || len > sizeof(answer))
		return status_malformed(err, "the answer has no status word");
	if (got->len + len - 2 > TOKEN_ANSWER_MAX)
		r = status_malformed(err, "the answer does not end");
	else
		r = blob_append(got, answer, len - 2, err);
	*ret_sw = (unsigned)(answer[len - 2] << 8 | answer[len - 1]);
	secret_wipe_bytes(answer, len);
	return r;
}

/* All parts but the last, each of which must be answered by a bare 9000. ISO 7816-4, 5.1.1.1 */
static int
send_parts(struct token *token, const struct apdu *cmd, size_t *ret_sent, unsigned *ret_sw,
    struct err *err)
{
	CLEAN(frame_wipe) struct frame f = {.len = 0};
	CLEAN(blob_wipe) struct blob got = {0};
	size_t at = 0;
	int rc;

	*ret_sw = SW_OK;
	for (; cmd->len - at > SHORT_MAX && *ret_sw == SW_OK; at += SHORT_MAX) {
		frame_short(&f, CLA_CHAINED, cmd, cmd->data + at, SHORT_MAX);
		if ((rc = exchange(token, &f, cmd->what, &got, ret_sw, err)) != 0)
			return rc;
		if (got.len > 0)
			return status_malformed(err, "the data of a chained command is incomplete");
	}
	*ret_sent = at;
	return 0;
}

static int
send_command(struct token *token, const struct apdu *cmd, struct blob *got, unsigned *ret_sw,
    struct err *err)
{
	CLEAN(frame_wipe) struct frame f = {.len = 0};
	size_t at = 0;
	int rc;

	if (token->extended && (cmd->len > SHORT_MAX || cmd->answer == APDU_LONG)) {
		frame_extended(&f, cmd);
		return exchange(token, &f, cmd->what, got, ret_sw, err);
	}
	if ((rc = send_parts(token, cmd, &at, ret_sw, err)) != 0 || *ret_sw != SW_OK)
		return rc;
	frame_short(&f, CLA_LAST, cmd, cmd->len > 0 ? cmd->data + at : NULL, cmd->len - at);
	return exchange(token, &f, cmd->what, got, ret_sw, err);
}

static int
send_all(struct token *token, const struct apdu *cmd, struct blob *got, unsigned *ret_sw,
    struct err *err)
{
	const struct apdu more = {.ins = INS_GET_RESPONSE, .answer = APDU_SHORT, .what = cmd->what};
	struct frame f = {.len = 0};
	int rc;

	if ((rc = send_command(token, cmd, got, ret_sw, err)) != 0)
		return rc;
	frame_short(&f, CLA_LAST, &more, NULL, 0);
	while (*ret_sw >> 8 == 0x61) { /* ISO 7816-4, 5.1.3: more to fetch; the wire has a bound */
		if (cmd->answer == APDU_NO_ANSWER)
			return status_malformed(err, cmd->what);
		f.bytes[4] = (uint8_t)*ret_sw;
		if ((rc = exchange(token, &f, cmd->what, got, ret_sw, err)) != 0)
			return rc;
	}
	if (cmd->answer == APDU_NO_ANSWER && got->len > 0)
		return status_malformed(err, cmd->what);
	return 0;
}

int
apdu_send(struct token *token, const struct apdu *cmd, struct blob *ret, unsigned *ret_sw,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob got = {0};
	int rc;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	if (cmd->len > DATA_MAX)
		return err_set(err, ERR_FIT, "%s: %zu bytes are too long", cmd->what, cmd->len);
	wire_enter(cmd->deadline_sec);
	rc = send_all(token, cmd, &got, ret_sw, err);
	wire_leave();
	if (rc != 0)
		return token_result(token, rc);
	if (*ret_sw == SW_OK && ret != NULL)
		blob_move(ret, &got);
	return 0;
}

int
apdu_run(struct token *token, const struct apdu *cmd, struct blob *ret, struct err *err)
{
	unsigned sw;
	int rc;

	if ((rc = apdu_send(token, cmd, ret, &sw, err)) != 0)
		return rc;
	return sw == SW_OK ? 0 : token_result(token, status_sw(err, sw, cmd->what));
}
