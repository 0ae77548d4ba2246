/* SPDX-License-Identifier: BSD-2-Clause */
/* testattest: a token's attestation, made up: root, f9 and leaf with Yubico's extensions. */
#ifndef TESTATTEST_H
#define TESTATTEST_H

#include "testca.h"

struct testattest {
	struct testca root;
	EVP_PKEY *f9_key;
	struct blob f9;
	uint8_t firmware[3];
};

struct testattest_leaf {
	uint8_t slot;
	uint32_t serial; /* 0: no such extension */
	uint8_t pin, touch;
};

#define TESTATTEST_SERIAL 12345678
#define TESTATTEST_GOOD                                                                          \
	{                                                                                        \
		.slot = 0x9a, .serial = TESTATTEST_SERIAL, .pin = PIN_ONCE, .touch = TOUCH_NEVER \
	}

void testattest_init(struct testattest *t, uint8_t major, uint8_t minor, uint8_t patch);
void testattest_wipe(struct testattest *t);
void testattest_leaf(const struct testattest *t, EVP_PKEY *pub, const struct testattest_leaf *leaf,
    struct blob *ret_der);

#endif
