/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rekey: other recipients. The set changes in one transaction, and from then on everything is
 * sealed to the new one; what older sets hold is sealed anew a few rows at a time. Each row says to
 * which generation it is sealed: killed anywhere, the rest is found by the next run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/utc.h"
#include "registry/room.h"

#define BATCH 64	  /* rows a transaction: nobody waits longer than its signatures take */
#define HASH_PREFIX_MIN 8 /* hexadecimal digits by which a recipient is named */

/* ---- the new set ---- */

static bool
is_called(const struct registry_recipient *one, const char *word)
{
	char hex[REGISTRY_HEX_LEN];

	text_hex(one->sha256, sizeof(one->sha256), hex);
	return strcmp(one->name, word) == 0 ||
	       (strlen(word) >= HASH_PREFIX_MIN && strncasecmp(hex, word, strlen(word)) == 0);
}

static int
take_out(struct registry_recipients *set, const char *word, struct err *err)
{
	size_t i, n = 0, which = 0;

	for (i = 0; i < set->n; i++)
		if (is_called(&set->list[i], word)) {
			which = i;
			n++;
		}
	if (n != 1)
		return err_set(err, n == 0 ? ERR_USAGE : ERR_AMBIGUOUS,
		    "%s recipient is called %s; give the first digits of its hash (ykenroll "
		    "escrow recipients)",
		    n == 0 ? "no" : "more than one", word);
	blob_wipe(&set->list[which].der);
	set->n--;
	memmove(&set->list[which], &set->list[which + 1], (set->n - which) * sizeof(set->list[0]));
	return 0;
}

static int
put_in(struct registry_recipients *set, enum registry_role role, const struct blob *der,
    struct err *err)
{
	struct registry_recipient one = {.role = role};
	size_t i;
	int rc;

	if ((rc = escrow_cert_check(der, one.name, sizeof(one.name), err)) != 0)
		return rc;
	registry_sha256(der->data, der->len, one.sha256);
	for (i = 0; i < set->n; i++)
		if (memcmp(set->list[i].sha256, one.sha256, sizeof(one.sha256)) == 0)
			return err_set(
			    err, ERR_USAGE, "%s is already a recipient", set->list[i].name);
	if (set->n == REGISTRY_RECIPIENTS_MAX)
		return err_set(err, ERR_USAGE, "at most %d recipients", REGISTRY_RECIPIENTS_MAX);
	if ((rc = blob_set(&one.der, der->data, der->len, err)) != 0)
		return rc;
	set->list[set->n++] = one;
	return 0;
}

/* As read_all in recipients.c sorts them: the text in the chain depends on it. */
static int
by_role(const void *a, const void *b)
{
	const struct registry_recipient *x = a, *y = b;

	if (x->role != y->role)
		return x->role == ROLE_RECOVERY ? -1 : 1;
	return memcmp(x->sha256, y->sha256, sizeof(x->sha256));
}

static int
apply(struct registry_recipients *set, const struct registry_escrow_change *change, struct err *err)
{
	size_t i, safe = 0;
	int rc;

	for (i = 0; i < change->n_remove; i++)
		if ((rc = take_out(set, change->remove[i], err)) != 0)
			return rc;
	for (i = 0; i < change->n_add; i++)
		if ((rc = put_in(set, change->add[i].role, &change->add[i].der, err)) != 0)
			return rc;
	for (i = 0; i < set->n; i++)
		safe += set->list[i].role == ROLE_RECOVERY;
	if (safe == 0)
		return err_set(err, ERR_USAGE,
		    "no recovery certificate would be left; use --add-recovery in the same command");
	qsort(set->list, set->n, sizeof(set->list[0]), by_role);
	return 0;
}

static int
put_rows(struct registry *r, const struct registry_recipients *set, struct err *err)
{
	const struct registry_recipient *one;
	size_t i;
	int rc;

	for (i = 0; i < set->n; i++) {
		one = &set->list[i];
		if ((rc = db_run(r->db,
			 "INSERT INTO recipients (generation, sha256, role, name, der)"
			 " VALUES (?, ?, ?, ?, ?)",
			 DB_ARGS(DB_I(set->generation), DB_B(one->sha256, sizeof(one->sha256)),
			     DB_T(registry_role_name(one->role)), DB_T(one->name),
			     DB_B(one->der.data, one->der.len)),
			 err)) != 0)
			return rc;
	}
	return 0;
}

/* Can the key open what must be sealed anew? Asked before anything is changed. */
static int
check_key(struct registry *r, const struct registry_escrow_key *key, struct err *err)
{
	uint8_t hash[REGISTRY_SHA256_LEN];
	int64_t n = 0;
	int rc;

	registry_sha256(key->cert.data, key->cert.len, hash);
	/* generation 0 has no rows: the key must be that of recovery.crt then */
	if ((rc = db_int(r->db,
		 "SELECT count(*) FROM secrets AS s WHERE s.recipients > 0 AND NOT EXISTS"
		 " (SELECT 1 FROM recipients AS p WHERE p.generation = s.recipients"
		 " AND p.sha256 = ?)",
		 DB_ARGS(DB_B(hash, sizeof(hash))), &n, err)) < 0)
		return rc;
	return n == 0 ? 0
		      : err_set(err, ERR_FIT,
			    "%lld secrets are not sealed to this key; use a key that opens them "
			    "all",
			    (long long)n);
}

static int
put_set(struct registry *r, const struct registry_recipients *set, const char *why, struct err *err)
{
	char text[RECIPIENTS_TEXT_MAX];
	int rc;

	recipients_text(set, text);
	if ((rc = put_rows(r, set, err)) != 0)
		return rc;
	return audit_add(r->db, r->actor, "recipients", 0, err, "%s: %s", text, why);
}

/* first: the set of init, which is in no row yet, to be known as an older one; or NULL. */
static int
write_sets(struct registry *r, const struct registry_recipients *first,
    const struct registry_recipients *set, const char *why, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	int64_t newest = 0;
	int rc;

	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = db_int(r->db, "SELECT ifnull(max(generation), 0) FROM recipients", DB_NO_ARGS,
		 &newest, err)) < 0)
		return rc;
	if (newest + 1 != (first != NULL ? first : set)->generation)
		return err_set(err, ERR_OCCUPIED,
		    "the recipients of the escrow changed in the meantime; run it again");
	if ((first != NULL && (rc = put_set(r, first, "as init made it", err)) != 0) ||
	    (rc = put_set(r, set, why, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_escrow_change(struct registry *r, const struct registry_escrow_key *key,
    const struct registry_escrow_change *change, struct err *err)
{
	CLEAN(registry_recipients_wipe) struct registry_recipients set = {0}, old = {0};
	int rc;

	if (change->n_add == 0 && change->n_remove == 0)
		return 0;
	if (key->role != ROLE_RECOVERY || !key->current)
		return err_set(err, ERR_FIT,
		    "only a current recovery key may change who can open the escrow; see: ykenroll escrow recipients");
	if ((rc = registry_text_check(change->why, REGISTRY_TEXT_MAX, "the reason", err)) != 0 ||
	    (rc = check_key(r, key, err)) != 0 || (rc = registry_recipients(r, &set, err)) != 0 ||
	    (rc = registry_recipients(r, &old, err)) != 0 || (rc = apply(&set, change, err)) != 0)
		return rc;
	old.generation++;
	set.generation = old.generation + (old.generation == 1);
	if ((rc = write_sets(r, old.generation == 1 ? &old : NULL, &set, change->why, err)) != 0)
		return rc;
	/* also puts the new recovery.crt in place */
	escrow_freep(&r->escrow);
	return recipients_load(r, &r->to, err);
}

/* ---- what is sealed to older ones ---- */

struct stale {
	int64_t id;
	struct escrow_label label;
	struct blob sealed;
};

static void
stale_wipe(struct stale *s)
{
	blob_wipe(&s->sealed);
}

/* The next one; 0 there is none. */
static int
next(struct registry *r, struct stale *s, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT id, token, kind, version, recovery FROM secrets WHERE recipients < ?"
		 " ORDER BY recipients, id LIMIT 1",
		 DB_ARGS(DB_I(r->to.generation)), &st, err)) != 1)
		return rc;
	s->id = db_col_int(st, 0);
	s->label.serial = (uint32_t)db_col_int(st, 1);
	s->label.version = (unsigned)db_col_int(st, 3);
	if ((rc = registry_secret_kind_read(st, 2, &s->label.kind, err)) != 0 ||
	    (rc = db_col_blob(st, 4, &s->sealed, err)) != 0)
		return rc;
	return 1;
}

static int
put(struct registry *r, const struct stale *s, const struct blob *sealed, struct err *err)
{
	uint8_t hash[REGISTRY_SHA256_LEN];
	char hex[REGISTRY_HEX_LEN];
	int rc;

	registry_sha256(sealed->data, sealed->len, hash);
	text_hex(hash, sizeof(hash), hex);
	if ((rc = db_run(r->db,
		 "UPDATE secrets SET recovery = ?, sha256 = ?, recipients = ?, changed = ?"
		 " WHERE id = ?",
		 DB_ARGS(DB_B(sealed->data, sealed->len), DB_B(hash, sizeof(hash)),
		     DB_I(r->to.generation), DB_I(utc_now()), DB_I(s->id)),
		 err)) != 0)
		return rc;
	return audit_add(r->db, r->actor, "reseal", s->label.serial, err,
	    "%s %u sha256 %s for generation %lld", registry_secret_kind_name(s->label.kind),
	    s->label.version, hex, (long long)r->to.generation);
}

/* 1: one was sealed anew. */
static int
reseal_one(struct registry *r, const struct registry_escrow_key *key, struct err *err)
{
	CLEAN(secret_freep) struct secret *secret = secret_new();
	CLEAN(stale_wipe) struct stale s = {0};
	CLEAN(blob_wipe) struct blob sealed = {0};
	int rc;

	if ((rc = next(r, &s, err)) != 1)
		return rc;
	if ((rc = registry_sealed_check(r, s.label.serial, s.label.kind, &s.sealed, err)) != 0 ||
	    (rc = escrow_open(key->key, &key->cert, &s.sealed, &s.label, secret, err)) != 0 ||
	    (rc = escrow_seal(r->escrow, &s.label, secret, &sealed, NULL, err)) != 0)
		return err_wrap(err, "%s %u of token %u", registry_secret_kind_name(s.label.kind),
		    s.label.version, (unsigned)s.label.serial);
	rc = put(r, &s, &sealed, err);
	return rc != 0 ? rc : 1;
}

static int
reseal_batch(struct registry *r, const struct registry_escrow_key *key, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	int n, rc;

	if ((rc = db_begin(r->db, &tx, err)) != 0)
		return rc;
	for (n = 0; n < BATCH; n++) {
		if ((rc = reseal_one(r, key, err)) < 0)
			return rc;
		if (rc == 0)
			break;
	}
	if (n == 0)
		return 0;
	return (rc = db_commit(&tx, err)) != 0 ? rc : n;
}

int
registry_escrow_reseal(
    struct registry *r, const struct registry_escrow_key *key, int64_t *ret_n, struct err *err)
{
	int64_t n = 0;
	int rc;

	if ((rc = registry_escrow_load(r, err)) != 0)
		return rc;
	while ((rc = reseal_batch(r, key, err)) > 0)
		n += rc;
	if (rc == 0 && ret_n != NULL)
		*ret_n = n;
	return rc;
}
