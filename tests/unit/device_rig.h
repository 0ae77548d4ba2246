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

/* rc is 0, or the given code; else the test fails with the error's text */
#define OK(rig, call) rig_expect((rig), 0, (call), #call)
#define FAILS(rig, code, call) rig_expect((rig), (code), (call), #call)
void rig_expect(const struct rig *rig, int code, int rc, const char *what);
bool rig_says(const struct rig *rig, const char *what); /* in the error's text */

void rig_authenticate(struct rig *rig); /* with the factory's key */
int rig_verify(struct rig *rig, const char *pin, unsigned flags);

/* Enough of a certificate for a slot: one SEQUENCE of len bytes in all. */
void rig_cert(struct blob *ret, size_t len);

#define SECRET(name) CLEAN(secret_freep) struct secret *name
struct secret *rig_secret(const char *text);
struct secret *rig_bytes(const void *bytes, size_t len);

#endif
