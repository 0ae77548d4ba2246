/* SPDX-License-Identifier: BSD-2-Clause */
/* room: what the files of the registry share. */
#ifndef REGISTRY_ROOM_H
#define REGISTRY_ROOM_H

#include <limits.h>

#include "db/chain.h"
#include "db/db.h"
#include "registry/escrow.h"
#include "ykenroll/registry.h"

#define REGISTRY_SLOT 0x9a /* the slot of every plan so far */
#define REGISTRY_SHA256_LEN 32
#define REGISTRY_HEX_LEN (2 * REGISTRY_SHA256_LEN + 1)

#define REGISTRY_DB "registry.db"

struct registry {
	struct db *db;
	char home[PATH_MAX]; /* without symbolic links */
	char actor[REGISTRY_TEXT_MAX];
	struct registry_recipients to; /* as the chain knows them */
	struct escrow *escrow;	       /* NULL until something is sealed or opened */
};

struct registry_escrow_key { /* a recipient's, unlocked */
	struct key *key;
	struct blob cert; /* DER */
	enum registry_role role;
	bool current; /* of the set that is in force */
};

/* holder.c: errors are ERR_USAGE: too long, or no NUL within size. NULL is refused. */
MUST_CHECK int registry_text_check(const char *s, size_t size, const char *what, struct err *err);
/* Which of the names is in the column? Errors: ERR_INTERNAL, "registry: " and what. */
MUST_CHECK int registry_word(struct db_stmt *st, int col, const char *const *names, size_t n,
    const char *what, struct err *err);
void registry_sha256(const void *data, size_t len, uint8_t ret[static REGISTRY_SHA256_LEN]);
void registry_sha256_hex(const void *data, size_t len, char ret[static REGISTRY_HEX_LEN]);

/* token.c: inside a transaction. Errors: ERR_OCCUPIED the table does not allow it. */
MUST_CHECK int registry_token_move(
    struct registry *r, uint32_t serial, enum registry_token_state to, struct err *err);
/* Only a token in state from is moved; one that is in another stays there. */
MUST_CHECK int registry_token_move_from(struct registry *r, uint32_t serial,
    enum registry_token_state from, enum registry_token_state to, struct err *err);
/* Read the columns serial, firmware, state, holder, changed from col on. */
MUST_CHECK int registry_token_read(
    struct db_stmt *st, int col, struct registry_token *ret, struct err *err);
#define REGISTRY_TOKEN_COLS "t.serial, t.firmware, t.state, ifnull(t.holder, 0), t.changed"

/* holder.c: REGISTRY_HOLDER_N columns. */
MUST_CHECK int registry_holder_read(
    struct db_stmt *st, int col, struct holder *ret, struct err *err);
#define REGISTRY_HOLDER_COL(member) ", h." #member
#define REGISTRY_HOLDER_COLS "ifnull(h.id, 0)" HOLDER_TEXTS(REGISTRY_HOLDER_COL)
#define REGISTRY_HOLDER_ONE(member) +1
#define REGISTRY_HOLDER_N (1 HOLDER_TEXTS(REGISTRY_HOLDER_ONE))
/* Make or update; sets h->id. Inside a transaction. */
MUST_CHECK int registry_holder_put(struct registry *r, struct holder *h, struct err *err);

/* work.c: the token of an open work. Errors: ERR_ABSENT. */
MUST_CHECK int registry_work_token(
    struct registry *r, int64_t work, uint32_t *ret_serial, struct err *err);

/* safe.c: inside a transaction: the sealed secrets become pending; detail for the audit row. */
MUST_CHECK int registry_sealed_put(struct registry *r, const struct registry_work *w,
    const struct registry_sealed *sealed, char *detail, size_t size, struct err *err);
/* The pending secrets of this work lose their in-flight copies: they are current now, or (not
 * proved) only those that the token has by a recorded step. */
MUST_CHECK int registry_sealed_settle(
    struct registry *r, int64_t work, uint32_t serial, bool proved, struct err *err);

/* The blob's hash is in an audit row of this token. Errors: ERR_INTERNAL it is not. */
MUST_CHECK int registry_sealed_check(struct registry *r, uint32_t serial,
    enum registry_secret_kind kind, const struct blob *sealed, struct err *err);
/* r->escrow is there. */
MUST_CHECK int registry_escrow_load(struct registry *r, struct err *err);

/* revoke.c: inside a transaction: a certificate is revoked or dropped. 1: this changed something.
 */
MUST_CHECK int registry_cert_take(struct registry *r, uint32_t token,
    const struct registry_revoked *c, int reason, struct err *err);

/* recipients.c: the newest generation, checked against the chain; recovery.crt is one of them. */
MUST_CHECK int recipients_load(
    struct registry *r, struct registry_recipients *ret, struct err *err);
/* What the audit row of a generation says. */
#define RECIPIENTS_TEXT_MAX 2048
void recipients_text(const struct registry_recipients *set, char ret[static RECIPIENTS_TEXT_MAX]);

/* marks.c: is the registry as new as pub/issuing.crl says? */
MUST_CHECK int registry_marks_check_home(struct registry *r, struct err *err);

/* escrow_text.c */
MUST_CHECK int registry_secret_kind_read(
    struct db_stmt *st, int col, enum registry_secret_kind *ret, struct err *err);

/* list.c */
MUST_CHECK int registry_cert_state_read(
    struct db_stmt *st, int col, enum registry_cert_state *ret, struct err *err);

/* schema.c: the tables, as numbered migrations. */
#define SCHEMA_APPLICATION_ID 0x796b656e /* "yken" */

/* Refuse what is not a registry. Errors: ERR_USAGE another application's file, or newer than this
 * program. */
MUST_CHECK int schema_check(struct db *db, struct err *err);
/* Bring the database up to date, in one transaction. Nothing is written when it is. */
MUST_CHECK int schema_migrate(struct db *db, struct err *err);

/* ---- fold.c: the column `folded` of holders, which no engine computes: each would do it in its
 * own way ---- */

#define REGISTRY_FOLD_MAX (4 * REGISTRY_TEXT_MAX) /* bytes: some letters become several */

/* Lower case, without accents, one form for what looks alike. text: less than REGISTRY_TEXT_MAX;
 * what is not UTF-8 stays as it is. */
void registry_fold(const char *text, char ret[static REGISTRY_FOLD_MAX]);
/* Of all holders, in the migration that made the column. */
MUST_CHECK int registry_fold_holders(struct db *db, struct err *err);

/* ---- audit: what was done, by whom, when; a chain of rows (db/chain.h) ---- */

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
#define AUDIT_CERT "%s sha256 %s" /* a row's whole detail: the file's name, its hash */
MUST_CHECK int audit_first(struct db *db, char *ret, size_t size, struct err *err);

/* Is there a row of this token about the sealing of secrets whose detail has the word? 1, 0 or an
 * error. */
MUST_CHECK int audit_mentions(struct db *db, uint32_t token, const char *word, struct err *err);
/* The detail of the newest row with this action, whose own hash is checked. 1 there is one, 0 there
 * is none, or an error. */
MUST_CHECK int audit_newest(
    struct db *db, const char *action, char *ret, size_t size, struct err *err);

#endif
