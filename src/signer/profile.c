/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/profile.h"
#include "signer/sign.h"

OSSL_FREEP(names_freep, GENERAL_NAMES, GENERAL_NAMES_free)
OSSL_FREEP(points_freep, CRL_DIST_POINTS, CRL_DIST_POINTS_free)
OSSL_FREEP(conf_freep, CONF, NCONF_free)

#define WORDS_MAX 2048 /* bytes: two lists of addresses, each with its kind */

/* MS-WCCE, 2.2.2.7.7.4: szOID_NTDS_CA_SECURITY_EXT and szOID_NTDS_OBJECTSID */
#define OID_SID_EXTENSION "1.3.6.1.4.1.311.25.2"
#define OID_SID "1.3.6.1.4.1.311.25.2.1"
#define OID_UPN "1.3.6.1.4.1.311.20.2.3"

/* Bit by bit: RFC 5280, 4.2.1.3, and enum rules_eku; as x509v3_config(5ssl) calls them */
static const char *const usages[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
    "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign"};
static const char *const ekus[] = {
    "clientAuth", "serverAuth", "emailProtection", "msSmartcardLogin", "OCSPSigning"};
#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define USAGE_CA (1u << 5 | 1u << 6)

static const char *const constraints[] = {
    [PLAN_ROOT] = "critical,CA:TRUE",
    [PLAN_ISSUING] = "critical,CA:TRUE,pathlen:0",
    [PLAN_LEAF] = "critical,CA:FALSE",
};

static int
failed(struct err *err)
{
	return evp_err(err, ERR_INTERNAL, "cannot build the certificate");
}

/* ---- extensions in OpenSSL's own words ---- */

/* What does not fit is cut, and the certificate refused by check. */
__attribute__((format(printf, 2, 3))) static void
word(char to[static WORDS_MAX], const char *fmt, ...)
{
	const size_t len = strlen(to);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(to + len, WORDS_MAX - len, fmt, ap);
	va_end(ap);
}

static void
bits(char to[static WORDS_MAX], const char *const *names, size_t n, unsigned set)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((set & 1u << i) != 0)
			word(to, "%s%s", to[0] == '\0' ? "" : ",", names[i]);
}

static void
addresses(char to[static WORDS_MAX], const char *kind, const struct rules_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		word(to, "%s%s%.*s", to[0] == '\0' ? "" : ",", kind, (int)list->at[i].len,
		    list->at[i].text);
}

/* No words: no extension. */
static bool
add(X509 *x, X509V3_CTX *ctx, int nid, const char *words)
{
	CLEAN(ext_freep) X509_EXTENSION *ext = NULL;

	if (words[0] == '\0')
		return true;
	ext = X509V3_EXT_nconf_nid(NULL, ctx, nid, words);
	return ext != NULL && X509_add_ext(x, ext, -1) == 1;
}

/* KeyUsage of this profile with a key of this kind: the bits that the key can do. */
static unsigned
usage_of(const struct cert_plan *plan)
{
	const enum key_alg alg = evp_spki_alg(plan->spki->data, plan->spki->len);
	const bool rsa = alg == KEY_RSA2048 || alg == KEY_RSA3072 || alg == KEY_RSA4096;
	unsigned usage;

	if (plan->kind != PLAN_LEAF)
		return USAGE_CA;
	usage = plan->profile->usage;
	/* RFC 3279, 2.3.1; RFC 5480, 3; RFC 8410, 5 */
	if (!rsa)
		usage &= ~(unsigned)USAGE_ENCRYPT;
	if (alg != KEY_P256 && alg != KEY_P384)
		usage &= ~(unsigned)USAGE_AGREE;
	return usage;
}

/* Before the names: what every certificate has, and the extended usages. */
static bool
add_first(X509 *x, X509V3_CTX *ctx, const struct cert_plan *plan)
{
	char usage[WORDS_MAX] = "critical", eku[WORDS_MAX] = "", ski[2 * PROFILE_KEYID_LEN + 1];
	uint8_t md[EVP_MAX_MD_SIZE];

	/* RFC 7093, 2, method 1 */
	if (X509_pubkey_digest(x, EVP_sha256(), md, NULL) != 1)
		return false;
	text_hex(md, PROFILE_KEYID_LEN, ski);
	bits(usage, usages, LEN(usages), usage_of(plan));
	if (plan->kind == PLAN_LEAF)
		bits(eku, ekus, LEN(ekus), plan->profile->eku);
	return add(x, ctx, NID_basic_constraints, constraints[plan->kind]) &&
	       add(x, ctx, NID_key_usage, usage) && add(x, ctx, NID_ext_key_usage, eku) &&
	       add(x, ctx, NID_subject_key_identifier, ski) &&
	       add(x, ctx, NID_authority_key_identifier, "keyid:always");
}

/* ---- names ---- */

__attribute__((format(printf, 3, 4))) static bool
push(GENERAL_NAMES *names, int type, const char *fmt, ...)
{
	char text[WORDS_MAX];
	GENERAL_NAME *name;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	name = a2i_GENERAL_NAME(NULL, NULL, NULL, type, text, 0);
	if (name != NULL && sk_GENERAL_NAME_push(names, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}

static bool
add_i2d(X509 *x, int nid, void *value)
{
	return X509_add1_ext_i2d(x, nid, value, 0, X509V3_ADD_DEFAULT) == 1;
}

static bool
add_san(X509 *x, const struct names *n)
{
	CLEAN(names_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
	char urn[NAMES_URN_LEN], ip[INET6_ADDRSTRLEN];
	bool good = names != NULL;
	size_t i;

	names_urn(n->uuid, urn);
	if (good && n->who.email[0] != '\0')
		good = push(names, GEN_EMAIL, "%s", n->who.email);
	if (good && n->who.upn[0] != '\0')
		good = push(names, GEN_OTHERNAME, OID_UPN ";FORMAT:UTF8,UTF8:%s", n->who.upn);
	if (good && names_has_uuid(n))
		good = push(names, GEN_URI, "%s", urn);
	for (i = 0; good && i < n->n_dns; i++)
		good = push(names, GEN_DNS, "%s", n->dns[i]);
	for (i = 0; good && i < n->n_ip; i++)
		good = inet_ntop(n->ip[i].len == 4 ? AF_INET : AF_INET6, n->ip[i].bytes, ip,
			   sizeof(ip)) != NULL &&
		       push(names, GEN_IPADD, "%s", ip);
	return good && (sk_GENERAL_NAME_num(names) == 0 || add_i2d(x, NID_subject_alt_name, names));
}

static bool
add_sid(X509 *x, const char *sid)
{
	CLEAN(names_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
	CLEAN(object_freep) ASN1_OBJECT *id = OBJ_txt2obj(OID_SID_EXTENSION, 1);
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	CLEAN(octets_freep) ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	CLEAN(ext_freep) X509_EXTENSION *ext = NULL;
	int len;

	if (sid[0] == '\0')
		return true;
	if (names == NULL || id == NULL || octets == NULL ||
	    !push(names, GEN_OTHERNAME, OID_SID ";OCT:%s", sid) ||
	    (len = i2d_GENERAL_NAMES(names, &der)) <= 0 ||
	    ASN1_OCTET_STRING_set(octets, der, len) != 1)
		return false;
	ext = X509_EXTENSION_create_by_OBJ(NULL, id, 0, octets);
	return ext != NULL && X509_add_ext(x, ext, -1) == 1;
}

/* One point, whose names are different ways to the same list: RFC 5280, 4.2.1.13 */
static bool
add_cdp(X509 *x, const struct rules_list *urls)
{
	CLEAN(points_freep) CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
	DIST_POINT *point = DIST_POINT_new();
	size_t i;

	if (points == NULL || point == NULL || sk_DIST_POINT_push(points, point) == 0) {
		DIST_POINT_free(point);
		return false;
	}
	if ((point->distpoint = DIST_POINT_NAME_new()) == NULL ||
	    (point->distpoint->name.fullname = GENERAL_NAMES_new()) == NULL)
		return false;
	point->distpoint->type = 0; /* fullName */
	for (i = 0; i < urls->n; i++)
		if (!push(point->distpoint->name.fullname, GEN_URI, "%.*s", (int)urls->at[i].len,
			urls->at[i].text))
			return false;
	return urls->n == 0 || add_i2d(x, NID_crl_distribution_points, points);
}

static bool
add_leaf(X509 *x, X509V3_CTX *ctx, const struct cert_plan *plan)
{
	const struct profile *p = plan->profile;
	char policies[WORDS_MAX] = "", aia[WORDS_MAX] = "";

	addresses(policies, "", &p->policies);
	addresses(aia, "OCSP;URI:", &p->ocsp);
	addresses(aia, "caIssuers;URI:", &p->issuers);
	return add_san(x, plan->names) && add(x, ctx, NID_certificate_policies, policies) &&
	       add_cdp(x, &p->cdp) && add(x, ctx, NID_info_access, aia) &&
	       /* RFC 6960, 4.2.2.2.1 */
	       add(x, ctx, NID_id_pkix_OCSP_noCheck, p->nocheck ? "yes" : "") &&
	       add_sid(x, plan->names->who.sid);
}

/* ---- the whole ---- */

static bool
add_entry(X509_NAME *name, const char *field, const char *text)
{
	/* RFC 5280, appendix A: these two are PrintableString */
	const bool printable = strcmp(field, "C") == 0 || strcmp(field, "serialNumber") == 0;

	return text == NULL || X509_NAME_add_entry_by_txt(name, field,
				   printable ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING,
				   (const uint8_t *)text, -1, -1, 0) == 1;
}

int
profile_name(const struct names *names, X509_NAME **ret, struct err *err)
{
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();
	size_t i;

	for (i = 0; name != NULL && i < FIELDS; i++)
		if (!add_entry(name, rules_fields[i], names->field[i]))
			return failed(err);
	if (name == NULL || !add_entry(name, "CN", names->who.name))
		return failed(err);
	*ret = TAKE(name);
	return 0;
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

static bool
fill(X509 *x, X509 *issuer, const X509_NAME *name, int nid, const struct cert_plan *plan)
{
	CLEAN(conf_freep) CONF *conf = NCONF_new(NULL); /* empty; some extensions want one */
	X509V3_CTX ctx;

	if (x == NULL || conf == NULL || X509_set_version(x, X509_VERSION_3) != 1 ||
	    ASN1_STRING_set(X509_get_serialNumber(x), plan->serial, SIGNER_SERIAL_LEN) != 1 ||
	    !set_algorithm(x, nid) || X509_set_subject_name(x, name) != 1 ||
	    X509_set_issuer_name(x, issuer == NULL ? name : X509_get_subject_name(issuer)) != 1 ||
	    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)plan->not_before) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)plan->not_after) == NULL ||
	    !set_key(x, plan->spki))
		return false;
	X509V3_set_ctx(&ctx, issuer == NULL ? x : issuer, x, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	return add_first(x, &ctx, plan) && (plan->kind != PLAN_LEAF || add_leaf(x, &ctx, plan));
}

int
profile_build(const struct cert_plan *plan, struct blob *ret_tbs, struct err *err)
{
	const uint8_t *p = plan->issuer == NULL ? NULL : plan->issuer->data;
	CLEAN(x509_freep) X509 *x = X509_new(), *issuer = NULL;
	CLEAN(name_freep) X509_NAME *name = NULL;
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	const struct sign_algorithm *alg;
	int rc, len;

	if (p != NULL && (issuer = d2i_X509(NULL, &p, (long)plan->issuer->len)) == NULL)
		return failed(err);
	if ((rc = sign_algorithm(plan->issuer_alg, &alg, err)) != 0 ||
	    (rc = profile_name(plan->names, &name, err)) != 0)
		return rc;
	if (!fill(x, issuer, name, alg->nid, plan) || (len = i2d_re_X509_tbs(x, &der)) <= 0)
		return failed(err);
	return blob_set(ret_tbs, der, (size_t)len, err);
}
