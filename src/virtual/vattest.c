/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "virtual/vattest.h"
#include "virtual/vcrypt.h"

#define ID_ATTESTATION 0x5FFF01
#define SLOT_ATTESTATION 0xF9

#define OID_FIRMWARE "1.3.6.1.4.1.41482.3.3"
#define OID_SERIAL "1.3.6.1.4.1.41482.3.7"
#define OID_POLICY "1.3.6.1.4.1.41482.3.8"
#define OID_FORM "1.3.6.1.4.1.41482.3.9"
#define OID_FIPS "1.3.6.1.4.1.41482.3.10"

static void
x509_clean(X509 **x)
{
	X509_free(*x);
}

/* A non-critical extension with these bytes as the content of its OCTET STRING. */
static int
add_ext(X509 *x, const char *oid, const uint8_t *bytes, size_t len)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *val = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	int rc = -1;

	if (obj != NULL && val != NULL && ASN1_OCTET_STRING_set(val, bytes, (int)len) == 1 &&
	    (ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, val)) != NULL &&
	    X509_add_ext(x, ext, -1) == 1)
		rc = 0;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(val);
	ASN1_OBJECT_free(obj);
	return rc;
}

/* 70 certificate, 71 00 (not compressed), FE: the form of every certificate object. */
static int
store_f9(struct state *st, X509 *x)
{
	struct vbuf obj = {0};
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	uint8_t plain = 0;

	if (len <= 0)
		return -1;
	vtlv_put(&obj, 0x70, der, (size_t)len);
	vtlv_put(&obj, 0x71, &plain, 1);
	vtlv_put(&obj, 0xFE, NULL, 0);
	OPENSSL_free(der);
	return obj.bad ? -1 : state_object_set(st, ID_ATTESTATION, obj.b, obj.len);
}

/* The new hierarchy began with 5.7.4: another name, another validity. */
static int
issue_f9(struct state *st, EVP_PKEY *key, EVP_PKEY *issuer_key, X509 *issuer)
{
	static const uint8_t fips[] = {0x02, 0x01, 0x07};
	bool newer = state_fw(st, 5, 7, 4);
	VTLV_CLEAN(x509_clean)
	X509 *x = vroot_cert(newer ? "YubiKey PIV Attestation" : "Yubico PIV Attestation", key, 8);

	if (x == NULL || X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1 ||
	    vroot_validity(x, newer ? "20241201000000Z" : "20160314000000Z",
		newer ? "99991231235959Z" : "20520417000000Z") != 0 ||
	    add_ext(x, OID_FIRMWARE, st->firmware, sizeof(st->firmware)) != 0 ||
	    (state_is_fips(st) && add_ext(x, OID_FIPS, fips, sizeof(fips)) != 0) ||
	    vroot_ca(x, 0) != 0 || X509_sign(x, issuer_key, EVP_sha256()) == 0)
		return -1;
	return store_f9(st, x);
}

/* Takes key. A factory key reads as imported, PIN once, touch never. */
static int
give_f9(struct state *st, const struct vroot *r, uint8_t alg, EVP_PKEY *key)
{
	if (key == NULL || issue_f9(st, key, r->issuer_key, r->issuer) != 0) {
		EVP_PKEY_free(key);
		return -1;
	}
	state_slot_fill(
	    state_slot(st, SLOT_ATTESTATION), alg, key, PIN_ONCE, POLICY_NEVER, STATE_IMPORTED);
	return 0;
}

int
vattest_provision(struct state *st, const char *dir, bool rsa, char *msg, size_t msg_len)
{
	struct vroot r;
	EVP_PKEY *key;
	int rc;

	if (vroot_open(dir, state_fw(st, 5, 7, 4), rsa, &r, msg, msg_len) != 0)
		return -1;
	if (rsa && EVP_PKEY_up_ref(r.f9_rsa) == 1)
		key = r.f9_rsa;
	else
		key = rsa ? NULL : vcrypt_generate(vcrypt_alg(NULL, VCRYPT_P256));
	rc = give_f9(st, &r, rsa ? VCRYPT_RSA2048 : VCRYPT_P256, key);
	if (rc != 0)
		snprintf(msg, msg_len, "cannot make the attestation key");
	vroot_wipe(&r);
	return rc;
}

static X509 *
read_f9(const struct state *st)
{
	const struct state_object *o = state_object(st, ID_ATTESTATION);
	const uint8_t *p;
	struct vtlv t;

	if (o == NULL || !vtlv_find(o->data, o->len, 0x70, &t))
		return NULL;
	p = t.val;
	return d2i_X509(NULL, &p, (long)t.len);
}

/* Serial and form factor joined with firmware 5. */
static int
leaf_extensions(X509 *x, const struct state *st, const struct state_slot *slot)
{
	uint32_t s = st->serial;
	/* A DER INTEGER that real tokens always write with four bytes. */
	const uint8_t serial[] = {
	    0x02, 0x04, (uint8_t)(s >> 24), (uint8_t)(s >> 16), (uint8_t)(s >> 8), (uint8_t)s};
	const uint8_t policy[] = {slot->pin_policy, slot->touch_policy};
	bool five = state_fw(st, 5, 0, 0);

	if (add_ext(x, OID_FIRMWARE, st->firmware, sizeof(st->firmware)) != 0 ||
	    (five && add_ext(x, OID_SERIAL, serial, sizeof(serial)) != 0) ||
	    add_ext(x, OID_POLICY, policy, sizeof(policy)) != 0)
		return -1;
	return five ? add_ext(x, OID_FORM, &st->form_factor, 1) : 0;
}

int
vattest_leaf(struct state *st, const struct state_slot *slot, struct vbuf *out)
{
	const struct state_slot *f9 = state_slot(st, SLOT_ATTESTATION);
	VTLV_CLEAN(x509_clean) X509 *ca = read_f9(st);
	VTLV_CLEAN(x509_clean) X509 *x = NULL;
	unsigned char *der = NULL;
	char subject[40];
	int len;

	snprintf(subject, sizeof(subject), "YubiKey PIV Attestation %02x", slot->id);
	if (ca == NULL || f9->alg == 0 || (x = vroot_cert(subject, slot->key, 16)) == NULL ||
	    X509_set_issuer_name(x, X509_get_subject_name(ca)) != 1 ||
	    X509_set1_notBefore(x, X509_get0_notBefore(ca)) != 1 ||
	    X509_set1_notAfter(x, X509_get0_notAfter(ca)) != 1 ||
	    leaf_extensions(x, st, slot) != 0 || X509_sign(x, f9->key, EVP_sha256()) == 0)
		return -1;
	len = i2d_X509(x, &der);
	if (len <= 0)
		return -1;
	vtlv_raw(out, der, (size_t)len);
	OPENSSL_free(der);
	return 0;
}
