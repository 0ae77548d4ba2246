/* SPDX-License-Identifier: BSD-2-Clause */
/* Private keys as other programs leave them, to be saved in our way. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/file.h"
#include "key/evp.h"
#include "key/key_priv.h"
#include "key/ossl.h"

static bool
contains(const struct blob *text, const char *word)
{
	return text->len > 0 && memmem(text->data, text->len, word, strlen(word)) != NULL;
}

static int
read_pem(const char *path, struct blob *ret, struct err *err)
{
	int rc = file_read(path, ret, err);

	if (rc != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	if (!contains(ret, "PRIVATE KEY-----"))
		return err_set(err, ERR_USAGE, "%s is not a private key in PEM", path);
	return 0;
}

int
key_import_asks(const char *path, bool *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	int rc;

	if ((rc = read_pem(path, &pem, err)) != 0)
		return rc;
	*ret = contains(&pem, "ENCRYPTED");
	return 0;
}

static int
give_pass(char *to, int size, int writing, void *ctx)
{
	const struct secret *pass = ctx;

	(void)writing;
	if (pass == NULL || pass->len > (size_t)size)
		return -1;
	memcpy(to, pass->bytes, pass->len);
	return (int)pass->len;
}

int
key_import(const char *path, const struct secret *pass, struct key **ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	CLEAN(bio_freep) BIO *bio = NULL;
	EVP_PKEY *evp;
	int rc;

	if ((rc = read_pem(path, &pem, err)) != 0)
		return rc;
	if ((bio = BIO_new_mem_buf(pem.data, (int)pem.len)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read PEM");
	evp = PEM_read_bio_PrivateKey(bio, NULL, give_pass, (void *)(uintptr_t)pass);
	if (evp == NULL && contains(&pem, "ENCRYPTED")) {
		ERR_clear_error();
		return err_set(err, ERR_CA, "wrong passphrase for %s", path);
	}
	if (evp == NULL)
		return evp_err(err, ERR_USAGE, path);
	if ((rc = key_software(evp, ret, err)) != 0)
		return err_wrap(err, "%s", path), rc;
	return 0;
}
