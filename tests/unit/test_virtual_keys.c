/* SPDX-License-Identifier: BSD-2-Clause */
/* Do the virtual YubiKey's keys do what their public halves and attestations say? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "vdriver.h"

#define SIGN_9A \
	"0087119A267C24820081201111111111111111111111111111111111111111111111111111111111111111"
#define SIGN_9C \
	"0087119C267C24820081201111111111111111111111111111111111111111111111111111111111111111"

static EVP_PKEY *
p256_from(const struct vdriver_answer *a)
{
	EVP_PKEY *key = NULL, *params = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	assert_int_equal(a->sw, 0x9000);
	assert_int_equal(a->len, 3 + 2 + 65);
	key = EVP_PKEY_new();
	assert_int_equal(EVP_PKEY_copy_parameters(key, params), 1);
	assert_int_equal(EVP_PKEY_set1_encoded_public_key(key, a->data + 5, 65), 1);
	EVP_PKEY_free(params);
	return key;
}

static void
does_a_generated_key_sign_what_its_public_key_verifies(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");
	uint8_t digest[32];
	struct vdriver_answer a;
	EVP_PKEY *key;
	EVP_PKEY_CTX *ctx;

	(void)state;
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800111"), 0x6982);
	vdriver_admin(v, "5.4.3");
	a = vdriver_send(v, "0047009A05AC03800111");
	key = p256_from(&a);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x6982);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	a = vdriver_send(v, SIGN_9A);
	assert_int_equal(a.sw, 0x9000);
	memset(digest, 0x11, sizeof(digest));
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	EVP_PKEY_verify_init(ctx);
	assert_int_equal(EVP_PKEY_verify(ctx, a.data + 4, a.len - 4, digest, 32), 1);
	assert_int_equal(vdriver_sw(v, "0087079A067C0482008100"), 0x6A80);
	assert_int_equal(vdriver_sw(v, "0087119D067C0482008100"), 0x6A80);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	vkey_free(v);
}

static void
pin_always_means_the_command_just_before_and_only_once(void **state)
{
	struct vkey *v = vdriver_fresh("5.4.3");

	(void)state;
	vdriver_admin(v, "5.4.3");
	assert_int_equal(vdriver_sw(v, "0047009C05AC03800111"), 0x9000);
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800111"), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9C), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9C), 0x6982);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_int_equal(vdriver_sw(v, "00F7009C"), 0x9000);
	assert_int_equal(vdriver_sw(v, SIGN_9C), 0x6982);
	/* Parts of the same command do not come between. */
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	assert_int_equal(vdriver_sw(v, "1087119C067C2482008120"), 0x9000);
	assert_int_equal(
	    vdriver_sw(
		v, "0087119C201111111111111111111111111111111111111111111111111111111111111111"),
	    0x9000);
	vkey_free(v);
}

static X509 *
certificate(const uint8_t *der, size_t len)
{
	X509 *x = d2i_X509(NULL, &der, (long)len);

	assert_non_null(x);
	return x;
}

static X509 *
root_of(const char *dir)
{
	char path[64];
	FILE *f;
	X509 *x;

	snprintf(path, sizeof(path), "%s/root.pem", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	assert_non_null(x);
	fclose(f);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/root.key", dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/root.lock", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	return x;
}

static void
assert_extension(X509 *x, const char *oid, const char *want)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	int i = X509_get_ext_by_OBJ(x, obj, -1);
	const ASN1_OCTET_STRING *val;
	uint8_t bytes[32];
	size_t len;

	ASN1_OBJECT_free(obj);
	assert_true(i >= 0);
	val = X509_EXTENSION_get_data(X509_get_ext(x, i));
	assert_int_equal(OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes), &len, want, '\0'), 1);
	assert_int_equal(ASN1_STRING_length(val), len);
	assert_memory_equal(ASN1_STRING_get0_data(val), bytes, len);
}

static void
does_an_attestation_chain_to_the_test_root_with_the_genuine_encodings(void **state)
{
	char dir[] = "/tmp/test_virtual_keys.XXXXXX";
	const struct vkey_config config = {
	    .firmware = "5.4.3", .root_dir = mkdtemp(dir), .serial = 0x00BADA55};
	struct vkey *v = vdriver_open(&config);
	X509 *root = root_of(dir), *f9, *leaf;
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct vdriver_answer a;
	char name[128];

	(void)state;
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(vdriver_sw(v, "00F99A00"), 0x6A80);
	vdriver_admin(v, "5.4.3");
	assert_int_equal(vdriver_sw(v, "0047009A0BAC09800111AA0103AB0102"), 0x9000);
	a = vdriver_send(v, "00F99A00000000");
	assert_int_equal(a.sw, 0x9000);
	leaf = certificate(a.data, a.len);
	assert_extension(leaf, "1.3.6.1.4.1.41482.3.3", "050403");
	assert_extension(leaf, "1.3.6.1.4.1.41482.3.7", "020400BADA55");
	assert_extension(leaf, "1.3.6.1.4.1.41482.3.8", "0302");
	assert_extension(leaf, "1.3.6.1.4.1.41482.3.9", "01");
	a = vdriver_send(v, "00CB3FFF0000055C035FFF01");
	f9 = certificate(a.data + 4 + 4, a.len - 8);
	assert_extension(f9, "1.3.6.1.4.1.41482.3.3", "050403");
	X509_STORE_add_cert(store, root);
	sk_X509_push(chain, f9);
	X509_STORE_CTX_init(ctx, store, leaf, chain);
	assert_int_equal(X509_verify_cert(ctx), 1);
	X509_NAME_oneline(X509_get_subject_name(root), name, sizeof(name));
	assert_null(strstr(name, "Yubi"));
	assert_non_null(strstr(name, "TEST"));
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(chain);
	X509_free(leaf);
	X509_free(f9);
	X509_free(root);
	vkey_free(v);
}

static void
imported_keys_work_and_cannot_be_attested(void **state)
{
	/* RFC 6979, A.2.5 */
	static const char p256[] =
	    "00FE119A250620"
	    "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
	    "AA0101";
	/* As long as the group's order: no scalar. */
	static const char order[] =
	    "00FE119A220620"
	    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
	struct vkey *v = vdriver_fresh("5.7.1");

	(void)state;
	vdriver_admin(v, "5.7.1");
	assert_int_equal(vdriver_sw(v, p256), 0x9000);
	vdriver_assert_answer(v, "00F7009A",
	    "010111020201010301020443864104"
	    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
	    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
	assert_int_equal(vdriver_sw(v, "00F99A00"), 0x6A80);
	assert_int_equal(vdriver_sw(v, SIGN_9A), 0x9000);
	assert_int_equal(vdriver_sw(v, order), 0x6A80);
	vkey_free(v);
}

/* Agreement of the slot's key with one of ours, the same from both ends. */
static void
assert_agrees(struct vkey *v, uint8_t slot, uint8_t alg, EVP_PKEY *ours, EVP_PKEY *theirs)
{
	uint8_t c[128] = {0, 0x87, alg, slot}, secret[32], *point = NULL;
	size_t n = EVP_PKEY_get1_encoded_public_key(ours, &point), len = sizeof(secret);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
	struct vdriver_answer a;

	memcpy(c + 5, "\x7C\x00\x82\x00\x85", 5);
	c[6] = (uint8_t)(n + 4);
	c[10] = (uint8_t)n;
	memcpy(c + 11, point, n);
	c[4] = (uint8_t)(n + 6);
	a = vdriver_raw(v, c, n + 11);
	assert_int_equal(a.sw, 0x9000);
	EVP_PKEY_derive_init(ctx);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, theirs), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, secret, &len), 1);
	assert_int_equal(a.len, len + 4);
	assert_memory_equal(a.data + 4, secret, len);
	c[12] ^= 1; /* off the curve */
	if (alg == 0x11)
		assert_int_equal(vdriver_raw(v, c, n + 11).sw, 0x6A80);
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_free(point);
}

static void
do_both_ends_agree_on_a_secret(void **state)
{
	struct vkey *v = vdriver_fresh("5.7.1");
	EVP_PKEY *ours, *theirs;
	struct vdriver_answer a;

	(void)state;
	vdriver_admin(v, "5.7.1");
	a = vdriver_send(v, "0047009E05AC03800111");
	theirs = p256_from(&a);
	ours = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	assert_agrees(v, 0x9E, 0x11, ours, theirs);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	a = vdriver_send(v, "0047009E05AC038001E1");
	assert_int_equal(a.len, 3 + 2 + 32);
	theirs = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, a.data + 5, 32);
	ours = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	assert_agrees(v, 0x9E, 0xE1, ours, theirs);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	vkey_free(v);
}

static void
an_rsa_key_takes_exactly_one_block(void **state)
{
	uint8_t c[5 + 8 + 2 + 256] = {0, 0x87, 0x07, 0x9E, 0};
	uint8_t chain[5 + 255] = {0x10, 0x87, 0x07, 0x9E, 0xFF};
	struct vkey *v = vdriver_fresh("5.4.3");
	struct vdriver_answer a;

	(void)state;
	vdriver_admin(v, "5.4.3");
	a = vdriver_send(v, "0047009E05AC03800107");
	assert_int_equal(a.len, 256);
	assert_int_equal(a.sw, 0x610E);
	memcpy(c + 5, "\x7C\x82\x01\x06\x82\x00\x81\x82\x01\x00", 10);
	memcpy(chain + 5, c + 5, 255);
	assert_int_equal(vdriver_raw(v, chain, sizeof(chain)).sw, 0x9000);
	memmove(c + 5, c + 5 + 255, 11);
	c[4] = 11;
	a = vdriver_raw(v, c, 16);
	assert_int_equal(a.sw, 0x6108);
	assert_memory_equal(a.data, "\x7C\x82\x01\x04\x82\x82\x01\x00\x00", 9);
	assert_int_equal(vdriver_sw(v, "0087079E097C06820081020102"), 0x6700);
	assert_int_equal(vdriver_sw(v, "0087079E087C06820081020102"), 0x6A80);
	vkey_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(does_a_generated_key_sign_what_its_public_key_verifies),
	    cmocka_unit_test(pin_always_means_the_command_just_before_and_only_once),
	    cmocka_unit_test(does_an_attestation_chain_to_the_test_root_with_the_genuine_encodings),
	    cmocka_unit_test(imported_keys_work_and_cannot_be_attested),
	    cmocka_unit_test(do_both_ends_agree_on_a_secret),
	    cmocka_unit_test(an_rsa_key_takes_exactly_one_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
