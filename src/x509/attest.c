/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attest: what a token says about a key that it made. The leaf certificate is signed on the token
 * by its f9 key; Yubico's extensions (arc 1.3.6.1.4.1.41482.3) say firmware, serial, policies and
 * form factor, and the subject, "YubiKey PIV Attestation 9a", says the slot.
 */
#include <string.h>

#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/attest_chain.h"
#include "x509/parse.h"

#define CN_LEAF "YubiKey PIV Attestation "

enum { /* last arcs */
	EXT_FIRMWARE = 3,
	EXT_SERIAL = 7,
	EXT_POLICY = 8,
	EXT_FORM = 9,
	EXT_FIPS = 10, /* in f9 */
	EXT_CSPN = 11, /* in f9 */
};

#define FORM_FIPS 0x80
#define FORM_FLAGS 0xc0 /* 0x40: the security key series */

static bool
is_yubico(const ASN1_OBJECT *oid, uint8_t last)
{
	const uint8_t want[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xc4, 0x0a, 0x03, last};

	return OBJ_length(oid) == sizeof(want) &&
	       memcmp(OBJ_get0_data(oid), want, sizeof(want)) == 0;
}

/* The content of the OCTET STRING; NULL when absent. That it is there once is check_extensions'
 * business. */
static const uint8_t *
extension(const X509 *cert, uint8_t last, size_t *ret_len)
{
	const ASN1_OCTET_STRING *data;
	X509_EXTENSION *e;
	int i;

	for (i = 0; i < X509_get_ext_count(cert); i++) {
		e = X509_get_ext(cert, i);
		if (!is_yubico(X509_EXTENSION_get_object(e), last))
			continue;
		data = X509_EXTENSION_get_data(e);
		*ret_len = (size_t)ASN1_STRING_length(data);
		return ASN1_STRING_get0_data(data);
	}
	return NULL;
}

/* None twice, and none critical that we do not know (RFC 5280, 4.2). */
static int
check_extensions(const X509 *cert, const char *what, struct err *err)
{
	const int n = X509_get_ext_count(cert);
	const ASN1_OBJECT *oid;
	X509_EXTENSION *e;
	int i, nid;

	for (i = 0; i < n; i++) {
		e = X509_get_ext(cert, i);
		oid = X509_EXTENSION_get_object(e);
		if (X509_get_ext_by_OBJ(cert, oid, i) >= 0)
			return err_set(err, ERR_ATTEST, "%s has the same extension twice", what);
		nid = OBJ_obj2nid(oid);
		if (X509_EXTENSION_get_critical(e) && nid != NID_basic_constraints &&
		    nid != NID_key_usage)
			return err_set(
			    err, ERR_ATTEST, "%s has an unknown critical extension", what);
	}
	return 0;
}

static int
read_firmware(const X509 *cert, const char *what, uint8_t ret[static 3], struct err *err)
{
	size_t len = 0;
	const uint8_t *v = extension(cert, EXT_FIRMWARE, &len);

	if (v == NULL || len != 3)
		return err_set(err, ERR_ATTEST, "%s does not contain the firmware version", what);
	memcpy(ret, v, 3);
	return 0;
}

/* An INTEGER of at most four octets. It may begin with a needless zero octet, which DER forbids
 * (X.690, 8.3.2) and YubiKeys write; so the shape is checked by hand. */
static int
parse_serial(const uint8_t *v, size_t len, uint32_t *ret)
{
	uint32_t serial = 0;
	size_t i;

	if (len < 3 || len > 6 || v[0] != V_ASN1_INTEGER || v[1] != len - 2 || (v[2] & 0x80) != 0)
		return -1;
	for (i = 2; i < len; i++)
		serial = serial << 8 | v[i];
	*ret = serial;
	return serial == 0 ? -1 : 0;
}

static int
read_serial(const X509 *leaf, struct attestation *a, struct err *err)
{
	size_t len = 0;
	const uint8_t *v = extension(leaf, EXT_SERIAL, &len);

	if (v == NULL && a->firmware[0] < 5)
		return 0;
	if (v == NULL)
		return err_set(
		    err, ERR_ATTEST, "the attestation does not contain the serial number");
	if (parse_serial(v, len, &a->serial) != 0)
		return err_set(err, ERR_ATTEST, "the attestation's serial number is malformed");
	return 0;
}

static int
read_policies(const X509 *leaf, struct attestation *a, struct err *err)
{
	size_t len = 0;
	const uint8_t *v = extension(leaf, EXT_POLICY, &len);

	/* "Default" is what is asked for; what is attested is what it came to. */
	if (v == NULL || len != 2 || v[0] < PIN_NEVER || v[0] > PIN_MATCH_ALWAYS ||
	    v[1] < TOUCH_NEVER || v[1] > TOUCH_CACHED)
		return err_set(err, ERR_ATTEST,
		    "the attestation's PIN and touch policy is missing or malformed");
	a->pin_policy = v[0];
	a->touch_policy = v[1];
	return 0;
}

/* The product line: a flag in the leaf that Yubico's part of the chain confirms. */
static int
read_form(const X509 *leaf, const X509 *f9, struct attestation *a, struct err *err)
{
	size_t len = 0, n;
	const uint8_t *v = extension(leaf, EXT_FORM, &len);

	if (v == NULL && a->firmware[0] < 5)
		return 0;
	if (v == NULL || len != 1)
		return err_set(
		    err, ERR_ATTEST, "the attestation's form factor is missing or malformed");
	a->form_factor = (uint8_t)(v[0] & ~FORM_FLAGS);
	a->fips = (v[0] & FORM_FIPS) != 0 && extension(f9, EXT_FIPS, &n) != NULL;
	a->cspn = extension(f9, EXT_CSPN, &n) != NULL;
	return 0;
}

static bool
is_key_slot(uint8_t slot)
{
	return slot == 0x9a || (slot >= 0x9c && slot <= 0x9e) || (slot >= 0x82 && slot <= 0x95);
}

/* "YubiKey PIV Attestation 9a": the only place that names the slot. */
static int
read_slot(const X509 *leaf, uint8_t *ret, struct err *err)
{
	const size_t prefix = strlen(CN_LEAF);
	size_t len = 0;
	const uint8_t *cn = attest_chain_cn(X509_get_subject_name(leaf), &len);
	char hex[3] = "";

	if (cn != NULL && len == prefix + 2 && memcmp(cn, CN_LEAF, prefix) == 0)
		memcpy(hex, cn + prefix, 2);
	if (text_unhex(hex, ret, 1) != 0 || !is_key_slot(*ret))
		return err_set(err, ERR_ATTEST, "the attestation does not name a slot");
	return 0;
}

static int
read_key(const X509 *leaf, struct attestation *a, struct err *err)
{
	int rc;

	if ((rc = cert_spki_of(leaf, &a->spki, err)) != 0)
		return rc;
	a->alg = evp_spki_alg(a->spki.data, a->spki.len);
	if (a->alg == KEY_NONE)
		return err_set(err, ERR_ATTEST, "the attested key is of an unsupported type");
	return 0;
}

static int
check_f9(X509 *f9, const struct attest_trust *trust, struct attestation *a, struct err *err)
{
	if (!attest_chain_is_ca(f9, 0, false))
		return err_set(err, ERR_ATTEST, "the f9 certificate is not a CA certificate");
	return attest_chain_anchor(f9, trust, a->anchor, &a->rehearsal, err);
}

static int
read_leaf(const X509 *leaf, const X509 *f9, struct attestation *a, struct err *err)
{
	uint8_t firmware[3];
	int rc;

	if ((rc = read_firmware(leaf, "the attestation", a->firmware, err)) != 0 ||
	    (rc = read_firmware(f9, "the f9 certificate", firmware, err)) != 0)
		return rc;
	if (memcmp(a->firmware, firmware, sizeof(firmware)) != 0)
		return err_set(err, ERR_ATTEST,
		    "the attestation says firmware %u.%u.%u, the f9 certificate %u.%u.%u",
		    a->firmware[0], a->firmware[1], a->firmware[2], firmware[0], firmware[1],
		    firmware[2]);
	if ((rc = read_slot(leaf, &a->slot, err)) != 0 || (rc = read_serial(leaf, a, err)) != 0 ||
	    (rc = read_policies(leaf, a, err)) != 0 || (rc = read_form(leaf, f9, a, err)) != 0)
		return rc;
	return read_key(leaf, a, err);
}

static int
parse(const struct blob *der, const char *what, X509 **ret, struct err *err)
{
	if (cert_parse(der->data, der->len, ret, err) == 0)
		return check_extensions(*ret, what, err);
	return attest_chain_refuse(err, what);
}

int
attest_verify(const struct blob *leaf_der, const struct blob *f9_der,
    const struct attest_trust *trust, struct attestation *ret, struct err *err)
{
	CLEAN(x509_freep) X509 *leaf = NULL;
	CLEAN(x509_freep) X509 *f9 = NULL;
	CLEAN(attestation_wipe) struct attestation a = {0};
	int rc;

	if ((rc = parse(leaf_der, "the attestation", &leaf, err)) != 0 ||
	    (rc = parse(f9_der, "the f9 certificate", &f9, err)) != 0 ||
	    (rc = check_f9(f9, trust, &a, err)) != 0)
		return rc;
	if (!attest_chain_signed(leaf, X509_get_subject_name(f9), X509_get0_pubkey(f9)))
		return err_set(
		    err, ERR_ATTEST, "the attestation is not signed by this token's f9 key");
	if ((rc = read_leaf(leaf, f9, &a, err)) != 0)
		return rc;
	*ret = a;
	a.spki = (struct blob){0};
	return 0;
}

int
attest_claims(const struct blob *leaf_der, struct attestation *ret, struct err *err)
{
	CLEAN(x509_freep) X509 *leaf = NULL;
	CLEAN(attestation_wipe) struct attestation a = {0};
	int rc;

	if ((rc = parse(leaf_der, "the attestation", &leaf, err)) != 0 ||
	    (rc = read_firmware(leaf, "the attestation", a.firmware, err)) != 0 ||
	    (rc = read_serial(leaf, &a, err)) != 0 || (rc = read_policies(leaf, &a, err)) != 0 ||
	    (rc = read_key(leaf, &a, err)) != 0)
		return rc;
	*ret = a;
	a.spki = (struct blob){0};
	return 0;
}

int
attest_check_f9(
    const struct blob *f9_der, const struct attest_trust *trust, char *ret_anchor, struct err *err)
{
	CLEAN(x509_freep) X509 *f9 = NULL;
	CLEAN(attestation_wipe) struct attestation a = {0};
	int rc;

	if ((rc = parse(f9_der, "the f9 certificate", &f9, err)) != 0 ||
	    (rc = check_f9(f9, trust, &a, err)) != 0 ||
	    (rc = read_firmware(f9, "the f9 certificate", a.firmware, err)) != 0)
		return rc;
	memcpy(ret_anchor, a.anchor, sizeof(a.anchor));
	return 0;
}

void
attestation_wipe(struct attestation *a)
{
	blob_wipe(&a->spki);
	*a = (struct attestation){0};
}
