/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two key pairs with self-signed certificates. They only carry a public key into CMS_encrypt:
 * nobody validates them, the registry knows them by their hash.
 *
 * A crash in between leaves files that a second run takes over: recovery.crt is written before the
 * recovery key, so a key file that fits it can only be that of an earlier run.
 */
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "registry/escrow.h"
#include "x509/parse.h"
#include "ykenroll/x509.h"

/* 9999-12-31 23:59:59, no end that is known: RFC 5280, 4.1.2.5. An escrow that stops on a day would
 * lock out exactly those who need it. */
#define NO_END INT64_C(253402300799)
#define SEALS "critical,keyAgreement"
#define CN_MAX 64 /* characters; RFC 5280, appendix A.1, ub-common-name */

int
escrow_name_check(const char *cn, struct err *err)
{
	if (cn == NULL || cn[0] == '\0' || !text_is_plain(cn) || text_chars(cn) > CN_MAX)
		return err_set(err, ERR_USAGE,
		    "the certificate's name must have 1 to %d printable characters", CN_MAX);
	return 0;
}

static int
fill_cert(X509 *cert, EVP_PKEY *pub, const char *cn, const char *usage)
{
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();

	if (name == NULL ||
	    X509_NAME_add_entry_by_NID(
		name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) != 1 ||
	    !cert_begin(cert, pub, name, name, time(NULL), NO_END))
		return -1;
	return cert_add_ext(cert, cert, NID_basic_constraints, "critical,CA:FALSE") &&
		       cert_add_ext(cert, cert, NID_key_usage, usage) &&
		       cert_add_ext(cert, cert, NID_subject_key_identifier, "hash")
		   ? 0
		   : -1;
}

static int
cert_der(X509 *cert, struct blob *ret, struct err *err)
{
	return evp_der(cert, ASN1_ITEM_rptr(X509), "cannot write a certificate", ret, err);
}

static int
write_cert(X509 *cert, const char *home, const char *file, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), home, file, err)) != 0 ||
	    (rc = cert_der(cert, &der, err)) != 0)
		return rc;
	return escrow_cert_write(path, &der, err);
}

static int
make_cert(
    EVP_PKEY *priv, EVP_PKEY *pub, const char *cn, const char *usage, X509 **ret, struct err *err)
{
	CLEAN(x509_freep) X509 *cert = X509_new();

	if (cert == NULL || fill_cert(cert, pub, cn, usage) != 0 ||
	    X509_sign(cert, priv, EVP_sha384()) <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot create an escrow certificate");
	*ret = TAKE(cert);
	return 0;
}

static int
make_recovery(const struct registry_init *init, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(x509_freep) X509 *cert = NULL;
	int rc;

	/* P-256: OpenSSL 3.0 takes over a millisecond for each sealing to P-384, on every
	 * enrolment. */
	if ((rc = key_generate(KEY_P256, &key, err)) != 0 ||
	    (rc = make_cert(key_evp(key), key_evp_public(key), init->recovery_cert_name, SEALS,
		 &cert, err)) != 0 ||
	    (rc = write_cert(cert, init->home, ESCROW_RECOVERY_CERT, err)) != 0)
		return rc;
	return key_file_save(key, init->recovery_out, init->recovery_pass, err);
}

/* Is the file at recovery_out the key of the recovery.crt that is here? */
static bool
is_ours(const struct registry_init *init, const char *cert_path)
{
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(blob_wipe) struct blob der = {0};

	return escrow_cert_file(cert_path, &der, NULL) == 0 &&
	       key_file_load(init->recovery_out, init->recovery_pass, &key, NULL) == 0 &&
	       escrow_cert_fits(&der, key);
}

static int
check_directory(const char *path, struct err *err)
{
	char copy[PATH_MAX];
	const char *dir;

	if (strlen(path) >= sizeof(copy))
		return err_set(err, ERR_USAGE, "path too long: %s", path);
	dir = dirname(strcpy(copy, path));
	return access(dir, W_OK | X_OK) == 0
		   ? 0
		   : err_errno(err, ERR_USAGE, "no file can be made in %s", dir);
}

int
escrow_out_check(const struct registry_init *init, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), init->home, ESCROW_RECOVERY_CERT, err)) != 0)
		return rc;
	if (access(init->recovery_out, F_OK) != 0)
		return check_directory(init->recovery_out, err);
	if (access(path, F_OK) != 0 || (init->recovery_pass != NULL && !is_ours(init, path)))
		return err_set(err, ERR_OCCUPIED,
		    "%s already exists, and is not a recovery key that was made for this home and "
		    "opens with this passphrase; name another file",
		    init->recovery_out);
	return 0;
}

/* What the file is called afterwards it was when it was read. */
static int
recovery(const struct registry_init *init, struct blob *ret_der, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), init->home, ESCROW_RECOVERY_CERT, err)) != 0 ||
	    (rc = escrow_out_check(init, err)) != 0)
		return rc;
	if (access(init->recovery_out, F_OK) != 0 && (rc = make_recovery(init, err)) != 0)
		return rc;
	if (!is_ours(init, path))
		return err_set(err, ERR_INTERNAL,
		    "%s was written, and cannot be read back as the key of %s: check the medium",
		    init->recovery_out, path);
	return escrow_cert_file(path, ret_der, err);
}

/*
 * The in-flight key is not encrypted: a run after a crash must open what was pending without a
 * person, on a batch of a hundred tokens at night. It is as good as the home's permissions; what it
 * opens is only what is being worked on, and its copies are deleted when that is done.
 */
static int
write_plain_key(EVP_PKEY *key, const char *home, const char *file, struct err *err)
{
	CLEAN(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());
	char path[PATH_MAX], *pem;
	long len;
	int rc;

	if ((rc = file_join(path, sizeof(path), home, file, err)) != 0)
		return rc;
	if (bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    (len = BIO_get_mem_data(bio, &pem)) <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot write a private key");
	return file_write(path, pem, (size_t)len, 0600, err);
}

static int
make_plain(const char *home, const char *key_file, const char *cert_file, const char *cn,
    const char *usage, struct err *err)
{
	CLEAN(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
	CLEAN(x509_freep) X509 *cert = NULL;
	int rc;

	if (key == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a key");
	if ((rc = make_cert(key, key, cn, usage, &cert, err)) != 0 ||
	    (rc = write_plain_key(key, home, key_file, err)) != 0)
		return rc;
	return write_cert(cert, home, cert_file, err);
}

int
escrow_make_receipt_key(const char *home, struct err *err)
{
	return make_plain(home, ESCROW_RECEIPT_KEY, ESCROW_RECEIPT_CERT, "ykenroll receipts",
	    "critical,digitalSignature", err);
}

int
escrow_make(const struct registry_init *init, struct blob *ret_recovery_der, struct err *err)
{
	int rc;

	if ((rc = recovery(init, ret_recovery_der, err)) != 0)
		return err_wrap(err, "recovery key");
	if ((rc = make_plain(init->home, ESCROW_FLIGHT_KEY, ESCROW_FLIGHT_CERT,
		 "ykenroll in-flight", SEALS, err)) != 0)
		return err_wrap(err, "in-flight key");
	return 0;
}

int
registry_escrow_make_key(const char *name, const char *key_path, const struct secret *pass,
    const char *cert_path, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(x509_freep) X509 *cert = NULL;
	CLEAN(blob_wipe) struct blob der = {0}, pem = {0};
	int rc;

	if ((rc = escrow_name_check(name, err)) != 0)
		return rc;
	if (access(cert_path, F_OK) == 0 || access(key_path, F_OK) == 0)
		return err_set(err, ERR_OCCUPIED, "%s already exists",
		    access(cert_path, F_OK) == 0 ? cert_path : key_path);
	if ((rc = key_generate(KEY_P256, &key, err)) != 0 ||
	    (rc = make_cert(key_evp(key), key_evp_public(key), name, SEALS, &cert, err)) != 0 ||
	    (rc = cert_der(cert, &der, err)) != 0 ||
	    (rc = key_file_save(key, key_path, pass, err)) != 0 ||
	    (rc = pem_put(&der, PEM_CERT, &pem, err)) != 0)
		return rc;
	/* the certificate is public, and goes to where the others are */
	return file_create(cert_path, pem.data, pem.len, 0644, err);
}
