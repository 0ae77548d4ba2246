/* SPDX-License-Identifier: BSD-2-Clause */
/* list: tokens with their holders and newest certificates. */
#include <jansson.h>
#include <string.h>

#include "base/utc.h"
#include "cli/cli.h"
#include "ykenroll/workflow_look.h"

static struct workflow_list what;
static int csv;

static const struct poptOption table[] = {
    {"expiring", 0, POPT_ARG_STRING, &what.expiring, 0,
	"whose active certificate ends within 30d, 12h, 8w", "TIME"},
    {"holder", 0, POPT_ARG_STRING, &what.holder, 0, "of this holder (e-mail, id or name)", "WHO"},
    {"state", 0, POPT_ARG_STRING, &what.state, 0, "in one of these states, such as active,lost",
	"STATE"},
    {"firmware", 0, POPT_ARG_STRING, &what.firmware, 0, "of this firmware, such as '<5.7'",
	"VERSION"},
    {"advisory", 0, POPT_ARG_STRING, &what.advisory, 0,
	"whose key is concerned by ROCA, EUCLEAK, YSA-2019-02, or any", "NAME"},
    {"csv", 0, POPT_ARG_NONE, &csv, 0, "comma-separated values", NULL},
    OPT_END,
};

static void
firmware_text(const struct registry_row *row, char ret[static 16])
{
	snprintf(ret, 16, "%u.%u.%u", row->token.firmware[0], row->token.firmware[1],
	    row->token.firmware[2]);
}

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
	char serial[2 * REGISTRY_SERIAL_LEN + 1], end[UTC_TEXT_LEN], firmware[16];
	json_t *advisories = json_array();
	unsigned bit;

	for (bit = 1; bit != 0 && bit <= one->advisories; bit <<= 1)
		if ((one->advisories & bit) != 0)
			json_array_append_new(advisories,
			    json_string(workflow_advisory_name((enum workflow_advisory)bit)));
	firmware_text(row, firmware);
	render_serial(row->cert_serial, sizeof(row->cert_serial), serial);
	utc_text(row->not_after, end);
	return json_array_append_new(
	    ctx, json_pack("{s:I, s:s, s:s, s:s, s:s, s:b, s:s*, s:s*, s:s*, s:s*, s:o}", "token",
		     (json_int_t)row->token.serial, "firmware", firmware, "state",
		     registry_token_state_name(row->token.state), "name", row->holder.name, "id",
		     row->holder.key, "unfinished", row->work_open, "certificate",
		     row->has_cert ? serial : NULL, "certificate_state",
		     row->has_cert ? registry_cert_state_name(row->cert_state) : NULL, "not_after",
		     row->has_cert ? end : NULL, "algorithm",
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
	char end[UTC_TEXT_LEN] = "-", advisories[64];

	(void)ctx;
	head();
	if (row->has_cert)
		utc_text(row->not_after, end);
	advisories_text(one->advisories, advisories, sizeof(advisories));
	printf("%-10u %u.%u.%-3u %-13s %-10.10s %-24s %s%s%s%s\n", row->token.serial,
	    row->token.firmware[0], row->token.firmware[1], row->token.firmware[2],
	    registry_token_state_name(row->token.state), end, render_escaped(row->holder.key),
	    render_escaped(row->holder.name), row->work_open ? "  (not finished: recover)" : "",
	    advisories[0] == '\0' ? "" : "  ", advisories);
	return 0;
}

static int
row_csv(void *ctx, const struct workflow_listed *one)
{
	const struct registry_row *row = &one->row;
	const struct holder *h = &row->holder;
	char token[16], serial[2 * REGISTRY_SERIAL_LEN + 1] = "", end[UTC_TEXT_LEN] = "";
	char firmware[16], advisories[64];
	const char *const cells[CSV_COLUMNS] = {token, firmware,
	    registry_token_state_name(row->token.state), row->work_open ? "yes" : "no", h->name,
	    h->key, h->email, h->upn, h->external, h->directory, serial,
	    row->has_cert ? registry_cert_state_name(row->cert_state) : "", end,
	    row->has_cert ? key_alg_name((enum key_alg)row->key_alg) : "", advisories};

	(void)ctx;
	head();
	snprintf(token, sizeof(token), "%u", (unsigned)row->token.serial);
	firmware_text(row, firmware);
	advisories_text(one->advisories, advisories, sizeof(advisories));
	if (row->has_cert) {
		render_serial(row->cert_serial, sizeof(row->cert_serial), serial);
		utc_text(row->not_after, end);
	}
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
		return err_set(err, ERR_USAGE, "give --csv or --json, not both");
	if ((rc = opt_registry(&registry, err)) != 0)
		return rc;
	if (opt.json)
		return list_json(registry, err);
	if ((rc = workflow_list(registry, &what, csv ? row_csv : row_text, NULL, err)) == 0)
		head();
	return rc;
}

const struct command cmd_list = {
    "list", "tokens, holders, certificates", NULL, 0, 0, table, .run = run};
