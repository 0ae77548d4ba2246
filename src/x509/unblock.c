/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/pem.h> /* before cms.h, which then has its PEM functions */

#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"
#include "x509/sealed.h"
#include "ykenroll/x509_unblock.h"

#define NAME "ykenroll request"
#define HEAD_MAX 160

void
unblock_wipe(struct unblock_request *t)
{
	blob_wipe(&t->der);
}

/* ---- the request ---- */

static int
bio_blob(BIO *bio, struct blob *ret, struct err *err)
{
	char *data;
	const long len = BIO_get_mem_data(bio, &data);

	return len <= 0 ? -1 : blob_set(ret, data, (size_t)len, err);
}

static int
key_pem(EVP_PKEY *key, struct blob *ret, struct err *err)
{
	CLEAN(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return -1;
	return bio_blob(bio, ret, err);
}

int
unblock_make(uint32_t token, int64_t from, int64_t until, struct blob *ret_request,
    struct blob *ret_key, struct err *err)
{
	CLEAN(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
	CLEAN(x509_freep) X509 *cert = X509_new();
	CLEAN(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	CLEAN(blob_wipe) struct blob request = {0}, private = {0};
	CLEAN(name_freep) X509_NAME *name = NULL;
	char text[64];
	int rc;

	snprintf(text, sizeof(text), "serialNumber=%u,CN=" NAME, (unsigned)token);
	if ((rc = name_parse(text, &name, err)) != 0)
		return rc;
	if (key == NULL || cert == NULL || bio == NULL ||
	    !cert_begin(cert, key, name, name, from, until) ||
	    /* CMS names its recipient by this */
	    !cert_add_ext(cert, cert, NID_subject_key_identifier, "hash") ||
	    X509_sign(cert, key, EVP_sha256()) <= 0 || PEM_write_bio_X509(bio, cert) != 1 ||
	    bio_blob(bio, &request, err) != 0 || key_pem(key, &private, err) != 0)
		return evp_err(err, ERR_INTERNAL, "cannot create a request");
	blob_move(ret_request, &request);
	blob_move(ret_key, &private);
	return 0;
}

/* The token's serial, where the subject is ours. */
static int
read_names(const X509 *cert, uint32_t *ret)
{
	char cn[64], serial[16], again[16];
	X509_NAME *name = X509_get_subject_name(cert);
	unsigned long n;

	if (X509_NAME_entry_count(name) != 2 ||
	    X509_NAME_get_text_by_NID(name, NID_commonName, cn, sizeof(cn)) < 0 ||
	    strcmp(cn, NAME) != 0 ||
	    X509_NAME_get_text_by_NID(name, NID_serialNumber, serial, sizeof(serial)) < 0)
		return -1;
	n = strtoul(serial, NULL, 10);
	snprintf(again, sizeof(again), "%lu", n);
	if (n == 0 || n > UINT32_MAX || strcmp(again, serial) != 0)
		return -1;
	*ret = (uint32_t)n;
	return 0;
}

int
unblock_read(const struct blob *request, struct unblock_request *ret, struct err *err)
{
	CLEAN(unblock_wipe) struct unblock_request t = {0};
	CLEAN(x509_freep) X509 *cert = NULL;
	struct cert_info info;
	int rc;

	if (cert_from_pem(request, &t.der, NULL) != 0 ||
	    cert_parse(t.der.data, t.der.len, &cert, NULL) != 0 ||
	    read_names(cert, &t.token) != 0 || X509_verify(cert, X509_get0_pubkey(cert)) != 1 ||
	    EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) != EVP_PKEY_EC)
		return evp_err(err, ERR_FIT,
		    "this is not a request from `ykenroll unblock --request`, or it was changed "
		    "in transit");
	if ((rc = cert_read(t.der.data, t.der.len, &info, err)) != 0 ||
	    (rc = x509_sha256(&t.der, t.sha256, err)) != 0)
		return rc;
	t.from = info.not_before;
	t.until = info.not_after;
	snprintf(t.code, sizeof(t.code), "%02X%02X-%02X%02X", t.sha256[0], t.sha256[1], t.sha256[2],
	    t.sha256[3]);
	*ret = t;
	t.der = (struct blob){0};
	return 0;
}

/* ---- the answer ---- */

/* What is sealed begins with this, so that an answer cannot be put to another request. */
static size_t
head(const struct unblock_request *t, char ret[static HEAD_MAX])
{
	char hash[2 * X509_SHA256_LEN + 1];

	text_hex(t->sha256, sizeof(t->sha256), hash);
	return (size_t)snprintf(ret, HEAD_MAX, "ykenroll-answer 1\ntoken %u\nrequest %s\npuk ",
	    (unsigned)t->token, hash);
}

static int
seal(X509 *cert, const struct secret *text, struct blob *ret, struct err *err)
{
	CLEAN(cms_freep) CMS_ContentInfo *cms = sealed_make(&cert, 1, text->bytes, text->len);
	CLEAN(bio_freep) BIO *out = BIO_new(BIO_s_mem());

	if (cms == NULL || out == NULL || PEM_write_bio_CMS(out, cms) != 1)
		return -1;
	return bio_blob(out, ret, err);
}

int
unblock_seal(const struct unblock_request *t, const struct secret *secret, struct blob *ret_answer,
    struct err *err)
{
	CLEAN(secret_freep) struct secret *text = secret_new();
	CLEAN(x509_freep) X509 *cert = NULL;
	char start[HEAD_MAX];
	const size_t n = head(t, start);

	if (n + secret->len + 1 > SECRET_MAX)
		return err_set(err, ERR_INTERNAL, "the secret is too long for an answer");
	memcpy(text->bytes, start, n);
	memcpy(text->bytes + n, secret->bytes, secret->len);
	text->bytes[n + secret->len] = '\n';
	text->len = n + secret->len + 1;
	if (cert_parse(t->der.data, t->der.len, &cert, NULL) != 0 ||
	    seal(cert, text, ret_answer, err) != 0)
		return evp_err(err, ERR_INTERNAL, "cannot seal an answer");
	return 0;
}

static CMS_ContentInfo *
load_answer(const struct blob *pem)
{
	CLEAN(bio_freep) BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);

	return bio == NULL ? NULL : sealed_take(PEM_read_bio_CMS(bio, NULL, NULL, NULL));
}

int
unblock_open(const struct unblock_request *t, const struct blob *key, const struct blob *answer,
    struct secret *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *text = secret_new();
	CLEAN(pkey_freep) EVP_PKEY *pkey = sealed_key(key);
	CLEAN(cms_freep) CMS_ContentInfo *cms = load_answer(answer);
	CLEAN(x509_freep) X509 *cert = NULL;
	char start[HEAD_MAX];
	const size_t n = head(t, start);

	if (pkey == NULL || cms == NULL || cert_parse(t->der.data, t->der.len, &cert, NULL) != 0 ||
	    sealed_open(cms, pkey, cert, text) != 0 || text->len < n + 2 ||
	    memcmp(text->bytes, start, n) != 0 || text->bytes[text->len - 1] != '\n')
		return evp_err(err, ERR_FIT,
		    "this is not the answer to that request, or it was changed in transit");
	return secret_set(ret, text->bytes + n, text->len - n - 1, err);
}
