/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/tlv.h"
#include "device/alg.h"
#include "device/apdu.h"
#include "device/status.h"

/* GET METADATA: firmware 5.3 */
enum {
	PIVTAG_ALG = 0x01,
	PIVTAG_POLICY = 0x02,
	PIVTAG_ORIGIN = 0x03,
	PIVTAG_PUBLIC = 0x04,
	PIVTAG_FACTORY = 0x05,
	PIVTAG_RETRIES = 0x06,
	ALG_PIN = 0xff,
	ORIGIN_GENERATED = 1,
	TOUCH_NEVER_VALUE = 1,
};

static bool
has_metadata(const struct token *token)
{
	return token_firmware(token, 5, 3, 0);
}

static int
metadata(struct token *token, uint8_t ref, struct blob *ret, struct err *err)
{
	const struct apdu cmd = {
	    .ins = INS_METADATA, .p2 = ref, .answer = APDU_LONG, .what = "GET METADATA"};
	unsigned sw = 0;
	int rc;

	if ((rc = apdu_send(token, &cmd, ret, &sw, err)) != 0 || sw == SW_OK)
		return rc;
	if (sw == SW_NO_REFERENCE && ref == REF_PUK) /* a Bio Multi-protocol */
		return err_set(err, ERR_ABSENT, "this token has no PUK");
	if (sw == SW_NO_REFERENCE && ref != REF_PIN && ref != REF_MGM)
		return err_set(err, ERR_ABSENT, "slot %02x is empty", ref);
	return token_result(token, status_sw(err, sw, cmd.what));
}

/* A field of exactly len bytes. */
static int
field(const struct blob *meta, uint32_t tag, size_t len, struct tlv *ret)
{
	return tlv_find(meta->data, meta->len, tag, ret) == 0 && ret->len == len ? 0 : -1;
}

static int
read_ref(struct token *token, enum state_ref ref, struct token_pin_state *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob meta = {0};
	struct tlv alg, factory, retries;
	int rc;

	if ((rc = metadata(token, (uint8_t)ref, &meta, err)) != 0)
		return rc;
	if (field(&meta, PIVTAG_ALG, 1, &alg) != 0 || alg.value[0] != ALG_PIN ||
	    field(&meta, PIVTAG_FACTORY, 1, &factory) != 0 ||
	    field(&meta, PIVTAG_RETRIES, 2, &retries) != 0 || factory.value[0] > 1)
		return token_result(token, status_malformed(err, "GET METADATA"));
	*ret = (struct token_pin_state){
	    .known = true,
	    .factory = factory.value[0] == 1,
	    .tries_max = retries.value[0],
	    .tries_left = retries.value[1],
	};
	return 0;
}

/* An empty VERIFY: 63Cx, 6983, or 9000 when it is verified already. SP 800-73-4 part 2, 3.2.1 */
static int
query_pin(struct token *token, struct token_pin_state *ret, struct err *err)
{
	const struct apdu cmd = {.ins = INS_VERIFY, .p2 = REF_PIN, .what = "VERIFY"};
	unsigned sw = 0;
	int rc;

	if ((rc = apdu_send(token, &cmd, NULL, &sw, err)) != 0)
		return rc;
	if (sw >> 4 == 0x63c)
		ret->tries_left = (int)(sw & 0xf);
	else if (sw == SW_BLOCKED)
		ret->tries_left = 0;
	else if (sw != SW_OK)
		return token_result(token, status_sw(err, sw, "VERIFY"));
	return 0;
}

static struct ref_cache *
cached(struct token *token, enum state_ref ref)
{
	return ref == REF_PIN ? &token->cache.pin : &token->cache.puk;
}

int
state_ref(struct token *token, enum state_ref ref, struct token_pin_state *ret, struct err *err)
{
	struct ref_cache *c = cached(token, ref);
	int rc;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	if (!c->have) {
		c->state = (struct token_pin_state){.tries_left = -1, .tries_max = -1};
		rc = has_metadata(token) ? read_ref(token, ref, &c->state, err)
		     : ref == REF_PIN	 ? query_pin(token, &c->state, err)
					 : 0;
		if (rc != 0)
			return rc;
		c->have = true;
	}
	*ret = c->state;
	return 0;
}

int
token_pin_state(struct token *token, struct token_pin_state *ret, struct err *err)
{
	return state_ref(token, REF_PIN, ret, err);
}

int
token_puk_state(struct token *token, struct token_pin_state *ret, struct err *err)
{
	return state_ref(token, REF_PUK, ret, err);
}

static int
read_mgm(struct token *token, struct token_mgm_state *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob meta = {0};
	struct tlv alg, policy, factory;
	int rc;

	if ((rc = metadata(token, REF_MGM, &meta, err)) != 0)
		return rc;
	if (field(&meta, PIVTAG_ALG, 1, &alg) != 0 ||
	    field(&meta, PIVTAG_POLICY, 2, &policy) != 0 ||
	    field(&meta, PIVTAG_FACTORY, 1, &factory) != 0 || factory.value[0] > 1 ||
	    device_mgm_len(alg.value[0]) == 0)
		return token_result(token, status_malformed(err, "GET METADATA"));
	*ret = (struct token_mgm_state){
	    .known = true,
	    .factory = factory.value[0] == 1,
	    .touch = policy.value[1] > TOUCH_NEVER_VALUE,
	    .alg = alg.value[0],
	};
	return 0;
}

int
token_mgm_state(struct token *token, struct token_mgm_state *ret, struct err *err)
{
	struct token_cache *c = &token->cache;
	int rc;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	if (!c->have_mgm) {
		c->mgm = (struct token_mgm_state){.alg = MGM_3DES};
		if (has_metadata(token) && (rc = read_mgm(token, &c->mgm, err)) != 0)
			return rc;
		c->have_mgm = true;
	}
	*ret = c->mgm;
	return 0;
}

static int
parse_slot(struct token *token, const struct blob *meta, struct token_slot *ret, struct err *err)
{
	struct tlv alg, policy, origin, public;
	int rc;

	if (field(meta, PIVTAG_ALG, 1, &alg) != 0 || field(meta, PIVTAG_POLICY, 2, &policy) != 0 ||
	    field(meta, PIVTAG_ORIGIN, 1, &origin) != 0)
		return token_result(token, status_malformed(err, "GET METADATA"));
	ret->alg = alg_from_piv(alg.value[0]);
	ret->pin_policy = policy.value[0];
	ret->touch_policy = policy.value[1];
	ret->generated = origin.value[0] == ORIGIN_GENERATED;
	if (ret->alg == KEY_NONE || tlv_find(meta->data, meta->len, PIVTAG_PUBLIC, &public) != 0)
		return 0;
	rc = alg_spki(ret->alg, public.value, public.len, &ret->spki, err);
	return token_result(token, rc);
}

int
token_slot(struct token *token, uint8_t slot, struct token_slot *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob meta = {0};
	struct token_slot got = {0};
	int rc;

	if (!has_metadata(token))
		return err_set(err, ERR_ABSENT,
		    "slot %02x: firmware before 5.3 does not report what a slot holds", slot);
	if ((rc = metadata(token, slot, &meta, err)) != 0)
		return rc;
	if ((rc = parse_slot(token, &meta, &got, err)) != 0) {
		blob_wipe(&got.spki);
		return rc;
	}
	*ret = got;
	return 0;
}

static bool
is_factory(enum state_ref ref, const struct secret *value)
{
	const char *factory = ref == REF_PIN ? device_factory_pin : device_factory_puk;

	return value->len == strlen(factory) && memcmp(value->bytes, factory, value->len) == 0;
}

/* Where the maximum is unknown (before 5.3) the count that was read stays: it is a lower bound. */
void
state_ref_good(struct token *token, enum state_ref ref, const struct secret *value)
{
	struct token_pin_state *s = &cached(token, ref)->state;

	if (s->known || s->tries_max > 0)
		s->tries_left = s->tries_max;
	if (value != NULL)
		s->factory = s->known && is_factory(ref, value);
}

void
state_ref_bad(struct token *token, enum state_ref ref, int tries)
{
	cached(token, ref)->state.tries_left = tries;
}

void
state_forget(struct token *token)
{
	memset(&token->cache, 0, sizeof(token->cache));
}
