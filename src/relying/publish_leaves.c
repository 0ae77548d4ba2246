/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_leaves: the list of live certificates for Caddy, which reads no CRL. A file is there
 * before the list names it and goes after the list has forgotten it. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "relying/publish.h"

#define LIST "leaves.caddy"
#define FINGERPRINTS "fingerprints.caddy"
#define DIRECTORY "leaves"
#define SUFFIX ".pem"
#define NAME_LEN (2 * X509_SERIAL_MAX + sizeof(SUFFIX))

static int
put(const char *dir, const char *name, const struct blob *text, size_t *written, struct err *err)
{
	char path[PATH_MAX];
	const int rc = file_join(path, sizeof(path), dir, name, err);

	return rc != 0 ? rc : live_put(path, text, written, err);
}

static int
add_line(const char *dir, const char *name, struct blob *list, struct err *err)
{
	char line[PATH_MAX + 64];
	int n = snprintf(line, sizeof(line), "trusted_leaf_cert_file \"%s/%s\"\n", dir, name);

	return blob_append(list, line, (size_t)n, err);
}

/* The same for a map of Caddy's: where certificates are optional. */
static int
add_fingerprint(const uint8_t sha256[static X509_SHA256_LEN], struct blob *list, struct err *err)
{
	char line[2 * X509_SHA256_LEN + sizeof(" SUCCESS\n")];

	text_hex(sha256, X509_SHA256_LEN, line);
	memcpy(line + 2 * X509_SHA256_LEN, " SUCCESS\n", sizeof(" SUCCESS\n"));
	return blob_append(list, line, strlen(line), err);
}

static int
put_leaf(const char *dir, const struct leaf *one, struct blob *list, struct blob *prints,
    size_t *written, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char name[sizeof(DIRECTORY) + NAME_LEN];
	int rc;

	snprintf(name, sizeof(name), DIRECTORY "/%s" SUFFIX, one->serial);
	if ((rc = pem_put(&one->der, PEM_CERT, &pem, err)) != 0 ||
	    (rc = put(dir, name, &pem, written, err)) != 0 ||
	    (rc = add_line(dir, name, list, err)) != 0)
		return rc;
	return add_fingerprint(one->info.sha256, prints, err);
}

static int
put_all(const struct live *v, const char *dir, size_t *written, struct err *err)
{
	static const char head[] =
	    "# Kept by ykenroll ca publish: who may log in. The first one is nobody: without any\n"
	    "# line everybody of the CA could.\n";
	CLEAN(blob_wipe) struct blob list = {0}, prints = {0};
	uint8_t nobody[X509_SHA256_LEN];
	size_t i;
	int rc;

	if ((rc = x509_sha256(v->root, nobody, err)) != 0 ||
	    (rc = blob_append(&list, head, sizeof(head) - 1, err)) != 0 ||
	    (rc = add_line(dir, "root.crt.pem", &list, err)) != 0 ||
	    (rc = blob_append(&prints, head, sizeof(head) - 1, err)) != 0 ||
	    (rc = add_fingerprint(nobody, &prints, err)) != 0)
		return rc;
	for (i = 0; i < v->n; i++)
		if ((rc = put_leaf(dir, &v->all[i], &list, &prints, written, err)) != 0)
			return rc;
	rc = put(dir, LIST, &list, written, err);
	return rc != 0 ? rc : put(dir, FINGERPRINTS, &prints, written, err);
}

static int
compare(const void *serial, const void *leaf)
{
	return strcmp(serial, ((const struct leaf *)leaf)->serial);
}

static bool
is_leaf(const struct live *v, const char *file)
{
	const size_t len = strlen(file), end = strlen(SUFFIX);
	char serial[NAME_LEN];

	if (v->n == 0 || len < end || len >= sizeof(serial) ||
	    strcmp(file + len - end, SUFFIX) != 0)
		return false;
	snprintf(serial, sizeof(serial), "%.*s", (int)(len - end), file);
	return bsearch(serial, v->all, v->n, sizeof(v->all[0]), compare) != NULL;
}

/* Everything else in the directory was a leaf once, or half of one. */
static int
remove_others(const struct live *v, const char *dir, size_t *written, struct err *err)
{
	CLEAN(file_dir_closep) DIR *d = NULL;
	char path[PATH_MAX];
	struct dirent *e;
	int rc;

	if ((rc = file_join(path, sizeof(path), dir, DIRECTORY, err)) != 0)
		return rc;
	if ((d = opendir(path)) == NULL)
		return err_errno(err, ERR_INTERNAL, "cannot read %s", path);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || is_leaf(v, e->d_name))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) != 0)
			return err_errno(err, ERR_INTERNAL, "cannot remove %s/%s", path, e->d_name);
		++*written;
	}
	return 0;
}

static int
full_path(const char *dir, char ret[static PATH_MAX], struct err *err)
{
	return realpath(dir, ret) != NULL ? 0 : err_errno(err, ERR_INTERNAL, "cannot stat %s", dir);
}

/* In a Caddyfile's quotes these mean something. */
static int
check_path(const char *path, struct err *err)
{
	return strpbrk(path, "\"\\{}`\n\r") == NULL
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "%s: a list for Caddy cannot contain a path with quotes, braces or "
			 "backslashes",
			 path);
}

int
leaves_check(const char *dir, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	return (rc = full_path(dir, path, err)) != 0 ? rc : check_path(path, err);
}

bool
leaves_there(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	return file_join(path, sizeof(path), dir, LIST, NULL) == 0 && lstat(path, &st) == 0;
}

int
leaves_put(const struct live *v, const char *dir, size_t *written, struct err *err)
{
	char full[PATH_MAX], path[PATH_MAX];
	int rc;

	if ((rc = leaves_check(dir, err)) != 0 || (rc = full_path(dir, full, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), full, DIRECTORY, err)) != 0)
		return rc;
	if (mkdir(path, 0755) == 0 ? chmod(path, 0755) != 0 : errno != EEXIST)
		return err_errno(err, ERR_INTERNAL, "cannot create %s", path);
	if ((rc = put_all(v, full, written, err)) != 0)
		return rc;
	return remove_others(v, full, written, err);
}
