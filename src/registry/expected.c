/* SPDX-License-Identifier: BSD-2-Clause */
/* expected: what should be on a token. */
#include <string.h>

#include "registry/room.h"
#include "ykenroll/registry_look.h"

#define CERT_SQL                                                                            \
	"SELECT c.state, ifnull(c.reason, 0), c.serial, c.sha256, c.spki_sha256,"           \
	" c.not_after, c.der, w.key_alg, w.pin_policy, w.touch_policy, w.outcome"           \
	" FROM certificates AS c JOIN works AS w ON w.id = c.work WHERE c.token = ?"        \
	" AND c.der IS NOT NULL ORDER BY c.state = 'active' DESC, c.state = 'issued' DESC," \
	" c.id DESC LIMIT 1"

static int
read_cert(struct db_stmt *st, struct registry_expected *e, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	uint8_t hash[REGISTRY_SHA256_LEN];
	char outcome[16];
	int rc;

	e->has_cert = true;
	e->cert_reason = (int)db_col_int(st, 1);
	e->not_after = db_col_int(st, 5);
	e->key_alg = (uint8_t)db_col_int(st, 7);
	e->pin_policy = (uint8_t)db_col_int(st, 8);
	e->touch_policy = (uint8_t)db_col_int(st, 9);
	if ((rc = registry_cert_state_read(st, 0, &e->cert_state, err)) != 0 ||
	    (rc = db_col_bytes(st, 2, e->cert_serial, sizeof(e->cert_serial), err)) != 0 ||
	    (rc = db_col_bytes(st, 3, e->cert_sha256, sizeof(e->cert_sha256), err)) != 0 ||
	    (rc = db_col_bytes(st, 4, e->spki_sha256, sizeof(e->spki_sha256), err)) != 0 ||
	    (rc = db_col_blob(st, 6, &der, err)) != 0 ||
	    (rc = db_col_text(st, 10, outcome, sizeof(outcome), err)) != 0)
		return rc;
	e->finished = strcmp(outcome, "finished") == 0;
	registry_sha256(der.data, der.len, hash);
	e->cert_damaged = memcmp(hash, e->cert_sha256, sizeof(hash)) != 0;
	return 0;
}

static int
find_cert(struct registry *r, uint32_t token, struct registry_expected *e, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int64_t n = 0;
	int rc;

	if ((rc = db_int(r->db,
		 "SELECT count(*) FROM certificates WHERE token = ? AND state = 'active'",
		 DB_ARGS(DB_I(token)), &n, err)) < 0)
		return rc;
	e->cert_active = (unsigned)n;
	if ((rc = db_next(r->db, CERT_SQL, DB_ARGS(DB_I(token)), &st, err)) < 0)
		return rc;
	return rc == 0 ? 0 : read_cert(st, e, err);
}

static int
find_secret(struct registry *r, uint32_t token, enum registry_secret_kind kind,
    struct registry_expected_secret *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	CLEAN(blob_wipe) struct blob sealed = {0};
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT recovery, alg, opened IS NOT NULL FROM secrets WHERE token = ?"
		 " AND kind = ? AND state = 'current'",
		 DB_ARGS(DB_I(token), DB_T(registry_secret_kind_name(kind))), &st, err)) != 1)
		return rc;
	ret->there = true;
	ret->alg = (uint8_t)db_col_int(st, 1);
	ret->spent = db_col_int(st, 2) != 0;
	ret->damaged = db_col_blob(st, 0, &sealed, NULL) != 0 ||
		       registry_sealed_check(r, token, kind, &sealed, NULL) != 0;
	return 0;
}

int
registry_expected(
    struct registry *r, uint32_t token, struct registry_expected *ret, struct err *err)
{
	struct registry_expected e = {0};
	enum registry_secret_kind kind;
	int rc;

	if ((rc = find_cert(r, token, &e, err)) != 0)
		return rc;
	for (kind = 0; kind < SECRET_KINDS; kind++)
		if ((rc = find_secret(r, token, kind, &e.secrets[kind], err)) != 0)
			return rc;
	*ret = e;
	return 0;
}

int
registry_guid_known(struct registry *r, uint32_t token,
    const uint8_t guid[static REGISTRY_GUID_LEN], struct err *err)
{
	int64_t known = 0;
	const int rc = db_int(r->db,
	    "SELECT EXISTS (SELECT 1 FROM works WHERE token = ?1 AND guid = ?2) OR NOT EXISTS"
	    " (SELECT 1 FROM works AS w JOIN steps AS s ON s.work = w.id WHERE w.token = ?1"
	    " AND s.step = 'identity')",
	    DB_ARGS(DB_I(token), DB_B(guid, REGISTRY_GUID_LEN)), &known, err);

	return rc < 0 ? rc : known != 0;
}
