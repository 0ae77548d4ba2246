/* SPDX-License-Identifier: BSD-2-Clause */
/* ocspd_cache: who asks the same (without a nonce) gets the same, as long as the log is the same.
 * A place for each question and no second one: what collides is signed again. */
#include <stdlib.h>
#include <string.h>

#include "relying/ocspd.h"

static size_t
place(const uint8_t *question)
{
	return ((size_t)question[0] << 8 | question[1]) % OCSPD_CACHE;
}

const struct ocsp_answer *
ocspd_cache_get(const struct ocspd_cache *c, const uint8_t question[static X509_SHA256_LEN],
    uint64_t version, int64_t now)
{
	const struct ocspd_cached *s;
	const struct ocsp_answer *a;

	if (c->slots == NULL)
		return NULL;
	s = &c->slots[place(question)];
	a = &s->answer;
	if (a->der.len == 0 || s->version != version ||
	    memcmp(s->question, question, X509_SHA256_LEN) != 0)
		return NULL;
	if (now < a->this_update || now > a->this_update + (a->next_update - a->this_update) / 2)
		return NULL;
	return a;
}

const struct ocsp_answer *
ocspd_cache_put(struct ocspd_cache *c, const uint8_t question[static X509_SHA256_LEN],
    uint64_t version, struct ocsp_answer *answer)
{
	struct ocspd_cached *s;

	if (c->slots == NULL && (c->slots = calloc(OCSPD_CACHE, sizeof(*c->slots))) == NULL)
		return answer; /* without a cache it is only slower */
	s = &c->slots[place(question)];
	ocsp_answer_wipe(&s->answer);
	memcpy(s->question, question, X509_SHA256_LEN);
	s->version = version;
	s->answer = *answer;
	memset(answer, 0, sizeof(*answer));
	return &s->answer;
}

void
ocspd_cache_clear(struct ocspd_cache *c)
{
	size_t i;

	for (i = 0; c->slots != NULL && i < OCSPD_CACHE; i++)
		ocsp_answer_wipe(&c->slots[i].answer);
	free(c->slots);
	c->slots = NULL;
}
