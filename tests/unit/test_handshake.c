/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a login proved only when the server let the client in, and is the reason told when not? */
#include "testca.h"

#include <string.h>
#include <time.h>

#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"

#define SERIAL 4711

struct scene {
	struct testca ca;
	struct testkey k;
	struct key *key;
	struct blob cert, crl;
};

static void
scene_wipe(struct scene *s)
{
	key_freep(&s->key);
	testkey_wipe(&s->k);
	testca_wipe(&s->ca);
	blob_wipe(&s->cert);
	blob_wipe(&s->crl);
}

static void
set(struct scene *s, enum key_alg alg)
{
	const int64_t now = utc_now();

	testca_init(&s->ca, "Login CA");
	testkey_new(alg, &s->k, &s->key);
	testca_issue(&s->ca, key_evp_public(s->key), SERIAL, &s->cert);
	testca_crl(&s->ca, s->ca.key, 0, now - 60, now + TESTCA_DAY, &s->crl);
}

static int
prove(struct scene *s, const struct blob *cas, struct handshake_result *ret, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return handshake_prove(s->key, &s->cert, cas, 1, &s->crl, 1, ret, err);
}

static void
a_good_login_is_proved_and_signs_once(void **state)
{
	static const struct {
		enum key_alg alg;
		const char *signature;
	} rows[] = {
	    {KEY_P256, "ecdsa_secp256r1_sha256"},
	    {KEY_P384, "ecdsa_secp384r1_sha384"},
	    {KEY_ED25519, "ed25519"},
	    {KEY_RSA2048, "rsa_pss_rsae_sha256"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(scene_wipe) struct scene s = {0};
		struct handshake_result r;
		uint8_t sha[X509_SHA256_LEN];
		struct err err;

		set(&s, rows[i].alg);
		assert_int_equal(prove(&s, &s.ca.der, &r, &err), 0);
		assert_int_equal(s.k.calls, 1);
		assert_string_equal(r.protocol, "TLSv1.3");
		assert_string_equal(r.signature, rows[i].signature);
		assert_true(strlen(r.cipher) > 0);
		assert_int_equal(x509_sha256(&s.cert, sha, &err), 0);
		assert_memory_equal(r.peer_sha256, sha, sizeof(sha));
	}
}

static void
a_revoked_certificate_is_refused_and_named_so(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct handshake_result r = {.protocol = "untouched"};
	struct err err;

	(void)state;
	set(&s, KEY_P256);
	testca_crl(&s.ca, s.ca.key, SERIAL, utc_now() - 60, utc_now() + 60, &s.crl);
	assert_int_equal(prove(&s, &s.ca.der, &r, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "certificate revoked"));
	assert_string_equal(r.protocol, "untouched");
}

static void
an_expired_crl_is_refused_and_named_so(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct handshake_result r;
	struct err err;

	(void)state;
	set(&s, KEY_P256);
	testca_crl(&s.ca, s.ca.key, 0, utc_now() - 120, utc_now() - 60, &s.crl);
	assert_int_equal(prove(&s, &s.ca.der, &r, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "CRL has expired"));
}

static void
no_crl_is_refused(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct handshake_result r;
	struct err err = ERR_INIT;

	(void)state;
	set(&s, KEY_P256);
	assert_int_equal(
	    handshake_prove(s.key, &s.cert, &s.ca.der, 1, NULL, 0, &r, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "CRL"));
}

static void
a_certificate_of_another_ca_is_refused(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct testca other;
	struct handshake_result r;
	struct err err;

	(void)state;
	set(&s, KEY_P256);
	testca_init(&other, "Other CA");
	assert_int_equal(prove(&s, &other.der, &r, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "issuer"));
	testca_wipe(&other);
	testca_init(&other, "Login CA"); /* its name, another key */
	assert_int_equal(prove(&s, &other.der, &r, &err), ERR_PROOF);
	testca_wipe(&other);
}

static void
a_certificate_for_another_key_is_refused_before_the_key_is_asked(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct handshake_result r;
	struct err err;

	(void)state;
	set(&s, KEY_P256);
	testca_issue(&s.ca, s.ca.key, SERIAL, &s.cert);
	assert_int_equal(prove(&s, &s.ca.der, &r, &err), ERR_PROOF);
	assert_int_equal(s.k.calls, 0);
}

static void
a_signature_by_another_key_is_refused(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct handshake_result r;
	struct err err;

	(void)state;
	set(&s, KEY_P256);
	EVP_PKEY_free(s.k.evp);
	s.k.evp = EVP_EC_gen("P-256");
	assert_int_equal(prove(&s, &s.ca.der, &r, &err), ERR_PROOF);
	assert_int_equal(s.k.calls, 1);
}

static void
a_server_certificate_is_no_login(void **state)
{
	static const struct test_ext ext[] = {
	    {.name = "keyUsage", .text = "critical,digitalSignature"},
	    {.name = "extendedKeyUsage", .text = "serverAuth"},
	};
	CLEAN(scene_wipe) struct scene s = {0};
	struct test_cert spec = {.subject = "alice", .issuer = "Login CA", .ext = ext, .n_ext = 2};
	struct handshake_result r;
	struct err err;

	(void)state;
	set(&s, KEY_P256);
	spec.pub = key_evp_public(s.key);
	spec.signer = s.ca.key;
	testca_cert(&spec, &s.cert);
	assert_int_equal(prove(&s, &s.ca.der, &r, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "purpose"));
}

static void
the_keys_own_error_is_the_result(void **state)
{
	static const int codes[] = {ERR_TOUCH, ERR_GONE, ERR_PIN};
	CLEAN(scene_wipe) struct scene s = {0};
	struct handshake_result r;
	struct err err;
	size_t i;

	(void)state;
	set(&s, KEY_P256);
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		s.k.fail = codes[i];
		s.k.calls = 0;
		assert_int_equal(prove(&s, &s.ca.der, &r, &err), codes[i]);
		assert_int_equal(err.code, codes[i]);
		assert_int_equal(s.k.calls, 1);
	}
	s.k.fail = 0;
	assert_int_equal(prove(&s, &s.ca.der, &r, &err), 0);
}

static void
a_handshake_takes_a_few_milliseconds(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct handshake_result r;
	struct err err;
	clock_t start, each; /* us: POSIX's CLOCKS_PER_SEC */
	int i;

	(void)state;
	set(&s, KEY_P256);
	assert_int_equal(prove(&s, &s.ca.der, &r, &err), 0);
	start = clock();
	for (i = 0; i < 20; i++)
		assert_int_equal(prove(&s, &s.ca.der, &r, &err), 0);
	each = (clock() - start) / 20;
	print_message("a handshake: %ld us of the processor\n", (long)each);
	assert_true(each < 100000); /* generous: sanitizers */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_login_is_proved_and_signs_once),
	    cmocka_unit_test(a_revoked_certificate_is_refused_and_named_so),
	    cmocka_unit_test(an_expired_crl_is_refused_and_named_so),
	    cmocka_unit_test(no_crl_is_refused),
	    cmocka_unit_test(a_certificate_of_another_ca_is_refused),
	    cmocka_unit_test(a_certificate_for_another_key_is_refused_before_the_key_is_asked),
	    cmocka_unit_test(a_signature_by_another_key_is_refused),
	    cmocka_unit_test(a_server_certificate_is_no_login),
	    cmocka_unit_test(the_keys_own_error_is_the_result),
	    cmocka_unit_test(a_handshake_takes_a_few_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
