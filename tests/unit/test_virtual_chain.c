/* SPDX-License-Identifier: BSD-2-Clause */
/* Do attestations hang below the CAs that keys of their firmware have, and can keys be swapped? */
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
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "vdriver.h"

#define INTERMEDIATE "TEST_Attestation_Intermediate_B_1"
#define PIV_INTERMEDIATE "TEST_PIV_Attestation_B_1"

static char dir[256];

static int
make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%s/ykvirt-XXXXXX", tmp != NULL ? tmp : "/tmp");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static const char *
in_dir(const char *name)
{
	static char path[2][400];
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static int
remove_dir(void **state)
{
	static const char *const names[] = {"root.pem", "root.key", "root.lock", "f9-rsa2048.key",
	    INTERMEDIATE ".pem", INTERMEDIATE ".key", PIV_INTERMEDIATE ".pem",
	    PIV_INTERMEDIATE ".key", "a", "a.log", "a.lock", "b", "b.log", "b.lock"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	return rmdir(dir);
}

static X509 *
read_pem(const char *name)
{
	FILE *f = fopen(in_dir(name), "r");
	X509 *x = f != NULL ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	if (f != NULL)
		fclose(f);
	return x;
}

static X509 *
certificate(const uint8_t *der, size_t len)
{
	X509 *x = d2i_X509(NULL, &der, (long)len);

	assert_non_null(x);
	return x;
}

static void
assert_subject(X509 *x, const char *want)
{
	char name[128];

	X509_NAME_oneline(X509_get_subject_name(x), name, sizeof(name));
	assert_string_equal(name, want);
}

/* By the root, with these below it. */
static bool
verifies(X509 *leaf, X509 *root, X509 *const *below, size_t n)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	bool ok;

	X509_STORE_add_cert(store, root);
	for (size_t i = 0; i < n; i++)
		sk_X509_push(chain, below[i]);
	X509_STORE_CTX_init(ctx, store, leaf, chain);
	ok = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(chain);
	return ok;
}

static struct vkey *
open_as(const char *firmware, bool rsa)
{
	const struct vkey_config config = {
	    .firmware = firmware, .root_dir = dir, .f9_rsa = rsa, .serial = 0x00BADA55};
	struct vkey *v = vdriver_open(&config);

	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	vdriver_admin(v, firmware);
	assert_int_equal(vdriver_sw(v, "0047009A05AC03800111"), 0x9000);
	return v;
}

static X509 *
attest(struct vkey *v)
{
	struct vdriver_answer a = vdriver_send(v, "00F99A00000000");

	assert_int_equal(a.sw, 0x9000);
	return certificate(a.data, a.len);
}

static X509 *
read_f9(struct vkey *v)
{
	struct vdriver_answer a = vdriver_send(v, "00CB3FFF0000055C035FFF01");

	assert_int_equal(a.sw, 0x9000);
	return certificate(a.data + 8, a.len - 8);
}

static void
from_5_7_4_on_f9_hangs_below_intermediates_that_the_key_does_not_hold(void **state)
{
	struct vkey *v = open_as("5.7.4", true);
	X509 *leaf = attest(v), *root = read_pem("root.pem");
	X509 *below[] = {
	    read_f9(v), read_pem(PIV_INTERMEDIATE ".pem"), read_pem(INTERMEDIATE ".pem")};

	(void)state;
	assert_subject(below[0], "/CN=YubiKey PIV Attestation");
	assert_subject(below[1], "/CN=ykvirt PIV Attestation B 1 (TEST)");
	assert_subject(below[2], "/CN=ykvirt Attestation Intermediate B 1 (TEST)");
	assert_subject(root, "/CN=ykvirt attestation root (TEST)");
	assert_true(verifies(leaf, root, below, 3));
	assert_false(verifies(leaf, root, below, 1));
	assert_int_equal(X509_get_pathlen(root), 3);
	assert_int_equal(X509_get_pathlen(below[2]), 2);
	assert_int_equal(X509_get_pathlen(below[1]), 1);
	assert_int_equal(X509_get_pathlen(below[0]), 0);
	assert_int_equal(X509_get_key_usage(below[0]), UINT32_MAX);
	for (size_t i = 0; i < 3; i++)
		X509_free(below[i]);
	X509_free(leaf);
	X509_free(root);
	vkey_free(v);
}

static void
root_pem_has_the_intermediates_behind_the_root(void **state)
{
	static const char *const files[] = {
	    "root.pem", INTERMEDIATE ".pem", PIV_INTERMEDIATE ".pem"};
	FILE *f;

	(void)state;
	vkey_free(open_as("5.7.4", true));
	vkey_free(open_as("5.7.4", true)); /* which find them there */
	f = fopen(in_dir("root.pem"), "r");
	assert_non_null(f);
	for (size_t i = 0; i < 3; i++) {
		X509 *want = read_pem(files[i]), *x = PEM_read_X509(f, NULL, NULL, NULL);

		assert_non_null(x);
		assert_int_equal(X509_cmp(x, want), 0);
		X509_free(want);
		X509_free(x);
	}
	assert_null(PEM_read_X509(f, NULL, NULL, NULL));
	fclose(f);
	assert_int_not_equal(access(in_dir("root.new"), F_OK), 0);
}

static void
before_the_root_of_the_same_directory_issued_f9_itself(void **state)
{
	struct vkey *v = open_as("5.7.2", true);
	X509 *leaf = attest(v), *root = read_pem("root.pem"), *f9 = read_f9(v);

	(void)state;
	assert_subject(f9, "/CN=Yubico PIV Attestation");
	assert_true(verifies(leaf, root, &f9, 1));
	X509_free(f9);
	X509_free(leaf);
	X509_free(root);
	vkey_free(v);
}

static void
an_rsa_f9_is_the_same_for_all_keys_of_a_directory(void **state)
{
	struct vkey *one = open_as("5.4.3", true), *two = open_as("5.4.3", true);
	struct vdriver_answer a = vdriver_send(one, "00F700F9000000");
	struct vdriver_answer b = vdriver_send(two, "00F700F9000000");

	(void)state;
	assert_memory_equal(a.data, "\x01\x01\x07\x02\x02\x02\x01\x03\x01\x02", 10);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	vkey_free(one);
	vkey_free(two);
}

static void
a_key_of_the_fips_series_says_so_in_f9(void **state)
{
	const struct vkey_config config = {.firmware = "5.4.3", .fips = true, .root_dir = dir};
	struct vkey *v = vdriver_open(&config);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.41482.3.10", 1);
	X509 *f9;

	(void)state;
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	f9 = read_f9(v);
	assert_true(X509_get_ext_by_OBJ(f9, oid, -1) >= 0);
	ASN1_OBJECT_free(oid);
	X509_free(f9);
	vkey_free(v);
}

static struct vkey *
armed(const char *spec_tail)
{
	const struct vkey_config config = {
	    .state = in_dir("a"), .root_dir = dir, .firmware = "5.4.3", .serial = 0x00BADA55};
	struct vkey *v = vdriver_open(&config);
	char spec[400], msg[256] = "";

	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_OK), 0x9000);
	snprintf(spec, sizeof(spec), "at=2;swap=%s%s", in_dir("b"), spec_tail);
	if (vkey_fault(v, spec, msg, sizeof(msg)) != VKEY_OK)
		fail_msg("%s", msg);
	return v;
}

static uint32_t
serial(struct vkey *v)
{
	struct vdriver_answer a = vdriver_send(v, "00F80000");

	assert_int_equal(a.sw, 0x9000);
	return (uint32_t)a.data[0] << 24 | (uint32_t)a.data[1] << 16 | (uint32_t)a.data[2] << 8 |
	       a.data[3];
}

static void
a_key_swapped_unseen_answers_in_the_other_ones_place(void **state)
{
	struct vkey *v = armed("");
	char spec[400], msg[256] = "";

	(void)state;
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x9000);
	/* Powered, and nothing selected. */
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x6D00);
	assert_true(vkey_present(v));
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x63C3);
	assert_int_not_equal(serial(v), 0x00BADA55);
	assert_int_equal(vkey_witness(v)->apdus, 4);
	/* And back. */
	snprintf(spec, sizeof(spec), "at=1;swap=%s", in_dir("a"));
	assert_int_equal(vkey_fault(v, spec, msg, sizeof(msg)), VKEY_OK);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_equal(serial(v), 0x00BADA55);
	vkey_free(v);
}

static void
a_key_swapped_in_sight_was_removed_before(void **state)
{
	struct vkey *v = armed(";back=40");

	(void)state;
	assert_int_equal(vdriver_sw(v, PIN_QUERY), 0x9000);
	assert_int_equal(vdriver_send(v, PIN_QUERY).rc, VKEY_REMOVED);
	assert_int_equal(vkey_back_ms(v), 40);
	vkey_insert(v);
	vkey_power(v, VKEY_POWER_ON);
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	assert_int_not_equal(serial(v), 0x00BADA55);
	vkey_free(v);
}

static void
one_swap_is_armed_at_a_time(void **state)
{
	struct vkey *v = armed("");
	char msg[256] = "";

	(void)state;
	assert_int_equal(vkey_fault(v, "at=9;swap=x", msg, sizeof(msg)), VKEY_FAILED);
	assert_non_null(strstr(msg, "armed"));
	assert_int_equal(vkey_fault(v, "at=9;swap=", msg, sizeof(msg)), VKEY_FAILED);
	vkey_free(v);
}

static void
a_key_in_use_cannot_be_swapped_in(void **state)
{
	const struct vkey_config config = {.state = in_dir("a"), .root_dir = dir};
	struct vkey *v = vdriver_open(&config);
	char spec[400], msg[256] = "";

	(void)state;
	snprintf(spec, sizeof(spec), "at=1;swap=%s", in_dir("a"));
	assert_int_equal(vkey_fault(v, spec, msg, sizeof(msg)), VKEY_FAILED);
	assert_non_null(strstr(msg, "in use"));
	assert_int_equal(vdriver_sw(v, SELECT_PIV), 0x9000);
	vkey_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(from_5_7_4_on_f9_hangs_below_intermediates_that_the_key_does_not_hold),
	    cmocka_unit_test(root_pem_has_the_intermediates_behind_the_root),
	    cmocka_unit_test(before_the_root_of_the_same_directory_issued_f9_itself),
	    cmocka_unit_test(an_rsa_f9_is_the_same_for_all_keys_of_a_directory),
	    cmocka_unit_test(a_key_of_the_fips_series_says_so_in_f9),
	    cmocka_unit_test(a_key_swapped_unseen_answers_in_the_other_ones_place),
	    cmocka_unit_test(a_key_swapped_in_sight_was_removed_before),
	    cmocka_unit_test(one_swap_is_armed_at_a_time),
	    cmocka_unit_test(a_key_in_use_cannot_be_swapped_in),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
