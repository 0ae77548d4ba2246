/* SPDX-License-Identifier: BSD-2-Clause */
/* csr_file: requests that others made: out of a file, and the names that they ask for. */
#include <arpa/inet.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "ykenroll/x509.h"

typedef STACK_OF(X509_EXTENSION) extensions;

static void
extensions_freep(extensions **exts)
{
	sk_X509_EXTENSION_pop_free(*exts, X509_EXTENSION_free);
}

OSSL_FREEP(names_freep, GENERAL_NAMES, GENERAL_NAMES_free)

int
csr_from_file(const struct blob *file, struct blob *ret_der, struct err *err)
{
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	CLEAN(bio_freep) BIO *bio = NULL;
	long len = 0;
	int rc;

	if (file->len > 0 && file->data[0] == 0x30)
		return blob_set(ret_der, file->data, file->len, err);
	if (file->len == 0 || file->len > INT_MAX)
		return err_set(err, ERR_FIT, "not a certification request (PKCS #10)");
	if ((bio = BIO_new_mem_buf(file->data, (int)file->len)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read PEM");
	/* "NEW CERTIFICATE REQUEST" too */
	if (PEM_bytes_read_bio(&der, &len, NULL, PEM_STRING_X509_REQ, bio, NULL, NULL) != 1 ||
	    len <= 0) {
		ERR_clear_error();
		return err_set(err, ERR_FIT, "not a certification request (PKCS #10)");
	}
	if ((rc = blob_set(ret_der, der, (size_t)len, err)) != 0)
		return rc;
	return 0;
}

/* ---- names ---- */

static int
put_line(struct blob *to, const char *kind, const char *text, size_t len, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return err_set(err, ERR_FIT,
			    "the request has a name with an impossible character; give the names "
			    "with --dns and --ip");
	if ((to->len > 0 && (rc = blob_append(to, "\n", 1, err)) != 0) ||
	    (rc = blob_append(to, kind, strlen(kind), err)) != 0)
		return rc;
	return blob_append(to, text, len, err);
}

static int
put_name(struct blob *to, const GENERAL_NAME *name, struct err *err)
{
	char text[INET6_ADDRSTRLEN];
	const ASN1_STRING *s;
	int type, len;

	s = GENERAL_NAME_get0_value(name, &type);
	if (type == GEN_DNS)
		return put_line(to, "dns:", (const char *)ASN1_STRING_get0_data(s),
		    (size_t)ASN1_STRING_length(s), err);
	len = type == GEN_IPADD ? ASN1_STRING_length(s) : 0;
	if ((len != 4 && len != 16) || inet_ntop(len == 4 ? AF_INET : AF_INET6,
					   ASN1_STRING_get0_data(s), text, sizeof(text)) == NULL)
		return err_set(err, ERR_FIT,
		    "the request has a name that is neither DNS nor IP; give the names with --dns "
		    "and --ip");
	return put_line(to, "ip:", text, strlen(text), err);
}

int
csr_names(const struct blob *csr, struct blob *ret_lines, struct err *err)
{
	const uint8_t *p = csr->data;
	CLEAN(req_freep) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr->len);
	CLEAN(extensions_freep) extensions *exts = NULL;
	CLEAN(names_freep) GENERAL_NAMES *names = NULL;
	CLEAN(blob_wipe) struct blob lines = {0};
	int i, crit = 0, rc;

	ERR_clear_error();
	if (req == NULL)
		return err_set(err, ERR_FIT, "not a certification request (PKCS #10)");
	exts = X509_REQ_get_extensions(req);
	names = X509V3_get_d2i(exts, NID_subject_alt_name, &crit, NULL);
	ERR_clear_error();
	if (names == NULL && crit != -1)
		return err_set(err, ERR_FIT, "the names of the request cannot be read");
	for (i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if ((rc = put_name(&lines, sk_GENERAL_NAME_value(names, i), err)) != 0)
			return rc;
	if ((rc = blob_append(&lines, "", 1, err)) != 0)
		return rc;
	blob_move(ret_lines, &lines);
	return 0;
}
