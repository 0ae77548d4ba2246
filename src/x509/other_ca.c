/* SPDX-License-Identifier: BSD-2-Clause */
/* other_ca: a certificate that no server may accept, for asking whether it does. */
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"
#include "ykenroll/x509_tls.h"

#define LIFE_SEC 3600

/* The other one's key identifier, so that not even that tells them apart. */
static int
copy_key_id(X509 *cert, const X509 *like)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id((X509 *)(uintptr_t)like);

	return id == NULL || X509_add1_ext_i2d(cert, NID_subject_key_identifier,
				 (void *)(uintptr_t)id, 0, X509V3_ADD_REPLACE) == 1;
}

static int
make_ca(const X509 *like, EVP_PKEY *key, X509 **ret, struct err *err)
{
	CLEAN(x509_freep) X509 *ca = X509_new();
	CLEAN(name_freep) X509_NAME *name = NULL;
	const int64_t now = time(NULL);
	int rc;

	if (like != NULL)
		name = X509_NAME_dup(X509_get_subject_name(like));
	else if ((rc = name_parse("CN=Somebody else's CA", &name, err)) != 0)
		return rc;
	if (ca == NULL || name == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create another CA");
	if (!cert_begin(ca, key, name, name, now - 60, now + LIFE_SEC) ||
	    !cert_add_ext(ca, ca, NID_basic_constraints, "critical,CA:TRUE") ||
	    !cert_add_ext(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !cert_add_ext(ca, ca, NID_subject_key_identifier, "hash") ||
	    (like != NULL && !copy_key_id(ca, like)) || X509_sign(ca, key, EVP_sha256()) <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot create another CA");
	*ret = TAKE(ca);
	return 0;
}

static int
make_leaf(X509 *ca, EVP_PKEY *ca_key, struct key *key, X509 **ret, struct err *err)
{
	CLEAN(x509_freep) X509 *leaf = X509_new();
	CLEAN(name_freep) X509_NAME *name = NULL;
	const int64_t now = time(NULL);
	int rc;

	if ((rc = name_parse("CN=ykenroll probe", &name, err)) != 0)
		return rc;
	if (leaf == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a certificate");
	if (!cert_begin(leaf, key_evp_public(key), name, X509_get_subject_name(ca), now - 60,
		now + LIFE_SEC) ||
	    !cert_add_ext(leaf, ca, NID_basic_constraints, "critical,CA:FALSE") ||
	    !cert_add_ext(leaf, ca, NID_key_usage, "critical,digitalSignature") ||
	    !cert_add_ext(leaf, ca, NID_ext_key_usage, "clientAuth") ||
	    !cert_add_ext(leaf, ca, NID_authority_key_identifier, "keyid:always") ||
	    X509_sign(leaf, ca_key, EVP_sha256()) <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot create a certificate");
	*ret = TAKE(leaf);
	return 0;
}

int
cert_of_other_ca(
    struct key *key, const struct blob *like, struct blob ret[static 2], struct err *err)
{
	CLEAN(pkey_freep) EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	CLEAN(x509_freep) X509 *model = NULL, *ca = NULL, *leaf = NULL;
	int rc;

	if (ca_key == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a key");
	if ((like != NULL && (rc = cert_parse(like->data, like->len, &model, err)) != 0) ||
	    (rc = make_ca(model, ca_key, &ca, err)) != 0 ||
	    (rc = make_leaf(ca, ca_key, key, &leaf, err)) != 0 ||
	    (rc = evp_der(
		 leaf, ASN1_ITEM_rptr(X509), "cannot encode a certificate", &ret[0], err)) != 0)
		return rc;
	return evp_der(ca, ASN1_ITEM_rptr(X509), "cannot encode a certificate", &ret[1], err);
}

/* ---- names ---- */

static void
common_name(const X509_NAME *name, char ret[static X509_TEXT_MAX])
{
	CLEAN(ossl_bytes_freep) unsigned char *text = NULL;
	const int at = X509_NAME_get_index_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, -1);
	int len;

	ret[0] = '\0';
	if (at < 0 || (len = ASN1_STRING_to_UTF8(
			   &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)))) < 0)
		return;
	if (len < X509_TEXT_MAX && memchr(text, '\0', (size_t)len) == NULL) {
		memcpy(ret, text, (size_t)len);
		ret[len] = '\0';
	}
}

int
cert_names(const struct blob *cert, struct cert_names *ret, struct err *err)
{
	CLEAN(x509_freep) X509 *x = NULL;
	int rc;

	if ((rc = cert_parse(cert->data, cert->len, &x, err)) != 0)
		return rc;
	common_name(X509_get_subject_name(x), ret->subject_cn);
	common_name(X509_get_issuer_name(x), ret->issuer_cn);
	return 0;
}
