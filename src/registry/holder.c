/* SPDX-License-Identifier: BSD-2-Clause */
/* holder: the people, and the checks of text that all files here use. */
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utc.h"
#include "registry/room.h"

int
registry_text_check(const char *s, size_t size, const char *what, struct err *err)
{
	if (s == NULL)
		return err_set(err, ERR_USAGE, "%s is missing", what);
	/* refused, never cut: half of a name is somebody else's */
	if (strnlen(s, size) >= size)
		return err_set(
		    err, ERR_USAGE, "%s is too long (at most %zu bytes)", what, size - 1);
	return 0;
}

int
registry_word(struct db_stmt *st, int col, const char *const *names, size_t n, const char *what,
    struct err *err)
{
	const char *text = db_col_str(st, col);
	size_t i;

	for (i = 0; i < n && text != NULL; i++)
		if (strcmp(names[i], text) == 0)
			return (int)i;
	return err_set(err, ERR_INTERNAL, "registry: %s", what);
}

void
registry_sha256(const void *data, size_t len, uint8_t ret[static REGISTRY_SHA256_LEN])
{
	/* without SHA-256 nothing that this room says could be believed */
	if (EVP_Digest(data, len, ret, NULL, EVP_sha256(), NULL) != 1)
		abort();
}

void
registry_sha256_hex(const void *data, size_t len, char ret[static REGISTRY_HEX_LEN])
{
	uint8_t hash[REGISTRY_SHA256_LEN];

	registry_sha256(data, len, hash);
	text_hex(hash, sizeof(hash), ret);
}

/* The texts of a holder, in the order of their columns. */
#define TEXT_AT(member) offsetof(struct holder, member),
static const size_t texts[] = {HOLDER_TEXTS(TEXT_AT)};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

int
registry_holder_read(struct db_stmt *st, int col, struct holder *ret, struct err *err)
{
	size_t i;
	int rc = 0;

	ret->id = db_col_int(st, col);
	for (i = 0; i < N_TEXTS && rc == 0; i++)
		rc = db_col_text(
		    st, col + 1 + (int)i, (char *)ret + texts[i], REGISTRY_TEXT_MAX, err);
	return rc;
}

/* 1 there is one, 0. */
static int
find(struct registry *r, const char *sql, const struct db_arg arg, struct holder *ret,
    struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct holder h;
	int rc;

	if ((rc = db_next(r->db, sql, &arg, 1, &st, err)) != 1)
		return rc;
	if ((rc = registry_holder_read(st, 0, &h, err)) != 0)
		return rc;
	*ret = h;
	return 1;
}

#define FIND_SQL "SELECT " REGISTRY_HOLDER_COLS " FROM holders AS h WHERE "

int
registry_holder(struct registry *r, const char *key, struct holder *ret, struct err *err)
{
	int rc;

	if ((rc = registry_text_check(key, REGISTRY_TEXT_MAX, "the holder's key", err)) != 0 ||
	    (rc = find(r, FIND_SQL "h.key = ?", DB_T(key), ret, err)) < 0)
		return rc;
	return rc == 1 ? 0 : err_set(err, ERR_ABSENT, "holder %s is not registered", key);
}

int
registry_holder_by_id(struct registry *r, int64_t id, struct holder *ret, struct err *err)
{
	const int rc = find(r, FIND_SQL "h.id = ?", DB_I(id), ret, err);

	if (rc == 0)
		return err_set(err, ERR_ABSENT, "no such holder");
	return rc < 0 ? rc : 0;
}

static int
holder_check(const struct holder *h, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < N_TEXTS; i++)
		if ((rc = registry_text_check((const char *)h + texts[i], REGISTRY_TEXT_MAX,
			 "a text about the holder", err)) != 0)
			return rc;
	if (h->key[0] == '\0')
		return err_set(err, ERR_USAGE, "the holder's key is empty");
	return 0;
}

#define COLUMN(member) #member ", "
#define VALUE(member) "?, "
#define ARG(member) DB_T(h->member),
#define UPDATE(member) #member " = ifnull(nullif(excluded." #member ", ''), " #member "), "
#define DIFFERS(member) " OR excluded." #member " NOT IN ('', " #member ")"

int
registry_holder_put(struct registry *r, struct holder *h, struct err *err)
{
	const int64_t now = utc_now();
	char folded[REGISTRY_FOLD_MAX];
	int rc;

	if ((rc = holder_check(h, err)) != 0)
		return rc;
	if ((rc = db_run(r->db,
		 "INSERT INTO holders (" HOLDER_TEXTS(
		     COLUMN) "made, changed)"
			     " VALUES (" HOLDER_TEXTS(
				 VALUE) "?, ?) ON CONFLICT (key) DO UPDATE"
					" SET " HOLDER_ABOUT(UPDATE) "changed = excluded.changed"
								     " WHERE false" HOLDER_ABOUT(
									 DIFFERS),
		 DB_ARGS(HOLDER_TEXTS(ARG) DB_I(now), DB_I(now)), err)) != 0)
		return rc;
	if ((rc = db_int(r->db, "SELECT id FROM holders WHERE key = ?", DB_ARGS(DB_T(h->key)),
		 &h->id, err)) < 0 ||
	    h->name[0] == '\0')
		return rc < 0 ? rc : 0;
	registry_fold(h->name, folded);
	return db_run(r->db, "UPDATE holders SET folded = ?1 WHERE id = ?2 AND folded <> ?1",
	    DB_ARGS(DB_T(folded), DB_I(h->id)), err);
}
