/* SPDX-License-Identifier: BSD-2-Clause */
/* recipients: to whom secrets are sealed. Whoever could put another certificate in place of theirs
 * would be given every secret from then on: each set is in the chain. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "registry/room.h"

static const char *const role_names[ROLES] = {
    [ROLE_RECOVERY] = "recovery",
    [ROLE_HELPDESK] = "helpdesk",
};

const char *
registry_role_name(enum registry_role role)
{
	return (unsigned)role < ROLES ? role_names[role] : "unknown";
}

void
registry_recipients_wipe(struct registry_recipients *set)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		blob_wipe(&set->list[i].der);
	set->n = 0;
}

void
recipients_text(const struct registry_recipients *set, char ret[static RECIPIENTS_TEXT_MAX])
{
	char hex[REGISTRY_HEX_LEN];
	size_t i, n;

	n = (size_t)snprintf(
	    ret, RECIPIENTS_TEXT_MAX, "generation %lld", (long long)set->generation);
	for (i = 0; i < set->n; i++) {
		text_hex(set->list[i].sha256, sizeof(set->list[i].sha256), hex);
		n += (size_t)snprintf(ret + n, RECIPIENTS_TEXT_MAX - n, "; %s sha256 %s",
		    registry_role_name(set->list[i].role), hex);
	}
}

/* ---- reading ---- */

static int
read_one(struct db_stmt *st, struct registry_recipient *one, struct err *err)
{
	const int role =
	    registry_word(st, 0, role_names, ROLES, "a recipient has an unknown role", err);
	uint8_t hash[REGISTRY_SHA256_LEN];
	int rc;

	if (role < 0)
		return role;
	one->role = (enum registry_role)role;
	if ((rc = db_col_text(st, 1, one->name, sizeof(one->name), err)) != 0 ||
	    (rc = db_col_bytes(st, 2, one->sha256, sizeof(one->sha256), err)) != 0 ||
	    (rc = db_col_blob(st, 3, &one->der, err)) != 0)
		return rc;
	registry_sha256(one->der.data, one->der.len, hash);
	return memcmp(hash, one->sha256, sizeof(hash)) == 0
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "the certificate of the escrow recipient %s was replaced; restore the "
			 "registry from a backup",
			 one->name);
}

static int
read_all(struct registry *r, struct registry_recipients *set, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	while ((rc = db_next(r->db,
		    "SELECT role, name, sha256, der FROM recipients WHERE generation = ?"
		    " ORDER BY role DESC, sha256",
		    DB_ARGS(DB_I(set->generation)), &st, err)) == 1) {
		if (set->n == REGISTRY_RECIPIENTS_MAX)
			return err_set(err, ERR_INTERNAL, "registry: too many recipients");
		if ((rc = read_one(st, &set->list[set->n++], err)) != 0)
			return rc;
	}
	return rc;
}

/* ---- recovery.crt, which people and other programs read ---- */

static int
other_cert(const char *path, struct err *err)
{
	return err_set(err, ERR_USAGE,
	    "%s is not the certificate that this registry was created with; restore that one",
	    path);
}

static int
read_recovery(struct registry *r, char path[static PATH_MAX], struct blob *ret, struct err *err)
{
	int rc;

	if ((rc = file_join(path, PATH_MAX, r->home, ESCROW_RECOVERY_CERT, err)) != 0)
		return rc;
	rc = escrow_cert_file(path, ret, err);
	return rc == ERR_ABSENT
		   ? err_set(err, ERR_USAGE, "%s is missing; restore it from a backup", path)
		   : rc;
}

/* Returns 1 where the first row of the audit names this certificate, 0. */
static int
is_first(struct registry *r, const uint8_t hash[static REGISTRY_SHA256_LEN], struct err *err)
{
	char hex[REGISTRY_HEX_LEN], detail[AUDIT_DETAIL_MAX], wanted[AUDIT_DETAIL_MAX];
	const int rc = audit_first(r->db, detail, sizeof(detail), err);

	if (rc != 0)
		return rc;
	text_hex(hash, REGISTRY_SHA256_LEN, hex);
	snprintf(wanted, sizeof(wanted), AUDIT_CERT, ESCROW_RECOVERY_CERT, hex);
	return strcmp(detail, wanted) == 0;
}

/* Generation 0: the file is the only copy. */
static int
load_first(struct registry *r, struct registry_recipients *set, struct err *err)
{
	struct registry_recipient *one = &set->list[0];
	char path[PATH_MAX];
	int rc;

	if ((rc = read_recovery(r, path, &one->der, err)) != 0)
		return rc;
	set->n = 1;
	one->role = ROLE_RECOVERY;
	registry_sha256(one->der.data, one->der.len, one->sha256);
	rc = is_first(r, one->sha256, err);
	return rc < 0 ? rc : rc == 1 ? 0 : other_cert(path, err);
}

/* Was it a recovery certificate before the last change? Then the change was interrupted. */
static int
was_recovery(struct registry *r, const uint8_t hash[static REGISTRY_SHA256_LEN], struct err *err)
{
	int64_t one;
	int rc;

	if ((rc = db_int(r->db,
		 "SELECT 1 FROM recipients WHERE sha256 = ? AND role = 'recovery' LIMIT 1",
		 DB_ARGS(DB_B(hash, REGISTRY_SHA256_LEN)), &one, err)) != 0)
		return rc;
	return is_first(r, hash, err);
}

static int
check_file(struct registry *r, const struct registry_recipients *set, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	uint8_t hash[REGISTRY_SHA256_LEN];
	char path[PATH_MAX];
	size_t i;
	int rc;

	if ((rc = read_recovery(r, path, &der, err)) != 0)
		return rc;
	registry_sha256(der.data, der.len, hash);
	for (i = 0; i < set->n; i++)
		if (set->list[i].role == ROLE_RECOVERY &&
		    memcmp(set->list[i].sha256, hash, sizeof(hash)) == 0)
			return 0;
	if ((rc = was_recovery(r, hash, err)) < 0)
		return rc;
	/* sorted: the first one is a recovery certificate */
	return rc == 1 ? escrow_cert_write(path, &set->list[0].der, err) : other_cert(path, err);
}

/* ---- all of it ---- */

static int
check_chain(struct registry *r, const struct registry_recipients *set, struct err *err)
{
	char known[AUDIT_DETAIL_MAX], text[RECIPIENTS_TEXT_MAX];
	size_t n;
	const int rc = audit_newest(r->db, "recipients", known, sizeof(known), err);

	if (rc < 0)
		return rc;
	recipients_text(set, text);
	/* "SET: REASON"; generation 0 has no row of its own */
	n = strlen(text);
	if (rc == 0 ? set->generation == 0 : strncmp(known, text, n) == 0 && known[n] == ':')
		return 0;
	return err_set(err, ERR_USAGE,
	    "the escrow's recipients are not those recorded in the audit chain: the registry was "
	    "edited; restore it from a backup");
}

int
recipients_load(struct registry *r, struct registry_recipients *ret, struct err *err)
{
	CLEAN(registry_recipients_wipe) struct registry_recipients set = {0};
	int rc;

	if ((rc = db_int(r->db, "SELECT ifnull(max(generation), 0) FROM recipients", DB_NO_ARGS,
		 &set.generation, err)) < 0)
		return rc;
	if (set.generation == 0 && (rc = load_first(r, &set, err)) != 0)
		return rc;
	if (set.generation > 0 && (rc = read_all(r, &set, err)) != 0)
		return rc;
	if ((rc = check_chain(r, &set, err)) != 0 ||
	    (set.generation > 0 && (rc = check_file(r, &set, err)) != 0))
		return rc;
	registry_recipients_wipe(ret);
	*ret = set;
	set.n = 0;
	return 0;
}

int
registry_recipients(struct registry *r, struct registry_recipients *ret, struct err *err)
{
	CLEAN(registry_recipients_wipe) struct registry_recipients set = {0};
	int rc;

	if ((rc = recipients_load(r, &set, err)) != 0 ||
	    /* parsed only here: every command opens the registry */
	    (set.generation == 0 && (rc = escrow_cert_check(&set.list[0].der, set.list[0].name,
					 sizeof(set.list[0].name), err)) != 0) ||
	    (rc = db_int(r->db, "SELECT count(*) FROM secrets WHERE recipients < ?",
		 DB_ARGS(DB_I(set.generation)), &set.stale, err)) < 0)
		return rc;
	*ret = set;
	set.n = 0;
	return 0;
}
