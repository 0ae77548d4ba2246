/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "virtual/vattest.h"
#include "virtual/vcrypt.h"
#include "virtual/vroot.h"

#define ROOT_SUBJECT "ykvirt attestation root (TEST)"

static X509 *
self_sign(EVP_PKEY *key)
{
	X509 *x = vattest_cert(ROOT_SUBJECT, key, 16);

	if (x != NULL && (X509_set_issuer_name(x, X509_get_subject_name(x)) != 1 ||
			     vattest_validity(x, "20160101000000Z", "99991231235959Z") != 0 ||
			     vattest_ca(x, 1) != 0 || X509_sign(x, key, EVP_sha256()) == 0)) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

static int
make(EVP_PKEY **ret_key, X509 **ret_cert)
{
	EVP_PKEY *key = vcrypt_generate(vcrypt_alg(NULL, VCRYPT_P256));
	X509 *cert = key != NULL ? self_sign(key) : NULL;

	if (cert == NULL) {
		EVP_PKEY_free(key);
		return -1;
	}
	*ret_key = key;
	*ret_cert = cert;
	return 0;
}

static FILE *
open_in(const char *dir, const char *name, int flags, mode_t mode)
{
	char *path = NULL;
	FILE *f = NULL;
	int fd = -1;

	if (asprintf(&path, "%s/%s", dir, name) >= 0)
		fd = open(path, flags | O_CLOEXEC, mode);
	free(path);
	if (fd >= 0 && (f = fdopen(fd, (flags & O_WRONLY) ? "w" : "r")) == NULL)
		close(fd);
	return f;
}

/* 0 read; 1 there is none yet; -1 broken. */
static int
read_root(const char *dir, EVP_PKEY **ret_key, X509 **ret_cert)
{
	FILE *kf = open_in(dir, "root.key", O_RDONLY, 0);
	FILE *cf = open_in(dir, "root.pem", O_RDONLY, 0);
	bool fresh = kf == NULL && cf == NULL;
	EVP_PKEY *key = kf != NULL ? PEM_read_PrivateKey(kf, NULL, NULL, NULL) : NULL;
	X509 *cert = cf != NULL ? PEM_read_X509(cf, NULL, NULL, NULL) : NULL;

	if (kf != NULL)
		fclose(kf);
	if (cf != NULL)
		fclose(cf);
	if (fresh)
		return 1;
	if (key != NULL && cert != NULL && X509_check_private_key(cert, key) == 1) {
		*ret_key = key;
		*ret_cert = cert;
		return 0;
	}
	EVP_PKEY_free(key);
	X509_free(cert);
	return -1;
}

static int
write_root(const char *dir, EVP_PKEY *key, X509 *cert)
{
	FILE *kf = open_in(dir, "root.key", O_WRONLY | O_CREAT | O_EXCL, 0600);
	FILE *cf = open_in(dir, "root.pem", O_WRONLY | O_CREAT | O_EXCL, 0644);
	int rc = -1;

	if (kf != NULL && cf != NULL &&
	    PEM_write_PKCS8PrivateKey(kf, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    PEM_write_X509(cf, cert) == 1)
		rc = 0;
	if (kf != NULL && fclose(kf) != 0)
		rc = -1;
	if (cf != NULL && fclose(cf) != 0)
		rc = -1;
	return rc;
}

static int
read_or_make(const char *dir, EVP_PKEY **ret_key, X509 **ret_cert)
{
	int rc = read_root(dir, ret_key, ret_cert);

	if (rc <= 0)
		return rc;
	if (make(ret_key, ret_cert) != 0)
		return -1;
	return write_root(dir, *ret_key, *ret_cert);
}

int
vroot_open(const char *dir, EVP_PKEY **ret_key, X509 **ret_cert, char *msg, size_t msg_len)
{
	FILE *lock;
	int rc = -1;

	*ret_key = NULL;
	*ret_cert = NULL;
	if (dir == NULL) {
		rc = make(ret_key, ret_cert);
	} else if ((mkdir(dir, 0700) == 0 || errno == EEXIST) &&
		   (lock = open_in(dir, "root.lock", O_WRONLY | O_CREAT, 0600)) != NULL) {
		if (flock(fileno(lock), LOCK_EX) == 0)
			rc = read_or_make(dir, ret_key, ret_cert);
		fclose(lock);
	}
	if (rc != 0) {
		snprintf(msg, msg_len, "%s: cannot read or make root.pem and root.key",
		    dir != NULL ? dir : "attestation root");
		EVP_PKEY_free(*ret_key);
		X509_free(*ret_cert);
		*ret_key = NULL;
		*ret_cert = NULL;
	}
	return rc;
}
