/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/x509v3.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "signer/profile.h"
#include "signer/seal.h"

OSSL_FREEP(bc_freep, BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)
OSSL_FREEP(akid_freep, AUTHORITY_KEYID, AUTHORITY_KEYID_free)
OSSL_FREEP(octets_freep, ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
OSSL_FREEP(bits_freep, ASN1_BIT_STRING, ASN1_BIT_STRING_free)

/* RFC 5280, 4.2.1.3: bit numbers of KeyUsage */
enum { KU_KEY_CERT_SIGN_BIT = 5, KU_CRL_SIGN_BIT = 6 };
#define USAGE_CA (1u << KU_KEY_CERT_SIGN_BIT | 1u << KU_CRL_SIGN_BIT)

static const struct kind {
	bool ca;
	long pathlen; /* -1: none */
} kinds[] = {
    [PLAN_ROOT] = {true, -1},
    [PLAN_ISSUING] = {true, 0},
    [PLAN_LEAF] = {false, -1},
};

/* RFC 4519; in the order of enum rules_field */
static const int field_nids[FIELDS] = {NID_countryName, NID_stateOrProvinceName, NID_localityName,
    NID_organizationName, NID_organizationalUnitName, NID_serialNumber};

static int
failed(struct err *err)
{
	return evp_err(err, ERR_INTERNAL, "cannot build the certificate");
}

static bool
add_ext(X509 *x, int nid, void *value, bool critical)
{
	return value != NULL && X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_DEFAULT) == 1;
}

static bool
add_constraints(X509 *x, const struct kind *k)
{
	CLEAN(bc_freep) BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

	if (bc == NULL)
		return false;
	bc->ca = k->ca ? 0xff : 0;
	if (k->pathlen >= 0 && ((bc->pathlen = ASN1_INTEGER_new()) == NULL ||
				   ASN1_INTEGER_set(bc->pathlen, k->pathlen) != 1))
		return false;
	return add_ext(x, NID_basic_constraints, bc, true);
}

static bool
add_usage(X509 *x, unsigned usage)
{
	CLEAN(bits_freep) ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	int i;

	for (i = 0; bits != NULL && i < 9; i++)
		if ((usage & 1u << i) != 0 && ASN1_BIT_STRING_set_bit(bits, i, 1) != 1)
			return false;
	return add_ext(x, NID_key_usage, bits, true);
}

static bool
add_keyids(X509 *x, const X509 *issuer, const uint8_t own[static PROFILE_KEYID_LEN])
{
	CLEAN(octets_freep) ASN1_OCTET_STRING *ski = ASN1_OCTET_STRING_new();
	CLEAN(akid_freep) AUTHORITY_KEYID *akid = AUTHORITY_KEYID_new();
	const ASN1_OCTET_STRING *above =
	    issuer == NULL ? ski : X509_get0_subject_key_id((X509 *)(uintptr_t)issuer);

	if (ski == NULL || akid == NULL || above == NULL ||
	    ASN1_OCTET_STRING_set(ski, own, PROFILE_KEYID_LEN) != 1 ||
	    (akid->keyid = ASN1_OCTET_STRING_dup(above)) == NULL)
		return false;
	return add_ext(x, NID_subject_key_identifier, ski, false) &&
	       add_ext(x, NID_authority_key_identifier, akid, false);
}

static bool
add_entry(X509_NAME *name, int nid, const char *text)
{
	/* RFC 5280, appendix A: these two are PrintableString */
	const bool printable = nid == NID_countryName || nid == NID_serialNumber;

	return text == NULL || X509_NAME_add_entry_by_NID(name, nid,
				   printable ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING,
				   (const uint8_t *)text, -1, -1, 0) == 1;
}

int
profile_name(const struct names *names, X509_NAME **ret, struct err *err)
{
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();
	size_t i;

	for (i = 0; name != NULL && i < FIELDS; i++)
		if (!add_entry(name, field_nids[i], names->field[i]))
			return failed(err);
	if (name == NULL || !add_entry(name, NID_commonName, names->who.name))
		return failed(err);
	*ret = TAKE(name);
	return 0;
}

static bool
set_names(X509 *x, const X509 *issuer, const X509_NAME *name)
{
	return X509_set_subject_name(x, name) == 1 &&
	       X509_set_issuer_name(x, issuer == NULL ? name : X509_get_subject_name(issuer)) == 1;
}

static bool
set_serial(X509 *x, const uint8_t serial[static SIGNER_SERIAL_LEN])
{
	CLEAN(bignum_freep) BIGNUM *n = BN_bin2bn(serial, SIGNER_SERIAL_LEN, NULL);

	return n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
}

static bool
set_key(X509 *x, const struct blob *spki)
{
	const uint8_t *p = spki->data;
	CLEAN(pkey_freep) EVP_PKEY *pub = d2i_PUBKEY(NULL, &p, (long)spki->len);

	return pub != NULL && X509_set_pubkey(x, pub) == 1;
}

/* OpenSSL sets this field only while it signs. Here the bytes are checked and logged before a key
 * is near them, so it has to be there already. */
static bool
set_algorithm(X509 *x, int nid)
{
	X509_ALGOR *inner = (X509_ALGOR *)(uintptr_t)X509_get0_tbs_sigalg(x);
	/* RFC 4055, 5; none with ECDSA and Ed25519 */
	const int parameters = nid == NID_sha256WithRSAEncryption ? V_ASN1_NULL : V_ASN1_UNDEF;

	return X509_ALGOR_set0(inner, OBJ_nid2obj(nid), parameters, NULL) == 1;
}

static int
encode(X509 *x, struct blob *ret, struct err *err)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const int len = i2d_re_X509_tbs(x, &der);

	return len <= 0 ? failed(err) : blob_set(ret, der, (size_t)len, err);
}

int
profile_build(const struct plan *plan, struct blob *ret_tbs, struct err *err)
{
	const struct kind *k = &kinds[plan->kind];
	const uint8_t *p = plan->issuer == NULL ? NULL : plan->issuer->data, *alg;
	CLEAN(x509_freep) X509 *x = X509_new(), *issuer = NULL;
	CLEAN(name_freep) X509_NAME *name = NULL;
	uint8_t keyid[PROFILE_KEYID_LEN];
	size_t alg_len;
	int rc, nid;

	if (p != NULL && (issuer = d2i_X509(NULL, &p, (long)plan->issuer->len)) == NULL)
		return failed(err);
	if ((rc = seal_algorithm(plan->issuer_alg, &alg, &alg_len, &nid, err)) != 0 ||
	    (rc = profile_keyid(plan->spki, keyid, err)) != 0 ||
	    (rc = profile_name(plan->names, &name, err)) != 0)
		return rc;
	if (x == NULL || X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x, plan->serial) ||
	    !set_algorithm(x, nid) || !set_names(x, issuer, name) || !set_key(x, plan->spki) ||
	    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)plan->not_before) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)plan->not_after) == NULL ||
	    !add_constraints(x, k) ||
	    !add_usage(x, k->ca ? USAGE_CA : profile_usage(plan->profile, plan->spki)) ||
	    (!k->ca && !profile_add_eku(x, plan->profile)) || !add_keyids(x, issuer, keyid) ||
	    (!k->ca && !profile_add_leaf(x, plan->profile, plan->names)))
		return failed(err);
	return encode(x, ret_tbs, err);
}

int
profile_keyid(const struct blob *spki, uint8_t ret[static PROFILE_KEYID_LEN], struct err *err)
{
	const uint8_t *p = spki->data, *bits;
	X509_PUBKEY *pub = d2i_X509_PUBKEY(NULL, &p, (long)spki->len);
	uint8_t md[EVP_MAX_MD_SIZE];
	int len, ok;

	ok = pub != NULL && X509_PUBKEY_get0_param(NULL, &bits, &len, NULL, pub) == 1 &&
	     EVP_Digest(bits, (size_t)len, md, NULL, EVP_sha256(), NULL) == 1;
	X509_PUBKEY_free(pub);
	if (!ok)
		return failed(err);
	memcpy(ret, md, PROFILE_KEYID_LEN);
	return 0;
}
