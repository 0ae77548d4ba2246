/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/err.h>

#include "base/tlv.h"
#include "device/alg.h"
#include "device/status.h"
#include "device/token.h"
#include "key/evp.h"
#include "key/ossl.h"

enum { PIVTAG_MODULUS = 0x81, PIVTAG_EXPONENT = 0x82, PIVTAG_POINT = 0x86 };

static const struct alg algs[] = {
    {KEY_P256, 0x11, {0, 0, 0}, 32, 0},
    {KEY_P384, 0x14, {4, 0, 0}, 48, 0},
    {KEY_ED25519, 0xe0, {5, 7, 0}, 32, 0},
    {KEY_X25519, 0xe1, {5, 7, 0}, 32, 0},
    {KEY_RSA2048, 0x07, {0, 0, 0}, 256, 120},
    {KEY_RSA3072, 0x05, {5, 7, 0}, 384, 300},
    {KEY_RSA4096, 0x16, {5, 7, 0}, 512, 600},
};

const struct alg *
alg_find(enum key_alg key)
{
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].key == key)
			return &algs[i];
	return NULL;
}

enum key_alg
alg_from_piv(uint8_t piv)
{
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].piv == piv)
			return algs[i].key;
	return KEY_NONE;
}

static bool
is_ec(enum key_alg key)
{
	return key == KEY_P256 || key == KEY_P384;
}

const struct alg_mgm *
alg_mgm(enum device_mgm_alg alg)
{
	static const struct alg_mgm mgms[] = {
	    {MGM_3DES, 24, 8, "3DES", "DES-EDE3-ECB"},
	    {MGM_AES128, 16, 16, "AES-128", "AES-128-ECB"},
	    {MGM_AES192, 24, 16, "AES-192", "AES-192-ECB"},
	    {MGM_AES256, 32, 16, "AES-256", "AES-256-ECB"},
	};
	size_t i;

	for (i = 0; i < sizeof(mgms) / sizeof(mgms[0]); i++)
		if (mgms[i].alg == alg)
			return &mgms[i];
	return NULL;
}

const char *
device_mgm_name(enum device_mgm_alg alg)
{
	const struct alg_mgm *m = alg_mgm(alg);

	return m == NULL ? "?" : m->name;
}

size_t
device_mgm_len(enum device_mgm_alg alg)
{
	const struct alg_mgm *m = alg_mgm(alg);

	return m == NULL ? 0 : m->len;
}

/* AES came with 5.4.2. */
enum device_mgm_alg
device_mgm_best(const uint8_t firmware[static 3])
{
	return firmware_has(firmware, 5, 4, 2) ? MGM_AES192 : MGM_3DES;
}

/* The number behind its tags: a modulus, whose exponent is fixed; X and Y of an uncompressed point
 * (SEC 1, 2.3.4); or the point of RFC 8032 and 7748 itself. */
static int
raw_key(const struct alg *alg, const uint8_t *data, size_t len, struct tlv *ret)
{
	static const uint8_t f4[] = {0x01, 0x00, 0x01};
	struct tlv e;
	size_t pos = 0;

	if (tlv_next(data, len, &pos, ret) != 1 || ret->len < alg->bytes)
		return -1;
	if (evp_is_rsa(alg->key))
		return ret->tag == PIVTAG_MODULUS && (ret->value[ret->len - 1] & 1) != 0 &&
			       tlv_next(data, len, &pos, &e) == 1 && pos == len &&
			       e.tag == PIVTAG_EXPONENT && e.len == sizeof(f4) &&
			       memcmp(e.value, f4, sizeof(f4)) == 0
			   ? 0
			   : -1;
	if (ret->tag != PIVTAG_POINT || pos != len)
		return -1;
	if (!is_ec(alg->key))
		return 0;
	ret->len--;
	return *ret->value++ == 0x04 ? 0 : -1;
}

int
alg_spki(enum key_alg key, const uint8_t *data, size_t len, struct blob *ret, struct err *err)
{
	const struct alg *alg = alg_find(key);
	CLEAN(pkey_freep) EVP_PKEY *pkey = NULL;
	CLEAN(blob_wipe) struct blob spki = {0};
	struct tlv raw;

	if (alg == NULL || raw_key(alg, data, len, &raw) != 0 ||
	    evp_spki(key, raw.value, raw.len, &spki, NULL) != 0 ||
	    evp_public(spki.data, spki.len, &pkey, NULL, NULL) != 0)
		return status_malformed(err, "public key");
	blob_move(ret, &spki);
	return 0;
}

int
alg_check_signature(enum key_alg key, const uint8_t *sig, size_t len, struct err *err)
{
	const struct alg *alg = alg_find(key);
	bool good;

	if (alg == NULL)
		return err_set(err, ERR_INTERNAL, "unknown algorithm");
	if (is_ec(key))
		good = evp_is_ecdsa(sig, len, alg->bytes);
	else
		good = len == (key == KEY_ED25519 ? 2 * alg->bytes : alg->bytes);
	ERR_clear_error();
	return good ? 0 : status_malformed(err, "signature");
}
