/* SPDX-License-Identifier: BSD-2-Clause */
/* request: what was asked for a certificate that is here, by the table of x509_request.h. */
#include <stdio.h>
#include <string.h>

#include "registry/room.h"

#define SQL_MAX 2048

static bool
in_work(const struct request_field *f)
{
	return f->kept && f->place == REQUEST_WORKS;
}

static void
columns(char *sql, size_t size)
{
	const struct request_field *f;
	size_t n, i, at = strlen(sql);

	f = request_fields(&n);
	for (i = 0; i < n; i++)
		if (in_work(&f[i]) && at < size)
			at += (size_t)snprintf(sql + at, size - at, ", w.%s", f[i].column);
}

static int
read_field(struct db_stmt *st, int col, const struct request_field *f, struct request *ret,
    struct err *err)
{
	struct request_value v = {.number = db_col_int(st, col)};
	char text[REQUEST_TEXT_MAX] = "";
	int rc;

	if (!request_is_number(f) && (rc = db_col_text(st, col, text, sizeof(text), err)) != 0)
		return rc;
	v.data = text;
	v.len = strlen(text);
	return request_put(ret, f, &v, err);
}

int
registry_request(struct registry *r, uint32_t serial, struct request *ret, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *st = NULL;
	char sql[SQL_MAX] = "SELECT " REGISTRY_HOLDER_COLS;
	const struct request_field *f;
	int col = REGISTRY_HOLDER_N, rc;
	size_t n, i;

	columns(sql, sizeof(sql));
	strncat(sql,
	    " FROM certificates AS c JOIN works AS w ON w.id = c.work"
	    " JOIN holders AS h ON h.id = w.holder"
	    " WHERE c.token = ? AND w.outcome = 'finished' ORDER BY c.id DESC LIMIT 1",
	    sizeof(sql) - strlen(sql) - 1);
	if ((rc = db_query(r->db, sql, DB_ARGS(DB_I(serial)), &st, err)) != 0 ||
	    (rc = db_step(st, err)) < 0)
		return rc;
	if (rc == 0)
		return err_set(
		    err, ERR_ABSENT, "token %u never had a certificate", (unsigned)serial);
	f = request_fields(&n);
	if ((rc = registry_holder_read(st, 0, &ret->holder, err)) != 0)
		return rc;
	for (i = 0; i < n; i++)
		if (in_work(&f[i]) && (rc = read_field(st, col++, &f[i], ret, err)) != 0)
			return rc;
	return 0;
}
