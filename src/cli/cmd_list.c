/* SPDX-License-Identifier: BSD-2-Clause */
/* list: tokens with their holders and newest certificates; certificates of keys in no token. */
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"

static struct workflow_list what;
static int csv;

static int all;

static const struct poptOption table[] = {
    OPT_FLAG(
	"all", 'a', &all, "also certificates of servers and programs, whose keys are in no token"),
    OPT_TEXT("expiring", 0, &what.expiring,
	"whose active certificate expires within this time: 30d, 12h, 8w; those of servers too",
	"TIME"),
    OPT_TEXT(
	"holder", 0, &what.holder, "of this holder (e-mail, id, name, or a part of them)", "WHO"),
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

/* ---- as text: columns as wide as what is in them ---- */

struct widths {
	int id;
	size_t n, n_software;
};

static int
columns(const char *text)
{
	return (int)text_chars(render_escaped(text));
}

/* printf counts bytes: so many more where characters have several. */
static int
padded(const char *text, int width)
{
	return width + (int)strlen(text) - (int)text_chars(text);
}

static int
measure(void *ctx, const struct workflow_listed *one)
{
	struct widths *w = ctx;
	const int id = columns(one->row.holder.key);

	w->id = id > w->id ? id : w->id;
	w->n++;
	return 0;
}

/* What is revoked, or on hold, has no date in the future to wait for. */
static bool
counts(const struct registry_row *row)
{
	return row->has_cert && row->token.state != TOKEN_SUSPENDED &&
	       row->cert_state != CERT_REVOKED && row->cert_state != CERT_DROPPED;
}

static int
row_text(void *ctx, const struct workflow_listed *one)
{
	const struct registry_row *row = &one->row;
	const char *id = render_escaped(row->holder.key);
	const struct widths *w = ctx;
	char advisories[64];

	advisories_text(one->advisories, advisories, sizeof(advisories));
	printf("%-10u %-7s %-13s %-10.10s %-*s %s%s%s%s\n", row->token.serial,
	    render_firmware(row->token.firmware), registry_token_state_name(row->token.state),
	    counts(row) ? render_when(row->not_after) : "-", padded(id, w->id), id,
	    render_escaped(row->holder.name), row->work_open ? "  (not finished: recover)" : "",
	    advisories[0] == '\0' ? "" : "  ", advisories);
	return 0;
}

static int
software_text(void *ctx, const struct registry_software *one, const struct blob *cert)
{
	struct widths *w = ctx;

	(void)cert;
	if (w->n_software++ == 0)
		printf("\n%-32s %-10s %-10s %-12s %s\n", "CERTIFICATE", "STATE", "UNTIL", "PROFILE",
		    "SUBJECT");
	printf("%-32s %-10s %-10.10s %-12s %s%s%s\n", render_hex(one->serial, sizeof(one->serial)),
	    workflow_software_state(one), one->revoked != 0 ? "-" : render_when(one->not_after),
	    render_escaped(one->profile), render_escaped(one->subject),
	    one->path[0] == '\0' ? "" : "  ", render_escaped(one->path));
	return 0;
}

static int
list_text(struct registry *r, struct err *err)
{
	struct widths w = {.id = 24};
	int rc;

	if ((rc = workflow_list(r, &what, measure, &w, err)) != 0)
		return rc;
	printf("%-10s %-7s %-13s %-10s %-*s %s\n", "TOKEN", "FW", "STATE", "UNTIL", w.id, "ID",
	    "NAME");
	if ((rc = workflow_list(r, &what, row_text, &w, err)) != 0)
		return rc;
	return workflow_list_software(r, &what, software_text, &w, err);
}

/* ---- as CSV ---- */

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
	snprintf(token, sizeof(token), "%u", (unsigned)row->token.serial);
	advisories_text(one->advisories, advisories, sizeof(advisories));
	csv_row(stdout, cells, CSV_COLUMNS);
	return 0;
}

/* In the columns of a token what both have; the subject where the name stands. */
static int
software_csv(void *ctx, const struct registry_software *one, const struct blob *cert)
{
	const char *const cells[CSV_COLUMNS] = {"", "", "", "no", one->subject, "", "", "", "", "",
	    render_hex(one->serial, sizeof(one->serial)), workflow_software_state(one),
	    render_time(one->not_after), "", ""};

	(void)ctx;
	(void)cert;
	csv_row(stdout, cells, CSV_COLUMNS);
	return 0;
}

static int
nothing(void *ctx, const struct workflow_listed *one)
{
	(void)ctx;
	(void)one;
	return 0;
}

static int
list_csv(struct registry *r, struct err *err)
{
	int rc;

	/* no head before it is known that the words fit */
	if ((rc = workflow_list(r, &what, nothing, NULL, err)) != 0)
		return rc;
	csv_row(stdout, csv_head, CSV_COLUMNS);
	if ((rc = workflow_list(r, &what, row_csv, NULL, err)) != 0)
		return rc;
	return workflow_list_software(r, &what, software_csv, NULL, err);
}

static int
software_json(void *ctx, const struct registry_software *one, const struct blob *cert)
{
	(void)cert;
	return json_array_append_new(ctx, render_software(one));
}

static int
list_json(struct registry *r, struct err *err)
{
	json_t *rows = json_array(), *software = json_array();
	int rc = workflow_list(r, &what, row_json, rows, err);

	if (rc == 0)
		rc = workflow_list_software(r, &what, software_json, software, err);
	if (rc == 0)
		return render_json(
		    json_pack("{s:o, s:o}", "tokens", rows, "software", software), err);
	json_decref(rows);
	json_decref(software);
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
	what.all = all != 0;
	if ((rc = opt_registry(&registry, err)) != 0)
		return rc;
	rc = (opt.json ? list_json : csv ? list_csv : list_text)(registry, err);
	fflush(stdout);
	report_ends();
	return rc;
}

const struct command cmd_list = {
    "list", "list tokens, holders and certificates", NULL, 0, 0, table, .run = run};
