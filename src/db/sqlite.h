/* SPDX-License-Identifier: BSD-2-Clause */
/* sqlite: what the files of this room share. */
#ifndef DB_SQLITE_H
#define DB_SQLITE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "db/db.h"

#define STMT_CACHE 24 /* statements that are kept prepared: what one transaction runs, and more */

struct db {
	sqlite3 *sq;
	const char *name;
	pid_t pid; /* who opened it */
	int64_t commit_ns;
	bool broken; /* the disk failed under a COMMIT: what it holds is not known any more */
	sqlite3_stmt *idle[STMT_CACHE];
	size_t next; /* of them: the one that goes when all are taken */
};

struct db_stmt {
	struct db *db;
	sqlite3_stmt *st;
};

/* The one place where SQLite's status becomes a struct err. Returns ERR_INTERNAL. */
int sqlite_err(struct db *db, struct err *err, const char *doing);
/* Finalize what is kept prepared. */
void stmt_forget(struct db *db);

#endif
