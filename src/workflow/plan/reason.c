/* SPDX-License-Identifier: BSD-2-Clause */
/* reason: why a certificate ends (RFC 5280, 5.3.1, in words), and why a token is reissued. */
#include <string.h>
#include <strings.h>

#include "ykenroll/workflow.h"

#define REASON_WORD_MAX 32

static const struct {
	const char *name;    /* without its hyphens, which may be there */
	const char *instead; /* NULL: may be given */
	enum signer_reason reason;
} reasons[] = {
    {"unspecified", NULL, REASON_UNSPECIFIED},
    {"keyCompromise", NULL, REASON_KEY_COMPROMISE},
    {"affiliationChanged", NULL, REASON_AFFILIATION_CHANGED},
    {"superseded", NULL, REASON_SUPERSEDED},
    {"cessationOfOperation", NULL, REASON_CESSATION},
    {"certificateHold", "use ykenroll suspend", REASON_HOLD},
    {"removeFromCRL", "use ykenroll resume", REASON_HOLD},
    {"cACompromise", "that is for a CA's own certificate", REASON_HOLD},
    {"aACompromise", "that is for attribute certificates", REASON_HOLD},
    {"privilegeWithdrawn", "use affiliationChanged or cessationOfOperation", REASON_HOLD},
};

int
workflow_reason(const char *text, enum signer_reason *ret, struct err *err)
{
	char word[REASON_WORD_MAX];
	size_t i, n = 0;

	for (i = 0; text[i] != '\0' && n < sizeof(word) - 1; i++)
		if (text[i] != '-')
			word[n++] = text[i];
	word[n] = '\0';
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcasecmp(word, reasons[i].name) != 0)
			continue;
		if (reasons[i].instead != NULL)
			return err_set(err, ERR_USAGE, "reason '%s' is not allowed here: %s",
			    reasons[i].name, reasons[i].instead);
		*ret = reasons[i].reason;
		return 0;
	}
	return err_set(err, ERR_USAGE,
	    "invalid reason '%s'; use keyCompromise, affiliationChanged, superseded, "
	    "cessationOfOperation or unspecified",
	    text);
}

const char *
workflow_reason_name(int reason)
{
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if ((int)reasons[i].reason == reason)
			return reasons[i].name;
	return "another reason";
}

/* ---- what a token is reissued for ---- */

static const struct workflow_why whys[] = {
    {"lost", "revoked immediately (keyCompromise), then a new token", REASON_KEY_COMPROMISE, false,
	true, false, false, TOKEN_LOST},
    {"damaged", "a new token, then the old certificate is revoked (superseded)", REASON_SUPERSEDED,
	false, false, false, false, TOKEN_DAMAGED},
    {"forgotten", "on hold immediately, and a token for some hours; later: ykenroll resume",
	REASON_HOLD, true, true, false, false, TOKEN_NEW},
    {"expiring", "a new certificate on the same token, then the old one is revoked (superseded)",
	REASON_SUPERSEDED, false, false, true, false, TOKEN_NEW},
    {"renamed", "the same with a new name (affiliationChanged)", REASON_AFFILIATION_CHANGED, false,
	false, true, false, TOKEN_NEW},
    {"left", "revoked immediately (cessationOfOperation), and nothing new", REASON_CESSATION, false,
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
