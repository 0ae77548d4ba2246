/* SPDX-License-Identifier: BSD-2-Clause */
/* receipt: what a certificate was issued for, and the key that signs such statements. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "registry/room.h"

int
registry_cert_evidence(struct registry *r, int64_t work, const struct blob *csr,
    const struct blob *attestation, const struct blob *f9, struct err *err)
{
	CLEAN(db_rollbackp) struct db_tx tx = {0};
	char hex[2][REGISTRY_HEX_LEN];
	uint32_t token;
	int rc;

	if (csr->len == 0)
		return 0;
	registry_sha256_hex(csr->data, csr->len, hex[0]);
	registry_sha256_hex(attestation->data, attestation->len, hex[1]);
	if ((rc = db_begin(r->db, &tx, err)) != 0 ||
	    (rc = registry_work_token(r, work, &token, err)) != 0 ||
	    (rc = db_run(r->db,
		 "UPDATE certificates SET csr = ?1, attestation = ?2, f9 = ?3 WHERE work = ?4"
		 " AND state = 'prepared' AND csr IS NOT ?1",
		 DB_ARGS(DB_B(csr->data, csr->len), DB_B(attestation->data, attestation->len),
		     DB_B(f9->data, f9->len), DB_I(work)),
		 err)) != 0)
		return rc;
	if (db_changes(r->db) == 0)
		return 0;
	if ((rc = audit_add(r->db, r->actor, "evidence", token, err,
		 "work %lld: request sha256 %s, attestation sha256 %s", (long long)work, hex[0],
		 hex[1])) != 0)
		return rc;
	return db_commit(&tx, err);
}

/* ---- what is known ---- */

static int
blob_or_none(struct db_stmt *st, int col, struct blob *ret, struct err *err)
{
	return db_col_null(st, col) ? 0 : db_col_blob(st, col, ret, err);
}

/* The row that ended the work: who, when, and its place in the chain. */
static int
read_end(
    struct registry *r, uint32_t token, int64_t work, struct registry_receipt *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	char start[48], detail[AUDIT_DETAIL_MAX];
	int rc;

	snprintf(start, sizeof(start), "work %lld: ", (long long)work);
	if ((rc = db_next(r->db,
		 "SELECT seq, at, actor, detail, hash FROM audit WHERE token = ?1"
		 " AND action = 'finish' AND substr(detail, 1, length(?2)) = ?2"
		 " ORDER BY seq DESC LIMIT 1",
		 DB_ARGS(DB_I(token), DB_T(start)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_INTERNAL, "no audit row records the end of work %lld",
		    (long long)work);
	ret->audit.rows = (uint64_t)db_col_int(st, 0);
	ret->at = db_col_int(st, 1);
	if ((rc = db_col_text(st, 2, ret->operator_, sizeof(ret->operator_), err)) != 0 ||
	    (rc = db_col_text(st, 3, detail, sizeof(detail), err)) != 0 ||
	    (rc = db_col_bytes(st, 4, ret->audit.head, sizeof(ret->audit.head), err)) != 0)
		return rc;
	snprintf(ret->proof, sizeof(ret->proof), "%.*s", (int)sizeof(ret->proof) - 1,
	    detail + strlen(start));
	return 0;
}

int
registry_receipt(struct registry *r, uint32_t token, struct registry_receipt *ret, struct err *err)
{
	CLEAN(registry_receipt_wipe) struct registry_receipt got = {0};
	CLEAN(db_donep) struct db_stmt *st = NULL;
	int rc;

	if ((rc = db_next(r->db,
		 "SELECT " REGISTRY_TOKEN_COLS ", " REGISTRY_HOLDER_COLS
		 ", c.der, c.csr, c.attestation, c.f9, c.work FROM certificates AS c"
		 " JOIN tokens AS t ON t.serial = c.token JOIN works AS w ON w.id = c.work"
		 " JOIN holders AS h ON h.id = w.holder"
		 " WHERE c.token = ? AND c.state = 'active'",
		 DB_ARGS(DB_I(token)), &st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(
		    err, ERR_ABSENT, "token %u has no active certificate", (unsigned)token);
	if ((rc = registry_token_read(st, 0, &got.token, err)) != 0 ||
	    (rc = registry_holder_read(st, 5, &got.holder, err)) != 0 ||
	    (rc = db_col_blob(st, 5 + REGISTRY_HOLDER_N, &got.cert, err)) != 0 ||
	    (rc = blob_or_none(st, 6 + REGISTRY_HOLDER_N, &got.csr, err)) != 0 ||
	    (rc = blob_or_none(st, 7 + REGISTRY_HOLDER_N, &got.attestation, err)) != 0 ||
	    (rc = blob_or_none(st, 8 + REGISTRY_HOLDER_N, &got.f9, err)) != 0 ||
	    (rc = read_end(r, token, db_col_int(st, 9 + REGISTRY_HOLDER_N), &got, err)) != 0)
		return rc;
	*ret = got;
	memset(&got, 0, sizeof(got));
	return 0;
}

void
registry_receipt_wipe(struct registry_receipt *receipt)
{
	blob_wipe(&receipt->cert);
	blob_wipe(&receipt->csr);
	blob_wipe(&receipt->attestation);
	blob_wipe(&receipt->f9);
}

/* ---- the key ---- */

/* A kill between the files and the row leaves files that are in no row: they are taken. One that
 * follows another's row is not. */
static int
receipt_cert(struct registry *r, struct blob *ret, struct err *err)
{
	char path[PATH_MAX], key[PATH_MAX], hex[REGISTRY_HEX_LEN];
	char known[AUDIT_DETAIL_MAX], wanted[AUDIT_DETAIL_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), r->home, ESCROW_RECEIPT_CERT, err)) != 0 ||
	    (rc = file_join(key, sizeof(key), r->home, ESCROW_RECEIPT_KEY, err)) != 0)
		return rc;
	if ((rc = audit_newest(r->db, "receipt-key", known, sizeof(known), err)) < 0)
		return rc;
	if (rc == 0 && (access(path, F_OK) != 0 || access(key, F_OK) != 0) &&
	    (rc = escrow_make_receipt_key(r->home, err)) != 0)
		return rc;
	if ((rc = escrow_cert_file(path, ret, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_USAGE,
					      "%s is missing; restore it from a backup", path)
					: rc;
	registry_sha256_hex(ret->data, ret->len, hex);
	snprintf(wanted, sizeof(wanted), AUDIT_CERT, ESCROW_RECEIPT_CERT, hex);
	rc = audit_newest(r->db, "receipt-key", known, sizeof(known), err);
	if (rc == 0)
		return registry_audit(r, "receipt-key", 0, wanted, err);
	if (rc == 1 && strcmp(known, wanted) != 0)
		return err_set(err, ERR_USAGE,
		    "%s is not the certificate recorded in the audit chain; restore that one",
		    path);
	return rc < 0 ? rc : 0;
}

int
registry_receipt_sign(
    struct registry *r, const struct blob *text, struct blob *ret_cms, struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	int rc;

	if ((rc = receipt_cert(r, &cert, err)) != 0)
		return rc;
	return escrow_receipt_sign(r->home, &cert, text, ret_cms, err);
}
