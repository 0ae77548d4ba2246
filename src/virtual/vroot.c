/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "virtual/vattest.h"
#include "virtual/vcrypt.h"
#include "virtual/vroot.h"

#define F9_RSA "f9-rsa2048.key"
#define BUNDLE_NEW "root.new"

/* From the top down; each is issued by the one before it. */
static const struct ca {
	const char *file, *subject, *from;
	int path_len;
} cas[] = {
    {"root", "ykvirt attestation root (TEST)", "20160101000000Z", 3},
    {"TEST_Attestation_Intermediate_B_1", "ykvirt Attestation Intermediate B 1 (TEST)",
	"20241201000000Z", 2},
    {"TEST_PIV_Attestation_B_1", "ykvirt PIV Attestation B 1 (TEST)", "20241201000000Z", 1},
};

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};

static void
pair_wipe(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
	*p = (struct pair){0};
}

/* What the vendor's CAs have, and F9 has not. */
static int
add_ca_extensions(X509 *x, X509 *issuer)
{
	static const struct {
		int nid;
		const char *value;
	} exts[] = {
	    {NID_subject_key_identifier, "hash"},
	    {NID_authority_key_identifier, "keyid"},
	    {NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"},
	};
	X509V3_CTX ctx = {0};

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(exts) / sizeof(exts[0]); i++) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, exts[i].nid, exts[i].value);
		int ok = e != NULL && X509_add_ext(x, e, -1) == 1;

		X509_EXTENSION_free(e);
		if (!ok)
			return -1;
	}
	return 0;
}

/* issuer NULL: by itself. */
static int
make(const struct ca *ca, const struct pair *issuer, struct pair *ret)
{
	EVP_PKEY *key = vcrypt_generate(vcrypt_alg(NULL, VCRYPT_P256));
	X509 *x = key != NULL ? vattest_cert(ca->subject, key, 16) : NULL;
	X509 *above = issuer != NULL ? issuer->cert : x;

	ret->key = key;
	ret->cert = x;
	if (x == NULL || X509_set_issuer_name(x, X509_get_subject_name(above)) != 1 ||
	    vattest_validity(x, ca->from, "99991231235959Z") != 0 ||
	    add_ca_extensions(x, above) != 0 || vattest_ca(x, ca->path_len) != 0 ||
	    X509_sign(x, issuer != NULL ? issuer->key : key, EVP_sha256()) == 0)
		return -1;
	return 0;
}

static FILE *
open_in(const char *dir, const char *name, const char *suffix, int flags, mode_t mode)
{
	char *path = NULL;
	FILE *f = NULL;
	int fd = -1;

	if (asprintf(&path, "%s/%s%s", dir, name, suffix) >= 0)
		fd = open(path, flags | O_CLOEXEC, mode);
	free(path);
	if (fd >= 0 && (f = fdopen(fd, (flags & O_WRONLY) ? "w" : "r")) == NULL)
		close(fd);
	return f;
}

static EVP_PKEY *
read_key(FILE *f)
{
	EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

	fclose(f);
	return key;
}

static int
write_key(const char *dir, const char *name, const char *suffix, EVP_PKEY *key)
{
	FILE *f = open_in(dir, name, suffix, O_WRONLY | O_CREAT | O_EXCL, 0600);
	int ok = f != NULL && PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;

	if (f != NULL && fclose(f) != 0)
		ok = 0;
	return ok ? 0 : -1;
}

static int
write_cert(const char *dir, const char *name, X509 *cert)
{
	FILE *f = open_in(dir, name, ".pem", O_WRONLY | O_CREAT | O_EXCL, 0644);
	int ok = f != NULL && PEM_write_X509(f, cert) == 1;

	if (f != NULL && fclose(f) != 0)
		ok = 0;
	return ok ? 0 : -1;
}

/* 0 read; 1 there is none yet; -1 broken. */
static int
read_pair(const char *dir, const struct ca *ca, struct pair *ret)
{
	FILE *kf = open_in(dir, ca->file, ".key", O_RDONLY, 0);
	FILE *cf = open_in(dir, ca->file, ".pem", O_RDONLY, 0);
	bool fresh = kf == NULL && cf == NULL;

	if (kf != NULL)
		ret->key = read_key(kf);
	if (cf != NULL) {
		ret->cert = PEM_read_X509(cf, NULL, NULL, NULL);
		fclose(cf);
	}
	if (fresh)
		return 1;
	/* A root of before there were intermediates cannot have any. */
	return ret->key != NULL && ret->cert != NULL &&
		       X509_check_private_key(ret->cert, ret->key) == 1 &&
		       X509_get_pathlen(ret->cert) == ca->path_len
		   ? 0
		   : -1;
}

static int
read_or_make(const char *dir, const struct ca *ca, const struct pair *issuer, struct pair *ret)
{
	int rc = dir != NULL ? read_pair(dir, ca, ret) : 1;

	if (rc <= 0)
		return rc;
	if (make(ca, issuer, ret) != 0)
		return -1;
	if (dir == NULL)
		return 0;
	return write_key(dir, ca->file, ".key", ret->key) == 0 &&
		       write_cert(dir, ca->file, ret->cert) == 0
		   ? 0
		   : -1;
}

static size_t
count_certs(const char *dir, const char *name)
{
	FILE *f = open_in(dir, name, ".pem", O_RDONLY, 0);
	X509 *x;
	size_t n = 0;

	while (f != NULL && (x = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
		X509_free(x);
		n++;
	}
	ERR_clear_error(); /* the end is one */
	if (f != NULL)
		fclose(f);
	return n;
}

/* The first one of that file. */
static int
copy_cert(const char *dir, const char *name, FILE *to)
{
	FILE *f = open_in(dir, name, ".pem", O_RDONLY, 0);
	X509 *x = f != NULL ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	int ok = x != NULL && PEM_write_X509(to, x) == 1;

	X509_free(x);
	if (f != NULL)
		fclose(f);
	return ok ? 0 : -1;
}

static int
rename_in(const char *dir, const char *from, const char *to)
{
	char *a = NULL, *b = NULL;
	int rc = -1;

	if (asprintf(&a, "%s/%s", dir, from) >= 0 && asprintf(&b, "%s/%s.pem", dir, to) >= 0)
		rc = rename(a, b);
	free(a);
	free(b);
	return rc;
}

/* Whoever is told of root.pem alone shall find the whole chain there. At once: it may be read. */
static int
bundle(const char *dir)
{
	const size_t n = sizeof(cas) / sizeof(cas[0]);
	FILE *f;
	int rc = 0;

	if (count_certs(dir, cas[0].file) == n)
		return 0;
	if ((f = open_in(dir, BUNDLE_NEW, "", O_WRONLY | O_CREAT | O_TRUNC, 0644)) == NULL)
		return -1;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = copy_cert(dir, cas[i].file, f);
	if (fclose(f) != 0 || rc != 0)
		return -1;
	return rename_in(dir, BUNDLE_NEW, cas[0].file);
}

/* Made once: real keys share theirs by the batch, and this one takes a moment. */
static EVP_PKEY *
shared_f9(const char *dir)
{
	FILE *f = dir != NULL ? open_in(dir, F9_RSA, "", O_RDONLY, 0) : NULL;
	EVP_PKEY *key;

	if (f != NULL)
		return read_key(f);
	key = vcrypt_generate(vcrypt_alg(NULL, VCRYPT_RSA2048));
	if (key != NULL && dir != NULL && write_key(dir, F9_RSA, "", key) != 0) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

/* Down the chain to whoever issues F9. NULL, or the file that is to blame. */
static const char *
fill(const char *dir, size_t depth, bool f9_rsa, struct vroot *ret)
{
	struct pair above = {0}, below = {0};

	for (size_t i = 0; i < depth; i++) {
		int rc = read_or_make(dir, &cas[i], i > 0 ? &above : NULL, &below);

		pair_wipe(&above);
		above = below;
		below = (struct pair){0};
		if (rc == 0 && i == 0 && X509_up_ref(above.cert) == 1)
			ret->root = above.cert;
		if (rc != 0) {
			pair_wipe(&above);
			return cas[i].file;
		}
	}
	ret->issuer = above.cert;
	ret->issuer_key = above.key;
	if (dir != NULL && depth > 1 && bundle(dir) != 0)
		return cas[0].file;
	if (f9_rsa && (ret->f9_rsa = shared_f9(dir)) == NULL)
		return F9_RSA;
	return ret->root != NULL ? NULL : cas[0].file;
}

int
vroot_open(
    const char *dir, bool intermediates, bool f9_rsa, struct vroot *ret, char *msg, size_t msg_len)
{
	size_t depth = intermediates ? sizeof(cas) / sizeof(cas[0]) : 1;
	const char *bad = "root.lock";
	FILE *lock = NULL;

	*ret = (struct vroot){0};
	if (dir == NULL)
		bad = fill(NULL, depth, f9_rsa, ret);
	else if ((mkdir(dir, 0700) == 0 || errno == EEXIST) &&
		 (lock = open_in(dir, "root.lock", "", O_WRONLY | O_CREAT, 0600)) != NULL &&
		 flock(fileno(lock), LOCK_EX) == 0)
		bad = fill(dir, depth, f9_rsa, ret);
	if (lock != NULL)
		fclose(lock);
	if (bad == NULL)
		return 0;
	snprintf(msg, msg_len, "%s: cannot read or make %s (of the attestation CAs)",
	    dir != NULL ? dir : "attestation", bad);
	vroot_wipe(ret);
	return -1;
}

void
vroot_wipe(struct vroot *r)
{
	X509_free(r->root);
	X509_free(r->issuer);
	EVP_PKEY_free(r->issuer_key);
	EVP_PKEY_free(r->f9_rsa);
	*r = (struct vroot){0};
}
