/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rows of the issuance log mean: a table of words, for writing and reading alike. */
#include <string.h>

#include "signer/log.h"

const char *const log_ca_names[LOG_CAS] = {[LOG_ISSUING] = "issuing", [LOG_ROOT] = "root"};

enum col {
	COL_N,
	COL_AT,
	COL_PEER,
	COL_WHAT,
	COL_CA,
	COL_SERIAL,
	COL_NUMBER,
	COL_NOT_AFTER,
	COL_REVOKED,
	COL_TEXT,
	COL_DIGEST,
	COL_DATA,
	COL_AUDIT_ROWS,
	COL_AUDIT_HEAD,
};

#define COLUMNS                                                                           \
	"n, at, peer, what, ca, serial, number, not_after, revoked, text, digest, data, " \
	"audit_rows, audit_head"

const struct chain log_rows = {
    .table = "rows",
    .cols = COLUMNS,
    .insert = "INSERT INTO rows (" COLUMNS ", prev, hash)"
	      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .kinds = "iiittbiiitbbib",
    .label = "ykenroll-issuance-1",
    .row = "issuance row",
    .advice = "the issuance log was edited or damaged; restore ca/issuance.db from a backup made "
	      "after the last certificate was issued",
};

#define CERTS                                                   \
	"TABLE certs ("                                         \
	" serial BLOB PRIMARY KEY CHECK (length(serial) = 20)," \
	" ca INTEGER NOT NULL DEFAULT 0,"                       \
	" state INTEGER NOT NULL,"                              \
	" reason INTEGER NOT NULL DEFAULT 0,"                   \
	" released INTEGER NOT NULL DEFAULT 0,"                 \
	" revoked_at INTEGER NOT NULL DEFAULT 0,"               \
	" not_after INTEGER NOT NULL DEFAULT 0,"                \
	" intent INTEGER NOT NULL DEFAULT 0,"                   \
	" row INTEGER NOT NULL"                                 \
	") STRICT, WITHOUT ROWID;"

const char log_entry_tables[] = "CREATE " CERTS "CREATE TABLE sums ("
				" one INTEGER PRIMARY KEY CHECK (one = 1),"
				" certs INTEGER NOT NULL,"
				" stale INTEGER NOT NULL,"
				" audit_rows INTEGER NOT NULL,"
				" audit_head BLOB NOT NULL,"
				" issuing_number INTEGER NOT NULL,"
				" issuing_signed INTEGER NOT NULL,"
				" issuing_sha256 BLOB NOT NULL,"
				" root_number INTEGER NOT NULL,"
				" root_signed INTEGER NOT NULL,"
				" root_sha256 BLOB NOT NULL"
				") STRICT;";

const char log_entry_indexes[] =
    "CREATE INDEX certs_revoked ON certs (ca, serial, reason, revoked_at, not_after)"
    " WHERE revoked_at <> 0;"
    "CREATE INDEX certs_open ON certs (serial) WHERE state = 0;";

const char log_entry_shadow[] = "CREATE TEMP " CERTS;

int
log_serial(const uint8_t *serial, size_t len, uint8_t ret[static LOG_SERIAL_LEN])
{
	if (len == 0)
		return -1;
	for (; len > LOG_SERIAL_LEN && *serial == 0; len--)
		serial++;
	if (len > LOG_SERIAL_LEN)
		return -1;
	memset(ret, 0, LOG_SERIAL_LEN - len);
	memcpy(ret + LOG_SERIAL_LEN - len, serial, len);
	return 0;
}

/* ---- rows ---- */

int
log_entry_ca(const char *name)
{
	int i;

	for (i = 0; name != NULL && i < LOG_CAS; i++)
		if (strcmp(name, log_ca_names[i]) == 0)
			return i;
	return -1;
}

static const uint8_t *
hash_column(struct db_stmt *st, int col)
{
	size_t len;
	const uint8_t *data = db_col_data(st, col, &len);

	return len == LOG_HASH_LEN ? data : NULL;
}

int
log_entry_read(struct db_stmt *st, struct log_row *ret, struct err *err)
{
	const uint8_t *head = hash_column(st, COL_AUDIT_HEAD);
	struct log_row row = {
	    .n = db_col_int(st, COL_N),
	    .at = db_col_int(st, COL_AT),
	    .peer = db_col_int(st, COL_PEER),
	    .what = db_col_str(st, COL_WHAT),
	    .ca = log_entry_ca(db_col_str(st, COL_CA)),
	    .number = db_col_int(st, COL_NUMBER),
	    .not_after = db_col_int(st, COL_NOT_AFTER),
	    .revoked = db_col_int(st, COL_REVOKED),
	    .text = db_col_str(st, COL_TEXT),
	    .digest = hash_column(st, COL_DIGEST),
	    .audit = {.rows = (uint64_t)db_col_int(st, COL_AUDIT_ROWS)},
	};

	row.serial = db_col_data(st, COL_SERIAL, &row.serial_len);
	row.data = db_col_data(st, COL_DATA, &row.data_len);
	if (row.what == NULL || (row.audit.rows > 0) != (head != NULL) ||
	    row.audit.rows > INT64_MAX)
		return err_set(err, ERR_CA, "%s %lld is malformed: %s", log_rows.row,
		    (long long)row.n, log_rows.advice);
	if (head != NULL)
		memcpy(row.audit.head, head, sizeof(row.audit.head));
	*ret = row;
	return 0;
}

/* ---- what they do ---- */

static int
not_a_move(struct err *err)
{
	return err_set(err, ERR_CA, "the issuance log does not allow this entry");
}

static int
crl_intended(struct log *log, const struct log_row *row)
{
	struct log_crl *crl = &log->sums.crls[row->ca];

	if ((uint64_t)row->number <= crl->number)
		return -1;
	crl->number = (uint64_t)row->number;
	return 0;
}

static int
crl_signed(struct log *log, const struct log_row *row)
{
	struct log_crl *crl = &log->sums.crls[row->ca];

	if ((uint64_t)row->number != crl->number || (uint64_t)row->number <= crl->signed_number)
		return -1;
	crl->signed_number = (uint64_t)row->number;
	memcpy(crl->sha256, row->digest, sizeof(crl->sha256));
	log->sums.stale = log->sums.stale && row->ca != LOG_ISSUING;
	return 0;
}

/* What a row must have. */
#define HAS_CA 1u
#define HAS_SERIAL 2u
#define HAS_NUMBER 4u
#define HAS_REASON 8u
#define HAS_DIGEST 16u
#define HAS_DATA 32u

/*
 * sql changes exactly one certificate, or the row is refused: ?1 serial, ?2 ca, ?3 not_after,
 * ?4 number of the row, ?5 its time, ?6 reason, ?7 when another CA revoked it. A second reason does
 * not change since when: RFC 5280, 5.3.1 is about the certificate.
 */
static const struct move {
	const char *what;
	unsigned has;
	size_t args; /* of sql */
	const char *sql;
	int (*crl)(struct log *log, const struct log_row *row); /* 0, or -1 */
	int open, certs;					/* how these sums change */
	bool stale;
} moves[] = {
    {"intent", HAS_CA | HAS_SERIAL, 4,
	"INSERT OR IGNORE INTO certs (serial, ca, not_after, intent, row, state)"
	" VALUES (?1, ?2, ?3, ?4, ?4, 0)",
	NULL, 1, 1, false},
    {"signed", HAS_SERIAL | HAS_DATA, 4,
	"UPDATE certs SET state = 1, row = ?4 WHERE serial = ?1 AND state = 0", NULL, -1, 0, false},
    {"abandoned", HAS_SERIAL, 5,
	"UPDATE certs SET state = 2, revoked_at = ?5 WHERE serial = ?1 AND state = 0", NULL, -1, 0,
	true},
    {"forbidden", HAS_SERIAL, 4,
	"INSERT OR IGNORE INTO certs (serial, row, state) VALUES (?1, ?4, 3)", NULL, 0, 1, false},
    {"revoked", HAS_SERIAL | HAS_REASON, 6,
	"UPDATE certs SET revoked_at = iif(revoked_at = 0, ?5, revoked_at), reason = ?6,"
	" released = 0 WHERE serial = ?1 AND state = 1",
	NULL, 0, 0, true},
    {"released", HAS_SERIAL, 1,
	"UPDATE certs SET revoked_at = 0, reason = 0, released = 1"
	" WHERE serial = ?1 AND state = 1 AND revoked_at <> 0 AND reason = 6",
	NULL, 0, 0, true},
    {"crl-intent", HAS_CA | HAS_NUMBER, 0, NULL, crl_intended, 0, 0, false},
    {"crl-signed", HAS_CA | HAS_NUMBER | HAS_DIGEST, 0, NULL, crl_signed, 0, 0, false},
    /* as another CA's records say: issued there, perhaps revoked there */
    {"import", HAS_CA | HAS_SERIAL | HAS_REASON, 7,
	"INSERT OR IGNORE INTO certs (serial, ca, not_after, row, state, reason, revoked_at)"
	" VALUES (?1, ?2, ?3, ?4, 1, ?6, ?7)",
	NULL, 0, 1, false},
    /* such a certificate itself, which came to light later */
    {"import-cert", HAS_SERIAL | HAS_DATA, 4,
	"UPDATE certs SET not_after = ?3, row = ?4 WHERE serial = ?1 AND state = 1 AND intent = 0",
	NULL, 0, 0, false},
    /* the certificates of a CA that was made elsewhere; its serial there is none of ours */
    {"import-ca", HAS_CA | HAS_DATA, 0, NULL, NULL, 0, 0, false},
    /* the number that another CA's CRLs have come to: ours rise from there */
    {"import-crl", HAS_CA | HAS_NUMBER, 0, NULL, crl_intended, 0, 0, false},
    /* a line that a crash had cut off, of so many bytes; only in what was converted */
    {"torn", HAS_NUMBER, 0, NULL, NULL, 0, 0, false},
    /* the rows before were the lines of a former release's log; its last line's hash */
    {"converted", HAS_NUMBER | HAS_DIGEST, 0, NULL, NULL, 0, 0, false},
};

static bool
complete(const struct log_row *row, unsigned has)
{
	return ((has & HAS_CA) == 0 || row->ca >= 0) &&
	       ((has & HAS_NUMBER) == 0 || row->number > 0) &&
	       ((has & HAS_REASON) == 0 || (row->number >= 0 && row->number <= LOG_REASON_MAX)) &&
	       ((has & HAS_DIGEST) == 0 || row->digest != NULL) &&
	       ((has & HAS_DATA) == 0 || row->data != NULL);
}

static int
move_cert(struct log *log, const struct log_row *row, const struct move *m, struct err *err)
{
	uint8_t serial[LOG_SERIAL_LEN];
	int rc;

	if (row->serial == NULL || log_serial(row->serial, row->serial_len, serial) != 0)
		return not_a_move(err);
	const struct db_arg args[] = {DB_B(serial, sizeof(serial)), DB_I(row->ca),
	    DB_I(row->not_after), DB_I(row->n), DB_I(row->at), DB_I(row->number),
	    DB_I(row->revoked)};
	if ((rc = db_run(log->db, m->sql, args, m->args, err)) != 0)
		return rc;
	return db_changes(log->db) == 1 ? 0 : not_a_move(err);
}

static const struct move *
find(const char *what)
{
	size_t i;

	for (i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		if (strcmp(moves[i].what, what) == 0)
			return &moves[i];
	return NULL;
}

int
log_entry_apply(struct log *log, const struct log_row *row, struct err *err)
{
	const struct move *m = find(row->what);
	int rc;

	if (m == NULL || !complete(row, m->has) || (m->crl != NULL && m->crl(log, row) != 0))
		return not_a_move(err);
	if (m->sql != NULL && (rc = move_cert(log, row, m, err)) != 0)
		return rc;
	log->sums.open += m->open;
	log->sums.certs += m->certs;
	log->sums.stale = log->sums.stale || m->stale || row->revoked != 0;
	if (row->audit.rows > 0 && row->audit.rows >= log->sums.audit.rows)
		log->sums.audit = row->audit;
	if (row->at > log->sums.last_time)
		log->sums.last_time = row->at;
	return 0;
}

/* ---- the sums ---- */

static int
read_crl(struct db_stmt *st, int col, struct log_crl *ret, struct err *err)
{
	ret->number = (uint64_t)db_col_int(st, col);
	ret->signed_number = (uint64_t)db_col_int(st, col + 1);
	return db_col_bytes(st, col + 2, ret->sha256, sizeof(ret->sha256), err);
}

int
log_entry_load(struct log *log, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	struct log_sums s = {0};
	int rc;

	if ((rc = chain_head(log->db, &log_rows, &s.at, err)) != 0 ||
	    (rc = db_query(log->db,
		 "SELECT (SELECT at FROM rows ORDER BY n DESC LIMIT 1),"
		 " (SELECT count(*) FROM certs WHERE state = 0), certs, stale, audit_rows,"
		 " audit_head, issuing_number, issuing_signed, issuing_sha256, root_number,"
		 " root_signed, root_sha256 FROM sums",
		 DB_NO_ARGS, &st, err)) != 0 ||
	    (rc = db_step(st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(err, ERR_CA, "the issuance log has no sums: %s", log_rows.advice);
	s.last_time = db_col_int(st, 0);
	s.open = db_col_int(st, 1);
	s.certs = db_col_int(st, 2);
	s.stale = db_col_int(st, 3) != 0;
	s.audit.rows = (uint64_t)db_col_int(st, 4);
	if ((rc = db_col_bytes(st, 5, s.audit.head, sizeof(s.audit.head), err)) != 0 ||
	    (rc = read_crl(st, 6, &s.crls[LOG_ISSUING], err)) != 0 ||
	    (rc = read_crl(st, 9, &s.crls[LOG_ROOT], err)) != 0)
		return rc;
	log->sums = s;
	return 0;
}

int
log_entry_save(struct log *log, struct err *err)
{
	const struct log_sums *s = &log->sums;
	const struct log_crl *issuing = &s->crls[LOG_ISSUING], *root = &s->crls[LOG_ROOT];

	return db_run(log->db,
	    "INSERT OR REPLACE INTO sums VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    DB_ARGS(DB_I(s->certs), DB_I(s->stale), DB_I(s->audit.rows),
		DB_B(s->audit.head, sizeof(s->audit.head)), DB_I(issuing->number),
		DB_I(issuing->signed_number), DB_B(issuing->sha256, sizeof(issuing->sha256)),
		DB_I(root->number), DB_I(root->signed_number),
		DB_B(root->sha256, sizeof(root->sha256))),
	    err);
}
