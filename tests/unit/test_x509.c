/* SPDX-License-Identifier: BSD-2-Clause */
/* Are requests, certificates and CRLs read as they are, and verified when they hold? */
#include "testca.h"

#include <string.h>

#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"

#define SERIAL 0x1234

struct scene {
	struct testca ca;
	struct key *key;
	struct blob cert, crl;
};

static void
scene_wipe(struct scene *s)
{
	key_freep(&s->key);
	testca_wipe(&s->ca);
	blob_wipe(&s->cert);
	blob_wipe(&s->crl);
}

static void
set(struct scene *s)
{
	const int64_t now = utc_now();

	testca_init(&s->ca, "Test CA");
	assert_int_equal(key_generate(KEY_P256, &s->key, NULL), 0);
	testca_issue(&s->ca, key_evp_public(s->key), SERIAL, &s->cert);
	testca_crl(&s->ca, s->ca.key, 0, now - 60, now + TESTCA_DAY, &s->crl);
}

/* ---- requests ---- */

static int
read_csr(const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob spki = {0};
	enum key_alg alg = KEY_NONE;
	int rc;

	*err = (struct err)ERR_INIT;
	rc = csr_read(der->data, der->len, &spki, &alg, err);
	assert_int_equal(alg, rc == 0 ? KEY_P256 : KEY_NONE);
	assert_int_equal(spki.len == 0, rc != 0);
	return rc;
}

static void
a_request_with_bytes_behind_it_is_refused(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	struct err err = ERR_INIT;

	(void)state;
	set(&s);
	assert_int_equal(csr_make(s.key, "Zo\xc3\xab \xe2\x82\xac", &der, &err), 0);
	assert_int_equal(read_csr(&der, &err), 0);
	assert_int_equal(blob_append(&der, "\0", 1, NULL), 0);
	assert_int_equal(read_csr(&der, &err), ERR_FIT);
	der.len -= 2;
	assert_int_equal(read_csr(&der, &err), ERR_FIT);
	der.len = 0;
	assert_int_equal(read_csr(&der, &err), ERR_FIT);
}

static void
a_request_signed_by_another_key_is_refused(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	struct err err = ERR_INIT;
	uint8_t *cn;

	(void)state;
	set(&s);
	assert_int_equal(csr_make(s.key, "alice", &der, &err), 0);
	cn = memmem(der.data, der.len, "alice", 5);
	assert_non_null(cn);
	cn[0] = 'm';
	assert_int_equal(read_csr(&der, &err), ERR_FIT);
}

static void
a_request_for_a_key_of_another_kind_is_refused(void **state)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	CLEAN(pkey_freep) EVP_PKEY *key = EVP_EC_gen("secp256k1");
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	CLEAN(blob_wipe) struct blob b = {0};
	struct err err;
	int len;

	(void)state;
	assert_true(X509_REQ_set_version(req, 0));
	assert_true(X509_REQ_set_pubkey(req, key));
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	assert_true((len = i2d_X509_REQ(req, &der)) > 0);
	assert_int_equal(blob_set(&b, der, (size_t)len, NULL), 0);
	assert_int_equal(read_csr(&b, &err), ERR_FIT);
}

/* ---- reading ---- */

static void
a_certificate_says_what_is_in_it(void **state)
{
	static const uint8_t serial[] = {0x12, 0x34};
	CLEAN(scene_wipe) struct scene s = {0};
	CLEAN(blob_wipe) struct blob spki = {0};
	CLEAN(blob_wipe) struct blob want = {0};
	struct cert_info info;
	struct err err = ERR_INIT;
	uint8_t sha[X509_SHA256_LEN];

	(void)state;
	set(&s);
	assert_int_equal(cert_read(s.cert.data, s.cert.len, &info, &err), 0);
	assert_string_equal(info.subject, "CN=alice");
	assert_string_equal(info.issuer, "CN=Test CA");
	assert_int_equal(info.serial_len, 2);
	assert_memory_equal(info.serial, serial, 2);
	assert_int_equal(info.alg, KEY_P256);
	assert_true(info.not_before <= utc_now() && info.not_after > utc_now());
	assert_int_equal(cert_spki(s.cert.data, s.cert.len, &spki, &err), 0);
	assert_int_equal(key_spki(s.key, &want, &err), 0);
	assert_true(blob_equal(&spki, &want));
	assert_int_equal(x509_sha256(&spki, sha, &err), 0);
	assert_memory_equal(sha, info.spki_sha256, sizeof(sha));
	assert_int_equal(x509_sha256(&s.cert, sha, &err), 0);
	assert_memory_equal(sha, info.sha256, sizeof(sha));
}

static void
names_in_utf8_print_as_themselves(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	struct test_cert spec = {
	    .subject = "J\xc3\xb6rgen, \x1b[31m\xe2\x80\xae\xef\xbf\xbf", .issuer = "x"};
	struct cert_info info;

	(void)state;
	set(&s);
	spec.pub = spec.signer = s.ca.key;
	testca_cert(&spec, &der);
	assert_int_equal(cert_read(der.data, der.len, &info, NULL), 0);
	assert_string_equal(info.subject, "CN=Jörgen\\, \\1B[31m\\E2\\80\\AE\\EF\\BF\\BF");
}

static void
what_is_not_one_certificate_is_refused(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct cert_info info = {.serial_len = 99};
	struct crl_info crl;
	struct err err = ERR_INIT;

	(void)state;
	set(&s);
	assert_int_equal(cert_read(s.cert.data, s.cert.len - 1, &info, &err), ERR_FIT);
	assert_int_equal(cert_read(s.crl.data, s.crl.len, &info, &err), ERR_FIT);
	assert_int_equal(cert_read(NULL, 0, &info, &err), ERR_FIT);
	assert_int_equal(blob_append(&s.cert, "\0", 1, NULL), 0);
	assert_int_equal(cert_read(s.cert.data, s.cert.len, &info, &err), ERR_FIT);
	assert_int_equal(info.serial_len, 99);
	assert_int_equal(crl_read(s.cert.data, s.cert.len, &crl, &err), ERR_FIT);
	assert_int_equal(blob_append(&s.crl, "\0", 1, NULL), 0);
	assert_int_equal(crl_read(s.crl.data, s.crl.len, &crl, &err), ERR_FIT);
}

static void
a_crl_says_what_is_in_it(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	const int64_t now = utc_now();
	struct crl_info info;

	(void)state;
	set(&s);
	testca_crl(&s.ca, s.ca.key, SERIAL, now - 5, now + 5, &s.crl);
	assert_int_equal(crl_read(s.crl.data, s.crl.len, &info, NULL), 0);
	assert_int_equal(info.this_update, now - 5);
	assert_int_equal(info.next_update, now + 5);
	assert_int_equal(info.number, 7);
	assert_int_equal(info.entries, 1);
	assert_string_equal(info.issuer, "CN=Test CA");
}

static void
pem_goes_there_and_back(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	CLEAN(blob_wipe) struct blob pem = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	struct err err = ERR_INIT;

	(void)state;
	set(&s);
	assert_int_equal(cert_from_pem(&pem, &der, &err), ERR_FIT);
	assert_int_equal(pem_put(&s.crl, PEM_CRL, &pem, &err), 0);
	assert_int_equal(cert_from_pem(&pem, &der, &err), ERR_FIT);
	assert_int_equal(pem_put(&s.cert, PEM_CERT, &pem, &err), 0); /* behind the CRL */
	assert_int_equal(pem_put(&s.ca.der, PEM_CERT, &pem, &err), 0);
	assert_int_equal(cert_from_pem(&pem, &der, &err), 0);
	assert_true(blob_equal(&der, &s.cert));
	assert_memory_equal(pem.data, "-----BEGIN X509 CRL-----\n", 25);
	assert_int_equal(pem.data[pem.len - 1], '\n');
}

/* ---- verification ---- */

static int
verify(const struct scene *s, int64_t at, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return testca_verify(&s->cert, &s->ca.der, 1, &s->crl, 1, at, err);
}

static void
a_good_certificate_verifies(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct err err;

	(void)state;
	set(&s);
	assert_int_equal(verify(&s, utc_now(), &err), 0);
}

static void
time_is_looked_at(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	const int64_t now = utc_now();
	struct err err;

	(void)state;
	set(&s);
	assert_int_equal(verify(&s, now + 20 * TESTCA_DAY, &err), ERR_PROOF);
	assert_int_equal(verify(&s, now - 20 * TESTCA_DAY, &err), ERR_PROOF);
	assert_int_equal(verify(&s, now + 2 * TESTCA_DAY, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "CRL has expired"));
}

static void
a_revoked_certificate_does_not_verify(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	const int64_t now = utc_now();
	struct err err;

	(void)state;
	set(&s);
	testca_crl(&s.ca, s.ca.key, SERIAL, now - 60, now + 60, &s.crl);
	assert_int_equal(verify(&s, now, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "certificate revoked"));
	testca_crl(&s.ca, s.ca.key, SERIAL + 1, now - 60, now + 60, &s.crl);
	assert_int_equal(verify(&s, now, &err), 0);
}

static void
a_crl_that_the_ca_did_not_sign_does_not_count(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	CLEAN(pkey_freep) EVP_PKEY *other = EVP_EC_gen("P-256");
	const int64_t now = utc_now();
	struct err err;

	(void)state;
	set(&s);
	testca_crl(&s.ca, other, 0, now - 60, now + 60, &s.crl);
	assert_int_equal(verify(&s, now, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "CRL signature failure"));
	assert_int_equal(testca_verify(&s.cert, &s.ca.der, 1, NULL, 0, now, &err), ERR_PROOF);
	assert_non_null(strstr(err.text, "unable to get certificate CRL"));
}

static void
a_certificate_of_another_ca_does_not_verify(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	struct testca other;
	struct err err;

	(void)state;
	set(&s);
	testca_init(&other, "Test CA");
	testca_issue(&other, key_evp_public(s.key), SERIAL, &s.cert);
	assert_int_equal(verify(&s, utc_now(), &err), ERR_PROOF);
	testca_wipe(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_with_bytes_behind_it_is_refused),
	    cmocka_unit_test(a_request_signed_by_another_key_is_refused),
	    cmocka_unit_test(a_request_for_a_key_of_another_kind_is_refused),
	    cmocka_unit_test(a_certificate_says_what_is_in_it),
	    cmocka_unit_test(names_in_utf8_print_as_themselves),
	    cmocka_unit_test(what_is_not_one_certificate_is_refused),
	    cmocka_unit_test(a_crl_says_what_is_in_it),
	    cmocka_unit_test(pem_goes_there_and_back),
	    cmocka_unit_test(a_good_certificate_verifies),
	    cmocka_unit_test(time_is_looked_at),
	    cmocka_unit_test(a_revoked_certificate_does_not_verify),
	    cmocka_unit_test(a_crl_that_the_ca_did_not_sign_does_not_count),
	    cmocka_unit_test(a_certificate_of_another_ca_does_not_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
