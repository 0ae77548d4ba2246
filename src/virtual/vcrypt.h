/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcrypt - the token's algorithms: a table of what PIV algorithm numbers mean, key making and
 * use. Functions return 0, or -1 where the input does not fit (the card's 6A80).
 */
#ifndef VIRTUAL_VCRYPT_H
#define VIRTUAL_VCRYPT_H

#include <openssl/evp.h>

#include "virtual/state.h"
#include "virtual/vtlv.h"

enum {
	VCRYPT_3DES = 0x03,
	VCRYPT_RSA3072 = 0x05,
	VCRYPT_RSA1024 = 0x06,
	VCRYPT_RSA2048 = 0x07,
	VCRYPT_AES128 = 0x08,
	VCRYPT_AES192 = 0x0A,
	VCRYPT_AES256 = 0x0C,
	VCRYPT_P256 = 0x11,
	VCRYPT_P384 = 0x14,
	VCRYPT_RSA4096 = 0x16,
	VCRYPT_X25519 = 0xE1,
	VCRYPT_ED25519 = 0xE0,
};

enum vcrypt_kind { VCRYPT_RSA, VCRYPT_EC, VCRYPT_ED, VCRYPT_X };

struct vcrypt_alg {
	uint8_t id;
	const char *name;
	enum vcrypt_kind kind;
	size_t bytes; /* modulus or field */
	bool since57;
	const char *group; /* OpenSSL's name of the curve */
	/*
	 * Milliseconds of a real key. That RSA 4096 takes tens of seconds to minutes is documented;
	 * every other number is an estimate. An RSA key's time is a matter of luck: anywhere
	 * between the two.
	 */
	unsigned least_ms, most_ms; /* to make a key */
	unsigned use_ms;
};

/* NULL: the firmware has no such algorithm (or st is NULL and nobody has). */
const struct vcrypt_alg *vcrypt_alg(const struct state *st, uint8_t id);

/* Of a management key; NULL: no such algorithm. A state has one that there is. */
struct vcrypt_mgm {
	uint8_t id;
	const char *name, *cipher;
	size_t key_len, block;
};
const struct vcrypt_mgm *vcrypt_mgm(uint8_t alg);
int vcrypt_mgm_crypt(const struct state_mgm *mgm, bool encrypt, const uint8_t *in, uint8_t *out);

EVP_PKEY *vcrypt_generate(const struct vcrypt_alg *alg);

/* The data field of IMPORT KEY. NULL: does not fit the algorithm. */
EVP_PKEY *vcrypt_import(const struct vcrypt_alg *alg, const uint8_t *data, size_t len);

/* 81 n 82 e, or 86 point. */
int vcrypt_public(const struct vcrypt_alg *alg, EVP_PKEY *key, struct vbuf *out);

/* Sign or raw RSA operation (tag 81). */
int vcrypt_sign(
    const struct vcrypt_alg *alg, EVP_PKEY *key, const uint8_t *in, size_t len, struct vbuf *out);

/* Key agreement with a peer's point (tag 85). */
int vcrypt_derive(
    const struct vcrypt_alg *alg, EVP_PKEY *key, const uint8_t *peer, size_t len, struct vbuf *out);

#endif
