/* SPDX-License-Identifier: BSD-2-Clause */
/* Are Yubico's genuine attestations accepted? The chains come from TESTDATA; skipped without it. */
#include "testca.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "key/evp.h"
#include "x509/attest_chain.h"

#ifndef TESTDATA
#define TESTDATA ""
#endif

#define GENUINE TESTDATA "/attestation/genuine/"
#define ROOTS TESTDATA "/attestation/roots/"

static void
genuine_attestations_are_accepted(void **state)
{
	static const struct {
		const char *leaf, *f9, *anchor;
		uint8_t firmware[3];
		uint32_t serial;
		uint8_t pin, touch, form;
		enum key_alg alg;
	} rows[] = {
	    {GENUINE "gopiv_ValidChain_key.pem", GENUINE "gopiv_ValidChain_f9.pem",
		"CN=Yubico PIV Root CA Serial 263751", {5, 4, 3}, 15732500, PIN_ONCE, TOUCH_NEVER,
		4, KEY_P256},
	    {GENUINE "tmc_5_2_7_oid11.pem", GENUINE "tmc_5_2_7_oid2.pem",
		"CN=Yubico PIV Root CA Serial 263751", {5, 2, 7}, 15890263, PIN_ONCE, TOUCH_NEVER,
		1, KEY_RSA2048},
	    {GENUINE "tmc_5_7_2_oid11.pem", GENUINE "tmc_5_7_2_oid2.pem",
		"CN=Yubico PIV Root CA Serial 263751", {5, 7, 2}, 30000948, PIN_ONCE, TOUCH_NEVER,
		7, KEY_RSA2048},
	    {GENUINE "tmc_csr_5_7_4_standard_oid1.pem", GENUINE "tmc_csr_5_7_4_standard_oid2.pem",
		"CN=Yubico PIV Attestation B 1", {5, 7, 4}, 33064031, PIN_ONCE, TOUCH_CACHED, 3,
		KEY_P384},
	};
	const struct attest_trust trust = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(attestation_wipe) struct attestation a = {0};
		CLEAN(blob_wipe) struct blob leaf = {0};
		CLEAN(blob_wipe) struct blob f9 = {0};
		char anchor[X509_TEXT_MAX];
		struct err err = ERR_INIT;

		test_read_pem(rows[i].leaf, &leaf);
		test_read_pem(rows[i].f9, &f9);
		assert_int_equal(attest_verify(&leaf, &f9, &trust, &a, &err), 0);
		assert_memory_equal(a.firmware, rows[i].firmware, 3);
		assert_int_equal(a.serial, rows[i].serial);
		assert_int_equal(a.slot, 0x9a);
		assert_int_equal(a.pin_policy, rows[i].pin);
		assert_int_equal(a.touch_policy, rows[i].touch);
		assert_int_equal(a.form_factor, rows[i].form);
		assert_int_equal(a.alg, rows[i].alg);
		assert_string_equal(a.anchor, rows[i].anchor);
		assert_false(a.rehearsal || a.fips || a.cspn);
		assert_int_equal(attest_check_f9(&f9, &trust, anchor, &err), 0);
		assert_string_equal(anchor, rows[i].anchor);
	}
}

static void
an_f9_under_the_u2f_root_is_refused(void **state)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(blob_wipe) struct blob leaf = {0};
	CLEAN(blob_wipe) struct blob f9 = {0};
	const struct attest_trust trust = {0};
	struct err err = ERR_INIT;

	(void)state;
	test_read_pem(GENUINE "gopiv_ValidChain2018_key.pem", &leaf);
	test_read_pem(GENUINE "gopiv_ValidChain2018_f9.pem", &f9);
	assert_int_equal(attest_verify(&leaf, &f9, &trust, &a, &err), ERR_ATTEST);
	assert_non_null(strstr(err.text, "U2F Root"));
}

static void
a_genuine_leaf_does_not_go_with_another_genuine_f9(void **state)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(blob_wipe) struct blob leaf = {0};
	CLEAN(blob_wipe) struct blob f9 = {0};
	const struct attest_trust trust = {0};
	struct err err = ERR_INIT;

	(void)state;
	test_read_pem(GENUINE "tmc_5_2_7_oid11.pem", &leaf);
	test_read_pem(GENUINE "tmc_5_7_2_oid2.pem", &f9);
	assert_int_equal(attest_verify(&leaf, &f9, &trust, &a, &err), ERR_ATTEST);
	assert_non_null(strstr(err.text, "f9"));
}

/* Which certificates of the anchors' own files may stand where an f9 stands? None: those that issue
 * f9 certificates are not issued by one that does. */
static void
an_intermediate_is_no_f9(void **state)
{
	static const char *const files[] = {"Yubico_PIV_Attestation_A_1",
	    "Yubico_PIV_Attestation_B_1", "Yubico_Attestation_Intermediate_A_1", "yubico-ca-1"};
	const struct attest_trust trust = {.intermediates_dir = ROOTS};
	char path[512], anchor[X509_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		CLEAN(blob_wipe) struct blob der = {0};
		struct err err = ERR_INIT;

		snprintf(path, sizeof(path), ROOTS "%s.pem", files[i]);
		test_read_pem(path, &der);
		assert_int_equal(attest_check_f9(&der, &trust, anchor, &err), ERR_ATTEST);
	}
}

static void
the_anchors_are_those_of_the_files(void **state)
{
	static const char *const files[] = {"yubico-piv-ca-1", "yubico-ca-1",
	    "Yubico_Attestation_Intermediate_A_1", "Yubico_Attestation_Intermediate_B_1",
	    "Yubico_PIV_Attestation_A_1", "Yubico_PIV_Attestation_B_1",
	    "Yubico_PIV_Attestation_B2_1"};
	const struct attest_anchor *a;
	size_t i, n;

	(void)state;
	a = attest_anchors(&n);
	assert_int_equal(n, sizeof(files) / sizeof(files[0]));
	for (i = 0; i < n; i++) {
		CLEAN(blob_wipe) struct blob der = {0};
		CLEAN(blob_wipe) struct blob spki = {0}, ours = {0};
		uint8_t modulus[256];
		struct cert_info info;
		char path[512];

		snprintf(path, sizeof(path), ROOTS "%s.pem", files[i]);
		test_read_pem(path, &der);
		assert_int_equal(cert_read(der.data, der.len, &info, NULL), 0);
		assert_memory_equal(info.subject, "CN=", 3);
		assert_string_equal(info.subject + 3, a[i].cn);
		assert_int_equal(cert_spki(der.data, der.len, &spki, NULL), 0);
		assert_int_equal(text_unhex(a[i].modulus, modulus, sizeof(modulus)), 0);
		assert_int_equal(evp_spki(KEY_RSA2048, modulus, sizeof(modulus), &ours, NULL), 0);
		assert_true(blob_equal(&spki, &ours));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(genuine_attestations_are_accepted),
	    cmocka_unit_test(an_f9_under_the_u2f_root_is_refused),
	    cmocka_unit_test(a_genuine_leaf_does_not_go_with_another_genuine_f9),
	    cmocka_unit_test(an_intermediate_is_no_f9),
	    cmocka_unit_test(the_anchors_are_those_of_the_files),
	};

	if (access(GENUINE "gopiv_ValidChain_key.pem", R_OK) != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
