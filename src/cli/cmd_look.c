/* SPDX-License-Identifier: BSD-2-Clause */
/* check: a token against the registry, without changing anything. */
#include <jansson.h>

#include "cli/cli.h"

static json_t *
findings_json(const struct token_id *token, const struct workflow_finding *f, size_t n)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++) {
		const bool ok = f[i].level == LEVEL_OK;

		json_array_append_new(list, json_pack("{s:b, s:s*, s:s, s:s, s:s*}", "ok", ok,
						"mismatch", ok ? NULL : f[i].id, "what", f[i].what,
						"text", f[i].text, "repair", ok ? NULL : f[i].fix));
	}
	return json_pack("{s:I, s:o}", "token", (json_int_t)token->serial, "findings", list);
}

static void
findings_text(const struct token_id *token, const struct workflow_finding *f, size_t n)
{
	size_t i;

	printf("token %u, firmware %s, in %s\n", token->serial, render_firmware(token->firmware),
	    render_escaped(token->reader));
	for (i = 0; i < n; i++) {
		printf("%-8s %-24s %s\n", f[i].level == LEVEL_OK ? "ok" : "MISMATCH", f[i].what,
		    render_escaped(f[i].text));
		if (f[i].level != LEVEL_OK)
			printf("%-8s %-24s repair: %s\n", "", f[i].id, render_escaped(f[i].fix));
	}
}

static int
run(struct called *c, struct err *err)
{
	struct workflow_finding findings[WORKFLOW_FINDINGS_MAX];
	struct token_id token = {0};
	size_t n = 0;
	int rc;

	rc = workflow_check(&c->desk, &token, findings, &n, err);
	if (n == 0)
		return rc;
	if (!opt.json)
		findings_text(&token, findings, n);
	else if (render_json(findings_json(&token, findings, n), rc == 0 ? err : NULL) != 0)
		return rc == 0 ? ERR_INTERNAL : rc;
	return rc;
}

const struct command cmd_check = {"check", "compare a token with the registry; changes nothing",
    NULL, 0, 0, opt_only_token, .run = run};
