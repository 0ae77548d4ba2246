/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "testca.h"
#include "x509/parse.h"

/* ---- any certificate ---- */

static void
set_name(X509_NAME *name, const char *cn)
{
	assert_true(X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0));
}

static X509_EXTENSION *
make_ext(const struct test_ext *e, X509 *cert)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	if (e->text != NULL) {
		X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
		ext = X509V3_EXT_conf_nid(NULL, &ctx, OBJ_sn2nid(e->name), e->text);
	} else {
		ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
		ASN1_OBJECT *oid = OBJ_txt2obj(e->name, 1);

		assert_true(ASN1_OCTET_STRING_set(data, e->der, (int)e->len));
		ext = X509_EXTENSION_create_by_OBJ(NULL, oid, e->critical, data);
		ASN1_OCTET_STRING_free(data);
		ASN1_OBJECT_free(oid);
	}
	assert_non_null(ext);
	return ext;
}

void
testca_cert(const struct test_cert *spec, struct blob *ret_der)
{
	CLEAN(x509_freep) X509 *cert = X509_new();
	CLEAN(name_freep) X509_NAME *issuer = X509_NAME_new();
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const int64_t now = utc_now();
	size_t i;
	int len;

	set_name(X509_get_subject_name(cert), spec->subject);
	set_name(issuer, spec->issuer);
	assert_true(X509_set_version(cert, X509_VERSION_3));
	assert_true(
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), spec->serial == 0 ? 1 : spec->serial));
	assert_true(X509_set_issuer_name(cert, issuer));
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(cert),
	    spec->not_before != 0 ? spec->not_before : now - TESTCA_DAY));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(cert),
	    spec->not_after != 0 ? spec->not_after : now + 10 * TESTCA_DAY));
	assert_true(X509_set_pubkey(cert, spec->pub));
	for (i = 0; i < spec->n_ext; i++) {
		X509_EXTENSION *ext = make_ext(&spec->ext[i], cert);

		assert_true(X509_add_ext(cert, ext, -1));
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(cert, spec->signer, spec->sha1 ? EVP_sha1() : EVP_sha256()) > 0);
	assert_true((len = i2d_X509(cert, &der)) > 0);
	assert_int_equal(blob_set(ret_der, der, (size_t)len, NULL), 0);
}

/* ---- a CA ---- */

/* RFC 5280, 4.2.1.2, method (1): SHA-1 of the key bits; only equality matters here, so the first
 * 20 bytes of SHA-256 do. */
static void
key_id(EVP_PKEY *pub, uint8_t ret[static 20])
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	uint8_t md[32];
	int len = i2d_PUBKEY(pub, &der);

	assert_true(len > 0);
	assert_true(EVP_Digest(der, (size_t)len, md, NULL, EVP_sha256(), NULL));
	memcpy(ret, md, 20);
}

static void
ski(EVP_PKEY *pub, uint8_t ret[static 22])
{
	ret[0] = 0x04;
	ret[1] = 20;
	key_id(pub, ret + 2);
}

static void
aki(EVP_PKEY *pub, uint8_t ret[static 24])
{
	ret[0] = 0x30;
	ret[1] = 22;
	ret[2] = 0x80;
	ret[3] = 20;
	key_id(pub, ret + 4);
}

void
testca_init(struct testca *ca, const char *cn)
{
	uint8_t id[22];
	const struct test_ext ext[] = {
	    {.name = "basicConstraints", .text = "critical,CA:TRUE"},
	    {.name = "keyUsage", .text = "critical,keyCertSign,cRLSign"},
	    {.name = "2.5.29.14", .der = id, .len = sizeof(id)},
	};
	struct test_cert spec = {.subject = cn, .issuer = cn, .ext = ext, .n_ext = 3};

	*ca = (struct testca){.cn = cn, .key = EVP_EC_gen("P-256")};
	assert_non_null(ca->key);
	ski(ca->key, id);
	spec.pub = spec.signer = ca->key;
	testca_cert(&spec, &ca->der);
}

void
testca_wipe(struct testca *ca)
{
	EVP_PKEY_free(ca->key);
	blob_wipe(&ca->der);
}

void
testca_issue(const struct testca *ca, EVP_PKEY *pub, long serial, struct blob *ret_der)
{
	uint8_t own[22], above[24];
	const struct test_ext ext[] = {
	    {.name = "basicConstraints", .text = "critical,CA:FALSE"},
	    {.name = "keyUsage", .text = "critical,digitalSignature"},
	    {.name = "extendedKeyUsage", .text = "clientAuth"},
	    {.name = "2.5.29.14", .der = own, .len = sizeof(own)},
	    {.name = "2.5.29.35", .der = above, .len = sizeof(above)},
	};
	const struct test_cert spec = {.subject = "alice",
	    .issuer = ca->cn,
	    .pub = pub,
	    .signer = ca->key,
	    .ext = ext,
	    .n_ext = 5,
	    .serial = serial};

	ski(pub, own);
	aki(ca->key, above);
	testca_cert(&spec, ret_der);
}

static void
crl_revoke(X509_CRL *crl, long serial, int64_t when)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, when);

	assert_true(ASN1_INTEGER_set(n, serial));
	assert_true(X509_REVOKED_set_serialNumber(r, n));
	assert_true(X509_REVOKED_set_revocationDate(r, t));
	assert_true(X509_CRL_add0_revoked(crl, r));
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(t);
}

void
testca_crl(const struct testca *ca, EVP_PKEY *signer, long revoked, int64_t this_update,
    int64_t next_update, struct blob *ret_der)
{
	CLEAN(crl_freep) X509_CRL *crl = X509_CRL_new();
	CLEAN(x509_freep) X509 *cert = NULL;
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const unsigned char *p = ca->der.data;
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
	ASN1_TIME *t;
	uint8_t bytes[20];
	int len;

	cert = d2i_X509(NULL, &p, (long)ca->der.len);
	assert_true(X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	assert_true(X509_CRL_set_issuer_name(crl, X509_get_subject_name(cert)));
	t = ASN1_TIME_set(NULL, this_update);
	assert_true(X509_CRL_set1_lastUpdate(crl, t));
	assert_non_null(ASN1_TIME_set(t, next_update));
	assert_true(X509_CRL_set1_nextUpdate(crl, t));
	ASN1_TIME_free(t);
	if (revoked != 0)
		crl_revoke(crl, revoked, this_update);
	assert_true(ASN1_INTEGER_set(number, 7));
	assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0), 1);
	ASN1_INTEGER_free(number);
	key_id(ca->key, bytes);
	id->keyid = ASN1_OCTET_STRING_new();
	assert_true(ASN1_OCTET_STRING_set(id->keyid, bytes, sizeof(bytes)));
	assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0), 1);
	AUTHORITY_KEYID_free(id);
	assert_true(X509_CRL_sign(crl, signer, EVP_sha256()) > 0);
	assert_true((len = i2d_X509_CRL(crl, &der)) > 0);
	assert_int_equal(blob_set(ret_der, der, (size_t)len, NULL), 0);
}

/* Says which certificate of the chain is meant when it is not the one asked about. */
static int
verify_failed(X509_STORE_CTX *ctx, struct err *err)
{
	const int depth = X509_STORE_CTX_get_error_depth(ctx);
	const char *why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	const X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	char name[X509_TEXT_MAX];

	ERR_clear_error();
	if (depth == 0 || at == NULL)
		return err_set(err, ERR_PROOF, "%s", why);
	cert_name_text(X509_get_subject_name(at), name);
	return err_set(err, ERR_PROOF, "%s (at %s)", why, name);
}

int
testca_verify(const struct blob *cert, const struct blob *cas, size_t n_cas,
    const struct blob *crls, size_t n_crls, int64_t at, struct err *err)
{
	CLEAN(x509_freep) X509 *x = NULL;
	CLEAN(store_freep) X509_STORE *store = NULL;
	CLEAN(store_ctx_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	int rc;

	if ((rc = cert_parse(cert->data, cert->len, &x, err)) != 0 ||
	    (rc = cert_store(cas, n_cas, crls, n_crls, &store, err)) != 0)
		return rc;
	if (ctx == NULL || !X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT) ||
	    !X509_STORE_CTX_init(ctx, store, x, NULL))
		return evp_err(err, ERR_INTERNAL, "cannot set up the verification");
	X509_STORE_CTX_set_time(ctx, 0, (time_t)at);
	if (X509_verify_cert(ctx) != 1)
		return verify_failed(ctx, err);
	return 0;
}

/* ---- a key that is elsewhere ---- */

static int
sign_message(const struct testkey *k, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *len)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->evp) == 1 &&
	       EVP_DigestSign(ctx, sig, len, in, in_len) == 1;
}

static int
sign_block(const struct testkey *k, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *len)
{
	CLEAN(pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->evp, NULL);

	if (EVP_PKEY_is_a(k->evp, "RSA")) /* raw: decryption without padding */
		return EVP_PKEY_decrypt_init(ctx) == 1 &&
		       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
		       EVP_PKEY_decrypt(ctx, sig, len, in, in_len) == 1;
	return EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, sig, len, in, in_len) == 1;
}

static int
testkey_sign(
    void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *sig_len, struct err *err)
{
	struct testkey *k = ctx;
	int ok;

	k->calls++;
	k->in_len = in_len;
	if (k->fail != 0)
		return err_set(err, k->fail, "the test's key fails");
	if (k->garbage) {
		memset(sig, 0x30, 8);
		*sig_len = 8;
		return 0;
	}
	ok = EVP_PKEY_is_a(k->evp, "ED25519") ? sign_message(k, in, in_len, sig, sig_len)
					      : sign_block(k, in, in_len, sig, sig_len);
	return ok ? 0 : err_set(err, ERR_INTERNAL, "the test's key cannot sign");
}

static void
testkey_free(void *ctx)
{
	struct testkey *k = ctx;

	k->freed++;
}

void
testkey_new(enum key_alg alg, struct testkey *state, struct key **ret)
{
	static const struct key_ops ops = {.sign = testkey_sign, .free = testkey_free};
	CLEAN(key_freep) struct key *soft = NULL;
	CLEAN(blob_wipe) struct blob spki = {0};
	struct err err = ERR_INIT;

	*state = (struct testkey){0};
	assert_int_equal(key_generate(alg, &soft, &err), 0);
	assert_int_equal(key_spki(soft, &spki, &err), 0);
	state->evp = key_evp(soft);
	assert_true(EVP_PKEY_up_ref(state->evp));
	assert_int_equal(key_extern(spki.data, spki.len, &ops, state, ret, &err), 0);
}

void
testkey_wipe(struct testkey *state)
{
	EVP_PKEY_free(state->evp);
}

/* ---- files ---- */

const char *
test_dir(void)
{
	static char dir[] = "/tmp/ykenroll-test-XXXXXX";
	static bool made;

	if (!made)
		assert_non_null(mkdtemp(dir));
	made = true;
	return dir;
}

void
test_remove_dir(void)
{
	char path[4096];
	DIR *d = opendir(test_dir());
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlink(test_path(path, sizeof(path), e->d_name));
	if (d != NULL)
		closedir(d);
	rmdir(test_dir());
}

const char *
test_path(char *buf, size_t size, const char *name)
{
	assert_int_equal(file_join(buf, size, test_dir(), name, NULL), 0);
	return buf;
}

void
test_read_pem(const char *path, struct blob *ret_der)
{
	CLEAN(blob_wipe) struct blob pem = {0};

	assert_int_equal(file_read(path, &pem, NULL), 0);
	assert_int_equal(cert_from_pem(&pem, ret_der, NULL), 0);
}
