/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>

#include "base/file.h"
#include "desk/home.h"

int
home_pem(const char *home, const char *name,
    int (*from_pem)(const struct blob *pem, struct blob *ret, struct err *err), struct blob *ret,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), home, name, err)) != 0 ||
	    (rc = file_read(path, &pem, err)) != 0)
		return rc;
	return from_pem(&pem, ret, err);
}
