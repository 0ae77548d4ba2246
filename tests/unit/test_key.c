/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a key that is elsewhere do everything that OpenSSL asks of one, and is it asked once? */
#include "testca.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"

static const enum key_alg kinds[] = {KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA2048};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool
is_ec(enum key_alg alg)
{
	return alg == KEY_P256 || alg == KEY_P384;
}

static void
names_are_those_of_ykman(void **state)
{
	(void)state;
	assert_string_equal(key_alg_name(KEY_P256), "ECCP256");
	assert_string_equal(key_alg_name(KEY_RSA4096), "RSA4096");
	assert_int_equal(key_alg_parse("eccp384"), KEY_P384);
	assert_int_equal(key_alg_parse("p-256"), KEY_P256);
	assert_int_equal(key_alg_parse("ed25519"), KEY_ED25519);
	assert_int_equal(key_alg_parse("RSA1024"), KEY_NONE);
	assert_int_equal(key_alg_parse(""), KEY_NONE);
}

static void
a_request_asks_the_key_once(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_KINDS; i++) {
		CLEAN(key_freep) struct key *key = NULL;
		CLEAN(blob_wipe) struct blob der = {0};
		CLEAN(blob_wipe) struct blob spki = {0};
		CLEAN(blob_wipe) struct blob want = {0};
		struct err err = ERR_INIT;
		struct testkey k;
		enum key_alg alg;

		testkey_new(kinds[i], &k, &key);
		assert_int_equal(csr_make(key, "alice", &der, &err), 0);
		assert_int_equal(k.calls, 1);
		assert_int_equal(csr_read(der.data, der.len, &spki, &alg, &err), 0);
		assert_int_equal(alg, kinds[i]);
		assert_int_equal(key_spki(key, &want, &err), 0);
		assert_true(blob_equal(&spki, &want));
		key_freep(&key);
		assert_int_equal(k.freed, 1);
		testkey_wipe(&k);
	}
}

static void
a_certificate_and_a_crl_ask_the_key_once(void **state)
{
	struct testca ca;
	size_t i;

	(void)state;
	testca_init(&ca, "Test CA");
	for (i = 0; i < N_KINDS; i++) {
		CLEAN(key_freep) struct key *key = NULL;
		CLEAN(x509_freep) X509 *cert = X509_new();
		CLEAN(crl_freep) X509_CRL *crl = X509_CRL_new();
		struct testkey k;
		ASN1_TIME *now = ASN1_TIME_set(NULL, utc_now());

		testkey_new(kinds[i], &k, &key);
		assert_true(X509_set_pubkey(cert, key_evp_public(key)));
		assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
		assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 60));
		assert_true(X509_sign(cert, key_evp(key), evp_md(kinds[i])) > 0);
		assert_int_equal(k.calls, 1);
		assert_int_equal(X509_verify(cert, key_evp_public(key)), 1);
		assert_true(X509_CRL_set1_lastUpdate(crl, now));
		assert_true(X509_CRL_sign(crl, key_evp(key), evp_md(kinds[i])) > 0);
		assert_int_equal(k.calls, 2);
		assert_int_equal(X509_CRL_verify(crl, key_evp_public(key)), 1);
		assert_int_equal(X509_check_private_key(cert, key_evp(key)), 1);
		assert_int_equal(k.calls, 2);
		ASN1_TIME_free(now);
		key_freep(&key);
		testkey_wipe(&k);
	}
	testca_wipe(&ca);
}

static void
sign_and_verify(struct key *key, const EVP_MD *md, bool pieces)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *s = EVP_MD_CTX_new();
	CLEAN(md_ctx_freep) EVP_MD_CTX *v = EVP_MD_CTX_new();
	static const unsigned char text[] = "what is signed";
	unsigned char sig[KEY_SIG_MAX];
	size_t len = 0;

	assert_int_equal(EVP_DigestSignInit(s, NULL, md, NULL, key_evp(key)), 1);
	if (pieces) {
		assert_int_equal(EVP_DigestSignUpdate(s, text, 4), 1);
		assert_int_equal(EVP_DigestSignUpdate(s, text + 4, sizeof(text) - 4), 1);
		assert_int_equal(EVP_DigestSignFinal(s, NULL, &len), 1);
		assert_true(len <= sizeof(sig));
		assert_int_equal(EVP_DigestSignFinal(s, sig, &len), 1);
	} else {
		assert_int_equal(EVP_DigestSign(s, NULL, &len, text, sizeof(text)), 1);
		assert_true(len <= sizeof(sig));
		assert_int_equal(EVP_DigestSign(s, sig, &len, text, sizeof(text)), 1);
	}
	assert_int_equal(EVP_DigestVerifyInit(v, NULL, md, NULL, key_evp_public(key)), 1);
	assert_int_equal(EVP_DigestVerify(v, sig, len, text, sizeof(text)), 1);
}

static void
any_digest_fits_any_curve(void **state)
{
	const EVP_MD *md[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
	size_t i, j;

	(void)state;
	for (i = 0; i < N_KINDS; i++) {
		CLEAN(key_freep) struct key *key = NULL;
		struct testkey k;

		if (kinds[i] == KEY_ED25519)
			continue;
		testkey_new(kinds[i], &k, &key);
		for (j = 0; j < 3; j++) {
			sign_and_verify(key, md[j], false);
			assert_int_equal(k.calls, (int)(2 * j + 1));
			sign_and_verify(key, md[j], true);
			assert_int_equal(k.calls, (int)(2 * j + 2));
			if (is_ec(kinds[i]))
				assert_int_equal(k.in_len, kinds[i] == KEY_P256 ? 32 : 48);
		}
		key_freep(&key);
		testkey_wipe(&k);
	}
}

static void
pss_is_padded_as_openssl_verifies_it(void **state)
{
	const EVP_MD *md[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
	CLEAN(key_freep) struct key *key = NULL;
	struct testkey k;
	size_t i;

	(void)state;
	testkey_new(KEY_RSA2048, &k, &key);
	for (i = 0; i < 3; i++) {
		CLEAN(md_ctx_freep) EVP_MD_CTX *s = EVP_MD_CTX_new();
		CLEAN(md_ctx_freep) EVP_MD_CTX *v = EVP_MD_CTX_new();
		unsigned char sig[256];
		size_t len = sizeof(sig);
		EVP_PKEY_CTX *ctx;

		assert_int_equal(EVP_DigestSignInit(s, &ctx, md[i], NULL, key_evp(key)), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 7) <= 0);
		assert_int_equal(EVP_DigestSign(s, sig, &len, (const unsigned char *)"x", 1), 1);
		assert_int_equal(
		    EVP_DigestVerifyInit(v, &ctx, md[i], NULL, key_evp_public(key)), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
		assert_int_equal(EVP_DigestVerify(v, sig, len, (const unsigned char *)"x", 1), 1);
		assert_int_equal(k.calls, (int)i + 1);
	}
	ERR_clear_error();
	key_freep(&key);
	testkey_wipe(&k);
}

static void
ed25519_signs_the_message_whole(void **state)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *s = EVP_MD_CTX_new();
	CLEAN(key_freep) struct key *key = NULL;
	struct testkey k;
	size_t len = 64;
	unsigned char sig[64];

	(void)state;
	testkey_new(KEY_ED25519, &k, &key);
	sign_and_verify(key, NULL, false);
	assert_int_equal(k.calls, 1);
	assert_int_equal(EVP_DigestSignInit(s, NULL, NULL, NULL, key_evp(key)), 1);
	assert_int_not_equal(EVP_DigestSignUpdate(s, "x", 1), 1);
	assert_int_not_equal(EVP_DigestSignFinal(s, sig, &len), 1);
	assert_int_equal(k.calls, 1);
	ERR_clear_error();
	key_freep(&key);
	testkey_wipe(&k);
}

static void
weak_digests_are_refused_before_the_key(void **state)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *s = EVP_MD_CTX_new();
	CLEAN(key_freep) struct key *key = NULL;
	struct testkey k;

	(void)state;
	testkey_new(KEY_P256, &k, &key);
	assert_int_not_equal(EVP_DigestSignInit(s, NULL, EVP_sha1(), NULL, key_evp(key)), 1);
	assert_int_equal(k.calls, 0);
	ERR_clear_error();
	key_freep(&key);
	testkey_wipe(&k);
}

static void
the_callbacks_error_comes_through(void **state)
{
	static const int codes[] = {ERR_TOUCH, ERR_PIN, ERR_GONE, ERR_BLOCKED};
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(blob_wipe) struct blob der = {0};
	struct err err = ERR_INIT;
	struct testkey k;
	size_t i;

	(void)state;
	testkey_new(KEY_P256, &k, &key);
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		k.fail = codes[i];
		k.calls = 0;
		assert_int_equal(csr_make(key, "alice", &der, &err), codes[i]);
		assert_int_equal(err.code, codes[i]);
		assert_string_equal(err.text, "the test's key fails");
		assert_int_equal(k.calls, 1);
		assert_null(der.data);
		assert_int_equal(ERR_peek_error(), 0);
	}
	k.fail = 0;
	assert_int_equal(csr_make(key, "alice", &der, &err), 0);
	assert_null(key_error(key));
	key_freep(&key);
	testkey_wipe(&k);
}

static void
nonsense_from_the_callback_is_no_signature(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_KINDS; i++) {
		CLEAN(key_freep) struct key *key = NULL;
		CLEAN(blob_wipe) struct blob der = {0};
		struct err err = ERR_INIT;
		struct testkey k;

		testkey_new(kinds[i], &k, &key);
		k.garbage = true;
		assert_int_equal(csr_make(key, "alice", &der, &err), ERR_INTERNAL);
		assert_non_null(key_error(key));
		assert_null(der.data);
		key_freep(&key);
		testkey_wipe(&k);
	}
}

static void
two_keys_do_not_mix(void **state)
{
	CLEAN(key_freep) struct key *a = NULL;
	CLEAN(key_freep) struct key *b = NULL;
	CLEAN(key_freep) struct key *soft = NULL;
	struct err err = ERR_INIT;
	struct testkey ka, kb;

	(void)state;
	testkey_new(KEY_P256, &ka, &a);
	testkey_new(KEY_P256, &kb, &b);
	assert_int_equal(key_generate(KEY_P256, &soft, &err), 0);
	sign_and_verify(a, EVP_sha256(), false);
	sign_and_verify(b, EVP_sha256(), false);
	sign_and_verify(soft, EVP_sha256(), false);
	sign_and_verify(a, EVP_sha256(), true);
	assert_int_equal(ka.calls, 2);
	assert_int_equal(kb.calls, 1);
	assert_int_not_equal(EVP_PKEY_eq(key_evp(a), key_evp(b)), 1);
	assert_int_equal(EVP_PKEY_eq(key_evp(a), key_evp_public(a)), 1);
	kb.fail = ERR_TOUCH;
	assert_null(key_error(a));
	key_freep(&a);
	key_freep(&b);
	testkey_wipe(&ka);
	testkey_wipe(&kb);
}

static int
never(void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *sig_len, struct err *err)
{
	(void)ctx;
	(void)in;
	(void)in_len;
	(void)sig;
	(void)sig_len;
	return err_set(err, ERR_INTERNAL, "not to be called");
}

static void
count_free(void *ctx)
{
	(*(int *)ctx)++;
}

static void
what_is_not_a_known_public_key_is_refused(void **state)
{
	static const struct key_ops ops = {.sign = never, .free = count_free};
	CLEAN(key_freep) struct key *soft = NULL;
	CLEAN(blob_wipe) struct blob spki = {0};
	struct key *key = NULL;
	struct err err = ERR_INIT;
	int freed = 0;

	(void)state;
	assert_int_equal(key_generate(KEY_P256, &soft, &err), 0);
	assert_int_equal(key_spki(soft, &spki, &err), 0);
	assert_int_equal(key_extern(spki.data, spki.len - 1, &ops, &freed, &key, &err), ERR_FIT);
	assert_int_equal(freed, 1);
	spki.data[spki.len - 1] ^= 1; /* not on the curve any more */
	assert_int_equal(key_extern(spki.data, spki.len, &ops, &freed, &key, &err), ERR_FIT);
	assert_int_equal(freed, 2);
	assert_null(key);
}

static void
x25519_cannot_sign(void **state)
{
	static const struct key_ops ops = {.sign = never, .free = count_free};
	CLEAN(pkey_freep) EVP_PKEY *x = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	struct key *key = NULL;
	struct err err = ERR_INIT;
	int freed = 0, len = i2d_PUBKEY(x, &der);

	(void)state;
	assert_int_equal(evp_spki_alg(der, (size_t)len), KEY_X25519);
	assert_int_equal(key_extern(der, (size_t)len, &ops, &freed, &key, &err), ERR_FIT);
	assert_int_equal(freed, 1);
	assert_int_equal(key_generate(KEY_X25519, &key, &err), ERR_INTERNAL);
}

static void
every_kind_is_recognised(void **state)
{
	static const enum key_alg all[] = {
	    KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA2048, KEY_RSA3072};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		CLEAN(key_freep) struct key *key = NULL;
		CLEAN(blob_wipe) struct blob spki = {0};
		struct err err = ERR_INIT;

		assert_int_equal(key_generate(all[i], &key, &err), 0);
		assert_int_equal(key_algorithm(key), all[i]);
		assert_int_equal(key_spki(key, &spki, &err), 0);
		assert_true(spki.len <= 600);
		assert_int_equal(evp_spki_alg(spki.data, spki.len), all[i]);
	}
}

static void
signing_costs_little_beside_the_callback(void **state)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct testkey k;
	clock_t start, ours, native; /* us of the processor */
	int i;

	(void)state;
	testkey_new(KEY_P256, &k, &key);
	start = clock();
	for (i = 0; i < 500; i++)
		sign_and_verify(key, EVP_sha256(), false);
	ours = (clock() - start) / 500;
	key_freep(&key);
	testkey_wipe(&k);
	assert_int_equal(key_generate(KEY_P256, &key, NULL), 0);
	start = clock();
	for (i = 0; i < 500; i++)
		sign_and_verify(key, EVP_sha256(), false);
	native = (clock() - start) / 500;
	print_message("sign and verify: %ld us here, %ld us natively\n", (long)ours, (long)native);
	assert_true(ours < native + 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_those_of_ykman),
	    cmocka_unit_test(a_request_asks_the_key_once),
	    cmocka_unit_test(a_certificate_and_a_crl_ask_the_key_once),
	    cmocka_unit_test(any_digest_fits_any_curve),
	    cmocka_unit_test(pss_is_padded_as_openssl_verifies_it),
	    cmocka_unit_test(ed25519_signs_the_message_whole),
	    cmocka_unit_test(weak_digests_are_refused_before_the_key),
	    cmocka_unit_test(the_callbacks_error_comes_through),
	    cmocka_unit_test(nonsense_from_the_callback_is_no_signature),
	    cmocka_unit_test(two_keys_do_not_mix),
	    cmocka_unit_test(what_is_not_a_known_public_key_is_refused),
	    cmocka_unit_test(x25519_cannot_sign),
	    cmocka_unit_test(every_kind_is_recognised),
	    cmocka_unit_test(signing_costs_little_beside_the_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
