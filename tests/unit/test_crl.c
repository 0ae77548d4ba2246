/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a CRL that is read entry by entry say what OpenSSL says of the whole? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "key/ossl.h"
#include "ykenroll/x509.h"

#define ENTRIES 300

struct made {
	X509_CRL *crl;
	struct blob ca, der;
};

static void
made_wipe(struct made *m)
{
	X509_CRL_free(m->crl);
	blob_wipe(&m->ca);
	blob_wipe(&m->der);
}

static EVP_PKEY *
new_key(const char *alg)
{
	if (strcmp(alg, "RSA-PSS") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	return strcmp(alg, "EC") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
				      : EVP_PKEY_Q_keygen(NULL, NULL, alg);
}

static void
sign(struct made *m, EVP_PKEY *key, const char *alg)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;

	assert_int_equal(EVP_DigestSignInit(ctx, &how,
			     strcmp(alg, "ED25519") == 0 ? NULL : EVP_sha384(), NULL, key),
	    1);
	if (strcmp(alg, "RSA-PSS") == 0)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING), 1);
	assert_true(X509_CRL_sign_ctx(m->crl, ctx) > 0);
}

static void
add_entry(X509_CRL *crl, ASN1_TIME *at, uint64_t serial)
{
	X509_REVOKED *one = X509_REVOKED_new();
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

	ASN1_INTEGER_set_uint64(n, serial);
	X509_REVOKED_set_serialNumber(one, n);
	X509_REVOKED_set_revocationDate(one, at);
	ASN1_ENUMERATED_set(reason, (long)(serial % 7));
	if (serial % 7 != 0)
		X509_REVOKED_add1_ext_i2d(one, NID_crl_reason, reason, 0, 0);
	assert_int_equal(X509_CRL_add0_revoked(crl, one), 1);
	ASN1_ENUMERATED_free(reason);
	ASN1_INTEGER_free(n);
}

static uint64_t
serial_of(size_t i)
{
	return (i + 1) * (i % 3 == 0 ? 3 : 0x10001); /* of several lengths, in no order */
}

/* n entries; sorted or as they come. */
static void
make(struct made *m, const char *alg, size_t n, bool sorted)
{
	EVP_PKEY *key = new_key(alg);
	X509 *ca = X509_new();
	X509_NAME *name = X509_NAME_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_TIME *at = ASN1_TIME_set(NULL, 1800000000);
	unsigned char *der = NULL;
	size_t i;
	int len;

	assert_non_null(key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"CA", -1, -1, 0);
	X509_set_subject_name(ca, name);
	X509_set_issuer_name(ca, name);
	X509_set_pubkey(ca, key);
	X509_set1_notBefore(ca, at);
	X509_set1_notAfter(ca, at);
	assert_true(X509_sign(ca, key, strcmp(alg, "ED25519") == 0 ? NULL : EVP_sha256()) > 0);
	assert_true((len = i2d_X509(ca, &der)) > 0);
	assert_int_equal(blob_set(&m->ca, der, (size_t)len, NULL), 0);
	OPENSSL_free(der);
	m->crl = X509_CRL_new();
	X509_CRL_set_version(m->crl, 1);
	X509_CRL_set_issuer_name(m->crl, name);
	X509_CRL_set1_lastUpdate(m->crl, at);
	X509_CRL_set1_nextUpdate(m->crl, at);
	ASN1_INTEGER_set(number, 77);
	X509_CRL_add1_ext_i2d(m->crl, NID_crl_number, number, 0, 0);
	for (i = 0; i < n; i++)
		add_entry(m->crl, at, serial_of(i));
	if (sorted)
		X509_CRL_sort(m->crl);
	sign(m, key, alg);
	der = NULL;
	assert_true((len = i2d_X509_CRL(m->crl, &der)) > 0);
	assert_int_equal(blob_set(&m->der, der, (size_t)len, NULL), 0);
	OPENSSL_free(der);
	ASN1_TIME_free(at);
	ASN1_INTEGER_free(number);
	X509_NAME_free(name);
	X509_free(ca);
	EVP_PKEY_free(key);
}

static bool
openssl_has(X509_CRL *crl, uint64_t serial)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	X509_REVOKED *one;
	int found;

	ASN1_INTEGER_set_uint64(n, serial);
	found = X509_CRL_get0_by_serial(crl, &one, n);
	ASN1_INTEGER_free(n);
	return found == 1;
}

static void
ask(struct made *m, struct crl *c, uint64_t serial)
{
	uint8_t bytes[8];
	bool has = false;
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(serial >> (56 - 8 * i));
	assert_int_equal(crl_has(c, bytes, sizeof(bytes), &has, NULL), 0);
	assert_int_equal(has, openssl_has(m->crl, serial));
}

static void
every_entry_is_found_in_any_order(void **state)
{
	size_t kind, i;

	(void)state;
	for (kind = 0; kind < 4; kind++) {
		CLEAN(made_wipe) struct made m = {.crl = NULL};
		const size_t n = kind == 3 ? 0 : ENTRIES;
		struct crl c;
		struct crl_info info;

		make(&m, "EC", n, kind != 1);
		assert_int_equal(crl_open(m.der.data, m.der.len, false, &c, NULL), 0);
		assert_int_equal(c.entries, n);
		assert_int_equal(c.sorted, kind != 1);
		assert_int_equal(crl_says(&c, &info, NULL), 0);
		assert_int_equal(info.number, 77);
		assert_int_equal(info.entries, n);
		assert_int_equal(info.next_update, 1800000000);
		assert_string_equal(info.issuer, "CN=CA");
		for (i = 0; i < 2000; i++) /* up, then down, then about */
			ask(&m, &c, i);
		for (i = 2000; i > 0; i--)
			ask(&m, &c, i);
		for (i = 0; i < ENTRIES + 50; i++)
			ask(&m, &c, serial_of(kind == 2 ? ENTRIES + 50 - i : i));
		for (i = 0; i < 400; i++) { /* one after each of the others */
			ask(&m, &c, serial_of(i / 20));
			ask(&m, &c, serial_of(i % 20));
		}
	}
}

static void
entries_come_with_their_reasons(void **state)
{
	CLEAN(made_wipe) struct made m = {.crl = NULL};
	struct crl_item e;
	struct crl c;
	uint64_t serial;
	size_t i, k;

	(void)state;
	make(&m, "EC", ENTRIES, false);
	assert_int_equal(crl_open(m.der.data, m.der.len, false, &c, NULL), 0);
	for (i = 0; i < ENTRIES; i++) {
		assert_int_equal(crl_next(&c, &e, NULL), 1);
		for (serial = 0, k = 0; k < e.len; k++)
			serial = serial << 8 | e.serial[k];
		assert_int_equal(serial, serial_of(i));
		assert_int_equal(crl_item_reason(&e), (int)(serial % 7));
	}
	assert_int_equal(crl_next(&c, &e, NULL), 0);
}

/* In the certificate's issuer and subject; whether it is signed is not this room's question. */
static void
rename_ca(struct blob *ca, const char *from, const char *to)
{
	uint8_t *at = ca->data, *end = ca->data + ca->len;
	int n = 0;

	while ((at = memmem(at, (size_t)(end - at), from, 2)) != NULL && n < 2) {
		if (at[-1] == 2) { /* the length of a name of two letters */
			memcpy(at, to, 2);
			n++;
		}
		at += 2;
	}
	assert_int_equal(n, 2);
}

static void
a_signature_counts_whatever_its_algorithm(void **state)
{
	static const char *const algs[] = {"EC", "ED25519", "RSA-PSS"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		CLEAN(made_wipe) struct made m = {.crl = NULL}, other = {.crl = NULL};
		struct crl c;

		make(&m, algs[i], ENTRIES, true);
		make(&other, algs[i], 0, true);
		assert_int_equal(crl_open(m.der.data, m.der.len, false, &c, NULL), 0);
		assert_int_equal(crl_verify(&c, &m.ca, NULL), 0);
		assert_int_equal(crl_verify(&c, &other.ca, NULL), ERR_PROOF);
		rename_ca(&m.ca, "CA", "CB");
		assert_int_equal(crl_verify(&c, &m.ca, NULL), ERR_PROOF);
		rename_ca(&m.ca, "CB", "CA");
		m.der.data[m.der.len / 2] ^= 1;
		if (crl_open(m.der.data, m.der.len, false, &c, NULL) == 0)
			assert_int_equal(crl_verify(&c, &m.ca, NULL), ERR_PROOF);
	}
}

static bool
openssl_reads(const struct blob *der)
{
	const unsigned char *p = der->data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der->len);
	const bool all = crl != NULL && p == der->data + der->len;

	X509_CRL_free(crl);
	return all;
}

/* Whatever is cut or changed: refused, or found not to be signed; never read beyond its end. */
static void
what_is_broken_is_refused(void **state)
{
	CLEAN(made_wipe) struct made m = {.crl = NULL};
	struct crl_info info;
	struct crl c;
	uint8_t *copy;
	size_t i;

	(void)state;
	make(&m, "EC", 5, true);
	for (i = 0; i < m.der.len; i++) {
		copy = malloc(i + 1); /* of its own, for the sanitizer */
		memcpy(copy, m.der.data, i);
		assert_int_equal(crl_open(copy, i, false, &c, NULL), ERR_FIT);
		free(copy);
	}
	for (i = 0; i < 8 * m.der.len; i++) {
		m.der.data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (crl_open(m.der.data, m.der.len, false, &c, NULL) == 0) {
			(void)!crl_says(&c, &info, NULL);
			assert_int_not_equal(crl_verify(&c, &m.ca, NULL), 0);
			/* the entries themselves are read no further than they are used */
			if (m.der.data + i / 8 < c.list || m.der.data + i / 8 >= c.list_end)
				assert_true(openssl_reads(&m.der));
		}
		m.der.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* A second list would be read by nobody; an entry that says "removeFromCRL" revokes nothing. */
static void
what_only_looks_like_a_list_is_none(void **state)
{
	CLEAN(made_wipe) struct made m = {.crl = NULL};
	X509_REVOKED *one;
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
	unsigned char *der = NULL;
	struct crl c;
	bool has = true;
	int len;

	(void)state;
	make(&m, "EC", 1, true);
	one = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(m.crl), 0);
	while (X509_REVOKED_get_ext_count(one) > 0)
		X509_EXTENSION_free(X509_REVOKED_delete_ext(one, 0));
	ASN1_ENUMERATED_set(reason, CRL_REASON_REMOVE_FROM_CRL);
	assert_int_equal(X509_REVOKED_add1_ext_i2d(one, NID_crl_reason, reason, 0, 0), 1);
	ASN1_ENUMERATED_free(reason);
	i2d_re_X509_CRL_tbs(m.crl, &der);
	OPENSSL_free(der);
	der = NULL;
	assert_true((len = i2d_X509_CRL(m.crl, &der)) > 0);
	assert_int_equal(crl_open(der, (size_t)len, false, &c, NULL), 0);
	assert_int_equal(c.entries, 1);
	assert_int_equal(crl_has(&c, X509_REVOKED_get0_serialNumber(one)->data,
			     (size_t)X509_REVOKED_get0_serialNumber(one)->length, &has, NULL),
	    0);
	assert_false(has);
	OPENSSL_free(der);
}

/* Other CAs make them. Its octets, without the zeros in front of a positive one, are the same. */
static void
a_negative_serial_is_not_a_positive_one(void **state)
{
	CLEAN(made_wipe) struct made m = {.crl = NULL};
	const uint8_t want[] = {0x00, 0x83};
	struct crl_item e;
	struct crl c;
	bool has = true;

	(void)state;
	make(&m, "EC", 1, true);
	assert_int_equal(crl_open(m.der.data, m.der.len, false, &c, NULL), 0);
	assert_int_equal(crl_next(&c, &e, NULL), 1);
	assert_int_equal(e.len, 1);
	m.der.data[e.serial - m.der.data] = 0x83; /* minus 125 */
	assert_int_equal(crl_lists(&m.der, want, sizeof(want), &has, NULL, NULL), 0);
	assert_false(has);
	assert_int_equal(crl_lists(&m.der, want + 1, 1, &has, NULL, NULL), 0);
	assert_false(has);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_entry_is_found_in_any_order),
	    cmocka_unit_test(entries_come_with_their_reasons),
	    cmocka_unit_test(a_negative_serial_is_not_a_positive_one),
	    cmocka_unit_test(a_signature_counts_whatever_its_algorithm),
	    cmocka_unit_test(what_is_broken_is_refused),
	    cmocka_unit_test(what_only_looks_like_a_list_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
