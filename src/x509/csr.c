/* SPDX-License-Identifier: BSD-2-Clause */
/* csr: certification requests (RFC 2986). */
#include <string.h>

#include <openssl/err.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"
#include "x509/san.h"

int
csr_make(struct key *key, const char *cn, struct blob *ret_der, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	int len;

	key_forget_error(key);
	/* Without the version OpenSSL 3.5 does not verify the request. */
	if (req == NULL || name == NULL || !X509_REQ_set_version(req, X509_REQ_VERSION_1) ||
	    !X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) ||
	    !X509_REQ_set_subject_name(req, name) || !X509_REQ_set_pubkey(req, key_evp_public(key)))
		return evp_err(err, ERR_INTERNAL, "cannot make a request");
	if (X509_REQ_sign(req, key_evp(key), evp_md(key_algorithm(key))) <= 0 ||
	    (len = i2d_X509_REQ(req, &der)) <= 0)
		return evp_key_err(err, ERR_INTERNAL, key, "cannot sign the request");
	return blob_set(ret_der, der, (size_t)len, err);
}

/* ---- with more fields than a name ---- */

#define OID_ATTESTATION "1.3.6.1.4.1.41482.3.1"
#define OID_F9 "1.3.6.1.4.1.41482.3.2"

typedef STACK_OF(X509_EXTENSION) extensions;

static void
extensions_freep(extensions **exts)
{
	sk_X509_EXTENSION_pop_free(*exts, X509_EXTENSION_free);
}

OSSL_FREEP(octets_freep, ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
OSSL_FREEP(object_freep, ASN1_OBJECT, ASN1_OBJECT_free)
OSSL_FREEP(extension_freep, X509_EXTENSION, X509_EXTENSION_free)

static int
put_certificate(extensions **exts, const char *oid, const struct blob *der, struct err *err)
{
	CLEAN(object_freep) ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	CLEAN(octets_freep) ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	CLEAN(extension_freep) X509_EXTENSION *ext = NULL;

	if (der == NULL)
		return 0;
	if (object == NULL || octets == NULL ||
	    ASN1_OCTET_STRING_set(octets, der->data, (int)der->len) != 1 ||
	    (ext = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets)) == NULL ||
	    X509v3_add_ext(exts, ext, -1) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot add the attestation");
	return 0;
}

static int
put_extensions(X509_REQ *req, const struct csr_fields *f, bool no_subject, struct err *err)
{
	CLEAN(extensions_freep) extensions *exts = NULL;
	int rc;

	/* Critical where it is all there is: RFC 5280, 4.1.2.6 */
	if ((f->n_san > 0 && (rc = san_put(&exts, f->san, f->n_san, no_subject, err)) != 0) ||
	    (rc = put_certificate(&exts, OID_ATTESTATION, f->attestation, err)) != 0 ||
	    (rc = put_certificate(&exts, OID_F9, f->f9, err)) != 0)
		return rc;
	if (exts != NULL && X509_REQ_add_extensions(req, exts) != 1)
		return evp_err(err, ERR_INTERNAL, "cannot add extensions to the request");
	return 0;
}

static int
fill(X509_REQ *req, const struct csr_fields *f, struct err *err)
{
	CLEAN(name_freep) X509_NAME *name = NULL;
	bool no_subject;
	int rc;

	if ((rc = name_parse(f->subject == NULL ? "" : f->subject, &name, err)) != 0)
		return rc;
	no_subject = X509_NAME_entry_count(name) == 0;
	if (no_subject && f->n_san == 0)
		return err_set(err, ERR_USAGE, "a request needs a subject or an alternative name");
	if (!X509_REQ_set_version(req, X509_REQ_VERSION_1) || !X509_REQ_set_subject_name(req, name))
		return evp_err(err, ERR_INTERNAL, "cannot make a request");
	return put_extensions(req, f, no_subject, err);
}

int
csr_check(const struct csr_fields *fields, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();

	return req == NULL ? evp_err(err, ERR_INTERNAL, "cannot make a request")
			   : fill(req, fields, err);
}

int
csr_build(struct key *key, const struct csr_fields *fields, struct blob *ret_der, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	int len, rc;

	key_forget_error(key);
	if (req == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot make a request");
	if ((rc = fill(req, fields, err)) != 0)
		return rc;
	if (!X509_REQ_set_pubkey(req, key_evp_public(key)))
		return evp_err(err, ERR_INTERNAL, "cannot make a request");
	if (X509_REQ_sign(req, key_evp(key), evp_md(key_algorithm(key))) <= 0 ||
	    (len = i2d_X509_REQ(req, &der)) <= 0)
		return evp_key_err(err, ERR_INTERNAL, key, "cannot sign the request");
	return blob_set(ret_der, der, (size_t)len, err);
}

int
csr_read(
    const uint8_t *der, size_t len, struct blob *ret_spki, enum key_alg *ret_alg, struct err *err)
{
	const unsigned char *p = der;
	CLEAN(req_freep) X509_REQ *req = len > INT32_MAX ? NULL : d2i_X509_REQ(NULL, &p, (long)len);
	CLEAN(ossl_bytes_freep) unsigned char *spki = NULL;
	CLEAN(pkey_freep) EVP_PKEY *pub = NULL;
	enum key_alg alg;
	int n, rc;

	if (req == NULL)
		return evp_err(err, ERR_FIT, "not a certification request");
	if (p != der + len)
		return err_set(err, ERR_FIT, "%zu bytes follow the certification request",
		    (size_t)(der + len - p));
	if (X509_REQ_get_version(req) != X509_REQ_VERSION_1)
		return err_set(err, ERR_FIT, "the certification request is not of version 1");
	if ((n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &spki)) <= 0)
		return evp_err(err, ERR_FIT, "the certification request has no key");
	if ((rc = evp_public(spki, (size_t)n, &pub, &alg, err)) != 0) {
		err_wrap(err, "certification request");
		return rc;
	}
	if (X509_REQ_verify(req, pub) != 1) {
		ERR_clear_error();
		return err_set(
		    err, ERR_FIT, "the certification request is not signed by the key in it");
	}
	if ((rc = blob_set(ret_spki, spki, (size_t)n, err)) != 0)
		return rc;
	*ret_alg = alg;
	return 0;
}

int
csr_from_pem(const struct blob *pem, struct blob *ret_der, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = NULL;
	CLEAN(bio_freep) BIO *bio = NULL;
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	int len;

	if (pem->len == 0 || pem->len > INT_MAX ||
	    (bio = BIO_new_mem_buf(pem->data, (int)pem->len)) == NULL ||
	    (req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL)) == NULL ||
	    (len = i2d_X509_REQ(req, &der)) <= 0)
		return evp_err(err, ERR_FIT, "no certification request in PEM found");
	return blob_set(ret_der, der, (size_t)len, err);
}
