/* SPDX-License-Identifier: BSD-2-Clause */
/* pem: one block, and files of several, as servers read them. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
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

int
csr_from_file(const struct blob *file, struct blob *ret_der, struct err *err)
{
	if (file->len > 0 && file->data[0] == 0x30)
		return blob_set(ret_der, file->data, file->len, err);
	if (first(file, PEM_REQUEST, "", ret_der, NULL) == 0 ||
	    first(file, PEM_STRING_X509_REQ_OLD, "", ret_der, NULL) == 0)
		return 0;
	return err_set(err, ERR_FIT, "not a certificate request (PKCS #10)");
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
