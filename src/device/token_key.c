/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "device/alg.h"
#include "device/token.h"

struct slot_key {
	struct token *token;
	uint8_t slot;
	bool touch;
	enum key_alg alg;
};

static int
slot_sign(
    void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *sig_len, struct err *err)
{
	const struct slot_key *k = ctx;

	return token_sign(k->token, k->slot, k->alg, k->touch, in, in_len, sig, sig_len, err);
}

static const struct key_ops slot_ops = {.sign = slot_sign, .free = free};

int
token_key(struct token *token, uint8_t slot, const struct blob *spki, bool touch, struct key **ret,
    struct err *err)
{
	struct slot_key *k;
	struct key *key;
	int rc;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	*k = (struct slot_key){.token = token, .slot = slot, .touch = touch};
	if ((rc = key_extern(spki->data, spki->len, &slot_ops, k, &key, err)) != 0)
		return rc;
	k->alg = key_algorithm(key);
	*ret = key;
	return 0;
}
