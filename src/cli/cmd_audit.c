/* SPDX-License-Identifier: BSD-2-Clause */
/* audit: who did what, and whether it was changed since. */
#include <jansson.h>

#include "cli/cli.h"

static char *reason;
static struct workflow_audit_rows rows;
static int csv;

static const struct poptOption table_export[] = {
    OPT_FLAG("csv", 0, &csv, "comma-separated values, instead of JSON lines"),
    OPT_TEXT("device", 'd', &opt.device, "of this token alone", "SERIAL"),
    OPT_TEXT(
	"holder", 0, &rows.holder, "of tokens while this holder had them, or that name him", "WHO"),
    OPT_TEXT("ticket", 0, &rows.ticket, "of works by this ticket, or that name it", "TEXT"),
    OPT_TEXT("since", 0, &rows.since, "since then: 2026-11-30, or 30d ago", "TIME"),
    OPT_END,
};

static const struct poptOption table_rollback[] = {
    OPT_TEXT("reason", 0, &reason, "why an older registry is accepted", "TEXT"),
    OPT_TABLE(opt_ca),
    OPT_END,
};

/* ---- verify ---- */

static int
verified(const struct workflow_audit *a, struct err *err)
{
	if (opt.json)
		return render_json(
		    json_pack("{s:I, s:s, s:I, s:I, s:I, s:b}", "rows", (json_int_t)a->rows, "head",
			render_hex(a->head, sizeof(a->head)), "signed_rows",
			(json_int_t)a->signed_rows, "crl_number", (json_int_t)a->crl_number,
			"logged_rows", (json_int_t)a->logged_rows, "log_readable", a->log_readable),
		    err);
	printf("%lld rows verified, head %s\n", (long long)a->rows,
	    render_hex(a->head, sizeof(a->head)));
	if (a->signed_rows > 0)
		printf("rows up to %llu are confirmed by CRL number %llu\n",
		    (unsigned long long)a->signed_rows, (unsigned long long)a->crl_number);
	else
		printf("no CRL in pub/ confirms it yet\n");
	if (a->logged_rows > 0)
		printf("the signer's log confirms the rows up to %llu\n",
		    (unsigned long long)a->logged_rows);
	else if (!a->log_readable)
		printf("this user cannot read the signer's log\n");
	return 0;
}

static int
run_verify(struct called *c, struct err *err)
{
	struct workflow_audit a;
	int rc;

	if ((rc = workflow_audit_verify(&c->desk, &a, err)) != 0)
		return rc;
	return verified(&a, err);
}

static const struct command audit_verify = {"audit verify",
    "verify every row, against the published CRL and the signer's log", NULL, 0, 0, opt_only_common,
    .run = run_verify};

/* ---- export ---- */

static int
export_json(void *ctx, const struct registry_audit_row *row)
{
	json_t *o;
	int r;

	(void)ctx;
	o = json_pack("{s:I, s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "row", (json_int_t)row->seq, "at",
	    render_time(row->at), "actor", row->actor, "action", row->action, "token",
	    (json_int_t)row->token, "detail", row->detail, "prev",
	    render_hex(row->prev, sizeof(row->prev)), "hash",
	    render_hex(row->hash, sizeof(row->hash)));
	r = o == NULL ? -1 : json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(o);
	return r == 0 && putchar('\n') != EOF ? 0 : ERR_INTERNAL;
}

static const char *const csv_head[] = {
    "row", "at", "actor", "action", "token", "detail", "prev", "hash"};
#define CSV_COLUMNS (sizeof(csv_head) / sizeof(csv_head[0]))

static int
export_csv(void *ctx, const struct registry_audit_row *row)
{
	char seq[24], token[16];
	const char *const cells[CSV_COLUMNS] = {seq, render_time(row->at), row->actor, row->action,
	    token, row->detail, render_hex(row->prev, sizeof(row->prev)),
	    render_hex(row->hash, sizeof(row->hash))};

	(void)ctx;
	snprintf(seq, sizeof(seq), "%lld", (long long)row->seq);
	snprintf(token, sizeof(token), "%u", (unsigned)row->token);
	csv_row(stdout, cells, CSV_COLUMNS);
	return 0;
}

static int
run_export(struct called *c, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if ((rc = opt_registry(&r, err)) != 0)
		return rc;
	if (csv)
		csv_row(stdout, csv_head, CSV_COLUMNS);
	rows.token = c->desk.choice.serial;
	rc = workflow_audit_rows(r, &rows, csv ? export_csv : export_json, NULL, err);
	return rc != 0 && err->code == 0 ? err_set(err, rc, "cannot write the rows") : rc;
}

static const struct command audit_export = {
    "audit export", "every row, as JSON lines or CSV", NULL, 0, 0, table_export, .run = run_export};

/* ---- accept-rollback ---- */

static int
run_accept(struct called *c, struct err *err)
{
	struct workflow_audit a;
	int rc;

	if (reason == NULL)
		return err_set(err, ERR_USAGE, "ykenroll audit accept-rollback --reason TEXT");
	if ((rc = workflow_accept_rollback(&c->desk, reason, &a, err)) != 0)
		return rc;
	return verified(&a, err);
}

static const struct command audit_accept = {"audit accept-rollback",
    "accept a registry that is older than what the CA knows", NULL, 0, 0, table_rollback,
    .run = run_accept};

static const struct command *const verbs[] = {&audit_verify, &audit_export, &audit_accept, NULL};

const struct command cmd_audit = {
    .name = "audit", .what = "verify or export the audit log: who did what", .verbs = verbs};
