/* SPDX-License-Identifier: BSD-2-Clause */
/* san: subject alternative names (RFC 5280, 4.2.1.6): put into requests, read off certificates. */
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"
#include "ykenroll/x509_request.h"

OSSL_FREEP(general_name_freep, GENERAL_NAME, GENERAL_NAME_free)
OSSL_FREEP(general_names_freep, GENERAL_NAMES, GENERAL_NAMES_free)
OSSL_FREEP(asn1_type_freep, ASN1_TYPE, ASN1_TYPE_free)

static const struct {
	const char *word;
	int type; /* OpenSSL's GEN_ */
} kinds[] = {
    [SAN_EMAIL] = {"email", GEN_EMAIL},
    [SAN_DNS] = {"dns", GEN_DNS},
    [SAN_URI] = {"uri", GEN_URI},
    [SAN_IP] = {"ip", GEN_IPADD},
    [SAN_UPN] = {"upn", GEN_OTHERNAME},
};

int
csr_san_parse(const char *text, struct csr_san *ret, struct err *err)
{
	const char *colon = strchr(text, ':');
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && colon != NULL; i++) {
		const size_t n = strlen(kinds[i].word);

		if ((size_t)(colon - text) != n || strncasecmp(text, kinds[i].word, n) != 0)
			continue;
		*ret = (struct csr_san){(enum csr_san_kind)i, colon + 1};
		return 0;
	}
	return err_set(err, ERR_USAGE,
	    "invalid alternative name '%s': write email:, dns:, uri:, ip: or upn: and the name",
	    text);
}

/* IA5String, RFC 5280: internationalised names come in their ASCII form. */
static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static bool
value_ok(const struct csr_san *san)
{
	const char *at = strchr(san->value, '@');

	if (san->value[0] == '\0' || !text_is_plain(san->value))
		return false;
	if (san->kind == SAN_UPN)
		return at != NULL && at > san->value && at[1] != '\0';
	if (!is_ascii(san->value))
		return false;
	switch (san->kind) {
	case SAN_EMAIL:
		return at != NULL && at > san->value && at[1] != '\0' &&
		       strchr(at + 1, '@') == NULL;
	case SAN_URI:
		return strchr(san->value, ':') != NULL;
	default:
		return true;
	}
}

/* 1.3.6.1.4.1.311.20.2.3, a UTF8String */
static bool
put_upn(GENERAL_NAME *gen, const char *value)
{
	CLEAN(asn1_type_freep) ASN1_TYPE *type = ASN1_TYPE_new();
	ASN1_STRING *s = ASN1_UTF8STRING_new();

	if (type == NULL || s == NULL || ASN1_STRING_set(s, value, -1) != 1) {
		ASN1_STRING_free(s);
		return false;
	}
	ASN1_TYPE_set(type, V_ASN1_UTF8STRING, s);
	if (GENERAL_NAME_set0_othername(gen, OBJ_nid2obj(NID_ms_upn), type) != 1)
		return false;
	type = NULL;
	return true;
}

static bool
put_value(GENERAL_NAME *gen, const struct csr_san *san)
{
	if (san->kind == SAN_UPN)
		return put_upn(gen, san->value);
	return a2i_GENERAL_NAME(gen, NULL, NULL, kinds[san->kind].type, san->value, 0) != NULL;
}

static int
push(GENERAL_NAMES *names, const struct csr_san *san, struct err *err)
{
	CLEAN(general_name_freep) GENERAL_NAME *gen = GENERAL_NAME_new();

	if (gen == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create an alternative name");
	if (!value_ok(san) || !put_value(gen, san)) {
		ERR_clear_error();
		return err_set(err, ERR_USAGE, "the alternative name %s is malformed", san->value);
	}
	if (sk_GENERAL_NAME_push(names, gen) <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot create an alternative name");
	gen = NULL;
	return 0;
}

int
san_put(STACK_OF(X509_EXTENSION) * *exts, const struct csr_san *san, size_t n, bool critical,
    struct err *err)
{
	CLEAN(general_names_freep) GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	size_t i;
	int rc;

	if (names == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create alternative names");
	for (i = 0; i < n; i++)
		if ((rc = push(names, &san[i], err)) != 0)
			return rc;
	if (X509V3_add1_i2d(exts, NID_subject_alt_name, names, critical, X509V3_ADD_DEFAULT) != 1)
		return evp_err(err, ERR_INTERNAL, "cannot add the alternative names");
	return 0;
}

/* ---- who is named in a certificate ---- */

/* MS-WCCE, 2.2.2.7.7.4: szOID_NTDS_CA_SECURITY_EXT, and in it szOID_NTDS_OBJECTSID */
#define OID_SID_EXTENSION "1.3.6.1.4.1.311.25.2"
#define OID_SID "1.3.6.1.4.1.311.25.2.1"

/* Left out when it is not one that the registry takes. */
static void
take(char ret[static REQUEST_TEXT_MAX], const ASN1_STRING *s)
{
	const size_t len = (size_t)ASN1_STRING_length(s);

	if (len == 0 || len >= REQUEST_TEXT_MAX || memchr(ASN1_STRING_get0_data(s), 0, len) != NULL)
		return;
	memcpy(ret, ASN1_STRING_get0_data(s), len);
	ret[len] = '\0';
	if (!text_is_plain(ret))
		ret[0] = '\0';
}

static void
take_name(const GENERAL_NAME *name, const ASN1_OBJECT *sid, struct holder *ret)
{
	ASN1_OBJECT *oid;
	ASN1_TYPE *value;

	if (name->type == GEN_EMAIL && ret->email[0] == '\0')
		take(ret->email, name->d.rfc822Name);
	if (GENERAL_NAME_get0_otherName(name, &oid, &value) != 1)
		return;
	if (OBJ_obj2nid(oid) == NID_ms_upn && value->type == V_ASN1_UTF8STRING)
		take(ret->upn, value->value.utf8string);
	if (OBJ_cmp(oid, sid) == 0 && value->type == V_ASN1_OCTET_STRING)
		take(ret->sid, value->value.octet_string);
}

static void
take_extension(const X509 *x, const ASN1_OBJECT *id, const ASN1_OBJECT *sid, struct holder *ret)
{
	const X509_EXTENSION *ext = X509_get_ext(x, X509_get_ext_by_OBJ(x, id, -1));
	const ASN1_STRING *data = X509_EXTENSION_get_data((X509_EXTENSION *)(uintptr_t)ext);
	CLEAN(general_names_freep) GENERAL_NAMES *names = NULL;
	const unsigned char *p;
	int i;

	if (data == NULL)
		return;
	p = ASN1_STRING_get0_data(data);
	names = d2i_GENERAL_NAMES(NULL, &p, ASN1_STRING_length(data));
	for (i = 0; i < sk_GENERAL_NAME_num(names); i++)
		take_name(sk_GENERAL_NAME_value(names, i), sid, ret);
	ERR_clear_error();
}

int
cert_holder(const struct blob *der, struct holder *ret, struct err *err)
{
	CLEAN(x509_freep) X509 *x = NULL;
	CLEAN(object_freep) ASN1_OBJECT *id = OBJ_txt2obj(OID_SID_EXTENSION, 1);
	CLEAN(object_freep) ASN1_OBJECT *sid = OBJ_txt2obj(OID_SID, 1);
	const int rc = cert_parse(der->data, der->len, &x, err);

	if (rc != 0)
		return rc;
	if (id == NULL || sid == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read a certificate's names");
	take_extension(x, OBJ_nid2obj(NID_subject_alt_name), sid, ret);
	take_extension(x, id, sid, ret);
	return 0;
}
