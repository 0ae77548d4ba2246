/* SPDX-License-Identifier: BSD-2-Clause */
/* A builder that is patched to make a bad certificate: does the closed-world check refuse each? The
 * plan stays what it was; the bytes are what OpenSSL makes of the patched one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "signer/check.h"
#include "signer/sign.h"
#include "testsigner.h"

#define LEAST 60 /* patches */

static char *home;
static struct ca *ca;
static struct key *key, *other;

static struct profile profile;
static const struct names holder = {
    .who.name = "Zoë Ångström",
    .who.email = "zoe@example.org",
    .who.upn = "zoe@corp.example.org",
    .who.sid = "S-1-5-21-1-2-3-1105",
    .uuid = {0xf8, 0x1d, 0x4f, 0xae},
    .field = {[FIELD_C] = "DE", [FIELD_O] = "Müller"},
};

static void
list(struct rules_list *to, const char *text)
{
	to->at[to->n].text = text;
	to->at[to->n++].len = strlen(text);
}

static int
setup(void **state)
{
	testsigner_setup(state);
	home = testsigner_home();
	ca = testsigner_open(home);
	assert_int_equal(key_generate(KEY_P256, &key, NULL), 0);
	assert_int_equal(key_generate(KEY_P256, &other, NULL), 0);
	assert_int_equal(rules_profile(ca->rules, "smartcard-logon", &profile, NULL), 0);
	profile.names |= NAME_UUID;
	profile.fields[FIELD_C] = profile.fields[FIELD_O] = FIELD_SUPPLIED;
	list(&profile.cdp, "http://pki.example.org/issuing.crl");
	list(&profile.ocsp, "http://ocsp.example.org/");
	list(&profile.issuers, "http://pki.example.org/issuing.cer");
	list(&profile.policies, "1.3.6.1.4.1.99999.1.2");
	return 0;
}

static int
teardown(void **state)
{
	key_freep(&key);
	key_freep(&other);
	ca_closep(&ca);
	free(home);
	return testsigner_teardown(state);
}

/* ---- patches ---- */

static void
del(X509 *x, int nid)
{
	X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, nid, -1)));
}

/* In place of what is there; NULL: nothing. */
static void
ext(X509 *x, int nid, const char *value)
{
	const int at = X509_get_ext_by_NID(x, nid, -1);
	X509_EXTENSION *e;

	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(x, at));
	if (value == NULL)
		return;
	assert_non_null(e = X509V3_EXT_conf_nid(NULL, NULL, nid, value));
	assert_int_equal(X509_add_ext(x, e, at), 1);
	X509_EXTENSION_free(e);
}

static void
raw(X509 *x, const char *oid, bool critical, const uint8_t *der, size_t len)
{
	ASN1_OBJECT *id = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	const int at = X509_get_ext_by_OBJ(x, id, -1);
	X509_EXTENSION *e;

	assert_int_equal(ASN1_OCTET_STRING_set(octets, der, (int)len), 1);
	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(x, at));
	assert_non_null(e = X509_EXTENSION_create_by_OBJ(NULL, id, critical, octets));
	assert_int_equal(X509_add_ext(x, e, at), 1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(id);
}

static void
serial(X509 *x, const char *hex)
{
	BIGNUM *n = NULL;

	assert_true(BN_hex2bn(&n, hex) > 0);
	assert_non_null(BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)));
	BN_free(n);
}

static void
seconds(X509 *x, int before, int after)
{
	struct tm tm;
	time_t t;

	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notBefore(x), &tm), 1);
	t = timegm(&tm) + before;
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), t));
	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm), 1);
	t = timegm(&tm) + after;
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), t));
}

/* The CN anew, in another type or with other octets. */
static void
common_name(X509 *x, int type, const char *text, int len)
{
	X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x));
	const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, at));
	assert_int_equal(X509_NAME_add_entry_by_NID(
			     name, NID_commonName, type, (const uint8_t *)text, len, at, 0),
	    1);
	assert_int_equal(X509_set_subject_name(x, name), 1);
	X509_NAME_free(name);
}

static void
entry(X509 *x, int nid, const char *text, int set)
{
	X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x));

	assert_int_equal(X509_NAME_add_entry_by_NID(
			     name, nid, V_ASN1_UTF8STRING, (const uint8_t *)text, -1, -1, set),
	    1);
	assert_int_equal(X509_set_subject_name(x, name), 1);
	X509_NAME_free(name);
}

static void
issuer(X509 *x, const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
			     (const uint8_t *)cn, -1, -1, 0),
	    1);
	assert_int_equal(X509_set_issuer_name(x, name), 1);
	X509_NAME_free(name);
}

static void
algorithm(X509 *x, int nid, int parameters)
{
	assert_int_equal(X509_ALGOR_set0((X509_ALGOR *)(uintptr_t)X509_get0_tbs_sigalg(x),
			     OBJ_nid2obj(nid), parameters, NULL),
	    1);
}

/* The last extension to the front. */
static void
reorder(X509 *x)
{
	X509_EXTENSION *e = X509_delete_ext(x, X509_get_ext_count(x) - 1);

	assert_int_equal(X509_add_ext(x, e, 0), 1);
	X509_EXTENSION_free(e);
}

static void
twice(X509 *x, int nid)
{
	assert_int_equal(X509_add_ext(x, X509_get_ext(x, X509_get_ext_by_NID(x, nid, -1)), -1), 1);
}

static void
critical(X509 *x, int nid, int yes)
{
	assert_int_equal(
	    X509_EXTENSION_set_critical(X509_get_ext(x, X509_get_ext_by_NID(x, nid, -1)), yes), 1);
}

static void
generalized(X509 *x)
{
	ASN1_TIME *t = ASN1_TIME_to_generalizedtime(X509_get0_notAfter(x), NULL);

	assert_int_equal(X509_set1_notAfter(x, t), 1);
	ASN1_TIME_free(t);
}

static void
compressed(X509 *x)
{
	EVP_PKEY *pub = EVP_PKEY_dup(key_evp_public(key));

	assert_int_equal(EVP_PKEY_set_utf8_string_param(pub, "point-format", "compressed"), 1);
	assert_int_equal(X509_set_pubkey(x, pub), 1);
	EVP_PKEY_free(pub);
}

#define OTHERS_SAN "email:eve@example.org,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:"
#define OUR_SAN "email:zoe@example.org,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:"
#define OUR_URI ",URI:urn:uuid:f81d4fae-0000-0000-0000-000000000000"

/* N(what, statement on X509 *x) */
#define PATCHES                                                                                    \
	P("cA is TRUE", ext(x, NID_basic_constraints, "critical,CA:TRUE"))                         \
	P("cA is TRUE, path length 0",                                                             \
	    ext(x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"))                           \
	P("a path length without cA",                                                              \
	    raw(x, "2.5.29.19", true, (const uint8_t *)"\x30\x03\x02\x01\x00", 5))                 \
	P("cA's default FALSE is written",                                                         \
	    raw(x, "2.5.29.19", true, (const uint8_t *)"\x30\x03\x01\x01\x00", 5))                 \
	P("basic constraints are not critical", critical(x, NID_basic_constraints, 0))             \
	P("no basic constraints", del(x, NID_basic_constraints))                                   \
	P("keyCertSign", ext(x, NID_key_usage, "critical,digitalSignature,keyCertSign"))           \
	P("cRLSign", ext(x, NID_key_usage, "critical,digitalSignature,cRLSign"))                   \
	P("keyEncipherment on EC",                                                                 \
	    ext(x, NID_key_usage, "critical,digitalSignature,keyEncipherment"))                    \
	P("nonRepudiation", ext(x, NID_key_usage, "critical,digitalSignature,nonRepudiation"))     \
	P("decipherOnly, in a second octet",                                                       \
	    ext(x, NID_key_usage, "critical,digitalSignature,decipherOnly"))                       \
	P("no usage at all", raw(x, "2.5.29.15", true, (const uint8_t *)"\x03\x01\x00", 3))        \
	P("trailing zero bits in the usage",                                                       \
	    raw(x, "2.5.29.15", true, (const uint8_t *)"\x03\x02\x00\x80", 4))                     \
	P("usage is not critical", critical(x, NID_key_usage, 0))                                  \
	P("no key usage", del(x, NID_key_usage))                                                   \
	P("an extra EKU", ext(x, NID_ext_key_usage, "clientAuth,msSmartcardLogin,serverAuth"))     \
	P("any EKU", ext(x, NID_ext_key_usage, "anyExtendedKeyUsage"))                             \
	P("an EKU less", ext(x, NID_ext_key_usage, "clientAuth"))                                  \
	P("EKUs in another order", ext(x, NID_ext_key_usage, "msSmartcardLogin,clientAuth"))       \
	P("no EKU", del(x, NID_ext_key_usage))                                                     \
	P("EKU is critical", critical(x, NID_ext_key_usage, 1))                                    \
	P("the e-mail address of another holder",                                                  \
	    ext(x, NID_subject_alt_name, OTHERS_SAN "zoe@corp.example.org" OUR_URI))               \
	P("the UPN of another holder",                                                             \
	    ext(x, NID_subject_alt_name, OUR_SAN "administrator@corp.example.org" OUR_URI))        \
	P("a DNS name besides",                                                                    \
	    ext(x, NID_subject_alt_name,                                                           \
		OUR_SAN "zoe@corp.example.org" OUR_URI ",DNS:www.example.org"))                    \
	P("another card's UUID",                                                                   \
	    ext(x, NID_subject_alt_name,                                                           \
		OUR_SAN "zoe@corp.example.org,URI:urn:uuid:f81d4fae-0000-0000-0000-000000000001")) \
	P("an e-mail address that is not ASCII",                                                   \
	    ext(x, NID_subject_alt_name, "email:zoë@example.org"))                                 \
	P("no alternative name", del(x, NID_subject_alt_name))                                     \
	P("alternative name is critical", critical(x, NID_subject_alt_name, 1))                    \
	P("a serial of 8 octets", serial(x, "4142434445464748"))                                   \
	P("a serial of 21 octets", serial(x, "414243444546474849505152535455565758596061"))        \
	P("serial 0", serial(x, "00"))                                                             \
	P("a negative serial", serial(x, "-41424344454647484950515253545556"))                     \
	P("another serial", serial(x, "41424344454647484950515253545556"))                         \
	P("notAfter one second late", seconds(x, 0, 1))                                            \
	P("notAfter one second early", seconds(x, 0, -1))                                          \
	P("notBefore one second early", seconds(x, -1, 0))                                         \
	P("notBefore and notAfter exchanged", seconds(x, 86400 * 60, 0))                           \
	P("GeneralizedTime before 2050", generalized(x))                                           \
	P("CN with a NUL", common_name(x, V_ASN1_UTF8STRING, "Zo\0", 3))                           \
	P("CN of another", common_name(x, V_ASN1_UTF8STRING, "Eve", -1))                           \
	P("CN with an escape sequence", common_name(x, V_ASN1_UTF8STRING, "Zo\033[m", -1))         \
	P("Teletex CN", common_name(x, V_ASN1_T61STRING, "Zo\353 \305ngstr\366m", -1))             \
	P("BMP CN", common_name(x, V_ASN1_BMPSTRING, "\0Z\0o", 4))                                 \
	P("PrintableString CN", common_name(x, V_ASN1_PRINTABLESTRING, "Zoe", -1))                 \
	P("a second CN", entry(x, NID_commonName, "root", 0))                                      \
	P("an OU besides", entry(x, NID_organizationalUnitName, "Admins", 0))                      \
	P("two attributes in one RDN", entry(x, NID_organizationalUnitName, "Admins", -1))         \
	P("an e-mail address in the subject", entry(x, NID_pkcs9_emailAddress, "a@b", 0))          \
	P("another issuer", issuer(x, "Example Root CA"))                                          \
	P("the issuer's name in other case", issuer(x, "REHEARSAL EXAMPLE ISSUING CA"))            \
	P("ECDSA with NULL parameters", algorithm(x, NID_ecdsa_with_SHA256, V_ASN1_NULL))          \
	P("ECDSA with SHA-384", algorithm(x, NID_ecdsa_with_SHA384, V_ASN1_UNDEF))                 \
	P("ECDSA with SHA-1", algorithm(x, NID_ecdsa_with_SHA1, V_ASN1_UNDEF))                     \
	P("version 1", X509_set_version(x, X509_VERSION_1))                                        \
	P("version 2", X509_set_version(x, X509_VERSION_2))                                        \
	P("another key", X509_set_pubkey(x, key_evp_public(other)))                                \
	P("the same key, its point compressed", compressed(x))                                     \
	P("no subject key identifier", del(x, NID_subject_key_identifier))                         \
	P("another one",                                                                           \
	    ext(x, NID_subject_key_identifier, "0102030405060708091011121314151617181920"))        \
	P("no authority key identifier", del(x, NID_authority_key_identifier))                     \
	P("another CRL's address",                                                                 \
	    ext(x, NID_crl_distribution_points, "URI:http://evil.example.org/issuing.crl"))        \
	P("no CRL's address", del(x, NID_crl_distribution_points))                                 \
	P("another responder", ext(x, NID_info_access, "OCSP;URI:http://evil.example.org/"))       \
	P("another policy", raw(x, "2.5.29.32", false,                                             \
				(const uint8_t *)"\x30\x08\x30\x06\x06\x04\x55\x1d\x20\x00", 10))  \
	P("no OCSP check", ext(x, NID_id_pkix_OCSP_noCheck, "ignored"))                            \
	P("the SID of an administrator",                                                           \
	    raw(x, "1.3.6.1.4.1.311.25.2", false, (const uint8_t *)"\x30\x00", 2))                 \
	P("an extension that nobody knows",                                                        \
	    raw(x, "1.3.6.1.4.1.99999.9", true, (const uint8_t *)"\x05\x00", 2))                   \
	P("name constraints", ext(x, NID_name_constraints, "critical,permitted;DNS:example.org"))  \
	P("a Netscape type", ext(x, NID_netscape_cert_type, "client"))                             \
	P("the same extension twice", twice(x, NID_subject_alt_name))                              \
	P("another order of the extensions", reorder(x))

/* ---- asking ---- */

static void
plan_of(struct blob *spki, struct cert_plan *ret)
{
	*ret = (struct cert_plan){.kind = PLAN_LEAF,
	    .serial = {0x41, 1, 2, 3, 4},
	    .not_before = 1800000000,
	    .not_after = 1800000000 + 30 * 86400 - 1,
	    .profile = &profile,
	    .names = &holder,
	    .spki = spki,
	    .issuer = &ca->cert[LOG_ISSUING],
	    .issuer_alg = KEY_P256};
	assert_int_equal(key_spki(key, spki, NULL), 0);
}

static X509 *
parse(const struct blob *tbs)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	const uint8_t *p;
	X509 *x;

	assert_int_equal(sign_tbs(ca->key, tbs, &cert, NULL), 0);
	p = cert.data;
	assert_non_null(x = d2i_X509(NULL, &p, (long)cert.len));
	return x;
}

static void
encode(X509 *x, struct blob *ret)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const int len = i2d_re_X509_tbs(x, &der);

	assert_true(len > 0);
	assert_int_equal(blob_set(ret, der, (size_t)len, NULL), 0);
}

/* The patched bytes must be others than the right ones, or nothing was asked. */
static void
expect_refused(
    const struct cert_plan *plan, const struct blob *good, const struct blob *bad, const char *what)
{
	struct err err = ERR_INIT;

	if (blob_equal(good, bad))
		fail_msg("%s: the patch changes nothing", what);
	if (check_tbs(plan, bad, &err) != ERR_CA)
		fail_msg("%s: is not refused", what);
}

static void
each_patch_of_the_builder_is_refused(void **state)
{
	CLEAN(blob_wipe) struct blob spki = {0}, tbs = {0};
	struct err err = ERR_INIT;
	struct cert_plan plan;
	size_t n = 0;

	(void)state;
	plan_of(&spki, &plan);
	assert_int_equal(profile_build(&plan, &tbs, &err), 0);
	if (check_tbs(&plan, &tbs, &err) != 0)
		fail_msg("%s", err.text);
#define P(text, statement)                                 \
	{                                                  \
		CLEAN(x509_freep) X509 *x = parse(&tbs);   \
		CLEAN(blob_wipe) struct blob bad = {0};    \
		(void)(statement, 0);                      \
		encode(x, &bad);                           \
		expect_refused(&plan, &tbs, &bad, (text)); \
		n++;                                       \
	}
	PATCHES
#undef P
	printf("# %zu patches, each refused\n", n);
	assert_true(n >= LEAST);
}

/* Parsed and encoded again without a patch, it is what it was: each of the above is the patch's. */
static void
without_a_patch_it_is_accepted(void **state)
{
	CLEAN(blob_wipe) struct blob spki = {0}, tbs = {0}, again = {0};
	CLEAN(x509_freep) X509 *x = NULL;
	struct cert_plan plan;

	(void)state;
	plan_of(&spki, &plan);
	assert_int_equal(profile_build(&plan, &tbs, NULL), 0);
	x = parse(&tbs);
	encode(x, &again);
	assert_int_equal(check_tbs(&plan, &again, NULL), 0);
}

/* Names that the profile has no place for, in the plan itself: a fault before the builder. */
static void
a_plan_with_names_of_no_profile_is_refused(void **state)
{
	CLEAN(blob_wipe) struct blob spki = {0}, tbs = {0};
	struct names names[5] = {holder, holder, holder, holder, holder};
	struct cert_plan plan;
	size_t i;

	(void)state;
	names[0].dns[names[0].n_dns++] = "www.example.org";
	names[1].n_ip = 1;
	names[1].ip[0].len = 4;
	names[2].field[FIELD_OU] = "Admins";
	names[3].field[FIELD_O] = NULL;
	names[4].who.upn[0] = '\0';
	for (i = 0; i < 5; i++) {
		plan_of(&spki, &plan);
		plan.names = &names[i];
		assert_int_equal(profile_build(&plan, &tbs, NULL), 0);
		assert_int_equal(check_tbs(&plan, &tbs, NULL), ERR_CA);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_a_patch_it_is_accepted),
	    cmocka_unit_test(each_patch_of_the_builder_is_refused),
	    cmocka_unit_test(a_plan_with_names_of_no_profile_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
