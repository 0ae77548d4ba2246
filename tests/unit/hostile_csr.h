/* SPDX-License-Identifier: BSD-2-Clause */
/* hostile_csr: requests that ask for what they should not get; included by test_signer_csr.c, whose
 * key signs them. */
#ifndef HOSTILE_CSR_H
#define HOSTILE_CSR_H

/* ---- making requests ---- */

typedef void (*dress)(X509_REQ *req, const char *arg);

static void
finish(X509_REQ *req, struct key *signer, struct blob *ret)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	int len;

	assert_true(X509_REQ_sign(req, key_evp(signer), evp_md(key_algorithm(signer))) > 0);
	assert_true((len = i2d_X509_REQ(req, &der)) > 0);
	assert_int_equal(blob_set(ret, der, (size_t)len, NULL), 0);
}

static void
make(dress how, const char *arg, struct blob *ret)
{
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();

	assert_int_equal(X509_REQ_set_version(req, X509_REQ_VERSION_1), 1);
	assert_int_equal(X509_REQ_set_pubkey(req, key_evp_public(q.key)), 1);
	how(req, arg);
	finish(req, q.key, ret);
}

static void
subject(X509_REQ *req, int type, const char *text, int len)
{
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();

	if (X509_NAME_add_entry_by_NID(
		name, NID_commonName, type, (const uint8_t *)text, len, -1, 0) != 1)
		fail_msg("subject");
	assert_int_equal(X509_REQ_set_subject_name(req, name), 1);
}

static void
named(X509_REQ *req, const char *arg)
{
	subject(req, V_ASN1_UTF8STRING, arg, -1);
}

static void
nul(X509_REQ *req, const char *arg)
{
	subject(req, V_ASN1_UTF8STRING, arg, (int)strlen(arg) + 2);
}

static void
teletex(X509_REQ *req, const char *arg)
{
	subject(req, V_ASN1_T61STRING, arg, -1);
}

static void
printable(X509_REQ *req, const char *arg)
{
	subject(req, V_ASN1_PRINTABLESTRING, arg, -1);
}

static void
bmp(X509_REQ *req, const char *arg)
{
	subject(req, V_ASN1_BMPSTRING, arg, 4);
}

static void
empty(X509_REQ *req, const char *arg)
{
	(void)req;
	(void)arg;
}

static void
long_name(X509_REQ *req, const char *arg)
{
	char *text = malloc(12001);

	memset(text, arg[0], 12000);
	text[12000] = '\0';
	subject(req, V_ASN1_UTF8STRING, text, -1);
	free(text);
}

/* n attributes in the subject */
static void
many_names(X509_REQ *req, const char *arg)
{
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();
	int i;

	for (i = 0; i < atoi(arg); i++)
		assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_organizationalUnitName,
				     V_ASN1_UTF8STRING, (const uint8_t *)"x", 1, -1, 0),
		    1);
	assert_int_equal(X509_REQ_set_subject_name(req, name), 1);
}

/* "NAME=VALUE" as in openssl.cnf, so many times */
static void
ask(X509_REQ *req, const char *arg, int times)
{
	STACK_OF(X509_EXTENSION) *exts = NULL;
	char name[64], *at;
	X509_EXTENSION *e;

	named(req, "eve");
	snprintf(name, sizeof(name), "%s", arg);
	if ((at = strchr(name, '=')) != NULL)
		*at = '\0';
	e = X509V3_EXT_conf(NULL, NULL, name, strchr(arg, '=') + 1);
	if (e == NULL)
		fail_msg("%s", arg);
	while (times-- > 0)
		X509v3_add_ext(&exts, e, -1);
	assert_int_equal(X509_REQ_add_extensions(req, exts), 1);
	X509_EXTENSION_free(e);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
}

static void
asks(X509_REQ *req, const char *arg)
{
	ask(req, arg, 1);
}

static void
asks_twice(X509_REQ *req, const char *arg)
{
	ask(req, arg, 2);
}

/* An attribute: "NID-short-name=VALUE" */
static void
attribute(X509_REQ *req, const char *arg)
{
	char name[64], *at;

	named(req, "eve");
	snprintf(name, sizeof(name), "%s", arg);
	if ((at = strchr(name, '=')) != NULL)
		*at = '\0';
	assert_int_equal(X509_REQ_add1_attr_by_txt(
			     req, name, MBSTRING_UTF8, (const uint8_t *)strchr(arg, '=') + 1, -1),
	    1);
}

static void
attributes(X509_REQ *req, const char *arg)
{
	char oid[64];
	int i;

	named(req, "eve");
	for (i = 0; i < atoi(arg); i++) {
		snprintf(oid, sizeof(oid), "1.3.6.1.4.1.99999.%d", i);
		assert_int_equal(X509_REQ_add1_attr_by_txt(
				     req, oid, V_ASN1_OCTET_STRING, (const uint8_t *)"x", 1),
		    1);
	}
}

/* One attribute with n values. */
static void
many_values(X509_REQ *req, const char *arg)
{
	X509_ATTRIBUTE *a = X509_ATTRIBUTE_create_by_NID(
	    NULL, NID_pkcs9_challengePassword, V_ASN1_UTF8STRING, (const uint8_t *)"x", 1);
	int i;

	named(req, "eve");
	for (i = 1; i < atoi(arg); i++)
		assert_int_equal(
		    X509_ATTRIBUTE_set1_data(a, V_ASN1_UTF8STRING, (const uint8_t *)"x", 1), 1);
	assert_int_equal(X509_REQ_add1_attr(req, a), 1);
	X509_ATTRIBUTE_free(a);
}

static void
big_attribute(X509_REQ *req, const char *arg)
{
	const int len = atoi(arg);
	char *text = calloc(1, (size_t)len);

	named(req, "eve");
	assert_int_equal(X509_REQ_add1_attr_by_txt(req, "1.3.6.1.4.1.99999.1", V_ASN1_OCTET_STRING,
			     (const uint8_t *)text, len),
	    1);
	free(text);
}

static void
not_der(X509_REQ *req, const char *arg)
{
	STACK_OF(X509_EXTENSION) *exts = NULL;
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *id = OBJ_txt2obj(arg, 1);
	X509_EXTENSION *e;

	named(req, "eve");
	ASN1_OCTET_STRING_set(octets, (const uint8_t *)"\x30\x84\xff\xff\xff\xff garbage", 14);
	assert_non_null(e = X509_EXTENSION_create_by_OBJ(NULL, id, 1, octets));
	X509v3_add_ext(&exts, e, -1);
	assert_int_equal(X509_REQ_add_extensions(req, exts), 1);
	X509_EXTENSION_free(e);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(id);
}

#endif
