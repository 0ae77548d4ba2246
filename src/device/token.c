/* SPDX-License-Identifier: BSD-2-Clause */
#include "device/token.h"

bool
firmware_has(const uint8_t v[static 3], int a, int b, int c)
{
	return (v[0] << 16 | v[1] << 8 | v[2]) >= (a << 16 | b << 8 | c);
}

bool
token_firmware(const struct token *token, int a, int b, int c)
{
	return firmware_has(token->id.firmware, a, b, c);
}

int
token_result(struct token *token, int rc)
{
	if (rc == ERR_GONE)
		token->gone = true;
	return rc;
}

int
token_usable(const struct token *token, struct err *err)
{
	return token->gone ? err_set(err, ERR_GONE, "the token was removed before this") : 0;
}

void
token_touch(const struct token *token, bool wanted, bool begin)
{
	if (wanted && token->dev->ui.touch != NULL)
		token->dev->ui.touch(token->dev->ui.ctx, begin);
}
