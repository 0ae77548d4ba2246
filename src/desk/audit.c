/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "desk/audit.h"

int
audit_told(struct registry *r, struct signer *s, struct signer_audit *ret_known, struct err *err)
{
	struct registry_mark now;
	struct signer_audit mine;
	int rc;

	if ((rc = registry_mark(r, &now, err)) != 0)
		return rc;
	mine.rows = now.rows;
	memcpy(mine.head, now.head, sizeof(mine.head));
	return signer_tell(s, &mine, ret_known, err);
}

int
audit_tell(const char *home, struct registry *r, struct signer *s, struct err *err)
{
	struct registry_mark known = {0};
	struct signer_audit told = {0};
	char path[PATH_MAX];
	int rc;

	if (r == NULL)
		return 0;
	if ((rc = file_join(path, sizeof(path), home, "ca", err)) != 0)
		return rc;
	if (access(path, F_OK) != 0)
		return 0;
	if ((rc = audit_told(r, s, &told, err)) != 0)
		return rc;
	known.rows = told.rows;
	memcpy(known.head, told.head, sizeof(known.head));
	return registry_mark_check(r, &known, "the signer's log", err);
}
