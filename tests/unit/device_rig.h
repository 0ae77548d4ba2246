/* SPDX-License-Identifier: BSD-2-Clause */
/* device_rig: one virtual key in one reader, opened by the device room. */
#ifndef TESTS_DEVICE_RIG_H
#define TESTS_DEVICE_RIG_H

#include "pcsc_shim.h"
#include "ykenroll/device.h"

#define RIG_READER "Yubico YubiKey CCID 00 00"
#define RIG_SERIAL 11223344

struct rig {
	struct vkey *key;
	struct device *dev;
	struct token *token;
	struct err err;
};

struct vkey *rig_key(const char *firmware, uint32_t serial);

/* Key, shim and device; the token is opened by rig_token. */
void rig_start(struct rig *rig, const char *firmware);
void rig_token(struct rig *rig);
void rig_restart(struct rig *rig); /* token closed and opened again */
void rig_stop(struct rig *rig);	   /* asserts that nothing is left open */

struct secret *rig_secret(const char *text);
struct secret *rig_bytes(const void *bytes, size_t len);

#endif
