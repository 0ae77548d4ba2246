/* SPDX-License-Identifier: BSD-2-Clause */
/* check and list: looking, without changing anything. */
#include <jansson.h>
#include <string.h>

#include "base/utc.h"
#include "cli/cli.h"

static const struct poptOption check_table[] = {
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_token, 0, "Which token:", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_common, 0, "Common options:", NULL},
    POPT_AUTOHELP POPT_TABLEEND,
};

static const struct poptOption list_table[] = {
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_common, 0, "Common options:", NULL},
    POPT_AUTOHELP POPT_TABLEEND,
};

/* ---- check ---- */

static json_t *
findings_json(const struct token_id *token, const struct workflow_finding *f, size_t n)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:b, s:s, s:s}", "ok", f[i].ok, "what",
						f[i].what, "text", f[i].text));
	return json_pack("{s:I, s:o}", "token", (json_int_t)token->serial, "findings", list);
}

static void
findings_text(const struct token_id *token, const struct workflow_finding *f, size_t n)
{
	size_t i;

	printf("token %u, firmware %u.%u.%u, in %s\n", token->serial, token->firmware[0],
	    token->firmware[1], token->firmware[2], render_escaped(token->reader));
	for (i = 0; i < n; i++)
		printf("%-8s %-24s %s\n", f[i].ok ? "ok" : "MISMATCH", f[i].what,
		    render_escaped(f[i].text));
}

int
cmd_check(int argc, const char **argv, struct err *err)
{
	struct workflow_finding findings[WORKFLOW_FINDINGS_MAX];
	struct token_id token = {0};
	struct workflow w;
	const char *args[1];
	size_t n;
	int rc;

	if ((rc = opt_parse(argc, argv, "check", "[OPTION...]", check_table, args, 0, &n, err)) !=
		0 ||
	    (rc = opt_workflow(&w, err)) != 0)
		return rc;
	n = 0;
	rc = workflow_check(&w, &token, findings, &n, err);
	if (n == 0)
		return rc;
	if (opt.json)
		return render_json(findings_json(&token, findings, n), rc == 0 ? err : NULL) != 0 &&
			       rc == 0
			   ? ERR_INTERNAL
			   : rc;
	findings_text(&token, findings, n);
	return rc;
}

/* ---- list ---- */

static int
row_json(void *ctx, const struct registry_row *row)
{
	char serial[2 * REGISTRY_SERIAL_LEN + 1], end[UTC_TEXT_LEN], firmware[16];

	snprintf(firmware, sizeof(firmware), "%u.%u.%u", row->token.firmware[0],
	    row->token.firmware[1], row->token.firmware[2]);
	render_serial(row->cert_serial, sizeof(row->cert_serial), serial);
	utc_text(row->not_after, end);
	return json_array_append_new(
	    ctx, json_pack("{s:I, s:s, s:s, s:s, s:s, s:b, s:s*, s:s*, s:s*}", "token",
		     (json_int_t)row->token.serial, "firmware", firmware, "state",
		     registry_token_state_name(row->token.state), "name", row->holder.name, "id",
		     row->holder.key, "unfinished", row->work_open, "certificate",
		     row->has_cert ? serial : NULL, "certificate_state",
		     row->has_cert ? registry_cert_state_name(row->cert_state) : NULL, "not_after",
		     row->has_cert ? end : NULL));
}

static int
row_text(void *ctx, const struct registry_row *row)
{
	char end[UTC_TEXT_LEN] = "-";

	(void)ctx;
	if (row->has_cert)
		utc_text(row->not_after, end);
	printf("%-10u %u.%u.%-3u %-13s %-10.10s %-24s %s%s\n", row->token.serial,
	    row->token.firmware[0], row->token.firmware[1], row->token.firmware[2],
	    registry_token_state_name(row->token.state), end, render_escaped(row->holder.key),
	    render_escaped(row->holder.name), row->work_open ? "  (not finished: recover)" : "");
	return 0;
}

int
cmd_list(int argc, const char **argv, struct err *err)
{
	CLEAN(registry_closep) struct registry *registry = NULL;
	const char *args[1];
	json_t *rows;
	size_t n;
	int rc;

	if ((rc = opt_parse(argc, argv, "list", "[OPTION...]", list_table, args, 0, &n, err)) != 0)
		return rc;
	rc = registry_open(opt.home_path, opt_actor(), &registry, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_INTERNAL,
		    "there is no registry in %s; make one with: ykenroll init", opt.home_path);
	if (rc != 0)
		return rc;
	if (!opt.json) {
		printf("%-10s %-7s %-13s %-10s %-24s %s\n", "TOKEN", "FW", "STATE", "UNTIL", "ID",
		    "NAME");
		return registry_list(registry, 0, row_text, NULL, err);
	}
	rows = json_array();
	if ((rc = registry_list(registry, 0, row_json, rows, err)) != 0) {
		json_decref(rows);
		return rc;
	}
	return render_json(json_pack("{s:o}", "tokens", rows), err);
}
