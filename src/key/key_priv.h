/* SPDX-License-Identifier: BSD-2-Clause */
/* key_priv: what the files of this room share. */
#ifndef KEY_PRIV_H
#define KEY_PRIV_H

#include <openssl/evp.h>

#include "ykenroll/key.h"

struct evp_alg {
	enum key_alg alg;
	const char *name, *alias;
	const char *type; /* OpenSSL's word for what signs with it; NULL: nothing does */
	const uint8_t *head;
	size_t head_len;
	size_t raw; /* bytes behind the head */
	const EVP_MD *(*md)(void);
};
const struct evp_alg *evp_alg(enum key_alg alg); /* NULL: not one of ours */

struct key {
	enum key_alg alg;
	EVP_PKEY *pub;		   /* public half only, of the default provider */
	EVP_PKEY *evp;		   /* signs */
	const struct key_ops *ops; /* NULL: the private half is in evp */
	void *ctx;		   /* of ops */
	struct err err;		   /* the callback's last error; code 0 when there is none */
};

/* Wrap a key whose private half is in evp, which is taken over also on failure. */
MUST_CHECK int key_software(EVP_PKEY *evp, struct key **ret, struct err *err);

/* Make the EVP_PKEY that asks key->ops. It points back to key, which must outlive it. */
MUST_CHECK int extkey_new(struct key *key, EVP_PKEY **ret, struct err *err);

#endif
