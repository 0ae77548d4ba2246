/* SPDX-License-Identifier: BSD-2-Clause */
/* ocsp_request: what strangers ask. */
#include <string.h>

#include <openssl/err.h>

#include "x509/ocsp.h"

/* RFC 9654, 2.1 (which obsoletes RFC 8954): 1 to 128 octets in an OCTET STRING; what is shorter or
 * longer is a malformed request. */
static bool
nonce_is_good(X509_EXTENSION *nonce)
{
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(nonce);
	const unsigned char *p = ASN1_STRING_get0_data(value), *end;
	CLEAN(octets_freep) ASN1_OCTET_STRING *octets = NULL;

	end = p + ASN1_STRING_length(value);
	octets = d2i_ASN1_OCTET_STRING(NULL, &p, ASN1_STRING_length(value));
	return octets != NULL && p == end && ASN1_STRING_length(octets) >= 1 &&
	       ASN1_STRING_length(octets) <= OCSP_NONCE_MAX;
}

/* Each at most once (RFC 5280, 4.2), and none that is critical and means nothing to us (RFC 6960,
 * 4.4). */
static bool
extensions_are_good(OCSP_REQUEST *request)
{
	const int n = OCSP_REQUEST_get_ext_count(request);
	bool nonce = false;
	X509_EXTENSION *e;
	int i;

	for (i = 0; i < n; i++) {
		e = OCSP_REQUEST_get_ext(request, i);
		if (OBJ_obj2nid(X509_EXTENSION_get_object(e)) != NID_id_pkix_OCSP_Nonce) {
			if (X509_EXTENSION_get_critical(e))
				return false;
			continue;
		}
		if (nonce || !nonce_is_good(e))
			return false;
		nonce = true;
	}
	return true;
}

static bool
singles_are_good(OCSP_REQUEST *request)
{
	const int n = OCSP_request_onereq_count(request);
	OCSP_ONEREQ *one;
	int i, j;

	if (n < 1 || n > OCSP_SINGLES_MAX)
		return false;
	for (i = 0; i < n; i++) {
		one = OCSP_request_onereq_get0(request, i);
		for (j = 0; j < OCSP_ONEREQ_get_ext_count(one); j++)
			if (X509_EXTENSION_get_critical(OCSP_ONEREQ_get_ext(one, j)))
				return false;
	}
	return true;
}

OCSP_REQUEST *
ocsp_request_parse(const uint8_t *der, size_t len)
{
	CLEAN(ocsp_request_freep) OCSP_REQUEST *request = NULL;
	const unsigned char *p = der;
	bool good;

	if (len == 0 || len > OCSP_REQUEST_MAX)
		return NULL;
	request = d2i_OCSP_REQUEST(NULL, &p, (long)len);
	good = request != NULL && p == der + len && singles_are_good(request) &&
	       extensions_are_good(request);
	ERR_clear_error();
	return good ? TAKE(request) : NULL;
}

X509_EXTENSION *
ocsp_request_nonce(OCSP_REQUEST *request)
{
	const int at = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);

	return at < 0 ? NULL : OCSP_REQUEST_get_ext(request, at);
}

static bool
equals(const ASN1_OCTET_STRING *s, const uint8_t *data, size_t len)
{
	return (size_t)ASN1_STRING_length(s) == len &&
	       memcmp(ASN1_STRING_get0_data(s), data, len) == 0;
}

bool
ocsp_is_ours(const struct ocsp *o, OCSP_CERTID *id)
{
	ASN1_OCTET_STRING *name, *key;
	const struct ocsp_issuer *x;
	ASN1_OBJECT *digest;
	size_t i;

	if (OCSP_id_get0_info(&name, &digest, &key, NULL, id) != 1)
		return false;
	for (i = 0; i < OCSP_DIGESTS; i++) {
		x = &o->issuer[i];
		if (OBJ_obj2nid(digest) == x->nid)
			return equals(name, x->name, x->len) && equals(key, x->key, x->len);
	}
	return false;
}
