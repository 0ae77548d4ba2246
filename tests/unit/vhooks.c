/* SPDX-License-Identifier: BSD-2-Clause */
#include "vhooks.h"

#include <openssl/x509.h>

#include "virtual/vcrypt.h"
#include "virtual/vkey_i.h"

void
vhook_fault_clear(struct vkey *v)
{
	v->faults.n = 0;
}

int
vhook_object(struct vkey *v, uint32_t id, const uint8_t *data, size_t len)
{
	return state_object_set(&v->a.st, id, data, len);
}

int
vhook_slot(struct vkey *v, uint8_t id, uint8_t pin_policy, uint8_t touch_policy,
    const uint8_t *spki_der, size_t spki_len)
{
	struct state_slot *slot = state_slot(&v->a.st, id);
	const uint8_t *p = spki_der;
	EVP_PKEY *key = slot != NULL ? d2i_PUBKEY(NULL, &p, (long)spki_len) : NULL;

	if (key == NULL || EVP_PKEY_get_bits(key) != 256) {
		EVP_PKEY_free(key);
		return -1;
	}
	state_slot_fill(slot, VCRYPT_P256, key, pin_policy, touch_policy, STATE_GENERATED);
	return 0;
}
