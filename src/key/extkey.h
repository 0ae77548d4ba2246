/* SPDX-License-Identifier: BSD-2-Clause */
/* extkey: what the provider's two halves, key management and signatures, share. */
#ifndef KEY_EXTKEY_H
#define KEY_EXTKEY_H

#include <openssl/core.h>

#include "key/key_priv.h"

#define EXTKEY_PROVIDER "ykenroll"
#define EXTKEY_PROPERTY "provider=" EXTKEY_PROVIDER

/* OSSL_DISPATCH holds functions of any type. */
#define FN(id, f)                       \
	{                               \
		id, (void (*)(void))(f) \
	}

struct extkey { /* the provider's key object; behind an EVP_PKEY */
	struct key *key;
};

extern const OSSL_ALGORITHM extkey_signatures[];

#endif
