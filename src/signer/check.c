/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/evp.h>

#include "signer/check.h"
#include "signer/der.h"
#include "signer/seal.h"

#define KEYID_LEN 20
#define DAYS_MAX 36525 /* a plan for longer than a century is a mistake */

#define BYTES(a) a, sizeof(a)

/* Extensions whole, as RFC 5280, 4.2.1.9 and 4.2.1.3 have them. */
static const uint8_t bc_ca[] = {0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04,
    0x05, 0x30, 0x03, 0x01, 0x01, 0xff};
static const uint8_t bc_ca_pathlen_0[] = {0x30, 0x12, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01,
    0xff, 0x04, 0x08, 0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00};
static const uint8_t bc_leaf[] = {
    0x30, 0x0c, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x02, 0x30, 0x00};
static const uint8_t ku_ca[] = {
    0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x01, 0x06};
static const uint8_t ski_head[] = {
    0x30, 0x1d, 0x06, 0x03, 0x55, 0x1d, 0x0e, 0x04, 0x16, 0x04, 0x14};
static const uint8_t aki_head[] = {
    0x30, 0x1f, 0x06, 0x03, 0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80, 0x14};
static const uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};

static const struct {
	const uint8_t *bc;
	size_t bc_len;
} kinds[] = {
    [PLAN_ROOT] = {BYTES(bc_ca)},
    [PLAN_ISSUING] = {BYTES(bc_ca_pathlen_0)},
    [PLAN_LEAF] = {BYTES(bc_leaf)},
};

/* X.520: id-at-… is 2.5.4.x. RFC 5280, appendix A, says which are PrintableString. */
#define DER_PRINTABLE 0x13
#define AT_CN 3
static const struct {
	uint8_t at, tag;
} fields[FIELDS] = {
    [FIELD_C] = {6, DER_PRINTABLE},
    [FIELD_ST] = {8, DER_UTF8},
    [FIELD_L] = {7, DER_UTF8},
    [FIELD_O] = {10, DER_UTF8},
    [FIELD_OU] = {11, DER_UTF8},
    [FIELD_SERIAL] = {5, DER_PRINTABLE},
};

int
check_wrap(struct blob *to, uint8_t tag, struct blob *part, struct err *err)
{
	const int rc = der_put(to, tag, part->data, part->len, err);

	blob_wipe(part);
	return rc;
}

/* RelativeDistinguishedName of one attribute. */
static int
put_rdn(struct blob *to, uint8_t at, uint8_t tag, const char *text, struct err *err)
{
	const uint8_t oid[] = {0x06, 0x03, 0x55, 0x04, at};
	CLEAN(blob_wipe) struct blob a = {0}, b = {0};
	int rc;

	if (text == NULL)
		return 0;
	if ((rc = blob_append(&a, oid, sizeof(oid), err)) != 0 ||
	    (rc = der_put(&a, tag, text, strlen(text), err)) != 0 ||
	    (rc = check_wrap(&b, DER_SEQUENCE, &a, err)) != 0)
		return rc;
	return check_wrap(to, DER_SET, &b, err);
}

static int
put_name(struct blob *to, const struct names *names, struct err *err)
{
	CLEAN(blob_wipe) struct blob all = {0};
	int rc, f;

	for (f = 0; f < FIELDS; f++)
		if ((rc = put_rdn(&all, fields[f].at, fields[f].tag, names->field[f], err)) != 0)
			return rc;
	if ((rc = put_rdn(&all, AT_CN, DER_UTF8, names->who.name, err)) != 0)
		return rc;
	return check_wrap(to, DER_SEQUENCE, &all, err);
}

static int
put_validity(struct blob *to, const struct plan *plan, struct err *err)
{
	CLEAN(blob_wipe) struct blob v = {0};
	int rc;

	if ((rc = der_put_time(&v, plan->not_before, err)) != 0 ||
	    (rc = der_put_time(&v, plan->not_after, err)) != 0)
		return rc;
	return check_wrap(to, DER_SEQUENCE, &v, err);
}

/* RFC 7093, 2, method 1, from the SubjectPublicKeyInfo's own octets. */
static int
keyid(const struct blob *spki, uint8_t ret[static KEYID_LEN], struct err *err)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	struct der outer, alg, bits;
	size_t pos = 0, at = 0;

	if (der_expect(spki->data, spki->len, &pos, DER_SEQUENCE, &outer) != 0 ||
	    pos != spki->len || der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &alg) != 0 ||
	    der_expect(outer.value, outer.len, &at, DER_BIT_STRING, &bits) != 0 ||
	    at != outer.len || bits.len < 2 || bits.value[0] != 0)
		return err_set(err, ERR_CA, "not a SubjectPublicKeyInfo");
	if (EVP_Digest(bits.value + 1, bits.len - 1, md, NULL, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	memcpy(ret, md, KEYID_LEN);
	return 0;
}

static int
put_extensions(struct blob *to, const struct plan *plan, const uint8_t *aki, struct err *err)
{
	CLEAN(blob_wipe) struct blob list = {0}, all = {0};
	uint8_t own[KEYID_LEN];
	int rc;

	if ((rc = keyid(plan->spki, own, err)) != 0 ||
	    (rc = blob_append(&list, kinds[plan->kind].bc, kinds[plan->kind].bc_len, err)) != 0 ||
	    (rc = plan->kind == PLAN_LEAF ? check_put_usage(&list, plan, err)
					  : blob_append(&list, ku_ca, sizeof(ku_ca), err)) != 0 ||
	    (rc = blob_append(&list, ski_head, sizeof(ski_head), err)) != 0 ||
	    (rc = blob_append(&list, own, sizeof(own), err)) != 0 ||
	    (rc = blob_append(&list, aki_head, sizeof(aki_head), err)) != 0 ||
	    (rc = blob_append(&list, aki == NULL ? own : aki, KEYID_LEN, err)) != 0)
		return rc;
	if (plan->kind == PLAN_LEAF && (rc = check_put_leaf(&list, plan, err)) != 0)
		return rc;
	if ((rc = check_wrap(&all, DER_SEQUENCE, &list, err)) != 0)
		return rc;
	return check_wrap(to, DER_CONTEXT_3, &all, err);
}

static int
put_issuer(struct blob *to, const struct plan *plan, const struct der_cert *issuer, struct err *err)
{
	if (plan->issuer == NULL)
		return put_name(to, plan->names, err);
	return blob_append(to, issuer->subject.raw, issuer->subject.raw_len, err);
}

static int
expected(const struct plan *plan, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0};
	struct der_cert issuer = {0};
	const uint8_t *alg;
	size_t alg_len;
	int rc, nid;

	if ((rc = seal_algorithm(plan->issuer_alg, &alg, &alg_len, &nid, err)) != 0)
		return rc;
	if (plan->issuer != NULL && (rc = der_cert(plan->issuer, &issuer, err)) != 0)
		return rc;
	if (plan->issuer != NULL && issuer.ski.len != KEYID_LEN)
		return err_set(err, ERR_CA, "the CA's key identifier has another length");
	if ((rc = blob_append(&b, version_3, sizeof(version_3), err)) != 0 ||
	    (rc = der_put(&b, DER_INTEGER, plan->serial, SIGNER_SERIAL_LEN, err)) != 0 ||
	    (rc = blob_append(&b, alg, alg_len, err)) != 0 ||
	    (rc = put_issuer(&b, plan, &issuer, err)) != 0 ||
	    (rc = put_validity(&b, plan, err)) != 0 || (rc = put_name(&b, plan->names, err)) != 0 ||
	    (rc = blob_append(&b, plan->spki->data, plan->spki->len, err)) != 0 ||
	    (rc = put_extensions(&b, plan, issuer.ski.value, err)) != 0)
		return rc;
	return check_wrap(ret, DER_SEQUENCE, &b, err);
}

/* The names that the plan has are those that its profile has a place for. */
static int
names_ok(const struct plan *plan, struct err *err)
{
	const struct names *n = plan->names;
	const struct profile *p = plan->profile;
	const unsigned have = names_have(n);
	size_t i;

	if ((have & ~p->names) != 0 || (p->names_must & ~have) != 0)
		return err_set(err, ERR_CA, "the names are not those of the profile");
	for (i = 0; i < FIELDS; i++)
		if (n->field[i] != NULL ? p->fields[i] == FIELD_NONE
					: p->fields[i] >= FIELD_SUPPLIED)
			return err_set(err, ERR_CA, "the subject is not one of the profile");
	return 0;
}

/* What no plan of this CA may say. */
static int
plan_ok(const struct plan *plan, struct err *err)
{
	const int64_t span = plan->not_after - plan->not_before;

	if (plan->serial[0] < 0x40 || plan->serial[0] > 0x7f)
		return err_set(err, ERR_CA, "the serial's first octet is not 0x40 to 0x7f");
	if (span < 0 || span >= DAYS_MAX * INT64_C(86400))
		return err_set(err, ERR_CA, "the validity has an impossible length");
	if ((plan->kind == PLAN_LEAF) != (plan->profile != NULL))
		return err_set(err, ERR_CA, "a leaf has a profile, a CA has none");
	if ((plan->kind == PLAN_ROOT) != (plan->issuer == NULL))
		return err_set(err, ERR_CA, "only a root signs itself");
	return plan->kind == PLAN_LEAF ? names_ok(plan, err) : 0;
}

int
check_tbs(const struct plan *plan, const struct blob *tbs, struct err *err)
{
	CLEAN(blob_wipe) struct blob want = {0};
	size_t i;
	int rc;

	if ((rc = plan_ok(plan, err)) != 0 || (rc = expected(plan, &want, err)) != 0)
		return rc;
	if (blob_equal(&want, tbs))
		return 0;
	for (i = 0; i < want.len && i < tbs->len && want.data[i] == tbs->data[i]; i++)
		;
	return err_set(err, ERR_CA,
	    "refusing to sign: the certificate is not what profile and request make it (from octet "
	    "%zu on)",
	    i);
}
