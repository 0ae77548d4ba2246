/* SPDX-License-Identifier: BSD-2-Clause */
/* pem: one block, and files of several, as servers read them. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <string.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"

/* ---- writing ---- */

int
pem_put(const struct blob *der, const char *name, struct blob *ret, struct err *err)
{
	CLEAN(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (bio == NULL || PEM_write_bio(bio, name, "", der->data, (long)der->len) <= 0 ||
	    (len = BIO_get_mem_data(bio, &text)) <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot write PEM");
	return blob_append(ret, text, (size_t)len, err);
}

/* ---- one ---- */

/* strict: nothing but such blocks, and whole ones. Returns as pem_next. */
static int
next_block(BIO *bio, const char *name, bool strict, struct blob *ret, struct err *err)
{
	int rc = 0;

	while (rc == 0) {
		CLEAN(ossl_text_freep) char *found = NULL;
		CLEAN(ossl_text_freep) char *header = NULL;
		CLEAN(ossl_bytes_freep) unsigned char *data = NULL;
		long len = 0;

		if (!PEM_read_bio(bio, &found, &header, &data, &len)) {
			if (strict && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
				return evp_err(err, ERR_FIT, "a PEM block is malformed");
			break;
		}
		if (strict && strcmp(found, name) != 0)
			return err_set(err, ERR_FIT, "a PEM block is not %s", name);
		/* headers mean encryption, which nobody does to a certificate */
		if (strict || (strcmp(found, name) == 0 && *header == '\0' && len > 0))
			rc = blob_set(ret, data, (size_t)len, err) == 0 ? 1 : ERR_INTERNAL;
	}
	ERR_clear_error();
	return rc;
}

int
pem_next(BIO *bio, const char *name, struct blob *ret_der, struct err *err)
{
	return next_block(bio, name, false, ret_der, err);
}

static BIO *
memory(const struct blob *pem)
{
	return pem->len == 0 || pem->len > INT_MAX ? NULL
						   : BIO_new_mem_buf(pem->data, (int)pem->len);
}

static int
first(const struct blob *pem, const char *name, const char *what, struct blob *ret, struct err *err)
{
	CLEAN(bio_freep) BIO *bio = memory(pem);
	const int rc = bio == NULL ? 0 : pem_next(bio, name, ret, err);

	return rc == 0 ? err_set(err, ERR_FIT, "no %s in PEM format found", what) : rc < 0 ? rc : 0;
}

int
cert_from_pem(const struct blob *pem, struct blob *ret_der, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(x509_freep) X509 *cert = NULL;
	int rc;

	if ((rc = first(pem, PEM_CERT, "certificate", &der, err)) != 0 ||
	    (rc = cert_parse(der.data, der.len, &cert, err)) != 0)
		return rc;
	blob_move(ret_der, &der);
	return 0;
}

int
crl_from_pem(const struct blob *pem, struct blob *ret_der, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct crl crl;
	int rc;

	if ((rc = first(pem, PEM_CRL, "CRL", &der, err)) != 0 ||
	    (rc = crl_open(der.data, der.len, false, &crl, err)) != 0)
		return rc;
	blob_move(ret_der, &der);
	return 0;
}

/* ---- what is it, if not what it should be ---- */

static bool
is_der(const struct blob *file, const ASN1_ITEM *item)
{
	const unsigned char *p = file->data;
	ASN1_VALUE *v = file->len == 0 || file->len > INT_MAX || *p != 0x30
			    ? NULL
			    : ASN1_item_d2i(NULL, &p, (long)file->len, item);

	ASN1_item_free(v, item);
	ERR_clear_error();
	return v != NULL;
}

/* NULL: none of them. */
static const char *
der_kind(const struct blob *file)
{
	static const struct {
		ASN1_ITEM_EXP *item;
		const char *what;
	} kinds[] = {{ASN1_ITEM_ref(X509), "an X.509 certificate"},
	    {ASN1_ITEM_ref(X509_REQ), "a certificate request (PKCS #10)"},
	    {ASN1_ITEM_ref(X509_CRL), "a CRL"}, {ASN1_ITEM_ref(PKCS12), "a PKCS #12 file"},
	    {ASN1_ITEM_ref(PKCS7), "a PKCS #7 file"},
	    {ASN1_ITEM_ref(X509_PUBKEY), "a public key (SubjectPublicKeyInfo)"},
	    {ASN1_ITEM_ref(X509_SIG), "an encrypted private key (PKCS #8)"}};
	const unsigned char *p = file->data;
	CLEAN(pkey_freep) EVP_PKEY *key = NULL;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is_der(file, ASN1_ITEM_ptr(kinds[i].item)))
			return kinds[i].what;
	key = d2i_AutoPrivateKey(NULL, &p, (long)(file->len > INT_MAX ? 0 : file->len));
	ERR_clear_error();
	return key == NULL ? NULL : "a private key in DER";
}

/* The label of the first block, or NULL. */
static const char *
pem_kind(const struct blob *file, char *ret, size_t size)
{
	static const char begin[] = "-----BEGIN ";
	const char *at = memmem(file->data, file->len, begin, strlen(begin));
	size_t n, room = at == NULL ? 0 : file->len - (size_t)(at - (const char *)file->data);

	if (at == NULL)
		return NULL;
	for (n = strlen(begin); n < room && n < 64 && at[n] != '-'; n++)
		continue;
	snprintf(ret, size, "PEM of \"%.*s\"", (int)(n - strlen(begin)), at + strlen(begin));
	return ret;
}

static const char *
text_kind(const struct blob *file)
{
	static const struct {
		const char *begin, *what;
	} kinds[] = {{"ssh-", "a public key of SSH"}, {"ecdsa-sha2-", "a public key of SSH"},
	    {"\xff\xfe", "text in UTF-16"}, {"\xfe\xff", "text in UTF-16"}};
	size_t i;

	if (file->len == 0)
		return "empty";
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (file->len >= strlen(kinds[i].begin) &&
		    memcmp(file->data, kinds[i].begin, strlen(kinds[i].begin)) == 0)
			return kinds[i].what;
	return "neither PEM nor DER that is known here";
}

static int
not_a(const struct blob *file, const char *wanted, struct err *err)
{
	const char *is = der_kind(file);
	char label[96];

	if (is == NULL)
		is = pem_kind(file, label, sizeof(label));
	return err_set(err, ERR_FIT, "it is %s, not %s", is == NULL ? text_kind(file) : is, wanted);
}

/* ---- the one that is meant ---- */

int
csr_from_file(const struct blob *file, struct blob *ret_der, struct err *err)
{
	static const char *const labels[] = {PEM_REQUEST, PEM_STRING_X509_REQ_OLD};
	CLEAN(blob_wipe) struct blob der = {0}, more = {0};
	size_t i, n = 0;

	if (is_der(file, ASN1_ITEM_rptr(X509_REQ)))
		return blob_set(ret_der, file->data, file->len, err);
	for (i = 0; i < 2; i++) {
		CLEAN(bio_freep) BIO *bio = memory(file);

		while (bio != NULL && pem_next(bio, labels[i], n == 0 ? &der : &more, err) == 1)
			n++;
	}
	if (n > 1)
		return err_set(err, ERR_FIT,
		    "it has %zu certificate requests; put the one that is meant into a file of its "
		    "own",
		    n);
	if (n == 0)
		return not_a(file, "a certificate request (PKCS #10, in PEM or DER)", err);
	blob_move(ret_der, &der);
	return 0;
}

#define CHAIN_MAX 16

/* Did one of them issue another one? */
static bool
is_issuer(const struct blob *certs, size_t n, size_t which)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (i != which && cert_issued_by(&certs[i], &certs[which], NULL) == 0)
			return true;
	return false;
}

static void chain_wipe(struct blob (*certs)[CHAIN_MAX])
{
	size_t i;

	for (i = 0; i < CHAIN_MAX; i++)
		blob_wipe(&(*certs)[i]);
}

int
cert_from_file(const struct blob *file, struct blob *ret_der, struct err *err)
{
	CLEAN(chain_wipe) struct blob certs[CHAIN_MAX] = {{0}};
	CLEAN(bio_freep) BIO *bio = memory(file);
	CLEAN(x509_freep) X509 *cert = NULL;
	size_t i, n = 0, leaf = CHAIN_MAX;
	int rc;

	if (is_der(file, ASN1_ITEM_rptr(X509)))
		return blob_set(ret_der, file->data, file->len, err);
	while (bio != NULL && n < CHAIN_MAX && pem_next(bio, PEM_CERT, &certs[n], err) == 1)
		n++;
	if (n == 0)
		return not_a(file, "a certificate (in PEM or DER)", err);
	for (i = 0; i < n; i++)
		if (!is_issuer(certs, n, i)) {
			if (leaf != CHAIN_MAX)
				return err_set(err, ERR_FIT,
				    "it has %zu certificates, of which more than one could be "
				    "meant; put that one into a file of its own",
				    n);
			leaf = i;
		}
	if (leaf == CHAIN_MAX)
		return err_set(err, ERR_FIT, "it has certificates that issued each other");
	if ((rc = cert_parse(certs[leaf].data, certs[leaf].len, &cert, err)) != 0)
		return rc;
	blob_move(ret_der, &certs[leaf]);
	return 0;
}

/* ---- several ---- */

int
pem_blocks(const struct blob *pem, const char *name, struct blob *ret, size_t max, size_t *ret_n,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob extra = {0};
	CLEAN(bio_freep) BIO *bio = memory(pem);
	size_t n = 0;
	int rc = 0;

	if (bio == NULL)
		return err_set(err, ERR_FIT, "it contains no PEM");
	while (n < max && (rc = next_block(bio, name, true, &ret[n], err)) == 1)
		n++;
	if (rc < 0)
		return rc;
	if (n == 0)
		return err_set(err, ERR_FIT, "it contains no PEM");
	if (n == max && (rc = next_block(bio, name, true, &extra, err)) != 0)
		return rc < 0 ? rc : err_set(err, ERR_FIT, "more than %zu PEM blocks", max);
	*ret_n = n;
	return 0;
}
