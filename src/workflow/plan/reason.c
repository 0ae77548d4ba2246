/* SPDX-License-Identifier: BSD-2-Clause */
/* reason: RFC 5280, 5.3.1, in words. */
#include <string.h>
#include <strings.h>

#include "ykenroll/workflow_ca.h"

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
    {"certificateHold", "use: ykenroll suspend", REASON_HOLD},
    {"removeFromCRL", "use: ykenroll resume", REASON_HOLD},
    {"cACompromise", "that is for a CA's own certificate", REASON_HOLD},
    {"aACompromise", "that is for attribute certificates", REASON_HOLD},
    {"privilegeWithdrawn", "say affiliationChanged or cessationOfOperation", REASON_HOLD},
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
			return err_set(err, ERR_USAGE, "%s is no reason here: %s", reasons[i].name,
			    reasons[i].instead);
		*ret = reasons[i].reason;
		return 0;
	}
	return err_set(err, ERR_USAGE,
	    "%s is no reason; there are keyCompromise, affiliationChanged, superseded, "
	    "cessationOfOperation, unspecified",
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
