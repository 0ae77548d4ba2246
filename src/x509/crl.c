/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/x509.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"

int
crl_verify(const struct blob *crl, const struct blob *ca, struct err *err)
{
	CLEAN(x509_freep) X509 *issuer = NULL;
	CLEAN(crl_freep) X509_CRL *list = NULL;
	EVP_PKEY *key;
	int rc;

	if ((rc = cert_parse(ca->data, ca->len, &issuer, err)) != 0 ||
	    (rc = crl_parse(crl->data, crl->len, &list, err)) != 0)
		return rc;
	if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0)
		return err_set(err, ERR_PROOF, "the CRL is of another CA");
	if ((key = X509_get0_pubkey(issuer)) == NULL || X509_CRL_verify(list, key) != 1)
		return evp_err(err, ERR_PROOF, "the CRL's signature is not this CA's");
	return 0;
}

static int
entry_reason(const X509_REVOKED *entry)
{
	ASN1_ENUMERATED *e = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	const int reason = e == NULL ? 0 : (int)ASN1_ENUMERATED_get(e);

	ASN1_ENUMERATED_free(e);
	return reason;
}

static bool
lists(X509_CRL *crl, const X509_REVOKED *entry)
{
	X509_REVOKED *there;

	/* 2: listed to say that it is released (removeFromCRL) */
	return X509_CRL_get0_by_serial(crl, &there, X509_REVOKED_get0_serialNumber(entry)) == 1;
}

int
crl_missing(const struct blob *older, const struct blob *newer,
    int (*entry)(void *ctx, const uint8_t *serial, size_t len, int reason), void *ctx,
    struct err *err)
{
	CLEAN(crl_freep) X509_CRL *was = NULL, *is = NULL;
	const ASN1_INTEGER *serial;
	STACK_OF(X509_REVOKED) * all;
	const X509_REVOKED *one;
	int rc, i;

	if ((rc = crl_parse(older->data, older->len, &was, err)) != 0 ||
	    (rc = crl_parse(newer->data, newer->len, &is, err)) != 0)
		return rc;
	all = X509_CRL_get_REVOKED(was);
	for (i = 0; rc == 0 && i < sk_X509_REVOKED_num(all); i++) {
		one = sk_X509_REVOKED_value(all, i);
		if (lists(is, one))
			continue;
		serial = X509_REVOKED_get0_serialNumber(one);
		rc = entry(ctx, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial),
		    entry_reason(one));
	}
	return rc;
}

int
crl_ask(const struct blob *crl, struct crl_asked *asked, size_t n, struct err *err)
{
	CLEAN(asn1_integer_freep) ASN1_INTEGER *serial = NULL;
	CLEAN(crl_freep) X509_CRL *list = NULL;
	CLEAN(bignum_freep) BIGNUM *bn = NULL;
	X509_REVOKED *there;
	size_t i;
	int rc;

	if ((rc = crl_parse(crl->data, crl->len, &list, err)) != 0)
		return rc;
	if ((bn = BN_new()) == NULL || (serial = ASN1_INTEGER_new()) == NULL)
		return evp_err(err, ERR_INTERNAL, "out of memory");
	for (i = 0; i < n; i++) {
		if (BN_bin2bn(asked[i].serial, (int)asked[i].len, bn) == NULL ||
		    BN_to_ASN1_INTEGER(bn, serial) == NULL)
			return evp_err(err, ERR_INTERNAL, "cannot read a serial number");
		asked[i].listed = X509_CRL_get0_by_serial(list, &there, serial) == 1;
	}
	return 0;
}
