/* SPDX-License-Identifier: BSD-2-Clause */
/* Are attestations refused that are not what a token would say? All made up, under a rehearsal
 * root; the genuine ones are in test_attest_genuine.c. */
#include "testca.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/attest_chain.h"

#define ARC "1.3.6.1.4.1.41482.3."
#define LEAF_CN "YubiKey PIV Attestation 9a"
#define F9_CN "Yubico PIV Attestation"
#define ROOT_CN "Rehearsal Root"

/* ---- a token as it could be ---- */

static const uint8_t fw_5_4_3[] = {5, 4, 3}, fw_5_7_1[] = {5, 7, 1}, fw_4_3_5[] = {4, 3, 5};
static const uint8_t serial_4[] = {2, 4, 0, 0xf0, 0x0f, 0x14};
static const uint8_t serial_5[] = {2, 5, 1, 0, 0xf0, 0x0f, 0x14};
static const uint8_t serial_negative[] = {2, 4, 0x80, 0xf0, 0x0f, 0x14};
static const uint8_t serial_long_length[] = {2, 0x81, 4, 0, 0xf0, 0x0f, 0x14};
static const uint8_t policy[] = {2, 1}, policy_short[] = {2}, policy_odd[] = {9, 1};
static const uint8_t form_nano[] = {0x04}, form_fips[] = {0x81};
static const uint8_t one[] = {2, 1, 1};

#define EXT(n, v)                                           \
	{                                                   \
		.name = ARC n, .der = (v), .len = sizeof(v) \
	}
#define CA_EXT                                                                   \
	{                                                                        \
		.name = "basicConstraints", .text = "critical,CA:TRUE,pathlen:0" \
	}

static const struct test_ext leaf_ext[] = {
    EXT("3", fw_5_4_3), EXT("7", serial_4), EXT("8", policy), EXT("9", form_nano)};
static const struct test_ext f9_ext[] = {EXT("3", fw_5_4_3), CA_EXT};
static const struct test_ext root_ext[] = {{.name = "basicConstraints", .text = "CA:TRUE"}};

struct token {
	EVP_PKEY *root_key, *f9_key, *key;
	struct test_cert root_spec, f9_spec, leaf_spec;
	struct blob root, f9, leaf;
};

static void
token_wipe(struct token *t)
{
	EVP_PKEY_free(t->root_key);
	EVP_PKEY_free(t->f9_key);
	EVP_PKEY_free(t->key);
	blob_wipe(&t->root);
	blob_wipe(&t->f9);
	blob_wipe(&t->leaf);
}

static void
token_new(struct token *t)
{
	t->root_key = EVP_EC_gen("P-256");
	t->f9_key = EVP_EC_gen("P-256");
	t->key = EVP_EC_gen("P-256");
	t->root_spec = (struct test_cert){.subject = ROOT_CN,
	    .issuer = ROOT_CN,
	    .pub = t->root_key,
	    .signer = t->root_key,
	    .ext = root_ext,
	    .n_ext = 1};
	t->f9_spec = (struct test_cert){.subject = F9_CN,
	    .issuer = ROOT_CN,
	    .pub = t->f9_key,
	    .signer = t->root_key,
	    .ext = f9_ext,
	    .n_ext = 2};
	t->leaf_spec = (struct test_cert){.subject = LEAF_CN,
	    .issuer = F9_CN,
	    .pub = t->key,
	    .signer = t->f9_key,
	    .ext = leaf_ext,
	    .n_ext = 4};
}

static int
verify(struct token *t, struct attestation *ret, struct err *err)
{
	const struct attest_trust trust = {.rehearsal_root = &t->root};

	*err = (struct err)ERR_INIT;
	testca_cert(&t->root_spec, &t->root);
	testca_cert(&t->f9_spec, &t->f9);
	testca_cert(&t->leaf_spec, &t->leaf);
	return attest_verify(&t->leaf, &t->f9, &trust, ret, err);
}

static void
refused(struct token *t, const char *why)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	struct err err;

	assert_int_equal(verify(t, &a, &err), ERR_ATTEST);
	assert_int_equal(err.code, ERR_ATTEST);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" is not about \"%s\"", err.text, why);
	assert_null(a.spki.data);
}

static void
an_anchors_key_has_the_published_hash(void **state)
{
	static const char *const hashes[] = {
	    "4b185b7783d792f902cd960cd1c9417977d88d3077b16bc9ebdcef7313f2e29e",
	    "1f43e2b88e964a5d03b8058bbaaced68199c9256200f1bb28eaab2f82a1e06f2",
	    "3b5059f4fe88fb6f265d95bf19e1757b3a831c61c30ed301658d4b61eabff7ac",
	    "0d7f3bf511c9dffab3867aee71fc100c8b01f59f5a7da7cf12203bd0fb4b334a",
	    "1cc0b75bbdd4c555fc51af739a1b2a78f89737916e3dd9d8a0dbd194ccf04742",
	    "55f17a4e9bc54bee96076f516f81c4d85db16a82105b8d4823ce081040c31a0a",
	    "0b137f610ba31167797962eeae04607101df53220aa1d2aa59dc054b92e1ea53",
	};
	const struct attest_anchor *a;
	size_t i, n;

	(void)state;
	a = attest_anchors(&n);
	assert_int_equal(n, sizeof(hashes) / sizeof(hashes[0]));
	for (i = 0; i < n; i++) {
		CLEAN(blob_wipe) struct blob spki = {0};
		uint8_t modulus[256], sha[X509_SHA256_LEN];
		char hex[2 * X509_SHA256_LEN + 1];

		assert_int_equal(text_unhex(a[i].modulus, modulus, sizeof(modulus)), 0);
		assert_int_equal(evp_spki(KEY_RSA2048, modulus, sizeof(modulus), &spki, NULL), 0);
		assert_int_equal(x509_sha256(&spki, sha, NULL), 0);
		text_hex(sha, sizeof(sha), hex);
		assert_string_equal(hex, hashes[i]);
	}
}

/* ---- made up ---- */

static void
a_rehearsal_token_is_accepted_and_marked(void **state)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(token_wipe) struct token t = {0};
	const struct attest_trust none = {0};
	struct err err;

	(void)state;
	token_new(&t);
	assert_int_equal(verify(&t, &a, &err), 0);
	assert_true(a.rehearsal);
	assert_string_equal(a.anchor, "CN=" ROOT_CN);
	assert_int_equal(a.serial, 0xf00f14);
	attestation_wipe(&a);
	assert_int_equal(attest_verify(&t.leaf, &t.f9, &none, &a, &err), ERR_ATTEST);
}

static void
a_signature_by_sha_1_is_none(void **state)
{
	struct test_cert *spec[2];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		CLEAN(token_wipe) struct token t = {0};

		token_new(&t);
		spec[0] = &t.leaf_spec;
		spec[1] = &t.f9_spec;
		spec[i]->sha1 = true;
		refused(&t, "signed");
	}
}

static void
a_leaf_under_another_key_is_refused(void **state)
{
	CLEAN(token_wipe) struct token t = {0};

	(void)state;
	token_new(&t);
	t.leaf_spec.signer = t.key;
	refused(&t, "not signed by this token's f9");
	t.leaf_spec.signer = t.root_key;
	t.leaf_spec.issuer = ROOT_CN; /* directly under the anchor */
	refused(&t, "not signed by this token's f9");
}

static void
an_f9_that_somebody_made_is_refused(void **state)
{
	CLEAN(token_wipe) struct token t = {0};

	(void)state;
	token_new(&t);
	t.f9_spec.signer = t.f9_key; /* the name of the anchor, another key */
	refused(&t, "not signed by a known");
	t.f9_spec.issuer = "Yubico PIV Root CA Serial 263751";
	refused(&t, "not signed by a known");
	t.f9_spec.issuer = "Yubico PIV Attestation B 1";
	refused(&t, "not signed by a known");
}

static void
a_leaf_is_no_f9(void **state)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(token_wipe) struct token t = {0};
	CLEAN(blob_wipe) struct blob forged = {0};
	struct attest_trust trust = {0};
	struct test_cert spec;
	struct err err;

	(void)state;
	token_new(&t);
	assert_int_equal(verify(&t, &a, &err), 0);
	trust.rehearsal_root = &t.root;
	spec = t.leaf_spec;
	spec.issuer = LEAF_CN;
	spec.signer = t.key; /* which the holder has */
	testca_cert(&spec, &forged);
	attestation_wipe(&a);
	assert_int_equal(attest_verify(&forged, &t.leaf, &trust, &a, &err), ERR_ATTEST);
}

static void
an_f9_that_is_no_ca_is_refused(void **state)
{
	static const struct test_ext no_ca[] = {
	    EXT("3", fw_5_4_3), {.name = "basicConstraints", .text = "CA:FALSE"}};
	static const struct test_ext usage[] = {
	    EXT("3", fw_5_4_3), CA_EXT, {.name = "keyUsage", .text = "digitalSignature"}};
	CLEAN(token_wipe) struct token t = {0};

	(void)state;
	token_new(&t);
	t.f9_spec.ext = no_ca;
	refused(&t, "not a CA certificate");
	t.f9_spec.ext = usage;
	t.f9_spec.n_ext = 3;
	refused(&t, "not a CA certificate");
}

static void
an_extension_must_be_there_once_and_well_formed(void **state)
{
	static const struct test_ext nothing[] = {
	    EXT("3", fw_5_4_3), EXT("7", serial_4), EXT("8", policy), EXT("9", form_nano)};
	static const struct {
		size_t replace; /* which one of the leaf; 4: one more */
		struct test_ext by;
		const char *why;
	} rows[] = {
	    {4, EXT("7", serial_4), "twice"},
	    {4, EXT("3", fw_5_4_3), "twice"},
	    {4, {.name = ARC "99", .der = one, .len = 3, .critical = true}, "critical"},
	    {0, EXT("99", one), "firmware"},
	    {0, EXT("3", policy), "firmware"},
	    {0, EXT("3", fw_5_7_1), "firmware 5.7.1"},
	    {1, EXT("99", one), "serial"},
	    {1, EXT("7", serial_5), "serial"},
	    {1, EXT("7", serial_negative), "serial"},
	    {1, EXT("7", serial_long_length), "serial"},
	    {2, EXT("99", one), "policy"},
	    {2, EXT("8", policy_short), "policy"},
	    {2, EXT("8", policy_odd), "policy"},
	    {3, EXT("99", one), "form factor"},
	    {3, EXT("9", policy), "form factor"},
	};
	CLEAN(token_wipe) struct token t = {0};
	struct test_ext ext[5];
	size_t i;

	(void)state;
	token_new(&t);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(ext, nothing, sizeof(nothing));
		ext[rows[i].replace] = rows[i].by;
		t.leaf_spec.ext = ext;
		t.leaf_spec.n_ext = rows[i].replace == 4 ? 5 : 4;
		refused(&t, rows[i].why);
	}
}

static void
only_key_slots_are_named(void **state)
{
	static const char *const names[] = {"YubiKey PIV Attestation f9",
	    "YubiKey PIV Attestation 9b", "YubiKey PIV Attestation", "YubiKey PIV Attestation 9a ",
	    "YubiKey PIV Attestation 9", "Somebody 9a"};
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(token_wipe) struct token t = {0};
	struct err err;
	size_t i;

	(void)state;
	token_new(&t);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		t.leaf_spec.subject = names[i];
		refused(&t, "slot");
	}
	t.leaf_spec.subject = "YubiKey PIV Attestation 82";
	assert_int_equal(verify(&t, &a, &err), 0);
	assert_int_equal(a.slot, 0x82);
}

static void
fips_needs_both_ends_and_cspn_is_in_f9(void **state)
{
	static const struct test_ext leaf[] = {
	    EXT("3", fw_5_4_3), EXT("7", serial_4), EXT("8", policy), EXT("9", form_fips)};
	static const struct test_ext fips[] = {EXT("3", fw_5_4_3), CA_EXT, EXT("10", one)};
	static const struct test_ext cspn[] = {EXT("3", fw_5_4_3), CA_EXT, EXT("11", one)};
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(token_wipe) struct token t = {0};
	struct err err;

	(void)state;
	token_new(&t);
	t.leaf_spec.ext = leaf;
	assert_int_equal(verify(&t, &a, &err), 0);
	assert_false(a.fips || a.cspn);
	assert_int_equal(a.form_factor, 1);
	t.f9_spec.n_ext = 3;
	t.f9_spec.ext = fips;
	attestation_wipe(&a);
	assert_int_equal(verify(&t, &a, &err), 0);
	assert_true(a.fips && !a.cspn);
	t.f9_spec.ext = cspn;
	attestation_wipe(&a);
	assert_int_equal(verify(&t, &a, &err), 0);
	assert_true(!a.fips && a.cspn);
}

static void
firmware_4_says_neither_serial_nor_form(void **state)
{
	static const struct test_ext leaf[] = {EXT("3", fw_4_3_5), EXT("8", policy)};
	static const struct test_ext f9[] = {EXT("3", fw_4_3_5)}; /* not even basicConstraints */
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(token_wipe) struct token t = {0};
	struct err err;

	(void)state;
	token_new(&t);
	t.leaf_spec.ext = leaf;
	t.leaf_spec.n_ext = 2;
	t.f9_spec.ext = f9;
	t.f9_spec.n_ext = 1;
	assert_int_equal(verify(&t, &a, &err), 0);
	assert_int_equal(a.serial, 0);
	assert_int_equal(a.form_factor, 0);
}

static void
bytes_behind_a_certificate_are_refused(void **state)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(token_wipe) struct token t = {0};
	struct attest_trust trust = {0};
	struct err err;

	(void)state;
	token_new(&t);
	assert_int_equal(verify(&t, &a, &err), 0);
	attestation_wipe(&a);
	trust.rehearsal_root = &t.root;
	assert_int_equal(blob_append(&t.leaf, "", 1, NULL), 0);
	assert_int_equal(attest_verify(&t.leaf, &t.f9, &trust, &a, &err), ERR_ATTEST);
	assert_int_equal(err.code, ERR_ATTEST);
}

/* ---- the directory of later intermediates ---- */

static void
save_pem(const char *name, const struct blob *der)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[512];

	assert_int_equal(pem_put(der, PEM_CERT, &pem, NULL), 0);
	assert_int_equal(
	    file_write(test_path(path, sizeof(path), name), pem.data, pem.len, 0600, NULL), 0);
}

static void
an_intermediate_that_no_root_signed_is_not_believed(void **state)
{
	static const struct {
		const char *subject, *issuer;
	} rows[] = {
	    {"Yubico PIV Attestation C 1", "Yubico PIV Attestation C 1"},
	    {"Yubico PIV Attestation C 1", "Yubico Attestation Intermediate B 1"},
	    {"Yubico PIV Attestation B 1", "Yubico Attestation Intermediate B 1"},
	};
	CLEAN(token_wipe) struct token t = {0};
	const struct attest_trust trust = {.intermediates_dir = test_dir()};
	struct test_cert spec;
	size_t i;

	(void)state;
	token_new(&t);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(blob_wipe) struct blob der = {0};
		char anchor[X509_TEXT_MAX];
		struct err err = ERR_INIT;

		spec = t.root_spec;
		spec.subject = rows[i].subject;
		spec.issuer = rows[i].issuer;
		testca_cert(&spec, &der);
		save_pem("later.pem", &der);
		t.f9_spec.issuer = rows[i].subject;
		testca_cert(&t.f9_spec, &t.f9);
		assert_int_equal(attest_check_f9(&t.f9, &trust, anchor, &err), ERR_ATTEST);
		assert_non_null(strstr(err.text, "f9"));
	}
	test_remove_dir();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_anchors_key_has_the_published_hash),
	    cmocka_unit_test(a_rehearsal_token_is_accepted_and_marked),
	    cmocka_unit_test(a_signature_by_sha_1_is_none),
	    cmocka_unit_test(a_leaf_under_another_key_is_refused),
	    cmocka_unit_test(an_f9_that_somebody_made_is_refused),
	    cmocka_unit_test(a_leaf_is_no_f9),
	    cmocka_unit_test(an_f9_that_is_no_ca_is_refused),
	    cmocka_unit_test(an_extension_must_be_there_once_and_well_formed),
	    cmocka_unit_test(only_key_slots_are_named),
	    cmocka_unit_test(fips_needs_both_ends_and_cspn_is_in_f9),
	    cmocka_unit_test(firmware_4_says_neither_serial_nor_form),
	    cmocka_unit_test(bytes_behind_a_certificate_are_refused),
	    cmocka_unit_test(an_intermediate_that_no_root_signed_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
