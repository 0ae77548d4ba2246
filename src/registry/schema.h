/* SPDX-License-Identifier: BSD-2-Clause */
/* schema: the tables, as numbered migrations. */
#ifndef REGISTRY_SCHEMA_H
#define REGISTRY_SCHEMA_H

#include "db/db.h"

#define SCHEMA_APPLICATION_ID 0x796b656e /* "yken" */

/* Refuse what is not a registry. Errors: ERR_USAGE another application's file, or newer than this
 * program. */
MUST_CHECK int schema_check(struct db *db, struct err *err);
/* Bring the database up to date, in one transaction. Nothing is written when it is. */
MUST_CHECK int schema_migrate(struct db *db, struct err *err);

#endif
