/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/evp.h>

#include "signer/check.h"
#include "signer/der.h"
#include "signer/seal.h"

#define KEYID_LEN 20
#define DAYS_MAX 36525 /* a plan for longer than a century is a mistake */

#define BYTES(a) a, sizeof(a)

/* Extensions whole, as RFC 5280, 4.2.1.9, 4.2.1.3 and 4.2.1.12 have them. */
static const uint8_t bc_ca[] = {0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04,
    0x05, 0x30, 0x03, 0x01, 0x01, 0xff};
static const uint8_t bc_ca_pathlen_0[] = {0x30, 0x12, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01,
    0xff, 0x04, 0x08, 0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00};
static const uint8_t bc_leaf[] = {
    0x30, 0x0c, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x02, 0x30, 0x00};
static const uint8_t ku_ca[] = {
    0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x01, 0x06};
static const uint8_t ku_leaf[] = {
    0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x07, 0x80};
static const uint8_t eku_client[] = {0x30, 0x13, 0x06, 0x03, 0x55, 0x1d, 0x25, 0x04, 0x0c, 0x30,
    0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};

static const uint8_t ski_head[] = {
    0x30, 0x1d, 0x06, 0x03, 0x55, 0x1d, 0x0e, 0x04, 0x16, 0x04, 0x14};
static const uint8_t aki_head[] = {
    0x30, 0x1f, 0x06, 0x03, 0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80, 0x14};
static const uint8_t san_oid[] = {0x06, 0x03, 0x55, 0x1d, 0x11};
static const uint8_t cn_oid[] = {0x06, 0x03, 0x55, 0x04, 0x03};
static const uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};

static const struct {
	const uint8_t *bc;
	size_t bc_len;
	const uint8_t *ku;
	size_t ku_len;
	const uint8_t *eku; /* or NULL */
	size_t eku_len;
} kinds[] = {
    [PLAN_ROOT] = {BYTES(bc_ca), BYTES(ku_ca), NULL, 0},
    [PLAN_ISSUING] = {BYTES(bc_ca_pathlen_0), BYTES(ku_ca), NULL, 0},
    [PLAN_CLIENT] = {BYTES(bc_leaf), BYTES(ku_leaf), BYTES(eku_client)},
};

/* Append what is in *part as one element, and empty *part. */
static int
wrap(struct blob *to, uint8_t tag, struct blob *part, struct err *err)
{
	const int rc = der_put(to, tag, part->data, part->len, err);

	blob_wipe(part);
	return rc;
}

/* RDNSequence with CN alone. */
static int
put_name(struct blob *to, const char *cn, struct err *err)
{
	CLEAN(blob_wipe) struct blob a = {0}, b = {0};
	int rc;

	if ((rc = blob_append(&a, cn_oid, sizeof(cn_oid), err)) != 0 ||
	    (rc = der_put(&a, DER_UTF8, cn, strlen(cn), err)) != 0 ||
	    (rc = wrap(&b, DER_SEQUENCE, &a, err)) != 0 || (rc = wrap(&a, DER_SET, &b, err)) != 0)
		return rc;
	return wrap(to, DER_SEQUENCE, &a, err);
}

static int
put_validity(struct blob *to, const struct plan *plan, struct err *err)
{
	CLEAN(blob_wipe) struct blob v = {0};
	int rc;

	if ((rc = der_put_time(&v, plan->not_before, err)) != 0 ||
	    (rc = der_put_time(&v, plan->not_after, err)) != 0)
		return rc;
	return wrap(to, DER_SEQUENCE, &v, err);
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
put_san(struct blob *to, const char *email, struct err *err)
{
	CLEAN(blob_wipe) struct blob a = {0}, b = {0};
	int rc;

	/* GeneralName rfc822Name is [1] IMPLICIT IA5String: RFC 5280, 4.2.1.6 */
	if ((rc = der_put(&a, 0x81, email, strlen(email), err)) != 0 ||
	    (rc = wrap(&b, DER_SEQUENCE, &a, err)) != 0 ||
	    (rc = blob_append(&a, san_oid, sizeof(san_oid), err)) != 0 ||
	    (rc = wrap(&a, DER_OCTET_STRING, &b, err)) != 0)
		return rc;
	return wrap(to, DER_SEQUENCE, &a, err);
}

static int
put_extensions(struct blob *to, const struct plan *plan, const uint8_t *aki, struct err *err)
{
	CLEAN(blob_wipe) struct blob list = {0}, all = {0};
	uint8_t own[KEYID_LEN];
	int rc;

	if ((rc = keyid(plan->spki, own, err)) != 0 ||
	    (rc = blob_append(&list, kinds[plan->kind].bc, kinds[plan->kind].bc_len, err)) != 0 ||
	    (rc = blob_append(&list, kinds[plan->kind].ku, kinds[plan->kind].ku_len, err)) != 0 ||
	    (rc = blob_append(&list, kinds[plan->kind].eku, kinds[plan->kind].eku_len, err)) != 0 ||
	    (rc = blob_append(&list, ski_head, sizeof(ski_head), err)) != 0 ||
	    (rc = blob_append(&list, own, sizeof(own), err)) != 0 ||
	    (rc = blob_append(&list, aki_head, sizeof(aki_head), err)) != 0 ||
	    (rc = blob_append(&list, aki == NULL ? own : aki, KEYID_LEN, err)) != 0)
		return rc;
	if (plan->email != NULL && (rc = put_san(&list, plan->email, err)) != 0)
		return rc;
	if ((rc = wrap(&all, DER_SEQUENCE, &list, err)) != 0)
		return rc;
	return wrap(to, DER_CONTEXT_3, &all, err);
}

static int
put_issuer(struct blob *to, const struct plan *plan, const struct der_cert *issuer, struct err *err)
{
	if (plan->issuer == NULL)
		return put_name(to, plan->cn, err);
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
	    (rc = put_validity(&b, plan, err)) != 0 || (rc = put_name(&b, plan->cn, err)) != 0 ||
	    (rc = blob_append(&b, plan->spki->data, plan->spki->len, err)) != 0 ||
	    (rc = put_extensions(&b, plan, issuer.ski.value, err)) != 0)
		return rc;
	return wrap(ret, DER_SEQUENCE, &b, err);
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
	if (plan->kind != PLAN_CLIENT && plan->email != NULL)
		return err_set(err, ERR_CA, "a CA has no e-mail address");
	if ((plan->kind == PLAN_ROOT) != (plan->issuer == NULL))
		return err_set(err, ERR_CA, "only a root signs itself");
	return 0;
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
