/* SPDX-License-Identifier: BSD-2-Clause */
/* why: what a token is reissued for. */
#include <string.h>

#include "ykenroll/workflow_life.h"

static const struct workflow_why whys[] = {
    {"lost", "revoked at once (keyCompromise), then a new token", REASON_KEY_COMPROMISE, false,
	true, false, false, TOKEN_LOST},
    {"damaged", "a new token, then the old certificate is revoked (superseded)", REASON_SUPERSEDED,
	false, false, false, false, TOKEN_DAMAGED},
    {"forgotten", "on hold at once, and a token for some hours; later: ykenroll resume",
	REASON_HOLD, true, true, false, false, TOKEN_NEW},
    {"expiring", "a new certificate on the same token, then the old one is revoked (superseded)",
	REASON_SUPERSEDED, false, false, true, false, TOKEN_NEW},
    {"renamed", "the same with a new name (affiliationChanged)", REASON_AFFILIATION_CHANGED, false,
	false, true, false, TOKEN_NEW},
    {"left", "revoked at once (cessationOfOperation), and nothing new", REASON_CESSATION, false,
	true, false, true, TOKEN_RETIRED},
};

const struct workflow_why *
workflow_whys(size_t *ret_n)
{
	*ret_n = sizeof(whys) / sizeof(whys[0]);
	return whys;
}

const struct workflow_why *
workflow_why(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(whys) / sizeof(whys[0]); i++)
		if (strcmp(whys[i].name, name) == 0)
			return &whys[i];
	return NULL;
}
