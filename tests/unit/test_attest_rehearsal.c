/* SPDX-License-Identifier: BSD-2-Clause */
/* Below a rehearsal root, are intermediates believed that stand as Yubico's do, and no others? */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "testattest.h"

#define F9_CN "Yubico PIV Attestation"
#define UPPER_CN "Attestation Intermediate (TEST)"
#define PIV_CN "PIV Attestation (TEST)"

#define CA(n)                                                                      \
	{                                                                          \
		.name = "basicConstraints", .text = "critical,CA:TRUE,pathlen:" #n \
	}

static const uint8_t firmware[] = {5, 7, 4};
static const struct test_ext piv_ext[] = {CA(1)}, upper_ext[] = {CA(2)};
static const struct test_ext f9_ext[] = {
    CA(0), {.name = "1.3.6.1.4.1.41482.3.3", .der = firmware, .len = sizeof(firmware)}};
static const char *const files[] = {"upper.pem", "piv.pem", "between.pem"};

/* leaf <- f9 <- piv <- upper <- t.root */
struct chain {
	struct testattest t;
	EVP_PKEY *upper_key, *piv_key, *key;
	struct test_cert upper, piv, f9;
	struct blob leaf;
};

static void
chain_wipe(struct chain *c)
{
	char path[512];
	size_t i;

	testattest_wipe(&c->t);
	EVP_PKEY_free(c->upper_key);
	EVP_PKEY_free(c->piv_key);
	EVP_PKEY_free(c->key);
	blob_wipe(&c->leaf);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(test_path(path, sizeof(path), files[i]));
}

static void
save(const char *name, const struct test_cert *spec)
{
	CLEAN(blob_wipe) struct blob der = {0}, pem = {0};
	char path[512];

	testca_cert(spec, &der);
	assert_int_equal(pem_put(&der, PEM_CERT, &pem, NULL), 0);
	assert_int_equal(
	    file_write(test_path(path, sizeof(path), name), pem.data, pem.len, 0600, NULL), 0);
}

/* As specified: the intermediates into the directory, f9 into the token. */
static void
chain_make(struct chain *c)
{
	save("upper.pem", &c->upper);
	save("piv.pem", &c->piv);
	testca_cert(&c->f9, &c->t.f9);
}

static void
chain_new(struct chain *c)
{
	const struct testattest_leaf leaf = TESTATTEST_GOOD;

	testattest_init(&c->t, 5, 7, 4);
	c->upper_key = EVP_EC_gen("P-256");
	c->piv_key = EVP_EC_gen("P-256");
	c->key = EVP_EC_gen("P-256");
	c->upper = (struct test_cert){.subject = UPPER_CN,
	    .issuer = c->t.root.cn,
	    .pub = c->upper_key,
	    .signer = c->t.root.key,
	    .ext = upper_ext,
	    .n_ext = 1};
	c->piv = (struct test_cert){.subject = PIV_CN,
	    .issuer = UPPER_CN,
	    .pub = c->piv_key,
	    .signer = c->upper_key,
	    .ext = piv_ext,
	    .n_ext = 1};
	c->f9 = (struct test_cert){.subject = F9_CN,
	    .issuer = PIV_CN,
	    .pub = c->t.f9_key,
	    .signer = c->piv_key,
	    .ext = f9_ext,
	    .n_ext = 2};
	testattest_leaf(&c->t, c->key, &leaf, &c->leaf);
	chain_make(c);
}

/* The names of both intermediates, wherever they stand. */
static void
chain_rename(struct chain *c, const char *upper, const char *piv)
{
	c->upper.subject = c->piv.issuer = upper;
	c->piv.subject = c->f9.issuer = piv;
}

static int
check(const struct chain *c, const struct blob *root, struct err *err)
{
	const struct attest_trust trust = {.rehearsal_root = root, .intermediates_dir = test_dir()};
	char anchor[X509_TEXT_MAX];

	*err = (struct err)ERR_INIT;
	return attest_check_f9(&c->t.f9, &trust, anchor, err);
}

static void
accepted(const struct chain *c)
{
	struct err err;

	if (check(c, &c->t.root.der, &err) != 0)
		fail_msg("%s", err.text);
}

static void
refused_by(const struct chain *c, const struct blob *root)
{
	struct err err;

	assert_int_equal(check(c, root, &err), ERR_ATTEST);
	if (strstr(err.text, "not signed by a known") == NULL)
		fail_msg("%s", err.text);
}

static void
refused(const struct chain *c)
{
	refused_by(c, &c->t.root.der);
}

static void
a_chain_below_two_intermediates_is_accepted_and_marked(void **state)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(chain_wipe) struct chain c = {0};
	struct attest_trust trust = {.intermediates_dir = test_dir()};
	struct err err = ERR_INIT;

	(void)state;
	chain_new(&c);
	trust.rehearsal_root = &c.t.root.der;
	if (attest_verify(&c.leaf, &c.t.f9, &trust, &a, &err) != 0)
		fail_msg("%s", err.text);
	assert_true(a.rehearsal);
	assert_string_equal(a.anchor, "CN=Test PIV Root CA");
	/* whatever they call themselves */
	attestation_wipe(&a);
	chain_rename(&c, "Yubico Attestation Intermediate B 1", "Yubico PIV Attestation C 1");
	chain_make(&c);
	assert_int_equal(attest_verify(&c.leaf, &c.t.f9, &trust, &a, &err), 0);
	assert_true(a.rehearsal);
}

static void
both_intermediates_must_be_there(void **state)
{
	CLEAN(chain_wipe) struct chain c = {0};
	const struct attest_trust nowhere = {.rehearsal_root = &c.t.root.der};
	char path[512], anchor[X509_TEXT_MAX];
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	chain_new(&c);
	accepted(&c);
	for (i = 0; i < 2; i++) {
		assert_int_equal(unlink(test_path(path, sizeof(path), files[i])), 0);
		refused(&c);
		chain_make(&c);
		accepted(&c);
	}
	assert_int_equal(attest_check_f9(&c.t.f9, &nowhere, anchor, &err), ERR_ATTEST);
}

static void
one_level_is_not_enough(void **state)
{
	CLEAN(chain_wipe) struct chain c = {0};

	(void)state;
	chain_new(&c);
	/* by the PIV intermediate, which the root issued itself */
	c.piv.issuer = c.t.root.cn;
	c.piv.signer = c.t.root.key;
	chain_make(&c);
	refused(&c);
	/* by the upper one */
	c.f9.issuer = UPPER_CN;
	c.f9.signer = c.upper_key;
	chain_make(&c);
	refused(&c);
}

static void
a_third_level_is_too_much(void **state)
{
	CLEAN(chain_wipe) struct chain c = {0};
	struct test_cert between;
	EVP_PKEY *key = EVP_EC_gen("P-256");

	(void)state;
	chain_new(&c);
	between = c.upper;
	between.subject = "Between (TEST)";
	between.issuer = UPPER_CN;
	between.pub = key;
	between.signer = c.upper_key;
	save("between.pem", &between);
	c.piv.issuer = between.subject;
	c.piv.signer = key;
	chain_make(&c);
	refused(&c);
	EVP_PKEY_free(key);
}

static void
an_intermediate_must_be_a_ca_of_that_depth(void **state)
{
	static const struct test_ext short_1[] = {CA(1)}, short_0[] = {CA(0)};
	static const struct test_ext no_ca[] = {
	    {.name = "basicConstraints", .text = "critical,CA:FALSE"}};
	static const struct test_ext no_sign[] = {
	    CA(2), {.name = "keyUsage", .text = "critical,digitalSignature"}};
	const struct {
		const struct test_ext *upper, *piv;
		size_t n_upper, n_piv;
	} rows[] = {
	    {short_1, piv_ext, 1, 1},
	    {short_0, piv_ext, 1, 1},
	    {upper_ext, short_0, 1, 1},
	    {no_ca, piv_ext, 1, 1},
	    {upper_ext, no_ca, 1, 1},
	    {NULL, piv_ext, 0, 1},
	    {upper_ext, NULL, 1, 0},
	    {no_sign, piv_ext, 2, 1},
	    {upper_ext, no_sign, 1, 2},
	};
	CLEAN(chain_wipe) struct chain c = {0};
	size_t i;

	(void)state;
	chain_new(&c);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c.upper.ext = rows[i].upper;
		c.upper.n_ext = rows[i].n_upper;
		c.piv.ext = rows[i].piv;
		c.piv.n_ext = rows[i].n_piv;
		chain_make(&c);
		refused(&c);
	}
	c.upper.ext = upper_ext;
	c.piv.ext = piv_ext;
	c.upper.n_ext = c.piv.n_ext = 1;
	chain_make(&c);
	accepted(&c);
}

static void
every_link_is_a_signature(void **state)
{
	CLEAN(chain_wipe) struct chain c = {0};

	(void)state;
	chain_new(&c);
	c.upper.signer = c.key; /* the right names all the way */
	chain_make(&c);
	refused(&c);
	c.upper.signer = c.t.root.key;
	c.piv.signer = c.key;
	chain_make(&c);
	refused(&c);
	c.piv.signer = c.upper_key;
	c.f9.signer = c.key;
	chain_make(&c);
	refused(&c);
	c.f9.signer = c.piv_key;
	chain_make(&c);
	accepted(&c);
}

static void
only_the_rehearsals_own_root_will_do(void **state)
{
	struct testca other, namesake;
	CLEAN(chain_wipe) struct chain c = {0};

	(void)state;
	chain_new(&c);
	testca_init(&other, "Another Root");
	testca_init(&namesake, c.t.root.cn);
	refused_by(&c, &other.der);
	refused_by(&c, &namesake.der);
	refused_by(&c, NULL); /* production, with the same directory */
	accepted(&c);
	testca_wipe(&other);
	testca_wipe(&namesake);
}

/* Where Yubico's names count, Yubico's keys must have signed, rehearsal or not. */
static void
yubicos_names_need_yubicos_keys_beside_a_rehearsal_root(void **state)
{
	static const struct {
		const char *issuer, *upper, *piv;
	} rows[] = {
	    {"Yubico Attestation Root 1", "Yubico Attestation Intermediate C 1",
		"Yubico PIV Attestation C 1"},
	    {"Yubico Attestation Root 1", "Yubico Attestation Intermediate B 1",
		"Yubico PIV Attestation B 1"},
	    {"Yubico Attestation Intermediate B 1", "Yubico Attestation Intermediate B 1",
		"Yubico PIV Attestation C 1"},
	};
	CLEAN(chain_wipe) struct chain c = {0};
	size_t i;

	(void)state;
	chain_new(&c);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		chain_rename(&c, rows[i].upper, rows[i].piv);
		c.upper.issuer = rows[i].issuer;
		c.upper.signer = c.upper_key;
		chain_make(&c);
		refused(&c);
		c.upper.signer = c.t.root.key; /* nor is the root Yubico by another name */
		chain_make(&c);
		refused(&c);
	}
	/* and what the rehearsal root does sign, nobody else believes */
	c.upper.issuer = c.t.root.cn;
	chain_make(&c);
	accepted(&c);
	refused_by(&c, NULL);
}

static int
remove_dir(void **state)
{
	(void)state;
	test_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_chain_below_two_intermediates_is_accepted_and_marked),
	    cmocka_unit_test(both_intermediates_must_be_there),
	    cmocka_unit_test(one_level_is_not_enough),
	    cmocka_unit_test(a_third_level_is_too_much),
	    cmocka_unit_test(an_intermediate_must_be_a_ca_of_that_depth),
	    cmocka_unit_test(every_link_is_a_signature),
	    cmocka_unit_test(only_the_rehearsals_own_root_will_do),
	    cmocka_unit_test(yubicos_names_need_yubicos_keys_beside_a_rehearsal_root),
	};

	return cmocka_run_group_tests(tests, NULL, remove_dir);
}
