/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/err.h>
#include <openssl/pem.h>

#include <string.h>

#include "base/file.h"
#include "key/ossl.h"
#include "registry/escrow.h"
#include "ykenroll/x509.h"

int
escrow_cert_file(const char *path, struct blob *ret_der, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	CLEAN(bio_freep) BIO *bio = NULL;
	CLEAN(ossl_text_freep) char *name = NULL;
	CLEAN(ossl_text_freep) char *header = NULL;
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	long len = 0;
	int rc;

	if ((rc = file_read(path, &pem, err)) != 0)
		return rc;
	/* the bytes alone: they are hashed at every open, and parsed only where they are used */
	if ((bio = BIO_new_mem_buf(pem.data, (int)pem.len)) == NULL ||
	    PEM_read_bio(bio, &name, &header, &der, &len) != 1 ||
	    strcmp(name, PEM_STRING_X509) != 0 || len <= 0) {
		ERR_clear_error();
		return err_set(err, ERR_USAGE, "%s is not a certificate in PEM", path);
	}
	return blob_set(ret_der, der, (size_t)len, err);
}

int
escrow_cert_write(const char *path, const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	const int rc = cert_to_pem(der, &pem, err);

	return rc != 0 ? rc : file_write(path, pem.data, pem.len, 0600, err);
}
