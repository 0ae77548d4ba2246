/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/evp.h>

#include "signer/check.h"
#include "signer/der.h"
#include "signer/sign.h"

#define KEYID_LEN 20
#define DAYS_MAX 36525 /* a plan for longer than a century is a mistake */
#define USAGE_CA 0x60u /* keyCertSign, cRLSign: RFC 5280, 4.2.1.3 */
#define URI 0x86       /* [6] IMPLICIT IA5String: RFC 5280, 4.2.1.6 */
#define DER_PRINTABLE 0x13

static const uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
static const uint8_t yes[] = {0x01, 0x01, 0xff};

/* What is written, and what it takes besides the plan. */
struct wanted {
	const struct cert_plan *plan;
	struct der_cert issuer;
	uint8_t own[KEYID_LEN];
};

/* ---- names ---- */

/* RelativeDistinguishedName of one attribute; id-at-… is 2.5.4.x. */
static void
put_rdn(struct der_out *o, uint8_t at, uint8_t tag, const char *text)
{
	const uint8_t oid[] = {0x55, 0x04, at};
	const size_t begin = o->b.len;

	if (text == NULL)
		return;
	der_put(o, DER_OID, oid, sizeof(oid));
	der_put(o, tag, text, strlen(text));
	der_wrap(o, begin, DER_SEQUENCE);
	der_wrap(o, begin, DER_SET);
}

static void
put_name(struct der_out *o, const struct names *names)
{
	const size_t begin = o->b.len;
	int f;

	/* RFC 5280, appendix A, says which are PrintableString */
	for (f = 0; f < FIELDS; f++)
		put_rdn(o, names_at[f],
		    f == FIELD_C || f == FIELD_SERIAL ? DER_PRINTABLE : DER_UTF8, names->field[f]);
	put_rdn(o, NAMES_AT_CN, DER_UTF8, names->who.name);
	der_wrap(o, begin, DER_SEQUENCE);
}

/* ---- key ---- */

static int
spki_parts(const struct blob *spki, struct der *ret_oid, struct der *ret_bits)
{
	struct der outer, alg;
	size_t pos = 0, at = 0, in = 0;

	if (der_expect(spki->data, spki->len, &pos, DER_SEQUENCE, &outer) != 0 ||
	    pos != spki->len || der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &alg) != 0 ||
	    der_expect(alg.value, alg.len, &in, DER_OID, ret_oid) != 0 ||
	    der_expect(outer.value, outer.len, &at, DER_BIT_STRING, ret_bits) != 0 ||
	    at != outer.len || ret_bits->len < 2 || ret_bits->value[0] != 0)
		return -1;
	return 0;
}

/* RFC 7093, 2, method 1, from the SubjectPublicKeyInfo's own octets. */
static int
keyid(const struct blob *spki, uint8_t ret[static KEYID_LEN], struct err *err)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	struct der oid, bits;

	if (spki_parts(spki, &oid, &bits) != 0)
		return err_set(err, ERR_CA, "not a SubjectPublicKeyInfo");
	if (EVP_Digest(bits.value + 1, bits.len - 1, md, NULL, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	memcpy(ret, md, KEYID_LEN);
	return 0;
}

/* RSA encrypts, EC agrees, the rest only signs. */
static unsigned
possible(const struct blob *spki)
{
	static const uint8_t rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
	static const uint8_t ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
	struct der oid, bits;
	unsigned can = USAGE_SIGN | USAGE_COMMIT;

	if (spki_parts(spki, &oid, &bits) != 0)
		return 0;
	if (der_is(&oid, rsa, sizeof(rsa)))
		can |= USAGE_ENCRYPT;
	if (der_is(&oid, ec, sizeof(ec)))
		can |= USAGE_AGREE;
	return can;
}

/* ---- extensions: each puts what is in its OCTET STRING, or nothing ---- */

static void
put_constraints(struct der_out *o, const struct wanted *w)
{
	static const uint8_t zero[] = {0};
	const size_t begin = o->b.len;

	if (w->plan->kind != PLAN_LEAF)
		der_raw(o, yes, sizeof(yes));
	if (w->plan->kind == PLAN_ISSUING)
		der_put(o, DER_INTEGER, zero, sizeof(zero));
	der_wrap(o, begin, DER_SEQUENCE);
}

/* BIT STRING with its trailing zeros left out: X.690, 11.2.2. Bit 0 is the first. */
static void
put_usage(struct der_out *o, const struct wanted *w)
{
	const unsigned usage = w->plan->kind == PLAN_LEAF
				   ? w->plan->profile->usage & possible(w->plan->spki)
				   : USAGE_CA;
	uint8_t bits[2] = {8, 0};
	int i;

	for (i = 0; i < 8; i++)
		if ((usage & 1u << i) != 0) {
			bits[1] |= (uint8_t)(0x80 >> i);
			bits[0] = (uint8_t)(7 - i);
		}
	if (usage == 0 || usage > 0xff)
		der_fail(o, ERR_CA, "the profile leaves the key no usage");
	der_put(o, DER_BIT_STRING, bits, sizeof(bits));
}

static void
put_eku(struct der_out *o, const struct wanted *w)
{
	/* id-kp is 1.3.6.1.5.5.7.3 */
	static const struct {
		uint8_t bytes[10];
		size_t len;
	} oids[] = {
	    {{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02}, 8},
	    {{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01}, 8},
	    {{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x04}, 8},
	    {{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x02}, 10},
	    {{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09}, 8},
	};
	const size_t begin = o->b.len;
	size_t i;

	for (i = 0; i < sizeof(oids) / sizeof(oids[0]); i++)
		if ((w->plan->profile->eku & 1u << i) != 0)
			der_put(o, DER_OID, oids[i].bytes, oids[i].len);
	der_wrap_some(o, begin, DER_SEQUENCE);
}

static void
put_ski(struct der_out *o, const struct wanted *w)
{
	der_put(o, DER_OCTET_STRING, w->own, KEYID_LEN);
}

static void
put_aki(struct der_out *o, const struct wanted *w)
{
	const size_t begin = o->b.len;

	der_put(o, 0x80, w->plan->issuer == NULL ? w->own : w->issuer.ski.value, KEYID_LEN);
	der_wrap(o, begin, DER_SEQUENCE);
}

/* otherName [0] { OID, [0] EXPLICIT value } */
static void
put_other(struct der_out *o, const uint8_t *oid, size_t oid_len, uint8_t tag, const char *text)
{
	const size_t begin = o->b.len;
	size_t value;

	der_put(o, DER_OID, oid, oid_len);
	value = o->b.len;
	der_put(o, tag, text, strlen(text));
	der_wrap(o, value, DER_CONTEXT_0);
	der_wrap(o, begin, DER_CONTEXT_0);
}

static void
put_san(struct der_out *o, const struct wanted *w)
{
	enum { RFC822 = 0x81, DNS = 0x82, IP = 0x87 };
	static const uint8_t upn[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03};
	const struct names *n = w->plan->names;
	const size_t begin = o->b.len;
	char urn[NAMES_URN_LEN];
	size_t i;

	if (n->who.email[0] != '\0')
		der_put(o, RFC822, n->who.email, strlen(n->who.email));
	if (n->who.upn[0] != '\0')
		put_other(o, upn, sizeof(upn), DER_UTF8, n->who.upn);
	if (names_has_uuid(n)) {
		names_urn(n->uuid, urn);
		der_put(o, URI, urn, strlen(urn));
	}
	for (i = 0; i < n->n_dns; i++)
		der_put(o, DNS, n->dns[i], strlen(n->dns[i]));
	for (i = 0; i < n->n_ip; i++)
		der_put(o, IP, n->ip[i].bytes, n->ip[i].len);
	der_wrap_some(o, begin, DER_SEQUENCE);
}

static void
put_policies(struct der_out *o, const struct wanted *w)
{
	const struct rules_list *oids = &w->plan->profile->policies;
	const size_t begin = o->b.len;
	size_t i, one;

	for (i = 0; i < oids->n; i++) {
		one = o->b.len;
		der_put_oid(o, oids->at[i].text, oids->at[i].len);
		der_wrap(o, one, DER_SEQUENCE);
	}
	der_wrap_some(o, begin, DER_SEQUENCE);
}

/* [0] fullName in [0] distributionPoint: RFC 5280, 4.2.1.13 */
static void
put_cdp(struct der_out *o, const struct wanted *w)
{
	const struct rules_list *urls = &w->plan->profile->cdp;
	const size_t begin = o->b.len;
	size_t i;

	for (i = 0; i < urls->n; i++)
		der_put(o, URI, urls->at[i].text, urls->at[i].len);
	der_wrap_some(o, begin, DER_CONTEXT_0);
	der_wrap_some(o, begin, DER_CONTEXT_0);
	der_wrap_some(o, begin, DER_SEQUENCE);
	der_wrap_some(o, begin, DER_SEQUENCE);
}

/* id-ad is 1.3.6.1.5.5.7.48: RFC 5280, 4.2.2.1 */
static void
put_access(struct der_out *o, uint8_t method, const struct rules_list *urls)
{
	const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, method};
	size_t i, one;

	for (i = 0; i < urls->n; i++) {
		one = o->b.len;
		der_put(o, DER_OID, oid, sizeof(oid));
		der_put(o, URI, urls->at[i].text, urls->at[i].len);
		der_wrap(o, one, DER_SEQUENCE);
	}
}

static void
put_aia(struct der_out *o, const struct wanted *w)
{
	enum { AD_OCSP = 1, AD_CA_ISSUERS = 2 };
	const size_t begin = o->b.len;

	put_access(o, AD_OCSP, &w->plan->profile->ocsp);
	put_access(o, AD_CA_ISSUERS, &w->plan->profile->issuers);
	der_wrap_some(o, begin, DER_SEQUENCE);
}

/* RFC 6960, 4.2.2.2.1 */
static void
put_nocheck(struct der_out *o, const struct wanted *w)
{
	static const uint8_t null[] = {0x05, 0x00};

	if (w->plan->profile->nocheck)
		der_raw(o, null, sizeof(null));
}

/* MS-WCCE, 2.2.2.7.7.4: GeneralNames with one otherName, the SID's text as OCTET STRING. */
static void
put_sid(struct der_out *o, const struct wanted *w)
{
	static const uint8_t type[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02, 0x01};
	const char *sid = w->plan->names->who.sid;
	const size_t begin = o->b.len;

	if (sid[0] != '\0')
		put_other(o, type, sizeof(type), DER_OCTET_STRING, sid);
	der_wrap_some(o, begin, DER_SEQUENCE);
}

/* In their order: RFC 5280, 4.2. Those of a leaf alone are in no CA's certificate. */
static const struct {
	uint8_t oid[9];
	uint8_t oid_len;
	bool critical, leaf;
	void (*put)(struct der_out *o, const struct wanted *w);
} extensions[] = {
    {{0x55, 0x1d, 0x13}, 3, true, false, put_constraints},
    {{0x55, 0x1d, 0x0f}, 3, true, false, put_usage},
    {{0x55, 0x1d, 0x25}, 3, false, true, put_eku},
    {{0x55, 0x1d, 0x0e}, 3, false, false, put_ski},
    {{0x55, 0x1d, 0x23}, 3, false, false, put_aki},
    {{0x55, 0x1d, 0x11}, 3, false, true, put_san},
    {{0x55, 0x1d, 0x20}, 3, false, true, put_policies},
    {{0x55, 0x1d, 0x1f}, 3, false, true, put_cdp},
    {{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01}, 8, false, true, put_aia},
    {{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x05}, 9, false, true, put_nocheck},
    {{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02}, 9, false, true, put_sid},
};

static void
put_extensions(struct der_out *o, const struct wanted *w)
{
	const size_t begin = o->b.len;
	size_t i, one, value;

	for (i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		if (extensions[i].leaf && w->plan->kind != PLAN_LEAF)
			continue;
		one = o->b.len;
		der_put(o, DER_OID, extensions[i].oid, extensions[i].oid_len);
		if (extensions[i].critical)
			der_raw(o, yes, sizeof(yes));
		value = o->b.len;
		extensions[i].put(o, w);
		if (o->b.len == value) { /* there is nothing to say */
			o->b.len = one;
			continue;
		}
		der_wrap(o, value, DER_OCTET_STRING);
		der_wrap(o, one, DER_SEQUENCE);
	}
	der_wrap(o, begin, DER_SEQUENCE);
	der_wrap(o, begin, DER_CONTEXT_3);
}

/* ---- the whole ---- */

static int
expected(const struct cert_plan *plan, struct der_out *o)
{
	struct wanted w = {.plan = plan};
	const struct sign_algorithm *alg;
	size_t begin;
	int rc;

	if ((rc = sign_algorithm(plan->issuer_alg, &alg, o->err)) != 0 ||
	    (rc = keyid(plan->spki, w.own, o->err)) != 0 ||
	    (plan->issuer != NULL && (rc = der_cert(plan->issuer, &w.issuer, o->err)) != 0))
		return rc;
	if (plan->issuer != NULL && w.issuer.ski.len != KEYID_LEN)
		return err_set(o->err, ERR_CA, "the CA's key identifier has an unexpected length");
	der_raw(o, version_3, sizeof(version_3));
	der_put(o, DER_INTEGER, plan->serial, SIGNER_SERIAL_LEN);
	der_raw(o, alg->der, alg->der_len);
	if (plan->issuer == NULL)
		put_name(o, plan->names);
	else
		der_raw(o, w.issuer.subject.raw, w.issuer.subject.raw_len);
	begin = o->b.len;
	der_put_time(o, plan->not_before);
	der_put_time(o, plan->not_after);
	der_wrap(o, begin, DER_SEQUENCE);
	put_name(o, plan->names);
	der_raw(o, plan->spki->data, plan->spki->len);
	put_extensions(o, &w);
	der_wrap(o, 0, DER_SEQUENCE);
	return o->rc;
}

/* The names that the plan has are those that its profile has a place for. */
static int
names_ok(const struct cert_plan *plan, struct err *err)
{
	const struct names *n = plan->names;
	const struct profile *p = plan->profile;
	const unsigned have = names_have(n);
	size_t i;

	if ((have & ~p->names) != 0 || (p->names_must & ~have) != 0)
		return err_set(err, ERR_CA, "the names are not those that the profile allows");
	for (i = 0; i < FIELDS; i++)
		if (n->field[i] != NULL ? p->fields[i] == FIELD_NONE
					: p->fields[i] >= FIELD_SUPPLIED)
			return err_set(
			    err, ERR_CA, "the subject is not one that the profile allows");
	return 0;
}

/* What no plan of this CA may say. */
static int
plan_ok(const struct cert_plan *plan, struct err *err)
{
	const int64_t span = plan->not_after - plan->not_before;

	if (plan->serial[0] < 0x40 || plan->serial[0] > 0x7f)
		return err_set(err, ERR_CA, "the serial number's first octet is not 0x40 to 0x7f");
	if (span < 0 || span >= DAYS_MAX * INT64_C(86400))
		return err_set(err, ERR_CA, "the validity has an impossible length");
	if ((plan->kind == PLAN_LEAF) != (plan->profile != NULL))
		return err_set(err, ERR_CA,
		    "a leaf certificate needs a profile, a CA certificate must have none");
	if ((plan->kind == PLAN_ROOT) != (plan->issuer == NULL))
		return err_set(err, ERR_CA, "only a root certificate is self-signed");
	return plan->kind == PLAN_LEAF ? names_ok(plan, err) : 0;
}

int
check_tbs(const struct cert_plan *plan, const struct blob *tbs, struct err *err)
{
	CLEAN(der_out_wipe) struct der_out want = {.err = err};
	size_t i;
	int rc;

	if ((rc = plan_ok(plan, err)) != 0 || (rc = expected(plan, &want)) != 0)
		return rc;
	if (blob_equal(&want.b, tbs))
		return 0;
	for (i = 0; i < want.b.len && i < tbs->len && want.b.data[i] == tbs->data[i]; i++)
		;
	return err_set(err, ERR_CA,
	    "refusing to sign: the certificate differs from what profile and request require "
	    "(from octet %zu on)",
	    i);
}
