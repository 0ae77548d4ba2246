/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor: what stands in the way, and the command that mends it. */
#include <jansson.h>

#include "cli/cli.h"

static const char *const levels[] = {
    [LEVEL_OK] = "ok", [LEVEL_NOTE] = "note", [LEVEL_WARN] = "warn", [LEVEL_BAD] = "bad"};

static json_t *
as_json(const struct workflow_finding *f, size_t n, bool well)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(
		    list, json_pack("{s:s, s:s*, s:s, s:s, s:s*}", "level", levels[f[i].level],
			      "id", f[i].id[0] == '\0' ? NULL : f[i].id, "what", f[i].what, "text",
			      f[i].text, "fix", f[i].fix[0] == '\0' ? NULL : f[i].fix));
	return json_pack("{s:b, s:o}", "well", well, "findings", list);
}

static void
as_text(const struct workflow_finding *f, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		printf("%-5s %-13s %s\n", levels[f[i].level], f[i].what, render_escaped(f[i].text));
		if (f[i].fix[0] != '\0')
			printf("%19s fix: %s\n", "", render_escaped(f[i].fix));
	}
}

static int
run(struct called *c, struct err *err)
{
	struct workflow_finding found[WORKFLOW_FINDINGS_MAX];
	size_t n = 0;
	int rc;

	rc = workflow_doctor(&c->desk, found, &n, err);
	if (!opt.json)
		as_text(found, n);
	else if (n > 0 && render_json(as_json(found, n, rc == 0), rc == 0 ? err : NULL) != 0)
		return rc == 0 ? ERR_INTERNAL : rc;
	return rc;
}

const struct command cmd_doctor = {"doctor", "look for problems, and say how to fix them", NULL, 0,
    0, opt_only_common, .run = run};
