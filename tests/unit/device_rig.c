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
