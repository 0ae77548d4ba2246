/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/tlv.h"
#include "device/alg.h"
#include "device/apdu.h"
#include "device/status.h"
#include "device/wire.h"
#include "key/ossl.h"

#define BLOCK_MAX 16
#define DES_LEN 8
#define P2_NO_TOUCH 0xff
#define P2_TOUCH 0xfe
#define TOUCH_DEADLINE_SEC (2 * WIRE_DEADLINE_SEC)

/* SP 800-73-4 part 2, table 7: dynamic authentication template */
enum { PIVTAG_AUTH = 0x7c, PIVTAG_WITNESS = 0x80, PIVTAG_CHALLENGE = 0x81, PIVTAG_RESPONSE = 0x82 };

/* NIST SP 800-67, 3.3.2: the weak and semi-weak keys, parity bits cleared, are two of these bytes
 * taking turns, in the left half and, with what belongs to them, in the right one. */
static bool
des_part_is_weak(const uint8_t part[static DES_LEN])
{
	static const uint8_t left[] = {0x00, 0xfe, 0x1e, 0xe0}, right[] = {0x00, 0xfe, 0x0e, 0xf0};
	uint8_t plain[DES_LEN];
	bool weak = false;
	size_t i;

	for (i = 0; i < DES_LEN; i++)
		plain[i] = part[i] & 0xfe;
	for (i = 0; i < sizeof(left) * sizeof(left); i++) {
		const size_t a = i / sizeof(left), b = i % sizeof(left);
		const uint8_t key[DES_LEN] = {
		    left[a], left[b], left[a], left[b], right[a], right[b], right[a], right[b]};

		weak = weak || CRYPTO_memcmp(plain, key, DES_LEN) == 0;
	}
	secret_wipe_bytes(plain, sizeof(plain));
	return weak;
}

static bool
is_weak(enum device_mgm_alg alg, const struct secret *key)
{
	size_t at;

	if (alg != MGM_3DES)
		return false;
	for (at = 0; at + DES_LEN <= key->len; at += DES_LEN)
		if (des_part_is_weak(key->bytes + at))
			return true;
	return false;
}

int
device_mgm_generate(enum device_mgm_alg alg, struct secret *ret, struct err *err)
{
	const struct alg_mgm *m = alg_mgm(alg);
	int rc;

	if (m == NULL)
		return err_set(err, ERR_USAGE, "unknown management key algorithm");
	do {
		if ((rc = secret_random(ret, m->len, err)) != 0)
			return rc;
	} while (is_weak(alg, ret));
	return 0;
}

OSSL_FREEP(cipher_ctx_freep, EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
OSSL_FREEP(cipher_freep, EVP_CIPHER, EVP_CIPHER_free)

/* One block, ECB. */
static int
crypt_block(const struct alg_mgm *m, const struct secret *key, bool encrypt, const uint8_t *in,
    uint8_t out[static BLOCK_MAX], struct err *err)
{
	CLEAN(cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	CLEAN(cipher_freep) EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, m->cipher, NULL);
	uint8_t room[2 * BLOCK_MAX];
	int n = 0;

	if (ctx == NULL || cipher == NULL ||
	    EVP_CipherInit_ex2(ctx, cipher, key->bytes, NULL, encrypt, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
	    EVP_CipherUpdate(ctx, room, &n, in, (int)m->block) != 1 || n != (int)m->block) {
		ERR_clear_error();
		return err_set(err, ERR_INTERNAL, "OpenSSL has no %s", m->cipher);
	}
	memcpy(out, room, m->block);
	secret_wipe_bytes(room, sizeof(room));
	return 0;
}

/* 7C { tag { one block } } and nothing else */
static int
one_block(struct token *token, const struct alg_mgm *m, const struct blob *got, uint32_t tag,
    uint8_t ret[static BLOCK_MAX], struct err *err)
{
	struct tlv outer, inner;
	size_t pos = 0, at = 0;

	if (tlv_next(got->data, got->len, &pos, &outer) != 1 || pos != got->len ||
	    outer.tag != PIVTAG_AUTH || tlv_next(outer.value, outer.len, &at, &inner) != 1 ||
	    at != outer.len || inner.tag != tag || inner.len != m->block)
		return token_result(token, status_malformed(err, "management key authentication"));
	memcpy(ret, inner.value, m->block);
	return 0;
}

static int
authenticate(struct token *token, const struct alg_mgm *m, bool touch, const struct secret *data,
    struct blob *ret, struct err *err)
{
	const struct apdu cmd = {.ins = INS_AUTHENTICATE,
	    .p1 = (uint8_t)m->alg,
	    .p2 = REF_MGM,
	    .answer = APDU_SHORT,
	    .data = data->bytes,
	    .len = data->len,
	    .deadline_sec = touch ? TOUCH_DEADLINE_SEC : 0,
	    .what = "management key authentication"};
	unsigned sw = 0;
	int rc;

	token_touch(token, touch, true);
	rc = apdu_send(token, &cmd, ret, &sw, err);
	token_touch(token, touch, false);
	if (rc != 0)
		return rc;
	if (sw == SW_DENIED && touch)
		return err_set(
		    err, ERR_MGMKEY, "the token rejected the management key, or was not touched");
	if (sw == SW_DENIED || sw == SW_WRONG_DATA)
		return err_set(err, ERR_MGMKEY, "the token rejected the management key");
	return sw == SW_OK ? 0 : token_result(token, status_sw(err, sw, cmd.what));
}

/* 7C { 80 { decrypted witness } 81 { challenge } } */
static void
put_proof(
    struct secret *to, const struct alg_mgm *m, const uint8_t *witness, const uint8_t *challenge)
{
	uint8_t *p = to->bytes;

	*p++ = PIVTAG_AUTH;
	*p++ = (uint8_t)(2 * (2 + m->block));
	*p++ = PIVTAG_WITNESS;
	*p++ = (uint8_t)m->block;
	memcpy(p, witness, m->block);
	p += m->block;
	*p++ = PIVTAG_CHALLENGE;
	*p++ = (uint8_t)m->block;
	memcpy(p, challenge, m->block);
	to->len = 2 + 2 * (2 + m->block);
}

/* SP 800-73-4 part 2, appendix A.1: mutual authentication. In the other half the token shows that
 * it has the key: a stand-in that accepts everything does not pass. */
static int
mutual(struct token *token, const struct alg_mgm *m, const struct secret *key, bool touch,
    struct err *err)
{
	CLEAN(secret_freep) struct secret *challenge = secret_new();
	CLEAN(secret_freep) struct secret *proof = secret_new();
	CLEAN(blob_wipe) struct blob got = {0};
	uint8_t witness[BLOCK_MAX], answer[BLOCK_MAX], expected[BLOCK_MAX];
	int rc;

	/* The token's witness: only who has the key can decrypt it. */
	if ((rc = secret_set(
		 proof, (const uint8_t[]){PIVTAG_AUTH, 2, PIVTAG_WITNESS, 0}, 4, err)) != 0 ||
	    (rc = authenticate(token, m, false, proof, &got, err)) != 0 ||
	    (rc = one_block(token, m, &got, PIVTAG_WITNESS, answer, err)) != 0 ||
	    (rc = crypt_block(m, key, false, answer, witness, err)) != 0 ||
	    (rc = secret_random(challenge, m->block, err)) != 0 ||
	    (rc = crypt_block(m, key, true, challenge->bytes, expected, err)) != 0)
		return rc;
	put_proof(proof, m, witness, challenge->bytes);
	secret_wipe_bytes(witness, sizeof(witness));
	if ((rc = authenticate(token, m, touch, proof, &got, err)) != 0 ||
	    (rc = one_block(token, m, &got, PIVTAG_RESPONSE, answer, err)) != 0)
		return rc;
	if (CRYPTO_memcmp(answer, expected, m->block) != 0)
		return err_set(err, ERR_MGMKEY,
		    "the token accepted the management key but did not prove that it has it too");
	return 0;
}

int
token_authenticate(struct token *token, const struct secret *key, struct err *err)
{
	struct token_mgm_state state;
	const struct alg_mgm *m;
	int rc;

	if ((rc = token_mgm_state(token, &state, err)) != 0)
		return rc;
	if ((m = alg_mgm(state.alg)) == NULL)
		return err_set(err, ERR_INTERNAL, "unknown management key algorithm");
	if (key->len != m->len)
		return err_set(err, ERR_MGMKEY,
		    "the token's management key is %s with %zu bytes; the one given has %zu",
		    m->name, m->len, key->len);
	token->authenticated = false;
	if ((rc = mutual(token, m, key, state.touch, err)) != 0)
		return rc;
	token->authenticated = true;
	return 0;
}

static int
check_new(
    const struct token *token, const struct alg_mgm *m, const struct secret *key, struct err *err)
{
	if (m == NULL)
		return err_set(err, ERR_USAGE, "unknown management key algorithm");
	if (m->alg != MGM_3DES && !token_firmware(token, 5, 4, 2))
		return err_set(err, ERR_USAGE,
		    "firmware before 5.4.2 supports only 3DES management keys, not %s", m->name);
	if (key->len != m->len)
		return err_set(err, ERR_USAGE,
		    "a management key for %s must have %zu bytes, not %zu", m->name, m->len,
		    key->len);
	if (is_weak(m->alg, key))
		return err_set(err, ERR_USAGE, "this is a weak DES key; choose another one");
	return 0;
}

int
token_set_mgmkey(struct token *token, enum device_mgm_alg alg, const struct secret *key, bool touch,
    struct err *err)
{
	CLEAN(secret_freep) struct secret *data = secret_new();
	struct apdu cmd = {
	    .ins = INS_SET_MGMKEY, .p1 = 0xff, .data = data->bytes, .what = "SET MANAGEMENT KEY"};
	const struct alg_mgm *m = alg_mgm(alg);
	int rc;

	if ((rc = check_new(token, m, key, err)) != 0)
		return rc;
	data->bytes[0] = (uint8_t)m->alg;
	data->bytes[1] = REF_MGM;
	data->bytes[2] = (uint8_t)m->len;
	memcpy(data->bytes + 3, key->bytes, m->len);
	cmd.len = data->len = 3 + m->len;
	cmd.p2 = touch ? P2_TOUCH : P2_NO_TOUCH;
	token->cache.have_mgm = false;
	return apdu_run(token, &cmd, NULL, err);
}
