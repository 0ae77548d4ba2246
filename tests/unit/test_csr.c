/* SPDX-License-Identifier: BSD-2-Clause */
/* Do requests carry the subject, the alternative names and the attestation as they were written? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>

#include "key/ossl.h"
#include "ykenroll/x509.h"

static X509_REQ *
build(const struct csr_fields *fields)
{
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(blob_wipe) struct blob spki = {0};
	struct err err = ERR_INIT;
	const uint8_t *p;
	enum key_alg alg;
	X509_REQ *req;

	assert_int_equal(key_generate(KEY_P256, &key, &err), 0);
	if (csr_build(key, fields, &der, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(csr_read(der.data, der.len, &spki, &alg, &err), 0);
	p = der.data;
	req = d2i_X509_REQ(NULL, &p, (long)der.len);
	assert_non_null(req);
	return req;
}

/* The subject of a request for this text, in the order of its encoding. */
static void
subject_is(const char *text, const char *expected)
{
	const struct csr_fields fields = {.subject = text};
	CLEAN(req_freep) X509_REQ *req = build(&fields);
	CLEAN(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	char got[512];
	int n;

	X509_NAME_print_ex(bio, X509_REQ_get_subject_name(req), 0,
	    XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ & ~ASN1_STRFLGS_ESC_MSB & ~ASN1_STRFLGS_ESC_QUOTE);
	n = BIO_read(bio, got, sizeof(got) - 1);
	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, expected);
}

static void
subjects_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text, *encoded;
	} cases[] = {
	    {"Alice Adams", "CN=Alice Adams"},
	    {"CN=Alice", "CN=Alice"},
	    {"cn = Alice , o= Example ", "O=Example, CN=Alice"},
	    /* RFC 4514, 4 */
	    {"UID=jsmith,DC=example,DC=net", "DC=net, DC=example, UID=jsmith"},
	    {"OU=Sales+CN=J. Smith,DC=example", "DC=example, OU=Sales + CN=J. Smith"},
	    {"CN=James \\\"Jim\\\" Smith\\, III,DC=net",
		"DC=net, CN=James \\\"Jim\\\" Smith\\, III"},
	    {"CN=Lu\\C4\\8Di\\C4\\87", "CN=Lu\xc4\x8di\xc4\x87"},
	    {"CN=Zo\xc3\xab", "CN=Zo\xc3\xab"},
	    {"2.5.4.3=Bob", "CN=Bob"},
	    {"/C=AT/O=Example/CN=Bob", "C=AT, O=Example, CN=Bob"},
	    {"/C=AT/O=Example/CN=Bob/", "C=AT, O=Example, CN=Bob"},
	    {"/O=A, B + C/CN=x\\/y", "O=A\\, B \\+ C, CN=x/y"},
	    {"CN=a/b", "CN=a/b"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		subject_is(cases[i].text, cases[i].encoded);
}

static void
what_is_no_subject_is_refused(void **state)
{
	static const char *const texts[] = {"XX=Alice", "CN=", "CN=Alice,", "CN=Alice,O", "=Alice",
	    "CN=Alice,,O=x", "/CN=Alice//O=x", "/", "CN=#04024869", "CN=\"Alice\"", "CN=Alice\\",
	    "CN=Before\\0dAfter", "CN=a\\00b", "CN=\\ff", "C=Austria", "Alice\033[31m",
	    "CN=\342\200\256Alice", ""};
	struct err err = ERR_INIT;
	char text[2048];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct csr_fields fields = {.subject = texts[i]};

		if (csr_check(&fields, &err) != ERR_USAGE)
			fail_msg("taken for a subject: %s", texts[i]);
	}
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(csr_check(&(struct csr_fields){.subject = text}, &err), ERR_USAGE);
	for (i = 0; i < 40; i++)
		memcpy(text + 5 * i, "CN=x,", 5);
	text[5 * 40 - 1] = '\0';
	assert_int_equal(csr_check(&(struct csr_fields){.subject = text}, &err), ERR_USAGE);
}

static void
alternative_names_are_of_their_kind(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
	    {"email:a@example.org", true},
	    {"EMAIL:a@example.org", true},
	    {"dns:example.org", true},
	    {"uri:urn:uuid:1", true},
	    {"ip:192.0.2.1", true},
	    {"ip:2001:db8::1", true},
	    {"upn:zo\xc3\xab@corp.example", true},
	    {"email:example.org", false},
	    {"email:a@b@c", false},
	    {"email:zo\xc3\xab@example.org", false},
	    {"dns:", false},
	    {"dns:a b", false},
	    {"uri:example", false},
	    {"ip:192.0.2", false},
	    {"upn:alice", false},
	    {"mail:a@example.org", false},
	    {"a@example.org", false},
	    {"", false},
	};
	struct csr_san san;
	struct csr_fields fields = {.subject = "x", .san = &san, .n_san = 1};
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if ((rc = csr_san_parse(cases[i].text, &san, NULL)) == 0)
			rc = csr_check(&fields, NULL);
		if (rc != (cases[i].good ? 0 : ERR_USAGE))
			fail_msg("%s: %d", cases[i].text, rc);
	}
}

static X509_EXTENSION *
extension(const X509_REQ *req, const char *oid, STACK_OF(X509_EXTENSION) * *exts)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int at;

	*exts = X509_REQ_get_extensions((X509_REQ *)(uintptr_t)req);
	at = X509v3_get_ext_by_OBJ(*exts, object, -1);
	ASN1_OBJECT_free(object);
	return at < 0 ? NULL : X509v3_get_ext(*exts, at);
}

static void
names_without_a_subject_are_critical(void **state)
{
	struct csr_san san = {SAN_UPN, "alice@corp.example"};
	struct csr_fields fields = {.san = &san, .n_san = 1};
	STACK_OF(X509_EXTENSION) *exts = NULL;
	X509_EXTENSION *ext;
	int pass;

	(void)state;
	for (pass = 0; pass < 2; pass++) {
		CLEAN(req_freep) X509_REQ *req = build(&fields);

		ext = extension(req, "2.5.29.17", &exts);
		assert_non_null(ext);
		assert_int_equal(X509_EXTENSION_get_critical(ext), pass == 0);
		sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
		fields.subject = "Alice";
	}
}

static void
the_attestation_is_carried_as_it_is(void **state)
{
	static const char *const oids[] = {"1.3.6.1.4.1.41482.3.1", "1.3.6.1.4.1.41482.3.2"};
	uint8_t bytes[2][3] = {{0x30, 1, 2}, {0x30, 3, 4}};
	const struct blob blobs[2] = {{bytes[0], 3}, {bytes[1], 3}};
	const struct csr_fields fields = {
	    .subject = "Alice", .attestation = &blobs[0], .f9 = &blobs[1]};
	CLEAN(req_freep) X509_REQ *req = build(&fields);
	STACK_OF(X509_EXTENSION) *exts = NULL;
	const ASN1_OCTET_STRING *data;
	X509_EXTENSION *ext;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		ext = extension(req, oids[i], &exts);
		assert_non_null(ext);
		data = X509_EXTENSION_get_data(ext);
		assert_int_equal(ASN1_STRING_length(data), 3);
		assert_memory_equal(ASN1_STRING_get0_data(data), bytes[i], 3);
		sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	}
}

/* ---- weak keys ---- */

/* A prime of that many bits: the next one from there on in that step. */
static void
next_prime(BIGNUM *p, const BIGNUM *step, BN_CTX *ctx)
{
	do
		assert_true(BN_add(p, p, step));
	while (BN_check_prime(p, ctx, NULL) != 1);
}

/* As ROCA's library made them: k * M + (65537^a mod M), M the product of the first primes. */
static void
roca_prime(BIGNUM *p, BN_CTX *ctx)
{
	BIGNUM *m = BN_new(), *two = BN_new(), *power = BN_new(), *a = BN_new();
	int i;

	assert_true(BN_set_word(m, 1) && BN_set_word(two, 1) && BN_set_word(power, 65537));
	for (i = 0; i < 39; i++) {
		next_prime(two, BN_value_one(), ctx);
		assert_true(BN_mul(m, m, two, ctx));
	}
	assert_true(BN_rand(a, 200, -1, 0) && BN_mod_exp(power, power, a, m, ctx));
	assert_true(BN_rand(p, 1024, BN_RAND_TOP_TWO, 0) && BN_div(p, NULL, p, m, ctx) &&
		    BN_mul(p, p, m, ctx) && BN_add(p, p, power));
	next_prime(p, m, ctx);
	BN_free(m);
	BN_free(two);
	BN_free(power);
	BN_free(a);
}

static EVP_PKEY *
rsa(const BIGNUM *p, const BIGNUM *q, BN_ULONG exponent, BN_CTX *ctx)
{
	BIGNUM *n = BN_new(), *e = BN_new(), *d = BN_new(), *phi = BN_new();
	OSSL_PARAM_BLD *params = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM *list;

	assert_true(BN_mul(n, p, q, ctx) && BN_set_word(e, exponent) && BN_sub(phi, n, p) &&
		    BN_sub(phi, phi, q) && BN_add_word(phi, 1) &&
		    BN_mod_inverse(d, e, phi, ctx) != NULL);
	assert_true(OSSL_PARAM_BLD_push_BN(params, "n", n) &&
		    OSSL_PARAM_BLD_push_BN(params, "e", e) &&
		    OSSL_PARAM_BLD_push_BN(params, "d", d));
	list = OSSL_PARAM_BLD_to_param(params);
	assert_true(EVP_PKEY_fromdata_init(make) == 1 &&
		    EVP_PKEY_fromdata(make, &key, EVP_PKEY_KEYPAIR, list) == 1);
	OSSL_PARAM_free(list);
	OSSL_PARAM_BLD_free(params);
	EVP_PKEY_CTX_free(make);
	BN_free(n);
	BN_free(e);
	BN_free(d);
	BN_free(phi);
	return key;
}

static int
read_signed_by(EVP_PKEY *key, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	CLEAN(blob_wipe) struct blob spki = {0};
	unsigned char *der = NULL;
	enum key_alg alg;
	int len, rc;

	assert_true(X509_REQ_set_version(req, X509_REQ_VERSION_1) &&
		    X509_REQ_set_pubkey(req, key) && X509_REQ_sign(req, key, EVP_sha256()) > 0);
	len = i2d_X509_REQ(req, &der);
	assert_true(len > 0);
	rc = csr_read(der, (size_t)len, &spki, &alg, err);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return rc;
}

static void
requests_with_weak_rsa_keys_are_refused(void **state)
{
	BIGNUM *p = BN_new(), *q = BN_new(), *two = BN_new();
	struct err err = ERR_INIT;
	BN_CTX *ctx = BN_CTX_new();

	(void)state;
	BN_set_word(two, 2);
	/* both congruent 2 modulo 3, so that 3 has an inverse */
	assert_true(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL));
	assert_true(BN_generate_prime_ex(q, 1024, 0, NULL, NULL, NULL));
	while (BN_mod_word(p, 3) != 2)
		next_prime(p, two, ctx);
	while (BN_mod_word(q, 3) != 2)
		next_prime(q, two, ctx);
	assert_int_equal(read_signed_by(rsa(p, q, 65537, ctx), &err), 0);
	assert_int_equal(read_signed_by(rsa(p, q, 3, ctx), &err), ERR_FIT);
	assert_non_null(strstr(err.text, "65537"));
	assert_true(BN_copy(q, p) != NULL);
	next_prime(q, two, ctx);
	assert_int_equal(read_signed_by(rsa(p, q, 65537, ctx), &err), ERR_FIT);
	assert_non_null(strstr(err.text, "factors"));
	roca_prime(p, ctx);
	roca_prime(q, ctx);
	assert_int_equal(read_signed_by(rsa(p, q, 65537, ctx), &err), ERR_FIT);
	assert_non_null(strstr(err.text, "CVE-2017-15361"));
	BN_free(p);
	BN_free(q);
	BN_free(two);
	BN_CTX_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(subjects_are_read_as_people_write_them),
	    cmocka_unit_test(what_is_no_subject_is_refused),
	    cmocka_unit_test(alternative_names_are_of_their_kind),
	    cmocka_unit_test(names_without_a_subject_are_critical),
	    cmocka_unit_test(the_attestation_is_carried_as_it_is),
	    cmocka_unit_test(requests_with_weak_rsa_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
