/* SPDX-License-Identifier: BSD-2-Clause */
/* hostile_calls: one operation of the device room each, with values that are right. What an
 * operation that fails gives back is nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/utc.h"
#include "hostile.h"

#define NEW_PIN "847261"
#define NEW_PUK "48151623"

static int
blob_call(int rc, const struct blob *got)
{
	assert_true(rc != 0 ? got->len == 0 : got->len > 0);
	return rc;
}

int
call_open(struct rig *r)
{
	token_closep(&r->token);
	return token_open(r->dev, NULL, &r->token, &r->err);
}

int
call_pin_state(struct rig *r)
{
	struct token_pin_state s;

	return token_pin_state(r->token, &s, &r->err);
}

int
call_puk_state(struct rig *r)
{
	struct token_pin_state s;

	return token_puk_state(r->token, &s, &r->err);
}

int
call_mgm_state(struct rig *r)
{
	struct token_mgm_state s;

	return token_mgm_state(r->token, &s, &r->err);
}

int
call_slot(struct rig *r)
{
	struct token_slot s = {0};
	int rc = token_slot(r->token, 0x9a, &s, &r->err);

	assert_true(rc == 0 || s.spki.len == 0);
	blob_wipe(&s.spki);
	return rc;
}

int
call_config(struct rig *r)
{
	struct token_config c;

	return token_config(r->token, &c, &r->err);
}

int
call_authenticate(struct rig *r)
{
	SECRET(key) = rig_bytes(device_factory_mgmkey, 24);

	return token_authenticate(r->token, key, &r->err);
}

int
call_set_mgmkey(struct rig *r)
{
	SECRET(key) = secret_new();

	assert_int_equal(device_mgm_generate(MGM_AES192, key, NULL), 0);
	return token_set_mgmkey(r->token, MGM_AES192, key, false, &r->err);
}

int
call_verify(struct rig *r)
{
	return rig_verify(r, device_factory_pin, 0);
}

int
call_change_pin(struct rig *r)
{
	SECRET(old) = rig_secret(device_factory_pin);
	SECRET(new_pin) = rig_secret(NEW_PIN);

	return token_change_pin(r->token, old, new_pin, 0, &r->err);
}

int
call_change_puk(struct rig *r)
{
	SECRET(old) = rig_secret(device_factory_puk);
	SECRET(new_puk) = rig_secret(NEW_PUK);

	return token_change_puk(r->token, old, new_puk, 0, &r->err);
}

int
call_unblock(struct rig *r)
{
	SECRET(puk) = rig_secret(device_factory_puk);
	SECRET(new_pin) = rig_secret(NEW_PIN);

	return token_unblock_pin(r->token, puk, new_pin, 0, &r->err);
}

int
call_set_retries(struct rig *r)
{
	return token_set_retries(r->token, 5, 6, &r->err);
}

int
call_reset(struct rig *r)
{
	return token_reset(r->token, &r->err);
}

static int
generate(struct rig *r, enum key_alg alg)
{
	CLEAN(blob_wipe) struct blob spki = {0};

	return blob_call(token_generate(r->token, 0x9a, alg, 2, 1, &spki, &r->err), &spki);
}

int
call_generate(struct rig *r)
{
	return generate(r, KEY_P256);
}

int
call_generate_rsa(struct rig *r)
{
	return generate(r, KEY_RSA2048);
}

int
call_attest(struct rig *r)
{
	CLEAN(blob_wipe) struct blob der = {0};

	return blob_call(token_attest(r->token, 0x9a, &der, &r->err), &der);
}

static int
sign(struct rig *r, uint8_t slot, enum key_alg alg)
{
	uint8_t in[32] = {1}, sig[KEY_SIG_MAX];
	size_t len = sizeof(sig);
	int rc = token_sign(r->token, slot, alg, false, in, sizeof(in), sig, &len, &r->err);

	assert_true(rc == 0 || len == sizeof(sig));
	return rc;
}

int
call_sign(struct rig *r)
{
	return sign(r, 0x9a, KEY_P256);
}

int
call_sign_ed(struct rig *r)
{
	return sign(r, 0x9c, KEY_ED25519);
}

int
call_move(struct rig *r)
{
	return token_move_key(r->token, 0x9a, 0x82, &r->err);
}

int
call_delete(struct rig *r)
{
	return token_delete_key(r->token, 0x9a, &r->err);
}

static int
get_object(struct rig *r, uint32_t object)
{
	CLEAN(blob_wipe) struct blob got = {0};

	return blob_call(token_get_object(r->token, object, &got, &r->err), &got);
}

int
call_get_cert(struct rig *r)
{
	CLEAN(blob_wipe) struct blob der = {0};

	return blob_call(token_get_cert(r->token, 0x9a, &der, &r->err), &der);
}

int
call_get_f9(struct rig *r)
{
	CLEAN(blob_wipe) struct blob der = {0};

	return blob_call(token_get_cert(r->token, DEVICE_SLOT_F9, &der, &r->err), &der);
}

int
call_get_guid(struct rig *r)
{
	uint8_t guid[DEVICE_GUID_LEN];

	return token_get_guid(r->token, guid, &r->err);
}

int
call_get_admin(struct rig *r)
{
	return get_object(r, OBJ_ADMIN);
}

int
call_get_printed(struct rig *r)
{
	return get_object(r, OBJ_PRINTED);
}

int
call_put_ccc(struct rig *r)
{
	return token_put_ccc(r->token, &r->err);
}

int
call_put_chuid(struct rig *r)
{
	const uint8_t guid[DEVICE_GUID_LEN] = {9};

	return token_put_chuid(r->token, guid, utc_now(), &r->err);
}

int
call_put_cert(struct rig *r)
{
	CLEAN(blob_wipe) struct blob der = {0};

	rig_cert(&der, 1500);
	return token_put_cert(r->token, 0x9a, &der, &r->err);
}

int
call_delete_cert(struct rig *r)
{
	return token_delete_cert(r->token, 0x9a, &r->err);
}

/* ---- before ---- */

static void
put_content(struct rig *r, uint32_t object, const char *bytes, size_t len)
{
	CLEAN(blob_wipe) struct blob b = {0};

	OK(r, blob_set(&b, bytes, len, &r->err));
	OK(r, token_put_object(r->token, object, &b, &r->err));
}

static void
put_keys(struct rig *r)
{
	CLEAN(blob_wipe) struct blob spki = {0};
	CLEAN(blob_wipe) struct blob cert = {0};

	OK(r, call_generate(r));
	if (r->token != NULL && token_id(r->token)->firmware[1] >= 7)
		OK(r, token_generate(r->token, 0x9c, KEY_ED25519, 2, 1, &spki, &r->err));
	rig_cert(&cert, 300);
	OK(r, token_put_cert(r->token, 0x9a, &cert, &r->err));
}

void
hostile_prepare(struct rig *r, const struct hostile_command *c)
{
	rig_start(r, c->firmware);
	rig_token(r);
	rig_authenticate(r);
	put_keys(r);
	OK(r, call_put_chuid(r));
	put_content(r, OBJ_ADMIN, "\x80\x03\x81\x01\x02", 5);
	put_content(r, OBJ_PRINTED, "\x88\x04\x89\x02\x01\x02", 6);
	rig_restart(r);
	if (c->admin)
		rig_authenticate(r);
	if (c->pin)
		OK(r, rig_verify(r, device_factory_pin, 0));
}
