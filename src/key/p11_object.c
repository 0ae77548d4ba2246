/* SPDX-License-Identifier: BSD-2-Clause */
/* p11_object: objects on a token, the public key that belongs to a private one, and new pairs,
 * whose private half never leaves the token. */
#include <string.h>

#include <openssl/rand.h>
#include <openssl/x509.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "key/p11.h"

#define ID_LEN 16
#define ATTRIBUTES_MAX 9

static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
/* PKCS #11 3.0, 2.3.10 knows the name; 3.1 and many modules the OID of RFC 8410 */
static const uint8_t ed25519_name[] = "\x13\x0c"
				      "edwards25519";
static const uint8_t ed25519_oid[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

/* Curves as PKCS #11 names them; NULL behind the last. */
static const struct curve {
	enum key_alg alg;
	CK_KEY_TYPE type;
	const uint8_t *params;
	size_t params_len, point_len;
} curves[] = {
    {KEY_P256, CKK_EC, p256, sizeof(p256), 65},
    {KEY_P384, CKK_EC, p384, sizeof(p384), 97},
    {KEY_ED25519, CKK_EC_EDWARDS, ed25519_name, sizeof(ed25519_name) - 1, 32},
    {KEY_ED25519, CKK_EC_EDWARDS, ed25519_oid, sizeof(ed25519_oid), 32},
    {KEY_NONE, 0, NULL, 0, 0},
};

/* At most max handles; *ret_n is how many. Errors: ERR_CA. */
static int
find(const struct p11 *p, CK_ATTRIBUTE *attrs, CK_ULONG n, CK_OBJECT_HANDLE *ret, CK_ULONG max,
    CK_ULONG *ret_n, struct err *err)
{
	CK_ULONG found = 0;
	CK_RV rv, end;

	if ((rv = p->module->C_FindObjectsInit(p->session, attrs, n)) != CKR_OK)
		return p11_err(err, "C_FindObjectsInit", rv);
	rv = p->module->C_FindObjects(p->session, ret, max, &found);
	end = p->module->C_FindObjectsFinal(p->session);
	if (rv != CKR_OK)
		return p11_err(err, "C_FindObjects", rv);
	if (end != CKR_OK)
		return p11_err(err, "C_FindObjectsFinal", end);
	*ret_n = found > max ? max : found;
	return 0;
}

/* The URI's label and id, with this class. Returns how many. */
static CK_ULONG template(const struct p11 *p, CK_OBJECT_CLASS *class, CK_ATTRIBUTE ret[static 3])
{
	static const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID};
	const CK_ATTRIBUTE *a;
	CK_ULONG n = 0;
	size_t i;

	ret[n++] = (CK_ATTRIBUTE){CKA_CLASS, class, sizeof(*class)};
	for (i = 0; i < 2; i++)
		if ((a = p11_kit_uri_get_attribute(p->uri, types[i])) != NULL)
			ret[n++] = *a;
	return n;
}

int
p11_find_private(const struct p11 *p, CK_OBJECT_HANDLE *ret, struct err *err)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_OBJECT_HANDLE found[2];
	CK_ATTRIBUTE attrs[3];
	CK_ULONG n;
	int rc;

	if ((rc = find(p, attrs, template(p, &class, attrs), found, 2, &n, err)) != 0)
		return rc;
	if (n == 0)
		return err_set(err, ERR_ABSENT, "no private key on the token matches the URI");
	if (n > 1)
		return err_set(err, ERR_AMBIGUOUS,
		    "more than one private key on the token matches the URI; add its id=");
	*ret = found[0];
	return 0;
}

static bool
lacking(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE;
}

int
p11_attribute(const struct p11 *p, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
    struct blob *ret, struct err *err)
{
	uint8_t value[P11_ATTR_MAX];
	CK_ATTRIBUTE a = {type, NULL, 0};
	CK_RV rv;

	rv = p->module->C_GetAttributeValue(p->session, object, &a, 1);
	if (lacking(rv) || (rv == CKR_OK && (a.ulValueLen == 0 || a.ulValueLen == (CK_ULONG)-1)))
		return err_set(err, ERR_ABSENT, "the object lacks attribute 0x%lx", type);
	if (rv != CKR_OK)
		return p11_err(err, "C_GetAttributeValue", rv);
	if (a.ulValueLen > sizeof(value))
		return err_set(
		    err, ERR_CA, "HSM: an attribute is too long (%lu bytes)", a.ulValueLen);
	a.pValue = value;
	if ((rv = p->module->C_GetAttributeValue(p->session, object, &a, 1)) != CKR_OK)
		return p11_err(err, "C_GetAttributeValue", rv);
	if (a.ulValueLen > sizeof(value))
		return err_set(err, ERR_CA, "HSM: an attribute changed its length");
	return blob_set(ret, value, a.ulValueLen, err);
}

/* ---- public keys ---- */

static int
not_ours(struct err *err)
{
	return err_set(err, ERR_CA, "HSM: unsupported type of key");
}

/* CKA_EC_POINT is a DER OCTET STRING (PKCS #11 2.40, 2.3.3); some modules leave that out. */
static int
curve(const struct blob *params, const struct blob *point, struct blob *ret, struct err *err)
{
	const struct curve *c;
	size_t skip, form;

	for (c = curves; c->params != NULL; c++)
		if (params->len == c->params_len &&
		    memcmp(params->data, c->params, params->len) == 0)
			break;
	if (c->params == NULL)
		return not_ours(err);
	skip = point->len == c->point_len + 2 && point->data[0] == 0x04 &&
		       point->data[1] == c->point_len
		   ? 2
		   : 0;
	form = c->type == CKK_EC ? 1 : 0; /* the octet of the uncompressed form */
	if (point->len != skip + c->point_len || (form == 1 && point->data[skip] != 0x04))
		return err_set(
		    err, ERR_CA, "HSM: the public key is not encoded as its curve requires");
	return evp_spki(c->alg, point->data + skip + form, c->point_len - form, ret, err);
}

static int
modulus(const struct blob *n, const struct blob *e, struct blob *ret, struct err *err)
{
	static const uint8_t f4[] = {0x01, 0x00, 0x01};
	static const struct {
		size_t len;
		enum key_alg alg;
	} sizes[] = {{256, KEY_RSA2048}, {384, KEY_RSA3072}, {512, KEY_RSA4096}};
	size_t skip = 0, i;

	if (e->len < sizeof(f4) || memcmp(e->data + e->len - 3, f4, sizeof(f4)) != 0)
		return not_ours(err);
	for (i = 0; i + 3 < e->len; i++)
		if (e->data[i] != 0)
			return not_ours(err);
	while (skip < n->len && n->data[skip] == 0)
		skip++;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (n->len - skip == sizes[i].len)
			return evp_spki(sizes[i].alg, n->data + skip, n->len - skip, ret, err);
	return not_ours(err);
}

/* From the attributes of one object, public or private. Errors: ERR_ABSENT. */
static int
from_key(const struct p11 *p, CK_OBJECT_HANDLE object, CK_KEY_TYPE type, struct blob *ret,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob a = {0}, b = {0};
	const bool rsa = type == CKK_RSA;
	int rc;

	if (type != CKK_RSA && type != CKK_EC && type != CKK_EC_EDWARDS)
		return not_ours(err);
	if ((rc = p11_attribute(p, object, rsa ? CKA_MODULUS : CKA_EC_PARAMS, &a, err)) != 0 ||
	    (rc = p11_attribute(p, object, rsa ? CKA_PUBLIC_EXPONENT : CKA_EC_POINT, &b, err)) != 0)
		return rc;
	return rsa ? modulus(&a, &b, ret, err) : curve(&a, &b, ret, err);
}

static int
from_cert(const struct p11 *p, CK_OBJECT_HANDLE object, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(x509_freep) X509 *x = NULL;
	const uint8_t *at;
	int rc;

	if ((rc = p11_attribute(p, object, CKA_VALUE, &der, err)) != 0)
		return rc;
	at = der.data;
	if ((x = d2i_X509(NULL, &at, (long)der.len)) == NULL)
		return evp_err(err, ERR_CA, "HSM: the certificate beside the key");
	return evp_der(X509_get_X509_PUBKEY(x), ASN1_ITEM_rptr(X509_PUBKEY),
	    "HSM: the certificate beside the key", ret, err);
}

/* The object of that class with the private key's id, or where it has none its label. */
static int
beside(const struct p11 *p, CK_OBJECT_HANDLE private, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *ret,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob name = {0};
	CK_ATTRIBUTE attrs[2] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_ID, NULL, 0}};
	CK_ULONG n;
	int rc;

	if ((rc = p11_attribute(p, private, CKA_ID, &name, err)) == ERR_ABSENT) {
		attrs[1].type = CKA_LABEL;
		rc = p11_attribute(p, private, CKA_LABEL, &name, err);
	}
	if (rc != 0)
		return rc;
	attrs[1].pValue = name.data;
	attrs[1].ulValueLen = name.len;
	if ((rc = find(p, attrs, 2, ret, 1, &n, err)) != 0)
		return rc;
	return n == 0 ? err_set(err, ERR_ABSENT, "no such object") : 0;
}

int
p11_public(const struct p11 *p, CK_OBJECT_HANDLE private, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob raw = {0};
	CK_OBJECT_HANDLE other;
	CK_KEY_TYPE type;
	int rc;

	if ((rc = p11_attribute(p, private, CKA_KEY_TYPE, &raw, err)) != 0 ||
	    raw.len != sizeof(type))
		return rc != 0 && rc != ERR_ABSENT ? rc : not_ours(err);
	memcpy(&type, raw.data, sizeof(type));
	if ((rc = beside(p, private, CKO_PUBLIC_KEY, &other, err)) == 0)
		rc = from_key(p, other, type, ret, err);
	if (rc == ERR_ABSENT)
		rc = from_key(p, private, type, ret, err);
	if (rc == ERR_ABSENT && (rc = beside(p, private, CKO_CERTIFICATE, &other, err)) == 0)
		rc = from_cert(p, other, ret, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_CA,
		    "HSM: the public key is not on the token; put the public object or a "
		    "certificate with the same id there");
	return rc;
}

/* ---- a new pair ---- */

struct attributes {
	CK_ATTRIBUTE a[ATTRIBUTES_MAX];
	CK_ULONG n;
};

static void
add(struct attributes *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
	t->a[t->n++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, (CK_ULONG)len};
}

/* Label and id go into the URI too: it then names this key and no other. */
static int
name_it(const struct p11 *p, struct err *err)
{
	uint8_t id[ID_LEN];
	CK_ATTRIBUTE a = {CKA_ID, id, sizeof(id)};

	if (p11_kit_uri_get_attribute(p->uri, CKA_LABEL) == NULL)
		return err_set(err, ERR_USAGE, "a new key needs a name: object=LABEL in the URI");
	if (p11_kit_uri_get_attribute(p->uri, CKA_ID) != NULL)
		return 0;
	if (RAND_bytes(id, sizeof(id)) != 1)
		return evp_err(err, ERR_INTERNAL, "no random numbers from the kernel");
	return p11_kit_uri_set_attribute(p->uri, &a) == P11_KIT_URI_OK
		   ? 0
		   : err_set(err, ERR_INTERNAL, "out of memory");
}

static void
common(const struct p11 *p, struct attributes *public, struct attributes *private)
{
	static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(p->uri, CKA_LABEL);
	const CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(p->uri, CKA_ID);

	add(public, CKA_TOKEN, &yes, sizeof(yes));
	add(public, CKA_VERIFY, &yes, sizeof(yes));
	add(private, CKA_TOKEN, &yes, sizeof(yes));
	add(private, CKA_PRIVATE, &yes, sizeof(yes));
	add(private, CKA_SENSITIVE, &yes, sizeof(yes));
	add(private, CKA_EXTRACTABLE, &no, sizeof(no));
	add(private, CKA_SIGN, &yes, sizeof(yes));
	public->a[public->n++] = *label;
	public->a[public->n++] = *id;
	private->a[private->n++] = *label;
	private->a[private->n++] = *id;
}

static CK_RV
pair(const struct p11 *p, CK_MECHANISM_TYPE type, struct attributes *public,
    struct attributes *private)
{
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_OBJECT_HANDLE a, b;

	return p->module->C_GenerateKeyPair(
	    p->session, &mechanism, public->a, public->n, private->a, private->n, &a, &b);
}

/* A curve of two spellings is tried by both. */
static CK_RV
make_curve(const struct p11 *p, enum key_alg alg)
{
	const struct curve *c;
	CK_RV rv = CKR_MECHANISM_INVALID;

	for (c = curves; c->params != NULL && rv != CKR_OK; c++) {
		struct attributes public = {.n = 0}, private = {.n = 0};

		if (c->alg != alg)
			continue;
		common(p, &public, &private);
		add(&public, CKA_EC_PARAMS, c->params, c->params_len);
		rv = pair(p, c->type == CKK_EC ? CKM_EC_KEY_PAIR_GEN : CKM_EC_EDWARDS_KEY_PAIR_GEN,
		    &public, &private);
		if (rv != CKR_CURVE_NOT_SUPPORTED && rv != CKR_DOMAIN_PARAMS_INVALID &&
		    rv != CKR_ATTRIBUTE_VALUE_INVALID)
			break;
	}
	return rv;
}

static CK_RV
make_rsa(const struct p11 *p, CK_ULONG bits)
{
	static const uint8_t f4[] = {0x01, 0x00, 0x01};
	struct attributes public = {.n = 0}, private = {.n = 0};

	common(p, &public, &private);
	add(&public, CKA_MODULUS_BITS, &bits, sizeof(bits));
	add(&public, CKA_PUBLIC_EXPONENT, f4, sizeof(f4));
	return pair(p, CKM_RSA_PKCS_KEY_PAIR_GEN, &public, &private);
}

int
p11_make(const struct p11 *p, enum key_alg alg, const struct key_note *note, struct err *err)
{
	CK_OBJECT_HANDLE other;
	CK_RV rv;
	int rc;

	rc = p11_find_private(p, &other, err);
	if (rc == 0 || rc == ERR_AMBIGUOUS)
		return err_set(err, ERR_OCCUPIED,
		    "the token already has a private key that matches the URI; use it with "
		    "--adopt, or choose another name");
	if (rc != ERR_ABSENT || (rc = name_it(p, err)) != 0 ||
	    (note != NULL && (rc = note->making(note->ctx, err)) != 0))
		return rc;
	rv = alg == KEY_RSA3072	  ? make_rsa(p, 3072)
	     : alg == KEY_RSA4096 ? make_rsa(p, 4096)
				  : make_curve(p, alg);
	return rv == CKR_OK ? 0 : p11_err(err, "C_GenerateKeyPair", rv);
}
