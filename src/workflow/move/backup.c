/* SPDX-License-Identifier: BSD-2-Clause */
/* backup: all files of a home, its databases as they are at one moment. */
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "workflow/move/move.h"
#include "ykenroll/signer_status.h"

#define REGISTRY "registry.db"
#define LOG "ca/issuance.db"
#define TRIES 20 /* for a moment in which nothing is being signed */
#define PAUSE_NS 100000000L
#define ONE "[A-Za-z0-9]"
#define SIX ONE ONE ONE ONE ONE ONE /* mkstemp's: what is being written */

struct backing {
	const char *home, *dir;
	bool no_ca;
	struct registry *registry;
	struct signer_status *log; /* NULL: ca/ is not in it */
	struct blob manifest;
	uint64_t number; /* of the last CRL that the log knows */
	uint64_t rows;	 /* of the audit */
};

static void
backing_wipe(struct backing *b)
{
	registry_closep(&b->registry);
	signer_status_closep(&b->log);
	blob_wipe(&b->manifest);
}

/* The databases come last; what is not the home's: locks, what is being made. */
static bool
is_left_out(const struct backing *b, const char *name)
{
	static const char *const patterns[] = {REGISTRY, LOG, "ca/lock", "ca.new", "ca.keys",
	    "*-wal", "*-shm", "*-journal", "*.init", ".*", "*/.*", MANIFEST, "*." SIX};
	size_t i;

	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return b->no_ca && strcmp(name, "ca") == 0;
}

static int
add(struct backing *b, const char *name, const char *path, struct err *err)
{
	CLEAN(move_unmap) struct blob data = {0};
	const int rc = move_map(path, &data, err);

	return rc != 0 ? rc : manifest_add(&b->manifest, name, &data, err);
}

static int
copy_file(struct backing *b, const char *name, const char *from, const char *to, struct err *err)
{
	CLEAN(move_unmap) struct blob data = {0};
	int rc;

	if ((rc = move_map(from, &data, err)) != 0)
		return rc == ERR_ABSENT ? 0 : rc; /* gone meanwhile */
	if ((rc = file_create(to, data.data, data.len, 0600, err)) != 0)
		return rc;
	return add(b, name, to, err);
}

static int copy_all(struct backing *b, const char *below, struct err *err);

static int
copy_one(struct backing *b, const char *name, struct err *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct stat st;
	int rc;

	if ((rc = file_join(from, sizeof(from), b->home, name, err)) != 0 ||
	    (rc = file_join(to, sizeof(to), b->dir, name, err)) != 0)
		return rc;
	if (lstat(from, &st) != 0)
		return errno == ENOENT ? 0 : err_errno(err, ERR_INTERNAL, "cannot stat %s", from);
	if (S_ISDIR(st.st_mode))
		return mkdir(to, 0700) == 0 ? copy_all(b, name, err)
					    : err_errno(err, ERR_INTERNAL, "cannot create %s", to);
	if (S_ISREG(st.st_mode))
		return copy_file(b, name, from, to, err);
	return S_ISSOCK(st.st_mode)
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "%s is a symbolic link or a device, and a backup has files only: put the "
			 "file itself there",
			 from);
}

/* below: "" is the home. */
static int
copy_all(struct backing *b, const char *below, struct err *err)
{
	CLEAN(file_dir_closep) DIR *d = NULL;
	const struct dirent *e;
	char path[PATH_MAX], name[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), b->home, below, err)) != 0)
		return rc;
	if ((d = opendir(path)) == NULL)
		return err_errno(err, ERR_USAGE, "cannot read %s", path);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s", e->d_name);
		if (below[0] != '\0')
			rc = file_join(name, sizeof(name), below, e->d_name, err);
		if (rc == 0 && !is_left_out(b, name))
			rc = copy_one(b, name, err);
	}
	return rc;
}

/* ---- the databases ---- */

/* An intent without an end would be abandoned where it is restored, and its certificate revoked. */
static int
copy_log(struct backing *b, const char *path, struct err *err)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct signer_log before, after;
	int i, rc;

	for (i = 0; i < TRIES; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		if ((rc = signer_status_refresh(b->log, err)) != 0)
			return rc;
		before = signer_status_log(b->log);
		if (before.open > 0)
			continue;
		if ((rc = signer_status_copy(b->log, path, err)) != 0 ||
		    (rc = signer_status_refresh(b->log, err)) != 0)
			return rc;
		after = signer_status_log(b->log);
		b->number = after.crl_number;
		if (before.certs == after.certs)
			return 0;
		if (unlink(path) != 0)
			return err_errno(err, ERR_INTERNAL, "cannot remove %s", path);
	}
	return err_set(err, ERR_OCCUPIED,
	    "certificates are being issued all the time; make the backup when fewer are");
}

/* While nobody can write into the registry: it must not know what the log does not. The other way
 * round it is as after a crash, which `recover` mends. What is published was copied before, and is
 * not newer than the log. */
static int
meanwhile(void *ctx, struct err *err)
{
	struct backing *b = ctx;
	struct registry_mark mark;
	char path[PATH_MAX];
	int rc;

	if ((rc = registry_mark(b->registry, &mark, err)) != 0)
		return rc;
	b->rows = mark.rows;
	if (b->log == NULL)
		return 0;
	if ((rc = file_join(path, sizeof(path), b->dir, LOG, err)) != 0 ||
	    (rc = copy_log(b, path, err)) != 0)
		return rc;
	return add(b, LOG, path, err);
}

static int
copy(struct backing *b, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = copy_all(b, "", err)) != 0 ||
	    (rc = file_join(path, sizeof(path), b->dir, REGISTRY, err)) != 0 ||
	    (rc = registry_backup(b->registry, path, meanwhile, b, err)) != 0)
		return rc;
	return add(b, REGISTRY, path, err);
}

/* ---- all of it ---- */

static int
check_dir(const char *home, const char *dir, struct err *err)
{
	char parent[PATH_MAX], real[PATH_MAX];
	const char *slash = strrchr(dir, '/');
	const size_t len = strlen(home);
	struct stat st;

	if (lstat(dir, &st) == 0)
		return err_set(err, ERR_OCCUPIED, "%s already exists", dir);
	snprintf(parent, sizeof(parent), "%.*s", slash == NULL ? 1 : (int)(slash - dir + 1),
	    slash == NULL ? "." : dir);
	if (realpath(parent, real) == NULL || access(real, W_OK | X_OK) != 0)
		return err_errno(err, ERR_USAGE, "cannot create %s", dir);
	if (strncmp(real, home, len) == 0 && (real[len] == '/' || real[len] == '\0'))
		return err_set(err, ERR_USAGE, "%s is in the home itself", dir);
	return 0;
}

static int
open_both(const struct desk *w, struct backing *b, struct err *err)
{
	char ca[PATH_MAX];
	int rc;

	if ((rc = registry_open(w->home, w->actor, &b->registry, err)) != 0 ||
	    (rc = file_join(ca, sizeof(ca), w->home, "ca", err)) != 0)
		return rc;
	if (b->no_ca || access(ca, F_OK) != 0)
		return 0;
	if (access(ca, R_OK | X_OK) != 0)
		return err_set(err, ERR_USAGE,
		    "%s is another user's, who backs it up; --no-ca leaves it out", ca);
	return signer_status_open(w->home, &b->log, err);
}

static int
finish(struct backing *b, struct workflow_moved *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	struct workflow_moved m = {.number = b->number, .rows = b->rows};
	char path[PATH_MAX];
	int rc;

	utc_text(utc_now(), m.made);
	if ((rc = manifest_begin(&text, &m, err)) != 0 ||
	    (rc = blob_append(&text, b->manifest.data, b->manifest.len, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), b->dir, MANIFEST, err)) != 0 ||
	    (rc = file_create(path, text.data, text.len, 0600, err)) != 0 ||
	    (rc = file_sync_dir(b->dir, err)) != 0)
		return rc;
	return manifest_check(b->dir, NULL, NULL, ret, err);
}

int
workflow_backup(
    const struct desk *w, const char *dir, bool no_ca, struct workflow_moved *ret, struct err *err)
{
	char home[PATH_MAX], to[PATH_MAX];
	CLEAN(backing_wipe) struct backing b = {.home = home, .dir = to, .no_ca = no_ca};
	struct err why = ERR_INIT;
	size_t len = strlen(dir);
	int rc;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	snprintf(to, sizeof(to), "%.*s", (int)len, dir);
	if (len >= sizeof(to) || realpath(w->home, home) == NULL)
		return err_errno(err, ERR_USAGE, "cannot open %s", w->home);
	if ((rc = check_dir(home, to, err)) != 0 || (rc = open_both(w, &b, err)) != 0)
		return rc;
	if (mkdir(to, 0700) != 0) /* from here on it is ours */
		return err_errno(err, ERR_USAGE, "cannot create %s", to);
	if ((rc = copy(&b, &why)) == 0)
		rc = finish(&b, ret, &why);
	if (rc == 0)
		return 0;
	(void)!file_remove_tree(to, NULL); /* half of one is not kept */
	return err_set(err, rc, "%s", why.text);
}
