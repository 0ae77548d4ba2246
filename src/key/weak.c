/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "key/ossl.h"
#include "key/weak.h"
#include "ykenroll/blob.h"

#define FERMAT_STEPS 100 /* what a deliberate generator never comes near */

OSSL_FREEP(bn_ctx_freep, BN_CTX, BN_CTX_free)

/* Nemec et al., "The Return of Coppersmith's Attack" (2017), 2.2: modulo each small prime the
 * modulus is a power of 65537. By chance it is modulo all of these once in 2^27. */
static bool
is_roca(const BIGNUM *n)
{
	static const unsigned primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53,
	    59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149,
	    151, 157, 163, 167};
	unsigned power;
	size_t i;

	for (i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
		const BN_ULONG rest = BN_mod_word(n, primes[i]);

		for (power = 65537 % primes[i]; power != 1 && power != rest;)
			power = power * 65537 % primes[i];
		if (power != rest)
			return false;
	}
	return true;
}

/* The integer square root, by Newton's steps downwards. Returns 1, or 0: out of memory. */
static int
root(const BIGNUM *n, BIGNUM *ret, BN_CTX *ctx)
{
	BIGNUM *next;
	int ok = 1;

	BN_CTX_start(ctx);
	next = BN_CTX_get(ctx);
	BN_zero(ret);
	ok = next != NULL && BN_set_bit(ret, (BN_num_bits(n) + 1) / 2);
	while (ok) {
		ok = BN_div(next, NULL, n, ret, ctx) && BN_add(next, next, ret) &&
		     BN_rshift1(next, next);
		if (!ok || BN_cmp(next, ret) >= 0)
			break;
		ok = BN_copy(ret, next) != NULL;
	}
	BN_CTX_end(ctx);
	return ok;
}

/* n = (a - b)(a + b) for an a just above the root of n? Returns 1, 0, or -1: out of memory. */
static int
is_close(const BIGNUM *n, BN_CTX *ctx)
{
	BIGNUM *a, *rest, *b, *square;
	int i, found = -1;

	BN_CTX_start(ctx);
	a = BN_CTX_get(ctx);
	rest = BN_CTX_get(ctx);
	b = BN_CTX_get(ctx);
	square = BN_CTX_get(ctx);
	if (square != NULL && root(n, a, ctx) && BN_sqr(square, a, ctx)) {
		found = BN_cmp(square, n) == 0;
		for (i = 0; i < FERMAT_STEPS && found == 0; i++)
			if (!BN_add_word(a, 1) || !BN_sqr(rest, a, ctx) || !BN_sub(rest, rest, n) ||
			    !root(rest, b, ctx) || !BN_sqr(square, b, ctx))
				found = -1;
			else
				found = BN_cmp(square, rest) == 0;
	}
	BN_CTX_end(ctx);
	return found;
}

int
weak_check(const EVP_PKEY *pub, struct err *err)
{
	CLEAN(bignum_freep) BIGNUM *n = NULL;
	CLEAN(bn_ctx_freep) BN_CTX *ctx = BN_CTX_new();
	int close;

	if (EVP_PKEY_get_base_id(pub) != EVP_PKEY_RSA)
		return 0;
	if (ctx == NULL || EVP_PKEY_get_bn_param(pub, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
	    (close = is_close(n, ctx)) < 0) {
		ERR_clear_error();
		return err_set(err, ERR_INTERNAL, "out of memory");
	}
	if (close)
		return err_set(err, ERR_FIT,
		    "the RSA key is weak: its two factors are so close together that anybody finds "
		    "them; generate another one with another program");
	if (is_roca(n))
		return err_set(err, ERR_FIT,
		    "the RSA key is weak: it has the fingerprint of ROCA (CVE-2017-15361); "
		    "generate another one elsewhere, or an ECCP256 one");
	return 0;
}

int
weak_kind(const uint8_t *spki, size_t len, struct err *err)
{
	static const char taken[] =
	    "use ECCP256, ECCP384, ED25519, or RSA of 2048, 3072 or 4096 bits with exponent 65537";
	const unsigned char *p = spki;
	CLEAN(pkey_freep) EVP_PKEY *pub = d2i_PUBKEY(NULL, &p, (long)len);
	CLEAN(bignum_freep) BIGNUM *e = NULL;
	const char *name = pub == NULL ? NULL : EVP_PKEY_get0_type_name(pub);
	char curve[64] = "";

	if (name == NULL) {
		ERR_clear_error();
		return err_set(err, ERR_FIT, "a public key of a kind that is not known; %s", taken);
	}
	if (EVP_PKEY_get_bn_param(pub, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && !BN_is_word(e, 65537)) {
		ERR_clear_error();
		return err_set(err, ERR_FIT,
		    "an RSA key of %d bits with an exponent that is not 65537 (of %d bits); %s",
		    EVP_PKEY_get_bits(pub), BN_num_bits(e), taken);
	}
	(void)EVP_PKEY_get_utf8_string_param(
	    pub, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof(curve), NULL);
	ERR_clear_error();
	return err_set(err, ERR_FIT, "a public key of kind %s%s%s, %d bits; %s", name,
	    curve[0] == '\0' ? "" : " ", curve, EVP_PKEY_get_bits(pub), taken);
}
