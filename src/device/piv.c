/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/tlv.h"
#include "base/utc.h"
#include "device/alg.h"
#include "device/apdu.h"
#include "device/lib.h"
#include "device/status.h"
#include "device/wire.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"

#define TOUCH_DEADLINE_SEC (2 * WIRE_DEADLINE_SEC)
#define TOUCH_WAIT_NS 5000000000 /* a token waits 15 s for a touch, and refuses a PIN at once */

/* SP 800-73-4 part 2, 3.3.2 and table 7; AA and AB are Yubico's */
enum {
	PIVTAG_TEMPLATE = 0xac,
	PIVTAG_ALG = 0x80,
	PIVTAG_PIN_POLICY = 0xaa,
	PIVTAG_TOUCH_POLICY = 0xab,
	PIVTAG_PUBLIC = 0x7f49,
	PIVTAG_AUTH = 0x7c,
	PIVTAG_DATA = 0x81,
	PIVTAG_RESPONSE = 0x82,
};

int
device_alg_check(enum key_alg key, const uint8_t firmware[static 3], struct err *err)
{
	const struct alg *alg = alg_find(key);

	if (alg == NULL)
		return err_set(err, ERR_USAGE, "PIV slots do not support this algorithm");
	if (!firmware_has(firmware, alg->firmware[0], alg->firmware[1], alg->firmware[2]))
		return err_set(err, ERR_USAGE, "%s needs firmware %d.%d, this token has %d.%d.%d",
		    key_alg_name(key), alg->firmware[0], alg->firmware[1], firmware[0], firmware[1],
		    firmware[2]);
	/* Infineon's RSA library, CVE-2017-15361 (YSA-2017-01): firmware 4.2.6 to 4.3.4 */
	if (evp_is_rsa(key) && firmware_has(firmware, 4, 2, 0) && !firmware_has(firmware, 4, 3, 5))
		return err_set(err, ERR_USAGE,
		    "this firmware generates RSA keys that can be factored (CVE-2017-15361, ROCA)");
	return 0;
}

static int
put_byte(struct blob *to, uint32_t tag, uint8_t value, struct err *err)
{
	return tlv_put(to, tag, &value, 1, err);
}

static int
put_template(const struct alg *alg, uint8_t pin_policy, uint8_t touch_policy, struct blob *ret,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob inner = {0};
	int rc;

	if ((rc = put_byte(&inner, PIVTAG_ALG, alg->piv, err)) != 0)
		return rc;
	if (pin_policy != 0 && (rc = put_byte(&inner, PIVTAG_PIN_POLICY, pin_policy, err)) != 0)
		return rc;
	if (touch_policy != 0 &&
	    (rc = put_byte(&inner, PIVTAG_TOUCH_POLICY, touch_policy, err)) != 0)
		return rc;
	return tlv_put(ret, PIVTAG_TEMPLATE, inner.data, inner.len, err);
}

int
token_generate(struct token *token, uint8_t slot, enum key_alg key, uint8_t pin_policy,
    uint8_t touch_policy, struct blob *ret_spki, struct err *err)
{
	CLEAN(blob_wipe) struct blob template = {0};
	CLEAN(blob_wipe) struct blob got = {0};
	const struct alg *alg = alg_find(key);
	struct apdu cmd = {
	    .ins = INS_GENERATE, .p2 = slot, .answer = APDU_LONG, .what = "GENERATE"};
	struct tlv public;
	size_t pos = 0;
	int rc;

	if ((rc = device_alg_check(key, token->id.firmware, err)) != 0 ||
	    (rc = put_template(alg, pin_policy, touch_policy, &template, err)) != 0)
		return rc;
	cmd.data = template.data;
	cmd.len = template.len;
	cmd.deadline_sec = alg->generate_sec;
	if ((rc = apdu_run(token, &cmd, &got, err)) != 0)
		return rc;
	if (tlv_next(got.data, got.len, &pos, &public) != 1 || pos != got.len ||
	    public.tag != PIVTAG_PUBLIC)
		return token_result(token, status_malformed(err, "GENERATE"));
	return token_result(token, alg_spki(key, public.value, public.len, ret_spki, err));
}

int
token_attest(struct token *token, uint8_t slot, struct blob *ret_der, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(x509_freep) X509 *cert = NULL;
	unsigned sw = 0;
	int rc;

	if ((rc = lib_attest(token, slot, &der, &sw, err)) != 0)
		return rc;
	if (sw == SW_WRONG_DATA || sw == SW_NO_REFERENCE || sw == SW_ABSENT)
		return err_set(
		    err, ERR_ABSENT, "slot %02x is empty, or its key was imported", slot);
	if (sw == SW_NO_INS && !token_firmware(token, 4, 3, 0))
		return err_set(err, ERR_ABSENT, "firmware before 4.3 does not support attestation");
	if (sw != SW_OK)
		return token_result(token, status_sw(err, sw, "ATTEST"));
	if (cert_parse(der.data, der.len, &cert, NULL) != 0)
		return token_result(token, status_malformed(err, "ATTEST"));
	blob_move(ret_der, &der);
	return 0;
}

/* 7C { 82 {} 81 { in } }, and 7C { 82 { signature } } back */
static int
ask(struct token *token, uint8_t slot, const struct alg *alg, unsigned deadline_sec,
    const uint8_t *in, size_t in_len, struct blob *ret, unsigned *ret_sw, struct err *err)
{
	CLEAN(blob_wipe) struct blob inner = {0};
	CLEAN(blob_wipe) struct blob data = {0};
	CLEAN(blob_wipe) struct blob got = {0};
	struct apdu cmd = {.ins = INS_AUTHENTICATE,
	    .p1 = alg->piv,
	    .p2 = slot,
	    .answer = APDU_LONG,
	    .deadline_sec = deadline_sec,
	    .what = "GENERAL AUTHENTICATE"};
	struct tlv auth, response;
	size_t pos = 0, at = 0;
	int rc;

	if ((rc = tlv_put(&inner, PIVTAG_RESPONSE, NULL, 0, err)) != 0 ||
	    (rc = tlv_put(&inner, PIVTAG_DATA, in, in_len, err)) != 0 ||
	    (rc = tlv_put(&data, PIVTAG_AUTH, inner.data, inner.len, err)) != 0)
		return rc;
	cmd.data = data.data;
	cmd.len = data.len;
	if ((rc = apdu_send(token, &cmd, &got, ret_sw, err)) != 0 || *ret_sw != SW_OK)
		return rc;
	if (tlv_next(got.data, got.len, &pos, &auth) != 1 || pos != got.len ||
	    auth.tag != PIVTAG_AUTH || tlv_next(auth.value, auth.len, &at, &response) != 1 ||
	    at != auth.len || response.tag != PIVTAG_RESPONSE)
		return token_result(token, status_malformed(err, cmd.what));
	return blob_set(ret, response.value, response.len, err);
}

/* 6982 stands for both, "the PIN is not verified" and "nobody touched the token". */
static int
denied(const struct token *token, bool touch, int64_t waited_ns, struct err *err)
{
	if (touch && (token->verified || waited_ns >= TOUCH_WAIT_NS))
		return err_set(err, ERR_TOUCH, "the token was not touched in time");
	return err_set(err, ERR_PIN, "the token requires the PIN first");
}

static int
sign(struct token *token, uint8_t slot, const struct alg *alg, bool touch, const uint8_t *in,
    size_t in_len, struct blob *ret, struct err *err)
{
	const int64_t since = utc_monotonic_ns();
	unsigned sw = 0;
	int rc;

	token_touch(token, touch, true);
	rc = ask(token, slot, alg, touch ? TOUCH_DEADLINE_SEC : 0, in, in_len, ret, &sw, err);
	token_touch(token, touch, false);
	if (rc != 0)
		return rc;
	if (sw == SW_DENIED)
		return denied(token, touch, utc_monotonic_ns() - since, err);
	if (sw == SW_WRONG_DATA || sw == SW_NO_REFERENCE)
		return err_set(
		    err, ERR_ABSENT, "slot %02x holds no %s key", slot, key_alg_name(alg->key));
	return sw == SW_OK ? 0 : token_result(token, status_sw(err, sw, "GENERAL AUTHENTICATE"));
}

int
token_sign(struct token *token, uint8_t slot, enum key_alg key, bool touch, const uint8_t *in,
    size_t in_len, uint8_t *sig, size_t *sig_len, struct err *err)
{
	CLEAN(blob_wipe) struct blob got = {0};
	const struct alg *alg = alg_find(key);
	int rc;

	if (alg == NULL || key == KEY_X25519)
		return err_set(err, ERR_USAGE, "slot %02x: its key cannot sign", slot);
	if (evp_is_rsa(key) ? in_len != alg->bytes : key != KEY_ED25519 && in_len > alg->bytes)
		return err_set(err, ERR_INTERNAL, "%zu bytes to sign do not fit %s", in_len,
		    key_alg_name(key));
	if ((rc = sign(token, slot, alg, touch, in, in_len, &got, err)) != 0)
		return rc;
	if ((rc = alg_check_signature(key, got.data, got.len, err)) != 0)
		return token_result(token, rc);
	if (got.len > *sig_len)
		return err_set(err, ERR_INTERNAL, "no room for the signature");
	memcpy(sig, got.data, got.len);
	*sig_len = got.len;
	return 0;
}

/* ---- as a struct key ---- */

struct slot_key {
	struct token *token;
	uint8_t slot;
	bool touch;
	enum key_alg alg;
};

static int
slot_sign(
    void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *sig_len, struct err *err)
{
	const struct slot_key *k = ctx;

	return token_sign(k->token, k->slot, k->alg, k->touch, in, in_len, sig, sig_len, err);
}

static const struct key_ops slot_ops = {.sign = slot_sign, .free = free};

int
token_key(struct token *token, uint8_t slot, const struct blob *spki, bool touch, struct key **ret,
    struct err *err)
{
	struct slot_key *k;
	struct key *key;
	int rc;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	*k = (struct slot_key){.token = token, .slot = slot, .touch = touch};
	if ((rc = key_extern(spki->data, spki->len, &slot_ops, k, &key, err)) != 0)
		return rc;
	k->alg = key_algorithm(key);
	*ret = key;
	return 0;
}
