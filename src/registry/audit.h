/* SPDX-License-Identifier: BSD-2-Clause */
/* audit: what was done, by whom, when; a chain of rows (db/chain.h). */
#ifndef REGISTRY_AUDIT_H
#define REGISTRY_AUDIT_H

#include "db/chain.h"

#define AUDIT_DETAIL_MAX 2048 /* bytes with the NUL; callers of the contract: REGISTRY_TEXT_MAX */
#define AUDIT_OPEN_ROWS 50    /* checked at every open */

/* One row. Inside the transaction of the change that it tells of. */
MUST_CHECK int audit_add(struct db *db, const char *actor, const char *action, uint32_t token,
    struct err *err, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* With this number, which leaves a gap: for "rollback" alone; 0: the next one. */
MUST_CHECK int audit_add_at(struct db *db, int64_t seq, const char *actor, const char *action,
    uint32_t token, const char *detail, struct err *err);

/* Check the newest rows (0: all). Errors: ERR_INTERNAL naming the first row that does not fit. */
MUST_CHECK int audit_check(struct db *db, int64_t newest, int64_t *ret_rows, struct err *err);

/* The detail of the first row, which registry_init wrote; the row itself is checked. */
MUST_CHECK int audit_first(struct db *db, char *ret, size_t size, struct err *err);

/* Is there a row of this token about the sealing of secrets whose detail has the word? 1, 0 or an
 * error. */
MUST_CHECK int audit_mentions(struct db *db, uint32_t token, const char *word, struct err *err);
/* The detail of the newest row with this action, whose own hash is checked. 1 there is one, 0 there
 * is none, or an error. */
MUST_CHECK int audit_newest(
    struct db *db, const char *action, char *ret, size_t size, struct err *err);

#endif
