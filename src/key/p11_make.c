/* SPDX-License-Identifier: BSD-2-Clause */
/* p11_make: a new key pair on a token, which never leaves it. */

#include <openssl/rand.h>

#include "key/evp.h"
#include "key/p11.h"

#define ID_LEN 16
#define TEMPLATE_MAX 9

struct template
{
	CK_ATTRIBUTE a[TEMPLATE_MAX];
	CK_ULONG n;
};

static void
add(struct template *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
	t->a[t->n++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, (CK_ULONG)len};
}

/* Label and id go into the URI too: it then names this key and no other. */
static int
name(const struct p11 *p, struct err *err)
{
	uint8_t id[ID_LEN];
	CK_ATTRIBUTE a = {CKA_ID, id, sizeof(id)};

	if (p11_kit_uri_get_attribute(p->uri, CKA_LABEL) == NULL)
		return err_set(err, ERR_USAGE, "a new key needs a name: object=LABEL in the URI");
	if (p11_kit_uri_get_attribute(p->uri, CKA_ID) != NULL)
		return 0;
	if (RAND_bytes(id, sizeof(id)) != 1)
		return evp_err(err, ERR_INTERNAL, "no random numbers");
	return p11_kit_uri_set_attribute(p->uri, &a) == P11_KIT_URI_OK
		   ? 0
		   : err_set(err, ERR_INTERNAL, "out of memory");
}

static void
common(const struct p11 *p, struct template *public, struct template *private)
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
pair(const struct p11 *p, CK_MECHANISM_TYPE type, struct template *public, struct template *private)
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
	const struct p11_curve *c;
	CK_RV rv = CKR_MECHANISM_INVALID;

	for (c = p11_curves; c->params != NULL && rv != CKR_OK; c++) {
		struct template public = {.n = 0}, private = {.n = 0};

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
	struct template public = {.n = 0}, private = {.n = 0};

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
		    "a private key that fits the URI is on the token already; take it over with "
		    "--adopt, or give another name");
	if (rc != ERR_ABSENT || (rc = name(p, err)) != 0 ||
	    (note != NULL && (rc = note->making(note->ctx, err)) != 0))
		return rc;
	rv = alg == KEY_RSA3072	  ? make_rsa(p, 3072)
	     : alg == KEY_RSA4096 ? make_rsa(p, 4096)
				  : make_curve(p, alg);
	return rv == CKR_OK ? 0 : p11_err(err, "C_GenerateKeyPair", rv);
}
