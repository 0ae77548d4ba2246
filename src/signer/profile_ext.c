/* SPDX-License-Identifier: BSD-2-Clause */
/* profile_ext: OpenSSL's side of a leaf's extensions. */
#include <string.h>

#include <openssl/x509v3.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "signer/profile.h"

OSSL_FREEP(eku_freep, EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
OSSL_FREEP(names_freep, GENERAL_NAMES, GENERAL_NAMES_free)
OSSL_FREEP(name1_freep, GENERAL_NAME, GENERAL_NAME_free)
OSSL_FREEP(points_freep, CRL_DIST_POINTS, CRL_DIST_POINTS_free)
OSSL_FREEP(point_freep, DIST_POINT, DIST_POINT_free)
OSSL_FREEP(aia_freep, AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free)
OSSL_FREEP(access_freep, ACCESS_DESCRIPTION, ACCESS_DESCRIPTION_free)
OSSL_FREEP(policies_freep, CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free)
OSSL_FREEP(policy_freep, POLICYINFO, POLICYINFO_free)
OSSL_FREEP(null_freep, ASN1_NULL, ASN1_NULL_free)
OSSL_FREEP(object_freep, ASN1_OBJECT, ASN1_OBJECT_free)
OSSL_FREEP(octets_freep, ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
OSSL_FREEP(type_freep, ASN1_TYPE, ASN1_TYPE_free)
OSSL_FREEP(ext_freep, X509_EXTENSION, X509_EXTENSION_free)

/* MS-WCCE, 2.2.2.7.7.4: szOID_NTDS_CA_SECURITY_EXT and szOID_NTDS_OBJECTSID */
#define OID_SID_EXTENSION "1.3.6.1.4.1.311.25.2"
#define OID_SID "1.3.6.1.4.1.311.25.2.1"

static bool
add_ext(X509 *x, int nid, void *value)
{
	return value != NULL && X509_add1_ext_i2d(x, nid, value, 0, X509V3_ADD_DEFAULT) == 1;
}

/* ---- usages ---- */

unsigned
profile_usage(const struct profile *profile, const struct blob *spki)
{
	const enum key_alg alg = evp_spki_alg(spki->data, spki->len);
	const bool rsa = alg == KEY_RSA2048 || alg == KEY_RSA3072 || alg == KEY_RSA4096;
	unsigned usage = profile->usage;

	/* RFC 3279, 2.3.1; RFC 5480, 3; RFC 8410, 5 */
	if (!rsa)
		usage &= ~(unsigned)USAGE_ENCRYPT;
	if (alg != KEY_P256 && alg != KEY_P384)
		usage &= ~(unsigned)USAGE_AGREE;
	return usage;
}

bool
profile_add_eku(X509 *x, const struct profile *profile)
{
	static const int nids[] = {NID_client_auth, NID_server_auth, NID_email_protect,
	    NID_ms_smartcard_login, NID_OCSP_sign}; /* in the order of enum rules_eku */
	CLEAN(eku_freep) EXTENDED_KEY_USAGE *eku = EXTENDED_KEY_USAGE_new();
	size_t i;

	for (i = 0; eku != NULL && i < sizeof(nids) / sizeof(nids[0]); i++)
		if ((profile->eku & 1u << i) != 0 &&
		    sk_ASN1_OBJECT_push(eku, OBJ_nid2obj(nids[i])) == 0)
			return false;
	return profile->eku == 0 || add_ext(x, NID_ext_key_usage, eku);
}

/* ---- names ---- */

static bool
push(GENERAL_NAMES *names, GENERAL_NAME **name)
{
	if (*name == NULL || sk_GENERAL_NAME_push(names, *name) == 0)
		return false;
	*name = NULL;
	return true;
}

static bool
push_text(GENERAL_NAMES *names, int type, const char *text, size_t len)
{
	CLEAN(name1_freep) GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();

	if (name == NULL || value == NULL || ASN1_STRING_set(value, text, (int)len) != 1) {
		ASN1_IA5STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	return push(names, &name);
}

static bool
push_ip(GENERAL_NAMES *names, const struct names_ip *ip)
{
	CLEAN(name1_freep) GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	if (name == NULL || value == NULL ||
	    ASN1_OCTET_STRING_set(value, ip->bytes, (int)ip->len) != 1) {
		ASN1_OCTET_STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, GEN_IPADD, value);
	return push(names, &name);
}

static bool
push_other(GENERAL_NAMES *names, ASN1_OBJECT *oid, int type, const char *text)
{
	CLEAN(name1_freep) GENERAL_NAME *name = GENERAL_NAME_new();
	CLEAN(object_freep) ASN1_OBJECT *id = OBJ_dup(oid);
	CLEAN(type_freep) ASN1_TYPE *value = ASN1_TYPE_new();
	ASN1_STRING *string = ASN1_STRING_type_new(type);

	if (string == NULL || value == NULL || ASN1_STRING_set(string, text, -1) != 1) {
		ASN1_STRING_free(string);
		return false;
	}
	ASN1_TYPE_set(value, type, string);
	if (name == NULL || id == NULL || GENERAL_NAME_set0_othername(name, id, value) != 1)
		return false;
	id = NULL;
	value = NULL;
	return push(names, &name);
}

static bool
add_san(X509 *x, const struct names *n)
{
	CLEAN(names_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
	char urn[NAMES_URN_LEN];
	size_t i;

	if (names == NULL ||
	    (n->who.email[0] != '\0' &&
		!push_text(names, GEN_EMAIL, n->who.email, strlen(n->who.email))) ||
	    (n->who.upn[0] != '\0' &&
		!push_other(names, OBJ_nid2obj(NID_ms_upn), V_ASN1_UTF8STRING, n->who.upn)))
		return false;
	if (names_has_uuid(n)) {
		names_urn(n->uuid, urn);
		if (!push_text(names, GEN_URI, urn, strlen(urn)))
			return false;
	}
	for (i = 0; i < n->n_dns; i++)
		if (!push_text(names, GEN_DNS, n->dns[i], strlen(n->dns[i])))
			return false;
	for (i = 0; i < n->n_ip; i++)
		if (!push_ip(names, &n->ip[i]))
			return false;
	return sk_GENERAL_NAME_num(names) == 0 || add_ext(x, NID_subject_alt_name, names);
}

static bool
add_sid(X509 *x, const char *sid)
{
	CLEAN(names_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
	CLEAN(object_freep) ASN1_OBJECT *id = OBJ_txt2obj(OID_SID_EXTENSION, 1);
	CLEAN(object_freep) ASN1_OBJECT *name = OBJ_txt2obj(OID_SID, 1);
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	CLEAN(octets_freep) ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	CLEAN(ext_freep) X509_EXTENSION *ext = NULL;
	int len;

	if (sid[0] == '\0')
		return true;
	if (names == NULL || id == NULL || name == NULL || octets == NULL ||
	    !push_other(names, name, V_ASN1_OCTET_STRING, sid) ||
	    (len = i2d_GENERAL_NAMES(names, &der)) <= 0 ||
	    ASN1_OCTET_STRING_set(octets, der, len) != 1)
		return false;
	ext = X509_EXTENSION_create_by_OBJ(NULL, id, 0, octets);
	return ext != NULL && X509_add_ext(x, ext, -1) == 1;
}

/* ---- addresses and policies ---- */

/* One point, whose names are different ways to the same list: RFC 5280, 4.2.1.13 */
static bool
add_cdp(X509 *x, const struct rules_list *urls)
{
	CLEAN(points_freep) CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
	CLEAN(point_freep) DIST_POINT *point = DIST_POINT_new();
	size_t i;

	if (urls->n == 0)
		return true;
	if (points == NULL || point == NULL || (point->distpoint = DIST_POINT_NAME_new()) == NULL)
		return false;
	point->distpoint->type = 0; /* fullName */
	if ((point->distpoint->name.fullname = GENERAL_NAMES_new()) == NULL)
		return false;
	for (i = 0; i < urls->n; i++)
		if (!push_text(point->distpoint->name.fullname, GEN_URI, urls->at[i].text,
			urls->at[i].len))
			return false;
	if (sk_DIST_POINT_push(points, point) == 0)
		return false;
	point = NULL;
	return add_ext(x, NID_crl_distribution_points, points);
}

static bool
push_access(AUTHORITY_INFO_ACCESS *aia, int nid, const struct rules_list *urls)
{
	size_t i;

	for (i = 0; i < urls->n; i++) {
		CLEAN(access_freep) ACCESS_DESCRIPTION *d = ACCESS_DESCRIPTION_new();
		ASN1_IA5STRING *value = ASN1_IA5STRING_new();

		if (d == NULL || value == NULL ||
		    ASN1_STRING_set(value, urls->at[i].text, (int)urls->at[i].len) != 1) {
			ASN1_IA5STRING_free(value);
			return false;
		}
		GENERAL_NAME_set0_value(d->location, GEN_URI, value);
		d->method = OBJ_nid2obj(nid);
		if (sk_ACCESS_DESCRIPTION_push(aia, d) == 0)
			return false;
		d = NULL;
	}
	return true;
}

static bool
add_aia(X509 *x, const struct profile *p)
{
	CLEAN(aia_freep) AUTHORITY_INFO_ACCESS *aia = AUTHORITY_INFO_ACCESS_new();

	if (p->ocsp.n + p->issuers.n == 0)
		return true;
	return aia != NULL && push_access(aia, NID_ad_OCSP, &p->ocsp) &&
	       push_access(aia, NID_ad_ca_issuers, &p->issuers) && add_ext(x, NID_info_access, aia);
}

static bool
add_policies(X509 *x, const struct rules_list *oids)
{
	CLEAN(policies_freep) CERTIFICATEPOLICIES *all = CERTIFICATEPOLICIES_new();
	char text[256];
	size_t i;

	for (i = 0; all != NULL && i < oids->n; i++) {
		CLEAN(policy_freep) POLICYINFO *one = POLICYINFO_new();

		if (one == NULL || oids->at[i].len >= sizeof(text))
			return false;
		memcpy(text, oids->at[i].text, oids->at[i].len);
		text[oids->at[i].len] = '\0';
		if ((one->policyid = OBJ_txt2obj(text, 1)) == NULL ||
		    sk_POLICYINFO_push(all, one) == 0)
			return false;
		one = NULL;
	}
	return oids->n == 0 || add_ext(x, NID_certificate_policies, all);
}

/* RFC 6960, 4.2.2.2.1 */
static bool
add_nocheck(X509 *x, bool nocheck)
{
	CLEAN(null_freep) ASN1_NULL *null = ASN1_NULL_new();

	return !nocheck || add_ext(x, NID_id_pkix_OCSP_noCheck, null);
}

bool
profile_add_leaf(X509 *x, const struct profile *p, const struct names *names)
{
	return add_san(x, names) && add_policies(x, &p->policies) && add_cdp(x, &p->cdp) &&
	       add_aia(x, p) && add_nocheck(x, p->nocheck) && add_sid(x, names->who.sid);
}
