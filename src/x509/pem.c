/* SPDX-License-Identifier: BSD-2-Clause */
/* pem: files of several blocks, as servers read them. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "ykenroll/x509.h"

/* 1 there was one, 0 the end. */
static int
next_block(BIO *bio, const char *name, struct blob *ret, struct err *err)
{
	CLEAN(ossl_text_freep) char *found = NULL;
	CLEAN(ossl_text_freep) char *header = NULL;
	CLEAN(ossl_bytes_freep) unsigned char *data = NULL;
	long len = 0;
	int rc;

	if (PEM_read_bio(bio, &found, &header, &data, &len) != 1) {
		if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
			return evp_err(err, ERR_FIT, "a PEM block is broken");
		ERR_clear_error();
		return 0;
	}
	if (strcmp(found, name) != 0)
		return err_set(err, ERR_FIT, "a PEM block is not %s", name);
	rc = blob_set(ret, data, (size_t)len, err);
	return rc != 0 ? rc : 1;
}

int
pem_blocks(const struct blob *pem, const char *name, struct blob *ret, size_t max, size_t *ret_n,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob extra = {0};
	CLEAN(bio_freep) BIO *bio = NULL;
	size_t n = 0;
	int rc = 0;

	if (pem->len == 0 || pem->len > INT_MAX ||
	    (bio = BIO_new_mem_buf(pem->data, (int)pem->len)) == NULL)
		return err_set(err, ERR_FIT, "no PEM in it");
	while (n < max && (rc = next_block(bio, name, &ret[n], err)) == 1)
		n++;
	if (rc < 0)
		return rc;
	if (n == 0)
		return err_set(err, ERR_FIT, "no PEM in it");
	if (n == max && (rc = next_block(bio, name, &extra, err)) != 0)
		return rc < 0 ? rc : err_set(err, ERR_FIT, "more than %zu PEM blocks", max);
	*ret_n = n;
	return 0;
}
