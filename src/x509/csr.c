/* SPDX-License-Identifier: BSD-2-Clause */
/* csr: certification requests (RFC 2986). */
#include <arpa/inet.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "key/weak.h"
#include "x509/parse.h"

static int
finish(X509_REQ *req, struct key *key, struct blob *ret_der, struct err *err)
{
	if (!X509_REQ_set_pubkey(req, key_evp_public(key)))
		return evp_err(err, ERR_INTERNAL, "cannot create a request");
	if (X509_REQ_sign(req, key_evp(key), evp_md(key_algorithm(key))) <= 0)
		return evp_key_err(err, ERR_INTERNAL, key, "cannot sign the request");
	return evp_der(req, ASN1_ITEM_rptr(X509_REQ), "cannot encode the request", ret_der, err);
}

int
csr_make(struct key *key, const char *cn, struct blob *ret_der, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();

	key_forget_error(key);
	/* Without the version OpenSSL 3.5 does not verify the request. */
	if (req == NULL || !X509_REQ_set_version(req, X509_REQ_VERSION_1) ||
	    !X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
		(const unsigned char *)cn, -1, -1, 0))
		return evp_err(err, ERR_INTERNAL, "cannot create a request");
	return finish(req, key, ret_der, err);
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

OSSL_FREEP(names_freep, GENERAL_NAMES, GENERAL_NAMES_free)

static int
put_certificate(extensions **exts, const char *oid, const struct blob *der, struct err *err)
{
	CLEAN(object_freep) ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	CLEAN(octets_freep) ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	CLEAN(ext_freep) X509_EXTENSION *ext = NULL;

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
		return err_set(err, ERR_USAGE,
		    "a request needs a subject (--subject) or an alternative name (--san)");
	if (!X509_REQ_set_version(req, X509_REQ_VERSION_1) || !X509_REQ_set_subject_name(req, name))
		return evp_err(err, ERR_INTERNAL, "cannot create a request");
	return put_extensions(req, f, no_subject, err);
}

int
csr_check(const struct csr_fields *fields, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();

	return req == NULL ? evp_err(err, ERR_INTERNAL, "cannot create a request")
			   : fill(req, fields, err);
}

int
csr_build(struct key *key, const struct csr_fields *fields, struct blob *ret_der, struct err *err)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	int rc;

	key_forget_error(key);
	if (req == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a request");
	return (rc = fill(req, fields, err)) != 0 ? rc : finish(req, key, ret_der, err);
}

/* ---- of others ---- */

int
csr_read(
    const uint8_t *der, size_t len, struct blob *ret_spki, enum key_alg *ret_alg, struct err *err)
{
	const unsigned char *p = der;
	CLEAN(req_freep) X509_REQ *req = len > INT32_MAX ? NULL : d2i_X509_REQ(NULL, &p, (long)len);
	CLEAN(blob_wipe) struct blob spki = {0};
	CLEAN(pkey_freep) EVP_PKEY *pub = NULL;
	enum key_alg alg;
	int rc;

	if (req == NULL)
		return evp_err(err, ERR_FIT, "not a certificate request");
	if (p != der + len)
		return err_set(err, ERR_FIT, "%zu extra bytes after the certificate request",
		    (size_t)(der + len - p));
	if (X509_REQ_get_version(req) != X509_REQ_VERSION_1)
		return err_set(err, ERR_FIT, "the certificate request is not of version 1");
	if ((rc = evp_der(X509_REQ_get_X509_PUBKEY(req), ASN1_ITEM_rptr(X509_PUBKEY),
		 "the certificate request has no public key", &spki, err)) != 0)
		return rc;
	if ((rc = evp_public(spki.data, spki.len, &pub, &alg, err)) != 0)
		return err_wrap(err, "certificate request"), rc;
	if ((rc = weak_check(pub, err)) != 0)
		return err_wrap(err, "certificate request"), rc;
	if (X509_REQ_verify(req, pub) != 1) {
		ERR_clear_error();
		return err_set(err, ERR_FIT,
		    "the certificate request's signature does not verify with the key in it");
	}
	blob_move(ret_spki, &spki);
	*ret_alg = alg;
	return 0;
}

/* ---- names ---- */

static int
put_line(struct blob *to, const char *kind, const char *text, size_t len, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return err_set(err, ERR_FIT,
			    "the request has a name with an invalid character; give the names "
			    "with --dns and --ip");
	if ((to->len > 0 && (rc = blob_append(to, "\n", 1, err)) != 0) ||
	    (rc = blob_append(to, kind, strlen(kind), err)) != 0)
		return rc;
	return blob_append(to, text, len, err);
}

static int
put_name(struct blob *to, const GENERAL_NAME *name, struct err *err)
{
	char text[INET6_ADDRSTRLEN];
	const ASN1_STRING *s;
	int type, len;

	s = GENERAL_NAME_get0_value(name, &type);
	if (type == GEN_DNS)
		return put_line(to, "dns:", (const char *)ASN1_STRING_get0_data(s),
		    (size_t)ASN1_STRING_length(s), err);
	len = type == GEN_IPADD ? ASN1_STRING_length(s) : 0;
	if ((len != 4 && len != 16) || inet_ntop(len == 4 ? AF_INET : AF_INET6,
					   ASN1_STRING_get0_data(s), text, sizeof(text)) == NULL)
		return err_set(err, ERR_FIT,
		    "the request has a name that is neither DNS nor IP; give the names with --dns "
		    "and --ip");
	return put_line(to, "ip:", text, strlen(text), err);
}

int
csr_names(const struct blob *csr, struct blob *ret_lines, struct err *err)
{
	const uint8_t *p = csr->data;
	CLEAN(req_freep) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr->len);
	CLEAN(extensions_freep) extensions *exts = NULL;
	CLEAN(names_freep) GENERAL_NAMES *names = NULL;
	CLEAN(blob_wipe) struct blob lines = {0};
	int i, crit = 0, rc;

	ERR_clear_error();
	if (req == NULL)
		return err_set(err, ERR_FIT, "not a certificate request (PKCS #10)");
	exts = X509_REQ_get_extensions(req);
	names = X509V3_get_d2i(exts, NID_subject_alt_name, &crit, NULL);
	ERR_clear_error();
	if (names == NULL && crit != -1)
		return err_set(err, ERR_FIT, "the names of the request cannot be read");
	for (i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if ((rc = put_name(&lines, sk_GENERAL_NAME_value(names, i), err)) != 0)
			return rc;
	if ((rc = blob_append(&lines, "", 1, err)) != 0)
		return rc;
	blob_move(ret_lines, &lines);
	return 0;
}
