/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "registry/room.h"

/*
 * Migration n brings user_version from n to n + 1. A released one is never edited.
 *
 * States are words, so that people can read the file. The partial unique indexes are the
 * promises that must hold whatever program writes: one open work per token, one active certificate
 * per slot, one live certificate per key, one pending and one current secret of a kind.
 */
static const char *const migrations[] = {
    "CREATE TABLE holders ("
    " id INTEGER PRIMARY KEY,"
    " key TEXT NOT NULL COLLATE NOCASE UNIQUE CHECK (key <> ''),"
    " name TEXT NOT NULL,"
    " email TEXT NOT NULL,"
    " upn TEXT NOT NULL,"
    " made INTEGER NOT NULL,"
    " changed INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE tokens ("
    " serial INTEGER PRIMARY KEY CHECK (serial BETWEEN 1 AND 4294967295),"
    " firmware BLOB NOT NULL CHECK (length(firmware) = 3),"
    " state TEXT NOT NULL CHECK (state IN ('new', 'personalised', 'issued', 'active',"
    "  'suspended', 'lost', 'damaged', 'retired')),"
    " holder INTEGER REFERENCES holders (id),"
    " changed INTEGER NOT NULL,"
    " CHECK (holder IS NOT NULL OR state NOT IN ('personalised', 'issued', 'active'))"
    ") STRICT;"
    "CREATE INDEX tokens_holder ON tokens (holder);"

    "CREATE TABLE works ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " plan TEXT NOT NULL CHECK (plan <> ''),"
    " token INTEGER NOT NULL REFERENCES tokens (serial),"
    " holder INTEGER NOT NULL REFERENCES holders (id),"
    " profile TEXT NOT NULL,"
    " guid BLOB NOT NULL CHECK (length(guid) = 16),"
    " key_alg INTEGER NOT NULL CHECK (key_alg BETWEEN 0 AND 255),"
    " pin_policy INTEGER NOT NULL CHECK (pin_policy BETWEEN 0 AND 255),"
    " touch_policy INTEGER NOT NULL CHECK (touch_policy BETWEEN 0 AND 255),"
    " days INTEGER NOT NULL CHECK (days BETWEEN 0 AND 4294967295),"
    " started INTEGER NOT NULL,"
    " closed INTEGER,"
    " outcome TEXT CHECK (outcome IN ('finished', 'given-up')),"
    " note TEXT,"
    " CHECK ((closed IS NULL) = (outcome IS NULL))"
    ") STRICT;"
    "CREATE UNIQUE INDEX works_open ON works (token) WHERE closed IS NULL;"

    "CREATE TABLE steps ("
    " work INTEGER NOT NULL REFERENCES works (id),"
    " step TEXT NOT NULL CHECK (step <> ''),"
    " at INTEGER NOT NULL,"
    " detail TEXT NOT NULL,"
    " PRIMARY KEY (work, step)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE certificates ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " serial BLOB NOT NULL UNIQUE CHECK (length(serial) = 16),"
    " token INTEGER NOT NULL REFERENCES tokens (serial),"
    " slot INTEGER NOT NULL DEFAULT 154 CHECK (slot BETWEEN 1 AND 255)," /* 9A */
    " work INTEGER NOT NULL REFERENCES works (id),"
    " state TEXT NOT NULL CHECK (state IN ('prepared', 'issued', 'active', 'superseded',"
    "  'revoked', 'dropped')),"
    " der BLOB,"
    " sha256 BLOB CHECK (length(sha256) = 32),"
    " spki_sha256 BLOB NOT NULL CHECK (length(spki_sha256) = 32),"
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " changed INTEGER NOT NULL,"
    " revoked INTEGER,"
    " reason INTEGER CHECK (reason BETWEEN 0 AND 10 AND reason <> 7)," /* RFC 5280, 5.3.1 */
    " CHECK (not_before < not_after),"
    " CHECK ((der IS NULL) = (sha256 IS NULL)),"
    " CHECK (der IS NOT NULL OR state NOT IN ('issued', 'active', 'superseded')),"
    " CHECK ((state = 'revoked') = (revoked IS NOT NULL)),"
    " CHECK ((revoked IS NULL) = (reason IS NULL))"
    ") STRICT;"
    "CREATE INDEX certificates_token ON certificates (token);"
    "CREATE UNIQUE INDEX certificates_active ON certificates (token, slot)"
    " WHERE state = 'active';"
    "CREATE UNIQUE INDEX certificates_work ON certificates (work)"
    " WHERE state IN ('prepared', 'issued', 'active');"
    "CREATE UNIQUE INDEX certificates_key_active ON certificates (spki_sha256)"
    " WHERE state = 'active';"
    /* the successor of an active certificate may have the same key */
    "CREATE UNIQUE INDEX certificates_key_next ON certificates (spki_sha256)"
    " WHERE state IN ('prepared', 'issued');"

    "CREATE TABLE secrets ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " token INTEGER NOT NULL REFERENCES tokens (serial),"
    " kind TEXT NOT NULL CHECK (kind IN ('management-key', 'puk')),"
    " version INTEGER NOT NULL CHECK (version > 0),"
    " alg INTEGER NOT NULL CHECK (alg BETWEEN 0 AND 255),"
    " state TEXT NOT NULL CHECK (state IN ('pending', 'current', 'old')),"
    " recovery BLOB NOT NULL CHECK (length(recovery) > 0),"
    " flight BLOB,"
    " sha256 BLOB NOT NULL CHECK (length(sha256) = 32)," /* of recovery */
    " work INTEGER NOT NULL REFERENCES works (id),"
    " changed INTEGER NOT NULL,"
    " UNIQUE (token, kind, version),"
    " CHECK ((state = 'pending') = (flight IS NOT NULL))"
    ") STRICT;"
    "CREATE UNIQUE INDEX secrets_pending ON secrets (token, kind) WHERE state = 'pending';"
    "CREATE UNIQUE INDEX secrets_current ON secrets (token, kind) WHERE state = 'current';"
    "CREATE INDEX secrets_work ON secrets (work);"

    "CREATE TABLE audit ("
    " seq INTEGER PRIMARY KEY CHECK (seq > 0),"
    " at INTEGER NOT NULL,"
    " actor TEXT NOT NULL,"
    " action TEXT NOT NULL,"
    " token INTEGER NOT NULL," /* 0: none */
    " detail TEXT NOT NULL,"
    " prev BLOB NOT NULL UNIQUE CHECK (length(prev) = 32)," /* unique: no forks */
    " hash BLOB NOT NULL CHECK (length(hash) = 32)"
    ") STRICT;"
    "CREATE INDEX audit_token ON audit (token);",

    /* 2: who holders are elsewhere; what a certificate was issued for; recipients of the escrow */
    "ALTER TABLE holders ADD COLUMN external TEXT NOT NULL DEFAULT '' COLLATE NOCASE;"
    "ALTER TABLE holders ADD COLUMN directory TEXT NOT NULL DEFAULT '';"
    "CREATE UNIQUE INDEX holders_external ON holders (external) WHERE external <> '';"
    "ALTER TABLE certificates ADD COLUMN csr BLOB;"
    "ALTER TABLE certificates ADD COLUMN attestation BLOB;"
    "ALTER TABLE certificates ADD COLUMN f9 BLOB;"
    /* generation 0 is recovery.crt as init made it, and has no rows here */
    "CREATE TABLE recipients ("
    " generation INTEGER NOT NULL CHECK (generation > 0),"
    " sha256 BLOB NOT NULL CHECK (length(sha256) = 32),"
    " role TEXT NOT NULL CHECK (role IN ('recovery', 'helpdesk')),"
    " name TEXT NOT NULL,"
    " der BLOB NOT NULL,"
    " PRIMARY KEY (generation, sha256)"
    ") STRICT, WITHOUT ROWID;"
    "ALTER TABLE secrets ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;"
    /* when a person or a plan was shown it: it is to be replaced */
    "ALTER TABLE secrets ADD COLUMN opened INTEGER;"
    "CREATE INDEX secrets_recipients ON secrets (recipients);",

    /* 3: work that is more than an enrolment */
    "ALTER TABLE works ADD COLUMN why TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE works ADD COLUMN ticket TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE works ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0"
    " CHECK (replaces BETWEEN 0 AND 4294967295);"
    "ALTER TABLE works ADD COLUMN hours INTEGER NOT NULL DEFAULT 0"
    " CHECK (hours BETWEEN 0 AND 4294967295);"
    "ALTER TABLE works ADD COLUMN flags INTEGER NOT NULL DEFAULT 0"
    " CHECK (flags BETWEEN 0 AND 4294967295);",

    /* 4: accounts of Windows; certificates of keys that are in no token */
    "ALTER TABLE holders ADD COLUMN sid TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE software ("
    " serial BLOB PRIMARY KEY CHECK (length(serial) = 16),"
    " profile TEXT NOT NULL CHECK (profile <> ''),"
    " subject TEXT NOT NULL,"
    " der BLOB NOT NULL CHECK (length(der) > 0),"
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " issued INTEGER NOT NULL,"
    " revoked INTEGER,"
    " reason INTEGER CHECK (reason BETWEEN 0 AND 10 AND reason <> 7),"
    " CHECK (not_before < not_after),"
    " CHECK ((revoked IS NULL) = (reason IS NULL))"
    ") STRICT, WITHOUT ROWID;",

    /* 5: the file that a certificate was written to, until it is renewed */
    ("ALTER TABLE software ADD COLUMN path TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE software ADD COLUMN chain INTEGER NOT NULL DEFAULT 0 CHECK (chain IN (0, 1));"),

    /* 6: first PINs that wait for their holders */
    "CREATE TABLE letters ("
    " token INTEGER PRIMARY KEY,"
    " sealed BLOB NOT NULL CHECK (length(sealed) > 0),"
    " made INTEGER NOT NULL"
    ") STRICT;",

    /* 7: the subject, and the days of a program's certificate, that were asked for */
    ("ALTER TABLE works ADD COLUMN subject TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE software ADD COLUMN days INTEGER NOT NULL DEFAULT 0"
     " CHECK (days BETWEEN 0 AND 4294967295);"),

    /* 8: names as they are searched for: fold.h */
    ("ALTER TABLE holders ADD COLUMN folded TEXT NOT NULL DEFAULT '';"
     "CREATE INDEX holders_folded ON holders (folded);"),

    /* 9: days that were not asked for, but are those of the former certificate */
    "ALTER TABLE works ADD COLUMN days_kept INTEGER NOT NULL DEFAULT 0"
    " CHECK (days_kept IN (0, 1));",
};

#define VERSION ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

static int
version(struct db *db, int64_t *ret, struct err *err)
{
	const int rc = db_int(db, "PRAGMA user_version", DB_NO_ARGS, ret, err);

	return rc < 0 ? rc : 0;
}

int
schema_check(struct db *db, struct err *err)
{
	int64_t id = 0, v = 0;
	int rc;

	if ((rc = db_int(db, "PRAGMA application_id", DB_NO_ARGS, &id, err)) < 0)
		return rc;
	if (id != SCHEMA_APPLICATION_ID)
		return err_set(err, ERR_USAGE, "registry.db is not a ykenroll registry");
	if ((rc = version(db, &v, err)) != 0)
		return rc;
	if (v > VERSION)
		return err_set(err, ERR_USAGE,
		    "registry.db was made by a newer ykenroll (schema %lld, this one knows %lld); "
		    "upgrade ykenroll",
		    (long long)v, (long long)VERSION);
	return 0;
}

int
schema_migrate(struct db *db, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char head[96];
	int64_t v = 0;
	int rc;

	if ((rc = version(db, &v, err)) != 0)
		return rc;
	if (v == VERSION)
		return 0;
	/* asked again inside: another process may have been quicker */
	if ((rc = db_begin(db, &tx, err)) != 0 || (rc = version(db, &v, err)) != 0)
		return rc;
	for (; v < VERSION; v++)
		if ((rc = db_script(db, migrations[v], err)) != 0)
			return rc;
	if ((rc = registry_fold_holders(db, err)) != 0)
		return rc;
	/* a PRAGMA takes no bound values; these are our own constants */
	snprintf(head, sizeof(head), "PRAGMA application_id = %d; PRAGMA user_version = %lld;",
	    SCHEMA_APPLICATION_ID, (long long)VERSION);
	if ((rc = db_script(db, head, err)) != 0)
		return rc;
	return db_commit(&tx, err);
}
