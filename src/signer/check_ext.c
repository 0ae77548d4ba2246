/* SPDX-License-Identifier: BSD-2-Clause */
/* check_ext: a leaf's extensions as RFC 5280, 4.2, writes them. */
#include <string.h>

#include "signer/check.h"
#include "signer/der.h"

#define URI 0x86 /* [6] IMPLICIT IA5String: RFC 5280, 4.2.1.6 */

/* Open: 30 len OID [critical]; what follows goes into the OCTET STRING. */
static int
put_extension(struct blob *to, const uint8_t *oid, size_t oid_len, bool critical,
    struct blob *value, struct err *err)
{
	static const uint8_t yes[] = {0x01, 0x01, 0xff};
	CLEAN(blob_wipe) struct blob e = {0};
	int rc;

	if ((rc = der_put(&e, DER_OID, oid, oid_len, err)) != 0 ||
	    (critical && (rc = blob_append(&e, yes, sizeof(yes), err)) != 0) ||
	    (rc = check_wrap(&e, DER_OCTET_STRING, value, err)) != 0)
		return rc;
	return check_wrap(to, DER_SEQUENCE, &e, err);
}

/* ---- usages ---- */

static const uint8_t rsa_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t ec_oid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

static bool
is(const struct der *d, const uint8_t *bytes, size_t len)
{
	return d->len == len && memcmp(d->value, bytes, len) == 0;
}

/* RSA encrypts, EC agrees, the rest only signs. */
static int
possible(const struct plan *plan, unsigned *ret, struct err *err)
{
	struct der outer, alg, oid;
	size_t pos = 0, at = 0, in = 0;

	if (der_expect(plan->spki->data, plan->spki->len, &pos, DER_SEQUENCE, &outer) != 0 ||
	    der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &alg) != 0 ||
	    der_expect(alg.value, alg.len, &in, DER_OID, &oid) != 0)
		return err_set(err, ERR_CA, "not a SubjectPublicKeyInfo");
	*ret = USAGE_SIGN | USAGE_COMMIT;
	if (is(&oid, rsa_oid, sizeof(rsa_oid)))
		*ret |= USAGE_ENCRYPT;
	if (is(&oid, ec_oid, sizeof(ec_oid)))
		*ret |= USAGE_AGREE;
	return 0;
}

/* BIT STRING with its trailing zeros left out: X.690, 11.2.2. Bit 0 is the first. */
static int
put_key_usage(struct blob *to, unsigned usage, struct err *err)
{
	static const uint8_t oid[] = {0x55, 0x1d, 0x0f};
	CLEAN(blob_wipe) struct blob value = {0};
	uint8_t bits[2] = {8, 0};
	int rc, i;

	for (i = 0; i < 8; i++)
		if ((usage & 1u << i) != 0) {
			bits[1] |= (uint8_t)(0x80 >> i);
			bits[0] = (uint8_t)(7 - i);
		}
	if (usage == 0 || usage > 0xff)
		return err_set(err, ERR_CA, "the profile's key can do nothing");
	if ((rc = der_put(&value, DER_BIT_STRING, bits, sizeof(bits), err)) != 0)
		return rc;
	return put_extension(to, oid, sizeof(oid), true, &value, err);
}

static int
put_eku(struct blob *to, unsigned eku, struct err *err)
{
	static const uint8_t oid[] = {0x55, 0x1d, 0x25};
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
	CLEAN(blob_wipe) struct blob list = {0}, value = {0};
	size_t i;
	int rc;

	if (eku == 0)
		return 0;
	for (i = 0; i < sizeof(oids) / sizeof(oids[0]); i++)
		if ((eku & 1u << i) != 0 &&
		    (rc = der_put(&list, DER_OID, oids[i].bytes, oids[i].len, err)) != 0)
			return rc;
	if ((rc = check_wrap(&value, DER_SEQUENCE, &list, err)) != 0)
		return rc;
	return put_extension(to, oid, sizeof(oid), false, &value, err);
}

int
check_put_usage(struct blob *to, const struct plan *plan, struct err *err)
{
	unsigned can = 0;
	int rc;

	if ((rc = possible(plan, &can, err)) != 0 ||
	    (rc = put_key_usage(to, plan->profile->usage & can, err)) != 0)
		return rc;
	return put_eku(to, plan->profile->eku, err);
}

/* ---- names ---- */

/* otherName [0] { OID, [0] EXPLICIT value } */
static int
put_other(struct blob *to, const uint8_t *oid, size_t oid_len, uint8_t tag, const char *text,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob value = {0}, name = {0};
	int rc;

	if ((rc = der_put(&value, tag, text, strlen(text), err)) != 0 ||
	    (rc = der_put(&name, DER_OID, oid, oid_len, err)) != 0 ||
	    (rc = check_wrap(&name, DER_CONTEXT_0, &value, err)) != 0)
		return rc;
	return check_wrap(to, DER_CONTEXT_0, &name, err);
}

static int
put_uuid(struct blob *to, const uint8_t *uuid, struct err *err)
{
	static const char digits[] = "0123456789abcdef";
	char urn[] = "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i = strlen("urn:uuid:"), n;

	for (n = 0; n < 2 * REQUEST_GUID_LEN; i++)
		if (urn[i] == 'x') {
			urn[i] = digits[uuid[n / 2] >> (n % 2 == 0 ? 4 : 0) & 0xf];
			n++;
		}
	return der_put(to, URI, urn, strlen(urn), err);
}

static int
put_san(struct blob *to, const struct names *n, struct err *err)
{
	enum { RFC822 = 0x81, DNS = 0x82, IP = 0x87 };
	static const uint8_t oid[] = {0x55, 0x1d, 0x11};
	static const uint8_t upn[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03};
	CLEAN(blob_wipe) struct blob list = {0}, value = {0};
	size_t i;
	int rc = 0;

	if (n->who.email[0] != '\0')
		rc = der_put(&list, RFC822, n->who.email, strlen(n->who.email), err);
	if (rc == 0 && n->who.upn[0] != '\0')
		rc = put_other(&list, upn, sizeof(upn), DER_UTF8, n->who.upn, err);
	if (rc == 0 && names_has_uuid(n))
		rc = put_uuid(&list, n->uuid, err);
	for (i = 0; rc == 0 && i < n->n_dns; i++)
		rc = der_put(&list, DNS, n->dns[i], strlen(n->dns[i]), err);
	for (i = 0; rc == 0 && i < n->n_ip; i++)
		rc = der_put(&list, IP, n->ip[i].bytes, n->ip[i].len, err);
	if (rc != 0 || list.len == 0)
		return rc;
	if ((rc = check_wrap(&value, DER_SEQUENCE, &list, err)) != 0)
		return rc;
	return put_extension(to, oid, sizeof(oid), false, &value, err);
}

/* MS-WCCE, 2.2.2.7.7.4: GeneralNames with one otherName, the SID's text as OCTET STRING. */
static int
put_sid(struct blob *to, const char *sid, struct err *err)
{
	static const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02};
	static const uint8_t type[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02, 0x01};
	CLEAN(blob_wipe) struct blob list = {0}, value = {0};
	int rc;

	if (sid[0] == '\0')
		return 0;
	if ((rc = put_other(&list, type, sizeof(type), DER_OCTET_STRING, sid, err)) != 0 ||
	    (rc = check_wrap(&value, DER_SEQUENCE, &list, err)) != 0)
		return rc;
	return put_extension(to, oid, sizeof(oid), false, &value, err);
}

/* ---- addresses and policies ---- */

/* [0] fullName in [0] distributionPoint: RFC 5280, 4.2.1.13 */
static int
put_cdp(struct blob *to, const struct rules_list *urls, struct err *err)
{
	static const uint8_t oid[] = {0x55, 0x1d, 0x1f};
	CLEAN(blob_wipe) struct blob a = {0}, b = {0};
	size_t i;
	int rc;

	if (urls->n == 0)
		return 0;
	for (i = 0; i < urls->n; i++)
		if ((rc = der_put(&a, URI, urls->at[i].text, urls->at[i].len, err)) != 0)
			return rc;
	if ((rc = check_wrap(&b, DER_CONTEXT_0, &a, err)) != 0 ||
	    (rc = check_wrap(&a, DER_CONTEXT_0, &b, err)) != 0 ||
	    (rc = check_wrap(&b, DER_SEQUENCE, &a, err)) != 0 ||
	    (rc = check_wrap(&a, DER_SEQUENCE, &b, err)) != 0)
		return rc;
	return put_extension(to, oid, sizeof(oid), false, &a, err);
}

/* id-ad is 1.3.6.1.5.5.7.48: RFC 5280, 4.2.2.1 */
static int
put_access(struct blob *to, uint8_t method, const struct rules_list *urls, struct err *err)
{
	const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, method};
	CLEAN(blob_wipe) struct blob d = {0};
	size_t i;
	int rc;

	for (i = 0; i < urls->n; i++)
		if ((rc = der_put(&d, DER_OID, oid, sizeof(oid), err)) != 0 ||
		    (rc = der_put(&d, URI, urls->at[i].text, urls->at[i].len, err)) != 0 ||
		    (rc = check_wrap(to, DER_SEQUENCE, &d, err)) != 0)
			return rc;
	return 0;
}

static int
put_aia(struct blob *to, const struct profile *p, struct err *err)
{
	enum { AD_OCSP = 1, AD_CA_ISSUERS = 2 };
	static const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01};
	CLEAN(blob_wipe) struct blob list = {0}, value = {0};
	int rc;

	if ((rc = put_access(&list, AD_OCSP, &p->ocsp, err)) != 0 ||
	    (rc = put_access(&list, AD_CA_ISSUERS, &p->issuers, err)) != 0 || list.len == 0 ||
	    (rc = check_wrap(&value, DER_SEQUENCE, &list, err)) != 0)
		return rc;
	return put_extension(to, oid, sizeof(oid), false, &value, err);
}

static int
put_policies(struct blob *to, const struct rules_list *oids, struct err *err)
{
	static const uint8_t oid[] = {0x55, 0x1d, 0x20};
	CLEAN(blob_wipe) struct blob one = {0}, list = {0}, value = {0};
	size_t i;
	int rc;

	for (i = 0; i < oids->n; i++)
		if ((rc = der_put_oid(&one, oids->at[i].text, oids->at[i].len, err)) != 0 ||
		    (rc = check_wrap(&list, DER_SEQUENCE, &one, err)) != 0)
			return rc;
	if (oids->n == 0)
		return 0;
	if ((rc = check_wrap(&value, DER_SEQUENCE, &list, err)) != 0)
		return rc;
	return put_extension(to, oid, sizeof(oid), false, &value, err);
}

/* RFC 6960, 4.2.2.2.1 */
static int
put_nocheck(struct blob *to, bool nocheck, struct err *err)
{
	static const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x05};
	static const uint8_t null[] = {0x05, 0x00};
	CLEAN(blob_wipe) struct blob value = {0};
	int rc;

	if (!nocheck)
		return 0;
	if ((rc = blob_append(&value, null, sizeof(null), err)) != 0)
		return rc;
	return put_extension(to, oid, sizeof(oid), false, &value, err);
}

int
check_put_leaf(struct blob *to, const struct plan *plan, struct err *err)
{
	const struct profile *p = plan->profile;
	int rc;

	if ((rc = put_san(to, plan->names, err)) != 0 ||
	    (rc = put_policies(to, &p->policies, err)) != 0 ||
	    (rc = put_cdp(to, &p->cdp, err)) != 0 || (rc = put_aia(to, p, err)) != 0 ||
	    (rc = put_nocheck(to, p->nocheck, err)) != 0)
		return rc;
	return put_sid(to, plan->names->who.sid, err);
}
