/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_leaves: the list of live certificates, for servers that read no CRL. A file is there
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
#include "base/utc.h"
#include "relying/publish.h"

#define LIST "leaves.caddy"
#define FINGERPRINTS "fingerprints.caddy"
#define DIRECTORY "leaves"
#define SUFFIX ".pem"

struct leaf {
	struct cert_info info;
	struct blob der;
	char name[2 * X509_SERIAL_MAX + sizeof(SUFFIX)];
	bool listed;
};

struct live {
	const struct leaves *l;
	struct leaf *all;
	size_t n, room;
	char dir[PATH_MAX];
	struct err *err;
};

static void
live_wipe(struct live *v)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		blob_wipe(&v->all[i].der);
	free(v->all);
}

/* ---- which ---- */

static int
add(void *ctx, const struct blob *der)
{
	struct live *v = ctx;
	struct leaf one = {0}, *more;
	int rc;

	if (v->n == v->room) {
		v->room = v->room == 0 ? 64 : 2 * v->room;
		if ((more = realloc(v->all, v->room * sizeof(*more))) == NULL)
			return err_set(v->err, ERR_INTERNAL, "out of memory");
		v->all = more;
	}
	if ((rc = cert_read(der->data, der->len, &one.info, v->err)) != 0 ||
	    (rc = cert_issued_by(der, v->l->issuing, NULL)) == ERR_PROOF)
		return rc == ERR_PROOF ? 0 : rc; /* of a CA that is no more */
	text_hex(one.info.serial, one.info.serial_len, one.name);
	memcpy(one.name + 2 * one.info.serial_len, SUFFIX, sizeof(SUFFIX));
	if ((rc = blob_set(&one.der, der->data, der->len, v->err)) == 0)
		v->all[v->n++] = one;
	return rc;
}

/* Keys in files log in, too; servers and responders do not. */
static int
add_software(void *ctx, const struct registry_software *one, const struct blob *der)
{
	if (one->revoked != 0 || strcmp(one->profile, "server") == 0 ||
	    strcmp(one->profile, "ocsp") == 0)
		return 0;
	return add(ctx, der);
}

static int
by_serial(const void *a, const void *b)
{
	const struct cert_info *x = &((const struct leaf *)a)->info;
	const struct cert_info *y = &((const struct leaf *)b)->info;

	return x->serial_len != y->serial_len ? (x->serial_len < y->serial_len ? -1 : 1)
					      : memcmp(x->serial, y->serial, x->serial_len);
}

/* The CRL knows better than the registry: a revocation may not have come there yet. */
static int
drop_listed(struct live *v, struct err *err)
{
	size_t i, kept = 0;
	int rc;

	if (v->n > 0)
		qsort(v->all, v->n, sizeof(v->all[0]), by_serial);
	for (i = 0; i < v->n; i++) {
		struct leaf *one = &v->all[i];

		if ((rc = crl_has(v->l->crl, one->info.serial, one->info.serial_len, &one->listed,
			 err)) != 0)
			return rc;
	}
	for (i = 0; i < v->n; i++)
		if (v->all[i].listed)
			blob_wipe(&v->all[i].der);
		else
			v->all[kept++] = v->all[i];
	v->n = kept;
	return 0;
}

/* ---- files ---- */

/* *written: one more when it was not so. */
static int
put(const struct live *v, const char *name, const struct blob *text, size_t *written,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob there = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), v->dir, name, err)) != 0)
		return rc;
	if (file_read(path, &there, NULL) == 0 && blob_equal(&there, text))
		return 0;
	if ((rc = file_write(path, text->data, text->len, 0644, err)) != 0 ||
	    (rc = file_read(path, &there, err)) != 0)
		return rc;
	if (!blob_equal(&there, text))
		return err_set(
		    err, ERR_INTERNAL, "%s read back differs from what was written", path);
	++*written;
	return 0;
}

static int
add_line(const struct live *v, const char *name, struct blob *list, struct err *err)
{
	char line[PATH_MAX + 64];
	int n = snprintf(line, sizeof(line), "trusted_leaf_cert_file \"%s/%s\"\n", v->dir, name);

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
put_leaf(const struct live *v, const struct leaf *one, struct blob *list, struct blob *prints,
    size_t *written, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char name[sizeof(DIRECTORY) + sizeof(one->name)];
	int rc;

	snprintf(name, sizeof(name), DIRECTORY "/%s", one->name);
	if ((rc = pem_put(&one->der, PEM_CERT, &pem, err)) != 0 ||
	    (rc = put(v, name, &pem, written, err)) != 0 ||
	    (rc = add_line(v, name, list, err)) != 0)
		return rc;
	return add_fingerprint(one->info.sha256, prints, err);
}

static int
put_all(const struct live *v, size_t *written, struct err *err)
{
	static const char head[] =
	    "# Kept by ykenroll ca publish: who may log in. The first one is nobody: without any\n"
	    "# line everybody of the CA could.\n";
	CLEAN(blob_wipe) struct blob list = {0}, prints = {0};
	uint8_t nobody[X509_SHA256_LEN];
	size_t i;
	int rc;

	if ((rc = x509_sha256(v->l->root, nobody, err)) != 0 ||
	    (rc = blob_append(&list, head, sizeof(head) - 1, err)) != 0 ||
	    (rc = add_line(v, "root.crt.pem", &list, err)) != 0 ||
	    (rc = blob_append(&prints, head, sizeof(head) - 1, err)) != 0 ||
	    (rc = add_fingerprint(nobody, &prints, err)) != 0)
		return rc;
	for (i = 0; i < v->n; i++)
		if ((rc = put_leaf(v, &v->all[i], &list, &prints, written, err)) != 0)
			return rc;
	rc = put(v, LIST, &list, written, err);
	return rc != 0 ? rc : put(v, FINGERPRINTS, &prints, written, err);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct leaf *)a)->name, ((const struct leaf *)b)->name);
}

/* Everything else in the directory was a leaf once, or half of one. */
static int
remove_others(struct live *v, size_t *written, struct err *err)
{
	char path[PATH_MAX];
	struct leaf key;
	struct dirent *e;
	DIR *d;
	int rc;

	if ((rc = file_join(path, sizeof(path), v->dir, DIRECTORY, err)) != 0)
		return rc;
	if ((d = opendir(path)) == NULL)
		return err_errno(err, ERR_INTERNAL, "cannot read %s", path);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (strlen(e->d_name) < sizeof(key.name)) {
			memcpy(key.name, e->d_name, strlen(e->d_name) + 1);
			if (v->n > 0 && bsearch(&key, v->all, v->n, sizeof(key), by_name) != NULL)
				continue;
		}
		if (unlinkat(dirfd(d), e->d_name, 0) != 0)
			rc = err_errno(err, ERR_INTERNAL, "cannot remove %s/%s", path, e->d_name);
		else
			++*written;
	}
	closedir(d);
	return rc;
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

static int
prepare(struct live *v, bool *ret_wanted, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int rc;

	if ((rc = full_path(v->l->dir, v->dir, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), v->dir, LIST, err)) != 0)
		return rc;
	*ret_wanted = v->l->wanted || lstat(path, &st) == 0;
	if (!*ret_wanted)
		return 0;
	if ((rc = check_path(v->dir, err)) != 0)
		return rc;
	if (v->l->registry == NULL)
		return err_set(err, ERR_ABSENT,
		    "the list of valid certificates needs the registry, which cannot be opened "
		    "here; run: ykenroll doctor");
	if ((rc = file_join(path, sizeof(path), v->dir, DIRECTORY, err)) != 0)
		return rc;
	if (mkdir(path, 0755) == 0 ? chmod(path, 0755) != 0 : errno != EEXIST)
		return err_errno(err, ERR_INTERNAL, "cannot create %s", path);
	return 0;
}

int
leaves_put(const struct leaves *l, struct relying_published *ret, struct err *err)
{
	CLEAN(live_wipe) struct live v = {.l = l, .err = err};
	int rc;

	if ((rc = prepare(&v, &ret->has_leaves, err)) != 0 || !ret->has_leaves)
		return rc;
	if ((rc = registry_live(l->registry, utc_now(), add, &v, err)) != 0 ||
	    (rc = registry_software_each(l->registry, utc_now(), add_software, &v, err)) != 0 ||
	    (rc = drop_listed(&v, err)) != 0)
		return rc;
	if (v.n > 0)
		qsort(v.all, v.n, sizeof(v.all[0]), by_name);
	ret->leaves = v.n;
	if ((rc = put_all(&v, &ret->written, err)) != 0)
		return rc;
	return remove_others(&v, &ret->written, err);
}
