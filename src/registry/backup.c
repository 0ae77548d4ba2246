/* SPDX-License-Identifier: BSD-2-Clause */
/* backup: a copy that is whole, while others write. */
#include <unistd.h>

#include "registry/room.h"
#include "ykenroll/registry_audit.h"

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
