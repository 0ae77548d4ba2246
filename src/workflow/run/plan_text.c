/* SPDX-License-Identifier: BSD-2-Clause */
/* plan_text: the steps in words, as a plan shows them. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "workflow/run/enrolment.h"
#include "ykenroll/workflow_life.h"

/* Of a reissue by its table; of retire as it was said. */
static const char *
reason(const struct enrolment *e, const struct workflow_why *why)
{
	if (why != NULL)
		return workflow_reason_name((int)why->reason);
	return e->work.asked.why[0] != '\0' ? e->work.asked.why : "superseded";
}

static size_t
put(char *ret, size_t size, size_t at, const char *text, size_t len)
{
	const int n = snprintf(ret + at, size - at, "%.*s", (int)len, text);

	return n < 0 ? at : at + (size_t)n < size ? at + (size_t)n : size - 1;
}

void
plan_text(const struct enrolment *e, const char *text, char *ret, size_t size)
{
	const struct workflow_why *why = workflow_why(e->work.asked.why);
	char pin_tries[12], puk_tries[12], former[12];
	const struct {
		const char *word, *is;
	} words[] = {
	    {"{lost}", e->lost[0] != '\0' ? e->lost : " nothing but PIN and PUK"},
	    {"{mgm-alg}", device_mgm_name(e->mgm_alg)},
	    {"{and-flags}", e->admin_used ? ", and clear the flags of the former one" : ""},
	    {"{alg}", key_alg_name(e->work.asked.alg)},
	    {"{over-key}",
		e->slot_used && !e->resumed ? ", which destroys the key that is there" : ""},
	    {"{over-cert}",
		e->cert_used && !e->resumed ? ", which replaces the one that is there" : ""},
	    {"{profile}", e->work.asked.profile},
	    {"{blocked}", e->pin.tries_left == 0 ? " (it is blocked)" : ""},
	    {"{pin-tries}", pin_tries},
	    {"{puk-tries}", puk_tries},
	    {"{takes}", why != NULL && why->hold ? "hold" : "revoke"},
	    {"{former}", former},
	    {"{reason}", reason(e, why)},
	};
	size_t i, len, at = 0;

	snprintf(pin_tries, sizeof(pin_tries), "%u", e->pin_tries);
	snprintf(puk_tries, sizeof(puk_tries), "%u", e->puk_tries);
	snprintf(former, sizeof(former), "%u", (unsigned)e->work.asked.replaces);
	for (ret[0] = '\0'; *text != '\0'; text += len) {
		len = strcspn(text, "{");
		if (len > 0) {
			at = put(ret, size, at, text, len);
			continue;
		}
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strncmp(text, words[i].word, strlen(words[i].word)) == 0)
				break;
		assert(i < sizeof(words) / sizeof(words[0]));
		len = strlen(words[i].word);
		at = put(ret, size, at, words[i].is, strlen(words[i].is));
	}
}
