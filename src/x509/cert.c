/* SPDX-License-Identifier: BSD-2-Clause */
/* cert: certificates and CRLs (RFC 5280), read and verified. */
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"

#define SECURITY_BITS 112 /* OpenSSL's security level 2, the usual one of servers */

/* ---- reading ---- */

int
x509_sha256(const struct blob *data, uint8_t ret[static X509_SHA256_LEN], struct err *err)
{
	if (EVP_Digest(data->data, data->len, ret, NULL, EVP_sha256(), NULL) != 1)
		return evp_err(err, ERR_INTERNAL, "SHA-256");
	return 0;
}

int
cert_parse(const uint8_t *der, size_t len, X509 **ret, struct err *err)
{
	const unsigned char *p = der;
	CLEAN(x509_freep) X509 *cert = len > INT32_MAX ? NULL : d2i_X509(NULL, &p, (long)len);

	if (cert == NULL)
		return evp_err(err, ERR_FIT, "not a certificate");
	if (p != der + len)
		return err_set(
		    err, ERR_FIT, "%zu extra bytes after the certificate", (size_t)(der + len - p));
	*ret = TAKE(cert);
	return 0;
}

int
crl_parse(const uint8_t *der, size_t len, X509_CRL **ret, struct err *err)
{
	const unsigned char *p = der;
	CLEAN(crl_freep) X509_CRL *crl = len > INT32_MAX ? NULL : d2i_X509_CRL(NULL, &p, (long)len);

	if (crl == NULL)
		return evp_err(err, ERR_FIT, "not a CRL");
	if (p != der + len)
		return err_set(
		    err, ERR_FIT, "%zu extra bytes after the CRL", (size_t)(der + len - p));
	*ret = TAKE(crl);
	return 0;
}

void
cert_name_text(const X509_NAME *name, char ret[static X509_TEXT_MAX])
{
	CLEAN(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	const unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	char text[X509_TEXT_MAX];
	int n = 0;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0)
		n = BIO_read(bio, text, X509_TEXT_MAX - 1);
	text[n > 0 ? n : 0] = '\0';
	text_escape_name(text, ret, X509_TEXT_MAX);
	ERR_clear_error();
}

int
cert_time(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	*ret = timegm(&tm);
	return 0;
}

/* Others' certificates may have serials that RFC 5280, 4.1.2.2 does not allow; those that do not
 * fit our field are refused. */
static int
read_serial(const X509 *cert, struct cert_info *info)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	const int len = ASN1_STRING_length(serial);

	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || len < 1 || len > X509_SERIAL_MAX)
		return -1;
	memcpy(info->serial, ASN1_STRING_get0_data(serial), (size_t)len);
	info->serial_len = (size_t)len;
	return 0;
}

int
cert_spki_of(const X509 *cert, struct blob *ret, struct err *err)
{
	return evp_der(X509_get_X509_PUBKEY(cert), ASN1_ITEM_rptr(X509_PUBKEY),
	    "cannot encode the public key", ret, err);
}

int
cert_spki(const uint8_t *der, size_t len, struct blob *ret_spki, struct err *err)
{
	CLEAN(x509_freep) X509 *cert = NULL;
	int rc;

	if ((rc = cert_parse(der, len, &cert, err)) != 0)
		return rc;
	return cert_spki_of(cert, ret_spki, err);
}

int
cert_read(const uint8_t *der, size_t len, struct cert_info *ret, struct err *err)
{
	CLEAN(x509_freep) X509 *cert = NULL;
	CLEAN(blob_wipe) struct blob spki = {0};
	struct cert_info info = {0};
	int rc;

	if ((rc = cert_parse(der, len, &cert, err)) != 0 ||
	    (rc = cert_spki_of(cert, &spki, err)) != 0)
		return rc;
	if (read_serial(cert, &info) != 0)
		return err_set(err, ERR_FIT, "the certificate's serial number is out of range");
	if (cert_time(X509_get0_notBefore(cert), &info.not_before) != 0 ||
	    cert_time(X509_get0_notAfter(cert), &info.not_after) != 0)
		return evp_err(err, ERR_FIT, "the certificate's validity is malformed");
	cert_name_text(X509_get_subject_name(cert), info.subject);
	cert_name_text(X509_get_issuer_name(cert), info.issuer);
	if (X509_digest(cert, EVP_sha256(), info.sha256, NULL) != 1)
		return evp_err(err, ERR_INTERNAL, "SHA-256");
	if ((rc = x509_sha256(&spki, info.spki_sha256, err)) != 0)
		return rc;
	info.alg = evp_spki_alg(spki.data, spki.len);
	*ret = info;
	return 0;
}

/* ---- verification ---- */

int
cert_store_cas(X509_STORE *store, const struct blob *cas, size_t n, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		CLEAN(x509_freep) X509 *ca = NULL;

		if ((rc = cert_parse(cas[i].data, cas[i].len, &ca, err)) != 0)
			return err_wrap(err, "CA certificate %zu", i), rc;
		if (!X509_STORE_add_cert(store, ca))
			return evp_err(err, ERR_INTERNAL, "cannot fill the store");
	}
	return 0;
}

int
cert_store(const struct blob *cas, size_t n_cas, const struct blob *crls, size_t n_crls,
    X509_STORE **ret, struct err *err)
{
	CLEAN(store_freep) X509_STORE *store = X509_STORE_new();
	unsigned long flags = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	size_t i;
	int rc;

	if (store == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a store");
	if ((rc = cert_store_cas(store, cas, n_cas, err)) != 0)
		return rc;
	for (i = 0; i < n_crls; i++) {
		CLEAN(crl_freep) X509_CRL *crl = NULL;

		if ((rc = crl_parse(crls[i].data, crls[i].len, &crl, err)) != 0)
			return err_wrap(err, "CRL %zu", i), rc;
		if (!X509_STORE_add_crl(store, crl))
			return evp_err(err, ERR_INTERNAL, "cannot fill the store");
	}
	/* the last CA's may be published by somebody else, or not at all */
	if (n_crls > 0 && n_crls + 1 == n_cas)
		flags = X509_V_FLAG_CRL_CHECK;
	if (!X509_STORE_set_flags(store, flags) ||
	    !X509_STORE_set_purpose(store, X509_PURPOSE_SSL_CLIENT))
		return evp_err(err, ERR_INTERNAL, "cannot set up the store");
	*ret = TAKE(store);
	return 0;
}

int
cert_issued_by(const struct blob *cert, const struct blob *ca, struct err *err)
{
	CLEAN(x509_freep) X509 *x = NULL, *issuer = NULL;
	EVP_PKEY *key;
	int rc;

	if ((rc = cert_parse(cert->data, cert->len, &x, err)) != 0 ||
	    (rc = cert_parse(ca->data, ca->len, &issuer, err)) != 0)
		return rc;
	if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(issuer)) != 0)
		return err_set(err, ERR_PROOF, "the certificate was issued by another CA");
	if ((key = X509_get0_pubkey(issuer)) == NULL || X509_verify(x, key) != 1)
		return evp_err(err, ERR_PROOF,
		    "the certificate's signature does not verify with this CA's key");
	return 0;
}

int
cert_is_client(const struct blob *cert, bool *ret, struct err *err)
{
	CLEAN(x509_freep) X509 *x = NULL;
	const int rc = cert_parse(cert->data, cert->len, &x, err);

	if (rc == 0)
		*ret = (X509_get_extended_key_usage(x) & XKU_SSL_CLIENT) != 0;
	return rc;
}

/* Why a server would refuse what it issued for a client; NULL: it would not. */
static const char *
unfit(X509 *x, long below)
{
	const uint32_t both = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
	int bits = 0;

	/* without the extension everything is allowed (RFC 5280, 4.2.1.3) */
	if ((X509_get_key_usage(x) & both) != both)
		return "its key usage does not allow signing certificates and CRLs (keyUsage)";
	if (X509_check_ca(x) != 1)
		return "this is not a CA certificate (basicConstraints)";
	if (X509_NAME_entry_count(X509_get_subject_name(x)) == 0)
		return "its name is empty, and no certificate could say who issued it";
	if ((X509_get_extended_key_usage(x) & XKU_SSL_CLIENT) == 0)
		return "it may not issue client certificates (extendedKeyUsage has no clientAuth)";
	if (X509_get_ext_by_NID(x, NID_name_constraints, -1) >= 0)
		return "it has name constraints (nameConstraints), and here nothing keeps to them";
	if (X509_get_pathlen(x) >= 0 && X509_get_pathlen(x) < below)
		return "its path length allows no CA below it (pathLenConstraint)";
	if ((X509_get_extension_flags(x) & EXFLAG_CRITICAL) != 0)
		return "it has a critical extension that OpenSSL does not know";
	if (EVP_PKEY_get_security_bits(X509_get0_pubkey(x)) < SECURITY_BITS)
		return "its key is too short: RSA needs 2048 bits";
	/* a trust anchor's own signature is not looked at */
	if ((X509_get_extension_flags(x) & EXFLAG_SS) == 0 &&
	    (X509_get_signature_info(x, NULL, NULL, &bits, NULL) != 1 || bits < SECURITY_BITS))
		return "it is signed with too weak a digest, such as SHA-1";
	return NULL;
}

int
cert_issues_clients(const struct blob *cert, unsigned below, struct err *err)
{
	CLEAN(x509_freep) X509 *x = NULL;
	const char *why;
	int rc;

	if ((rc = cert_parse(cert->data, cert->len, &x, err)) != 0)
		return rc;
	why = unfit(x, (long)below);
	ERR_clear_error();
	return why == NULL ? 0 : err_set(err, ERR_PROOF, "%s", why);
}
