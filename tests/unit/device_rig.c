/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "device_rig.h"

struct vkey *
rig_key(const char *firmware, uint32_t serial)
{
	const struct vkey_config config = {.firmware = firmware, .serial = serial};
	struct vkey *key = NULL;
	char msg[200] = "";

	if (vkey_open(&config, &key, msg, sizeof(msg)) != VKEY_OK)
		fail_msg("%s", msg);
	return key;
}

void
rig_start(struct rig *rig, const char *firmware)
{
	memset(rig, 0, sizeof(*rig));
	shim_reset();
	rig->key = rig_key(firmware, RIG_SERIAL);
	(void)shim_add(RIG_READER, rig->key);
	if (device_open(NULL, &rig->dev, &rig->err) != 0)
		fail_msg("%s", rig->err.text);
}

void
rig_token(struct rig *rig)
{
	if (token_open(rig->dev, NULL, &rig->token, &rig->err) != 0)
		fail_msg("%s", rig->err.text);
}

void
rig_restart(struct rig *rig)
{
	token_closep(&rig->token);
	rig_token(rig);
}

void
rig_stop(struct rig *rig)
{
	token_closep(&rig->token);
	device_closep(&rig->dev);
	assert_true(shim_contexts() > 0);
	assert_int_equal(shim_open(), 0);
	vkey_free(rig->key);
	shim_reset();
}

struct secret *
rig_bytes(const void *bytes, size_t len)
{
	struct secret *s = secret_new();

	assert_int_equal(secret_set(s, bytes, len, NULL), 0);
	return s;
}

struct secret *
rig_secret(const char *text)
{
	return rig_bytes(text, strlen(text));
}

void
rig_expect(const struct rig *rig, int code, int rc, const char *what)
{
	if (rc != code)
		fail_msg("%s: %d, %s", what, rc, rc == 0 ? "succeeded" : rig->err.text);
}

bool
rig_says(const struct rig *rig, const char *what)
{
	if (strstr(rig->err.text, what) != NULL)
		return true;
	print_error("no '%s' in: %s\n", what, rig->err.text);
	return false;
}

void
rig_authenticate(struct rig *rig)
{
	SECRET(key) = rig_bytes(device_factory_mgmkey, 24);

	OK(rig, token_authenticate(rig->token, key, &rig->err));
}

int
rig_verify(struct rig *rig, const char *pin, unsigned flags)
{
	SECRET(s) = rig_secret(pin);

	return token_verify_pin(rig->token, s, flags, &rig->err);
}

void
rig_cert(struct blob *ret, size_t len)
{
	static uint8_t bytes[4096];

	memset(bytes, 0x41, sizeof(bytes));
	bytes[0] = 0x30;
	bytes[1] = 0x82;
	bytes[2] = (uint8_t)((len - 4) >> 8);
	bytes[3] = (uint8_t)(len - 4);
	assert_int_equal(blob_set(ret, bytes, len, NULL), 0);
}
