/* SPDX-License-Identifier: BSD-2-Clause */
/* backup: a copy that is whole, while others write. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "registry/audit.h"
#include "registry/room.h"
#include "ykenroll/registry_audit.h"

#define PAGES_AT_ONCE 256
#define PAUSE_MS 5

static void
close_sq(sqlite3 **sq)
{
	sqlite3_close(*sq);
}

static void
remove_path(const char **path)
{
	if (*path != NULL)
		unlink(*path);
}

static int
copy(struct registry *r, sqlite3 *to, const char *path, struct err *err)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", r->db.sq, "main");
	int rc;

	if (b == NULL)
		return err_set(
		    err, ERR_INTERNAL, "cannot back up to %s: %s", path, sqlite3_errmsg(to));
	do {
		rc = sqlite3_backup_step(b, PAGES_AT_ONCE);
		if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
			sqlite3_sleep(PAUSE_MS);
	} while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED);
	rc = sqlite3_backup_finish(b);
	return rc == SQLITE_OK ? 0
			       : err_set(err, ERR_INTERNAL, "cannot back up to %s: %s", path,
				     sqlite3_errmsg(to));
}

/* A file of its own, without a write-ahead log, for the owner only. */
static int
write_copy(struct registry *r, const char *path, struct err *err)
{
	CLEAN(close_sq) sqlite3 *to = NULL;
	int rc;

	if (sqlite3_open_v2(path, &to,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
		NULL) != SQLITE_OK)
		return err_set(err, ERR_INTERNAL, "cannot open %s", path);
	if ((rc = copy(r, to, path, err)) != 0)
		return rc;
	if (sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
		return err_set(err, ERR_INTERNAL, "cannot finish %s: %s", path, sqlite3_errmsg(to));
	return 0;
}

static int
make_empty(const char *path, struct err *err)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return errno == EEXIST ? err_set(err, ERR_OCCUPIED, "%s exists already", path)
				       : err_errno(err, ERR_INTERNAL, "cannot create %s", path);
	close(fd);
	return 0;
}

/* fsync also where SQLite was told nothing of directories. */
static int
settle(const char *path, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (fd < 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", path);
	rc = file_fsync(fd, path, err);
	close(fd);
	return rc != 0 ? rc : file_sync_dir(path, err);
}

int
registry_backup(struct registry *r, const char *path, struct err *err)
{
	CLEAN(remove_path) const char *half = NULL;
	int rc;

	if ((rc = make_empty(path, err)) != 0)
		return rc;
	half = path;
	/* a leak of names starts here: the chain knows when */
	if ((rc = registry_audit(r, "backup", 0, path, err)) != 0 ||
	    (rc = write_copy(r, path, err)) != 0 || (rc = settle(path, err)) != 0)
		return rc;
	half = NULL;
	return 0;
}
