/* SPDX-License-Identifier: BSD-2-Clause */
/* fold: names as they are searched for, whatever their case and accents. */
#include <stdio.h>
#include <stdlib.h>

#include <utf8proc.h>

#include "registry/room.h"

static void
foldedp(utf8proc_uint8_t **text)
{
	free(*text);
	*text = NULL;
}

void
registry_fold(const char *text, char ret[static REGISTRY_FOLD_MAX])
{
	CLEAN(foldedp) utf8proc_uint8_t *folded = NULL;
	const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, 0, &folded,
	    UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE |
		UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE);

	snprintf(ret, REGISTRY_FOLD_MAX, "%s",
	    n < 0 || n >= REGISTRY_FOLD_MAX ? text : (const char *)folded);
}

int
registry_fold_holders(struct db *db, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	char name[REGISTRY_TEXT_MAX], folded[REGISTRY_FOLD_MAX];
	int rc;

	if ((rc = db_query(db, "SELECT id, name FROM holders ORDER BY id", DB_NO_ARGS, &st, err)) !=
	    0)
		return rc;
	while ((rc = db_step(st, err)) == 1) {
		if ((rc = db_col_text(st, 1, name, sizeof(name), err)) != 0)
			return rc;
		registry_fold(name, folded);
		if ((rc = db_run(db, "UPDATE holders SET folded = ? WHERE id = ?",
			 DB_ARGS(DB_T(folded), DB_I(db_col_int(st, 0))), err)) != 0)
			return rc;
	}
	return rc;
}
