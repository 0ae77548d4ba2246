/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "registry/audit.h"
#include "registry/room.h"

/* Who can replace a file in the home can replace what it says; who can read the database has every
 * name in it. */
static int
check_files(const char *home, const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_ABSENT,
		    "there is no registry in %s; make one with ykenroll init", home);
	if (lstat(path, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%s is not a regular file", path);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_USAGE, "%s belongs to another user", path);
	if ((st.st_mode & 077) != 0)
		return err_set(err, ERR_USAGE,
		    "%s is open to other users (mode %03o); chmod 600 it", path,
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
				 "there is no registry in %s; make one with ykenroll init", home)
			   : err_errno(err, ERR_INTERNAL, "cannot look at %s", home);
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
registry_backup(struct registry *r, const char *path, struct err *err)
{
	int rc;

	if (access(path, F_OK) == 0)
		return err_set(err, ERR_OCCUPIED, "%s exists already", path);
	/* a leak of names starts here: the chain knows when */
	if ((rc = registry_audit(r, "backup", 0, path, err)) != 0)
		return rc;
	return db_copy(r->db, path, err);
}
