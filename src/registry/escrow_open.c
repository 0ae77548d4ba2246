/* SPDX-License-Identifier: BSD-2-Clause */
/* escrow_open: a sealed secret for somebody who may have it, and a row that says so. */
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/utc.h"
#include "registry/room.h"

/* ---- the key ---- */

static int
load_key(const char *where, const struct secret *pass, struct key **ret, struct err *err)
{
	/* it would be found, and then open nothing: key_p11 signs, and does not decrypt */
	if (strncmp(where, "pkcs11:", 7) == 0)
		return err_set(err, ERR_USAGE,
		    "sealed secrets cannot be opened with a key in a PKCS #11 token yet: give "
		    "the key's file");
	return key_file_load(where, pass, ret, err);
}

/* Of the set that is in force. */
static int
match(struct registry *r, struct registry_escrow_key *k, struct err *err)
{
	size_t i;

	for (i = 0; i < r->to.n; i++)
		if (escrow_cert_fits(&r->to.list[i].der, k->key)) {
			k->role = r->to.list[i].role;
			k->current = true;
			return blob_set(
			    &k->cert, r->to.list[i].der.data, r->to.list[i].der.len, err);
		}
	return 0;
}

/* Of an older set: what was not sealed anew yet opens with it. */
static int
match_older(struct registry *r, struct registry_escrow_key *k, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_query(r->db, "SELECT DISTINCT der, role = 'recovery' FROM recipients",
		 DB_NO_ARGS, &st, err)) != 0)
		return rc;
	while (k->cert.len == 0 && (rc = db_step(st, err)) == 1) {
		CLEAN(blob_wipe) struct blob der = {0};

		if ((rc = db_col_blob(st, 0, &der, err)) != 0)
			return rc;
		if (!escrow_cert_fits(&der, k->key))
			continue;
		k->role = db_col_int(st, 1) != 0 ? ROLE_RECOVERY : ROLE_HELPDESK;
		blob_move(&k->cert, &der);
		rc = 0;
	}
	return rc < 0 ? rc : 0;
}

int
registry_escrow_unlock(struct registry *r, const char *where, const struct secret *pass,
    struct registry_escrow_key **ret, struct err *err)
{
	CLEAN(registry_escrow_lockp) struct registry_escrow_key *k = calloc(1, sizeof(*k));
	int rc;

	if (k == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = load_key(where, pass, &k->key, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_USAGE, "%s does not exist", where)
					: err_wrap(err, "escrow key");
	if ((rc = match(r, k, err)) != 0 ||
	    (k->cert.len == 0 && (rc = match_older(r, k, err)) != 0))
		return rc;
	if (k->cert.len == 0)
		return err_set(err, ERR_FIT,
		    "%s is not the key of any recipient of the escrow; see: ykenroll escrow "
		    "recipients",
		    where);
	*ret = TAKE(k);
	return 0;
}

void
registry_escrow_lockp(struct registry_escrow_key **key)
{
	if (*key == NULL)
		return;
	key_freep(&(*key)->key);
	blob_wipe(&(*key)->cert);
	free(*key);
	*key = NULL;
}

/* ---- the secret ---- */

struct row {
	int64_t id;
	unsigned version;
	struct blob sealed;
};

static void
row_wipe(struct row *row)
{
	blob_wipe(&row->sealed);
}

static int
find(struct registry *r, const struct registry_escrow_open *what, struct row *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	const char *kind = registry_secret_kind_name(what->kind);
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT id, version, recovery FROM secrets WHERE token = ?1 AND kind = ?2"
		 " AND (?3 = 0 OR version = ?3) ORDER BY state = 'current' DESC, version DESC"
		 " LIMIT 1",
		 DB_ARGS(DB_I(what->token), DB_T(kind), DB_I(what->version)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_ABSENT, "the escrow has no %s of token %u", kind,
		    (unsigned)what->token);
	ret->id = db_col_int(st, 0);
	ret->version = (unsigned)db_col_int(st, 1);
	return db_col_blob(st, 2, &ret->sealed, err);
}

/* In one transaction: it is known that it is to be replaced from before it is known to anybody. */
static int
leave_row(struct registry *r, const struct registry_escrow_open *what, struct row *row,
    const struct registry_escrow_key *key, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char hex[REGISTRY_HEX_LEN];
	int rc;

	registry_sha256_hex(key->cert.data, key->cert.len, hex);
	if ((rc = db_begin(r->db, &tx, err)) != 0 || (rc = find(r, what, row, err)) != 0 ||
	    (rc = registry_sealed_check(r, what->token, what->kind, &row->sealed, err)) != 0 ||
	    (rc = db_run(r->db, "UPDATE secrets SET opened = ? WHERE id = ?",
		 DB_ARGS(DB_I(utc_now()), DB_I(row->id)), err)) != 0 ||
	    (rc = audit_add(r->db, r->actor, "escrow-open", what->token, err,
		 "%s %u with the %s key sha256 %s: %s", registry_secret_kind_name(what->kind),
		 row->version, registry_role_name(key->role), hex, what->why)) != 0)
		return rc;
	return db_commit(&tx, err);
}

int
registry_escrow_open(struct registry *r, const struct registry_escrow_key *key,
    const struct registry_escrow_open *what, struct secret *ret, uint8_t *ret_alg, struct err *err)
{
	struct escrow_label label = {.serial = what->token, .kind = what->kind};
	CLEAN(row_wipe) struct row row = {0};
	int rc;

	if ((rc = registry_text_check(what->why, REGISTRY_TEXT_MAX, "the reason", err)) != 0)
		return rc;
	if (what->why[0] == '\0')
		return err_set(
		    err, ERR_USAGE, "a secret is opened only for a reason: give --reason TEXT");
	/* what was not sealed anew yet opens with it for rekey only */
	if (!key->current)
		return err_set(err, ERR_FIT,
		    "this key may no longer open secrets; see: ykenroll escrow recipients");
	if ((rc = leave_row(r, what, &row, key, err)) != 0)
		return rc;
	label.version = row.version;
	if ((rc = escrow_open(key->key, &key->cert, &row.sealed, &label, ret, err)) != 0)
		return err_wrap(err, "%s %u of token %u", registry_secret_kind_name(what->kind),
		    row.version, (unsigned)what->token);
	if (ret_alg != NULL)
		*ret_alg = label.alg;
	return 0;
}

bool
registry_secret_spent(struct registry *r, uint32_t token, enum registry_secret_kind kind)
{
	int64_t one;

	return db_int(r->db,
		   "SELECT 1 FROM secrets WHERE token = ? AND kind = ? AND state = 'current'"
		   " AND opened IS NOT NULL",
		   DB_ARGS(DB_I(token), DB_T(registry_secret_kind_name(kind))), &one, NULL) == 1;
}
