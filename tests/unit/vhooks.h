/* SPDX-License-Identifier: BSD-2-Clause */
/* vhooks: what no APDU does to a virtual key. */
#ifndef TESTS_VHOOKS_H
#define TESTS_VHOOKS_H

#include "virtual/vkey.h"

/* Nothing that was armed happens any more. */
void vhook_fault_clear(struct vkey *v);

/* Write a data object without authentication. Returns 0 or -1. */
int vhook_object(struct vkey *v, uint32_t id, const uint8_t *data, size_t len);

/* Put a P-256 public key (SubjectPublicKeyInfo) into a slot as if generated there. Such a slot
 * answers metadata and attestation, and cannot sign. Returns 0 or -1. */
int vhook_slot(struct vkey *v, uint8_t slot, uint8_t pin_policy, uint8_t touch_policy,
    const uint8_t *spki_der, size_t spki_len);

#endif
