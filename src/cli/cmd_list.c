/* SPDX-License-Identifier: BSD-2-Clause */
/* list: tokens with their holders and newest certificates. */
#include <jansson.h>

#include "cli/cli.h"

static struct workflow_list what;
static int csv;

static const struct poptOption table[] = {
    OPT_TEXT("expiring", 0, &what.expiring,
	"whose active certificate expires within this time: 30d, 12h, 8w", "TIME"),
    OPT_TEXT("holder", 0, &what.holder, "of this holder (e-mail, id or name)", "WHO"),
    OPT_TEXT("state", 0, &what.state, "in one of these states, such as active,lost", "STATE"),
    OPT_TEXT("firmware", 0, &what.firmware, "with this firmware, such as '<5.7'", "VERSION"),
    OPT_TEXT("advisory", 0, &what.advisory,
	"whose key is affected by ROCA, EUCLEAK, YSA-2019-02, or any", "NAME"),
    OPT_FLAG("csv", 0, &csv, "comma-separated values"),
    OPT_END,
};

/* "ROCA EUCLEAK" */
static void
advisories_text(unsigned bits, char *ret, size_t size)
{
	unsigned bit;
	size_t n = 0;

	ret[0] = '\0';
	for (bit = 1; bit != 0 && bit <= bits; bit <<= 1)
		if ((bits & bit) != 0 && n < size)
			n += (size_t)snprintf(ret + n, size - n, "%s%s", n == 0 ? "" : " ",
			    workflow_advisory_name((enum workflow_advisory)bit));
}

static int
row_json(void *ctx, const struct workflow_listed *one)
{
	const struct registry_row *row = &one->row;
	json_t *advisories = json_array();
	unsigned bit;

	for (bit = 1; bit != 0 && bit <= one->advisories; bit <<= 1)
		if ((one->advisories & bit) != 0)
			json_array_append_new(advisories,
			    json_string(workflow_advisory_name((enum workflow_advisory)bit)));
	return json_array_append_new(ctx,
	    json_pack("{s:I, s:s, s:s, s:s, s:s, s:b, s:s*, s:s*, s:s*, s:s*, s:o}", "token",
		(json_int_t)row->token.serial, "firmware", render_firmware(row->token.firmware),
		"state", registry_token_state_name(row->token.state), "name", row->holder.name,
		"id", row->holder.key, "unfinished", row->work_open, "certificate",
		row->has_cert ? render_hex(row->cert_serial, sizeof(row->cert_serial)) : NULL,
		"certificate_state",
		row->has_cert ? registry_cert_state_name(row->cert_state) : NULL, "not_after",
		row->has_cert ? render_time(row->not_after) : NULL, "algorithm",
		row->has_cert ? key_alg_name((enum key_alg)row->key_alg) : NULL, "advisories",
		advisories));
}

static const char *const csv_head[] = {"token", "firmware", "state", "unfinished", "name", "id",
    "email", "upn", "external", "directory", "certificate", "certificate_state", "not_after",
    "algorithm", "advisories"};
#define CSV_COLUMNS (sizeof(csv_head) / sizeof(csv_head[0]))

/* Once, before the first row, or in place of any: not before it is known that the words fit. */
static void
head(void)
{
	static bool done;

	if (!done && csv)
		csv_row(stdout, csv_head, CSV_COLUMNS);
	else if (!done)
		printf("%-10s %-7s %-13s %-10s %-24s %s\n", "TOKEN", "FW", "STATE", "UNTIL", "ID",
		    "NAME");
	done = true;
}

static int
row_text(void *ctx, const struct workflow_listed *one)
{
	const struct registry_row *row = &one->row;
	char advisories[64];

	(void)ctx;
	head();
	advisories_text(one->advisories, advisories, sizeof(advisories));
	printf("%-10u %-7s %-13s %-10.10s %-24s %s%s%s%s\n", row->token.serial,
	    render_firmware(row->token.firmware), registry_token_state_name(row->token.state),
	    row->has_cert ? render_time(row->not_after) : "-", render_escaped(row->holder.key),
	    render_escaped(row->holder.name), row->work_open ? "  (not finished: recover)" : "",
	    advisories[0] == '\0' ? "" : "  ", advisories);
	return 0;
}

static int
row_csv(void *ctx, const struct workflow_listed *one)
{
	const struct registry_row *row = &one->row;
	const struct holder *h = &row->holder;
	char token[16], advisories[64];
	const char *const cells[CSV_COLUMNS] = {token, render_firmware(row->token.firmware),
	    registry_token_state_name(row->token.state), row->work_open ? "yes" : "no", h->name,
	    h->key, h->email, h->upn, h->external, h->directory,
	    row->has_cert ? render_hex(row->cert_serial, sizeof(row->cert_serial)) : "",
	    row->has_cert ? registry_cert_state_name(row->cert_state) : "",
	    row->has_cert ? render_time(row->not_after) : "",
	    row->has_cert ? key_alg_name((enum key_alg)row->key_alg) : "", advisories};

	(void)ctx;
	head();
	snprintf(token, sizeof(token), "%u", (unsigned)row->token.serial);
	advisories_text(one->advisories, advisories, sizeof(advisories));
	csv_row(stdout, cells, CSV_COLUMNS);
	return 0;
}

static int
list_json(struct registry *r, struct err *err)
{
	json_t *rows = json_array();
	const int rc = workflow_list(r, &what, row_json, rows, err);

	if (rc == 0)
		return render_json(json_pack("{s:o}", "tokens", rows), err);
	json_decref(rows);
	return rc;
}

static int
run(struct called *c, struct err *err)
{
	CLEAN(registry_closep) struct registry *registry = NULL;
	int rc;

	(void)c;
	if (csv && opt.json)
		return err_set(err, ERR_USAGE, "use either --csv or --json");
	if ((rc = opt_registry(&registry, err)) != 0)
		return rc;
	if (opt.json)
		rc = list_json(registry, err);
	else if ((rc = workflow_list(registry, &what, csv ? row_csv : row_text, NULL, err)) == 0)
		head();
	fflush(stdout);
	report_ends();
	return rc;
}

const struct command cmd_list = {
    "list", "list tokens, holders and certificates", NULL, 0, 0, table, .run = run};
