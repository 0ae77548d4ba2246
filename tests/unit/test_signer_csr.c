/* SPDX-License-Identifier: BSD-2-Clause */
/* Does anything that a hostile request says get into a certificate? With serial and time pinned,
 * the bytes that would be signed are those of a plain request with the same key, or it is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "signer/der.h"
#include "testsigner.h"

#define LEAST 60

static char *home;
static struct ca *ca;
static struct testsigner_request q; /* the token's key */
static struct key *other;
static struct blob plain; /* TBSCertificate for the plain request */

static int64_t
stopped(void)
{
	return 1800000000;
}

/* A serial that is always the same; nothing is signed here, so it stays unused. */
static int
constant(void *to, size_t len)
{
	memset(to, 0x55, len);
	return 0;
}

#include "hostile_csr.h"

/* ---- those that are what they are only after they were signed ---- */

typedef void (*spoil)(struct blob *csr);

static void
signature_bit(struct blob *csr)
{
	csr->data[csr->len - 1] ^= 1;
}

static void
subject_bit(struct blob *csr)
{
	uint8_t *at = memmem(csr->data, csr->len, "somebody", 8);

	assert_non_null(at);
	*at = 'S';
}

static void
others_signature(struct blob *csr)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();

	X509_REQ_set_version(req, X509_REQ_VERSION_1);
	assert_int_equal(X509_REQ_set_pubkey(req, key_evp_public(q.key)), 1);
	finish(req, other, csr);
}

/* Self-consistent, but of a key that the token does not attest. */
static void
others_key(struct blob *csr)
{
	assert_int_equal(csr_make(other, "eve", csr, NULL), 0);
}

static void
unsigned_key(struct blob *csr)
{
	struct der outer, info, alg;
	CLEAN(der_out_wipe) struct der_out o = {0};
	size_t pos = 0, at = 0;

	assert_int_equal(der_expect(csr->data, csr->len, &pos, DER_SEQUENCE, &outer), 0);
	assert_int_equal(der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &info), 0);
	assert_int_equal(der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &alg), 0);
	der_raw(&o, info.raw, info.raw_len);
	der_raw(&o, alg.raw, alg.raw_len);
	der_put(&o, DER_BIT_STRING, "\0", 1);
	der_wrap(&o, 0, DER_SEQUENCE);
	assert_int_equal(o.rc, 0);
	blob_move(csr, &o.b);
}

static void
trailing(struct blob *csr)
{
	assert_int_equal(blob_append(csr, "\0", 1, NULL), 0);
}

static void
two_of_them(struct blob *csr)
{
	CLEAN(blob_wipe) struct blob copy = {0};

	assert_int_equal(blob_set(&copy, csr->data, csr->len, NULL), 0);
	assert_int_equal(blob_append(csr, copy.data, copy.len, NULL), 0);
}

static void
cut(struct blob *csr)
{
	csr->len -= 20;
}

static void
half(struct blob *csr)
{
	csr->len /= 2;
}

static void
one_octet(struct blob *csr)
{
	csr->len = 1;
}

static void
pem(struct blob *csr)
{
	CLEAN(blob_wipe) struct blob text = {0};

	assert_int_equal(pem_put(csr, PEM_REQUEST, &text, NULL), 0);
	blob_move(csr, &text);
}

static void
zeros(struct blob *csr)
{
	memset(csr->data, 0, csr->len);
}

static void
endless(struct blob *csr)
{
	csr->data[1] = 0x80; /* indefinite length */
}

static void
huge_length(struct blob *csr)
{
	assert_int_equal(blob_set(csr, "\x30\x84\x7f\xff\xff\xff\x30\x00", 8, NULL), 0);
}

static void
nested(struct blob *csr)
{
	uint8_t deep[4096];
	size_t i;

	for (i = 0; i + 4 <= sizeof(deep); i += 4)
		memcpy(deep + i,
		    (uint8_t[]){0x30, 0x82, (uint8_t)((sizeof(deep) - i - 4) >> 8),
			(uint8_t)((sizeof(deep) - i - 4) & 0xff)},
		    4);
	assert_int_equal(blob_set(csr, deep, sizeof(deep), NULL), 0);
}

static void
a_certificate(struct blob *csr)
{
	assert_int_equal(
	    blob_set(csr, ca->cert[LOG_ISSUING].data, ca->cert[LOG_ISSUING].len, NULL), 0);
}

/* OpenSSL 3.5 makes none such: the octet is changed, and the version is looked at first. */
static void
version_2(struct blob *csr)
{
	uint8_t *at = memmem(csr->data, csr->len, "\x02\x01\0", 3);

	assert_non_null(at);
	at[2] = 1;
}

static void
compressed_key(struct blob *csr)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	CLEAN(pkey_freep) EVP_PKEY *pub = EVP_PKEY_dup(key_evp_public(q.key));

	X509_REQ_set_version(req, X509_REQ_VERSION_1);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(pub, "point-format", "compressed"), 1);
	assert_int_equal(X509_REQ_set_pubkey(req, pub), 1);
	finish(req, q.key, csr);
}

static void
weak_key(struct blob *csr)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	CLEAN(pkey_freep) EVP_PKEY *weak = EVP_RSA_gen(1024);
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	int len;

	X509_REQ_set_version(req, X509_REQ_VERSION_1);
	assert_int_equal(X509_REQ_set_pubkey(req, weak), 1);
	assert_true(X509_REQ_sign(req, weak, EVP_sha256()) > 0);
	assert_true((len = i2d_X509_REQ(req, &der)) > 0);
	assert_int_equal(blob_set(csr, der, (size_t)len, NULL), 0);
}

static const struct {
	const char *what;
	dress how;
	const char *arg;
} dressed[] = {
    {"empty subject", empty, NULL},
    {"another's name", named, "administrator"},
    {"the CA's own name", named, "REHEARSAL Example Issuing CA"},
    {"NUL within", nul, "alice\0eve"},
    {"right to left", named,
	"al\xe2\x80\xae"
	"eci"},
    {"zero width", named,
	"al\xe2\x80\x8b"
	"ice"},
    {"escape sequence", named, "\033]52;c;ZXZl\007"},
    {"newline", named, "alice\nserial 1"},
    {"a formula", named, "=HYPERLINK(\"http://evil\")"},
    {"shell", named, "$(reboot);`reboot`"},
    {"path", named, "../../ca/issuing.key"},
    {"a PrintableString that is none", printable, "\xff\xfe\xc0\xaf"},
    {"format string", named, "%s%n%s%n"},
    {"SQL", named, "'; DROP TABLE holders; --"},
    {"JSON", named, "\",\"what\":\"signed\",\"x\":\""},
    {"Teletex", teletex, "Zo\xeb"},
    {"BMP", bmp, "\0Z\0o"},
    {"12,000 characters", long_name, "x"},
    {"100 OUs", many_names, "100"},
    {"1,000 OUs", many_names, "1000"},
    {"CA", asks, "basicConstraints=critical,CA:TRUE"},
    {"CA without a limit", asks, "basicConstraints=critical,CA:TRUE,pathlen:9"},
    {"key cert sign", asks, "keyUsage=critical,keyCertSign,cRLSign"},
    {"key encipherment", asks, "keyUsage=keyEncipherment"},
    {"server", asks, "extendedKeyUsage=serverAuth"},
    {"any usage", asks, "extendedKeyUsage=anyExtendedKeyUsage"},
    {"OCSP", asks, "extendedKeyUsage=OCSPSigning"},
    {"logon", asks, "extendedKeyUsage=msSmartcardLogin"},
    {"e-mail of another", asks, "subjectAltName=email:root@example.org"},
    {"DNS", asks, "subjectAltName=DNS:www.example.org"},
    {"IP", asks, "subjectAltName=IP:127.0.0.1"},
    {"UPN", asks,
	"subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:administrator@corp.example.org"},
    {"URI", asks, "subjectAltName=URI:urn:uuid:00000000-0000-0000-0000-000000000000"},
    {"the same extension request twice", asks_twice, "subjectAltName=email:root@example.org"},
    {"key identifier", asks, "subjectKeyIdentifier=00"},
    {"CRL address", asks, "crlDistributionPoints=URI:http://evil.example.org/"},
    {"responder", asks, "authorityInfoAccess=OCSP;URI:http://evil.example.org/"},
    {"name constraints", asks, "nameConstraints=permitted;DNS:evil.example.org"},
    {"no check", asks, "noCheck=ignored"},
    {"Netscape type", asks, "nsCertType=sslCA"},
    {"Netscape comment", asks, "nsComment=trust me"},
    {"SID of an administrator", not_der, "1.3.6.1.4.1.311.25.2"},
    {"an extension that is not DER", not_der, "2.5.29.17"},
    {"an unknown one", not_der, "1.3.6.1.4.1.99999.7"},
    {"challenge password", attribute, "challengePassword=secret"},
    {"unstructured name", attribute, "unstructuredName=administrator"},
    {"100 attributes", attributes, "100"},
    {"1,000 attributes", attributes, "1000"},
    {"an attribute with 500 values", many_values, "500"},
    {"an attribute of 10 kB", big_attribute, "10000"},
    {"an attribute of 100 kB", big_attribute, "100000"},
};

static const struct {
	const char *what;
	spoil how;
} spoilt[] = {
    {"a bit of the signature", signature_bit},
    {"a bit of the subject", subject_bit},
    {"another key's signature", others_signature},
    {"another key", others_key},
    {"no signature", unsigned_key},
    {"an octet behind it", trailing},
    {"two of them", two_of_them},
    {"cut", cut},
    {"half", half},
    {"one octet", one_octet},
    {"PEM", pem},
    {"zeros", zeros},
    {"indefinite length", endless},
    {"a length of 2 GB", huge_length},
    {"a thousand levels", nested},
    {"a certificate", a_certificate},
    {"version 2", version_2},
    {"a compressed point", compressed_key},
    {"an RSA key of 1024 bits", weak_key},
};

/* ---- asking ---- */

/* As a token's request; and again as one for a key in no token. */
static int
prepare(const struct blob *csr, bool software, struct blob *ret, struct err *err)
{
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	struct request r = q.r;
	int rc;

	r.csr = *csr;
	TESTSIGNER_SET(r.profile, software ? "software" : "client");
	TESTSIGNER_SET(r.holder.email, "alice@example.org");
	rc = software ? testsigner_prepare(ca, &desk, REQUEST_SOFTWARE, &r, &p, err)
		      : testsigner_prepare(ca, &desk, REQUEST_PREPARE, &r, &p, err);
	assert_true(rc == 0 || p.tbs.len == 0);
	blob_move(ret, &p.tbs);
	return rc;
}

static int
setup(void **state)
{
	testsigner_setup(state);
	home = testsigner_home();
	ca = testsigner_open(home);
	ca->now = stopped;
	ca->random = constant;
	testsigner_request(&q, KEY_P256, "alice");
	assert_int_equal(key_generate(KEY_P256, &other, NULL), 0);
	assert_int_equal(prepare(&q.csr, false, &plain, NULL), 0);
	return 0;
}

static int
teardown(void **state)
{
	blob_wipe(&plain);
	testsigner_request_wipe(&q);
	key_freep(&other);
	ca_closep(&ca);
	free(home);
	return testsigner_teardown(state);
}

static void
nothing_of_a_request_but_its_key_is_in_the_certificate(void **state)
{
	CLEAN(blob_wipe) struct blob plain_software = {0};
	struct err err = ERR_INIT;
	size_t i;
	int way;

	(void)state;
	assert_int_equal(prepare(&q.csr, true, &plain_software, NULL), 0);
	for (i = 0; i < sizeof(dressed) / sizeof(dressed[0]); i++)
		for (way = 0; way < 2; way++) {
			CLEAN(blob_wipe) struct blob csr = {0}, tbs = {0};

			make(dressed[i].how, dressed[i].arg, &csr);
			if (prepare(&csr, way == 1, &tbs, &err) != 0)
				fail_msg("%s: %s", dressed[i].what, err.text);
			if (!blob_equal(&tbs, way == 1 ? &plain_software : &plain))
				fail_msg("%s: another certificate", dressed[i].what);
		}
}

static void
what_is_not_a_request_of_the_key_is_refused(void **state)
{
	size_t i;
	int way;

	(void)state;
	for (i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++)
		for (way = 0; way < 2; way++) {
			CLEAN(blob_wipe) struct blob csr = {0}, tbs = {0};
			struct err err = ERR_INIT;
			int rc;

			/* nothing vouches for a software key but its own signature */
			if (way == 1 && spoilt[i].how == others_key)
				continue;
			assert_int_equal(blob_set(&csr, q.csr.data, q.csr.len, NULL), 0);
			spoilt[i].how(&csr);
			rc = prepare(&csr, way == 1, &tbs, &err);
			if (rc != ERR_CA && rc != ERR_ATTEST)
				fail_msg("%s: %d %s", spoilt[i].what, rc, err.text);
			assert_int_equal(ERR_peek_error(), 0);
		}
	printf("# %zu hostile requests: %zu change nothing, %zu are refused\n",
	    sizeof(dressed) / sizeof(dressed[0]) + i, sizeof(dressed) / sizeof(dressed[0]), i);
	assert_true(sizeof(dressed) / sizeof(dressed[0]) + i >= LEAST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_of_a_request_but_its_key_is_in_the_certificate),
	    cmocka_unit_test(what_is_not_a_request_of_the_key_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
