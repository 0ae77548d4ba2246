/* SPDX-License-Identifier: BSD-2-Clause */
/* registry: opened, closed, copied, and made. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "registry/room.h"

/* Who can replace a file in the home can replace what it says; who can read the database has every
 * name in it. */
static int
check_files(const char *home, const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_ABSENT,
		    "%s contains no registry; create one with: ykenroll init", home);
	if (lstat(path, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%s is not a regular file", path);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_USAGE, "%s belongs to another user", path);
	if ((st.st_mode & 077) != 0)
		return err_set(err, ERR_USAGE,
		    "%s is accessible to other users (mode %03o); chmod 600 it", path,
		    (unsigned)st.st_mode & 0777);
	return file_private_dir(home, err);
}

static int
open_db(struct registry *r, struct err *err)
{
	static const struct db_how how = {.name = "registry"};
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), r->home, REGISTRY_DB, err)) != 0 ||
	    (rc = check_files(r->home, path, err)) != 0)
		return rc;
	if ((rc = db_open(path, &how, &r->db, err)) != 0 || (rc = schema_check(r->db, err)) != 0 ||
	    (rc = db_use_wal(r->db, err)) != 0 || (rc = schema_migrate(r->db, err)) != 0)
		return err_wrap(err, "%s", path);
	if ((rc = audit_check(r->db, AUDIT_OPEN_ROWS, NULL, err)) != 0)
		return rc;
	return recipients_load(r, &r->to, err);
}

int
registry_open_old(const char *home, const char *actor, struct registry **ret, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if ((rc = registry_text_check(actor, REGISTRY_TEXT_MAX, "the actor", err)) != 0)
		return rc;
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	snprintf(r->actor, sizeof(r->actor), "%s", actor);
	if (realpath(home, r->home) == NULL)
		return errno == ENOENT || errno == ENOTDIR
			   ? err_set(err, ERR_ABSENT,
				 "%s contains no registry; create one with: ykenroll init", home)
			   : err_errno(err, ERR_INTERNAL, "cannot stat %s", home);
	if ((rc = open_db(r, err)) != 0)
		return rc;
	*ret = TAKE(r);
	return 0;
}

int
registry_open(const char *home, const char *actor, struct registry **ret, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if ((rc = registry_open_old(home, actor, &r, err)) != 0 ||
	    (rc = registry_marks_check_home(r, err)) != 0)
		return rc;
	*ret = TAKE(r);
	return 0;
}

void
registry_closep(struct registry **r)
{
	if (*r == NULL)
		return;
	db_closep(&(*r)->db);
	escrow_freep(&(*r)->escrow);
	registry_recipients_wipe(&(*r)->to);
	free(*r);
	*r = NULL;
}

int64_t
registry_commit_ns(const struct registry *r)
{
	return db_commit_ns(r->db);
}

int
registry_backup(struct registry *r, const char *path, int (*meanwhile)(void *ctx, struct err *err),
    void *ctx, struct err *err)
{
	static const struct db_how how = {.name = "registry"};
	CLEAN(db_closep) struct db *reader = NULL; /* a writer is not copied from */
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char from[PATH_MAX];
	int rc;

	if (access(path, F_OK) == 0)
		return err_set(err, ERR_OCCUPIED, "%s already exists", path);
	/* a leak of names starts here: the chain knows when */
	if ((rc = registry_audit(r, "backup", 0, path, err)) != 0 ||
	    (rc = file_join(from, sizeof(from), r->home, REGISTRY_DB, err)) != 0 ||
	    (rc = db_open(from, &how, &reader, err)) != 0 ||
	    (rc = db_begin(r->db, &tx, err)) != 0 || (rc = meanwhile(ctx, err)) != 0)
		return rc;
	return db_copy(reader, path, err);
}

/*
 * A registry comes to be under another name and gets its own only when it is whole: a crash leaves
 * no registry.db, and the same command can be run again. The recovery key is on disk before a
 * database exists that refers to it.
 */

static int
first_row(struct db *db, const struct blob *recovery_der, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char hex[REGISTRY_HEX_LEN], actor[32];
	int rc;

	registry_sha256_hex(recovery_der->data, recovery_der->len, hex);
	snprintf(actor, sizeof(actor), "uid %u", (unsigned)getuid());
	if ((rc = db_begin(db, &tx, err)) != 0 ||
	    (rc = audit_add(db, actor, "init", 0, err, AUDIT_CERT, ESCROW_RECOVERY_CERT, hex)) != 0)
		return rc;
	return db_commit(&tx, err);
}

static int
build(const char *path, const struct blob *recovery_der, struct err *err)
{
	static const struct db_how how = {.name = "registry", .create = true};
	CLEAN(db_closep) struct db *db = NULL;
	int rc;

	if ((rc = db_remove(path, err)) != 0 || (rc = db_open(path, &how, &db, err)) != 0 ||
	    (rc = db_use_wal(db, err)) != 0 || (rc = schema_migrate(db, err)) != 0)
		return rc;
	return first_row(db, recovery_der, err);
}

/* link(2), which fails where the name exists: of two at once, one wins. */
static int
publish(const char *home, const char *temp, const char *path, struct err *err)
{
	CLEAN(file_closep) int dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char wal[PATH_MAX + 16];

	snprintf(wal, sizeof(wal), "%s-wal", temp);
	if (dir < 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", home);
	/* what is still in the WAL would be left behind under the old name */
	if (access(wal, F_OK) == 0)
		return err_set(err, ERR_INTERNAL, "%s could not be closed", temp);
	if (link(temp, path) != 0)
		return errno == EEXIST
			   ? err_set(err, ERR_OCCUPIED,
				 "%s already contains a registry (registry.db); use another --home",
				 home)
			   : err_errno(err, ERR_INTERNAL, "cannot create %s", path);
	unlink(temp);
	return file_fsync(dir, home, err);
}

/* Has nothing happened in it but that it was made? */
static bool
is_unused(const char *path)
{
	static const struct db_how how = {.name = "registry"};
	CLEAN(db_closep) struct db *db = NULL;
	int64_t rows = 0;

	return db_open(path, &how, &db, NULL) == 0 && schema_check(db, NULL) == 0 &&
	       db_int(db, "SELECT count(*) FROM audit", DB_NO_ARGS, &rows, NULL) == 1 && rows == 1;
}

/* *ret: there is one, which may be replaced. */
static int
look(const struct registry_init *init, const char *path, bool *ret, struct err *err)
{
	*ret = access(path, F_OK) == 0;
	return !*ret || (init->anew && is_unused(path))
		   ? 0
		   : err_set(err, ERR_OCCUPIED,
			 "%s already contains a registry (registry.db); use another --home",
			 init->home);
}

int
registry_init_check(const struct registry_init *init, struct err *err)
{
	char path[PATH_MAX];
	bool there;
	int rc;

	if ((rc = escrow_name_check(init->recovery_cert_name, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), init->home, REGISTRY_DB, err)) != 0 ||
	    (rc = look(init, path, &there, err)) != 0)
		return rc;
	return escrow_out_check(init, err);
}

int
registry_init(const struct registry_init *init, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	char home[PATH_MAX], path[PATH_MAX], temp[PATH_MAX];
	bool there;
	int rc;

	if ((rc = escrow_name_check(init->recovery_cert_name, err)) != 0 ||
	    (rc = file_private_dir(init->home, err)) != 0)
		return rc;
	if (realpath(init->home, home) == NULL)
		return err_errno(err, ERR_INTERNAL, "cannot stat %s", init->home);
	if ((rc = file_join(path, sizeof(path), home, REGISTRY_DB, err)) != 0 ||
	    (rc = file_join(temp, sizeof(temp), home, REGISTRY_DB ".init", err)) != 0 ||
	    (rc = look(init, path, &there, err)) != 0 ||
	    (there && (rc = db_remove(path, err)) != 0))
		return rc;
	if ((rc = escrow_make(init, &der, err)) != 0 || (rc = build(temp, &der, err)) != 0)
		return rc;
	return publish(home, temp, path, err);
}
